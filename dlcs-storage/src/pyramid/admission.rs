//! Who is rendered, and who waits: small renders never wait behind large ones.

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

/// The right to render, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    /// A place, and a turn.
    _permits: [OwnedSemaphorePermit; 2],
    budget: OwnedSemaphorePermit,
}

impl Turn {
    /// Gives up the turn, and keeps as much of the budget as these bytes take.
    pub(super) fn keep(self, bytes: u64) -> Kept {
        let mut budget = self.budget;
        let units = usize::try_from(bytes.div_ceil(UNIT)).unwrap_or(usize::MAX);
        let spare = budget.num_permits().saturating_sub(units);
        drop(budget.split(spare));
        Kept { _budget: budget }
    }
}

/// A part of the budget, until it is dropped.
#[derive(Debug)]
pub(super) struct Kept {
    _budget: OwnedSemaphorePermit,
}

/// Hands out turns.
#[derive(Debug)]
pub(super) struct Admission {
    small: Lane,
    large: Lane,
    max_wait: Duration,
}

/// Those that wait for each other.
#[derive(Debug)]
struct Lane {
    /// One for every render that has its turn or waits for it.
    places: Arc<Semaphore>,
    /// One for every render that has its turn.
    turns: Arc<Semaphore>,
    /// Units of bytes.
    budget: Arc<Semaphore>,
    units: u32,
    bytes: u64,
}

impl Admission {
    pub(super) fn new(config: &PyramidRendererConfig) -> Self {
        Self {
            small: Lane::new(config.small_concurrency.get(), config.waiting, u64::MAX),
            large: Lane::new(
                config.concurrency.get(),
                config.waiting,
                config.max_total_bytes,
            ),
            max_wait: config.max_wait,
        }
    }

    /// The most bytes that one render may take.
    pub(super) fn available(&self, cost: Cost) -> u64 {
        self.lane(cost).bytes
    }

    const fn lane(&self, cost: Cost) -> &Lane {
        if cost.is_small {
            &self.small
        } else {
            &self.large
        }
    }

    /// Waits for a turn; too many that wait, or a wait that is too long, is [`RenderError::Overloaded`].
    pub(super) async fn turn(&self, cost: Cost) -> Result<Turn, RenderError> {
        let lane = self.lane(cost);
        let place = Arc::clone(&lane.places)
            .try_acquire_owned()
            .map_err(|_| RenderError::Overloaded)?;
        let wait = async {
            let turn = Arc::clone(&lane.turns).acquire_owned().await?;
            let units = lane.units_of(cost.bytes);
            let budget = Arc::clone(&lane.budget).acquire_many_owned(units).await?;
            Ok::<_, PyramidError>(Turn {
                _permits: [place, turn],
                budget,
            })
        };
        Ok(timeout(self.max_wait, wait)
            .await
            .map_err(|_| RenderError::Overloaded)??)
    }
}

impl Lane {
    fn new(concurrency: usize, waiting: usize, bytes: u64) -> Self {
        let most = Semaphore::MAX_PERMITS;
        // At least one unit, so that one render is always admitted.
        let units = (bytes / UNIT).clamp(1, most.min(u32::MAX as usize) as u64) as u32;
        Self {
            places: Arc::new(Semaphore::new(
                concurrency.saturating_add(waiting).min(most),
            )),
            turns: Arc::new(Semaphore::new(concurrency.min(most))),
            budget: Arc::new(Semaphore::new(units as usize)),
            units,
            bytes,
        }
    }

    /// Never more than there are: rounding up must keep nobody out for ever.
    fn units_of(&self, bytes: u64) -> u32 {
        bytes.div_ceil(UNIT).clamp(1, u64::from(self.units)) as u32
    }
}
