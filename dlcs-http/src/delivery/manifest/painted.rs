//! An image as a canvas shows it, whatever the version.

use std::borrow::Cow;

use dlcs_core::iiif::{Dimensions, GrammarVersion, ImageRequest, ResolvedRequest, Version};
use dlcs_core::policy::Channel;
use dlcs_core::{Image, ImageId};

use crate::context::Context;
use crate::delivery::thumbs;
use crate::route::Family;

/// The media type of every picture.
pub(super) const MEDIA_TYPE: &str = "image/jpeg";

/// An image that a canvas can show.
#[derive(Debug)]
pub(super) struct Painted<'a> {
    image: &'a Image,
    /// The size of the canvas.
    pub(super) size: Dimensions,
    /// The largest there is.
    pub(super) body: Picture<'a>,
    pub(super) thumbnail: Option<Picture<'a>>,
}

impl<'a> Painted<'a> {
    /// Finds out what there is to show of an image: by its image service, else by its thumbnails; `None` where there is neither.
    pub(super) fn of(context: &Context, image: &'a Image) -> Option<Self> {
        let size = image.service()?.dimensions();
        let level = image.service()?.derivative.pyramid.levels().next_back();
        let limits = &context.dlcs.settings().limits;
        let ready = thumbs::sizes(context, image);
        let from_service = |written: &str| {
            let is_there = image.has_channel(Channel::IiifImg);
            let request = whole(written).filter(|_| is_there)?;
            Some(Picture {
                image: &image.id,
                family: Family::Image,
                full: size,
                request: request.resolve(size, limits).ok()?,
            })
        };
        let from_thumbnails = |wanted: Dimensions| {
            Some(Picture {
                image: &image.id,
                family: Family::Thumbs,
                full: *ready.last()?,
                request: whole(&exactly(wanted))?.resolve_among(&ready).ok()?,
            })
        };
        let largest = || from_thumbnails(*ready.last()?);
        Some(Self {
            image,
            size,
            body: from_service("max").or_else(largest)?,
            thumbnail: thumbs::preview(size, &ready)
                .and_then(from_thumbnails)
                .or_else(largest)
                .or_else(|| from_service(&exactly(level?.dimensions))),
        })
    }

    pub(super) fn label(&self) -> &'a str {
        self.image.id.model().as_str()
    }

    /// The address that names the canvas at a place, counted from 1; nothing is there.
    pub(super) fn canvas(&self, context: &Context, place: usize) -> String {
        let base = context.delivery_link(Family::Image, None, &self.image.id);
        format!("{base}/canvas/c/{place}")
    }

    /// What people said of the image, without what they left unset.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&'static str, Vec<Cow<'a, str>>)> {
        const STRINGS: [&str; 3] = ["String 1", "String 2", "String 3"];
        const NUMBERS: [&str; 3] = ["Number 1", "Number 2", "Number 3"];
        let metadata = &self.image.metadata;
        let strings = STRINGS.into_iter().zip(&metadata.strings);
        let strings = strings
            .filter(|(_, text)| !text.is_empty())
            .map(|(label, text)| (label, vec![plain(text)]));
        let numbers = NUMBERS.into_iter().zip(metadata.numbers);
        let numbers = numbers
            .filter(|(_, number)| *number != 0)
            .map(|(label, number)| (label, vec![number.to_string().into()]));
        let tags: Vec<_> = metadata.tags.iter().map(|tag| plain(tag)).collect();
        let tags = (!tags.is_empty()).then_some(("Tags", tags));
        strings.chain(numbers).chain(tags)
    }
}

/// The image that a manifest is about where it shows no other: what is said of it is said of the manifest.
pub(super) const fn only<'a, 'b>(images: &'b [Painted<'a>]) -> Option<&'b Painted<'a>> {
    match images {
        [image] => Some(image),
        _ => None,
    }
}

/// A text that no viewer takes for markup, which is what starts and ends like a tag.
fn plain(text: &str) -> Cow<'_, str> {
    if text.starts_with('<') && text.ends_with('>') {
        format!("{text} ").into()
    } else {
        text.into()
    }
}

/// The whole of an image, in a size.
#[derive(Debug)]
pub(super) struct Picture<'a> {
    image: &'a ImageId,
    /// The service that has it.
    family: Family,
    /// The size of the full image of that service.
    pub(super) full: Dimensions,
    request: ResolvedRequest,
}

impl Picture<'_> {
    pub(super) const fn size(&self) -> Dimensions {
        self.request.size
    }

    pub(super) const fn family(&self) -> Family {
        self.family
    }

    /// Its address at the service that speaks a version.
    pub(super) fn address(&self, context: &Context, version: Version) -> String {
        let canonical = self.request.canonical(version, self.full);
        format!("{}/{canonical}", self.service(context, version))
    }

    /// The service that speaks a version; that without one in its address speaks the third.
    pub(super) fn service(&self, context: &Context, version: Version) -> String {
        let named = match version {
            Version::V2 => Some(version),
            Version::V3 => None,
        };
        context.delivery_link(self.family, named, self.image)
    }
}

fn whole(size: &str) -> Option<ImageRequest> {
    ImageRequest::parse(GrammarVersion::V3, "full", size, "0", "default.jpg").ok()
}

fn exactly(size: Dimensions) -> String {
    format!("{},{}", size.width(), size.height())
}
