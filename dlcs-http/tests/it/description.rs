//! `/openapi.json`, `/vocab`, `/contexts/{type}.jsonld`: what the service says of itself. That its answers are so, every test sees to.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::app::{Answer, App, text};
use crate::tenants::{Tenants, routes};

const API: &str = "https://api.example.org";
/// Where Hydra's clients look for the documentation.
const RELATION: &str = "http://www.w3.org/ns/hydra/core#apiDocumentation";

async fn open(app: &App, path: &str) -> Value {
    app.send_as(None, "GET", path, "").await.json(200)
}

/// Every method and path of the one document.
fn of_openapi(document: &Value) -> BTreeSet<String> {
    let paths = document["paths"].as_object().into_iter().flatten();
    let mut operations = BTreeSet::new();
    for (path, item) in paths {
        for method in item.as_object().expect("a path has operations").keys() {
            if !["parameters", "servers"].contains(&method.as_str()) {
                operations.insert(format!("{} {path}", method.to_uppercase()));
            }
        }
    }
    operations
}

/// Everything in a document that has a property.
fn all<'a>(document: &'a Value, name: &str, found: &mut Vec<&'a Value>) {
    let children: Vec<&Value> = match document {
        Value::Array(items) => items.iter().collect(),
        Value::Object(entries) => entries.values().collect(),
        _ => return,
    };
    if document.get(name).is_some() {
        found.push(document);
    }
    for child in children {
        all(child, name, found);
    }
}

fn is_delivery(operation: &str) -> bool {
    let (_, path) = operation
        .split_once(' ')
        .expect("a path follows the method");
    [
        "/iiif-img/",
        "/thumbs/",
        "/iiif-manifest/",
        "/iiif-resource/",
        "/raw-resource/",
        "/file/",
    ]
    .iter()
    .any(|family| path.starts_with(family))
}

#[tokio::test]
async fn the_documents_are_open_and_of_their_media_types() {
    let app = App::new().await;
    for (path, media_type) in [
        ("/openapi.json", "application/json"),
        ("/vocab", "application/ld+json"),
        ("/vocab/", "application/ld+json"),
        ("/contexts/Image.jsonld", "application/ld+json"),
    ] {
        let answer = app.send_as(None, "GET", path, "").await;
        assert!(answer.json(200).is_object(), "{path}");
        assert_eq!(answer.header("content-type"), media_type, "{path}");
    }
    for name in [
        "Nothing",
        "image",
        "Collection",
        "Error",
        "DeliveryChannel",
        ".jsonld",
        "",
    ] {
        let path = format!("/contexts/{name}.jsonld");
        assert_eq!(app.get(&path).await.status, 404, "{path}");
    }
    assert_eq!(app.get("/contexts/Image").await.status, 404);
    assert_eq!(app.send("POST", "/vocab", "").await.status, 405);
}

#[tokio::test]
async fn openapi_has_every_route_of_the_documentation_and_no_other() {
    let app = App::new().await;
    let described = of_openapi(&open(&app, "/openapi.json").await);
    let mut documented = BTreeSet::new();
    for (method, route, _) in routes() {
        let (family, rest) = route.split_once("[v2/\\|v3/]").unwrap_or((&route, ""));
        let versions = if rest.is_empty() {
            &[""][..]
        } else {
            &["", "v2/", "v3/"]
        };
        for version in versions {
            let path = format!("{family}{version}{rest}")
                .replace("{c}", "{customer}")
                .replace("{s}", "{space}")
                .replace("{i}", "{image}")
                .replace("{b}", "{batch}")
                .replace("originStrategies/{id}", "originStrategies/{strategy}")
                .replace("Channels/{id}", "Channels/{default}")
                .replace("namedQueries/{id}", "namedQueries/{query}")
                .replace("roles/{id}", "roles/{role}")
                .replace("authServices/{id}", "authServices/{service}");
            match path.split_once("/{p1}/…") {
                Some((query, _)) => documented.extend(
                    ["", "/{p1}", "/{p1}/{p2}", "/{p1}/{p2}/{p3}"]
                        .map(|arguments| format!("{method} {query}{arguments}")),
                ),
                None => drop(documented.insert(format!("{method} {path}"))),
            }
        }
    }
    assert_eq!(described, documented);
}

#[tokio::test]
async fn the_vocabulary_has_every_operation_of_openapi_but_delivery() {
    let app = App::new().await;
    let mut openapi = of_openapi(&open(&app, "/openapi.json").await);
    openapi.retain(|operation| !is_delivery(operation));
    let vocab = open(&app, "/vocab").await;
    let mut operations = Vec::new();
    all(&vocab, "vocab:template", &mut operations);
    let named = operations.iter().map(|operation| {
        let (method, path) = (&operation["method"], &operation["vocab:template"]);
        format!("{} {}", text(method), text(path))
    });
    let named: Vec<_> = named.collect();
    assert_eq!(named.len(), openapi.len(), "each is there once");
    assert_eq!(named.into_iter().collect::<BTreeSet<_>>(), openapi);
    assert_eq!(
        (&vocab["@type"], &vocab["entrypoint"]),
        (&json!("ApiDocumentation"), &json!(API))
    );
}

#[tokio::test]
async fn operations_say_what_they_take_and_give() {
    let app = App::new().await;
    let vocab = open(&app, "/vocab").await;
    let mut operations = Vec::new();
    all(&vocab, "vocab:template", &mut operations);
    let c = "/customers/{customer}";
    for (method, path, expects, returns) in [
        ("GET", c.to_owned(), None, Some("vocab:Customer")),
        (
            "POST",
            format!("{c}/spaces"),
            Some("vocab:Space"),
            Some("vocab:Space"),
        ),
        ("GET", format!("{c}/spaces"), None, Some("hydra:Collection")),
        (
            "POST",
            format!("{c}/queue"),
            Some("hydra:Collection"),
            Some("vocab:Batch"),
        ),
        (
            "DELETE",
            format!("{c}/keys/{{key}}"),
            None,
            Some("owl:Nothing"),
        ),
        ("GET", "/docs/errors/{slug}".to_owned(), None, None),
    ] {
        let mut operations = operations.iter();
        let found = operations.find(|it| it["method"] == method && it["vocab:template"] == path);
        let found = found.expect("the operation is described");
        let said = ["expects", "returns"].map(|name| found.get(name).and_then(Value::as_str));
        assert_eq!(said, [expects, returns], "{method} {path}");
    }
}

/// Where the vocabulary has the operations of a path.
fn home(vocab: &Value, path: &str) -> Vec<String> {
    let mut homes = Vec::new();
    for class in vocab["supportedClass"].as_array().into_iter().flatten() {
        let is_at = |operations: &Value| {
            let operations = operations.as_array();
            operations.is_some_and(|them| them.iter().any(|it| it["vocab:template"] == path))
        };
        if is_at(&class["supportedOperation"]) {
            homes.push(text(&class["title"]));
        }
        for property in class["supportedProperty"].as_array().into_iter().flatten() {
            if is_at(&property["property"]["supportedOperation"]) {
                homes.push(format!(
                    "{}.{}",
                    text(&class["title"]),
                    text(&property["title"])
                ));
            }
        }
    }
    homes
}

#[tokio::test]
async fn operations_belong_to_what_they_are_done_to() {
    let app = App::new().await;
    let vocab = open(&app, "/vocab").await;
    for (path, expected) in [
        ("/", "EntryPoint"),
        ("/health", "EntryPoint"),
        ("/customers", "EntryPoint.customers"),
        ("/customers/{customer}", "Customer"),
        ("/customers/{customer}/keys", "Customer.keys"),
        ("/customers/{customer}/keys/{key}", "Key"),
        ("/customers/{customer}/deleteImages", "Customer"),
        (
            "/customers/{customer}/spaces/{space}/images",
            "Space.images",
        ),
        (
            "/customers/{customer}/spaces/{space}/images/{image}/reingest",
            "Image",
        ),
        ("/customers/{customer}/queue/priority", "CustomerQueue"),
        (
            "/customers/{customer}/queue/batches/{batch}/retry",
            "Batch.retry",
        ),
        (
            "/customers/{customer}/queue/batches/{batch}/test",
            "Batch.test",
        ),
        ("/customers/{customer}/spaces/{space}/metadata", "Metadata"),
        (
            "/customers/{customer}/originStrategies/{strategy}",
            "CustomerOriginStrategy",
        ),
        ("/storagePolicies", "EntryPoint.storagePolicies"),
        ("/customers/{customer}/storage", "CustomerStorage"),
        (
            "/customers/{customer}/spaces/{space}/images/{image}/storage",
            "ImageStorage",
        ),
        (
            "/customers/{customer}/deliveryChannelPolicies",
            "Customer.deliveryChannelPolicies",
        ),
        (
            "/customers/{customer}/deliveryChannelPolicies/{channel}",
            "DeliveryChannelPolicy",
        ),
        (
            "/customers/{customer}/deliveryChannelPolicies/{channel}/{name}",
            "DeliveryChannelPolicy",
        ),
        (
            "/customers/{customer}/spaces/{space}/defaultDeliveryChannels",
            "Space.defaultDeliveryChannels",
        ),
        ("/customers/{customer}/namedQueries/{query}", "NamedQuery"),
    ] {
        assert_eq!(home(&vocab, path), [expected], "{path}");
    }
}

#[tokio::test]
async fn references_lead_somewhere_and_closed_operations_say_so() {
    let app = App::new().await;
    let document = open(&app, "/openapi.json").await;
    let mut references = Vec::new();
    all(&document, "$ref", &mut references);
    assert!(references.len() > 100);
    for reference in references {
        let pointer = text(&reference["$ref"]);
        assert!(document.pointer(&pointer[1..]).is_some(), "{pointer}");
    }
    for (path, item) in document["paths"].as_object().unwrap() {
        for parameter in item["parameters"].as_array().unwrap() {
            let name = text(&parameter["name"]);
            assert!(path.contains(&format!("{{{name}}}")), "{path}");
        }
        let parameters = path.matches('{').count();
        assert_eq!(
            item["parameters"].as_array().unwrap().len(),
            parameters,
            "{path}"
        );
        for operation in item.as_object().unwrap().values() {
            let is_closed = operation.get("security").is_some();
            let expected = operation.is_object() && path.starts_with("/customers");
            assert_eq!(is_closed, expected, "{path}");
        }
    }
    assert_eq!(document["servers"], json!([{ "url": API }]));
}

#[tokio::test]
async fn every_answer_of_the_api_leads_to_its_documentation() {
    let app = App::new().await;
    let expected = format!("<{API}/vocab>; rel=\"{RELATION}\"");
    for path in [
        "/",
        "/nothing",
        "/customers",
        "/customers/1/spaces/1",
        "/health",
    ] {
        assert_eq!(app.get(path).await.header("link"), expected, "{path}");
    }
    let delivered = app.get("/iiif-img/1/1/a/info.json").await;
    assert!(!delivered.header("link").contains("vocab"));
}

#[tokio::test]
async fn a_context_says_what_the_names_of_a_type_mean() {
    let app = App::new().await;
    let context = open(&app, "/contexts/Image.jsonld").await["@context"].clone();
    for (term, expected) in [
        ("vocab", json!("https://api.example.org/vocab#")),
        ("string1", json!("vocab:Image/string1")),
        (
            "tags",
            json!({"@id": "vocab:Image/tags", "@container": "@set"}),
        ),
        (
            "created",
            json!({"@id": "vocab:Image/created", "@type": "xsd:dateTime"}),
        ),
        ("batch", json!({"@id": "vocab:Image/batch", "@type": "@id"})),
        ("channel", json!("vocab:DeliveryChannel/channel")),
    ] {
        assert_eq!(context[term], expected, "{term}");
    }
}

/// Everything with a type of this API that an answer holds.
fn typed(answer: &Answer) -> Vec<Value> {
    let body = serde_json::from_slice(&answer.body).unwrap_or_default();
    let mut found = Vec::new();
    all(&body, "@type", &mut found);
    let types = found.into_iter().filter(|it| {
        let type_ = it["@type"].as_str();
        type_.is_some_and(|type_| type_.starts_with("vocab:"))
    });
    types.cloned().collect()
}

#[tokio::test]
async fn every_type_that_is_sent_has_a_class_and_a_context_and_the_other_way_round() {
    let tenants = Tenants::new().await;
    let app = &tenants.app;
    let mut answers = Vec::new();
    for (method, route, _) in routes() {
        if method == "GET" {
            let path = tenants.present(&route).replace("{name}", "default");
            answers.push(tenants.ask(Some(&app.admin), "GET", &path).await);
        }
    }
    for name in [
        "imageOptimisationPolicies/lossless",
        "thumbnailPolicies/standard",
    ] {
        answers.push(app.get(&format!("/{name}")).await);
    }
    let trial = r#"{"origin":"https://origin.example/x"}"#;
    answers.push(
        app.send("POST", "/customers/1/originStrategies/test", trial)
            .await,
    );
    let table = "Space,Origin\n1,https://origin.example/x\n";
    answers.push(
        app.send("POST", "/customers/1/queue/csv?preview=true", table)
            .await,
    );

    let (mut types, mut contexts) = (BTreeSet::new(), BTreeSet::new());
    for resource in answers.iter().flat_map(typed) {
        let type_ = text(&resource["@type"]);
        // Members of listings of addresses have no context of their own.
        if let Some(context) = resource.get("@context") {
            let name = type_.trim_start_matches("vocab:");
            assert_eq!(context, &json!(format!("{API}/contexts/{name}.jsonld")));
            contexts.insert(text(context));
        }
        types.insert(type_);
    }
    for context in &contexts {
        let document = open(app, context.strip_prefix(API).unwrap()).await;
        assert!(document["@context"].is_object(), "{context}");
    }
    let vocab = open(app, "/vocab").await;
    let classes = vocab["supportedClass"].as_array().unwrap().iter();
    let classes: BTreeSet<_> = classes.map(|class| text(&class["@id"])).collect();
    assert_eq!(types.difference(&classes).collect::<Vec<_>>(), [""; 0]);
    let mut resources = BTreeSet::new();
    for class in &classes {
        let name = class.trim_start_matches("vocab:");
        let context = format!("/contexts/{name}.jsonld");
        if app.get(&context).await.status == 200 {
            resources.insert(class.clone());
        }
    }
    assert_eq!(resources, types, "what is described and never sent");
}
