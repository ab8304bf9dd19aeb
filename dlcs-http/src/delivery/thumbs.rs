//! `/thumbs`: the Image API at level 0, over the sizes that lie ready.

use std::borrow::Cow;

use dlcs_core::Image;
use dlcs_core::iiif::{Dimensions, ImageRequest, ResolvedRequest, Version};
use dlcs_core::policy::Channel;
use http::Response;

use super::accept::Accept;
use super::document::{Document, Form};
use super::route::Wanted;
use super::{Asked, Failure, info, nothing_here};
use crate::body::ResponseBody;
use crate::context::Context;
use crate::error::{ApiError, Kind};
use crate::route::Family;

/// The box that the best known thumbnail fills.
const PREVIEW: u32 = 400;

/// The sizes that are there, the smallest first; none where the image has no thumbnails.
pub(super) fn sizes(context: &Context, image: &Image) -> Vec<Dimensions> {
    let Some(service) = image.service() else {
        return Vec::new();
    };
    if !image.has_channel(Channel::Thumbs) {
        return Vec::new();
    }
    let limits = context.dlcs.settings().limits;
    let limits = limits.of_image(service.dimensions());
    let mut sizes = service.derivative.thumbnails.clone();
    sizes.retain(|size| limits.allow(*size));
    sizes.sort_by_key(|size| (size.area(), size.width()));
    sizes
}

/// The one of these sizes of an image that is within 400 pixels and as large as that allows.
pub(super) fn preview(image: Dimensions, sizes: &[Dimensions]) -> Option<Dimensions> {
    let wanted = image.confined_to(PREVIEW, PREVIEW);
    sizes.contains(&wanted).then_some(wanted)
}

/// Answers a request for a thumbnail, or for which ones there are.
pub(super) async fn answer(
    asked: &Asked<'_>,
    wanted: &Wanted<'_>,
) -> Result<Response<ResponseBody>, Failure> {
    let sizes = sizes(asked.context, asked.image);
    let Some(full) = sizes.last() else {
        return Err(nothing_here().into());
    };
    match wanted {
        Wanted::Base => Ok(asked.to_information()),
        Wanted::Info => Ok(information(asked, &sizes)),
        Wanted::Pixels(parameters) => {
            let found = find(asked, parameters, &sizes)?;
            let version = asked.route.target.version.unwrap_or(Version::V3);
            let canonical = found.canonical(version, *full);
            let stored = found.of_whole(asked.service.dimensions());
            asked.pixels(&canonical, &stored).await
        }
    }
}

fn information(asked: &Asked<'_>, sizes: &[Dimensions]) -> Response<ResponseBody> {
    let accept = Accept::of(&asked.request.headers);
    let form = Form::of(&accept, Family::Thumbs, asked.route.target.version);
    let id = asked.address(form.named);
    let document = Document {
        form,
        body: info::body_of_sizes(form.version, &id, sizes),
        profile: Some(info::profile_of(form.version, Family::Thumbs)),
        modified: asked.modified(),
    };
    document.answer(asked)
}

fn find(
    asked: &Asked<'_>,
    [region, size, rotation, file]: &[Cow<'_, str>; 4],
    sizes: &[Dimensions],
) -> Result<ResolvedRequest, ApiError> {
    ImageRequest::parse(asked.grammar(), region, size, rotation, file)
        .and_then(|request| request.resolve_among(sizes))
        .map_err(|error| {
            let there: Vec<_> = sizes
                .iter()
                .map(|size| format!("{},{}", size.width(), size.height()))
                .collect();
            let there = there.join(" ");
            let detail = format!("{error}; `full/SIZE/0/default.jpg` is there in {there}");
            ApiError::new(Kind::InvalidImageRequest, detail)
        })
}
