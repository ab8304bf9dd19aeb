//! Loopback servers, each on a free port of its own.

mod fault;
mod http;
mod reply;

pub use fault::{Consequence, HttpFault};
pub use http::{HttpServer, RecordedRequest};
pub use reply::Reply;
