//! What there is to say of the addresses that [`DeliveryRoute`](super::route::DeliveryRoute) parses.

use dlcs_core::iiif::Version;

use crate::route::Family;

/// What there is to say of the addresses of a form.
#[derive(Debug)]
pub(crate) struct Description {
    family: Family,
    /// What follows the image in the address.
    end: &'static str,
    /// What is there, in one sentence.
    pub(crate) summary: &'static str,
    /// The statuses of success, with the media types of what comes along.
    pub(crate) answers: Answers,
    /// The statuses of failure.
    pub(crate) fails: &'static [u16],
}

type Answers = &'static [(u16, &'static [&'static str])];

const MOVED: Answers = &[(303, &[])];
const JSON: Answers = &[
    (200, &["application/ld+json", "application/json"]),
    (304, &[]),
];
const PIXELS: Answers = &[(200, &["image/*", "application/pdf"]), (304, &[])];
const FAILS: &[u16] = &[400, 401, 404, 500, 503];

const fn describe(
    family: Family,
    end: &'static str,
    summary: &'static str,
    answers: Answers,
) -> Description {
    Description {
        family,
        end,
        summary,
        answers,
        fails: FAILS,
    }
}

#[rustfmt::skip]
static DESCRIPTIONS: &[Description] = &[
    describe(Family::Image, "", "Leads to the information of an image service.", MOVED),
    describe(Family::Image, "/info.json", "The information of an image service.", JSON),
    describe(Family::Image, "/{region}/{size}/{rotation}/{quality}.{format}", "Pixels of an image.", PIXELS),
    describe(Family::Thumbs, "", "Leads to the information of the service of thumbnails.", MOVED),
    describe(Family::Thumbs, "/info.json", "The information of the service of thumbnails.", JSON),
    describe(Family::Thumbs, "/full/{size}/0/default.jpg", "A thumbnail.", PIXELS),
    describe(Family::Manifest, "", "The manifest of an image.", JSON),
];

/// Every form of address, in every version and in none.
pub(crate) fn descriptions() -> impl Iterator<Item = (String, &'static Description)> {
    let versions = [None, Some(Version::V2), Some(Version::V3)];
    DESCRIPTIONS.iter().flat_map(move |described| {
        versions.map(|version| {
            let version = match version {
                None => "",
                Some(Version::V2) => "v2/",
                Some(Version::V3) => "v3/",
            };
            let (family, end) = (described.family.segment(), described.end);
            let path = format!("/{family}/{version}{{customer}}/{{space}}/{{image}}{end}");
            (path, described)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::super::route::{DeliveryRoute, Wanted};
    use super::*;

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
                Wanted::Base => MOVED,
                Wanted::Info => JSON,
                Wanted::Pixels(_) => PIXELS,
            };
            assert_eq!(described.answers, answers, "{path}");
        }
    }
}
