//! Reading what an origin gives, and saying what came.

use std::error::Error;
use std::fmt::Write;

use bytes::{Bytes, BytesMut};
use dlcs_core::origin::{OriginEntry, OriginRequest, OriginResponse, OriginStrategy, Result};
use futures_util::StreamExt;
use url::Url;

use super::OriginFixture;
use crate::verdict::{Said, broken, require};

/// Bytes without a pattern, the same each time; each length has its own.
pub(super) fn noise(length: usize) -> Bytes {
    let mut state = length as u64 ^ 0x9e37_79b9_7f4a_7c15;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    std::iter::repeat_with(next).take(length).collect()
}

pub(super) async fn read(fixture: &dyn OriginFixture, request: OriginRequest<'_>) -> Result<Bytes> {
    collect(fixture.origin().open(request).await?).await
}

pub(super) async fn collect(response: OriginResponse) -> Result<Bytes> {
    let mut body = response.into_body();
    let mut bytes = BytesMut::new();
    while let Some(chunk) = body.next().await {
        bytes.extend_from_slice(&chunk?);
    }
    Ok(bytes.freeze())
}

#[track_caller]
pub(super) fn unwrap<T>(result: Result<T>, why: &str) -> T {
    result.unwrap_or_else(|error| broken("an answer", error, why))
}

#[track_caller]
pub(super) fn require_bytes(expected: &Bytes, got: &Result<Bytes>, why: &str) {
    let same = matches!(got, Ok(bytes) if bytes == expected);
    let length = expected.len();
    require(
        same,
        format_args!("the {length} bytes of the object"),
        summary(got),
        why,
    );
}

/// What came, in a few words.
pub(super) fn summary(got: &Result<Bytes>) -> Said {
    match got {
        Ok(bytes) => Said(format!("{} bytes, and no error", bytes.len())),
        Err(error) => Said(format!("{error:?}")),
    }
}

/// Writes down all that a result says of itself.
pub(super) fn tell(said: &mut String, result: &Result<OriginResponse>) {
    let _ = write!(said, " {result:?} {result:#?}");
    let mut cause: Option<&dyn Error> = result.as_ref().err().map(|error| error as _);
    while let Some(error) = cause {
        let _ = write!(said, " {error}");
        cause = error.source();
    }
}

pub(super) async fn list(origin: &dyn OriginStrategy, folder: &Url) -> Vec<OriginEntry> {
    const WHY: &str = "an import must see every object, once";
    let mut entries = unwrap(origin.list(OriginRequest::new(folder)).await, WHY);
    let mut all = Vec::new();
    while let Some(entry) = entries.next().await {
        all.push(unwrap(entry, WHY));
    }
    all
}
