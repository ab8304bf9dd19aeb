//! The one shape of errors, and the page of each kind.

use dlcs_core::dlcs::Settings;
use dlcs_testkit::fake::FakeObject;
use serde_json::Value;

use crate::app::{Answer, App, masked, text};

/// An error without what differs each time.
fn sameness(answer: &Answer) -> (u16, Vec<(String, String)>, Value) {
    let mut body = answer.json(answer.status.as_u16());
    body["instance"] = Value::Null;
    let headers = answer.headers.iter().map(|(name, value)| {
        (
            name.to_string(),
            value.to_str().expect("headers are text").to_owned(),
        )
    });
    (answer.status.as_u16(), headers.collect(), body)
}

#[tokio::test]
async fn an_error_is_hydra_and_problem_details_at_once() {
    let app = App::new().await;
    let answer = app
        .send(
            "POST",
            "/customers/1/spaces",
            r#"{"name":5,"maxUnauthorised":"x"}"#,
        )
        .await;
    assert_eq!(
        (
            answer.header("content-type"),
            answer.header("cache-control")
        ),
        ("application/problem+json", "no-store")
    );
    insta::assert_snapshot!(masked(&answer.json(400)));
}

#[tokio::test]
async fn the_type_of_every_error_leads_to_a_page() {
    let app = App::new().await;
    let errors = [
        app.send("GET", "/nothing", "").await,
        app.send("DELETE", "/", "").await,
        app.send_as(None, "GET", "/customers", "").await,
        app.send("POST", "/customers", "{").await,
        app.send("POST", "/customers", "{}").await,
        app.send("GET", "/customers/1/spaces/1/images/%zz", "")
            .await,
        app.send("POST", "/customers/1/spaces", r#"{"name":"default"}"#)
            .await,
        app.send(
            "PUT",
            "/customers/1/spaces/1/images/a",
            r#"{"origin":"https://example.org/missing"}"#,
        )
        .await,
    ];
    for answer in errors {
        let error = answer.json(answer.status.as_u16());
        let path = text(&error["type"]).replace("https://api.example.org", "");
        let page = app.send_as(None, "GET", &path, "").await;
        assert_eq!(
            (page.status.as_u16(), page.header("content-type")),
            (200, "text/html; charset=utf-8"),
            "{path}"
        );
        assert!(page.text().contains(&text(&error["title"])), "{path}");
        assert_eq!(
            (&error["status"], &error["statusCode"]),
            (
                &answer.status.as_u16().into(),
                &answer.status.as_u16().into()
            )
        );
        assert_eq!(error["detail"], error["description"]);
    }
    assert_eq!(app.get("/docs/errors/nothing").await.status, 404);
}

#[tokio::test]
async fn every_failure_to_authenticate_is_the_same() {
    let app = App::new().await;
    let (id, key) = app.customer("vam").await;
    let name = key.split(':').next().unwrap();
    let expected = app
        .send_as(None, "GET", &format!("/customers/{id}"), "")
        .await;
    assert_eq!(
        expected.header("www-authenticate"),
        "Basic realm=\"DLCS-API\""
    );
    let expected = sameness(&expected);
    assert_eq!(expected.0, 401);
    let wrong = format!("{name}:wrong");
    for (key, method, path) in [
        (Some("unknown:secret"), "GET", "/customers/1"),
        (Some(wrong.as_str()), "GET", "/customers/2"),
        (Some(key.as_str()), "GET", "/customers/1"),
        (Some(key.as_str()), "GET", "/customers/1/spaces/1"),
        (Some(key.as_str()), "GET", "/customers/1/spaces/999"),
        (Some(key.as_str()), "GET", "/customers/1/nothing/%zz//"),
        (Some(key.as_str()), "DELETE", "/customers/1"),
        (Some(key.as_str()), "GET", "/customers/999"),
        (Some(key.as_str()), "GET", "/customers/0"),
        (Some(key.as_str()), "GET", "/customers/%zz"),
        (Some(key.as_str()), "GET", "/customers//"),
        (Some(key.as_str()), "PUT", "/customers/1/spaces/1/images/a"),
        (Some(key.as_str()), "POST", "/customers"),
        (None, "GET", "/customers"),
    ] {
        let answer = app.send_as(key, method, path, "not json").await;
        assert_eq!(sameness(&answer), expected, "{method} {path}");
    }
    assert_eq!(
        app.send_as(Some(&key), "GET", &format!("/customers/{id}"), "")
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn other_methods_are_refused_with_those_that_work() {
    let app = App::new().await;
    for (method, path, allow) in [
        ("POST", "/", "GET, HEAD"),
        ("DELETE", "/customers/1/queue", "GET, HEAD, POST"),
        (
            "TRACE",
            "/customers/1/spaces/1/images/a",
            "GET, HEAD, PUT, POST, PATCH, DELETE",
        ),
        ("BREW", "/health", "GET, HEAD"),
        ("GET", "/customers/1/keys/x", "DELETE"),
    ] {
        let answer = app.send(method, path, "").await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("allow")),
            (405, allow),
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn a_panic_is_an_error_of_the_server_and_the_next_request_is_served() {
    let app = App::new().await;
    app.origin
        .serve("https://example.org/a", FakeObject::new("PANIC"));
    let answer = app
        .send(
            "PUT",
            "/customers/1/spaces/1/images/a",
            r#"{"origin":"https://example.org/a"}"#,
        )
        .await;
    let error = answer.json(500);
    assert!(!answer.text().contains("as the test asked"), "{error}");
    assert_eq!(app.get("/customers/1/spaces/1/images/a").await.status, 200);
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let app = App::with(Settings::default(), |builder| builder.with_body_limit(30)).await;
    let exactly = format!(r#"{{"name":"{}"}}"#, "a".repeat(19));
    assert_eq!(exactly.len(), 30);
    assert_eq!(
        app.send("POST", "/customers/1/spaces", exactly.clone())
            .await
            .status,
        201
    );
    let error = app
        .send("POST", "/customers/1/spaces", format!("{exactly} "))
        .await
        .json(413);
    assert!(text(&error["detail"]).contains("30 bytes"));
}

#[tokio::test]
async fn every_faulty_member_is_listed_and_the_sentence_stays_short() {
    let app = App::new().await;
    let members = vec![serde_json::json!({"space": 1, "id": ".."}); 1000];
    let body = serde_json::json!({ "member": members }).to_string();
    let answer = app.send("POST", "/customers/1/queue", body).await;
    let pointers = answer.pointers(400);
    assert_eq!(pointers.len(), 2000);
    for place in 0..1000 {
        let pointer = format!("/member/{place}/id");
        assert!(pointers.contains(&pointer), "{pointer}");
    }
    let detail = text(&answer.json(400)["detail"]);
    assert!(detail.starts_with("2000 problems: "), "{detail}");
    assert!(detail.len() < 500, "{detail}");
}
