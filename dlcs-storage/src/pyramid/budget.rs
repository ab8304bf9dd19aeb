//! How many sources are decoded at once, and how much memory they may hold together.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use dlcs_core::derivative::ProcessError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::error::PyramidError;

/// What one permit of bytes stands for.
const UNIT: u64 = 1 << 10;

/// Lets sources in by number and by bytes, in the order in which they ask.
#[derive(Debug, Clone)]
pub(super) struct DecodeBudget {
    turns: Arc<Semaphore>,
    units: Arc<Semaphore>,
    bytes: u64,
    /// What [`Self::bytes`] are in permits, of which a part may be left over.
    all: u32,
}

/// The right to decode one source; ends when it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    _turn: OwnedSemaphorePermit,
    _units: OwnedSemaphorePermit,
}

impl DecodeBudget {
    pub(super) fn new(concurrency: NonZeroUsize, bytes: u64) -> Self {
        let most = Semaphore::MAX_PERMITS.min(u32::MAX as usize) as u64;
        let all = (bytes / UNIT).clamp(1, most) as u32;
        Self {
            turns: Arc::new(Semaphore::new(concurrency.get())),
            units: Arc::new(Semaphore::new(all as usize)),
            bytes,
            all,
        }
    }

    /// Waits so long until a source may hold this many bytes.
    ///
    /// # Errors
    /// [`ProcessError::Busy`] after that, and those of [`Self::turn`].
    pub(super) async fn turn_within(
        &self,
        most: Duration,
        bytes: u64,
    ) -> Result<Turn, ProcessError> {
        match timeout(most, self.turn(bytes)).await {
            Ok(turn) => turn,
            Err(_) => {
                tracing::error!(
                    seconds = most.as_secs(),
                    "a source has waited in vain for its turn to be decoded"
                );
                Err(ProcessError::Busy { waited: most })
            }
        }
    }

    /// Waits until a source may hold this many bytes.
    ///
    /// # Errors
    /// [`ProcessError::TooManyBytes`] where it never may.
    pub(super) async fn turn(&self, bytes: u64) -> Result<Turn, ProcessError> {
        if bytes > self.bytes {
            return Err(ProcessError::TooManyBytes {
                needed: bytes,
                limit: self.bytes,
            });
        }
        // Never more than there are, which nobody would ever have.
        let units = bytes.div_ceil(UNIT).min(u64::from(self.all)) as u32;
        let units = Arc::clone(&self.units).acquire_many_owned(units).await;
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        Ok(Turn {
            _units: units.map_err(PyramidError::Closed)?,
            _turn: turn.map_err(PyramidError::Closed)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use futures_util::FutureExt;
    use shuttle::future::block_on;
    use shuttle::rand::{Rng, thread_rng};
    use shuttle::thread::spawn;

    use crate::lock::explored::{others_may_go_first, some_orders, unless_given_up};

    use super::*;

    #[test]
    fn in_whatever_order_sources_come_and_give_up_no_more_is_held_than_there_is() {
        some_orders(5000, || {
            let budget = DecodeBudget::new(NonZeroUsize::new(2).unwrap(), 10 * UNIT);
            let held = Arc::new(AtomicU64::new(0));
            let sources = [0; 4].map(|_| {
                let (budget, held) = (budget.clone(), Arc::clone(&held));
                spawn(move || {
                    let bytes = UNIT * thread_rng().gen_range(1..=10);
                    let turn = unless_given_up(budget.turn(bytes));
                    let Some(turn) = block_on(turn) else {
                        return;
                    };
                    let _turn = turn.unwrap();
                    let together = held.fetch_add(bytes, Ordering::SeqCst) + bytes;
                    assert!(together <= 10 * UNIT, "{together}");
                    others_may_go_first();
                    held.fetch_sub(bytes, Ordering::SeqCst);
                })
            });
            for source in sources {
                source.join().unwrap();
            }
            assert_eq!(budget.units.available_permits(), 10);
            assert_eq!(budget.turns.available_permits(), 2);
        });
    }

    #[tokio::test(start_paused = true)]
    async fn a_source_waits_so_long_and_has_then_waited_in_vain() {
        let budget = DecodeBudget::new(NonZeroUsize::MIN, 10 * UNIT);
        let most = Duration::from_secs(600);
        let first = budget.turn_within(most, UNIT).await.unwrap();
        let waited = budget.turn_within(most, UNIT).await.unwrap_err();
        assert!(matches!(waited, ProcessError::Busy { .. }), "{waited}");
        assert_eq!(
            waited.to_string(),
            "the image waited 600 seconds for its turn to be processed, in vain"
        );
        let (second, ()) = tokio::join!(budget.turn_within(most, UNIT), async {
            tokio::time::sleep(most / 2).await;
            drop(first);
        });
        drop(second.unwrap());
        assert_eq!(budget.units.available_permits(), 10);
    }

    #[tokio::test]
    async fn sources_wait_for_bytes_and_for_turns_and_those_that_never_fit_are_refused() {
        let two = NonZeroUsize::new(2).unwrap();
        let budget = DecodeBudget::new(two, 10 * UNIT);
        let first = budget.turn(6 * UNIT).await.unwrap();
        assert!(budget.turn(5 * UNIT).now_or_never().is_none(), "by bytes");
        let second = budget.turn(0).await.unwrap();
        assert!(budget.turn(0).now_or_never().is_none(), "by turns");
        drop((first, second));
        budget.turn(10 * UNIT).await.unwrap();
        // A budget that is no whole number of permits can be used up.
        let odd = DecodeBudget::new(two, 10 * UNIT + 7);
        for bytes in [10 * UNIT, 10 * UNIT + 1, 10 * UNIT + 7] {
            odd.turn(bytes).now_or_never().unwrap().unwrap();
        }
        let refused = budget.turn(10 * UNIT + 1).await.unwrap_err();
        assert_eq!(
            refused.to_string(),
            "decoding the image takes 10241 bytes of memory at once; at most 10240 are allowed: \
             register it as a TIFF or a baseline JPEG, or ask the operator to raise the budget"
        );
    }
}
