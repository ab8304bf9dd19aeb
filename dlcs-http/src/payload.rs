//! The body of a request on its way in: JSON, or the bytes of a master, within limits.

use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Buf, Bytes};
use dlcs_core::derivative::{Checksum, DerivativeError};
use futures_util::Stream;
use futures_util::stream;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use http_body::Body;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::body::{BoxError, parse_object};
use crate::error::{ApiError, Kind};
use crate::form::{self, Form};

/// The largest bodies that are read, in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyLimits {
    /// Of JSON, which is held in memory.
    pub(crate) json: u64,
    /// Of masters, which are not.
    pub(crate) upload: u64,
}

impl Default for BodyLimits {
    /// 64 MiB, and 1 GiB.
    fn default() -> Self {
        Self {
            json: 64 << 20,
            upload: 1 << 30,
        }
    }
}

/// What the body of a request about an image holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    /// A JSON object, whatever the content type says: the commands of the seed send it as a form.
    Json,
    /// The bytes of a master.
    Master {
        /// Of what kind they are said to be.
        media_type: Option<String>,
    },
    /// A form of parts (RFC 7578), with what stands between them.
    Form {
        /// The text between the parts.
        boundary: String,
    },
}

/// The body of a request that has not been read yet.
pub(crate) struct Payload {
    body: UnsyncBoxBody<Bytes, BoxError>,
    declared: Option<u64>,
    encoded: bool,
    content_type: Option<HeaderValue>,
    slug: Option<HeaderValue>,
    limits: BodyLimits,
    hash: Option<BodyHash>,
}

/// The SHA-256 of as much of a body as has been read.
#[derive(Debug, Clone, Default)]
pub(crate) struct BodyHash(Arc<Mutex<Sha256>>);

impl BodyHash {
    pub(crate) fn value(&self) -> Checksum {
        Checksum(self.lock().clone().finalize().into())
    }

    fn lock(&self) -> MutexGuard<'_, Sha256> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Payload {
    /// Takes the body of a request.
    pub(crate) fn new<B>(headers: &HeaderMap, body: B, limits: BodyLimits) -> Self
    where
        B: Body + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let body = body
            .map_frame(|frame| frame.map_data(|mut data| data.copy_to_bytes(data.remaining())))
            .map_err(Into::into)
            .boxed_unsync();
        let declared = headers
            .get(CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.parse().ok());
        let encoded = headers
            .get_all(CONTENT_ENCODING)
            .iter()
            .any(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity"));
        Self {
            body,
            declared,
            encoded,
            content_type: headers.get(CONTENT_TYPE).cloned(),
            slug: headers.get("slug").cloned(),
            limits,
            hash: None,
        }
    }

    /// What the body holds, by its content type.
    pub(crate) fn content(&self) -> Result<Content, ApiError> {
        let given = self.content_type.as_ref();
        let given = given.and_then(|value| value.to_str().ok()).unwrap_or("");
        let (media_type, parameters) = given.split_once(';').unwrap_or((given, ""));
        let media_type = media_type.trim().to_ascii_lowercase();
        match media_type.split_once('/') {
            Some(("image", _)) => Ok(Content::Master {
                media_type: Some(media_type),
            }),
            Some(("application", "octet-stream")) => Ok(Content::Master { media_type: None }),
            Some(("multipart", "form-data")) => match form::boundary(given) {
                Some(boundary) => Ok(Content::Form { boundary }),
                None => Err(ApiError::new(
                    Kind::MalformedBody,
                    format!(
                        "the content type is `multipart/form-data` without a usable `boundary` (`{}`): let the client make it",
                        dlcs_core::image::shorten(parameters.trim())
                    ),
                )),
            },
            _ => Ok(Content::Json),
        }
    }

    /// Whether the body holds the bytes of a master as they are.
    pub(crate) fn has_bytes(&self) -> bool {
        matches!(
            self.content(),
            Ok(Content::Master { .. } | Content::Form { .. })
        )
    }

    /// The id that the client asks for (RFC 5023 section 9.7: percent-encoded UTF-8).
    pub(crate) fn slug(&self) -> Result<Option<String>, ApiError> {
        let Some(slug) = &self.slug else {
            return Ok(None);
        };
        let text = percent_encoding::percent_decode(slug.as_bytes()).decode_utf8();
        match text {
            Ok(text) => Ok(Some(text.trim().to_owned())),
            Err(_) => Err(ApiError::new(
                Kind::Invalid,
                "the header `Slug` is not percent-encoded UTF-8: correct it, or give the id as `?id=`",
            )),
        }
    }

    /// Reads the body as one JSON object, whatever its content type.
    pub(crate) async fn object(self) -> Result<Map<String, Value>, ApiError> {
        parse_object(&self.bytes().await?)
    }

    /// Reads a file, which is as large as JSON at most: the body, or the part `file` of a form.
    pub(crate) async fn file(self) -> Result<Vec<u8>, ApiError> {
        let Content::Form { boundary } = self.content()? else {
            return self.bytes().await;
        };
        let mut form = Form::new(&boundary, stream_of(self.reader(|limits| limits.json)?));
        let mut file = None;
        while let Some(part) = form.next_part().await? {
            if part.name.as_deref() != Some("file") || file.is_some() {
                return Err(ApiError::new(
                    Kind::MalformedBody,
                    "the form has other parts than one `file`: send that alone",
                ));
            }
            let bytes = file.get_or_insert_with(Vec::new);
            while let Some(chunk) = form.chunk().await? {
                bytes.extend_from_slice(&chunk);
            }
        }
        file.ok_or_else(|| ApiError::new(Kind::MalformedBody, "the form has no part `file`"))
    }

    /// The same, and the hash that what is read of it adds to.
    pub(crate) fn hashed(self) -> (BodyHash, Self) {
        let hash = BodyHash::default();
        let payload = Self {
            hash: Some(hash.clone()),
            ..self
        };
        (hash, payload)
    }

    /// Reads the body, which is as large as JSON at most; returns the payload as if it had not been read.
    pub(crate) async fn held(self) -> Result<Self, ApiError> {
        let (content_type, slug, limits) =
            (self.content_type.clone(), self.slug.clone(), self.limits);
        let bytes = self.bytes().await?;
        Ok(Self {
            declared: Some(bytes.len() as u64),
            body: Full::from(bytes)
                .map_err(|never| match never {})
                .boxed_unsync(),
            encoded: false,
            content_type,
            slug,
            limits,
            hash: None,
        })
    }

    /// Reads the bytes of a master, and keeps nothing of them.
    pub(crate) async fn pass_over(self) -> Result<(), ApiError> {
        let mut reader = self.reader(|limits| limits.upload)?;
        while reader.next().await?.is_some() {}
        Ok(())
    }

    async fn bytes(self) -> Result<Vec<u8>, ApiError> {
        let mut bytes = Vec::new();
        let mut reader = self.reader(|limits| limits.json)?;
        while let Some(chunk) = reader.next().await? {
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    /// The body as it comes; an [`ApiError`] in it is the source of the store's.
    pub(crate) fn stream(
        self,
    ) -> Result<impl Stream<Item = Result<Bytes, DerivativeError>> + Send + 'static, ApiError> {
        self.reader(|limits| limits.upload).map(stream_of)
    }

    /// Refuses a body that would have to be decoded.
    pub(crate) fn check_encoding(&self) -> Result<(), ApiError> {
        if self.encoded {
            let detail = "the body has a `Content-Encoding`: send it as it is";
            return Err(ApiError::new(Kind::ContentEncoding, detail));
        }
        Ok(())
    }

    fn reader(self, limit: impl Fn(BodyLimits) -> u64) -> Result<Reader, ApiError> {
        self.check_encoding()?;
        let reader = Reader {
            body: self.body,
            left: limit(self.limits),
            limit: limit(self.limits),
            hash: self.hash,
        };
        match self.declared {
            Some(length) if length > reader.limit => Err(reader.too_large()),
            _ => Ok(reader),
        }
    }
}

fn stream_of(
    reader: Reader,
) -> impl Stream<Item = Result<Bytes, DerivativeError>> + Send + 'static {
    stream::try_unfold(reader, |mut reader| async move {
        let chunk = reader.next().await.map_err(|error| DerivativeError::Body {
            source: Box::new(error),
        })?;
        Ok(chunk.map(|chunk| (chunk, reader)))
    })
}

/// Reads a body up to a limit.
struct Reader {
    body: UnsyncBoxBody<Bytes, BoxError>,
    left: u64,
    limit: u64,
    hash: Option<BodyHash>,
}

impl Reader {
    async fn next(&mut self) -> Result<Option<Bytes>, ApiError> {
        while let Some(frame) = self.body.frame().await {
            let frame = frame.map_err(|error| interrupted(error.as_ref()))?;
            let Ok(data) = frame.into_data() else {
                continue;
            };
            self.left = self
                .left
                .checked_sub(data.len() as u64)
                .ok_or_else(|| self.too_large())?;
            if let Some(hash) = &self.hash {
                hash.lock().update(&data);
            }
            return Ok(Some(data));
        }
        Ok(None)
    }

    fn too_large(&self) -> ApiError {
        ApiError::new(
            Kind::BodyTooLarge,
            format!("the body is larger than the limit of {} bytes", self.limit),
        )
    }
}

/// The client, or the time that it was given, came to an end before the body did.
fn interrupted(error: &(dyn Error + 'static)) -> ApiError {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error
            .downcast_ref::<std::io::Error>()
            .is_some_and(|error| error.kind() == std::io::ErrorKind::TimedOut)
        {
            return ApiError::new(
                Kind::RequestTimeout,
                "the body of the request stopped coming, or came too slowly: send it again",
            );
        }
        cause = error.source();
    }
    ApiError::new(
        Kind::MalformedBody,
        "the body of the request ended early: send it again",
    )
}
