//! The real program, from the outside.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod api;
mod away;
mod backup;
mod bucket;
mod cluster;
mod database;
mod e2e;
mod fair;
mod faults;
mod fsck;
mod large;
mod library;
mod migrate;
mod origins;
mod photograph;
mod poison;
mod program;
mod promises;
mod proxy;
mod readme;
mod refused;
mod restart;
mod start;
mod stop;
mod store;
mod upgrade;
mod webhook;
