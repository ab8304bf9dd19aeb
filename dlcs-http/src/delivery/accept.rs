//! What a client accepts: which version of a document, and in which media type.

use dlcs_core::iiif::Version;
use http::HeaderMap;
use http::header::ACCEPT;

const JSON: (&str, &str) = ("application", "json");
const JSON_LD: (&str, &str) = ("application", "ld+json");

/// One media range of an `Accept` header.
#[derive(Debug, PartialEq)]
struct Range {
    kind: String,
    subtype: String,
    /// The `profile` parameter.
    profile: String,
    /// From 0 to 1.
    quality: f32,
}

/// What a client accepts.
#[derive(Debug)]
pub(super) struct Accept {
    ranges: Vec<Range>,
}

impl Accept {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let values = headers.get_all(ACCEPT).iter();
        let texts = values.filter_map(|value| value.to_str().ok());
        Self {
            ranges: texts
                .flat_map(|text| split(text, ','))
                .filter_map(range)
                .collect(),
        }
    }

    /// Version 2 where the client asks for its context by the profile, and for no other as much.
    pub(super) fn version(&self, context_of: impl Fn(Version) -> &'static str) -> Version {
        let named = |version| {
            self.best(|range| {
                let mut profiles = range.profile.split_whitespace();
                profiles.any(|profile| is_same(profile, context_of(version)))
            })
        };
        let second = named(Version::V2);
        let any = self.best(|range| range.profile.is_empty());
        if second > 0.0 && second > named(Version::V3) && second >= any {
            Version::V2
        } else {
            Version::V3
        }
    }

    /// Whether a document is sent as JSON-LD rather than as plain JSON.
    ///
    /// 2.1: only to those who name it. 3.0: to everybody who accepts it, unless they name plain JSON and not JSON-LD.
    pub(super) fn json_ld(&self, version: Version) -> bool {
        let names =
            |kind: (&str, &str)| self.best(|range| range.kind == kind.0 && range.subtype == kind.1);
        let (named, plain) = (names(JSON_LD), names(JSON));
        match version {
            Version::V2 => named > 0.0 && named >= plain,
            Version::V3 if named > 0.0 => named >= plain,
            Version::V3 => {
                let any = self.best(|range| range.subtype == "*");
                self.ranges.is_empty() || plain == 0.0 || any > plain
            }
        }
    }

    fn best(&self, matches: impl Fn(&Range) -> bool) -> f32 {
        let matching = self.ranges.iter().filter(|range| matches(range));
        matching.map(|range| range.quality).fold(0.0, f32::max)
    }
}

/// Clients write the address of a context with and without TLS.
fn is_same(profile: &str, context: &str) -> bool {
    let bare = |text| -> Option<&str> {
        let rest = str::strip_prefix(text, "https://");
        rest.or_else(|| str::strip_prefix(text, "http://"))
    };
    bare(profile).is_some() && bare(profile) == bare(context)
}

fn range(text: &str) -> Option<Range> {
    let mut parts = split(text, ';').into_iter();
    let (kind, subtype) = parts.next()?.split_once('/')?;
    let mut range = Range {
        kind: kind.trim().to_ascii_lowercase(),
        subtype: subtype.trim().to_ascii_lowercase(),
        profile: String::new(),
        quality: 1.0,
    };
    for part in parts {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let value = value.trim().trim_matches('"');
        match name.trim().to_ascii_lowercase().as_str() {
            "profile" => value.clone_into(&mut range.profile),
            "q" => {
                let quality: f32 = value.parse().ok()?;
                range.quality = quality.clamp(0.0, 1.0);
            }
            _ => {}
        }
    }
    // NaN has no place in a comparison.
    (!range.quality.is_nan()).then_some(range)
}

/// Splits where the separator is not within quotation marks.
fn split(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut quoted) = (0, false);
    for (index, c) in text.char_indices() {
        if c == '"' {
            quoted = !quoted;
        } else if c == separator && !quoted {
            parts.push(&text[start..index]);
            start = index + c.len_utf8();
        }
    }
    parts.push(&text[start..]);
    parts.retain(|part| !part.trim().is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::delivery::{info, manifest};

    const SECOND: &str = r#"application/ld+json;profile="http://iiif.io/api/image/2/context.json""#;
    const THIRD: &str = r#"application/ld+json;profile="http://iiif.io/api/image/3/context.json""#;

    fn accept(text: &str) -> Accept {
        let mut headers = HeaderMap::new();
        if !text.is_empty() {
            headers.insert(ACCEPT, HeaderValue::from_str(text).unwrap());
        }
        Accept::of(&headers)
    }

    #[test]
    fn version_two_is_asked_for_by_its_profile() {
        for (text, version) in [
            (String::new(), Version::V3),
            ("*/*".to_owned(), Version::V3),
            ("application/ld+json".to_owned(), Version::V3),
            (SECOND.to_owned(), Version::V2),
            (SECOND.replace("http:", "https:"), Version::V2),
            (format!("{SECOND}, */*"), Version::V2),
            (format!("{SECOND};q=0.5, */*"), Version::V3),
            (format!("{SECOND}, {THIRD}"), Version::V3),
            (format!("{SECOND}, {THIRD};q=0.9"), Version::V2),
            (format!("{SECOND};q=0"), Version::V3),
            (SECOND.replace("profile", "PROFILE"), Version::V2),
            ("application/ld+json;profile=2".to_owned(), Version::V3),
        ] {
            assert_eq!(accept(&text).version(info::context_of), version, "{text}");
            let other = text.replace("/api/image/", "/api/presentation/");
            let found = accept(&other).version(manifest::context_of);
            assert_eq!(found, version, "{other}");
        }
    }

    #[test]
    fn version_two_is_plain_unless_json_ld_is_named() {
        for (text, json_ld) in [
            ("", false),
            ("*/*", false),
            ("application/json", false),
            ("application/ld+json", true),
            (SECOND, true),
            ("application/json, application/ld+json;q=0.9", false),
            ("application/ld+json;q=0", false),
        ] {
            assert_eq!(accept(text).json_ld(Version::V2), json_ld, "{text}");
        }
    }

    #[test]
    fn version_three_is_json_ld_unless_plain_json_is_named() {
        for (text, json_ld) in [
            ("", true),
            ("*/*", true),
            ("text/html, */*;q=0.8", true),
            ("application/json", false),
            ("application/json, */*;q=0.5", false),
            ("application/json;q=0.5, */*", true),
            ("application/ld+json", true),
            ("application/json, application/ld+json", true),
            ("application/json, application/ld+json;q=0.5", false),
            (THIRD, true),
        ] {
            assert_eq!(accept(text).json_ld(Version::V3), json_ld, "{text}");
        }
    }

    #[test]
    fn nonsense_is_ignored() {
        for text in [";;;,,,", "a", "a/b;q=x", "\"", "*/*;q=nan", "/;="] {
            assert_eq!(
                accept(text).version(info::context_of),
                Version::V3,
                "{text}"
            );
        }
    }
}
