//! Fakes: stand-ins that do what a test tells them.

mod clock;
mod faulty;
mod origin;

pub use clock::FakeClock;
pub use origin::{FakeObject, FakeOrigin};
