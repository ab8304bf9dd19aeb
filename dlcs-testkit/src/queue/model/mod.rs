//! Random histories: a backend and the reference in memory do the same, and must be the same after every step.
//!
//! Give [`steps`] to a property test, and each history to [`run`].

mod step;
mod world;

use std::future::Future;
use std::sync::Arc;

use dlcs_core::catalogue::Catalogue;
use dlcs_core::memory::MemoryCatalogue;
use dlcs_core::queue::IngestQueue;

pub use step::{Step, steps};

use self::world::World;
use crate::fake::FakeClock;

/// Takes a backend and the reference through a history and compares what they answer, and everything that can be seen, after each step.
///
/// `open` opens the backend, which must be empty at first and go by this clock; a step that restarts drops it and opens it again.
///
/// # Panics
/// At the first difference, and when counts do not add up.
pub async fn run<B, F>(steps: &[Step], clock: &Arc<FakeClock>, mut open: impl FnMut() -> F)
where
    B: Catalogue + IngestQueue,
    F: Future<Output = B>,
{
    let mut reference = World::new(MemoryCatalogue::with_clock(Arc::<FakeClock>::clone(clock)));
    let mut subject = World::new(open().await);
    reference.prepare().await;
    subject.prepare().await;
    for (number, step) in steps.iter().enumerate() {
        step.pass_time(clock);
        if matches!(step, Step::Restart) {
            subject.reopen(&mut open).await;
            reference.take_everything_back().await;
            subject.take_everything_back().await;
        } else {
            let expected = reference.take(step).await;
            let got = subject.take(step).await;
            assert_eq!(
                got, expected,
                "step {number}, {step:?}, is answered otherwise"
            );
        }
        let (expected, got) = (reference.observe().await, subject.observe().await);
        assert_eq!(got, expected, "after step {number}, {step:?}");
    }
}
