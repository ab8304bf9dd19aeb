//! IIIF delivery.

use http::Response;
use http::request::Parts;

use crate::body::ResponseBody;
use crate::context::Context;
use crate::error::{ApiError, Kind};

/// Answers a request below `/iiif-img`.
pub(crate) async fn respond(context: &Context, _request: &Parts) -> Response<ResponseBody> {
    ApiError::new(Kind::NotFound, "there is nothing at this address").into_response(context)
}
