//! `GET /vocab`: the API in the words of Hydra.

use std::ptr;

use http::Method;
use serde_json::{Value, json};

use super::class::{Class, Property, Type};
use super::classes;
use super::context::{property_name, vocabulary};
use super::operation::{Gives, Operation, Takes, reason};
use crate::route::{Entry, ROUTES};

/// The documentation of the API at an address.
pub(super) fn document(api: &str) -> Value {
    let homes: Vec<_> = ROUTES
        .iter()
        .map(|entry| (Home::of(entry), entry))
        .collect();
    let classes = classes().into_iter();
    let classes =
        classes.filter(|class| class.properties.iter().all(|it| !it.name.starts_with('@')));
    json!({
        "@context": context(api),
        "@id": format!("{api}/vocab"),
        "@type": "ApiDocumentation",
        "title": "DLCS",
        "description": "Registers images, and delivers them by the IIIF APIs.",
        "entrypoint": api,
        "supportedClass": classes.map(|class| supported_class(class, &homes)).collect::<Vec<_>>(),
    })
}

/// What the names of the document mean: whatever is not said here is Hydra's.
fn context(api: &str) -> Value {
    let address = |term: &str| json!({ "@id": term, "@type": "@id" });
    json!({
        "@vocab": "http://www.w3.org/ns/hydra/core#",
        "hydra": "http://www.w3.org/ns/hydra/core#",
        "owl": "http://www.w3.org/2002/07/owl#",
        "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
        "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
        "xsd": "http://www.w3.org/2001/XMLSchema#",
        "vocab": vocabulary(api),
        "entrypoint": address("hydra:entrypoint"),
        "expects": address("hydra:expects"),
        "property": address("hydra:property"),
        "range": address("rdfs:range"),
        "returns": address("hydra:returns"),
    })
}

/// Where an operation belongs.
#[derive(Debug, Clone, Copy)]
enum Home {
    /// To the resources of a class.
    Class(&'static Class),
    /// To what a property of a class leads to.
    Link(&'static Class, &'static Property),
}

impl Home {
    /// That of an operation: the resource at its path, else a link that leads to its path, else the next resource above.
    fn of(entry: &Entry) -> Self {
        if let Some(class) = resource_at(entry.path) {
            return Self::Class(class);
        }
        let mut path = entry.path;
        let mut is_below = false;
        let mut last = None;
        loop {
            let (above, segment) = path.rsplit_once('/').unwrap_or(("", path));
            let above = if above.is_empty() { "/" } else { above };
            if let Some(class) = resource_at(above) {
                let names = class.properties.iter();
                let link = names.into_iter().find(|it| it.name == segment && !is_below);
                let members = || is_below.then(|| member_of(entry.path)).flatten();
                return match link {
                    Some(link) => Self::Link(class, link),
                    None => Self::Class(last.or_else(members).unwrap_or(class)),
                };
            }
            // A member of a collection belongs to the class of all members; where that is a collection, to the class of its members.
            if !is_below && segment.starts_with('{') {
                is_below = true;
                last = member_of(above);
            }
            path = above;
        }
    }
}

/// The class of the resource at a path.
fn resource_at(path: &str) -> Option<&'static Class> {
    gives(path)?.one().filter(|class| class.is_resource())
}

/// The class of the members of the collection at a path.
fn member_of(path: &str) -> Option<&'static Class> {
    match gives(path)? {
        Gives::Page(class) | Gives::Filtered(class) => Some(class),
        _ => None,
    }
}

/// What GET gives at a path.
fn gives(path: &str) -> Option<Gives> {
    let mut entries = ROUTES.iter();
    let get = entries.find(|entry| entry.path == path && entry.method == Method::GET);
    Some(get?.operation.gives)
}

fn supported_class(class: &'static Class, homes: &[(Home, &Entry)]) -> Value {
    let own = homes.iter().filter_map(|(home, entry)| match home {
        Home::Class(other) if ptr::eq(*other, class) => Some(operation(entry)),
        _ => None,
    });
    let properties = class.properties.iter();
    json!({
        "@id": format!("vocab:{}", class.name()),
        "@type": "Class",
        "title": class.name(),
        "description": class.text,
        "supportedProperty": properties.map(|it| supported_property(class, it, homes)).collect::<Vec<_>>(),
        "supportedOperation": own.collect::<Vec<_>>(),
    })
}

fn supported_property(class: &Class, property: &Property, homes: &[(Home, &Entry)]) -> Value {
    let own = homes.iter().filter_map(|(home, entry)| match home {
        Home::Link(other, link) if ptr::eq(*other, class) && ptr::eq(*link, property) => {
            Some(operation(entry))
        }
        _ => None,
    });
    let own: Vec<_> = own.collect();
    let mut term = json!({
        "@id": property_name(class, property),
        "@type": if matches!(property.type_, Type::Link) { "Link" } else { "rdf:Property" },
    });
    if let Some(range) = range(property.type_) {
        term["range"] = range.into();
    }
    if !own.is_empty() {
        term["supportedOperation"] = own.into();
    }
    json!({
        "@type": "SupportedProperty",
        "property": term,
        "title": property.name,
        "description": property.text,
        "required": property.is_needed,
        "readable": property.is_read,
        "writeable": property.is_written,
    })
}

/// What the values of a property are.
fn range(type_: Type) -> Option<String> {
    let name = match type_ {
        Type::Text | Type::Word(_) | Type::Texts => "xsd:string",
        Type::Date => "xsd:dateTime",
        Type::Boolean => "xsd:boolean",
        Type::Integer => "xsd:long",
        Type::Natural | Type::Naturals => "xsd:nonNegativeInteger",
        Type::List(class) => return Some(format!("vocab:{}", class.name())),
        Type::Link | Type::Object | Type::Objects => return None,
    };
    Some(name.to_owned())
}

/// An operation, with the template of the addresses that know it.
fn operation(entry: &Entry) -> Value {
    let Operation {
        summary,
        takes,
        gives,
        ..
    } = entry.operation;
    let statuses = gives.statuses().iter().copied().chain(entry.failures());
    let statuses = statuses
        .map(|status| json!({ "@type": "Status", "statusCode": status, "title": reason(status) }));
    let mut operation = json!({
        "@id": format!("vocab:{}", entry.operation_id()),
        "@type": "Operation",
        "method": entry.method.as_str(),
        "title": summary,
        "vocab:template": entry.path,
        "possibleStatus": statuses.collect::<Vec<_>>(),
    });
    let expects = match takes {
        Takes::Members(_) => Some("hydra:Collection".to_owned()),
        takes => takes.class().map(|class| format!("vocab:{}", class.name())),
    };
    if let Some(expects) = expects {
        operation["expects"] = expects.into();
    }
    let returns = match gives {
        Gives::One(class) | Gives::New(class) | Gives::NewOrOne(class) => {
            format!("vocab:{}", class.name())
        }
        Gives::Page(_)
        | Gives::Stubs(_)
        | Gives::Filtered(_)
        | Gives::Collections
        | Gives::Entire(_)
        | Gives::Found(_)
        | Gives::Imported { .. } => "hydra:Collection".to_owned(),
        Gives::Nothing => "owl:Nothing".to_owned(),
        Gives::Events(_) | Gives::Html | Gives::Document(_) => return operation,
    };
    operation["returns"] = returns.into();
    operation
}
