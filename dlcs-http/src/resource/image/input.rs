//! What a request says of an image.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use dlcs_core::image::{Image, ImageChanges, ImageSource, OpenAccess, OriginUrl, shorten};
use dlcs_core::{CustomerId, ImageId, ModelId, SpaceId};
use serde_json::Value;

use super::channels::delivery_channels;
use super::{UPLOAD_SCHEME, resource};
use crate::context::Context;
use crate::error::ApiError;
use crate::fields::{Fields, Problems};
use crate::resource::as_value;
use crate::route::image_at;

/// Every property that an image may have in a request.
pub(crate) const KNOWN: &[&str] = &[
    "@id",
    "id",
    "space",
    "origin",
    "initialOrigin",
    "mediaType",
    "string1",
    "string2",
    "string3",
    "number1",
    "number2",
    "number3",
    "tags",
    "roles",
    "manifests",
    "maxUnauthorised",
    "deliveryChannels",
    "imageOptimisationPolicy",
    "thumbnailPolicy",
    "file",
    "created",
    "queued",
    "dequeued",
    "finished",
    "ingesting",
    "error",
    "width",
    "height",
    "batch",
    "infoJson",
    "imageService",
    "thumbnailInfoJson",
    "thumbnailImageService",
    "thumbnail400",
    "degradedInfoJson",
    "manifest",
    "sourceChecksum",
    "sourceSize",
];
/// What is said of a master that comes twice.
pub(crate) const EITHER: &str =
    "the bytes of the master and an `origin` are given: leave one of them out";
/// Those of them that the program sets.
const READ_ONLY: &[&str] = &[
    "created",
    "queued",
    "dequeued",
    "finished",
    "ingesting",
    "error",
    "width",
    "height",
    "batch",
    "infoJson",
    "imageService",
    "thumbnailInfoJson",
    "thumbnailImageService",
    "thumbnail400",
    "degradedInfoJson",
    "manifest",
    "sourceChecksum",
    "sourceSize",
];

/// What the address of a request says of the image already.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    customer: CustomerId,
    space: Option<SpaceId>,
    model: Option<ModelId>,
    /// Whether `id` may be `customer/space/id`.
    full_ids: bool,
}

impl Place {
    /// Somewhere in a customer.
    pub(crate) const fn customer(customer: CustomerId) -> Self {
        Self {
            customer,
            space: None,
            model: None,
            full_ids: false,
        }
    }

    /// In a space.
    pub(crate) const fn space(customer: CustomerId, space: SpaceId) -> Self {
        Self {
            customer,
            space: Some(space),
            model: None,
            full_ids: false,
        }
    }

    /// Exactly this image.
    pub(crate) fn image(id: &ImageId) -> Self {
        Self {
            customer: id.customer(),
            space: Some(id.space()),
            model: Some(id.model().clone()),
            full_ids: false,
        }
    }

    /// The same, for images that exist and may be named as `customer/space/id`.
    pub(crate) fn with_full_ids(self) -> Self {
        Self {
            full_ids: true,
            ..self
        }
    }
}

/// What a request says of an image.
#[derive(Debug, Clone)]
pub(crate) struct ImageInput {
    pub(crate) customer: CustomerId,
    pub(crate) space: Option<SpaceId>,
    pub(crate) model: Option<ModelId>,
    pub(crate) changes: ImageChanges,
    /// The master itself, where it stands in the JSON.
    pub(crate) bytes: Option<Bytes>,
}

impl ImageInput {
    /// Reads the properties, all of them, whatever is wrong with some.
    pub(crate) fn read(fields: &Fields<'_>, place: Place, problems: &mut Problems) -> Self {
        let mut input = Self::read_name(fields, place, problems);
        input.read_file(fields, problems);
        input.changes = ImageChanges {
            source: origin(fields, "origin", problems).map(ImageSource::Origin),
            initial_origin: initial_origin(fields, problems),
            media_type: fields.text("mediaType", problems),
            strings: ["string1", "string2", "string3"].map(|name| fields.text(name, problems)),
            numbers: ["number1", "number2", "number3"].map(|name| fields.integer(name, problems)),
            tags: fields.texts("tags", problems),
            roles: fields.texts("roles", problems),
            manifests: fields.texts("manifests", problems),
            max_unauthorised: open_access(fields, "maxUnauthorised", problems),
            delivery_channels: delivery_channels(fields, problems),
            default_channels: Vec::new(),
            image_optimisation_policy: fields.name_or_url("imageOptimisationPolicy", problems),
            thumbnail_policy: fields.name_or_url("thumbnailPolicy", problems),
        };
        input
    }

    /// Reads which image is meant, and nothing else.
    pub(crate) fn read_name(fields: &Fields<'_>, place: Place, problems: &mut Problems) -> Self {
        let mut input = Self {
            customer: place.customer,
            space: place.space,
            model: place.model,
            changes: ImageChanges::default(),
            bytes: None,
        };
        let is_full = place.full_ids && input.read_full_id(fields, problems);
        // Where there is a full id, or should be, the space need not be named.
        input.read_space(fields, !place.full_ids, problems);
        if !is_full {
            input.read_id(fields, problems);
        }
        input.read_address(fields, problems);
        input
    }

    /// The id of the image, once its space and its own id are known.
    pub(crate) fn id(&self) -> Option<ImageId> {
        let model = self.model.clone()?;
        Some(ImageId::new(self.customer, self.space?, model))
    }

    /// Refuses what only the program says of an image, unless it is what the program says; a media type that it has found stays its own.
    pub(crate) async fn check_stored(
        &mut self,
        context: &Context,
        fields: &Fields<'_>,
        problems: &mut Problems,
    ) -> Result<(), ApiError> {
        if said_by_program(fields).is_empty() && self.changes.media_type.is_none() {
            return Ok(());
        }
        let stored = match self.id() {
            Some(id) => {
                let found = context.dlcs.catalogue().find_image(&id).await?;
                found.map(Arc::unwrap_or_clone)
            }
            None => None,
        };
        self.check_against(context, stored, fields, problems);
        Ok(())
    }

    /// The same, where it is known what is stored.
    pub(crate) fn check_against(
        &mut self,
        context: &Context,
        stored: Option<Image>,
        fields: &Fields<'_>,
        problems: &mut Problems,
    ) {
        let found_type = stored
            .as_ref()
            .filter(|image| image.media_type.is_none())
            .and_then(Image::fetched)
            .map(|source| &source.media_type);
        if found_type.is_some() && found_type == self.changes.media_type.as_ref() {
            self.changes.media_type = None;
        }
        let names = said_by_program(fields);
        if !names.is_empty() {
            let stored = stored.map(|image| as_value(&resource(context, image)));
            fields.check_read_only(&names, stored.as_ref(), problems);
        }
    }

    /// Whether the master comes with it: as an address, or as bytes.
    pub(crate) const fn has_source(&self) -> bool {
        self.changes.source.is_some() || self.bytes.is_some()
    }

    /// The master as base64 (RFC 4648 section 4).
    fn read_file(&mut self, fields: &Fields<'_>, problems: &mut Problems) {
        let Some(text) = fields.text("file", problems) else {
            return;
        };
        if fields.value("origin").is_some_and(|origin| origin != "") {
            problems.add(fields.at("file"), EITHER);
        }
        match STANDARD.decode(text.as_bytes()) {
            Ok(bytes) if bytes.is_empty() => {
                let detail = "`file` has no bytes: encode those of the master, or leave it out";
                problems.add(fields.at("file"), detail);
            }
            Ok(bytes) => self.bytes = Some(bytes.into()),
            Err(_) => problems.add(
                fields.at("file"),
                "`file` is not base64 (RFC 4648, with padding and in one line): encode the bytes of the master",
            ),
        }
    }

    /// An `id` that is `customer/space/id`; returns whether it looks like that.
    fn read_full_id(&mut self, fields: &Fields<'_>, problems: &mut Problems) -> bool {
        let text = fields.value("id").and_then(Value::as_str);
        let Some(text) = text.filter(|text| text.contains('/')) else {
            return false;
        };
        let detail = match text.parse::<ImageId>() {
            Err(error) => error.to_string(),
            Ok(id) if id.customer() != self.customer => {
                format!("is `{}`, another customer's image", shorten(text))
            }
            Ok(id) if self.space.is_some_and(|space| space != id.space()) => {
                format!("is `{}`, an image of another space", shorten(text))
            }
            Ok(id) => {
                self.space = Some(id.space());
                self.model = Some(id.model().clone());
                return true;
            }
        };
        problems.add(fields.at("id"), format!("`id` {detail}"));
        true
    }

    fn read_space(&mut self, fields: &Fields<'_>, is_needed: bool, problems: &mut Problems) {
        let at = fields.at("space");
        let Some(value) = fields.value("space") else {
            if is_needed && self.space.is_none() && fields.value("@id").is_none() {
                problems.add(
                    at,
                    "`space` is missing: say which space the image belongs to",
                );
            }
            return;
        };
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        let Ok(space) = text.parse::<SpaceId>() else {
            problems.add(
                at,
                format!(
                    "`space` is `{}`; give the number of a space",
                    shorten(&text)
                ),
            );
            return;
        };
        if self.space.is_some_and(|expected| expected != space) {
            problems.add(
                at,
                format!("`space` is {space}, but the address names another: leave one of them out"),
            );
        }
        self.space = self.space.or(Some(space));
    }

    fn read_id(&mut self, fields: &Fields<'_>, problems: &mut Problems) {
        let Some(text) = fields.text("id", problems) else {
            return;
        };
        match ModelId::parse(text.as_str()) {
            Ok(model) => {
                if self
                    .model
                    .as_ref()
                    .is_some_and(|expected| *expected != model)
                {
                    problems.add(
                        fields.at("id"),
                        format!(
                            "`id` is `{}`, but the address names another: leave it out",
                            shorten(&text)
                        ),
                    );
                }
                self.model = self.model.take().or(Some(model));
            }
            Err(error) => problems.add(fields.at("id"), format!("`id` {error}")),
        }
    }

    /// The address of the image, which may stand for its space and id, and must agree with them.
    fn read_address(&mut self, fields: &Fields<'_>, problems: &mut Problems) {
        let Some(text) = fields.text("@id", problems).filter(|text| !text.is_empty()) else {
            return;
        };
        let path = text.split(['?', '#']).next().unwrap_or_default();
        let Some(id) = image_at(path) else {
            problems.add(
                fields.at("@id"),
                format!(
                    "`@id` is `{}`, which is not the address of an image: leave it out",
                    shorten(&text)
                ),
            );
            return;
        };
        let agrees = id.customer() == self.customer
            && self.space.is_none_or(|space| space == id.space())
            && self.model.as_ref().is_none_or(|model| model == id.model());
        if !agrees {
            problems.add(
                fields.at("@id"),
                format!(
                    "`@id` is `{}`, which is another image's address: leave it out",
                    shorten(&text)
                ),
            );
        }
        self.space = self.space.or(Some(id.space()));
        self.model = self.model.take().or_else(|| Some(id.model().clone()));
    }
}

/// Which properties are given that only the program sets.
fn said_by_program(fields: &Fields<'_>) -> Vec<&'static str> {
    let is_upload = |value: &Value| {
        value
            .as_str()
            .is_some_and(|text| text.starts_with(UPLOAD_SCHEME))
    };
    let mut names = READ_ONLY.to_vec();
    names.retain(|name| fields.value(name).is_some());
    if fields.value("origin").is_some_and(is_upload) {
        names.push("origin");
    }
    names
}

fn origin(fields: &Fields<'_>, name: &str, problems: &mut Problems) -> Option<OriginUrl> {
    let text = fields.text(name, problems)?;
    // The place of an upload is compared with what is stored; no first fetch goes to one.
    if name == "origin" && text.starts_with(UPLOAD_SCHEME) {
        return None;
    }
    match OriginUrl::parse(&text) {
        Ok(origin) => Some(origin),
        Err(error) => {
            problems.add(
                fields.at(name),
                format!("`{name}` {error}: give the address of the master"),
            );
            None
        }
    }
}

/// Where the first fetch goes; the empty text clears it.
fn initial_origin(fields: &Fields<'_>, problems: &mut Problems) -> Option<Option<OriginUrl>> {
    if fields
        .value("initialOrigin")
        .is_some_and(|value| value == "")
    {
        return Some(None);
    }
    origin(fields, "initialOrigin", problems).map(Some)
}

/// −1, 0 or a number of pixels.
pub(crate) fn open_access(
    fields: &Fields<'_>,
    name: &str,
    problems: &mut Problems,
) -> Option<OpenAccess> {
    let number = fields.integer(name, problems)?;
    let access = OpenAccess::from_wire(number);
    if access.is_none() {
        let detail = format!(
            "`{name}` is {number}; give -1 for open, 0 for closed, or a number of pixels up to {}",
            u32::MAX
        );
        problems.add(fields.at(name), detail);
    }
    access
}
