//! Loopback servers, each on a free port of its own.

mod fault;
mod ftp;
mod http;
mod inetd;
mod moto;
mod reply;

pub use fault::{Consequence, HttpFault};
pub use ftp::{FtpObject, FtpServer};
pub use http::{HttpServer, RecordedRequest};
pub use inetd::Inetd;
pub use moto::Moto;
pub use reply::Reply;
