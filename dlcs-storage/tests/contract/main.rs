//! The contract suites on the backends of this crate.

mod derivative_object;
mod origin_guard;
#[cfg(feature = "origin-http")]
mod origin_http;
#[cfg(feature = "origin-http")]
mod origin_http_tls;
