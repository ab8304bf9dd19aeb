//! info.json, in both versions. It promises nothing that a request for it does not get.

use dlcs_core::iiif::{Dimensions, Format, FormatSet, Info, Limits, Version};
use serde::Serialize;

use crate::route::Family;

/// Above every width that is served.
const LONGEST_SIDE: u32 = 65_535;
const PROTOCOL: &str = "http://iiif.io/api/image";
/// What works beyond level 2 of version 3.
const FEATURES_V3: [&str; 5] = [
    "canonicalLinkHeader",
    "mirroring",
    "profileLinkHeader",
    "rotationArbitrary",
    "sizeUpscaling",
];
/// What works beyond level 2 of version 2.
const FEATURES_V2: [&str; 6] = [
    "canonicalLinkHeader",
    "mirroring",
    "profileLinkHeader",
    "regionSquare",
    "rotationArbitrary",
    "sizeAboveFull",
];
/// The format of stored tiles, which are served without any work.
const PREFERRED: [&str; 1] = ["jpg"];
const QUALITIES: [&str; 4] = ["default", "color", "gray", "bitonal"];

/// The context document of a version.
pub(super) const fn context_of(version: Version) -> &'static str {
    match version {
        Version::V2 => "http://iiif.io/api/image/2/context.json",
        Version::V3 => "http://iiif.io/api/image/3/context.json",
    }
}

/// The level that the services of a family have.
pub(super) const fn level_of(family: Family) -> &'static str {
    match family {
        Family::Thumbs => "level0",
        Family::Image | Family::Manifest | Family::File => "level2",
    }
}

/// The document of that level, in a version.
pub(super) const fn profile_of(version: Version, family: Family) -> &'static str {
    match (version, family) {
        (Version::V2, Family::Thumbs) => "http://iiif.io/api/image/2/level0.json",
        (Version::V3, Family::Thumbs) => "http://iiif.io/api/image/3/level0.json",
        (Version::V2, _) => "http://iiif.io/api/image/2/level2.json",
        (Version::V3, _) => "http://iiif.io/api/image/3/level2.json",
    }
}

/// The body of info.json for the service at `id`.
pub(super) fn body(version: Version, id: &str, info: &Info) -> Vec<u8> {
    let json = match version {
        Version::V2 => serde_json::to_vec(&InfoV2::new(id, info)),
        Version::V3 => serde_json::to_vec(&InfoV3::new(id, info)),
    };
    json.expect("info.json has only text and numbers")
}

/// The body of info.json for the service at `id` that has nothing but these sizes, the smallest first and at least one.
pub(super) fn body_of_sizes(version: Version, id: &str, ready: &[Dimensions]) -> Vec<u8> {
    let full = ready.last().copied().map(Size::from);
    let full = full.expect("there is a size");
    let sizes = ready.iter().copied().map(Size::from).collect();
    let json = match version {
        Version::V2 => serde_json::to_vec(&SizesV2 {
            context: context_of(version),
            id,
            protocol: PROTOCOL,
            full,
            sizes,
            profile: (
                profile_of(version, Family::Thumbs),
                SizesProfileV2 {
                    formats: PREFERRED,
                    qualities: ["default", "color"],
                    supports: ["sizeByWhListed"],
                },
            ),
        }),
        Version::V3 => serde_json::to_vec(&SizesV3 {
            context: context_of(version),
            id,
            type_: "ImageService3",
            protocol: PROTOCOL,
            profile: level_of(Family::Thumbs),
            full,
            sizes,
        }),
    };
    json.expect("info.json has only text and numbers")
}

#[derive(Debug, Serialize)]
struct Size {
    width: u32,
    height: u32,
}

impl From<Dimensions> for Size {
    fn from(size: Dimensions) -> Self {
        Self {
            width: size.width(),
            height: size.height(),
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Tiles<'a> {
    width: u32,
    height: u32,
    scale_factors: &'a [u32],
}

fn sizes(info: &Info) -> Vec<Size> {
    info.sizes.iter().copied().map(Size::from).collect()
}

fn formats(info: &Info, wanted: impl Fn(Format) -> bool) -> Vec<&'static str> {
    let served = info.formats.iter().filter(|format| wanted(*format));
    served.map(Format::extension).collect()
}

fn tiles(info: &Info) -> Option<[Tiles<'_>; 1]> {
    let tiles = Tiles {
        width: info.tile_size.get(),
        height: info.tile_size.get(),
        scale_factors: &info.scale_factors,
    };
    (!info.scale_factors.is_empty()).then_some([tiles])
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Maximum {
    #[serde(skip_serializing_if = "Option::is_none")]
    max_width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_height: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_area: Option<u64>,
}

impl From<&Limits> for Maximum {
    fn from(limits: &Limits) -> Self {
        Self {
            // A height may not be limited without a width.
            max_width: limits.max_width.or(limits.max_height.map(|_| LONGEST_SIDE)),
            max_height: limits.max_height,
            max_area: limits.max_area,
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct InfoV3<'a> {
    #[serde(rename = "@context")]
    context: &'static str,
    id: &'a str,
    #[serde(rename = "type")]
    type_: &'static str,
    protocol: &'static str,
    profile: &'static str,
    width: u32,
    height: u32,
    #[serde(flatten)]
    maximum: Maximum,
    sizes: Vec<Size>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tiles: Option<[Tiles<'a>; 1]>,
    preferred_formats: [&'static str; 1],
    extra_formats: Vec<&'static str>,
    extra_qualities: &'static [&'static str],
    extra_features: [&'static str; 5],
}

impl<'a> InfoV3<'a> {
    fn new(id: &'a str, info: &'a Info) -> Self {
        Self {
            context: context_of(Version::V3),
            id,
            type_: "ImageService3",
            protocol: PROTOCOL,
            profile: level_of(Family::Image),
            width: info.dimensions.width(),
            height: info.dimensions.height(),
            maximum: Maximum::from(&info.limits),
            sizes: sizes(info),
            tiles: tiles(info),
            preferred_formats: PREFERRED,
            extra_formats: formats(info, |format| !FormatSet::LEVEL_2.contains(format)),
            extra_qualities: &QUALITIES[1..],
            extra_features: FEATURES_V3,
        }
    }
}

#[derive(Debug, Serialize)]
struct InfoV2<'a> {
    #[serde(rename = "@context")]
    context: &'static str,
    #[serde(rename = "@id")]
    id: &'a str,
    protocol: &'static str,
    width: u32,
    height: u32,
    sizes: Vec<Size>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tiles: Option<[Tiles<'a>; 1]>,
    profile: (&'static str, ProfileV2),
}

#[derive(Debug, Serialize)]
struct ProfileV2 {
    formats: Vec<&'static str>,
    qualities: [&'static str; 4],
    supports: [&'static str; 6],
    #[serde(flatten)]
    maximum: Maximum,
}

impl<'a> InfoV2<'a> {
    fn new(id: &'a str, info: &'a Info) -> Self {
        Self {
            context: context_of(Version::V2),
            id,
            protocol: PROTOCOL,
            width: info.dimensions.width(),
            height: info.dimensions.height(),
            sizes: sizes(info),
            tiles: tiles(info),
            profile: (
                profile_of(Version::V2, Family::Image),
                ProfileV2 {
                    formats: formats(info, |_| true),
                    qualities: QUALITIES,
                    supports: FEATURES_V2,
                    maximum: Maximum::from(&info.limits),
                },
            ),
        }
    }
}

#[derive(Debug, Serialize)]
struct SizesV3<'a> {
    #[serde(rename = "@context")]
    context: &'static str,
    id: &'a str,
    #[serde(rename = "type")]
    type_: &'static str,
    protocol: &'static str,
    profile: &'static str,
    #[serde(flatten)]
    full: Size,
    sizes: Vec<Size>,
}

#[derive(Debug, Serialize)]
struct SizesV2<'a> {
    #[serde(rename = "@context")]
    context: &'static str,
    #[serde(rename = "@id")]
    id: &'a str,
    protocol: &'static str,
    #[serde(flatten)]
    full: Size,
    sizes: Vec<Size>,
    profile: (&'static str, SizesProfileV2),
}

#[derive(Debug, Serialize)]
struct SizesProfileV2 {
    formats: [&'static str; 1],
    qualities: [&'static str; 2],
    supports: [&'static str; 1],
}
