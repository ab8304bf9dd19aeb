//! `/file`: the source of an image as it came, whole or in part.

use std::fmt;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use bytes::Bytes;
use dlcs_core::Image;
use dlcs_core::derivative::{DerivativeError, DerivativeKey};
use dlcs_core::image::ImageOriginal;
use dlcs_core::policy::Channel;
use futures_util::stream::{BoxStream, Stream, StreamExt};
use http::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_SECURITY_POLICY,
    IF_RANGE, RANGE,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};

use super::headers::{self, Description};
use super::range::Part;
use super::{Failure, nothing_here};
use crate::body::{BoxError, ResponseBody, flowing, left_out};
use crate::context::Context;
use crate::error::{ApiError, Kind};
use crate::hydra::encode_segment;

/// How much of a source is held in memory for each who reads it, in bytes.
const CHUNK: u64 = 256 << 10;
/// As much where each read is a request to another machine.
const REMOTE_CHUNK: u64 = 1 << 20;
/// What comes from a stranger may do nothing in a browser, whatever it is.
const SANDBOX: HeaderValue = HeaderValue::from_static("default-src 'none'; sandbox");

/// Answers a request for the source of an image.
pub(super) async fn answer(
    context: &Context,
    request: &Parts,
    image: &Image,
) -> Result<Response<ResponseBody>, Failure> {
    let original = image
        .original
        .as_ref()
        .filter(|_| image.has_channel(Channel::File));
    let original = original.ok_or_else(nothing_here)?;
    let length = original.source.size;
    let description = describe(context, original);
    if let Some(response) = description.not_modified(&request.headers) {
        return Ok(response);
    }
    let part = match request.headers.get(IF_RANGE) {
        // Ranges are of GET only (RFC 9110 §14.2).
        _ if request.method != Method::GET => Part::Whole,
        Some(known) if !is_current(known, &description) => Part::Whole,
        _ => Part::of(text(&request.headers, &RANGE), length),
    };
    let (status, range) = match part {
        Part::Whole => (StatusCode::OK, 0..length),
        Part::Bytes(range) => (StatusCode::PARTIAL_CONTENT, range),
        Part::Beyond => return Ok(beyond(context, request, length)),
    };
    let mut response = Response::new(left_out());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    description.add_to(headers);
    add_headers(headers, image, original, &range, status);
    if request.method != Method::HEAD {
        let body = read(context, original.key(&image.id), range.clone()).await?;
        *response.body_mut() = flowing(body, range.end - range.start);
    }
    Ok(response)
}

fn describe(context: &Context, original: &ImageOriginal) -> Description {
    let media_type = HeaderValue::try_from(original.source.media_type.as_str());
    Description {
        content_type: media_type.unwrap_or(HeaderValue::from_static("application/octet-stream")),
        link: None,
        etag: headers::file_etag(original),
        modified: headers::settled(original.stored, context.dlcs.clock().now()),
        by_accept: false,
    }
}

fn add_headers(
    headers: &mut HeaderMap,
    image: &Image,
    original: &ImageOriginal,
    range: &Range<u64>,
    status: StatusCode,
) {
    let length = original.source.size;
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(CONTENT_LENGTH, (range.end - range.start).into());
    headers.insert(CONTENT_SECURITY_POLICY, SANDBOX);
    if status == StatusCode::PARTIAL_CONTENT {
        let text = format!("bytes {}-{}/{length}", range.start, range.end - 1);
        headers.insert(CONTENT_RANGE, headers::value(text));
    }
    if !is_inert(&original.source.media_type) {
        let name = encode_segment(image.id.model().as_str());
        let text = format!("attachment; filename*=UTF-8''{}", name.replace('\'', "%27"));
        headers.insert(CONTENT_DISPOSITION, headers::value(text));
    }
}

/// Whether a browser can show it without running anything in it.
fn is_inert(media_type: &str) -> bool {
    match media_type.split_once('/') {
        Some(("image", kind)) => !kind.contains("xml"),
        Some(("audio" | "video", _)) => true,
        _ => media_type == "text/plain",
    }
}

/// Whether what the client has a part of is what there is (RFC 9110 §13.1.5).
fn is_current(known: &HeaderValue, description: &Description) -> bool {
    if *known == description.etag {
        return true;
    }
    let modified = description.modified.map(|at| at.to_http_date());
    modified.is_some_and(|date| known.as_bytes() == date.as_bytes())
}

fn beyond(context: &Context, request: &Parts, length: u64) -> Response<ResponseBody> {
    let detail = format!("the file has {length} bytes, and none where the range begins");
    let error = ApiError::new(Kind::RangeNotSatisfiable, detail);
    let mut response = context
        .span(request)
        .in_scope(|| error.into_response(context));
    let whole = headers::value(format!("bytes */{length}"));
    response.headers_mut().insert(CONTENT_RANGE, whole);
    response
}

fn text<'h>(headers: &'h HeaderMap, name: &http::HeaderName) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The bytes of a source, piece by piece; the first piece is there, so that what is missing is said before anything is sent.
async fn read(context: &Context, key: DerivativeKey, range: Range<u64>) -> Result<Pieces, Failure> {
    let store = context.dlcs.derivatives();
    let chunk = if store.is_remote() {
        REMOTE_CHUNK
    } else {
        CHUNK
    };
    let first = store.get_range(&key, range.start..range.end.min(range.start + chunk));
    let first = match first.await {
        Ok(bytes) => bytes,
        Err(DerivativeError::NotFound { .. }) => return Err(Failure::Gone),
        Err(error) => return Err(ApiError::from(error).into()),
    };
    let at = range.start + first.len() as u64;
    let dlcs = context.dlcs.clone();
    let rest = futures_util::stream::try_unfold(at, move |at| {
        let (dlcs, key) = (dlcs.clone(), key.clone());
        let end = range.end.min(at + chunk);
        async move {
            if at >= end {
                return Ok(None);
            }
            let bytes = dlcs.derivatives().get_range(&key, at..end).await?;
            if bytes.is_empty() {
                return Err("the stored file is shorter than its record".into());
            }
            let next = at + bytes.len() as u64;
            Ok::<_, BoxError>(Some((bytes, next)))
        }
    });
    let first = futures_util::stream::once(async { Ok(first) });
    Ok(Pieces(first.chain(rest).boxed()))
}

/// The pieces of a file.
pub(crate) struct Pieces(BoxStream<'static, Result<Bytes, BoxError>>);

impl Stream for Pieces {
    type Item = Result<Bytes, BoxError>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut TaskContext<'_>,
    ) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(context)
    }
}

impl fmt::Debug for Pieces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pieces(..)")
    }
}
