//! info.json, in both versions. It promises nothing that a request for it does not get.

use dlcs_core::iiif::{Dimensions, Info, Limits, Version};
use serde::Serialize;

/// Above every width that is served.
const LONGEST_SIDE: u32 = 65_535;
const PROTOCOL: &str = "http://iiif.io/api/image";
/// What works beyond level 2 of version 3.
const FEATURES_V3: [&str; 4] = [
    "canonicalLinkHeader",
    "mirroring",
    "profileLinkHeader",
    "sizeUpscaling",
];
/// What works beyond level 2 of version 2.
const FEATURES_V2: [&str; 4] = [
    "canonicalLinkHeader",
    "mirroring",
    "profileLinkHeader",
    "regionSquare",
];
const FORMATS: [&str; 2] = ["jpg", "png"];
const QUALITIES: [&str; 4] = ["default", "color", "gray", "bitonal"];

/// The context document of a version.
pub(super) const fn context_of(version: Version) -> &'static str {
    match version {
        Version::V2 => "http://iiif.io/api/image/2/context.json",
        Version::V3 => "http://iiif.io/api/image/3/context.json",
    }
}

/// The document of the level that a version is served at.
pub(super) const fn profile_of(version: Version) -> &'static str {
    match version {
        Version::V2 => "http://iiif.io/api/image/2/level2.json",
        Version::V3 => "http://iiif.io/api/image/3/level2.json",
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

fn tiles(info: &Info) -> [Tiles<'_>; 1] {
    [Tiles {
        width: info.tile_size.get(),
        height: info.tile_size.get(),
        scale_factors: &info.scale_factors,
    }]
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
    tiles: [Tiles<'a>; 1],
    extra_qualities: &'static [&'static str],
    extra_features: [&'static str; 4],
}

impl<'a> InfoV3<'a> {
    fn new(id: &'a str, info: &'a Info) -> Self {
        Self {
            context: context_of(Version::V3),
            id,
            type_: "ImageService3",
            protocol: PROTOCOL,
            profile: "level2",
            width: info.dimensions.width(),
            height: info.dimensions.height(),
            maximum: Maximum::from(&info.limits),
            sizes: sizes(info),
            tiles: tiles(info),
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
    tiles: [Tiles<'a>; 1],
    profile: (&'static str, ProfileV2),
}

#[derive(Debug, Serialize)]
struct ProfileV2 {
    formats: [&'static str; 2],
    qualities: [&'static str; 4],
    supports: [&'static str; 4],
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
                profile_of(Version::V2),
                ProfileV2 {
                    formats: FORMATS,
                    qualities: QUALITIES,
                    supports: FEATURES_V2,
                    maximum: Maximum::from(&info.limits),
                },
            ),
        }
    }
}
