//! Bodies: JSON in, within limits, and bytes out.

use std::error::Error;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, combinators::BoxBody};

/// Any error that can be sent between threads.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// The body of every response.
pub type ResponseBody = BoxBody<Bytes, BoxError>;

/// A response body whose bytes are all here.
pub(crate) fn full(bytes: impl Into<Bytes>) -> ResponseBody {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed()
}

/// A response body without bytes.
pub(crate) fn empty() -> ResponseBody {
    full(Bytes::new())
}
