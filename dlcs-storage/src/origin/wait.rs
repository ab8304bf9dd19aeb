//! The wait that an origin, or a webhook, asks for (RFC 9110 section 10.2.3). Pure.

use std::time::Duration;

use dlcs_core::time::{Clock, Timestamp};
use reqwest::header::{HeaderMap, RETRY_AFTER};

/// The longest wait that an origin may ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);

/// Returns the wait that an origin asks for.
pub(crate) fn asked_wait(headers: &HeaderMap, clock: &dyn Clock) -> Option<Duration> {
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
