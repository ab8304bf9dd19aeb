//! Loopback servers, each on a free port of its own.

mod http;
mod reply;

pub use http::{HttpServer, RecordedRequest};
pub use reply::Reply;
