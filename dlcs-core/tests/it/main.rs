//! The facade over the reference backends, with fakes for what touches the world.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod channels;
mod fake;
mod flaky;
mod fsck;
mod leases;
mod notices;
mod queries;
mod registration;
mod workers;
