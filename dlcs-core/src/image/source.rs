//! Where the master of an image is.

use std::fmt;

use thiserror::Error;
use url::Url;

use crate::derivative::UploadId;

/// The longest origin address, in bytes.
pub const ORIGIN_MAX_BYTES: usize = 2048;

/// Why a text is not an origin.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OriginUrlError {
    /// Not an absolute URL.
    #[error("is not an absolute URL ({reason})")]
    NotAUrl {
        /// What the parser said.
        reason: String,
    },
    /// More than [`ORIGIN_MAX_BYTES`].
    #[error("is longer than {ORIGIN_MAX_BYTES} bytes")]
    TooLong,
    /// Holds control characters, as they are or percent-encoded.
    #[error("holds control characters")]
    Control,
    /// Holds a user or a password.
    #[error("holds a user or a password: put them into the credentials of an origin strategy")]
    Userinfo,
    /// Names no host.
    #[error("names no host")]
    NoHost,
    /// Port 0.
    #[error("has port 0")]
    PortZero,
    /// The address of an S3 object of which a URL keeps something else.
    #[error(
        "would lose a part of its key: percent-encode `#`, and leave out `.` and `..` between slashes"
    )]
    KeyPart,
}

/// The address of a master image.
///
/// Invariants:
/// * an absolute URL of at most [`ORIGIN_MAX_BYTES`], with a host (unless it is a `file` URL) in ASCII (punycode);
/// * no user, no password, no fragment, no control characters, not even percent-encoded.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OriginUrl(Url);

impl OriginUrl {
    /// Parses an origin.
    ///
    /// # Errors
    /// The [`OriginUrlError`] that names the broken invariant.
    pub fn parse(text: &str) -> Result<Self, OriginUrlError> {
        if text.len() > ORIGIN_MAX_BYTES {
            return Err(OriginUrlError::TooLong);
        }
        if text.chars().any(char::is_control) || has_encoded_control(text) {
            return Err(OriginUrlError::Control);
        }
        let mut url = Url::parse(text).map_err(|error| OriginUrlError::NotAUrl {
            reason: error.to_string(),
        })?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(OriginUrlError::Userinfo);
        }
        if url.cannot_be_a_base() {
            return Err(OriginUrlError::NoHost);
        }
        if url.host_str().is_none_or(str::is_empty) && url.scheme() != "file" {
            return Err(OriginUrlError::NoHost);
        }
        if url.port() == Some(0) {
            return Err(OriginUrlError::PortZero);
        }
        if url.scheme() == "s3" && (url.fragment().is_some() || has_dot_segment(text)) {
            return Err(OriginUrlError::KeyPart);
        }
        url.set_fragment(None);
        Ok(Self(url))
    }

    /// The URL.
    #[must_use]
    pub const fn url(&self) -> &Url {
        &self.0
    }

    /// The URL as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

fn has_encoded_control(text: &str) -> bool {
    text.as_bytes().windows(3).any(|w| {
        w[0] == b'%' && matches!(w[1], b'0' | b'1') && w[2].is_ascii_hexdigit()
            || w.eq_ignore_ascii_case(b"%7f")
    })
}

/// Whether a part between slashes is one that URLs resolve, so that another address comes of it.
fn has_dot_segment(text: &str) -> bool {
    text.split(['/', '?']).any(|part| {
        let part = part.to_ascii_lowercase().replace("%2e", ".");
        part == "." || part == ".."
    })
}

impl fmt::Display for OriginUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl fmt::Debug for OriginUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OriginUrl({})", self.0)
    }
}

/// Where the master of an image is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageSource {
    /// At an address.
    Origin(OriginUrl),
    /// In the derivative store, sent with the registration; gone once the image has been processed.
    Upload(UploadId),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_absolute_and_without_secrets() {
        for (text, error) in [
            (
                "https://user:password@example.org/",
                OriginUrlError::Userinfo,
            ),
            ("https://user@example.org/", OriginUrlError::Userinfo),
            ("ftp://h/x%0d%0aDELE%20y", OriginUrlError::Control),
            ("http://example.org/\u{7f}", OriginUrlError::Control),
            ("http://example.org:0/", OriginUrlError::PortZero),
            ("mailto:a@b", OriginUrlError::NoHost),
        ] {
            assert_eq!(OriginUrl::parse(text), Err(error), "{text}");
        }
        for text in [
            "",
            "/a.jpg",
            "example.org/a.jpg",
            "\\\\host\\share",
            "http://",
            "http://a b/",
            "http://h:65536/",
        ] {
            assert!(OriginUrl::parse(text).is_err(), "{text}");
        }
        assert_eq!(
            OriginUrl::parse(&format!("http://h/{}", "a".repeat(2048))),
            Err(OriginUrlError::TooLong)
        );
    }

    #[test]
    fn keys_of_s3_come_through_whole_or_not_at_all() {
        for text in [
            "s3://bucket/../x",
            "s3://bucket/a/../x",
            "s3://bucket/a/./x",
            "s3://bucket/a/..",
            "s3://bucket/%2e%2E/x",
            "s3://bucket/.%2e/x",
            "S3://bucket/../x",
            "s3://bucket/a#b",
        ] {
            assert_eq!(
                OriginUrl::parse(text),
                Err(OriginUrlError::KeyPart),
                "{text}"
            );
        }
        for text in [
            "s3://bucket/a..b/.c/d.",
            "s3://bucket/a%23b",
            "s3://bucket/a//b",
            "https://h/a/../x#y",
        ] {
            assert!(OriginUrl::parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn names_beyond_ascii_become_punycode() {
        assert_eq!(
            OriginUrl::parse("https://Bücher.example/ä.tif#x")
                .unwrap()
                .as_str(),
            "https://xn--bcher-kva.example/%C3%A4.tif"
        );
    }
}
