//! `GET /openapi.json`: the API in the words of OpenAPI 3.1.

use serde_json::{Map, Value, json};

use super::operation::{Gives, Operation, Takes, operation_id, reason};
use super::schema::{
    VIEW, answer_schema, input_name, input_schema, output_schema, reference, taken, view_schema,
};
use super::{classes, parameters};
use crate::delivery;
use crate::error::{ERROR, Kind};
use crate::route::{Entry, ROUTES};

/// The media type of errors.
const PROBLEM: &str = "application/problem+json";

/// The document for an API and a delivery at these addresses.
pub(super) fn document(api: &str, delivery: &str) -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "DLCS",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Registers images, and delivers them by the IIIF APIs. Wherever there is GET, there is HEAD; property names ignore case; \
                            unknown properties and nulls are ignored; unknown parameters of listings are refused.",
        },
        "servers": [{ "url": api }],
        "paths": paths(delivery),
        "components": {
            "securitySchemes": {
                "basic": { "type": "http", "scheme": "basic", "description": "An API key and its secret." },
            },
            "responses": failures(),
            "schemas": schemas(),
        },
    })
}

fn paths(delivery: &str) -> Map<String, Value> {
    let mut paths = Map::new();
    for entry in ROUTES {
        let path = paths
            .entry(entry.path)
            .or_insert_with(|| json!({ "parameters": parameters::of_path(entry.path) }));
        path[entry.method.as_str().to_ascii_lowercase()] = operation(entry);
    }
    for (path, described) in delivery::descriptions() {
        let item = json!({
            "servers": [{ "url": delivery }],
            "parameters": parameters::of_path(&path),
            "get": of_delivery(&path, described),
            "options": {
                "operationId": operation_id(&http::Method::OPTIONS, &path),
                "summary": "Tells browsers that every page may read this.",
                "responses": { "204": { "description": reason(204) } },
            },
        });
        paths.insert(path, item);
    }
    paths
}

fn operation(entry: &Entry) -> Value {
    let Operation {
        summary,
        takes,
        gives,
        ..
    } = entry.operation;
    let mut responses = Map::new();
    for status in gives.statuses() {
        responses.insert(status.to_string(), success(*status, gives));
    }
    for status in entry.failures() {
        responses.insert(status.to_string(), failure(status));
    }
    let mut operation = json!({
        "operationId": entry.operation_id(),
        "summary": summary,
        "parameters": parameters::of_operation(entry),
        "responses": responses,
    });
    if let Some(body) = body(takes) {
        operation["requestBody"] = body;
    }
    if entry.is_closed() {
        operation["security"] = json!([{ "basic": [] }]);
    }
    operation
}

fn body(takes: Takes) -> Option<Value> {
    let bytes = || json!({ "type": "string", "format": "binary" });
    let content = match takes {
        Takes::Nothing => return None,
        Takes::Table => json!({
            "text/csv": { "schema": { "type": "string" }, "example": "Space,ID,Origin\n1,f1r,https://example.org/f1r.tif\n" },
            "multipart/form-data": { "schema": { "type": "object", "properties": { "file": bytes() }, "required": ["file"] } },
        }),
        Takes::Master(class) => {
            let image = reference(&input_name(class));
            let form = json!({ "type": "object", "properties": { "file": bytes(), "image": image }, "required": ["file"] });
            json!({
                "application/json": { "schema": image },
                "application/octet-stream": { "schema": bytes() },
                "image/*": { "schema": bytes() },
                "multipart/form-data": { "schema": form, "encoding": { "image": { "contentType": "application/json" } } },
            })
        }
        takes => json!({ "application/json": { "schema": taken(takes)? } }),
    };
    Some(json!({ "required": true, "content": content }))
}

fn success(status: u16, gives: Gives) -> Value {
    let mut response = json!({ "description": reason(status) });
    if status == 201 {
        response["headers"] = json!({ "Location": { "required": true, "schema": { "type": "string", "format": "uri" } } });
    }
    let content = match gives {
        Gives::Html => json!({ "text/html": { "schema": { "type": "string" } } }),
        Gives::Document(media_type) => json!({ media_type: { "schema": { "type": "object" } } }),
        Gives::Events(_) if status == 200 => {
            json!({ "text/event-stream": { "schema": { "type": "string" } } })
        }
        Gives::Imported { preview, .. } if status == 200 => json_content(preview.name()),
        gives => match answer_schema(gives) {
            Some((name, _)) => json_content(&name),
            None => return response,
        },
    };
    response["content"] = content;
    response
}

/// As JSON, and as JSON-LD to those who ask for that.
fn json_content(name: &str) -> Value {
    let schema = json!({ "schema": reference(name) });
    json!({ "application/json": schema, "application/ld+json": schema })
}

fn of_delivery(path: &str, described: &delivery::RouteDescription) -> Value {
    let mut responses = Map::new();
    for (status, media_types) in described.answers {
        let mut response = json!({ "description": reason(*status) });
        for media_type in *media_types {
            response["content"][*media_type] = json!({});
        }
        responses.insert(status.to_string(), response);
    }
    for status in described.fails {
        responses.insert(status.to_string(), failure(*status));
    }
    json!({
        "operationId": operation_id(&http::Method::GET, path),
        "summary": described.summary,
        "parameters": parameters::of_delivery(described),
        "responses": responses,
    })
}

fn failure(status: u16) -> Value {
    json!({ "$ref": format!("#/components/responses/{status}") })
}

/// What is answered with each status of failure.
fn failures() -> Map<String, Value> {
    let mut responses = Map::new();
    for kind in Kind::ALL {
        let response = responses.entry(kind.status().as_str()).or_insert_with(|| {
            json!({
                "description": "",
                "content": { PROBLEM: { "schema": reference(ERROR.name()) } },
            })
        });
        let titles = response["description"].as_str().unwrap_or_default();
        let title = kind.text().title;
        let titles = if titles.is_empty() {
            title.to_owned()
        } else {
            format!("{titles}; {title}")
        };
        response["description"] = titles.into();
        if let Some(header) = header_of(kind) {
            response["headers"] = json!({ header: { "schema": { "type": "string" } } });
        }
    }
    responses
}

/// The header that goes with a failure of a kind.
const fn header_of(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Unauthorised => Some("WWW-Authenticate"),
        Kind::MethodNotAllowed => Some("Allow"),
        Kind::TooManyFailures | Kind::Unavailable | Kind::Overloaded => Some("Retry-After"),
        _ => None,
    }
}

fn schemas() -> Map<String, Value> {
    let mut schemas = Map::new();
    for class in classes() {
        if class.is_given() {
            schemas.insert(class.name().to_owned(), output_schema(class));
        }
        if class.is_taken() {
            schemas.insert(input_name(class), input_schema(class));
        }
    }
    for entry in ROUTES {
        if let Some((name, Some(schema))) = answer_schema(entry.operation.gives) {
            schemas.insert(name, schema);
        }
    }
    schemas.insert(VIEW.to_owned(), view_schema());
    schemas
}
