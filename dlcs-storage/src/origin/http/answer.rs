//! Answers: what a status means, and the body within its limits.

use std::time::Duration;

use dlcs_core::origin::{OriginError, OriginRequest, OriginResponse, Result};
use dlcs_core::time::{Clock, Timestamp};
use futures_util::stream;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use tokio::sync::OwnedSemaphorePermit;

use super::error::Failure;
use crate::origin::bounds::{Bounds, Deadline};

/// The longest wait that an origin may ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);

/// Says what a final answer means: an error, or bytes to come.
pub(super) fn accept(
    response: Response,
    turn: OwnedSemaphorePermit,
    request: &OriginRequest<'_>,
    deadline: Deadline,
    clock: &dyn Clock,
) -> Result<OriginResponse> {
    let headers = response.headers();
    check_status(response.status(), headers, clock)?;
    if headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .any(|coding| !coding.is_empty() && !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
    {
        return Err(Failure::Compressed.into());
    }
    let media_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let expected = response.content_length();
    let bounds = Bounds::of(request, expected, deadline)?;
    let body = stream::try_unfold(
        (response, turn, 0),
        move |(mut response, turn, received)| async move {
            // The cause is not kept: it may hold text of the origin, and the numbers say it all.
            let interrupted = OriginError::Interrupted { received, expected };
            let chunk = response.chunk().await.map_err(|_| interrupted)?;
            Ok(chunk.map(|bytes| {
                let received = received + bytes.len() as u64;
                (bytes, (response, turn, received))
            }))
        },
    );
    let mut answer = OriginResponse::new(bounds.hold(body));
    if let Some(length) = expected {
        answer = answer.with_length(length);
    }
    if let Some(media_type) = media_type {
        answer = answer.with_media_type(media_type);
    }
    Ok(answer)
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
            retry_after: headers
                .get(RETRY_AFTER)
                .and_then(|value| value.to_str().ok())
                .and_then(|value| retry_after(value, clock.now())),
        }),
        _ => Err(OriginError::Refused { status }),
    }
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
