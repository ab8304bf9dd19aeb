//! Addresses of delivery: pure, from the raw path.

use std::borrow::Cow;

use dlcs_core::customer::CustomerName;
use dlcs_core::iiif::Version;
use dlcs_core::{CustomerId, ModelId, SpaceId};

use super::query::QueryRoute;
use crate::route::{Family, QueryFamily, RouteError, decode};

/// The most segments that an address of an image has.
const SEGMENTS: usize = 9;

/// The customer in an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CustomerRef {
    /// By number.
    Id(CustomerId),
    /// By name.
    Name(CustomerName),
}

/// The image in an address, and the version of the API that it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// `None`: the address names no version.
    pub(super) version: Option<Version>,
    pub(super) customer: CustomerRef,
    pub(super) space: SpaceId,
    pub(super) model: ModelId,
}

/// What is asked for of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted<'a> {
    /// What its family has at the image itself: a manifest, or the base of a service, which redirects to the information.
    Base,
    /// The information.
    Info,
    /// Pixels: region, size, rotation, and quality with format.
    Pixels([Cow<'a, str>; 4]),
}

/// An address of delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum DeliveryRoute<'a> {
    /// Of an image.
    Image(ImageRoute<'a>),
    /// Of what a named query selects.
    Query(QueryRoute),
}

/// An address of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ImageRoute<'a> {
    pub(super) family: Family,
    pub(super) target: Target,
    pub(super) wanted: Wanted<'a>,
}

impl<'a> DeliveryRoute<'a> {
    /// Parses a raw path: it is split first, and each segment is decoded once.
    ///
    /// # Errors
    /// [`RouteError::BadPath`] for what is no path at all, or no argument, and [`RouteError::NotFound`] for all else: an id that cannot be
    /// names nothing.
    pub(super) fn parse(path: &'a str) -> Result<Self, RouteError> {
        let path = path.strip_prefix('/').ok_or(RouteError::NotFound)?;
        let mut segments = Vec::with_capacity(SEGMENTS);
        for segment in path.split('/') {
            segments.push(decode(segment)?);
        }
        let [root, rest @ ..] = segments.as_slice() else {
            return Err(RouteError::NotFound);
        };
        if let Some(family) = QueryFamily::of(root) {
            return QueryRoute::of(family, rest).map(Self::Query);
        }
        let family = Family::of(root).ok_or(RouteError::NotFound)?;
        ImageRoute::of(family, rest).map(Self::Image)
    }
}

impl<'a> ImageRoute<'a> {
    fn of(family: Family, segments: &[Cow<'a, str>]) -> Result<Self, RouteError> {
        let (version, rest) = match family {
            Family::File => (None, segments),
            Family::Image | Family::Thumbs | Family::Manifest => split_version(segments),
        };
        let [customer, space, model, wanted @ ..] = rest else {
            return Err(RouteError::NotFound);
        };
        let target = Target {
            version,
            customer: parse_customer(customer).ok_or(RouteError::NotFound)?,
            space: space.parse().map_err(|_| RouteError::NotFound)?,
            model: ModelId::parse(model.as_ref()).map_err(|_| RouteError::NotFound)?,
        };
        let wanted = match wanted {
            [] => Wanted::Base,
            [slash] if slash.is_empty() => Wanted::Base,
            _ if matches!(family, Family::Manifest | Family::File) => {
                return Err(RouteError::NotFound);
            }
            [info] if info == "info.json" => Wanted::Info,
            [region, size, rotation, file] => {
                Wanted::Pixels([region, size, rotation, file].map(Cow::clone))
            }
            _ => return Err(RouteError::NotFound),
        };
        Ok(Self {
            family,
            target,
            wanted,
        })
    }
}

/// The version that an address names behind its first segment, and what follows.
pub(super) fn split_version<'s, 'a>(
    segments: &'s [Cow<'a, str>],
) -> (Option<Version>, &'s [Cow<'a, str>]) {
    match segments {
        [version, rest @ ..] if version == "v2" => (Some(Version::V2), rest),
        [version, rest @ ..] if version == "v3" => (Some(Version::V3), rest),
        rest => (None, rest),
    }
}

pub(super) fn parse_customer(text: &str) -> Option<CustomerRef> {
    if let Ok(id) = text.parse() {
        return Some(CustomerRef::Id(id));
    }
    CustomerName::parse(text).ok().map(CustomerRef::Name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(path: &str) -> Result<ImageRoute<'_>, RouteError> {
        match DeliveryRoute::parse(path)? {
            DeliveryRoute::Image(route) => Ok(route),
            DeliveryRoute::Query(route) => panic!("{path}: {route:?}"),
        }
    }

    #[test]
    fn addresses_with_and_without_a_version() {
        for (path, version, customer) in [
            ("/iiif-img/3/4/a/info.json", None, "3"),
            ("/iiif-img/v2/3/4/a/info.json", Some(Version::V2), "3"),
            ("/iiif-img/v3/3/4/a/info.json", Some(Version::V3), "3"),
            ("/iiif-img/vam/4/a/info.json", None, "vam"),
            ("/iiif-img/v2/vam/4/a/info.json", Some(Version::V2), "vam"),
        ] {
            let ImageRoute {
                family,
                target,
                wanted,
            } = route(path).unwrap();
            assert_eq!(family, Family::Image, "{path}");
            assert_eq!((target.version, wanted), (version, Wanted::Info), "{path}");
            assert_eq!(Some(target.customer), parse_customer(customer), "{path}");
        }
    }

    #[test]
    fn each_family_has_its_first_segment() {
        for (path, family) in [
            ("/iiif-img/v2/3/4/a", Family::Image),
            ("/thumbs/v2/3/4/a", Family::Thumbs),
            ("/iiif-manifest/v2/3/4/a", Family::Manifest),
        ] {
            let route = route(path).unwrap();
            assert_eq!((route.family, route.wanted), (family, Wanted::Base));
            assert_eq!(route.target.version, Some(Version::V2), "{path}");
        }
        for path in ["/iiif-manifests/3/4/a", "/thumb/3/4/a", "/Thumbs/3/4/a"] {
            assert_eq!(route(path), Err(RouteError::NotFound), "{path}");
        }
    }

    #[test]
    fn the_base_may_end_in_a_slash_and_the_rest_may_not() {
        for path in ["/iiif-img/3/4/a", "/iiif-img/3/4/a/", "/iiif-img/v2/3/4/a/"] {
            assert_eq!(route(path).unwrap().wanted, Wanted::Base, "{path}");
        }
        for path in [
            "/iiif-img/3/4/a/info.json/",
            "/iiif-img/3/4/a/full/max/0/default.jpg/",
            "/iiif-img/3/4/a//",
            "/iiif-img/3//a",
            "//iiif-img/3/4/a",
        ] {
            assert_eq!(route(path), Err(RouteError::NotFound), "{path}");
        }
    }

    #[test]
    fn segments_are_decoded_once_and_never_split() {
        for (written, model) in [
            ("a%20b", "a b"),
            ("a+b", "a+b"),
            ("%252e%252e", "%2e%2e"),
            ("..;", "..;"),
            ("%F0%9F%97%BA", "🗺"),
            ("a%3Fb%23c", "a?b#c"),
        ] {
            let path = format!("/iiif-img/1/1/{written}/info.json");
            let parsed = route(&path).unwrap();
            assert_eq!(parsed.target.model.as_str(), model);
        }
        let path = "/iiif-img/1/1/a/pct:0,0,50,50/%5E200,/%21%30/default.jpg";
        let parsed = route(path).unwrap();
        let expected = ["pct:0,0,50,50", "^200,", "!0", "default.jpg"];
        assert_eq!(parsed.wanted, Wanted::Pixels(expected.map(Cow::from)));
    }

    #[test]
    fn ids_that_cannot_be_are_not_found() {
        let long = "x".repeat(221);
        for path in [
            "/iiif-img",
            "/iiif-img/",
            "/iiif-img/1/1",
            "/iiif-img/v2/1/1",
            "/iiif-img/0/1/a/info.json",
            "/iiif-img/1/0/a/info.json",
            "/iiif-img/1/-1/a/info.json",
            "/iiif-img/1/1e1/a/info.json",
            "/iiif-img/1/%D9%A3/a/info.json",
            "/iiif-img/99999999999/1/a/info.json",
            "/iiif-img/1/1/a%2Fb/info.json",
            "/iiif-img/1/1/../info.json",
            "/iiif-img/1/1/./info.json",
            "/iiif-img/1/1/%2e%2e/info.json",
            "/iiif-img/1/1/..%5c/info.json",
            "/iiif-img/1/1/C:%5C/info.json",
            &format!("/iiif-img/1/1/{long}/info.json"),
            "/iiif-img/v4/1/1/a/info.json",
            "/iiif-img/1/1/a/full",
            "/iiif-img/1/1/a/full/max",
            "/iiif-img/1/1/a/full/max/0",
            "/iiif-img/1/1/a/full/max/0/default.jpg/extra",
            "/iiif-img/1/1/a/info.json/extra",
        ] {
            assert_eq!(route(path), Err(RouteError::NotFound), "{path}");
        }
    }

    #[test]
    fn what_is_no_path_is_malformed() {
        for bad in [
            "%00", "%0d%0a", "%", "%z", "%zz", "%c0%ae", "%ff", "a%2", "%7f",
        ] {
            for path in [
                format!("/iiif-img/1/1/{bad}/info.json"),
                format!("/iiif-img/1/1/a/{bad}/max/0/default.jpg"),
            ] {
                let error = route(&path).unwrap_err();
                assert!(
                    matches!(error, RouteError::BadPath { .. }),
                    "{path}: {error:?}"
                );
            }
        }
    }
}
