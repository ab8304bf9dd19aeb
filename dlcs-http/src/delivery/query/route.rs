//! Addresses of what named queries select: pure, from decoded segments.

use std::borrow::Cow;

use dlcs_core::iiif::Version;
use dlcs_core::setting::NamedQuery;

use crate::delivery::route::{CustomerRef, parse_customer, split_version};
use crate::route::{QueryFamily, RouteError};

/// An address of what a named query selects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::delivery) struct QueryRoute {
    pub(super) family: QueryFamily,
    /// `None`: the address names no version.
    pub(super) version: Option<Version>,
    pub(super) customer: CustomerRef,
    /// The name of the query.
    pub(super) query: String,
    pub(super) arguments: Vec<String>,
}

impl QueryRoute {
    /// Takes apart what comes behind the first segment.
    ///
    /// # Errors
    /// [`RouteError::BadPath`] for arguments that no address can have, [`RouteError::NotFound`] for a customer or a query that cannot be.
    pub(in crate::delivery) fn of(
        family: QueryFamily,
        segments: &[Cow<'_, str>],
    ) -> Result<Self, RouteError> {
        let (version, rest) = match family {
            QueryFamily::Manifest => split_version(segments),
            QueryFamily::Ids => (None, segments),
        };
        let [customer, query, arguments @ ..] = rest else {
            return Err(RouteError::NotFound);
        };
        let customer = parse_customer(customer).ok_or(RouteError::NotFound)?;
        if query.is_empty() {
            return Err(RouteError::NotFound);
        }
        let arguments = match arguments {
            [arguments @ .., slash] if slash.is_empty() => arguments,
            arguments => arguments,
        };
        check(arguments).map_err(|reason| RouteError::BadPath { reason })?;
        Ok(Self {
            family,
            version,
            customer,
            query: query.clone().into_owned(),
            arguments: arguments.iter().cloned().map(Cow::into_owned).collect(),
        })
    }

    /// What people call it: the query, and what is asked of it.
    pub(super) fn label(&self) -> String {
        let Self {
            query, arguments, ..
        } = self;
        if arguments.is_empty() {
            query.clone()
        } else {
            format!("{query}: {}", arguments.join(", "))
        }
    }
}

fn check(arguments: &[Cow<'_, str>]) -> Result<(), &'static str> {
    const _: () = assert!(NamedQuery::ARGUMENTS_MAX == 100, "the sentence says so");
    if arguments.len() > NamedQuery::ARGUMENTS_MAX {
        return Err("the path has more than 100 arguments for the named query");
    }
    if arguments.iter().any(|argument| argument.is_empty()) {
        return Err("the path holds an empty argument for the named query");
    }
    // Clients take them away, encoded or not.
    if arguments
        .iter()
        .any(|argument| matches!(argument.as_ref(), "." | ".."))
    {
        return Err("the path holds a single or double dot, which cannot be an argument");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::route::DeliveryRoute;

    fn route(path: &str) -> Result<QueryRoute, RouteError> {
        match DeliveryRoute::parse(path)? {
            DeliveryRoute::Query(route) => Ok(route),
            DeliveryRoute::Image(route) => panic!("{path}: {route:?}"),
        }
    }

    #[test]
    fn manifests_have_versions_and_ids_have_none() {
        use QueryFamily::{Ids, Manifest};
        for (path, family, version) in [
            ("/iiif-resource/1/q/a", Manifest, None),
            ("/iiif-resource/v2/1/q/a", Manifest, Some(Version::V2)),
            ("/iiif-resource/v3/1/q/a/", Manifest, Some(Version::V3)),
            ("/raw-resource/1/q/a", Ids, None),
            ("/raw-resource/1/q/a/", Ids, None),
        ] {
            let expected = QueryRoute {
                family,
                version,
                customer: parse_customer("1").unwrap(),
                query: "q".to_owned(),
                arguments: vec!["a".to_owned()],
            };
            assert_eq!(route(path), Ok(expected), "{path}");
        }
    }

    #[test]
    fn segments_are_arguments_and_decoded_once() {
        for (written, arguments) in [
            ("", &[][..]),
            ("/", &[]),
            ("/v2/1", &["v2", "1"]),
            ("/a%2Fb/c%20d+e", &["a/b", "c d+e"]),
            ("/%252F/%F0%9F%97%BA", &["%2F", "🗺"]),
            ("/.../..a", &["...", "..a"]),
        ] {
            let parsed = route(&format!("/iiif-resource/vam/q{written}")).unwrap();
            assert_eq!(parsed.arguments, arguments, "{written}");
        }
    }

    #[test]
    fn what_cannot_be_there_is_not_found() {
        for path in [
            "/iiif-resource",
            "/iiif-resource/",
            "/iiif-resource/1",
            "/iiif-resource/1/",
            "/iiif-resource/1//a",
            "/iiif-resource//q",
            "/iiif-resource/v2/1",
            "/iiif-resource/v4/1/q",
            "/iiif-resource/0/q",
            "/iiif-resource/99999999999/q",
            "/raw-resource/1",
            "/raw-resource/v2/1/q",
        ] {
            assert_eq!(route(path), Err(RouteError::NotFound), "{path}");
        }
    }

    #[test]
    fn what_cannot_be_an_argument_is_refused() {
        let base = "/iiif-resource/1/q";
        assert!(route(&format!("{base}{}", "/a".repeat(100))).is_ok());
        for bad in [
            "//",
            "//a",
            "/a//",
            "/a//b",
            "/.",
            "/..",
            "/%2e%2E/a",
            "/%zz",
            "/%",
            "/%ff",
            "/%00",
            &"/a".repeat(101),
        ] {
            let refused = route(&format!("{base}{bad}"));
            assert!(
                matches!(refused, Err(RouteError::BadPath { .. })),
                "{bad}: {refused:?}"
            );
        }
    }

    #[test]
    fn a_label_says_what_was_asked() {
        for (path, label) in [
            ("/iiif-resource/1/pages", "pages"),
            ("/iiif-resource/1/pages/b%2F1/2", "pages: b/1, 2"),
        ] {
            assert_eq!(route(path).unwrap().label(), label);
        }
    }
}
