//! The bytes of an answer, and what is done when the connection breaks under them.

use std::sync::Arc;

use bytes::Bytes;
use dlcs_core::origin::{OriginError, OriginRequest, OriginResponse, Result};
use dlcs_core::time::Timestamp;
use futures_util::stream;
use reqwest::header::{
    CONTENT_RANGE, DATE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_RANGE, LAST_MODIFIED, RANGE,
};
use reqwest::{Response, StatusCode};
use tokio::sync::OwnedSemaphorePermit;

use super::{Hop, answer, send};
use crate::origin::bounds::{Bounds, Deadline};
use crate::origin::client::Clients;

/// How often a broken transfer is taken up again.
const MAX_RESUMES: u32 = 4;

/// An answer on its way.
pub(super) struct Transfer {
    clients: Arc<Clients>,
    hop: Hop,
    response: Response,
    expected: Option<u64>,
    received: u64,
    /// What says that two answers are of one version; without it a broken transfer is an error.
    version: Option<Version>,
    resumes: u32,
    /// Where the present answer began.
    began: u64,
    _turn: OwnedSemaphorePermit,
}

impl Transfer {
    pub(super) fn new(
        clients: Arc<Clients>,
        hop: Hop,
        response: Response,
        turn: OwnedSemaphorePermit,
    ) -> Self {
        Self {
            clients,
            hop,
            expected: response.content_length(),
            received: 0,
            version: Version::of(response.headers()),
            resumes: 0,
            began: 0,
            response,
            _turn: turn,
        }
    }

    /// Holds the bytes to the bounds of the request.
    pub(super) fn into_answer(
        self,
        media_type: Option<String>,
        request: &OriginRequest<'_>,
        deadline: Deadline,
    ) -> Result<OriginResponse> {
        let expected = self.expected;
        let bounds = Bounds::of(request, expected, deadline)?;
        let body = stream::try_unfold(self, |mut transfer| async move {
            let chunk = transfer.chunk().await?;
            Ok(chunk.map(|bytes| (bytes, transfer)))
        });
        let mut answer = OriginResponse::new(bounds.hold(body));
        if let Some(length) = expected {
            answer = answer.with_length(length);
        }
        if let Some(media_type) = media_type {
            answer = answer.with_media_type(media_type);
        }
        Ok(answer)
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>> {
        loop {
            // The cause is not kept: it may hold text of the origin, and the numbers say it all.
            let Ok(chunk) = self.response.chunk().await else {
                self.resume().await?;
                continue;
            };
            if let Some(bytes) = &chunk {
                self.received += bytes.len() as u64;
            }
            return Ok(chunk);
        }
    }

    /// Asks for the rest of a broken transfer, of the same version and nothing else.
    async fn resume(&mut self) -> Result<()> {
        let interrupted = || OriginError::Interrupted {
            received: self.received,
            expected: self.expected,
        };
        let (Some(version), Some(length)) = (&self.version, self.expected) else {
            return Err(interrupted());
        };
        let came = self.received > self.began;
        if !came || self.resumes == MAX_RESUMES || self.received >= length {
            return Err(interrupted());
        }
        let headers = version.ask_from(self.received).ok_or_else(interrupted)?;
        let sent = send(&self.clients, &self.hop, headers).await;
        let response = sent.map_err(|_| interrupted())?;
        if !version.continues(&response, self.received, length) {
            return Err(interrupted());
        }
        self.response = response;
        self.began = self.received;
        self.resumes += 1;
        tracing::debug!(at = self.received, "a broken transfer goes on");
        Ok(())
    }
}

/// What tells one version of a source from another (RFC 9110 §8.8): a strong validator.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Version {
    name: HeaderName,
    value: HeaderValue,
}

impl Version {
    /// An entity tag that is not weak; without any, a date of change that the origin knew a second later.
    fn of(headers: &HeaderMap) -> Option<Self> {
        let version = |name, value: &HeaderValue| {
            Some(Self {
                name,
                value: value.clone(),
            })
        };
        if let Some(tag) = headers.get(ETAG) {
            let strong = tag.as_bytes().starts_with(b"\"");
            return if strong { version(ETAG, tag) } else { None };
        }
        let date = |name| Timestamp::parse_http_date(headers.get(name)?.to_str().ok()?);
        let (changed, now) = (date(LAST_MODIFIED)?, date(DATE)?);
        if now.since(changed).as_secs() == 0 {
            return None;
        }
        version(LAST_MODIFIED, headers.get(LAST_MODIFIED)?)
    }

    /// The headers that ask for the bytes from one on, as long as the version is this.
    fn ask_from(&self, first: u64) -> Option<HeaderMap> {
        let mut headers = HeaderMap::new();
        headers.insert(RANGE, format!("bytes={first}-").parse().ok()?);
        headers.insert(IF_RANGE, self.value.clone());
        Some(headers)
    }

    /// Whether an answer holds the bytes from one on of this version.
    fn continues(&self, response: &Response, first: u64, length: u64) -> bool {
        response.status() == StatusCode::PARTIAL_CONTENT
            && self.is_range(response.headers(), first, length)
    }

    fn is_range(&self, headers: &HeaderMap, first: u64, length: u64) -> bool {
        let range = format!("bytes {first}-{}/{length}", length - 1);
        let is = |name: &HeaderName, value: &[u8]| {
            headers.get(name).map(HeaderValue::as_bytes) == Some(value)
        };
        // RFC 9110 §15.3.7: what a 200 would have said of the version stands in a 206, too, unless the asker knows it.
        let same = !headers.contains_key(&self.name) || is(&self.name, self.value.as_bytes());
        is(&CONTENT_RANGE, range.as_bytes()) && same && answer::check_coding(headers).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let field = |(name, value): &(&'static str, &'static str)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        };
        fields.iter().map(field).collect()
    }

    #[test]
    fn only_strong_validators_tell_versions_apart() {
        const NOW: (&str, &str) = ("date", "Wed, 04 May 2016 09:20:30 GMT");
        let changed = |value| ("last-modified", value);
        for (fields, name) in [
            (&[("etag", "\"a\""), NOW][..], Some(ETAG)),
            (&[("etag", "W/\"a\"")], None),
            (
                &[
                    ("etag", "W/\"a\""),
                    changed("Wed, 04 May 2016 09:20:00 GMT"),
                    NOW,
                ],
                None,
            ),
            (&[("etag", "a")], None),
            (
                &[changed("Wed, 04 May 2016 09:20:29 GMT"), NOW],
                Some(LAST_MODIFIED),
            ),
            (&[changed("Wed, 04 May 2016 09:20:30 GMT"), NOW], None),
            (&[changed("Wed, 04 May 2016 09:20:31 GMT"), NOW], None),
            (&[changed("Wed, 04 May 2016 09:20:29 GMT")], None),
            (&[changed("yesterday"), NOW], None),
            (&[NOW], None),
        ] {
            let version = Version::of(&headers(fields));
            assert_eq!(version.map(|version| version.name), name, "{fields:?}");
        }
    }

    #[test]
    fn only_the_rest_of_the_same_version_continues() {
        let version = Version::of(&headers(&[("etag", "\"a\"")])).unwrap();
        const REST: (&str, &str) = ("content-range", "bytes 40-99/100");
        for (fields, continues) in [
            (&[REST][..], true),
            (&[REST, ("etag", "\"a\"")], true),
            (&[REST, ("etag", "\"b\"")], false),
            (&[REST, ("etag", "W/\"a\"")], false),
            (&[REST, ("content-encoding", "gzip")], false),
            (&[("content-range", "bytes 41-99/100")], false),
            (&[("content-range", "bytes 0-99/100")], false),
            (&[("content-range", "bytes 40-98/100")], false),
            (&[("content-range", "bytes 40-99/101")], false),
            (&[("content-range", "bytes 40-99/*")], false),
            (&[("content-type", "multipart/byteranges")], false),
        ] {
            let got = version.is_range(&headers(fields), 40, 100);
            assert_eq!(got, continues, "{fields:?}");
        }
    }
}
