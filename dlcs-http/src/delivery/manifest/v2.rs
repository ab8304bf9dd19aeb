//! Presentation 2.1.

use std::borrow::Cow;

use dlcs_core::iiif::Version;
use serde::Serialize;

use super::context_of;
use super::painted::{MEDIA_TYPE, Painted, Picture, only};
use crate::context::Context;
use crate::delivery::info;

/// The body of a manifest of these images.
pub(super) fn body(context: &Context, id: &str, label: &str, images: &[Painted<'_>]) -> Vec<u8> {
    let places = images.iter().zip(1..);
    let manifest = Manifest {
        context: context_of(Version::V2),
        id,
        type_: "sc:Manifest",
        label,
        metadata: only(images).map(metadata).unwrap_or_default(),
        thumbnail: thumbnail(context, images.first()),
        sequences: [Sequence {
            id: format!("{id}/sequence/s/1"),
            type_: "sc:Sequence",
            canvases: places
                .map(|(image, place)| Canvas::new(context, image, place))
                .collect(),
        }],
    };
    serde_json::to_vec(&manifest).expect("manifests have only text, numbers and lists")
}

#[derive(Debug, Serialize)]
struct Manifest<'a> {
    #[serde(rename = "@context")]
    context: &'static str,
    #[serde(rename = "@id")]
    id: &'a str,
    #[serde(rename = "@type")]
    type_: &'static str,
    label: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    metadata: Vec<Field<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thumbnail: Option<Content>,
    sequences: [Sequence<'a>; 1],
}

#[derive(Debug, Serialize)]
struct Sequence<'a> {
    #[serde(rename = "@id")]
    id: String,
    #[serde(rename = "@type")]
    type_: &'static str,
    canvases: Vec<Canvas<'a>>,
}

#[derive(Debug, Serialize)]
struct Canvas<'a> {
    #[serde(rename = "@id")]
    id: String,
    #[serde(rename = "@type")]
    type_: &'static str,
    label: &'a str,
    width: u32,
    height: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    metadata: Vec<Field<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thumbnail: Option<Content>,
    images: [Annotation; 1],
}

impl<'a> Canvas<'a> {
    fn new(context: &Context, image: &Painted<'a>, place: usize) -> Self {
        let id = image.canvas(context, place);
        Self {
            type_: "sc:Canvas",
            label: image.label(),
            width: image.size.width(),
            height: image.size.height(),
            metadata: metadata(image),
            thumbnail: thumbnail(context, Some(image)),
            images: [Annotation {
                id: format!("{id}/page/image"),
                type_: "oa:Annotation",
                motivation: "sc:painting",
                resource: Content::new(context, &image.body),
                on: id.clone(),
            }],
            id,
        }
    }
}

#[derive(Debug, Serialize)]
struct Field<'a> {
    label: &'static str,
    value: Vec<Cow<'a, str>>,
}

fn metadata<'a>(image: &Painted<'a>) -> Vec<Field<'a>> {
    let fields = image.fields();
    fields
        .map(|(label, value)| Field { label, value })
        .collect()
}

#[derive(Debug, Serialize)]
struct Annotation {
    #[serde(rename = "@id")]
    id: String,
    #[serde(rename = "@type")]
    type_: &'static str,
    motivation: &'static str,
    resource: Content,
    on: String,
}

/// A picture, and the service that has it in other sizes.
#[derive(Debug, Serialize)]
struct Content {
    #[serde(rename = "@id")]
    id: String,
    #[serde(rename = "@type")]
    type_: &'static str,
    format: &'static str,
    width: u32,
    height: u32,
    service: Service,
}

impl Content {
    fn new(context: &Context, picture: &Picture<'_>) -> Self {
        Self {
            id: picture.address(context, Version::V2),
            type_: "dctypes:Image",
            format: MEDIA_TYPE,
            width: picture.size().width(),
            height: picture.size().height(),
            service: Service {
                context: info::context_of(Version::V2),
                id: picture.service(context, Version::V2),
                profile: info::profile_of(Version::V2, picture.family()),
            },
        }
    }
}

#[derive(Debug, Serialize)]
struct Service {
    #[serde(rename = "@context")]
    context: &'static str,
    #[serde(rename = "@id")]
    id: String,
    profile: &'static str,
}

fn thumbnail(context: &Context, image: Option<&Painted<'_>>) -> Option<Content> {
    let picture = image?.thumbnail.as_ref()?;
    Some(Content::new(context, picture))
}
