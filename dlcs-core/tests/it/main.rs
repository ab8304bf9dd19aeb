//! The facade over the reference backends, with fakes for what touches the world.

mod fake;
mod registration;
mod workers;
