//! Manifests of the Presentation API 3.0 and 2.1: images as viewers show them.

mod painted;
mod v2;
mod v3;

use dlcs_core::Image;
use dlcs_core::iiif::Version;
use http::Response;

use self::painted::Painted;
use super::accept::Accept;
use super::document::{Document, Form};
use super::{Asked, nothing_here};
use crate::body::ResponseBody;
use crate::context::Context;
use crate::error::ApiError;
use crate::route::Family;

/// The context document of a version.
pub(super) const fn context_of(version: Version) -> &'static str {
    match version {
        Version::V2 => "http://iiif.io/api/presentation/2/context.json",
        Version::V3 => "http://iiif.io/api/presentation/3/context.json",
    }
}

/// Whether an image has something that a manifest can show.
pub(super) fn shows(context: &Context, image: &Image) -> bool {
    Painted::of(context, image).is_some()
}

/// Answers with the manifest of one image.
pub(super) fn answer(asked: &Asked<'_>) -> Result<Response<ResponseBody>, ApiError> {
    let painted = Painted::of(asked.context, asked.image).ok_or_else(nothing_here)?;
    let accept = Accept::of(&asked.request.headers);
    let form = Form::of(&accept, Family::Manifest, &asked.route.target);
    let id = asked.address(form.named);
    let label = asked.image.id.model().as_str();
    let body = match form.version {
        Version::V2 => v2::body(asked.context, &id, label, &[painted]),
        Version::V3 => v3::body(asked.context, &id, label, &[painted]),
    };
    let document = Document {
        form,
        body,
        profile: None,
        // What is said of an image changes without a registration, and nobody writes down when.
        modified: None,
    };
    Ok(document.answer(asked))
}
