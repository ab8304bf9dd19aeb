//! Where requests come from: who guesses secrets, and what proxies say.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use dlcs_http::{DlcsService, PeerAddress, TrustedProxies};
use http::Request;
use http_body_util::Empty;

use crate::app::{Answer, App, text};

async fn ask(app: &App, peer: &str, key: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::get(path).header("host", "inside:8080");
    request = request.header("authorization", format!("Basic {}", STANDARD.encode(key)));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let peer = PeerAddress(peer.parse().expect("a test gives an address"));
    let request = request.extension(peer);
    app.call(
        request
            .body(Empty::<Bytes>::new())
            .expect("it is a request"),
    )
    .await
}

#[tokio::test]
async fn who_tries_a_hundred_secrets_has_to_wait_and_nobody_else() {
    let app = App::new().await;
    let path = "/customers/1";
    for number in 0..100 {
        let wrong = format!("key:{number}");
        let answer = ask(&app, "192.0.2.1", &wrong, path, &[]).await;
        assert_eq!(answer.status, 401);
    }
    for key in ["key:right", app.admin.as_str()] {
        let answer = ask(&app, "192.0.2.1", key, path, &[]).await;
        let wait: u64 = answer.header("retry-after").parse().unwrap();
        assert!((1..=60).contains(&wait), "{wait}");
        let error = answer.json(429);
        assert!(text(&error["type"]).ends_with("/too-many-failures"));
    }
    ask(&app, "192.0.2.1", "key:wrong", "/originStrategies", &[])
        .await
        .json(200);
    ask(&app, "192.0.2.2", &app.admin, path, &[])
        .await
        .json(200);
    // Nobody is asked for what is not said: embedded, it may all come from one proxy.
    app.get(path).await.json(200);
}

#[tokio::test]
async fn rights_that_are_missing_and_keys_that_are_not_sent_are_no_guesses() {
    let app = App::new().await;
    let (_, museum) = app.customer("museum").await;
    for _ in 0..101 {
        assert_eq!(
            ask(&app, "192.0.2.1", &museum, "/customers/1", &[])
                .await
                .status,
            401
        );
        assert_eq!(
            ask(&app, "192.0.2.1", "", "/customers/1", &[]).await.status,
            401
        );
    }
    ask(&app, "192.0.2.1", &app.admin, "/customers/1", &[])
        .await
        .json(200);
}

#[tokio::test]
async fn proxies_are_believed_when_they_are_named() {
    let mut app = App::new().await;
    let proxies = TrustedProxies::parse(["10.0.0.0/8"]).unwrap();
    app.service = DlcsService::builder(app.dlcs.clone())
        .with_trusted_proxies(proxies)
        .build();
    let headers = [
        ("x-forwarded-for", "192.0.2.1"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "api.example.org"),
    ];
    let id = |answer: Answer| text(&answer.json(200)["@id"]);
    let admin = app.admin.clone();
    let path = "/customers/1";
    let named = ask(&app, "10.0.0.1", &admin, path, &headers).await;
    assert_eq!(id(named), "https://api.example.org/customers/1");
    let other = ask(&app, "192.0.2.9", &admin, path, &headers).await;
    assert_eq!(id(other), "http://inside:8080/customers/1");
    // Failures count for the client, not for the proxy.
    for _ in 0..101 {
        ask(&app, "10.0.0.1", "key:wrong", path, &headers).await;
    }
    assert_eq!(
        ask(&app, "10.0.0.1", &admin, path, &headers).await.status,
        429
    );
    let another = [("x-forwarded-for", "192.0.2.2")];
    ask(&app, "10.0.0.1", &admin, path, &another)
        .await
        .json(200);
}
