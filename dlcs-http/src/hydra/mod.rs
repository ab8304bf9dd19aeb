//! Hydra: how resources and collections look on the wire.

mod collection;
mod context;
mod link;

use std::borrow::Cow;

use http::header::{CONTENT_TYPE, LINK, LOCATION};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use serde::Serialize;

pub(crate) use collection::{Collection, collection, collection_before, entire, whole};
use context::context_of;

pub(crate) use context::HYDRA;
pub(crate) use link::{base, batch_link, encode_segment};

use crate::body::{ResponseBody, empty, full};
use crate::context::Context;
use crate::describe::{Class, JSON, JSON_LD};

/// The type of every collection.
pub(crate) const COLLECTION: &str = "Collection";

/// The names by which JSON-LD knows a resource; the first members of each.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Header {
    #[serde(rename = "@context")]
    context: Cow<'static, str>,
    #[serde(rename = "@id")]
    id: String,
    #[serde(rename = "@type")]
    type_: &'static str,
}

impl Header {
    /// The header of a resource of this class at this address of an API.
    pub(crate) fn new(api: &str, class: &Class, id: String) -> Self {
        Self {
            context: context_of(api, class.name()).into(),
            id,
            type_: class.type_,
        }
    }

    /// The header of a collection at this address.
    pub(crate) const fn collection(id: String) -> Self {
        Self {
            context: Cow::Borrowed(HYDRA),
            id,
            type_: COLLECTION,
        }
    }
}

impl Context {
    /// Points clients to the documentation of the API, as Hydra has it.
    pub(crate) fn point_to_documentation(&self, headers: &mut HeaderMap) {
        let rel = "http://www.w3.org/ns/hydra/core#apiDocumentation";
        let link = format!("<{}/vocab>; rel=\"{rel}\"", self.api);
        if let Ok(link) = HeaderValue::from_str(&link) {
            headers.insert(LINK, link);
        }
    }

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
        let content_type = if self.wants_json_ld { JSON_LD } else { JSON };
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
