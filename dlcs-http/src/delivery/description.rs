//! What there is to say of the addresses that [`DeliveryRoute`](super::route::DeliveryRoute) parses.

use crate::route::{Family, QueryFamily};

/// What there is to say of the addresses of a form.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Description {
    /// The first segment.
    family: &'static str,
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
const IDS: Answers = &[(200, &["application/json"]), (304, &[])];
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

/// What is selected is what everybody may see.
const FAILS_TO_ALL: &[u16] = &[400, 404, 500, 503];

const VERSIONS: &[&str] = &["", "v2/", "v3/"];

const fn describe(
    family: &'static str,
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

/// The same, which leaves out what not everybody may see.
const fn selected(description: Description) -> Description {
    Description {
        fails: FAILS_TO_ALL,
        ..description
    }
}

#[rustfmt::skip]
static DESCRIPTIONS: &[Description] = &[
    describe(Family::Image.segment(), VERSIONS, "{customer}/{space}/{image}", "Leads to the information of an image service.", MOVED),
    describe(Family::Image.segment(), VERSIONS, "{customer}/{space}/{image}/info.json", "The information of an image service.", JSON),
    describe(Family::Image.segment(), VERSIONS, "{customer}/{space}/{image}/{region}/{size}/{rotation}/{quality}.{format}", "Pixels of an image.", PIXELS),
    describe(Family::Thumbs.segment(), VERSIONS, "{customer}/{space}/{image}", "Leads to the information of the service of thumbnails.", MOVED),
    describe(Family::Thumbs.segment(), VERSIONS, "{customer}/{space}/{image}/info.json", "The information of the service of thumbnails.", JSON),
    describe(Family::Thumbs.segment(), VERSIONS, "{customer}/{space}/{image}/full/{size}/0/default.jpg", "A thumbnail.", PIXELS),
    describe(Family::Manifest.segment(), VERSIONS, "{customer}/{space}/{image}", "The manifest of an image.", JSON),
    selected(describe(QueryFamily::Manifest.segment(), VERSIONS, "{customer}/{query}", "The manifest of the images that a named query selects without arguments.", JSON)),
    selected(describe(QueryFamily::Manifest.segment(), VERSIONS, "{customer}/{query}/{p1}", "The manifest of the images that a named query selects by one argument.", JSON)),
    selected(describe(QueryFamily::Manifest.segment(), VERSIONS, "{customer}/{query}/{p1}/{p2}", "The manifest of the images that a named query selects by two arguments.", JSON)),
    selected(describe(QueryFamily::Manifest.segment(), VERSIONS, "{customer}/{query}/{p1}/{p2}/{p3}", "The manifest of the images that a named query selects by three arguments; there can be a hundred.", JSON)),
    selected(describe(QueryFamily::Ids.segment(), &[""], "{customer}/{query}", "The ids of the images that a named query selects without arguments.", IDS)),
    selected(describe(QueryFamily::Ids.segment(), &[""], "{customer}/{query}/{p1}", "The ids of the images that a named query selects by one argument.", IDS)),
    selected(describe(QueryFamily::Ids.segment(), &[""], "{customer}/{query}/{p1}/{p2}", "The ids of the images that a named query selects by two arguments.", IDS)),
    selected(describe(QueryFamily::Ids.segment(), &[""], "{customer}/{query}/{p1}/{p2}/{p3}", "The ids of the images that a named query selects by three arguments; there can be a hundred.", IDS)),
    in_parts(describe(Family::File.segment(), &[""], "{customer}/{space}/{image}", "The source of an image as it came.", BYTES)),
];

/// Every form of address, in every version that it has.
pub(crate) fn descriptions() -> impl Iterator<Item = (String, &'static Description)> {
    DESCRIPTIONS.iter().flat_map(|described| {
        described.versions.iter().map(move |version| {
            let Description { family, rest, .. } = described;
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
            let (family, stated, answers) = match DeliveryRoute::parse(&sample).unwrap() {
                DeliveryRoute::Image(route) => {
                    let answers = match route.wanted {
                        Wanted::Base if route.family == Family::Manifest => JSON,
                        Wanted::Base if route.family == Family::File => BYTES,
                        Wanted::Base => MOVED,
                        Wanted::Info => JSON,
                        Wanted::Pixels(_) => PIXELS,
                    };
                    (route.family.segment(), route.target.version, answers)
                }
                DeliveryRoute::Query(route) => {
                    let answers = match route.family {
                        QueryFamily::Manifest => JSON,
                        QueryFamily::Ids => IDS,
                    };
                    (route.family.segment(), route.version, answers)
                }
            };
            assert_eq!(family, described.family, "{path}");
            let version = ["/v2/", "/v3/"].map(|version| path.contains(version));
            let parsed = [Version::V2, Version::V3].map(|it| stated == Some(it));
            assert_eq!(parsed, version, "{path}");
            assert_eq!(described.answers, answers, "{path}");
        }
    }
}
