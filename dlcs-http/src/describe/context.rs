//! `GET /contexts/{type}.jsonld`: what the names of a type mean.

use serde_json::{Map, Value, json};

use super::class::{Class, Property, Type};

/// The address of the terms of this API.
pub(super) fn vocabulary(api: &str) -> String {
    format!("{api}/vocab#")
}

/// What a property is called among the terms of this API.
pub(super) fn property_name(class: &Class, property: &Property) -> String {
    format!("vocab:{}/{}", class.name(), property.name)
}

/// The context of a type.
pub(super) fn document(api: &str, class: &'static Class) -> Value {
    let mut terms = Map::new();
    terms.insert(
        "hydra".to_owned(),
        "http://www.w3.org/ns/hydra/core#".into(),
    );
    terms.insert("vocab".to_owned(), vocabulary(api).into());
    terms.insert("xsd".to_owned(), "http://www.w3.org/2001/XMLSchema#".into());
    add_terms(class, &mut terms);
    json!({ "@context": terms })
}

/// The properties of a type, and of what stands in it.
fn add_terms(class: &'static Class, terms: &mut Map<String, Value>) {
    for property in class.properties {
        let term = || term(class, property);
        terms.entry(property.name).or_insert_with(term);
    }
    for part in class.parts() {
        // What is itself a resource brings its own context along.
        if !part.is_resource() {
            add_terms(part, terms);
        }
    }
}

fn term(class: &Class, property: &Property) -> Value {
    let id = property_name(class, property);
    match property.type_ {
        Type::Link => json!({ "@id": id, "@type": "@id" }),
        Type::Date => json!({ "@id": id, "@type": "xsd:dateTime" }),
        // The order of sizes is part of what they say.
        Type::Naturals => json!({ "@id": id, "@container": "@list" }),
        Type::Texts | Type::List(_) | Type::Objects => json!({ "@id": id, "@container": "@set" }),
        Type::Text
        | Type::Word(_)
        | Type::Boolean
        | Type::Integer
        | Type::Natural
        | Type::Object => id.into(),
    }
}
