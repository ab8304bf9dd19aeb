//! Telling that batches have finished, until somebody has heard it.

use std::time::Duration;

use tokio::sync::watch;

use super::{Dlcs, jitter};
use crate::ingest::backoff;
use crate::queue::BatchNotice;

/// How often notices are looked for.
const POLL: Duration = Duration::from_secs(1);
/// After this, a notice is due again whose teller has died.
const HOLD: Duration = Duration::from_secs(60);
/// How often a notice is told before it is given up: for some three hours.
const ATTEMPTS: u32 = 24;

impl Dlcs {
    /// Tells what there is to tell; returns how many notices were told, or dropped because nobody wants to hear them.
    ///
    /// One that could not be told waits and is told again.
    ///
    /// # Errors
    /// The queue's.
    pub async fn tell(&self) -> crate::Result<usize> {
        let mut told = 0;
        while let Some(notice) = self.0.queue.claim_notice(HOLD).await? {
            match self.tell_one(&notice).await {
                None => {
                    self.0.queue.end_notice(notice.id).await?;
                    told += 1;
                }
                Some(wait) => self.0.queue.defer_notice(notice.id, wait).await?,
            }
        }
        Ok(told)
    }

    /// Tells of one batch; returns how long it has to wait for another attempt, where it needs one.
    async fn tell_one(&self, notice: &BatchNotice) -> Option<Duration> {
        let notifier = self.0.notifier.as_ref()?;
        let error = notifier.notify(notice).await.err()?;
        let (batch, attempt) = (notice.batch.id, notice.attempt);
        if attempt >= ATTEMPTS {
            tracing::error!(%batch, attempt, error = &error as &dyn std::error::Error, "nobody could be told that a batch has finished");
            return None;
        }
        tracing::warn!(%batch, attempt, error = &error as &dyn std::error::Error, "a notice waits for another attempt");
        Some(backoff(attempt, error.retry_after(), jitter()))
    }

    /// Tells again and again until told to stop.
    pub(super) async fn tell_until(&self, stopped: &mut watch::Receiver<bool>) {
        loop {
            let round = async {
                if let Err(error) = self.tell().await {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "notices could not be told"
                    );
                }
                tokio::time::sleep(POLL).await;
            };
            tokio::select! {
                () = super::workers::until(stopped) => return,
                () = round => {}
            }
        }
    }
}
