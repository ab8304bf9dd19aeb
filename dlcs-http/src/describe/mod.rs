//! How the API describes itself: OpenAPI, a vocabulary of Hydra, and the contexts of JSON-LD, all from the table of routes.

mod class;
mod context;
mod openapi;
mod operation;
mod parameters;
mod schema;
mod vocab;

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response};
use serde_json::Value;

pub(crate) use class::{Class, Property, Type, ro, rw, wo};
pub(crate) use operation::{AS_ALL, CONFLICT, Fails, Gives, Operation, PROCESSES, STORES, Takes};

use crate::body::full;
use crate::context::Context;
use crate::error::{ApiError, ERROR, Kind};
use crate::resource::Outcome;
use crate::route::ROUTES;

/// The media type of documents that are JSON.
pub(crate) const JSON: &str = "application/json";
/// The media type of documents that are JSON-LD.
pub(crate) const JSON_LD: &str = "application/ld+json";

/// `GET /openapi.json`
pub(crate) fn openapi(context: &Context) -> Outcome {
    Ok(document(
        JSON,
        &openapi::document(&context.api, &context.delivery),
    ))
}

/// `GET /vocab`
pub(crate) fn vocab(context: &Context) -> Outcome {
    Ok(document(JSON_LD, &vocab::document(&context.api)))
}

/// `GET /contexts/{type}.jsonld`
pub(crate) fn json_ld_context(context: &Context, name: &str) -> Outcome {
    let class = classes().into_iter().find(|class| class.name() == name);
    let class = class.filter(|class| class.is_resource()).ok_or_else(|| {
        ApiError::new(Kind::NotFound, "there is no type of resource of this name")
    })?;
    Ok(document(JSON_LD, &context::document(&context.api, class)))
}

/// The names of all types of resources.
fn resource_names() -> Vec<&'static str> {
    let resources = classes().into_iter().filter(|class| class.is_resource());
    resources.map(Class::name).collect()
}

/// Everything that requests and answers have, in the order of the table; each once.
fn classes() -> Vec<&'static Class> {
    let operations = ROUTES.iter().map(|entry| &entry.operation);
    let named = operations.flat_map(|it| it.gives.classes().into_iter().chain(it.takes.class()));
    let mut classes: Vec<&Class> = Vec::new();
    let mut left: Vec<_> = named.chain([&ERROR]).collect();
    left.reverse();
    while let Some(class) = left.pop() {
        if !classes.iter().any(|known| known.type_ == class.type_) {
            classes.push(class);
            left.extend(class.parts());
        }
    }
    classes
}

fn document(media_type: &'static str, document: &Value) -> Response<crate::body::ResponseBody> {
    let mut response = Response::new(full(document.to_string()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn what_is_read_of_a_request_is_what_is_described() {
        for class in classes() {
            let name = class.name();
            for known in class.known {
                // Of every resource and of every collection.
                let is_general = ["@id", "view"].contains(known);
                let found = class.properties.iter().find(|it| it.name == *known);
                assert!(is_general || found.is_some(), "{name}: `{known}`");
            }
            for property in class.properties.iter().filter(|it| it.is_written) {
                let written = property.name;
                assert!(class.known.contains(&written), "{name}: `{written}`");
            }
        }
    }

    #[test]
    fn nothing_goes_by_the_name_of_another() {
        let mut names = HashSet::new();
        for class in classes() {
            assert!(names.insert(class.name()), "{}", class.name());
            let mut names = HashSet::new();
            for property in class.properties {
                let name = property.name;
                assert!(names.insert(name), "{}: `{name}`", class.name());
                assert!(!property.is_optional || property.is_read, "`{name}`");
                assert!(!property.is_needed || property.is_written, "`{name}`");
            }
        }
        let mut ids = HashSet::new();
        assert!(ROUTES.iter().all(|entry| ids.insert(entry.operation_id())));
    }

    #[test]
    fn sentences_are_sentences() {
        let classes = classes();
        let properties = classes.iter().flat_map(|class| class.properties);
        let texts = properties.map(|it| it.text);
        let texts = texts.chain(classes.iter().map(|class| class.text));
        for text in texts.chain(ROUTES.iter().map(|entry| entry.operation.summary)) {
            assert!(text.ends_with('.'), "{text}");
        }
    }
}
