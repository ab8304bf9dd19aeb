//! What a fetch may take: bytes, silence, slowness, time.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use dlcs_core::origin::{OriginBody, OriginError, OriginRequest, Result};
use futures_util::{Stream, StreamExt, stream};
use tokio::time::{Instant, timeout};

/// An origin must send at least [`PACE_BYTES`] in this time, unless it is silent, which patience is for.
const PACE_TIME: Duration = Duration::from_secs(30);
const PACE_BYTES: u64 = 30 << 10;

/// How long a connection to an origin may take to be made, unless told otherwise.
#[cfg(any(
    feature = "origin-http",
    feature = "origin-s3",
    feature = "origin-ftp",
    feature = "origin-sftp"
))]
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The end of a fetch, and how long it may take in all.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    at: Instant,
    total: Duration,
}

impl Deadline {
    /// How long a whole fetch may take, unless told otherwise.
    pub(super) const DEFAULT: Duration = Duration::from_secs(15 * 60);

    pub(super) fn after(total: Duration) -> Self {
        Self {
            at: Instant::now() + total,
            total,
        }
    }

    fn is_over(self) -> bool {
        Instant::now() >= self.at
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

/// What a body may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    expected: Option<u64>,
    limit: u64,
    patience: Duration,
    deadline: Deadline,
}

impl Bounds {
    /// The bounds that a request sets, for a body of a length that is declared or not.
    ///
    /// # Errors
    /// [`OriginError::TooLarge`] when the declared length is over the limit.
    pub(super) fn of(
        request: &OriginRequest<'_>,
        expected: Option<u64>,
        deadline: Deadline,
    ) -> Result<Self> {
        let limit = request.limit();
        if expected.is_some_and(|length| length > limit) {
            return Err(OriginError::TooLarge { limit });
        }
        Ok(Self {
            expected,
            limit,
            patience: request.patience(),
            deadline,
        })
    }

    /// Holds a body to these bounds, and to its declared length.
    pub(super) fn hold(
        self,
        body: impl Stream<Item = Result<Bytes>> + Send + 'static,
    ) -> OriginBody {
        let incoming = Incoming {
            body: Box::pin(body),
            bounds: self,
            received: 0,
            waited: Duration::ZERO,
            came: 0,
        };
        stream::try_unfold(incoming, |mut incoming| async move {
            let bytes = incoming.next().await?;
            Ok(bytes.map(|bytes| (bytes, incoming)))
        })
        .boxed()
    }
}

/// A body on its way, and what has come of it.
struct Incoming {
    body: Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>,
    bounds: Bounds,
    received: u64,
    /// What the present stretch of its pace has taken, and what came in it.
    waited: Duration,
    came: u64,
}

impl Incoming {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        let Bounds {
            expected,
            limit,
            patience,
            deadline,
        } = self.bounds;
        let asked = Instant::now();
        let chunk = match deadline.wait(patience, self.body.next()).await {
            // Bytes have come all the time: that is no silence.
            Err(OriginError::TimedOut { .. }) if deadline.is_over() => {
                return Err(OriginError::TooSlow {
                    received: self.received,
                    after: deadline.total,
                });
            }
            waited => waited?,
        };
        let Some(bytes) = chunk.transpose()? else {
            return match expected {
                Some(length) if length != self.received => Err(OriginError::Interrupted {
                    received: self.received,
                    expected,
                }),
                _ => Ok(None),
            };
        };
        self.received += bytes.len() as u64;
        if self.received > limit {
            return Err(OriginError::TooLarge { limit });
        }
        self.keep_pace(asked.elapsed(), bytes.len() as u64)?;
        Ok(Some(bytes))
    }

    /// Checks each stretch of [`PACE_TIME`]; the reader's own time does not count against the origin.
    fn keep_pace(&mut self, waited: Duration, bytes: u64) -> Result<()> {
        self.waited += waited;
        self.came += bytes;
        if self.waited < PACE_TIME {
            return Ok(());
        }
        let (after, received) = (self.waited, self.came);
        (self.waited, self.came) = (Duration::ZERO, 0);
        if received < PACE_BYTES {
            return Err(OriginError::TooSlow { received, after });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use dlcs_core::origin::OriginRequest;
    use tokio::time::sleep;
    use url::Url;

    use super::*;

    /// Reads `chunks` chunks of `size` bytes, each after a pause.
    async fn read(chunks: u64, size: usize, pause: Duration, expected: Option<u64>) -> Result<u64> {
        let url = Url::parse("http://h/").unwrap();
        let request = OriginRequest::new(&url).with_limit(1 << 20);
        let deadline = Deadline::after(Deadline::DEFAULT);
        let bounds = Bounds::of(&request, expected, deadline)?;
        let body = stream::iter(0..chunks).then(move |_| async move {
            sleep(pause).await;
            Ok(Bytes::from(vec![0; size]))
        });
        let mut body = bounds.hold(body);
        let mut received = 0;
        while let Some(bytes) = body.next().await {
            received += bytes?.len() as u64;
        }
        Ok(received)
    }

    #[tokio::test(start_paused = true)]
    async fn slow_is_not_silent() {
        let second = Duration::from_secs(1);
        assert_eq!(read(100, 1 << 10, second, None).await.unwrap(), 100 << 10);
        let error = read(100, 1000, second, None).await.unwrap_err();
        assert!(
            matches!(
                error,
                OriginError::TooSlow {
                    received: 30_000,
                    ..
                }
            ),
            "{error:?}"
        );
        assert!(error.is_transient());
        let error = read(1, 1, 31 * second, None).await.unwrap_err();
        assert!(matches!(error, OriginError::TimedOut { .. }), "{error:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_takes_too_long_in_all_is_given_up() {
        let error = read(1000, 60_000, Duration::from_secs(29), None).await;
        assert!(matches!(error, Err(OriginError::TooLarge { .. })));
        let error = read(1000, 1 << 10, Duration::from_millis(950), None).await;
        let error = error.unwrap_err();
        let total = Deadline::DEFAULT;
        assert!(
            matches!(error, OriginError::TooSlow { after, .. } if after == total),
            "{error:?}"
        );
    }

    #[tokio::test]
    async fn lengths_are_held_to() {
        let none = Duration::ZERO;
        assert_eq!(read(2, 50, none, Some(100)).await.unwrap(), 100);
        for expected in [99, 101] {
            let error = read(2, 50, none, Some(expected)).await.unwrap_err();
            assert!(
                matches!(error, OriginError::Interrupted { received: 100, .. }),
                "{error:?}"
            );
        }
        let error = read(0, 0, none, Some((1 << 20) + 1)).await.unwrap_err();
        assert!(matches!(error, OriginError::TooLarge { .. }), "{error:?}");
    }
}
