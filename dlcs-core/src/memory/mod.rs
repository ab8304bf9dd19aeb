//! Reference backends that keep everything in memory: for tests, for trying out, and as the specification that can be run.
//!
//! They favour plain code over speed: every operation holds one lock and scans what it needs.
//!
//! # Examples
//! ```
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! use dlcs_core::customer::{CustomerName, NewCustomer, Role};
//! use dlcs_core::memory::MemoryCatalogue;
//! use dlcs_core::Catalogue;
//!
//! let catalogue = MemoryCatalogue::new();
//! let customer = catalogue
//!     .create_customer(NewCustomer {
//!         id: None,
//!         name: CustomerName::parse("default").unwrap(),
//!         display_name: "Default".to_owned(),
//!         role: Role::Administrator,
//!     })
//!     .await
//!     .unwrap();
//! assert_eq!(customer.id.get(), 1);
//! # });
//! ```

mod catalogue;
mod derivative;
mod ledger;
mod listing;
mod queue;
mod request;
mod setting;
mod state;
mod turn;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::watch;

pub use derivative::MemoryDerivatives;

use crate::time::{Clock, SystemClock, Timestamp};
use state::State;

/// A catalogue and its queue in memory.
pub struct MemoryCatalogue {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    wakeups: watch::Sender<u64>,
}

impl MemoryCatalogue {
    /// Returns an empty catalogue that goes by the clock of the machine.
    #[must_use]
    pub fn new() -> Self {
        Self::with_clock(Arc::new(SystemClock))
    }

    /// Returns an empty catalogue that goes by this clock.
    #[must_use]
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            state: Mutex::default(),
            wakeups: watch::Sender::new(0),
        }
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("no operation panics while it holds the lock")
    }

    fn wake_workers(&self) {
        self.wakeups.send_modify(|count| *count += 1);
    }
}

impl Default for MemoryCatalogue {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryCatalogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryCatalogue").finish_non_exhaustive()
    }
}
