#![doc = include_str!("../README.md")]
#![expect(
    clippy::unwrap_used,
    reason = "clauses panic: that is how they say that a contract is broken"
)]

pub mod catalogue;
pub mod derivative;
pub mod fsck;
pub mod origin;
pub mod queue;

pub mod fake;
pub mod fixture;
pub mod gate;
pub mod malformed;
pub mod program;
pub mod server;

pub mod contract;

mod verdict;

pub use gate::Gate;
