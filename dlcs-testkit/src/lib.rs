//! Contract suites, fakes and loopback origins for the ports of `dlcs-core`.

pub mod contract;
pub mod derivative;
pub mod fake;
pub mod gate;
pub mod origin;
pub mod server;
mod verdict;

pub use gate::Gate;
