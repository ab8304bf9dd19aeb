//! Answers: what a status means, and the body within its limits.

use std::time::Duration;

use dlcs_core::origin::{OriginError, OriginRequest, OriginResponse, Result};
use dlcs_core::time::{Clock, Timestamp};
use futures_util::StreamExt;
use futures_util::stream;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use tokio::time::{Instant, timeout};

use super::error::Failure;

/// The longest wait that an origin may ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);

/// The end of a fetch, and how long it may take in all.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    at: Instant,
    total: Duration,
}

impl Deadline {
    pub(super) fn after(total: Duration) -> Self {
        Self {
            at: Instant::now() + total,
            total,
        }
    }

    /// Waits for a part of the fetch, no longer than `patience` and not beyond the end.
    pub(super) async fn wait<F: Future>(self, patience: Duration, part: F) -> Result<F::Output> {
        let left = self.at.saturating_duration_since(Instant::now());
        timeout(patience.min(left), part)
            .await
            .map_err(|_| OriginError::TimedOut {
                after: if left < patience {
                    self.total
                } else {
                    patience
                },
            })
    }
}

/// Says what a final answer means: an error, or bytes to come.
pub(super) fn accept(
    response: Response,
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
    let limit = request.limit();
    if expected.is_some_and(|length| length > limit) {
        return Err(OriginError::TooLarge { limit });
    }
    let incoming = Incoming {
        response,
        received: 0,
        expected,
        limit,
        patience: request.patience(),
        deadline,
    };
    let body = stream::try_unfold(incoming, |mut incoming| async move {
        let bytes = incoming.next().await?;
        Ok(bytes.map(|bytes| (bytes, incoming)))
    });
    let mut answer = OriginResponse::new(body.boxed());
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

/// A body on its way, and what is known of it.
struct Incoming {
    response: Response,
    received: u64,
    expected: Option<u64>,
    limit: u64,
    patience: Duration,
    deadline: Deadline,
}

impl Incoming {
    async fn next(&mut self) -> Result<Option<bytes::Bytes>> {
        let chunk = self
            .deadline
            .wait(self.patience, self.response.chunk())
            .await?;
        // The cause is not kept: it may hold text of the origin, and the numbers say it all.
        let Ok(chunk) = chunk else {
            return Err(self.interrupted());
        };
        let Some(bytes) = chunk else {
            return match self.expected {
                Some(expected) if expected != self.received => Err(self.interrupted()),
                _ => Ok(None),
            };
        };
        self.received += bytes.len() as u64;
        if self.received > self.limit {
            return Err(OriginError::TooLarge { limit: self.limit });
        }
        Ok(Some(bytes))
    }

    const fn interrupted(&self) -> OriginError {
        OriginError::Interrupted {
            received: self.received,
            expected: self.expected,
        }
    }
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
