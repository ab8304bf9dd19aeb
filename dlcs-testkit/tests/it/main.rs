//! The suites run on the reference backends, and bite on broken ones.

mod derivative_memory;
mod http_server;
mod origin_fake;
