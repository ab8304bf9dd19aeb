//! What is put into moto by hand, and read from it.
#![expect(clippy::unwrap_used, reason = "a test stops at what goes wrong")]

use dlcs_testkit::server::Moto;
use reqwest::{Client, Method};

/// Puts a bucket or an object.
pub(crate) async fn put(moto: &Moto, path: &str, bytes: &'static [u8]) {
    send(moto, Method::PUT, path, bytes).await;
}

/// What is there, as it is written.
#[cfg(feature = "derivative-s3")]
pub(crate) async fn get(moto: &Moto, path: &str) -> String {
    send(moto, Method::GET, path, b"").await
}

async fn send(moto: &Moto, method: Method, path: &str, bytes: &'static [u8]) -> String {
    let client = Client::builder().no_proxy().build().unwrap();
    let request = client.request(method, moto.url(path)).body(bytes);
    let request = request.header("authorization", Moto::AUTHORIZATION);
    let answer = request.send().await.unwrap();
    let status = answer.status();
    let text = answer.text().await.unwrap();
    assert!(status.is_success(), "{path}: {status}: {text}");
    text
}
