//! What the service says that it can be asked, so that a test can ask all of it.

use serde_json::{Map, Value};

use crate::app::App;
use crate::tenants::Tenants;

/// A method of a path, as `/openapi.json` has it.
pub(crate) struct Operation {
    pub(crate) method: String,
    /// With its parameters in braces.
    pub(crate) path: String,
    said: Value,
    /// The schema of its body, where that may be JSON.
    body: Option<Value>,
}

/// What a JSON body may have.
pub(crate) struct Taken {
    /// The properties of the object, or of each member of a collection.
    pub(crate) properties: Map<String, Value>,
    /// Whether they are those of a member.
    pub(crate) is_collection: bool,
}

/// Everything that the service can be asked.
pub(crate) async fn operations(app: &App) -> Vec<Operation> {
    let document = app.get("/openapi.json").await.json(200);
    let mut operations = Vec::new();
    for (path, item) in object(&document["paths"]) {
        for (method, said) in object(item) {
            if ["parameters", "servers"].contains(&method.as_str()) {
                continue;
            }
            let body = said.pointer("/requestBody/content/application~1json/schema");
            operations.push(Operation {
                method: method.to_uppercase(),
                path: path.clone(),
                said: said.clone(),
                body: body.map(|schema| resolved(&document, schema)),
            });
        }
    }
    assert!(operations.len() > 100, "{}", operations.len());
    operations
}

impl Operation {
    /// The statuses of 4xx that it can be answered with.
    pub(crate) fn refusals(&self) -> Vec<u16> {
        let statuses = object(&self.said["responses"]).keys();
        let statuses = statuses.map(|status| status.parse().expect("a status is a number"));
        statuses.filter(|it| (400..500).contains(it)).collect()
    }

    /// Whether it can be answered with a status.
    pub(crate) fn answers(&self, status: u16) -> bool {
        self.said["responses"].get(status.to_string()).is_some()
    }

    /// Whether its path is that of something delivered.
    pub(crate) fn is_delivery(&self) -> bool {
        let families = ["iiif-", "thumbs/", "raw-resource/", "file/"];
        let path = &self.path[1..];
        families.iter().any(|family| path.starts_with(family))
    }

    /// Whether it has a parameter in its query string.
    pub(crate) fn is_asked_by(&self, name: &str) -> bool {
        let parameters = self.said["parameters"].as_array().into_iter().flatten();
        let mut in_query = parameters.filter(|it| it["in"] == "query");
        in_query.any(|it| it["name"] == name)
    }

    /// What its body may have, where that may be JSON.
    pub(crate) fn takes(&self) -> Option<Taken> {
        let properties = object(&self.body.as_ref()?["properties"]);
        let member = properties.get("member").map(|member| &member["items"]);
        let is_collection = properties.len() == 1 && member.is_some();
        let properties = match member {
            Some(member) if is_collection => object(&member["properties"]),
            _ => properties,
        };
        Some(Taken {
            properties: properties.clone(),
            is_collection,
        })
    }

    /// The parameters of its path.
    pub(crate) fn parameters(&self) -> Vec<&str> {
        let parts = self.path.split('{').skip(1);
        parts
            .filter_map(|part| part.split_once('}'))
            .map(|(name, _)| name)
            .collect()
    }

    /// Its address, where something is there.
    pub(crate) fn present(&self, tenants: &Tenants) -> String {
        self.filled(tenants, &self.path)
    }

    /// Its address, where one parameter names nothing that is there.
    pub(crate) fn missing(&self, tenants: &Tenants, parameter: &str) -> String {
        let nothing = match parameter {
            "customer" | "space" | "batch" => "4711",
            "strategy" | "default" | "query" | "role" | "service" if !self.is_delivery() => {
                "67e55044-10b1-426f-9247-bb680e5fe0c8"
            }
            _ => "nothing",
        };
        self.with(tenants, parameter, nothing)
    }

    /// Its address with a value for a parameter.
    pub(crate) fn with(&self, tenants: &Tenants, parameter: &str, value: &str) -> String {
        let path = self.path.replace(&format!("{{{parameter}}}"), value);
        self.filled(tenants, &path)
    }

    fn filled(&self, tenants: &Tenants, path: &str) -> String {
        let mut path = path.to_owned();
        if !path.starts_with("/customers") {
            path = path
                .replace("{name}", "default")
                .replace("{query}", "{name}");
        }
        for (name, short) in [
            ("customer", "{c}"),
            ("space", "{s}"),
            ("image", "{i}"),
            ("batch", "{b}"),
            ("strategy", "{id}"),
            ("default", "{id}"),
            ("query", "{id}"),
            ("role", "{id}"),
            ("service", "{id}"),
            ("slug", "not-found"),
            ("type", "Image"),
            ("region", "full"),
            ("size", "max"),
            ("rotation", "0"),
            ("quality", "default"),
            ("format", "jpg"),
            ("p1", "x"),
            ("p2", "x"),
            ("p3", "x"),
        ] {
            path = path.replace(&format!("{{{name}}}"), short);
        }
        tenants.present(&path)
    }
}

fn object(value: &Value) -> &Map<String, Value> {
    value.as_object().expect("the document has an object here")
}

/// A schema without references, and with all that it is made of in one.
fn resolved(document: &Value, schema: &Value) -> Value {
    if let Some(pointer) = schema["$ref"].as_str() {
        let found = document.pointer(&pointer[1..]);
        return resolved(document, found.expect("references lead somewhere"));
    }
    let mut whole = Map::new();
    for (name, value) in object(schema) {
        match (name.as_str(), value) {
            ("allOf", Value::Array(parts)) => {
                for part in parts {
                    whole.extend(object(&resolved(document, part)).clone());
                }
            }
            ("properties", Value::Object(properties)) => {
                let each = properties.iter();
                let each = each.map(|(name, it)| (name.clone(), resolved(document, it)));
                whole.insert(name.clone(), Value::Object(each.collect()));
            }
            ("items", items) => drop(whole.insert(name.clone(), resolved(document, items))),
            _ => drop(whole.insert(name.clone(), value.clone())),
        }
    }
    Value::Object(whole)
}
