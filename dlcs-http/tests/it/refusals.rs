//! Every way in which every operation refuses: each is provoked, and has the one shape.

use std::collections::BTreeSet;

use http::Method;
use serde_json::{Map, Value, json};

use crate::app::{Answer, App, text};
use crate::operations::{Taken, operations};
use crate::provoked::{Refusals, answers};
use crate::tenants::Tenants;

const API: &str = "https://api.example.org";

/// Refusals that only two requests at the same instant come to.
const RACES: &[(&str, &str, u16)] = &[(
    "PUT",
    "/customers/{customer}/deliveryChannelPolicies/{channel}/{name}",
    409,
)];

/// Checks that an answer is an error of the one shape.
#[track_caller]
pub(crate) fn check_shape(answer: &Answer, status: u16, at: &str) {
    assert_eq!(answer.status.as_u16(), status, "{at}: {}", answer.text());
    for (name, expected) in [
        ("content-type", "application/problem+json"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(answer.header(name), expected, "{at}");
    }
    for (of, name) in [
        (401, "www-authenticate"),
        (405, "allow"),
        (429, "retry-after"),
    ] {
        let is_refused_by_image = answer.text().contains("image-restricted");
        let expected = status == of && !is_refused_by_image;
        assert_eq!(!answer.header(name).is_empty(), expected, "{at}: {name}");
    }
    let error = answer.json(status);
    let mut names: Vec<_> = error.as_object().expect("an object").keys().collect();
    names.retain(|name| *name != "image");
    let expected = [
        "@context",
        "@type",
        "type",
        "title",
        "status",
        "statusCode",
        "detail",
        "description",
        "instance",
        "errors",
    ];
    assert_eq!(names, expected, "{at}");
    assert_eq!(
        error["@context"],
        "http://www.w3.org/ns/hydra/context.jsonld"
    );
    assert_eq!(error["@type"], "Error");
    let page = text(&error["type"]);
    assert!(
        page.starts_with(&format!("{API}/docs/errors/")),
        "{at}: {page}"
    );
    assert_eq!(
        (&error["status"], &error["statusCode"]),
        (&json!(status), &json!(status))
    );
    assert_eq!(error["detail"], error["description"], "{at}");
    for name in ["title", "detail"] {
        assert!(!text(&error[name]).is_empty(), "{at}: {name}");
    }
    assert_eq!(text(&error["instance"]).len(), 36, "{at}");
    for problem in error["errors"].as_array().expect("errors are a list") {
        let (pointer, detail) = (text(&problem["pointer"]), text(&problem["detail"]));
        assert!(
            pointer.is_empty() || pointer.starts_with('/'),
            "{at}: {pointer}"
        );
        assert!(!detail.is_empty(), "{at}: {pointer}");
    }
}

#[tokio::test]
async fn every_operation_is_refused_in_every_way_that_is_described() {
    let refusals = Refusals::new().await;
    let operations = operations(refusals.app()).await;
    let mut races = BTreeSet::from_iter(RACES);
    let mut count = 0;
    for operation in &operations {
        let mut statuses = BTreeSet::from_iter(operation.refusals());
        if operation.method == "POST" {
            // With an `Idempotency-Key`, whatever it takes; what comes of it has to be described.
            statuses.extend([408, 409, 413, 415, 422]);
        }
        for status in statuses {
            if races.remove(&(operation.method.as_str(), operation.path.as_str(), status)) {
                continue;
            }
            let at = format!("{} {}", operation.method, operation.path);
            let answers = answers(&refusals, operation, status).await;
            assert!(!answers.is_empty(), "{at}: nothing provokes {status}");
            for answer in &answers {
                check_shape(answer, status, &at);
            }
            count += answers.len();
        }
    }
    assert!(races.is_empty(), "{races:?} is not described");
    assert!(count > 900, "{count}");
}

#[tokio::test]
async fn every_path_refuses_other_methods() {
    let tenants = Tenants::new().await;
    let mut paths = BTreeSet::new();
    for operation in operations(&tenants.app).await {
        let path = operation.present(&tenants);
        let answer = tenants.ask(Some(&tenants.app.admin), "BREW", &path).await;
        check_shape(&answer, 405, &path);
        let allowed = answer.header("allow").split(", ");
        let allowed: Vec<_> = allowed.map(ToOwned::to_owned).collect();
        assert!(
            allowed.contains(&operation.method),
            "{} {path}: {allowed:?}",
            operation.method
        );
        paths.insert(path);
    }
    assert!(paths.len() > 60, "{paths:?}");
}

/// A body in which everything is of a wrong type, and stands again under a name that is nearly its own.
fn all_wrong(taken: &Taken) -> Value {
    let mut object = Map::new();
    for (name, schema) in &taken.properties {
        let is_truth = schema["type"] == "boolean";
        object.insert(name.clone(), if is_truth { json!(5) } else { json!(true) });
        object.insert(format!("{name}x"), json!(1));
    }
    if taken.is_collection {
        json!({ "member": [object] })
    } else {
        Value::Object(object)
    }
}

#[tokio::test]
async fn every_property_of_every_body_is_pointed_at_and_so_is_every_slip() {
    let tenants = Tenants::new().await;
    let mut count = 0;
    for operation in operations(&tenants.app).await {
        let Some(taken) = operation.takes() else {
            continue;
        };
        let (path, at) = (operation.present(&tenants), &operation.path);
        let body = all_wrong(&taken).to_string();
        let answer = tenants.app.send(&operation.method, &path, body).await;
        check_shape(&answer, 400, at);
        let error = answer.json(400);
        let errors = error["errors"].as_array().expect("errors are a list");
        let within = if taken.is_collection { "/member/0" } else { "" };
        // These look at nothing but which images are meant.
        let names_only = ["allImages", "deleteImages"]
            .iter()
            .any(|end| at.ends_with(end))
            && taken.is_collection;
        for name in taken.properties.keys() {
            let is_at = |name: &str| {
                let pointer = format!("{within}/{name}");
                errors
                    .iter()
                    .find(move |problem| problem["pointer"] == pointer)
            };
            let is_read = !names_only || ["id", "space"].contains(&name.as_str());
            assert_eq!(
                is_at(name).is_some(),
                is_read,
                "{} {at}: {name}: {error}",
                operation.method
            );
            let slip = is_at(&format!("{name}x"));
            let slip =
                slip.unwrap_or_else(|| panic!("{} {at}: {name}x: {error}", operation.method));
            let meant = format!("did you mean '{name}'?");
            assert!(text(&slip["detail"]).contains(&meant), "{slip}");
        }
        count += 1;
    }
    assert!(count > 25, "{count}");
}

#[tokio::test]
async fn slips_are_named_where_they_stand_in_no_json() {
    let app = App::new().await;
    let table = app
        .send("POST", "/customers/1/queue/csv", "Spaec,Origin\n1,x\n")
        .await;
    check_shape(&table, 400, "a table");
    assert!(
        table.text().contains("did you mean 'Space'?"),
        "{}",
        table.text()
    );
    let sent = http::Request::builder()
        .method(Method::PUT)
        .uri("/customers/1/spaces/1/images/a?strnig1=a&number1=x")
        .header("authorization", app.authorization())
        .header("content-type", "image/png")
        .body(http_body_util::Full::new(bytes::Bytes::from_static(b"x")));
    let bytes = app.call(sent.expect("it is a request")).await;
    check_shape(&bytes, 400, "bytes");
    assert_eq!(bytes.pointers(400), ["/number1", "/strnig1"]);
    assert!(bytes.text().contains("did you mean 'string1'?"));
}

#[tokio::test]
async fn every_listing_refuses_what_it_does_not_know_and_lists_all_of_it() {
    let tenants = Tenants::new().await;
    let mut count = 0;
    for operation in operations(&tenants.app).await {
        let path = operation.present(&tenants);
        let answer = tenants.app.send(&operation.method, &path, "").await;
        let is_listing = operation.method == "GET"
            && answer.status == 200
            && answer.header("content-type").ends_with("json")
            && answer.json(200).get("totalItems").is_some();
        assert_eq!(is_listing, operation.is_asked_by("page"), "{path}");
        if !is_listing {
            continue;
        }
        let ask = |query: &str| {
            let path = format!("{path}?{query}");
            let app = &tenants.app;
            async move { app.get(&path).await }
        };
        let refused = ask("page=x&pageSize=y&colour=red&pgae=1").await;
        check_shape(&refused, 400, &path);
        let error = refused.json(400);
        let details = error["errors"]
            .as_array()
            .expect("errors are a list")
            .iter();
        let details: Vec<_> = details.map(|it| text(&it["detail"])).collect();
        assert_eq!(details.len(), 4, "{path}: {error}");
        for (detail, said) in details.iter().zip([
            "the parameter `colour` is not known here: known are page, ",
            "the parameter `pgae` is not known here: did you mean 'page'?",
            "the parameter `page` is `x`; give a whole number",
            "the parameter `pageSize` is `y`; give a whole number",
        ]) {
            assert!(detail.starts_with(said), "{path}: {detail}");
        }
        let filtered = ask("string1=x").await.status == 200;
        assert_eq!(filtered, operation.is_asked_by("string1"), "{path}");
        ask("_=1732656000&cb=1&utm_source=x&page=1").await.json(200);
        count += 1;
    }
    assert!(count > 20, "{count}");
}

/// Bodies that are not one JSON object, whole and without a name twice.
fn malformed() -> Vec<Vec<u8>> {
    let deep = format!("{{\"name\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let utf_16 = r#"{"name":"x"}"#.encode_utf16().flat_map(u16::to_le_bytes);
    vec![
        b"".to_vec(),
        b" ".to_vec(),
        b"null".to_vec(),
        b"[]".to_vec(),
        b"\"x\"".to_vec(),
        b"5".to_vec(),
        b"{\"origin\":\"http".to_vec(),
        b"{} trailing".to_vec(),
        b"\xef\xbb\xbf{}".to_vec(),
        utf_16.collect(),
        br#"{"string1":"\ud800"}"#.to_vec(),
        b"{\"string1\":\"\xff\"}".to_vec(),
        br#"{"id":"a","id":"b"}"#.to_vec(),
        br#"{"id":"a","ID":"b"}"#.to_vec(),
        br#"{"member":[{"deliveryChannels":[{"channel":"thumbs","Channel":"file"}]}]}"#.to_vec(),
        deep.into_bytes(),
    ]
}

#[tokio::test]
async fn what_is_not_one_json_object_is_refused_wherever_one_is_taken() {
    let tenants = Tenants::new().await;
    let mut count = 0;
    for operation in operations(&tenants.app).await {
        if operation.takes().is_none() {
            continue;
        }
        let (method, path) = (&operation.method, operation.present(&tenants));
        for body in malformed() {
            let shown = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
            let at = format!("{method} {path} {shown}");
            let answer = tenants.app.send(method, &path, body).await;
            check_shape(&answer, 400, &at);
            let kind = text(&answer.json(400)["type"]);
            assert!(kind.ends_with("/malformed-body"), "{at}: {kind}");
        }
        count += 1;
    }
    assert!(count > 25, "{count}");
}

#[tokio::test]
async fn no_problem_hides_behind_another() {
    let app = App::new().await;
    for (method, path, body, pointers) in [
        (
            "POST",
            "/customers/1/queue",
            json!({"view": {"next": "https://x/"}, "member": [{"space": 1}]}),
            &["/member/0/origin", "/view"][..],
        ),
        (
            "PATCH",
            "/customers/1/spaces/1/images",
            json!({"member": [{"id": "..", "string1": "x".repeat(1001), "tags": ["\u{0}"]}, {"number1": "x"}]}),
            &[
                "/member/0/id",
                "/member/0/string1",
                "/member/0/tags/0",
                "/member/1/id",
                "/member/1/number1",
            ],
        ),
        (
            "POST",
            "/customers/1/namedQueries",
            json!({"name": "a b", "template": "s1"}),
            &["/name", "/template"],
        ),
        (
            "POST",
            "/customers/1/deliveryChannelPolicies/thumbs",
            json!({"name": "default", "policyData": "[\"max\"]"}),
            &["/policyData"],
        ),
        (
            "POST",
            "/customers/1/originStrategies",
            json!({"regex": "(((", "strategy": "telepathy", "credentials": 5, "order": "x"}),
            &["/credentials", "/order", "/regex", "/strategy"],
        ),
        (
            "POST",
            "/customers/1/defaultDeliveryChannels",
            json!({"channel": "x", "policy": 5, "mediaType": "x"}),
            &["/channel", "/mediaType", "/policy"],
        ),
    ] {
        let answer = app.send(method, path, body.to_string()).await;
        let mut found = answer.pointers(400);
        found.sort_unstable();
        assert_eq!(found, pointers, "{method} {path}");
    }
}
