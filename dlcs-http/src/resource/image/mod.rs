//! Images.

mod bulk;
mod channels;
mod class;
mod cursor;
mod input;
mod listing;
mod order;
mod preflight;
mod register;

use std::sync::Arc;

use dlcs_core::catalogue::{CatalogueError, Subject};
use dlcs_core::image::{
    DeliveryChannel, Image, ImageQuery, ImageSource, OriginUrl, RegistrationMode,
};
use dlcs_core::{CustomerId, Error, ImageId, SpaceId};
use http::StatusCode;
use serde::Serialize;

use self::register::Wanted;
use super::{Object, Outcome};
use crate::context::Context;
use crate::delivery::Links;
use crate::fields::{Fields, Problems};
use crate::hydra::{Header, no_content};
use crate::idempotency::Named;
use crate::payload::Payload;
use crate::query::Query;
use crate::route::ImageRoute;

pub(crate) use class::{DELETION, IMAGE, MANIFESTS};
pub(crate) use input::{ImageInput, KNOWN, Place, open_access};
pub(crate) use listing::list_matching;
#[cfg(test)]
pub(super) use order::ORDERS;
pub(crate) use preflight::{Candidate, find_problems, refuse};

/// What the origin of an image reads whose bytes were sent along.
pub(crate) const UPLOAD_SCHEME: &str = "dlcs-upload:";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ImageResource {
    #[serde(flatten)]
    header: Header,
    id: String,
    space: u32,
    created: String,
    origin: String,
    initial_origin: String,
    media_type: String,
    string1: String,
    string2: String,
    string3: String,
    number1: i64,
    number2: i64,
    number3: i64,
    tags: Vec<String>,
    roles: Vec<String>,
    manifests: Vec<String>,
    max_unauthorised: i64,
    delivery_channels: Vec<ChannelResource>,
    image_optimisation_policy: String,
    thumbnail_policy: String,
    width: u32,
    height: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    queued: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dequeued: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished: Option<String>,
    ingesting: bool,
    error: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    batch: Option<String>,
    #[serde(flatten)]
    links: Links,
    source_checksum: String,
    source_size: u64,
}

#[derive(Serialize)]
struct ChannelResource {
    channel: String,
    policy: String,
}

impl ChannelResource {
    fn of(context: &Context, customer: CustomerId, named: DeliveryChannel) -> Self {
        let policy = named.policy.unwrap_or_default();
        Self {
            policy: context.policy_reference(customer, &named.channel, &policy),
            channel: named.channel,
        }
    }
}

/// An image as it is sent.
pub(crate) fn resource(context: &Context, image: Image) -> ImageResource {
    let customer = image.id.customer();
    let (width, height) = (image.width(), image.height());
    let (finished, error) = (
        image.state.finished(),
        image.state.error().unwrap_or_default().to_owned(),
    );
    let ingesting = image.state.is_pending();
    let links = Links::of(context, &image);
    let source = image.fetched();
    let found_type = source.map(|source| source.media_type.clone());
    let (checksum, size) = source.map_or_else(Default::default, |source| {
        (format!("sha256:{}", source.checksum), source.size)
    });
    let [string1, string2, string3] = image.metadata.strings;
    let [number1, number2, number3] = image.metadata.numbers;
    ImageResource {
        header: Header::new(&context.api, &IMAGE, context.image_link(&image.id)),
        id: image.id.model().to_string(),
        space: image.id.space().get(),
        created: image.created.to_string(),
        origin: match image.source {
            ImageSource::Origin(origin) => origin.to_string(),
            ImageSource::Upload(upload) => format!("{UPLOAD_SCHEME}{upload}"),
        },
        initial_origin: image
            .initial_origin
            .as_ref()
            .map_or_else(String::new, OriginUrl::to_string),
        media_type: image.media_type.or(found_type).unwrap_or_default(),
        string1,
        string2,
        string3,
        number1,
        number2,
        number3,
        tags: image.metadata.tags,
        roles: image.metadata.roles,
        manifests: image.metadata.manifests,
        max_unauthorised: image.max_unauthorised.to_wire(),
        delivery_channels: image
            .delivery_channels
            .into_iter()
            .map(|named| ChannelResource::of(context, customer, named))
            .collect(),
        image_optimisation_policy: image.image_optimisation_policy.unwrap_or_default(),
        thumbnail_policy: image.thumbnail_policy.unwrap_or_default(),
        width,
        height,
        queued: image.queued.map(|at| at.to_string()),
        dequeued: image.dequeued.map(|at| at.to_string()),
        finished: finished.map(|at| at.to_string()),
        ingesting,
        error,
        batch: image.batch.map(|batch| context.batch_link(customer, batch)),
        links,
        source_checksum: checksum,
        source_size: size,
    }
}

/// Answers what is asked of images.
pub(crate) async fn handle(
    context: &Context,
    route: ImageRoute,
    query: &Query,
    payload: Payload,
    named: Option<&Named<'_>>,
) -> Outcome {
    match route {
        ImageRoute::List(customer, space) => list(context, customer, space, query).await,
        ImageRoute::Create(customer, space) => {
            let wanted = Wanted {
                place: Place::space(customer, space),
                mode: RegistrationMode::CreateOnly,
                named,
            };
            wanted.register(context, query, payload).await
        }
        ImageRoute::Get(id) => get(context, &id).await,
        ImageRoute::Put(id) => {
            let wanted = Wanted {
                place: Place::image(&id),
                mode: RegistrationMode::Merge,
                named,
            };
            wanted.register(context, query, payload).await
        }
        ImageRoute::Patch(id) => patch(context, &id, &payload.object().await?).await,
        ImageRoute::Delete(id) => delete(context, &id).await,
        ImageRoute::Reingest(id) => reingest(context, &id).await,
        ImageRoute::ListAll(customer) => list_all(context, customer, query).await,
        ImageRoute::FindAll(customer) => {
            bulk::find(context, customer, &payload.object().await?).await
        }
        ImageRoute::EditAll(customer) => {
            bulk::edit(context, customer, &payload.object().await?).await
        }
        ImageRoute::PatchAll(customer, space) => {
            bulk::patch(context, customer, space, &payload.object().await?).await
        }
        ImageRoute::DeleteAll(customer) => {
            bulk::delete(context, customer, &payload.object().await?).await
        }
    }
}

/// `GET /customers/{customer}/spaces/{space}/images`
async fn list(context: &Context, customer: CustomerId, space: SpaceId, query: &Query) -> Outcome {
    context.dlcs.spaces_of(customer).get(space).await?;
    let address = format!("{}/images", context.space_link(customer, space));
    let base = ImageQuery::of(customer).in_space(space);
    list_matching(context, base, address, query).await
}

/// `GET /customers/{customer}/allImages`: those of all spaces.
async fn list_all(context: &Context, customer: CustomerId, query: &Query) -> Outcome {
    let address = context.all_images_link(customer);
    list_matching(context, ImageQuery::of(customer), address, query).await
}

/// `GET /customers/{customer}/spaces/{space}/images/{image}`
async fn get(context: &Context, id: &ImageId) -> Outcome {
    let image = Arc::unwrap_or_clone(context.dlcs.image(id).await?);
    Ok(context.json(StatusCode::OK, &resource(context, image)))
}

/// `PATCH /customers/{customer}/spaces/{space}/images/{image}`
async fn patch(context: &Context, id: &ImageId, body: &Object) -> Outcome {
    let mut problems = Problems::default();
    let fields = Fields::new(body, "", KNOWN, &mut problems);
    let mut input = ImageInput::read(&fields, Place::image(id), &mut problems);
    refuse_bytes(&input, &fields, &mut problems);
    if context.dlcs.catalogue().find_image(id).await?.is_none() {
        return Err(CatalogueError::NotFound {
            subject: Subject::Image,
        }
        .into());
    }
    input.check_stored(context, &fields, &mut problems).await?;
    let candidate = Candidate::new(String::new(), input);
    if !problems.is_empty() {
        return Err(refuse(context, &[candidate], &mut problems).await);
    }
    let changes = candidate.input.changes.clone();
    match context.dlcs.update_image(id, changes).await {
        Ok(image) => Ok(context.json(StatusCode::OK, &resource(context, image))),
        Err(Error::Invalid { .. }) => Err(refuse(context, &[candidate], &mut problems).await),
        Err(error) => Err(problems.explain(error.into())),
    }
}

/// `DELETE /customers/{customer}/spaces/{space}/images/{image}`
async fn delete(context: &Context, id: &ImageId) -> Outcome {
    context.dlcs.delete_image(id).await?;
    Ok(no_content())
}

/// `POST /customers/{customer}/spaces/{space}/images/{image}/reingest`: fetches it again, now.
async fn reingest(context: &Context, id: &ImageId) -> Outcome {
    let image = context.dlcs.reingest(id).await?;
    Ok(context.json(StatusCode::OK, &resource(context, image)))
}

/// Bytes are for registrations, and not for changes.
fn refuse_bytes(input: &ImageInput, fields: &Fields<'_>, problems: &mut Problems) {
    if input.bytes.is_some() {
        let detail = "`file` is not for changes: PUT the bytes to register the image again";
        problems.add(fields.at("file"), detail);
    }
}
