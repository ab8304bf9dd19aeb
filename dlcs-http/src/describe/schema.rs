//! JSON Schemas of what is sent and taken.

use serde_json::{Map, Value, json};

use super::class::{Class, Property, Type};
use super::operation::{Gives, Takes};
use crate::hydra::{COLLECTION, HYDRA};

/// Where a schema of this name stands in the document.
pub(super) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// The name of the schema of what requests have of a class.
pub(super) fn input_name(class: &Class) -> String {
    format!("{}Input", class.name())
}

/// The name of the schema of an answer, and where it is a collection, that schema; `None` where the answer is no resource of this API.
pub(super) fn answer_schema(gives: Gives) -> Option<(String, Option<Value>)> {
    let collection = |class: &Class| (format!("{}Collection", class.name()), Some(members(class)));
    match gives {
        Gives::Nothing | Gives::Html | Gives::Document(_) | Gives::Events(_) => None,
        Gives::One(class) | Gives::New(class) | Gives::NewOrOne(class) => {
            Some((class.name().to_owned(), None))
        }
        Gives::Page(class) | Gives::Filtered(class) | Gives::Entire(class) => {
            Some(collection(class))
        }
        Gives::Imported { made, .. } => Some(collection(made)),
        Gives::Stubs(class) => {
            let stub = json!({
                "type": "object",
                "properties": { "@id": value_schema(Type::Link), "@type": { "const": class.type_ } },
                "required": ["@id", "@type"],
            });
            let name = format!("{}References", class.name());
            Some((name, Some(collection_schema(&stub, None))))
        }
        Gives::Collections => {
            let member = json!({
                "type": "object",
                "properties": {
                    "@id": value_schema(Type::Link),
                    "@type": { "const": COLLECTION },
                    "title": value_schema(Type::Text),
                },
                "required": ["@id", "@type", "title"],
            });
            Some((
                "Collections".to_owned(),
                Some(collection_schema(&member, None)),
            ))
        }
        Gives::Found(class) => {
            let missing = ("missing", value_schema(Type::Texts));
            let name = format!("{}Found", class.name());
            let schema = collection_schema(&reference(class.name()), Some(missing));
            Some((name, Some(schema)))
        }
    }
}

fn members(class: &Class) -> Value {
    collection_schema(&reference(class.name()), None)
}

fn collection_schema(member: &Value, also: Option<(&str, Value)>) -> Value {
    let mut properties = json!({
        "@context": { "const": HYDRA },
        "@id": value_schema(Type::Link),
        "@type": { "const": COLLECTION },
        "totalItems": value_schema(Type::Natural),
        "pageSize": value_schema(Type::Natural),
        "member": { "type": "array", "items": member },
        "view": reference(VIEW),
    });
    let mut required = vec![
        "@context",
        "@id",
        "@type",
        "totalItems",
        "pageSize",
        "member",
    ];
    if let Some((name, schema)) = also {
        properties[name] = schema;
        required.push(name);
    }
    json!({ "type": "object", "properties": properties, "required": required })
}

/// The name of the schema of what leads from page to page.
pub(super) const VIEW: &str = "PartialCollectionView";

/// The schema of what leads from page to page.
pub(super) fn view_schema() -> Value {
    let (link, natural) = (value_schema(Type::Link), value_schema(Type::Natural));
    json!({
        "type": "object",
        "description": "What leads from page to page; a collection that fits on one has none.",
        "properties": {
            "@id": link,
            "@type": { "const": VIEW },
            "first": link, "previous": link, "next": link, "last": link,
            "page": natural, "pageSize": natural, "totalPages": natural,
        },
        "required": ["@id", "@type", "page", "pageSize", "totalPages"],
    })
}

/// The schema of what answers have of a class.
pub(super) fn output_schema(class: &Class) -> Value {
    let mut properties = Map::new();
    if class.is_resource() {
        properties.insert("@context".to_owned(), value_schema(Type::Link));
        properties.insert("@id".to_owned(), value_schema(Type::Link));
        properties.insert("@type".to_owned(), json!({ "const": class.type_ }));
    }
    let mut required: Vec<_> = properties.keys().cloned().collect();
    for property in class.properties.iter().filter(|property| property.is_read) {
        let schema = described(value_schema(property.type_), property);
        properties.insert(property.name.to_owned(), schema);
        if !property.is_optional {
            required.push(property.name.to_owned());
        }
    }
    json!({ "type": "object", "description": class.text, "properties": properties, "required": required })
}

/// The schema of what requests have of a class.
pub(super) fn input_schema(class: &Class) -> Value {
    let mut properties = Map::new();
    for property in class
        .properties
        .iter()
        .filter(|property| property.is_written)
    {
        let schema = match property.takes {
            [] => taken_schema(property.type_),
            several => {
                json!({ "anyOf": several.iter().map(|type_| taken_schema(*type_)).collect::<Vec<_>>() })
            }
        };
        properties.insert(property.name.to_owned(), described(schema, property));
    }
    json!({ "type": "object", "description": class.text, "properties": properties })
}

/// What a request needs of a class.
pub(super) fn taken(takes: Takes) -> Option<Value> {
    let class = takes.class()?;
    let one = reference(&input_name(class));
    let needed = class
        .properties
        .iter()
        .filter(|property| property.is_needed);
    let needed: Vec<_> = needed.map(|property| property.name).collect();
    Some(match takes {
        Takes::New(_) if !needed.is_empty() => json!({ "allOf": [one, { "required": needed }] }),
        Takes::Members(_) => json!({
            "type": "object",
            "properties": { "member": { "type": "array", "items": one, "minItems": 1 } },
            "required": ["member"],
        }),
        _ => one,
    })
}

fn described(mut schema: Value, property: &Property) -> Value {
    schema["description"] = property.text.into();
    if let Some(example) = property.example {
        schema["examples"] = json!([example]);
    }
    schema
}

fn taken_schema(type_: Type) -> Value {
    match type_ {
        Type::List(class) => {
            json!({ "type": "array", "items": reference(&input_name(class)) })
        }
        type_ => value_schema(type_),
    }
}

/// The schema of a value as it is sent.
pub(super) fn value_schema(type_: Type) -> Value {
    let list = |items: Value| json!({ "type": "array", "items": items });
    match type_ {
        Type::Text => json!({ "type": "string" }),
        Type::Word(words) => json!({ "type": "string", "enum": words }),
        Type::Date => json!({ "type": "string", "format": "date-time" }),
        Type::Link => json!({ "type": "string", "format": "uri" }),
        Type::Boolean => json!({ "type": "boolean" }),
        Type::Integer => json!({ "type": "integer", "format": "int64" }),
        Type::Natural => json!({ "type": "integer", "minimum": 0 }),
        Type::Texts => list(value_schema(Type::Text)),
        Type::Naturals => list(value_schema(Type::Natural)),
        Type::Object => json!({ "type": "object" }),
        Type::Objects => list(value_schema(Type::Object)),
        Type::List(class) => list(reference(class.name())),
    }
}
