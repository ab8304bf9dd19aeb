//! Registering one image now: with the address of its master, or with the master itself.

use std::sync::Arc;

use dlcs_core::catalogue::{CatalogueError, Subject};
use dlcs_core::derivative::UploadId;
use dlcs_core::image::{ImageSource, RegistrationMode};
use dlcs_core::{Error, ImageId, ModelId, Registration};
use futures_util::StreamExt;
use http::StatusCode;
use serde_json::Value;
use tokio::sync::Mutex;

use super::input::EITHER;
use super::{Candidate, ImageInput, KNOWN, Place, refuse, resource};
use crate::body::parse_object;
use crate::context::Context;
use crate::error::{ApiError, Kind};
use crate::fields::{Fields, Problems};
use crate::form::Form;
use crate::idempotency::Named;
use crate::payload::{Content, Payload};
use crate::query::Query;
use crate::resource::{Object, Outcome};

/// Properties whose values are lists: in a query string, with commas between the items.
const LISTS: [&str; 4] = ["tags", "roles", "manifests", "deliveryChannels"];
/// Properties whose values are whole numbers.
const NUMBERS: [&str; 4] = ["number1", "number2", "number3", "maxUnauthorised"];
/// The largest `image` part of a form, in bytes.
const IMAGE_PART: usize = 1 << 20;

/// Where an image is to be registered, whether it may be there already, and the request that says so, where it has a name.
pub(super) struct Wanted<'a> {
    pub(super) place: Place,
    pub(super) mode: RegistrationMode,
    pub(super) named: Option<&'a Named<'a>>,
}

impl Wanted<'_> {
    /// Registers what a request sends, in whichever of the three ways.
    pub(super) async fn register(
        self,
        context: &Context,
        query: &Query,
        payload: Payload,
    ) -> Outcome {
        match payload.content()? {
            Content::Json => {
                let object = payload.object().await?;
                self.check(context, &object, false)
                    .await?
                    .run(context, None)
                    .await
            }
            Content::Master { media_type } => {
                let slug = payload.slug()?;
                let object = said_by_query(query, slug, media_type);
                // Before a byte is read: what is refused need not be sent.
                let named = self.named;
                let checked = self.check(context, &object, true).await;
                let upload = match (&checked, named) {
                    (Ok(_), _) => Some(context.dlcs.upload(payload.stream()?.boxed()).await?),
                    // It may be one that was answered otherwise: its bytes tell.
                    (Err(_), Some(_)) => {
                        payload.pass_over().await?;
                        None
                    }
                    (Err(_), None) => None,
                };
                settle(context, named, checked, upload).await
            }
            Content::Form { boundary } => {
                let (upload, object) = read_form(context, &boundary, payload).await?;
                let named = self.named;
                let checked = self.check(context, &object, true).await;
                settle(context, named, checked, Some(upload)).await
            }
        }
    }

    /// Reads what is said of the image, and refuses all that is wrong with it.
    async fn check(
        self,
        context: &Context,
        object: &Object,
        is_sent: bool,
    ) -> Result<Checked, ApiError> {
        let mut problems = Problems::default();
        let fields = Fields::new(object, "", KNOWN, &mut problems);
        let mut input = ImageInput::read(&fields, self.place, &mut problems);
        if is_sent {
            if input.has_source() {
                problems.add(fields.at("origin"), EITHER);
            }
            // Stands for the bytes until they are here.
            input.changes.source = Some(ImageSource::Upload(UploadId::assign()));
        }
        input.check_stored(context, &fields, &mut problems).await?;
        let candidate = Candidate::new(String::new(), input);
        if candidate.input.space.is_none() {
            return Err(problems.refuse());
        }
        if !problems.is_empty() {
            return Err(refuse(context, &[candidate], &mut problems).await);
        }
        let checked = Checked {
            candidate,
            mode: self.mode,
            problems,
        };
        if is_sent {
            checked.check_place(context).await?;
        }
        Ok(checked)
    }
}

/// What is to be registered, without a fault that can be seen.
struct Checked {
    candidate: Candidate,
    mode: RegistrationMode,
    problems: Problems,
}

impl Checked {
    /// Refuses what the queue would refuse once the bytes are here.
    async fn check_place(&self, context: &Context) -> Result<(), ApiError> {
        let input = &self.candidate.input;
        let Some(space) = input.space else {
            return Ok(());
        };
        context.dlcs.spaces_of(input.customer).get(space).await?;
        if let (RegistrationMode::CreateOnly, Some(model)) = (self.mode, &input.model) {
            let id = ImageId::new(input.customer, space, model.clone());
            if context.dlcs.catalogue().find_image(&id).await?.is_some() {
                return Err(CatalogueError::AlreadyExists {
                    subject: Subject::Image,
                    property: "id",
                }
                .into());
            }
        }
        Ok(())
    }

    async fn run(mut self, context: &Context, upload: Option<UploadId>) -> Outcome {
        let input = &mut self.candidate.input;
        let Some(space) = input.space else {
            return Err(self.problems.refuse());
        };
        if let Some(upload) = upload {
            input.changes.source = Some(ImageSource::Upload(upload));
        }
        let model = input.model.clone().unwrap_or_else(ModelId::assign);
        let mut registration = Registration::in_space(input.customer, space)
            .with_id(model)
            .with_changes(input.changes.clone())
            .with_mode(self.mode);
        if let Some(bytes) = input.bytes.take() {
            registration = registration.with_bytes(bytes);
        }
        match context.dlcs.register(registration).await {
            Ok(registered) if registered.created => {
                let link = context.image_link(&registered.image.id);
                Ok(context.created(&link, &resource(context, registered.image)))
            }
            Ok(registered) => {
                Ok(context.json(StatusCode::OK, &resource(context, registered.image)))
            }
            Err(Error::Invalid { .. }) => {
                if let Some(upload) = upload {
                    context.dlcs.discard_upload(upload).await;
                }
                Err(refuse(context, &[self.candidate], &mut self.problems).await)
            }
            Err(error) => Err(self.problems.explain(error.into())),
        }
    }
}

/// Registers an image whose bytes are here, unless it is refused, or was registered when the same request came before.
async fn settle(
    context: &Context,
    named: Option<&Named<'_>>,
    checked: Result<Checked, ApiError>,
    mut upload: Option<UploadId>,
) -> Outcome {
    let run = || {
        let upload = upload.take_if(|_| checked.is_ok());
        async move { checked?.run(context, upload).await }
    };
    let outcome = match named {
        Some(named) => named.once(run).await,
        None => run().await,
    };
    if let Some(unused) = upload {
        context.dlcs.discard_upload(unused).await;
    }
    outcome
}

/// What a query string says of an image whose bytes are the body.
fn said_by_query(query: &Query, slug: Option<String>, media_type: Option<String>) -> Object {
    let mut object = Object::new();
    for (name, text) in query.pairs() {
        let is = |names: &[&str]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
        let value = if is(&LISTS) {
            let items = text
                .split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty());
            Value::Array(items.map(Value::from).collect())
        } else if is(&NUMBERS) {
            // What is no number is refused as a text.
            text.parse::<i64>()
                .map_or_else(|_| Value::from(text), Value::from)
        } else {
            Value::from(text)
        };
        object.insert(name.to_owned(), value);
    }
    let mut or_else = |name: &str, value: Option<String>| {
        let is_given = object.keys().any(|given| given.eq_ignore_ascii_case(name));
        if let Some(value) = value.filter(|_| !is_given) {
            object.insert(name.to_owned(), value.into());
        }
    };
    or_else("id", slug);
    or_else("mediaType", media_type);
    object
}

/// Reads a form: stores its `file` part, and returns what its `image` part says.
async fn read_form(
    context: &Context,
    boundary: &str,
    payload: Payload,
) -> Result<(UploadId, Object), ApiError> {
    let form = Form::new(boundary, payload.stream()?);
    let mut upload = None;
    match read_parts(context, form, &mut upload).await {
        Ok(object) => match upload {
            Some(upload) => Ok((upload, object)),
            None => Err(malformed(
                "the form has no part `file`: send the master in one",
            )),
        },
        Err(error) => {
            if let Some(upload) = upload {
                context.dlcs.discard_upload(upload).await;
            }
            Err(error)
        }
    }
}

async fn read_parts(
    context: &Context,
    form: Form,
    upload: &mut Option<UploadId>,
) -> Result<Object, ApiError> {
    let (mut object, mut media_type) = (None, None);
    // Shared with what stores a part, which wants its body for itself.
    let form = Arc::new(Mutex::new(form));
    loop {
        let Some(part) = form.lock().await.next_part().await? else {
            break;
        };
        match part.name.as_deref() {
            Some("file") if upload.is_some() => {
                return Err(malformed(
                    "the form has several parts `file`: send one image at a time",
                ));
            }
            Some("file") => {
                media_type = part.media_type.filter(|kind| kind.starts_with("image/"));
                let body = Form::rest_of_part(Arc::clone(&form));
                *upload = Some(context.dlcs.upload(body).await?);
            }
            Some("image") if object.is_none() => {
                object = Some(read_image_part(&mut *form.lock().await).await?);
            }
            name => {
                let name = dlcs_core::image::shorten(name.unwrap_or_default());
                return Err(malformed(&format!(
                    "the form has a part `{name}` too many: send one `file` and at most one `image`, which is JSON"
                )));
            }
        }
    }
    let mut object = object.unwrap_or_default();
    let says = |name: &str| object.keys().any(|given| given.eq_ignore_ascii_case(name));
    if let Some(media_type) = media_type.filter(|_| !says("mediaType")) {
        object.insert("mediaType".to_owned(), media_type.into());
    }
    Ok(object)
}

async fn read_image_part(form: &mut Form) -> Result<Object, ApiError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = form.chunk().await? {
        if bytes.len() + chunk.len() > IMAGE_PART {
            return Err(ApiError::new(
                Kind::BodyTooLarge,
                format!("the part `image` is larger than the limit of {IMAGE_PART} bytes"),
            ));
        }
        bytes.extend_from_slice(&chunk);
    }
    parse_object(&bytes)
}

fn malformed(detail: &str) -> ApiError {
    ApiError::new(Kind::MalformedBody, detail)
}
