//! Headers of delivery: who may read it, how long it holds, and whether the client has it already.

use std::borrow::Cow;
use std::time::Duration;

use dlcs_core::iiif::Dimensions;
use dlcs_core::image::{ImageOriginal, ImageService};
use dlcs_core::time::Timestamp;
use http::header::{
    ACCEPT, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, LINK, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use sha2::{Digest, Sha256};

use crate::body::{ResponseBody, empty, full, left_out};

/// The methods of every address of delivery.
pub(super) const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");
/// Caches may keep everything and must ask before they use it: after another registration, or a deletion, the next answer is the new
/// state. Asking costs one look at the catalogue and a 304 without a body.
const CACHED: HeaderValue = HeaderValue::from_static("public, max-age=0, must-revalidate");

/// How long after a registration has ended another one may become visible that ended in the same second.
const SETTLED: Duration = Duration::from_secs(5);

/// What a response says of itself besides its body.
#[derive(Debug)]
pub(super) struct Description {
    pub(super) content_type: HeaderValue,
    pub(super) link: Option<HeaderValue>,
    /// Names the bytes: the same tag, the same bytes.
    pub(super) etag: HeaderValue,
    /// Since when; `None` where no date can tell, and as long as something else may still become visible in the same second, which is all that the header can say.
    pub(super) modified: Option<Timestamp>,
    /// Whether another `Accept` may give another answer.
    pub(super) by_accept: bool,
}

impl Description {
    /// Adds everything to the headers of an answer, be it with or without a body.
    pub(super) fn add_to(&self, headers: &mut HeaderMap) {
        headers.insert(CONTENT_TYPE, self.content_type.clone());
        if let Some(link) = &self.link {
            headers.insert(LINK, link.clone());
        }
        headers.insert(ETAG, self.etag.clone());
        if let Some(modified) = self.modified {
            headers.insert(LAST_MODIFIED, value(modified.to_http_date()));
        }
        headers.insert(CACHE_CONTROL, CACHED);
        if self.by_accept {
            headers.insert(VARY, HeaderValue::from_name(ACCEPT));
        }
    }

    /// The answer with a body, or 304.
    pub(super) fn answer(&self, request: &HeaderMap, body: Vec<u8>) -> Response<ResponseBody> {
        self.not_modified(request).unwrap_or_else(|| {
            let mut response = Response::new(full(body));
            self.add_to(response.headers_mut());
            response
        })
    }

    /// The answer to a client that has the bytes already; `None` when it does not.
    pub(super) fn not_modified(&self, request: &HeaderMap) -> Option<Response<ResponseBody>> {
        if !self.is_known_to(request) {
            return None;
        }
        let mut response = Response::new(left_out());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        self.add_to(response.headers_mut());
        response.headers_mut().remove(CONTENT_TYPE);
        Some(response)
    }

    fn is_known_to(&self, request: &HeaderMap) -> bool {
        // RFC 9110 §13.1.3: the tag decides alone where there is one.
        if request.contains_key(IF_NONE_MATCH) {
            let mine = self.etag.to_str().unwrap_or_default();
            let values = request.get_all(IF_NONE_MATCH).iter();
            return values
                .filter_map(|value| value.to_str().ok())
                .any(|tags| tags.trim() == "*" || tag_list(tags).any(|tag| tag == mine));
        }
        let since = request
            .get(IF_MODIFIED_SINCE)
            .and_then(|value| value.to_str().ok())
            .and_then(Timestamp::parse_http_date);
        let second = |at: Timestamp| at.as_micros().div_euclid(1_000_000);
        let (Some(modified), Some(since)) = (self.modified, since) else {
            return false;
        };
        second(modified) <= second(since)
    }
}

/// The tags of a list, without their marks of weakness, which do not count here (RFC 9110 §13.1.2).
///
/// Tags of delivery hold commas, so the list is cut at the quotation marks.
fn tag_list(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let start = rest.find('"')?;
        let length = rest[start + 1..].find('"')? + 2;
        let tag = &rest[start..start + length];
        rest = &rest[start + length..];
        Some(tag)
    })
}

/// Since when what is made from a derivative is as it is: its registration, or the start of this program, whose settings count too.
pub(super) fn modified(
    service: &ImageService,
    started: Timestamp,
    now: Timestamp,
) -> Option<Timestamp> {
    settled(service.finished.max(started), now)
}

/// A time since when something is as it is, once nothing else can become visible in the same second.
pub(super) fn settled(at: Timestamp, now: Timestamp) -> Option<Timestamp> {
    (now.since(at) >= SETTLED).then_some(at)
}

/// The tag of a source: the same bytes have the same one.
pub(super) fn file_etag(original: &ImageOriginal) -> HeaderValue {
    value(format!("\"sha256-{}\"", original.source.checksum))
}

/// The tag of pixels: their canonical request, and what its size comes to by the limits of now.
pub(super) fn image_etag(service: &ImageService, canonical: &str, size: Dimensions) -> HeaderValue {
    let (width, height) = (size.width(), size.height());
    etag(service, &format!("{canonical}-{width}x{height}"))
}

/// The tag of something made from a derivative: of which another version of the program may make other bytes.
fn etag(service: &ImageService, what: &str) -> HeaderValue {
    let program = env!("CARGO_PKG_VERSION");
    value(format!("\"{}-{program}-{what}\"", version_of(service)))
}

/// What tells a derivative from all others that an image has had.
///
/// Generation and token name the registration; the checksum tells apart catalogues that were started anew.
fn version_of(service: &ImageService) -> String {
    let ImageService {
        generation, token, ..
    } = service;
    let [a, b, c, d, ..] = service.derivative.checksum.0;
    format!("{generation}-{token}-{a:02x}{b:02x}{c:02x}{d:02x}")
}

/// The tag of a document about these derivatives, in this order: the same bytes have the same one, whatever program made them, as long as
/// none of the derivatives is another.
pub(super) fn document_etag<'a>(
    services: impl IntoIterator<Item = &'a ImageService>,
    is_json_ld: bool,
    body: &[u8],
) -> HeaderValue {
    let versions: Vec<_> = services.into_iter().map(version_of).collect();
    let made_of = match versions.as_slice() {
        [version] => version.clone(),
        versions => digest_of(versions.join("\n").as_bytes()),
    };
    let kind = if is_json_ld { "ld" } else { "json" };
    value(format!("\"{made_of}-{kind}-{}\"", digest_of(body)))
}

/// Enough of a SHA-256 to tell states of one thing apart.
fn digest_of(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    let (digest, _) = digest.split_at(8);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The links of pixels: their canonical address, which is given below the service's, and the profile.
pub(super) fn image_link(profile: &str, service: &str, canonical: &str) -> HeaderValue {
    // A caret cannot stand in an address as it is.
    let canonical = if canonical.contains('^') {
        Cow::Owned(canonical.replace('^', "%5E"))
    } else {
        Cow::Borrowed(canonical)
    };
    value(format!(
        "<{service}/{canonical}>;rel=\"canonical\", <{profile}>;rel=\"profile\""
    ))
}

/// The links of a document: the profile of the service that it describes, and the context where the body is sent as plain JSON.
pub(super) fn document_link(
    profile: Option<&str>,
    context: &str,
    is_json_ld: bool,
) -> Option<HeaderValue> {
    let profile = profile.map(|profile| format!("<{profile}>;rel=\"profile\""));
    let context = (!is_json_ld).then(|| {
        format!(
            "<{context}>;rel=\"http://www.w3.org/ns/json-ld#context\";type=\"application/ld+json\""
        )
    });
    let links: Vec<_> = profile.into_iter().chain(context).collect();
    (!links.is_empty()).then(|| value(links.join(", ")))
}

/// The media type of a document.
pub(super) fn document_type(context: &str, is_json_ld: bool) -> HeaderValue {
    if is_json_ld {
        value(format!("application/ld+json;profile=\"{context}\""))
    } else {
        HeaderValue::from_static("application/json")
    }
}

/// Says where the information is.
pub(super) fn redirect(location: String) -> Response<ResponseBody> {
    let mut response = Response::new(empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    response
        .headers_mut()
        .insert(http::header::LOCATION, value(location));
    response.headers_mut().insert(CACHE_CONTROL, CACHED);
    response
}

/// Answers a browser that asks what it may do.
pub(super) fn preflight() -> Response<ResponseBody> {
    let mut response = Response::new(empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(http::header::ALLOW, METHODS);
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    // The asterisk does not cover `Authorization`, which viewers send to servers that do not ask for it.
    headers.insert(
        ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static("*, Authorization"),
    );
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    response
}

/// Lets the scripts of every page read an answer, errors included.
pub(super) fn open_to_all_origins(headers: &mut HeaderMap) {
    const READABLE: [(HeaderName, HeaderValue); 3] = [
        (ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
        (
            ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static("Accept-Ranges, Content-Range, ETag, Link, Retry-After"),
        ),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    headers.extend(READABLE);
}

/// A header of text that is built here: addresses are percent-encoded, the rest is ours.
pub(super) fn value(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("the text holds visible ASCII only")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn description() -> Description {
        Description {
            content_type: HeaderValue::from_static("image/jpeg"),
            link: None,
            etag: HeaderValue::from_static("\"1-2-ab-full/200,100/0/default.jpg\""),
            modified: Some(Timestamp::from_micros(1_462_353_630_900_000)),
            by_accept: false,
        }
    }

    fn known(name: HeaderName, text: &'static str) -> bool {
        let headers = HeaderMap::from_iter([(name, HeaderValue::from_static(text))]);
        description().not_modified(&headers).is_some()
    }

    #[test]
    fn a_tag_is_found_in_a_list_although_it_holds_commas() {
        for (tags, expected) in [
            ("\"1-2-ab-full/200,100/0/default.jpg\"", true),
            ("W/\"1-2-ab-full/200,100/0/default.jpg\"", true),
            ("\"a\", \"1-2-ab-full/200,100/0/default.jpg\" , \"b\"", true),
            ("*", true),
            ("\"1-3-ab-full/200,100/0/default.jpg\"", false),
            ("1-2-ab-full/200,100/0/default.jpg", false),
            ("\"", false),
            ("", false),
        ] {
            assert_eq!(known(IF_NONE_MATCH, tags), expected, "{tags}");
        }
    }

    #[test]
    fn dates_are_compared_in_whole_seconds() {
        for (date, expected) in [
            ("Wed, 04 May 2016 09:20:30 GMT", true),
            ("Wed, 04 May 2016 09:20:31 GMT", true),
            ("Wed, 04 May 2016 09:20:29 GMT", false),
            ("yesterday", false),
        ] {
            assert_eq!(known(IF_MODIFIED_SINCE, date), expected, "{date}");
        }
    }

    #[test]
    fn the_tag_decides_where_there_is_one() {
        let headers = HeaderMap::from_iter([
            (IF_NONE_MATCH, HeaderValue::from_static("\"other\"")),
            (
                IF_MODIFIED_SINCE,
                HeaderValue::from_static("Wed, 04 May 2016 09:20:31 GMT"),
            ),
        ]);
        assert!(description().not_modified(&headers).is_none());
    }
}
