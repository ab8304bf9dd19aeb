//! The real program, from the outside.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod bucket;
mod cluster;
mod e2e;
mod faults;
mod large;
mod origins;
mod photograph;
mod program;
mod promises;
mod proxy;
mod readme;
mod start;
mod store;
mod webhook;
