//! Contract suites, fakes and loopback origins for the ports of `dlcs-core`.
//!
//! # Testing your own backend
//! 1. Write an async function that makes your backend, and a guard that cleans up when it is dropped.
//! 2. In your integration tests, hand it to the macro of your port:
//!    ```
//!    use dlcs_core::memory::MemoryCatalogue;
//!
//!    async fn new() -> ((), MemoryCatalogue) {
//!        ((), MemoryCatalogue::new())
//!    }
//!
//!    dlcs_testkit::catalogue_contract!(new());
//!    ```
//!    A queue's function makes a third thing: the clock that the backend goes by, see [`queue_contract!`].
//! 3. Run the tests: each names the behaviour that it checks, and says what was expected, what came, and why it matters.
#![expect(
    clippy::unwrap_used,
    reason = "clauses panic: that is how they say that a contract is broken"
)]

pub mod catalogue;
pub mod contract;
pub mod derivative;
pub mod fake;
pub mod fixture;
pub mod gate;
pub mod origin;
pub mod queue;
pub mod server;

mod expect;
mod verdict;

pub use gate::Gate;
