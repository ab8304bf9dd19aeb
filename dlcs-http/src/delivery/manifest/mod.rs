//! Manifests of the Presentation API 3.0 and 2.1: images as viewers show them.

mod painted;
mod v2;
mod v3;

use std::slice;

use dlcs_core::Image;
use dlcs_core::iiif::Version;
use http::Response;
use http::request::Parts;

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
    let form = form(asked.request, asked.route.target.version);
    let id = asked.address(form.named);
    let label = asked.image.id.model().as_str();
    let images = slice::from_ref(&**asked.image);
    let document = document(asked.context, form, &id, label, images).ok_or_else(nothing_here)?;
    Ok(document.answer(asked))
}

/// In which version a manifest is sent whose address names this one, and as what.
pub(super) fn form(request: &Parts, named: Option<Version>) -> Form {
    Form::of(&Accept::of(&request.headers), Family::Manifest, named)
}

/// The manifest of those images that can be shown; `None` where none can.
pub(super) fn document(
    context: &Context,
    form: Form,
    id: &str,
    label: &str,
    images: &[Image],
) -> Option<Document> {
    let shown = images
        .iter()
        .filter_map(|image| Painted::of(context, image));
    let shown: Vec<_> = shown.collect();
    if shown.is_empty() {
        return None;
    }
    Some(Document {
        form,
        body: match form.version {
            Version::V2 => v2::body(context, id, label, &shown),
            Version::V3 => v3::body(context, id, label, &shown),
        },
        profile: None,
        // What is said of an image changes without a registration, and nobody writes down when.
        modified: None,
    })
}
