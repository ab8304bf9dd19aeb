//! Fakes: stand-ins that do what a test tells them.

mod clock;
mod faulty;
mod faulty_origin;
mod origin;

pub use clock::FakeClock;
pub use faulty::{FaultyStore, StoreFault};
pub use faulty_origin::{FaultyOrigin, OriginFault};
pub use origin::{FakeObject, FakeOrigin};
