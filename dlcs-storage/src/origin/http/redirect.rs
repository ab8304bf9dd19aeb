//! Redirects: where the next hop goes, and what it may carry. Pure.

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, LOCATION};
use url::Url;

use super::error::Failure;

/// The most redirects that are followed.
pub(super) const MAX_REDIRECTS: usize = 8;

/// Returns where an answer sends the caller, if it does.
pub(super) fn target(
    from: &Url,
    status: StatusCode,
    headers: &HeaderMap,
) -> Result<Option<Url>, Failure> {
    if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let location = headers
        .get(LOCATION)
        .and_then(|value| std::str::from_utf8(value.as_bytes()).ok())
        .ok_or(Failure::RedirectWithoutAddress)?;
    let to = from
        .join(location)
        .map_err(|_| Failure::RedirectWithoutAddress)?;
    match (from.scheme(), to.scheme()) {
        ("https", "http") => Err(Failure::RedirectToPlainText),
        (_, "http" | "https") => Ok(Some(without_userinfo(to))),
        _ => Err(Failure::RedirectToOtherScheme),
    }
}

/// Drops a user and a password: the client would send them as credentials.
pub(super) fn without_userinfo(mut url: Url) -> Url {
    // Both fail only for URLs that can hold neither.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url
}

/// Whether credentials for one address may be sent to another: the same host and port, or the same host's step from http to https.
pub(super) fn keeps_credentials(from: &Url, to: &Url) -> bool {
    let ports = (from.port_or_known_default(), to.port_or_known_default());
    from.host_str() == to.host_str()
        && match (from.scheme(), to.scheme()) {
            ("http", "https") => ports == (Some(80), Some(443)),
            (one, other) => one == other && ports.0 == ports.1,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn follow(from: &str, location: &str) -> Result<Option<Url>, Failure> {
        let mut headers = HeaderMap::new();
        headers.insert(LOCATION, location.parse().unwrap());
        target(&url(from), StatusCode::FOUND, &headers)
    }

    #[test]
    fn locations_are_resolved() {
        for (location, to) in [
            ("b.jpg", "http://h/x/b.jpg"),
            ("/b.jpg", "http://h/b.jpg"),
            ("?page=2", "http://h/x/a.jpg?page=2"),
            ("//other/b.jpg", "http://other/b.jpg"),
            ("https://h/b.jpg", "https://h/b.jpg"),
            ("http://u:p@h/b.jpg", "http://h/b.jpg"),
        ] {
            assert_eq!(follow("http://h/x/a.jpg", location), Ok(Some(url(to))));
        }
    }

    #[test]
    fn some_redirects_are_not_followed() {
        for (from, location, failure) in [
            ("https://h/", "http://h/", Failure::RedirectToPlainText),
            ("http://h/", "ftp://h/", Failure::RedirectToOtherScheme),
            (
                "http://h/",
                "file:///etc/passwd",
                Failure::RedirectToOtherScheme,
            ),
            ("http://h/", "javascript:1", Failure::RedirectToOtherScheme),
            ("http://h/", "http://a b/", Failure::RedirectWithoutAddress),
        ] {
            assert_eq!(follow(from, location), Err(failure), "{location}");
        }
        let nowhere = target(&url("http://h/"), StatusCode::FOUND, &HeaderMap::new());
        assert_eq!(nowhere, Err(Failure::RedirectWithoutAddress));
        let unchanged = target(
            &url("http://h/"),
            StatusCode::NOT_MODIFIED,
            &HeaderMap::new(),
        );
        assert_eq!(unchanged, Ok(None));
    }

    #[test]
    fn credentials_stay_with_their_host() {
        for (from, to, keeps) in [
            ("http://h/a", "http://h/b", true),
            ("http://h/a", "http://h:80/b", true),
            ("http://h/a", "https://h/b", true),
            ("http://h:8080/a", "https://h/b", false),
            ("http://h/a", "https://h:8443/b", false),
            ("http://h/a", "http://h:81/b", false),
            ("http://h/a", "http://i/b", false),
            ("http://h/a", "http://sub.h/b", false),
        ] {
            assert_eq!(
                keeps_credentials(&url(from), &url(to)),
                keeps,
                "{from} {to}"
            );
        }
    }
}
