//! Holds every answer of these tests against what the service says of itself.

use http::Method;
use serde_json::{Map, Value};

use crate::app::Answer;

/// The service's own description: OpenAPI.
#[derive(Debug)]
pub(crate) struct Description(Value);

impl Description {
    pub(crate) const fn new(document: Value) -> Self {
        Self(document)
    }

    /// Panics when an answer is not as it is described: its status, its media type, and every property of it.
    #[track_caller]
    pub(crate) fn check(&self, method: &Method, path: &str, answer: &Answer) {
        let status = answer.status.as_u16();
        let at = format!("{method} {path}: {status}");
        let Some(operation) = self.operation(method, path) else {
            let leads_nowhere = matches!(status, 400 | 401 | 404 | 405 | 429 | 500);
            assert!(leads_nowhere, "{at} by an operation that is not described");
            return;
        };
        let response = &operation["responses"][status.to_string()];
        assert!(
            response.is_object(),
            "{at} is a status that is not described"
        );
        let content = &self.resolve(response)["content"];
        if answer.body.is_empty() {
            return;
        }
        let media_type = answer.header("content-type");
        let media_type = media_type.split(';').next().unwrap_or_default();
        let any = media_type.split('/').next().unwrap_or_default();
        let fitting = [media_type, &format!("{any}/*"), "*/*"];
        let content = fitting.iter().find_map(|range| content.get(range));
        let content =
            content.unwrap_or_else(|| panic!("{at} is `{media_type}`, as is not described"));
        if let (true, Some(schema)) = (media_type.ends_with("json"), content.get("schema")) {
            self.compare(&answer.json(status), schema, &at);
        }
    }

    /// What is said of a method at a path.
    fn operation(&self, method: &Method, path: &str) -> Option<&Value> {
        let segments = path.strip_suffix('/').unwrap_or(path).split('/');
        let segments: Vec<_> = segments.collect();
        let paths = self.0["paths"].as_object().expect("paths are an object");
        let fitting = paths.iter().filter(|(template, _)| {
            let parts = template.trim_end_matches('/').split('/');
            parts.clone().count() == segments.len()
                && parts
                    .zip(&segments)
                    .all(|(part, segment)| part.contains('{') || part == *segment)
        });
        // The one with the fewest parameters is meant.
        let (_, item) = fitting.min_by_key(|(template, _)| template.matches('{').count())?;
        let method = if method == Method::HEAD {
            &Method::GET
        } else {
            method
        };
        item.get(method.as_str().to_lowercase())
    }

    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value.get("$ref").and_then(Value::as_str) {
            Some(pointer) => self
                .0
                .pointer(pointer.trim_start_matches('#'))
                .unwrap_or_else(|| panic!("`{pointer}` leads nowhere")),
            None => value,
        }
    }

    /// Holds a value against a schema, in which every property must stand.
    fn compare(&self, value: &Value, schema: &Value, at: &str) {
        let schema = self.resolve(schema);
        if let Some(expected) = schema.get("const") {
            assert_eq!(value, expected, "{at}");
        }
        match (schema["type"].as_str(), value) {
            (Some("object"), Value::Object(object)) => self.compare_object(object, schema, at),
            (Some("array"), Value::Array(items)) => {
                for item in items {
                    self.compare(item, &schema["items"], at);
                }
            }
            (Some("string"), Value::String(text)) => match schema["format"].as_str() {
                Some("date-time") => assert!(text.ends_with('Z'), "{at}: `{text}` is no date"),
                Some("uri") => assert!(text.starts_with("http"), "{at}: `{text}` is no address"),
                _ => {}
            },
            (Some("integer"), Value::Number(number)) => {
                assert!(number.is_i64() || number.is_u64(), "{at}: {number}");
            }
            (Some("boolean"), Value::Bool(_)) | (None, _) => {}
            (expected, value) => panic!("{at} is {value}, described as {expected:?}"),
        }
    }

    fn compare_object(&self, object: &Map<String, Value>, schema: &Value, at: &str) {
        let Some(properties) = schema["properties"].as_object() else {
            return;
        };
        for (name, value) in object {
            let property = properties.get(name);
            let property = property.unwrap_or_else(|| panic!("{at}: `{name}` is not described"));
            self.compare(value, property, &format!("{at}/{name}"));
        }
        for name in schema["required"].as_array().into_iter().flatten() {
            let name = name.as_str().expect("names are texts");
            assert!(object.contains_key(name), "{at} lacks `{name}`");
        }
    }
}
