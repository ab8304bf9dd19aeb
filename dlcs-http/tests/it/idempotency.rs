//! `Idempotency-Key`: what is posted again takes effect once.

use std::time::Duration;

use dlcs_testkit::fake::FakeObject;
use http::{Method, Request};
use http_body_util::Full;
use serde_json::json;

use crate::app::{Answer, App};

const QUEUE: &str = "/customers/1/queue";

async fn post(app: &App, key: &str, path: &str, body: &str) -> Answer {
    let request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header("authorization", app.authorization())
        .header("idempotency-key", key)
        .body(Full::new(bytes::Bytes::from(body.to_owned())));
    app.call(request.expect("a test gives a request")).await
}

fn batch(id: &str) -> String {
    let member = json!({ "space": 1, "id": id, "origin": "https://example.org/a.jpg" });
    json!({ "member": [member] }).to_string()
}

async fn batches(app: &App) -> u64 {
    let listed = app.get(&format!("{QUEUE}/batches")).await.json(200);
    listed["totalItems"].as_u64().expect("a number")
}

#[tokio::test]
async fn what_is_posted_again_is_answered_as_it_was_and_done_once() {
    let app = App::new().await;
    let first = post(&app, "k1", QUEUE, &batch("a")).await;
    let again = post(&app, "k1", QUEUE, &batch("a")).await;
    assert_eq!(first.json(201), again.json(201));
    assert_eq!(first.header("location"), again.header("location"));
    assert_eq!(first.header("content-type"), again.header("content-type"));
    let replayed = "idempotency-replayed";
    assert_eq!(
        (first.header(replayed), again.header(replayed)),
        ("", "true")
    );
    assert_eq!(batches(&app).await, 1);
    let other = post(&app, "k1", QUEUE, &batch("b")).await;
    assert_eq!(
        other.json(422)["type"],
        "https://api.example.org/docs/errors/key-reused"
    );
    let elsewhere = post(&app, "k1", &format!("{QUEUE}/priority"), &batch("a")).await;
    assert_eq!(elsewhere.status, 422, "it is another request");
    post(&app, "k2", QUEUE, &batch("a")).await.json(201);
    assert_eq!(batches(&app).await, 2);
    app.clock.advance(Duration::from_secs(24 * 60 * 60));
    post(&app, "k1", QUEUE, &batch("b")).await.json(201);
    assert_eq!(batches(&app).await, 3, "a day later the name is free");
}

#[tokio::test]
async fn a_refusal_is_repeated_and_a_failure_is_not() {
    let app = App::new().await;
    let empty = r#"{"member":[]}"#;
    let first = post(&app, "k1", QUEUE, empty).await.json(400);
    assert_eq!(post(&app, "k1", QUEUE, empty).await.json(400), first);
    let images = "/customers/1/spaces/1/images";
    let body = json!({ "id": "a", "origin": "https://example.org/a.jpg" }).to_string();
    assert_eq!(post(&app, "k2", images, &body).await.status, 502);
    app.picture("https://example.org/a.jpg");
    assert_eq!(
        post(&app, "k2", images, &body).await.status,
        409,
        "the record is there"
    );
    let keys = "/customers/1/keys";
    post(&app, "k3", keys, "").await.json(200);
    let before = app.get(keys).await.json(200)["totalItems"].clone();
    let again = post(&app, "k3", keys, "").await;
    assert_eq!(
        again.status, 409,
        "a secret is shown once, and kept nowhere"
    );
    assert_eq!(app.get(keys).await.json(200)["totalItems"], before);
}

#[tokio::test]
async fn names_belong_to_the_customer_whose_key_is_used() {
    let app = App::new().await;
    let (id, key) = app.customer("museum").await;
    let path = format!("/customers/{id}/spaces");
    let ask = async |key: &str| {
        use base64::Engine;
        let basic = base64::engine::general_purpose::STANDARD.encode(key);
        let request = Request::builder()
            .method(Method::POST)
            .uri(&path)
            .header("authorization", format!("Basic {basic}"))
            .header("idempotency-key", "k1")
            .body(Full::new(bytes::Bytes::from_static(br#"{"name":"x"}"#)));
        app.call(request.expect("a test gives a request")).await
    };
    let first = ask(&key).await.json(201);
    assert_eq!(ask(&key).await.json(201), first);
    let own = ask(&app.admin).await;
    assert_eq!(
        own.status, 409,
        "an administrator has names of its own, and the space is there"
    );
}

#[tokio::test]
async fn names_that_cannot_be_are_refused_and_only_posts_have_one() {
    let app = App::new().await;
    for name in ["", " ", &"x".repeat(256)] {
        assert_eq!(
            post(&app, name, QUEUE, &batch("a")).await.status,
            400,
            "{name}"
        );
    }
    post(&app, &"x".repeat(255), QUEUE, &batch("a"))
        .await
        .json(201);
    let put = |body: &'static str| {
        let request = Request::builder()
            .method(Method::PUT)
            .uri("/customers/1/spaces/5")
            .header("authorization", app.authorization())
            .header("idempotency-key", "k1")
            .body(Full::new(bytes::Bytes::from_static(body.as_bytes())));
        app.call(request.expect("a test gives a request"))
    };
    assert_eq!(put("{}").await.status, 201);
    assert_eq!(
        put(r#"{"name":"x"}"#).await.status,
        200,
        "a PUT can be repeated anyway"
    );
}

#[tokio::test]
async fn a_request_over_which_the_server_failed_is_run_again() {
    let app = App::new().await;
    let path = "/customers/1/spaces/1/images/a";
    let origin = "https://example.org/a.jpg";
    let body = json!({ "origin": origin }).to_string();
    app.origin.serve(origin, FakeObject::new("PANIC"));
    assert_eq!(post(&app, "k1", path, &body).await.status, 500);
    app.picture(origin);
    let again = post(&app, "k1", path, &body).await;
    assert_eq!(again.json(200)["width"], 1200);
    let replayed = post(&app, "k1", path, &body).await;
    assert_eq!(replayed.header("idempotency-replayed"), "true");
}

#[tokio::test]
async fn a_request_over_which_a_handler_panicked_is_run_again() {
    let app = App::new().await;
    let path = "/customers/1/spaces/1/images/a";
    let body = json!({ "origin": "https://example.org/panic" }).to_string();
    for _ in 0..2 {
        let failed = post(&app, "k1", path, &body).await;
        assert_eq!(failed.status, 500, "{}", failed.text());
    }
    assert_eq!(app.get(path).await.status, 404, "nothing came of it");
}
