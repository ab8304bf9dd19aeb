//! Where an image is delivered, as its record says it.

use dlcs_core::Image;
use dlcs_core::policy::Channel;
use serde::Serialize;

use super::{is_open, manifest, thumbs};
use crate::context::Context;
use crate::route::Family;

/// The addresses of what is delivered of an image; only those that lead somewhere.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Links {
    #[serde(skip_serializing_if = "Option::is_none")]
    info_json: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_service: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thumbnail_info_json: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thumbnail_image_service: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thumbnail400: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    manifest: Option<String>,
}

impl Links {
    /// Those of an image. Its image service is named even where nobody may see it yet.
    pub(crate) fn of(context: &Context, image: &Image) -> Self {
        let Some(service) = image.service() else {
            return Self::default();
        };
        let mut links = Self::default();
        if image.has_channel(Channel::IiifImg) {
            let base = context.delivery_link(Family::Image, None, &image.id);
            links.info_json = Some(format!("{base}/info.json"));
            links.image_service = Some(base);
        }
        if !is_open(image) {
            return links;
        }
        let sizes = thumbs::sizes(context, image);
        if !sizes.is_empty() {
            let base = context.delivery_link(Family::Thumbs, None, &image.id);
            links.thumbnail400 = thumbs::preview(service.dimensions(), &sizes).map(|size| {
                let (width, height) = (size.width(), size.height());
                format!("{base}/full/{width},{height}/0/default.jpg")
            });
            links.thumbnail_info_json = Some(format!("{base}/info.json"));
            links.thumbnail_image_service = Some(base);
        }
        if manifest::shows(context, image) {
            links.manifest = Some(context.delivery_link(Family::Manifest, None, &image.id));
        }
        links
    }
}
