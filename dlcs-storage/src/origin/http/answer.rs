//! Answers: what a status means. Pure.

use dlcs_core::origin::{OriginError, Result};
use dlcs_core::time::Clock;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use reqwest::{Response, StatusCode};

use super::error::Failure;
use crate::origin::wait::asked_wait;

/// Says what a final answer means: an error, or bytes to come, and of which media type.
pub(super) fn check(response: &Response, clock: &dyn Clock) -> Result<Option<String>> {
    let headers = response.headers();
    check_status(response.status(), headers, clock)?;
    check_coding(headers)?;
    Ok(headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned))
}

/// Refuses bytes that are not those of the source.
pub(super) fn check_coding(headers: &HeaderMap) -> Result<(), Failure> {
    let plain = |coding: &[u8]| coding.is_empty() || coding.eq_ignore_ascii_case(b"identity");
    let codings = headers.get_all(CONTENT_ENCODING).iter();
    if codings.into_iter().all(|coding| plain(coding.as_bytes())) {
        Ok(())
    } else {
        Err(Failure::Compressed)
    }
}

fn check_status(status: StatusCode, headers: &HeaderMap, clock: &dyn Clock) -> Result<()> {
    let code = status.as_u16();
    let status = Some(code);
    match code {
        206 => Err(Failure::PartOnly.into()),
        200..=299 => Ok(()),
        404 | 410 => Err(OriginError::NotFound { status }),
        401 | 403 => Err(OriginError::Denied { status }),
        408 | 425 | 429 | 500.. => Err(OriginError::Unavailable {
            status,
            retry_after: asked_wait(headers, clock),
        }),
        _ => Err(OriginError::Refused { status }),
    }
}
