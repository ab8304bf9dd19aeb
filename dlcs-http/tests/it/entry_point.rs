//! `/`, `/health`, `/ready`, `/originStrategies`.

use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use dlcs_core::derivative::{
    DerivativeBody, DerivativeError, DerivativeKey, DerivativeStore, Result, StoredObject,
};
use dlcs_core::dlcs::Settings;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, stream};
use http::Request;
use http_body_util::Full;

use crate::app::{App, masked, url};

#[tokio::test]
async fn the_entry_point_needs_no_key_and_links_to_what_exists() {
    let app = App::new().await;
    let answer = app.send_as(None, "GET", "/", "").await;
    let entry = answer.json(200);
    insta::assert_snapshot!(masked(&entry));
    assert_eq!(answer.header("content-type"), "application/json");
    for link in [
        "customers",
        "originStrategies",
        "queue",
        "imageOptimisationPolicies",
        "thumbnailPolicies",
    ] {
        let path = entry[link]
            .as_str()
            .unwrap()
            .strip_prefix("https://api.example.org")
            .unwrap()
            .to_owned();
        assert_eq!(app.get(&path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn json_ld_is_sent_to_those_who_ask_for_it() {
    let app = App::new().await;
    let request = Request::get("/").header("accept", "application/ld+json, */*;q=0.1");
    let answer = app.call(request.body(Full::default()).unwrap()).await;
    assert_eq!(answer.header("content-type"), "application/ld+json");
}

#[tokio::test]
async fn the_program_says_that_it_is_well() {
    let app = App::new().await;
    for path in ["/health", "/ready", "/ready/"] {
        assert_eq!(
            app.send_as(None, "GET", path, "").await.status,
            200,
            "{path}"
        );
    }
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let app = App::new().await;
    let (get, head) = (app.get("/").await, app.send("HEAD", "/", "").await);
    assert_eq!((head.status, head.body.len()), (get.status, 0));
    assert_eq!(head.header("content-length"), get.body.len().to_string());
}

#[tokio::test]
async fn links_keep_the_path_of_the_public_url() {
    let app = App::with(Settings::default(), |builder| {
        builder.with_public_url(&url("https://example.org/dlcs/"))
    })
    .await;
    let entry = app.get("/").await.json(200);
    assert_eq!(
        (&entry["@id"], &entry["customers"]),
        (
            &"https://example.org/dlcs".into(),
            &"https://example.org/dlcs/customers".into()
        )
    );
}

#[tokio::test]
async fn without_a_public_url_links_go_to_the_host_of_the_request() {
    let app = App::new().await;
    let service = dlcs_http::DlcsService::builder(app.dlcs.clone()).build();
    let app = App { service, ..app };
    for (host, expected) in [
        ("localhost:8080", "http://localhost:8080"),
        ("a@b", "http://localhost"),
        ("a/b", "http://localhost"),
    ] {
        let request = Request::get("/")
            .header("host", host)
            .header("x-forwarded-host", "evil.example");
        let entry = app
            .call(request.body(Full::default()).unwrap())
            .await
            .json(200);
        assert_eq!(entry["@id"], expected, "{host}");
    }
}

#[tokio::test]
async fn the_known_origin_strategies_are_listed() {
    let app = App::new().await;
    let listed = app
        .send_as(None, "GET", "/originStrategies", "")
        .await
        .json(200);
    insta::assert_snapshot!(masked(&listed));
    let aliased = app
        .send_as(None, "GET", "/originStrategies/basic_https", "")
        .await
        .json(200);
    assert_eq!(aliased["name"], "basic-http-authentication");
    assert_eq!(app.get("/originStrategies/nothing").await.status, 404);
}

/// A store that has lost its disk.
#[derive(Debug)]
struct BrokenStore;

fn broken<T>() -> Result<T> {
    Err(DerivativeError::Backend {
        backend: "broken",
        source: "canary".into(),
    })
}

#[async_trait]
impl DerivativeStore for BrokenStore {
    async fn put(&self, _: &DerivativeKey, _: DerivativeBody) -> Result<u64> {
        broken()
    }

    async fn get_range(&self, _: &DerivativeKey, _: Range<u64>) -> Result<Bytes> {
        broken()
    }

    async fn length(&self, _: &DerivativeKey) -> Result<u64> {
        broken()
    }

    async fn delete(&self, _: &DerivativeKey) -> Result<()> {
        broken()
    }

    fn scan(&self) -> BoxStream<'_, Result<StoredObject>> {
        stream::once(async { broken() }).boxed()
    }
}

#[tokio::test]
async fn a_program_whose_store_fails_is_well_but_not_ready() {
    let app = App::on(BrokenStore).await;
    assert_eq!(app.get("/health").await.status, 200);
    let answer = app.send_as(None, "GET", "/ready", "").await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("retry-after")),
        (503, "5")
    );
    assert!(!answer.text().contains("canary"), "{}", answer.text());
    app.picture("https://example.org/a.jpg");
    let put = app
        .send(
            "PUT",
            "/customers/1/spaces/1/images/a",
            r#"{"origin":"https://example.org/a.jpg"}"#,
        )
        .await;
    assert_eq!(
        (put.status.as_u16(), put.text().contains("canary")),
        (503, false)
    );
    assert_eq!(
        app.get("/customers/1/spaces/1/images/a").await.json(200)["ingesting"],
        false
    );
}

#[tokio::test]
async fn the_service_is_towers_too() {
    let mut service = App::new().await.service;
    let ready = std::future::poll_fn(|context| {
        tower_service::Service::<Request<Full<Bytes>>>::poll_ready(&mut service, context)
    });
    ready.await.unwrap_or_else(|never| match never {});
    let request = Request::get("/health")
        .body(Full::<Bytes>::default())
        .unwrap();
    let response = tower_service::Service::call(&mut service, request).await;
    assert_eq!(
        response.unwrap_or_else(|never| match never {}).status(),
        200
    );
}
