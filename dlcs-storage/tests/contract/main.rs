//! The contract suites on the backends of this crate.

mod origin_guard;
#[cfg(feature = "origin-http")]
mod origin_http;
