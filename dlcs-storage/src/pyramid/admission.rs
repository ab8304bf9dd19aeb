//! Who is rendered, and who waits: small renders never wait behind large ones.

use std::sync::Arc;
use std::time::Duration;

use dlcs_core::derivative::RenderError;
use dlcs_core::iiif::ResolvedRequest;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::PyramidRendererConfig;
use super::cover::Cover;
use super::error::PyramidError;
use super::pixels::Channels;

/// The bytes that one permit of the budget stands for: permits are counted in 32 bits.
const UNIT: u64 = 1 << 16;

/// A render is small that decodes and returns at most this many tiles of pixels.
const SMALL_TILES: u64 = 16;

/// What a render takes of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cost {
    is_small: bool,
    bytes: u64,
}

impl Cost {
    /// Estimates it before anything is read.
    pub(super) fn of(cover: &Cover, channels: Channels, request: &ResolvedRequest) -> Self {
        let tile = u64::from(cover.tile) * u64::from(cover.tile);
        let composed = u64::from(cover.area.width) * u64::from(cover.area.height);
        let result = request.size.area();
        let small = SMALL_TILES * tile;
        Self {
            is_small: cover.tile_count().saturating_mul(tile) <= small && result <= small,
            // The result is held twice while it is resized, reduced or turned.
            bytes: (composed.saturating_add(result.saturating_mul(2)))
                .saturating_mul(channels.count() as u64),
        }
    }
}

/// The right to render, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    _permits: [OwnedSemaphorePermit; 3],
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

    /// Waits for a turn; too many that wait, or a wait that is too long, is [`RenderError::Overloaded`].
    pub(super) async fn turn(&self, cost: Cost) -> Result<Turn, RenderError> {
        let lane = if cost.is_small {
            &self.small
        } else {
            &self.large
        };
        let place = Arc::clone(&lane.places)
            .try_acquire_owned()
            .map_err(|_| RenderError::Overloaded)?;
        let wait = async {
            let turn = Arc::clone(&lane.turns).acquire_owned().await?;
            let units = lane.units_of(cost.bytes);
            let budget = Arc::clone(&lane.budget).acquire_many_owned(units).await?;
            Ok::<_, PyramidError>([place, turn, budget])
        };
        let permits = timeout(self.max_wait, wait)
            .await
            .map_err(|_| RenderError::Overloaded)??;
        Ok(Turn { _permits: permits })
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
        }
    }

    /// Never more than there are: what is over the whole budget is rendered alone.
    fn units_of(&self, bytes: u64) -> u32 {
        bytes.div_ceil(UNIT).clamp(1, u64::from(self.units)) as u32
    }
}
