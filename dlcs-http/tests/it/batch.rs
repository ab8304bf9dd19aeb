//! `/customers/{customer}/queue/batches/{batch}/…`, `/customers/{customer}/queue/priority`, `…/queue/images` and `/queue`.

use dlcs_core::{BatchId, CustomerId};
use dlcs_http::batch_document;
use dlcs_testkit::fake::FakeObject;
use serde_json::{Value, json};

use crate::app::{App, PICTURE, masked, text, url};

const QUEUE: &str = "/customers/1/queue";

/// An app whose origin has `a` and `b`, and something that is no picture at `bad`.
async fn app() -> App {
    let app = App::new().await;
    for name in ["a", "b"] {
        app.picture(&format!("https://example.org/{name}"));
    }
    app.origin
        .serve("https://example.org/bad", FakeObject::new("text"));
    app
}

/// Submits images to a lane; returns the number of the batch.
async fn submit(app: &App, lane: &str, names: &[&str]) -> u64 {
    let member = |name: &&str| json!({"space": 1, "id": name, "string1": name, "origin": format!("https://example.org/{name}")});
    let body = json!({"member": names.iter().map(member).collect::<Vec<_>>()});
    let made = app.send("POST", lane, body.to_string()).await.json(201);
    text(&made["@id"])
        .rsplit('/')
        .next()
        .and_then(|number| number.parse().ok())
        .expect("the address ends in a number")
}

fn ids(collection: &Value) -> Vec<String> {
    let members = collection["member"].as_array().expect("members");
    members.iter().map(|image| text(&image["id"])).collect()
}

#[tokio::test]
async fn the_fast_lane_goes_first_and_has_numbers_of_its_own() {
    let app = app().await;
    let priority = format!("{QUEUE}/priority");
    submit(&app, QUEUE, &["a"]).await;
    let fast = submit(&app, &priority, &["b", "bad"]).await;
    let shown = app.get(&priority).await.json(200);
    insta::assert_snapshot!("queue_of_the_fast_lane", masked(&shown));
    let whole = app.get(QUEUE).await.json(200);
    let numbers = |queue: &Value| {
        ["size", "imagesWaiting", "batchesWaiting"].map(|name| queue[name].as_u64().unwrap())
    };
    assert_eq!(numbers(&whole), [3, 3, 2]);
    for link in ["batches", "active", "recent", "images", "priority"] {
        let path = text(&whole[link]).replace("https://api.example.org", "");
        assert_eq!(app.get(&path).await.status, 200, "{link}");
    }
    app.finish(fast).await;
    assert_eq!(numbers(&app.get(&priority).await.json(200)), [0, 0, 0]);
    let refused = app.send("POST", &priority, r#"{"member": []}"#).await;
    assert_eq!(refused.pointers(400), ["/member"]);
}

#[tokio::test]
async fn what_is_no_image_is_not_for_the_fast_lane() {
    let app = app().await;
    let origin = "https://example.org/a";
    let member = json!([
        {"space": 1, "id": "a", "origin": origin, "mediaType": "image/jpeg"},
        {"space": 1, "id": "b", "origin": origin, "mediaType": "application/pdf", "deliveryChannels": ["file"]},
        {"space": 1, "id": "c", "origin": origin, "mediaType": "text/html"},
        {"space": 1, "id": "d", "origin": origin, "mediaType": ""},
    ]);
    let body = json!({ "member": member }).to_string();
    let refused = app.send("POST", &format!("{QUEUE}/priority"), body).await;
    assert_eq!(
        refused.pointers(400),
        [
            "/member/1/mediaType",
            "/member/2/mediaType",
            "/member/2/deliveryChannels"
        ]
    );
    let body = json!({ "member": [member[1]] }).to_string();
    app.send("POST", QUEUE, body).await.json(201);
}

#[tokio::test]
async fn what_waits_is_listed_like_other_images() {
    let app = app().await;
    let batch = submit(&app, QUEUE, &["a", "bad"]).await;
    let images = format!("{QUEUE}/images");
    assert_eq!(ids(&app.get(&images).await.json(200)), ["a", "bad"]);
    let of = async |query: &str| ids(&app.get(&format!("{images}?{query}")).await.json(200));
    assert_eq!(of("orderByDescending=id").await, ["bad", "a"]);
    assert_eq!(of("string1=bad&ingesting=true").await, ["bad"]);
    let page = app.get(&format!("{images}?pageSize=1")).await.json(200);
    let next = page["view"]["next"].as_str().unwrap();
    let images_url = "https://api.example.org/customers/1/queue/images";
    assert!(
        next.starts_with(&format!("{images_url}?page=2&pageSize=1&after=")),
        "{next}"
    );
    let ended = app.get(&format!("{images}?ingesting=false")).await;
    assert_eq!(ended.status, 400, "{}", ended.text());
    app.finish(batch).await;
    assert_eq!(app.get(&images).await.json(200)["totalItems"], 0);
}

#[tokio::test]
async fn assets_are_all_that_a_batch_was_made_of() {
    let app = app().await;
    let batch = submit(&app, QUEUE, &["b", "a", "bad"]).await;
    app.finish(batch).await;
    submit(&app, QUEUE, &["a"]).await;
    let below = async |path: &str| {
        let path = format!("{QUEUE}/batches/{batch}/{path}");
        app.get(&path).await.json(200)
    };
    assert_eq!(ids(&below("images?orderBy=id").await), ["b", "bad"]);
    assert_eq!(ids(&below("assets?orderBy=id").await), ["a", "b", "bad"]);
    assert_eq!(ids(&below("assets?error=true").await), ["bad"]);
    assert_eq!(ids(&below("assets?batch=2").await), ["a"]);
    let shown = app.get(&format!("{QUEUE}/batches/{batch}")).await.json(200);
    let link = text(&shown["assets"]);
    assert!(link.ends_with("/queue/batches/1/assets"), "{link}");
    assert_eq!(below("assets").await["@id"], link.as_str());
}

#[tokio::test]
async fn failures_are_retried_in_their_batch() {
    let app = app().await;
    let batch = submit(&app, QUEUE, &["a", "bad"]).await;
    app.finish(batch).await;
    let (address, retry) = (
        format!("{QUEUE}/batches/{batch}"),
        format!("{QUEUE}/batches/{batch}/retry"),
    );
    app.origin
        .serve("https://example.org/bad", FakeObject::new(PICTURE));
    let body = app.send("POST", &retry, "").await.json(200);
    assert_eq!(body, json!({"retried": 1}));
    let running = app.get(&address).await.json(200);
    assert_eq!(running.get("finished"), None);
    assert_eq!(
        (&running["completed"], &running["errors"]),
        (&json!(1), &json!(0))
    );
    app.finish(batch).await;
    let finished = app.get(&address).await.json(200);
    assert_eq!(finished["completed"], 2);
    // A body is of no consequence.
    let again = app.send("POST", &format!("{retry}/"), "{}").await.json(200);
    assert_eq!(again, json!({"retried": 0}));
    assert!(app.get(&address).await.json(200).get("finished").is_some());
}

#[tokio::test]
async fn a_batch_is_tested_for_being_superseded() {
    let app = app().await;
    let batch = submit(&app, QUEUE, &["a"]).await;
    let test = format!("{QUEUE}/batches/{batch}/test");
    for body in ["", "{}"] {
        let tested = app.send("POST", &test, body).await.json(200);
        assert_eq!(tested, json!({"success": false}));
    }
    submit(&app, QUEUE, &["a"]).await;
    let shown = app.get(&format!("{QUEUE}/batches/{batch}")).await.json(200);
    assert_eq!(shown["superseded"], true);
}

#[tokio::test]
async fn the_queue_of_everybody_needs_no_key() {
    let app = app().await;
    submit(&app, QUEUE, &["a", "bad"]).await;
    let fast = submit(&app, &format!("{QUEUE}/priority"), &["b"]).await;
    let shown = app.send_as(None, "GET", "/queue", "").await.json(200);
    insta::assert_snapshot!("queue_of_everybody", masked(&shown));
    app.finish(fast).await;
    app.finish(1).await;
    let shown = app.send_as(None, "GET", "/queue/", "").await.json(200);
    let number = |name: &str| shown[name].as_u64().unwrap();
    assert_eq!(
        ["incoming", "priority", "success", "failed"].map(number),
        [0, 0, 2, 1]
    );
}

#[tokio::test]
async fn a_batch_links_to_what_can_be_done_with_it() {
    let app = app().await;
    let batch = submit(&app, QUEUE, &["a"]).await;
    let address = format!("{QUEUE}/batches/{batch}");
    let shown = app.get(&address).await.json(200);
    for name in ["retry", "test"] {
        let path = format!("{address}/{name}");
        assert_eq!(shown[name], format!("https://api.example.org{path}"));
        app.send("POST", &path, "").await.json(200);
    }
}

#[tokio::test]
async fn what_is_below_another_customers_batch_is_not_there() {
    let app = app().await;
    submit(&app, QUEUE, &["a"]).await;
    let (id, key) = app.customer("vam").await;
    for (method, path) in [
        ("GET", "assets"),
        ("GET", "events"),
        ("POST", "retry"),
        ("POST", "test"),
    ] {
        for batch in ["1", "9", "0", "x"] {
            let path = format!("/customers/{id}/queue/batches/{batch}/{path}");
            let answer = app.send_as(Some(&key), method, &path, "").await;
            assert_eq!(answer.json(404)["@type"], "Error", "{path}");
        }
        let theirs = format!("{QUEUE}/batches/1/{path}");
        let answer = app.send_as(Some(&key), method, &theirs, "").await;
        assert_eq!(answer.status, 401, "{theirs}");
    }
}

#[tokio::test]
async fn other_methods_are_refused_with_those_that_there_are() {
    let app = app().await;
    submit(&app, QUEUE, &["a"]).await;
    for (path, allow) in [
        ("/queue", "GET, HEAD"),
        ("/customers/1/queue/priority", "GET, HEAD, POST"),
        ("/customers/1/queue/images", "GET, HEAD"),
        ("/customers/1/queue/batches/1/assets", "GET, HEAD"),
        ("/customers/1/queue/batches/1/events", "GET, HEAD"),
        ("/customers/1/queue/batches/1/retry", "POST"),
        ("/customers/1/queue/batches/1/test", "POST"),
    ] {
        for method in ["DELETE", "OPTIONS"] {
            let answer = app.send(method, path, "").await;
            assert_eq!(answer.json(405)["@type"], "Error", "{method} {path}");
            assert_eq!(answer.header("allow"), allow, "{method} {path}");
        }
        if allow.starts_with("GET") {
            let head = app.send("HEAD", path, "").await;
            assert_eq!((head.status.as_u16(), head.body.len()), (200, 0), "{path}");
        }
    }
}

#[tokio::test]
async fn the_document_of_a_batch_is_what_get_answers() {
    let app = app().await;
    let batch = submit(&app, QUEUE, &["a", "bad"]).await;
    app.finish(batch).await;
    let core = app
        .dlcs
        .batch(CustomerId::FIRST, BatchId::new(batch).unwrap())
        .await
        .unwrap();
    let answer = app.get(&format!("{QUEUE}/batches/{batch}")).await;
    let document = batch_document(&url("https://api.example.org/"), &core);
    assert_eq!(String::from_utf8(document).unwrap(), answer.text());
}
