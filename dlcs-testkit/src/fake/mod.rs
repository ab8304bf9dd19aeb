//! Fakes: stand-ins that do what a test tells them.

mod clock;

pub use clock::FakeClock;
