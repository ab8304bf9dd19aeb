//! Threads that encode tiles while the rows of the next ones arrive.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Mutex, PoisonError};

use dlcs_core::iiif::Level;

use super::error::PyramidError;
use super::level::Strip;
use super::pixels::Pixels;
use crate::lock::Lock;

/// A tile that waits to be encoded.
#[derive(Debug)]
pub(super) struct TileJob {
    pub(super) level: Level,
    pub(super) column: u32,
    pub(super) row: u32,
    /// Its pixels, of which there are fewer at the edges.
    pub(super) tile: Pixels,
}

/// What encodes tiles; in any order.
pub(super) trait Encoders: Sync {
    fn encode(&self, job: &TileJob) -> Result<(), PyramidError>;
}

/// Hands tiles to the threads that encode them.
pub(super) struct Hands<'a, E> {
    encoder: &'a E,
    /// `None` where there are no other threads.
    jobs: Option<SyncSender<TileJob>>,
    shared: &'a Shared,
}

/// What the threads share.
#[derive(Default)]
struct Shared {
    failure: Lock<Option<PyramidError>>,
    /// Memory of tiles that have been encoded, for those to come.
    memory: Lock<Vec<Vec<u8>>>,
}

impl Shared {
    fn encode(&self, encoder: &impl Encoders, job: TileJob) -> Result<(), PyramidError> {
        let result = encoder.encode(&job);
        self.memory.lock().push(job.tile.data);
        result
    }
}

impl<E: Encoders> Hands<'_, E> {
    /// Hands over every tile of a strip. Where all others are busy this thread encodes too, so that nothing piles up.
    pub(super) fn encode(&self, strip: &mut Strip<'_>) -> Result<(), PyramidError> {
        for column in 0..strip.level.columns {
            let memory = self.shared.memory.lock().pop().unwrap_or_default();
            let job = TileJob {
                level: strip.level,
                column,
                row: strip.row,
                tile: strip.take(column, memory),
            };
            let left = match &self.jobs {
                None => Some(job),
                Some(jobs) => match jobs.try_send(job) {
                    Ok(()) => None,
                    Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) => Some(job),
                },
            };
            if let Some(job) = left {
                self.shared.encode(self.encoder, job)?;
            }
        }
        match self.shared.failure.lock().take() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

/// Runs work that makes tiles on this thread, and encodes them on this many threads in all.
pub(super) fn on_threads<E: Encoders, Error: From<PyramidError>>(
    encoder: &E,
    threads: usize,
    work: impl FnOnce(&Hands<'_, E>) -> Result<(), Error>,
) -> Result<(), Error> {
    let others = threads.saturating_sub(1);
    let (jobs, queue) = sync_channel(2 * others);
    let (queue, shared) = (Mutex::new(queue), Shared::default());
    std::thread::scope(|scope| {
        for _ in 0..others {
            scope.spawn(|| run(encoder, &queue, &shared));
        }
        let hands = Hands {
            encoder,
            jobs: (others > 0).then_some(jobs),
            shared: &shared,
        };
        // The channel ends with the hands, and the threads with it.
        work(&hands)
    })?;
    match shared.failure.into_inner() {
        Some(error) => Err(error.into()),
        None => Ok(()),
    }
}

/// Encodes until no more tiles come: a failure ends the work that makes them, at its next strip.
fn run(encoder: &impl Encoders, queue: &Mutex<Receiver<TileJob>>, shared: &Shared) {
    loop {
        // What a thread that panicked leaves behind is still true: the panic itself ends the build.
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else { return };
        if let Err(error) = shared.encode(encoder, job) {
            *shared.failure.lock() = Some(error);
        }
    }
}
