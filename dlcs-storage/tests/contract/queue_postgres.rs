//! The PostgreSQL queue: what is its own besides the contract.

mod contract {
    use std::sync::Arc;

    use dlcs_testkit::fake::FakeClock;

    use crate::postgres_fixture::{Backend, Schema};

    async fn new() -> (Option<Schema>, Backend, Arc<FakeClock>) {
        Backend::new("the contract of the PostgreSQL queue").await
    }

    dlcs_testkit::queue_contract!(new());
}
