//! Answers: what a status means. Pure.

use std::time::Duration;

use dlcs_core::origin::{OriginError, Result};
use dlcs_core::time::{Clock, Timestamp};
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode};

use super::error::Failure;

/// The longest wait that an origin may ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);

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

/// Returns the wait that an origin asks for.
fn asked_wait(headers: &HeaderMap, clock: &dyn Clock) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?;
    retry_after(value, clock.now())
}

/// Reads the wait that an origin asks for: seconds, or a date.
fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    let wait = match value.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) if value.bytes().all(|b| b.is_ascii_digit()) && !value.is_empty() => MAX_RETRY_AFTER,
        Err(_) => Timestamp::parse_http_date(value)?.since(now),
    };
    Some(wait.min(MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_seconds_or_dates_and_at_most_an_hour() {
        let now = Timestamp::parse_http_date("Wed, 04 May 2016 09:20:30 GMT").unwrap();
        for (value, seconds) in [
            ("0", Some(0)),
            ("7", Some(7)),
            (" 7 ", Some(7)),
            ("3601", Some(3600)),
            ("99999999999999999999999", Some(3600)),
            ("Wed, 04 May 2016 09:20:40 GMT", Some(10)),
            ("Wed, 04 May 2016 09:20:20 GMT", Some(0)),
            ("Thu, 05 May 2016 09:20:30 GMT", Some(3600)),
            ("-7", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(
                retry_after(value, now),
                seconds.map(Duration::from_secs),
                "{value}"
            );
        }
    }
}
