//! S3 origins at moto, which others wrote to test programs that use AWS.
#![expect(clippy::unwrap_used, reason = "a test stops at what goes wrong")]

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use dlcs_core::origin::{OriginError, OriginRequest};
use dlcs_storage::origin::s3::S3Origin;
use reqwest::Client;
use url::Url;

use crate::origin_s3::{config, list, read};
use crate::s3_server::keys;

/// moto on a free port, until it is dropped.
struct Moto {
    child: Child,
    endpoint: Url,
    client: Client,
}

impl Moto {
    /// Starts moto; `None` when the test has to be skipped.
    async fn start(test: &str) -> Option<Self> {
        let [program] = dlcs_testkit::program::find(test, ["moto_server"])?;
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let child = Command::new(program)
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let moto = Self {
            child,
            endpoint: Url::parse(&format!("http://127.0.0.1:{port}/")).unwrap(),
            client: Client::builder().no_proxy().build().unwrap(),
        };
        for _ in 0..600 {
            if moto.client.get(moto.endpoint.clone()).send().await.is_ok() {
                return Some(moto);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("moto does not start");
    }

    /// Puts a bucket or an object: moto takes any signature.
    async fn put(&self, path: &str, bytes: &'static [u8]) {
        const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=x";
        let request = self.client.put(self.endpoint.join(path).unwrap());
        let request = request.header("authorization", SIGNED).body(bytes);
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn moto_gives_what_was_put() {
    let Some(moto) = Moto::start("moto_gives_what_was_put").await else {
        return;
    };
    moto.put("masters", b"").await;
    for (path, bytes) in [
        ("masters/a.tif", &b"one"[..]),
        ("masters/d/a%20%C3%BC%25.tif", b"two"),
        ("masters/d/e/b.tif", b"three"),
    ] {
        moto.put(path, bytes).await;
    }
    let origin = S3Origin::new(config(&moto.endpoint));
    let access = keys("key", "secret");
    for (address, expected) in [
        ("s3://masters/a.tif", &b"one"[..]),
        ("s3://us-east-1/masters/d/a%20%C3%BC%25.tif", b"two"),
        ("s3://masters/d/e/b.tif", b"three"),
    ] {
        let there = Url::parse(address).unwrap();
        let request = OriginRequest::new(&there).with_access(&access);
        assert_eq!(read(&origin, request).await.unwrap(), expected, "{address}");
        let error = read(&origin, request.with_limit(2)).await.unwrap_err();
        assert!(matches!(error, OriginError::TooLarge { .. }), "{error:?}");
    }
    for (address, missing) in [
        ("s3://masters/missing", true),
        ("s3://no-such-bucket/a", true),
        ("s3://masters/a.tif", false),
    ] {
        let there = Url::parse(address).unwrap();
        let request = OriginRequest::new(&there);
        let error = if missing {
            read(&origin, request.with_access(&access)).await
        } else {
            read(&origin, request).await
        };
        let expected = if missing { "NotFound" } else { "Denied" };
        let text = format!("{:?}", error.unwrap_err());
        assert!(text.starts_with(expected), "{address}: {text}");
    }
    let folder = Url::parse("s3://masters/d/").unwrap();
    let request = OriginRequest::new(&folder).with_access(&access);
    assert_eq!(
        list(&origin, request).await.unwrap(),
        ["s3://masters/d/a%20%C3%BC%25.tif 3", "s3://masters/d/e/"]
    );
}
