//! The contract of a catalogue, kept in memory.

use dlcs_core::memory::MemoryCatalogue;

async fn new() -> ((), MemoryCatalogue) {
    ((), MemoryCatalogue::new())
}

dlcs_testkit::catalogue_contract!(new());

mod through_arc {
    use std::sync::Arc;

    use dlcs_core::memory::MemoryCatalogue;

    async fn new() -> ((), Arc<MemoryCatalogue>) {
        ((), Arc::new(MemoryCatalogue::new()))
    }

    dlcs_testkit::catalogue_contract!(new());
}
