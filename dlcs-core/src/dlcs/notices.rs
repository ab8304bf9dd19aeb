//! Telling that batches have finished, until somebody has heard it.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::watch;

use super::{Dlcs, jitter};
use crate::id::CustomerId;
use crate::ingest::backoff;
use crate::notifier::BatchNotifier;
use crate::queue::BatchNotice;

/// How often notices are looked for.
const POLL: Duration = Duration::from_secs(1);
/// After this, a notice is due again whose teller has died.
const HOLD: Duration = Duration::from_secs(60);
/// How often a notice is told before it is given up: for some three hours.
const ATTEMPTS: u32 = 24;
/// For so long a notice waits for somebody who can tell it, where this process cannot: whoever can may be away for days, or behind with others.
const KEEP: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Customers who are told side by side: one who does not answer holds up nobody else.
const AT_ONCE: usize = 32;

impl Dlcs {
    /// Tells what there is to tell, one notice of each customer at a time; returns how many notices were told, or dropped because nobody wants
    /// to hear them.
    ///
    /// One that could not be told waits and is told again. Without a notifier, notices are left to processes that have one.
    ///
    /// # Errors
    /// The queue's.
    pub async fn tell(&self) -> crate::Result<usize> {
        let Some(notifier) = &self.0.notifier else {
            return Ok(self.0.queue.forget_notices(KEEP).await? as usize);
        };
        let (mut told, mut busy) = (0, Vec::new());
        let mut telling = FuturesUnordered::new();
        loop {
            while busy.len() < AT_ONCE
                && let Some(notice) = self.0.queue.claim_notice(HOLD, &busy).await?
            {
                busy.push(notice.batch.customer);
                telling.push(self.tell_and_note(notifier.as_ref(), notice));
            }
            if telling.is_empty() {
                return Ok(told);
            }
            tokio::select! {
                Some((customer, noted)) = telling.next() => {
                    busy.retain(|other| *other != customer);
                    told += usize::from(noted?);
                }
                // Others may have finished a batch meanwhile.
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }

    /// Tells of one batch, and notes what came of it; returns whose it is, and whether nobody need be told again.
    async fn tell_and_note(
        &self,
        notifier: &dyn BatchNotifier,
        notice: BatchNotice,
    ) -> (CustomerId, crate::queue::Result<bool>) {
        let noted = match self.tell_one(notifier, &notice).await {
            None => self.0.queue.end_notice(notice.id).await.map(|()| true),
            Some(wait) => {
                let deferred = self.0.queue.defer_notice(notice.id, wait).await;
                deferred.map(|()| false)
            }
        };
        (notice.batch.customer, noted)
    }

    /// Tells of one batch; returns how long it has to wait for another attempt, where it needs one.
    async fn tell_one(
        &self,
        notifier: &dyn BatchNotifier,
        notice: &BatchNotice,
    ) -> Option<Duration> {
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
        let pause = match self.0.notifier {
            Some(_) => POLL,
            None => KEEP / 100,
        };
        loop {
            let round = async {
                if let Err(error) = self.tell().await {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "notices could not be told"
                    );
                }
                tokio::time::sleep(pause).await;
            };
            tokio::select! {
                () = super::workers::until(stopped) => return,
                () = round => {}
            }
        }
    }
}
