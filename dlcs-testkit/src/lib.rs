//! Contract suites, fakes and loopback origins for the ports of `dlcs-core`.

pub mod contract;
pub mod fake;
