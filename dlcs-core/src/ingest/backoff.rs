//! How long a failed image waits.

use std::time::Duration;

/// The wait before attempt `attempt + 1` of a queued image: exponential, at most ten minutes, spread by a fifth either way.
///
/// `jitter` is a number from 0 to 1.
#[must_use]
pub fn backoff(attempt: u32, retry_after: Option<Duration>, jitter: f64) -> Duration {
    let base = 2_u64.saturating_pow(attempt).min(600);
    let spread = Duration::from_secs(base).mul_f64(0.8 + 0.4 * jitter.clamp(0.0, 1.0));
    let asked = retry_after
        .unwrap_or_default()
        .min(Duration::from_secs(3600));
    spread.max(asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_within_bounds_and_honours_the_origin() {
        let seconds = |attempt, asked: Option<u64>, jitter| {
            backoff(attempt, asked.map(Duration::from_secs), jitter).as_secs_f64()
        };
        assert_eq!(
            [
                seconds(1, None, 0.5),
                seconds(4, None, 0.0),
                seconds(4, None, 1.0)
            ],
            [2.0, 12.8, 19.2]
        );
        assert_eq!(
            [
                seconds(60, None, 0.5),
                seconds(1, Some(30), 0.5),
                seconds(1, Some(9999), 0.5)
            ],
            [600.0, 30.0, 3600.0]
        );
    }
}
