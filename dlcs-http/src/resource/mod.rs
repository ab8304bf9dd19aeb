//! The resources of the API: how each looks on the wire, and its handlers.

pub(crate) mod batch;
pub(crate) mod batch_events;
pub(crate) mod csv_import;
pub(crate) mod customer;
pub(crate) mod entry_point;
pub(crate) mod image;
pub(crate) mod key;
pub(crate) mod origin_strategy;
pub(crate) mod origin_trial;
pub(crate) mod policy;
pub(crate) mod queue;
pub(crate) mod setting;
pub(crate) mod space;
pub(crate) mod storage;

use http::Response;
use serde_json::{Map, Value};

use crate::body::ResponseBody;
use crate::error::ApiError;

/// What a handler answers.
pub(crate) type Outcome = Result<Response<ResponseBody>, ApiError>;

/// The body of a request.
pub(crate) type Object = Map<String, Value>;

/// A resource as it would be sent, to compare a request with.
fn as_value(resource: &impl serde::Serialize) -> Value {
    serde_json::to_value(resource).expect("resources have only text, numbers and lists")
}
