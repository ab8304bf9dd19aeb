//! `/iiif-img`: the Image API, with every size there can be.

use std::borrow::Cow;

use dlcs_core::iiif::{ImageRequest, Info, ResolvedRequest, Version};
use dlcs_core::policy::Channel;
use http::Response;

use super::accept::Accept;
use super::document::{Document, Form};
use super::route::Wanted;
use super::{Asked, Failure, info, nothing_here};
use crate::body::ResponseBody;
use crate::error::{ApiError, Kind};
use crate::route::Family;

/// Answers a request for an image, or for what is to be known of it.
pub(super) async fn answer(
    asked: &Asked<'_>,
    wanted: &Wanted<'_>,
) -> Result<Response<ResponseBody>, Failure> {
    if !asked.image.has_channel(Channel::IiifImg) {
        return Err(nothing_here().into());
    }
    match wanted {
        Wanted::Base => Ok(asked.to_information()),
        Wanted::Info => Ok(information(asked)),
        Wanted::Pixels(parameters) => {
            let resolved = resolve(asked, parameters)?;
            let version = asked.route.target.version.unwrap_or(Version::V3);
            let canonical = resolved.canonical(version, asked.service.dimensions());
            asked.pixels(&canonical, &resolved).await
        }
    }
}

fn information(asked: &Asked<'_>) -> Response<ResponseBody> {
    let accept = Accept::of(&asked.request.headers);
    let form = Form::of(&accept, Family::Image, asked.route.target.version);
    let id = asked.address(form.named);
    let document = Document {
        form,
        body: info::body(form.version, &id, &describe(asked)),
        profile: Some(info::profile_of(form.version, Family::Image)),
        modified: asked.modified(),
    };
    document.answer(asked)
}

fn describe(asked: &Asked<'_>) -> Info {
    let derivative = &asked.service.derivative;
    let limits = &asked.context.dlcs.settings().limits;
    let formats = asked.context.dlcs.formats();
    Info::of(derivative.pyramid, &derivative.thumbnails, limits, formats)
}

fn resolve(
    asked: &Asked<'_>,
    [region, size, rotation, file]: &[Cow<'_, str>; 4],
) -> Result<ResolvedRequest, ApiError> {
    let dlcs = &asked.context.dlcs;
    let limits = &dlcs.settings().limits;
    ImageRequest::parse(asked.grammar(), region, size, rotation, file)
        .and_then(|request| request.served_in(dlcs.formats()))
        .and_then(|request| request.resolve(asked.service.dimensions(), limits))
        .map_err(|error| ApiError::new(Kind::InvalidImageRequest, error.to_string()))
}
