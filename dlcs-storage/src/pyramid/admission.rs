//! Who is rendered, and who waits: small renders never wait behind large ones.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use dlcs_core::derivative::RenderError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::PyramidRendererConfig;
use super::error::PyramidError;
use super::render::Cost;

/// The bytes that one permit of the budget stands for: permits are counted in 32 bits.
const UNIT: u64 = 1 << 16;

/// Results of at most this many bytes are sent whatever else is being sent: a slow reader must not keep others from their tiles.
pub(super) const SENT_FREELY: u64 = 256 << 10;

/// The right to render, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    /// A place, and a turn.
    _permits: [OwnedSemaphorePermit; 2],
    /// What it takes of a budget; nothing for what is small and sent freely.
    budget: Option<OwnedSemaphorePermit>,
}

impl Turn {
    /// Gives up the turn, and keeps as much of the budget as these bytes take.
    pub(super) fn keep(self, bytes: u64) -> Kept {
        let mut budget = self.budget;
        if let Some(budget) = &mut budget {
            let units = usize::try_from(bytes.div_ceil(UNIT)).unwrap_or(usize::MAX);
            let spare = budget.num_permits().saturating_sub(units);
            drop(budget.split(spare));
        }
        Kept { _budget: budget }
    }
}

/// A part of a budget, until it is dropped.
#[derive(Debug)]
pub(super) struct Kept {
    _budget: Option<OwnedSemaphorePermit>,
}

#[cfg(test)]
impl Kept {
    pub(super) const fn of_nothing() -> Self {
        Self { _budget: None }
    }
}

/// Hands out turns.
#[derive(Debug)]
pub(super) struct Admission {
    small: Lane,
    large: Lane,
    /// What large renders take together.
    rendering: Budget,
    /// What the results of small ones take while they are being sent.
    unsent: Budget,
    /// One for every result that waits for its part of it.
    unsent_places: Arc<Semaphore>,
    /// The most bytes that one large render may take.
    most: u64,
    max_wait: Duration,
}

impl Admission {
    pub(super) fn new(config: &PyramidRendererConfig) -> Self {
        let places = |concurrency: NonZeroUsize| {
            let places = concurrency.get().saturating_add(config.waiting);
            Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS)))
        };
        let lane = |concurrency: NonZeroUsize| Lane {
            places: places(concurrency),
            turns: Arc::new(Semaphore::new(
                concurrency.get().min(Semaphore::MAX_PERMITS),
            )),
        };
        Self {
            small: lane(config.small_concurrency),
            large: lane(config.concurrency),
            rendering: Budget::new(config.max_total_bytes),
            unsent: Budget::new(config.max_unsent_bytes),
            unsent_places: places(config.small_concurrency),
            most: config.max_total_bytes.max(Cost::most(config.max_area)),
            max_wait: config.max_wait,
        }
    }

    /// Whether a render has room beside others.
    pub(super) const fn shares(&self, cost: Cost) -> bool {
        cost.is_small || cost.bytes <= self.rendering.bytes
    }

    /// The most bytes that one render may take.
    pub(super) const fn available(&self, cost: Cost) -> u64 {
        if cost.is_small { u64::MAX } else { self.most }
    }

    /// Waits for a turn; too many that wait, or a wait that is too long, is [`RenderError::Overloaded`].
    pub(super) async fn turn(&self, cost: Cost) -> Result<Turn, RenderError> {
        self.patiently(async {
            if cost.is_small {
                let budget = self.room(cost.result).await?;
                let permits = self.small.turn().await?;
                return Ok(Turn {
                    _permits: permits,
                    budget,
                });
            }
            let permits = self.large.turn().await?;
            Ok(Turn {
                _permits: permits,
                budget: Some(self.rendering.take(cost.bytes).await?),
            })
        })
        .await
    }

    /// Waits until a result that is there already may be sent; fails as [`Admission::turn`] does.
    pub(super) async fn unsent(&self, bytes: u64) -> Result<Kept, RenderError> {
        self.patiently(async {
            let budget = self.room(bytes).await?;
            Ok(Kept { _budget: budget })
        })
        .await
    }

    /// Waits for room for a result, apart from those whose results are sent freely.
    async fn room(&self, bytes: u64) -> Result<Option<OwnedSemaphorePermit>, RenderError> {
        if bytes <= SENT_FREELY {
            return Ok(None);
        }
        let _place = place(&self.unsent_places)?;
        Ok(Some(self.unsent.take(bytes).await?))
    }

    async fn patiently<T>(
        &self,
        wait: impl Future<Output = Result<T, RenderError>> + Send,
    ) -> Result<T, RenderError> {
        timeout(self.max_wait, wait)
            .await
            .map_err(|_| RenderError::Overloaded)?
    }
}

/// Those that wait for each other.
#[derive(Debug)]
struct Lane {
    /// One for every render that has its turn or waits for it.
    places: Arc<Semaphore>,
    /// One for every render that has its turn.
    turns: Arc<Semaphore>,
}

impl Lane {
    /// A place, and a turn.
    async fn turn(&self) -> Result<[OwnedSemaphorePermit; 2], RenderError> {
        let place = place(&self.places)?;
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        Ok([place, turn.map_err(PyramidError::Closed)?])
    }
}

fn place(places: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, RenderError> {
    Arc::clone(places)
        .try_acquire_owned()
        .map_err(|_| RenderError::Overloaded)
}

/// Bytes that are shared.
#[derive(Debug)]
struct Budget {
    semaphore: Arc<Semaphore>,
    units: u32,
    bytes: u64,
}

impl Budget {
    fn new(bytes: u64) -> Self {
        let most = Semaphore::MAX_PERMITS.min(u32::MAX as usize) as u64;
        // At least one unit, so that one render is always admitted.
        let units = (bytes / UNIT).clamp(1, most) as u32;
        Self {
            semaphore: Arc::new(Semaphore::new(units as usize)),
            units,
            bytes,
        }
    }

    /// Waits for a part; never for more than there is: what takes more gets all of it.
    async fn take(&self, bytes: u64) -> Result<OwnedSemaphorePermit, PyramidError> {
        let units = bytes.div_ceil(UNIT).clamp(1, u64::from(self.units)) as u32;
        let part = Arc::clone(&self.semaphore).acquire_many_owned(units).await;
        part.map_err(PyramidError::Closed)
    }
}
