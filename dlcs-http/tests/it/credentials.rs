//! Keys and secrets as requests have them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dlcs_core::CustomerId;
use dlcs_core::customer::{ApiKey, SecretHash};
use dlcs_core::origin::Secret;
use dlcs_core::time::Clock;
use http::Request;
use http_body_util::Full;

use crate::app::App;

#[tokio::test]
async fn credentials_of_every_broken_form_are_401() {
    let app = App::new().await;
    let basic = |text: &[u8]| format!("Basic {}", STANDARD.encode(text));
    let (key, secret) = app.admin.split_once(':').unwrap();
    for value in [
        String::new(),
        "Basic".to_owned(),
        "Basic ???".to_owned(),
        format!("Bearer {}", STANDARD.encode(&app.admin)),
        basic(b"nocolon"),
        basic(format!("{key}:").as_bytes()),
        basic(format!(":{secret}").as_bytes()),
        basic(format!("{key}:{secret}x").as_bytes()),
        basic(format!("{key}:{secret}:").as_bytes()),
        basic(b"\xff\xfe:\xff"),
    ] {
        let request = Request::get("/customers/1").header("authorization", &value);
        let answer = app.call(request.body(Full::default()).unwrap()).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("www-authenticate")),
            (401, "Basic realm=\"DLCS-API\""),
            "{value}"
        );
    }
}

#[tokio::test]
async fn a_secret_may_hold_colons() {
    let app = App::new().await;
    let secret = ":half:other half::";
    let key = ApiKey {
        key: "library".to_owned(),
        customer: CustomerId::FIRST,
        secret_hash: SecretHash::of(&Secret::new(secret)),
        created: app.clock.now(),
    };
    let made = app.dlcs.catalogue().create_key(key).await;
    made.expect("the key is new");
    let path = "/customers/1";
    for (sent, status) in [
        (secret, 200),
        ("half:other half::", 401),
        (":half", 401),
        (":half:other half:", 401),
    ] {
        let key = format!("library:{sent}");
        let answer = app.send_as(Some(&key), "GET", path, "").await;
        assert_eq!(answer.status, status, "{sent}");
    }
}
