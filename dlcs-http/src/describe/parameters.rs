//! What stands in the addresses of requests, besides their literal parts, and in their headers.

use dlcs_core::setting::BuiltInPolicy;
use serde_json::{Value, json};

use super::class::{Class, Type};
use super::operation::{Gives, Takes};
use super::resource_names;
use super::schema::value_schema;
use crate::delivery::RouteDescription;
use crate::error::Kind;
use crate::route::Entry;

/// The name, the type and the meaning of a parameter.
type Parameter = (&'static str, Type, &'static str);

/// What every listing is asked for by.
const PAGES: &[Parameter] = &[
    (
        "page",
        Type::Integer,
        "The number of the page, from 1; below 1 is 1.",
    ),
    (
        "pageSize",
        Type::Integer,
        "How many members a page has: 100, or a number from 1 to 500.",
    ),
    (
        "orderBy",
        Type::Text,
        "A property of the members, in whatever case, to list them by.",
    ),
    (
        "orderByDescending",
        Type::Text,
        "The same, the largest first.",
    ),
];
/// What listings of images are asked for by, too.
const FILTERS: &[Parameter] = &[
    (
        "after",
        Type::Text,
        "The place where a page begins: only the links of pages have it.",
    ),
    (
        "q",
        Type::Text,
        "A JSON object of filters; a list means any of its items.",
    ),
    ("string1", Type::Text, "The value of `string1`."),
    ("string2", Type::Text, "The value of `string2`."),
    ("string3", Type::Text, "The value of `string3`."),
    ("number1", Type::Integer, "The value of `number1`."),
    ("number2", Type::Integer, "The value of `number2`."),
    ("number3", Type::Integer, "The value of `number3`."),
    (
        "tags",
        Type::Text,
        "Any of these tags, separated by commas.",
    ),
    ("id", Type::Text, "The id."),
    ("batch", Type::Natural, "The number of the batch."),
    (
        "error",
        Type::Boolean,
        "Whether the registration has failed.",
    ),
    (
        "ingesting",
        Type::Boolean,
        "Whether it waits or is being processed.",
    ),
];
const PREVIEW: Parameter = ("preview", Type::Boolean, "Whether nothing is to be queued.");

/// The parameters in a path, between braces.
pub(super) fn of_path(path: &str) -> Vec<Value> {
    let names = path.split('{').skip(1);
    let names = names.filter_map(|part| Some(part.split_once('}')?.0));
    let parameter = |name| json!({ "name": name, "in": "path", "required": true, "schema": of_segment(path, name) });
    names.map(parameter).collect()
}

/// What a parameter in a path can be.
fn of_segment(path: &str, name: &str) -> Value {
    let number = || json!({ "type": "integer", "minimum": 1, "maximum": u32::MAX });
    match name {
        "customer" if path.starts_with("/customers") => number(),
        "space" => number(),
        "batch" => json!({ "type": "integer", "minimum": 1, "maximum": i64::MAX }),
        // A name in what is delivered.
        "query" if !path.starts_with("/customers") => json!({ "type": "string" }),
        "strategy" | "default" | "query" | "role" | "service" => {
            json!({ "type": "string", "format": "uuid" })
        }
        "channel" => json!({ "type": "string", "enum": BuiltInPolicy::CHANNELS }),
        "slug" => json!({ "type": "string", "enum": Kind::ALL.map(|kind| kind.text().slug) }),
        "type" => json!({ "type": "string", "enum": resource_names() }),
        "region" => such_as("full"),
        "size" => such_as("max"),
        "rotation" => such_as("0"),
        "quality" => such_as("default"),
        "format" => such_as("jpg"),
        "image" => json!({ "type": "string", "minLength": 1, "maxLength": 220 }),
        _ => json!({ "type": "string" }),
    }
}

/// Any text, of which few will do: one is this.
fn such_as(example: &str) -> Value {
    json!({ "type": "string", "examples": [example] })
}

/// The parameters in the query string and the headers of an operation.
pub(super) fn of_operation(entry: &Entry) -> Vec<Value> {
    let listed = |lists: &[&[Parameter]]| {
        let parameters = lists.concat().into_iter();
        parameters.map(in_query).collect::<Vec<_>>()
    };
    let mut parameters = match entry.operation.gives {
        Gives::Page(_) | Gives::Stubs(_) | Gives::Collections => listed(&[PAGES]),
        Gives::Filtered(_) => listed(&[PAGES, FILTERS]),
        Gives::Imported { .. } => listed(&[&[PREVIEW]]),
        Gives::Events(_) => vec![header("Last-Event-ID", "The event that was seen last.")],
        _ => Vec::new(),
    };
    if entry.is_named() {
        let text = "A name of the request: sent again with it, the request takes effect once, and is answered as it was.";
        parameters.push(header("Idempotency-Key", text));
    }
    if let Takes::Master(class) = entry.operation.takes {
        parameters.extend(of_master(class));
        if !entry.path.contains("{image}") {
            parameters.push(header("Slug", "The id, with bytes as the body."));
        }
    }
    parameters
}

/// The parameters in the headers of what is delivered.
pub(super) fn of_delivery(described: &RouteDescription) -> Vec<Value> {
    let asks = described.asks.iter();
    asks.map(|(name, text)| header(name, text)).collect()
}

/// What a query string says of an image whose bytes are the body.
fn of_master(class: &Class) -> impl Iterator<Item = Value> {
    let properties = class.properties.iter();
    let written = properties.filter(|it| it.is_written && !matches!(it.name, "file" | "space"));
    written.map(|property| {
        let type_ = match property.type_ {
            Type::Integer => Type::Integer,
            // Lists have commas between their items.
            _ => Type::Text,
        };
        in_query((
            property.name,
            type_,
            "With bytes as the body: the property of this name.",
        ))
    })
}

fn in_query((name, type_, text): Parameter) -> Value {
    json!({ "name": name, "in": "query", "description": text, "schema": value_schema(type_) })
}

fn header(name: &str, text: &str) -> Value {
    json!({ "name": name, "in": "header", "description": text, "schema": { "type": "string" } })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::PARAMETERS;

    #[test]
    fn every_parameter_of_listings_is_described() {
        let described = [PAGES, FILTERS].concat();
        let mut described: Vec<_> = described.iter().map(|(name, ..)| *name).collect();
        let mut known = PARAMETERS.to_vec();
        described.sort_unstable();
        known.sort_unstable();
        assert_eq!(described, known);
    }
}
