//! Hydra: how resources and collections look on the wire.

mod collection;
mod context;
mod link;

use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderValue, Response, StatusCode};
use serde::Serialize;

pub(crate) use collection::{Collection, collection, collection_before, entire, whole};
pub(crate) use context::HYDRA;
pub(crate) use link::{base, batch_link, encode_segment};

use crate::body::{ResponseBody, empty, full};
use crate::context::Context;

/// The names by which JSON-LD knows a resource; the first members of each.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Header {
    #[serde(rename = "@context")]
    context: &'static str,
    #[serde(rename = "@id")]
    id: String,
    #[serde(rename = "@type")]
    type_: &'static str,
}

impl Header {
    /// The header of a resource of this type at this address.
    pub(crate) const fn new(id: String, type_: &'static str) -> Self {
        Self {
            context: HYDRA,
            id,
            type_,
        }
    }
}

impl Context {
    /// A response with a resource.
    pub(crate) fn json(
        &self,
        status: StatusCode,
        resource: &impl Serialize,
    ) -> Response<ResponseBody> {
        let json =
            serde_json::to_vec(resource).expect("resources have only text, numbers and lists");
        let mut response = Response::new(full(json));
        *response.status_mut() = status;
        let content_type = if self.wants_json_ld {
            "application/ld+json"
        } else {
            "application/json"
        };
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        response
    }

    /// A response with a resource that has just been made.
    pub(crate) fn created(
        &self,
        location: &str,
        resource: &impl Serialize,
    ) -> Response<ResponseBody> {
        let mut response = self.json(StatusCode::CREATED, resource);
        if let Ok(location) = HeaderValue::from_str(location) {
            response.headers_mut().insert(LOCATION, location);
        }
        response
    }
}

/// The response to a deletion.
pub(crate) fn no_content() -> Response<ResponseBody> {
    let mut response = Response::new(empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}
