//! The contract of a catalogue that can be checked, kept in memory.

use std::sync::Arc;

use dlcs_core::memory::MemoryCatalogue;
use dlcs_testkit::fake::FakeClock;

async fn new() -> ((), MemoryCatalogue, Arc<FakeClock>) {
    let clock = FakeClock::new();
    let backend = MemoryCatalogue::with_clock(Arc::<FakeClock>::clone(&clock));
    ((), backend, clock)
}

dlcs_testkit::fsck_contract!(new());
