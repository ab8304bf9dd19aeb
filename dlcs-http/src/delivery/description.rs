//! What there is to say of the addresses that [`DeliveryRoute`](super::route::DeliveryRoute) parses.

use crate::route::Family;

/// What there is to say of the addresses of a form.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Description {
    family: Family,
    /// The versions that may stand behind the family, each with a slash; an empty one is none.
    versions: &'static [&'static str],
    /// What follows.
    rest: &'static str,
    /// What is there, in one sentence.
    pub(crate) summary: &'static str,
    /// The statuses of success, with the media types of what comes along.
    pub(crate) answers: Answers,
    /// The headers that ask for less than all, with what each says.
    pub(crate) asks: Asks,
    /// The statuses of failure.
    pub(crate) fails: &'static [u16],
}

type Answers = &'static [(u16, &'static [&'static str])];

type Asks = &'static [(&'static str, &'static str)];

const MOVED: Answers = &[(303, &[])];
const JSON: Answers = &[
    (200, &["application/ld+json", "application/json"]),
    (304, &[]),
];
const PIXELS: Answers = &[(200, &["image/*", "application/pdf"]), (304, &[])];
const BYTES: Answers = &[(200, &["*/*"]), (206, &["*/*"]), (304, &[])];
const FAILS: &[u16] = &[400, 401, 404, 500, 503];
const FAILS_IN_PARTS: &[u16] = &[400, 401, 404, 416, 500, 503];
const PARTS: Asks = &[
    (
        "Range",
        "The bytes that are asked for, such as `bytes=0-499`; several ranges are all of it.",
    ),
    (
        "If-Range",
        "The `ETag` or the date of the rest: all of it where that has changed.",
    ),
];

const VERSIONS: &[&str] = &["", "v2/", "v3/"];

const fn describe(
    family: Family,
    versions: &'static [&'static str],
    rest: &'static str,
    summary: &'static str,
    answers: Answers,
) -> Description {
    Description {
        family,
        versions,
        rest,
        summary,
        answers,
        asks: &[],
        fails: FAILS,
    }
}

/// The same, of which parts can be asked for.
const fn in_parts(description: Description) -> Description {
    Description {
        asks: PARTS,
        fails: FAILS_IN_PARTS,
        ..description
    }
}

#[rustfmt::skip]
static DESCRIPTIONS: &[Description] = &[
    describe(Family::Image, VERSIONS, "{customer}/{space}/{image}", "Leads to the information of an image service.", MOVED),
    describe(Family::Image, VERSIONS, "{customer}/{space}/{image}/info.json", "The information of an image service.", JSON),
    describe(Family::Image, VERSIONS, "{customer}/{space}/{image}/{region}/{size}/{rotation}/{quality}.{format}", "Pixels of an image.", PIXELS),
    describe(Family::Thumbs, VERSIONS, "{customer}/{space}/{image}", "Leads to the information of the service of thumbnails.", MOVED),
    describe(Family::Thumbs, VERSIONS, "{customer}/{space}/{image}/info.json", "The information of the service of thumbnails.", JSON),
    describe(Family::Thumbs, VERSIONS, "{customer}/{space}/{image}/full/{size}/0/default.jpg", "A thumbnail.", PIXELS),
    describe(Family::Manifest, VERSIONS, "{customer}/{space}/{image}", "The manifest of an image.", JSON),
    in_parts(describe(Family::File, &[""], "{customer}/{space}/{image}", "The source of an image as it came.", BYTES)),
];

/// Every form of address, in every version that it has.
pub(crate) fn descriptions() -> impl Iterator<Item = (String, &'static Description)> {
    DESCRIPTIONS.iter().flat_map(|described| {
        described.versions.iter().map(move |version| {
            let (family, rest) = (described.family.segment(), described.rest);
            (format!("/{family}/{version}{rest}"), described)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::super::route::{DeliveryRoute, Wanted};
    use super::*;
    use dlcs_core::iiif::Version;

    #[test]
    fn what_is_described_is_what_is_parsed() {
        for (path, described) in descriptions() {
            let sample = path.replace("{customer}", "1").replace("{space}", "2");
            let route = DeliveryRoute::parse(&sample).unwrap();
            assert_eq!(route.family, described.family, "{path}");
            let version = ["/v2/", "/v3/"].map(|version| path.contains(version));
            let parsed = [Version::V2, Version::V3].map(|it| route.target.version == Some(it));
            assert_eq!(parsed, version, "{path}");
            let answers = match route.wanted {
                Wanted::Base if route.family == Family::Manifest => JSON,
                Wanted::Base if route.family == Family::File => BYTES,
                Wanted::Base => MOVED,
                Wanted::Info => JSON,
                Wanted::Pixels(_) => PIXELS,
            };
            assert_eq!(described.answers, answers, "{path}");
        }
    }
}
