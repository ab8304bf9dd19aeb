//! Presentation 3.0.

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
        context: context_of(Version::V3),
        id,
        type_: "Manifest",
        label: Text::none(label),
        metadata: only(images).map(metadata).unwrap_or_default(),
        thumbnail: thumbnail(context, images.first()),
        items: places
            .map(|(image, place)| Canvas::new(context, image, place))
            .collect(),
    };
    serde_json::to_vec(&manifest).expect("manifests have only text, numbers and lists")
}

/// A language map with one language.
#[derive(Debug, Serialize)]
enum Text<'a> {
    /// Words of this program.
    #[serde(rename = "en")]
    English([&'static str; 1]),
    /// What people wrote, in whatever language.
    #[serde(rename = "none")]
    Unknown(Vec<Cow<'a, str>>),
}

impl<'a> Text<'a> {
    fn none(text: &'a str) -> Self {
        Self::Unknown(vec![text.into()])
    }
}

#[derive(Debug, Serialize)]
struct Manifest<'a> {
    #[serde(rename = "@context")]
    context: &'static str,
    id: &'a str,
    #[serde(rename = "type")]
    type_: &'static str,
    label: Text<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    metadata: Vec<Field<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thumbnail: Option<[Content; 1]>,
    items: Vec<Canvas<'a>>,
}

#[derive(Debug, Serialize)]
struct Canvas<'a> {
    id: String,
    #[serde(rename = "type")]
    type_: &'static str,
    label: Text<'a>,
    width: u32,
    height: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    metadata: Vec<Field<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thumbnail: Option<[Content; 1]>,
    items: [AnnotationPage; 1],
}

impl<'a> Canvas<'a> {
    fn new(context: &Context, image: &Painted<'a>, place: usize) -> Self {
        let id = image.canvas(context, place);
        Self {
            type_: "Canvas",
            label: Text::none(image.label()),
            width: image.size.width(),
            height: image.size.height(),
            metadata: metadata(image),
            thumbnail: thumbnail(context, Some(image)),
            items: [AnnotationPage {
                id: format!("{id}/page"),
                type_: "AnnotationPage",
                items: [Annotation {
                    id: format!("{id}/page/image"),
                    type_: "Annotation",
                    motivation: "painting",
                    body: Content::new(context, &image.body),
                    target: id.clone(),
                }],
            }],
            id,
        }
    }
}

#[derive(Debug, Serialize)]
struct Field<'a> {
    label: Text<'a>,
    value: Text<'a>,
}

fn metadata<'a>(image: &Painted<'a>) -> Vec<Field<'a>> {
    let fields = image.fields().map(|(label, values)| Field {
        label: Text::English([label]),
        value: Text::Unknown(values),
    });
    fields.collect()
}

#[derive(Debug, Serialize)]
struct AnnotationPage {
    id: String,
    #[serde(rename = "type")]
    type_: &'static str,
    items: [Annotation; 1],
}

#[derive(Debug, Serialize)]
struct Annotation {
    id: String,
    #[serde(rename = "type")]
    type_: &'static str,
    motivation: &'static str,
    body: Content,
    target: String,
}

/// A picture, and the services that have it in other sizes.
#[derive(Debug, Serialize)]
struct Content {
    id: String,
    #[serde(rename = "type")]
    type_: &'static str,
    format: &'static str,
    width: u32,
    height: u32,
    service: (OlderService, Service),
}

impl Content {
    fn new(context: &Context, picture: &Picture<'_>) -> Self {
        let (width, height) = (picture.full.width(), picture.full.height());
        Self {
            id: picture.address(context, Version::V3),
            type_: "Image",
            format: MEDIA_TYPE,
            width: picture.size().width(),
            height: picture.size().height(),
            service: (
                OlderService {
                    id: picture.service(context, Version::V2),
                    type_: "ImageService2",
                    profile: info::profile_of(Version::V2, picture.family()),
                    width,
                    height,
                },
                Service {
                    id: picture.service(context, Version::V3),
                    type_: "ImageService3",
                    profile: info::level_of(picture.family()),
                    width,
                    height,
                },
            ),
        }
    }
}

/// A service that is older than this version, which names things as it does itself.
#[derive(Debug, Serialize)]
struct OlderService {
    #[serde(rename = "@id")]
    id: String,
    #[serde(rename = "@type")]
    type_: &'static str,
    profile: &'static str,
    width: u32,
    height: u32,
}

#[derive(Debug, Serialize)]
struct Service {
    id: String,
    #[serde(rename = "type")]
    type_: &'static str,
    profile: &'static str,
    width: u32,
    height: u32,
}

fn thumbnail(context: &Context, image: Option<&Painted<'_>>) -> Option<[Content; 1]> {
    let picture = image?.thumbnail.as_ref()?;
    Some([Content::new(context, picture)])
}
