//! S3 origins: the contract on a real server of the protocol, and what only S3 has.
#![expect(clippy::unwrap_used, reason = "a test stops at what goes wrong")]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use dlcs_core::CustomerId;
use dlcs_core::origin::{
    Credentials, OriginAccess, OriginEntryKind, OriginError, OriginRequest, OriginStrategy, Result,
    S3Credentials, Secret,
};
use dlcs_storage::origin::network::AllowedNetworks;
use dlcs_storage::origin::s3::{AmbientS3, BucketGrants, S3Origin, S3OriginConfig};
use dlcs_testkit::Gate;
use dlcs_testkit::origin::{OriginFixture, Protected};
use dlcs_testkit::server::{HttpServer, Reply};
use futures_util::{StreamExt, TryStreamExt};
use url::Url;

use crate::s3_server::{CLOSED, Fault, KEY_ID, OPEN, S3Server, SECRET, keys};

struct Fixture {
    server: S3Server,
    origin: Arc<S3Origin>,
}

async fn fixture() -> Fixture {
    let server = S3Server::start().await;
    Fixture {
        origin: Arc::new(S3Origin::new(config(&server.endpoint))),
        server,
    }
}

/// Settings for a server on the loopback interface.
pub(crate) fn config(endpoint: &Url) -> S3OriginConfig {
    let loopback = AllowedNetworks::parse(["127.0.0.0/8"]).unwrap();
    S3OriginConfig::default()
        .with_allowed_networks(loopback)
        .with_endpoint(endpoint.clone())
}

#[async_trait]
impl OriginFixture for Fixture {
    fn origin(&self) -> Arc<dyn OriginStrategy> {
        Arc::clone(&self.origin) as _
    }

    async fn object(&self, name: &str, bytes: Bytes) -> Url {
        let whole = self.server.put(OPEN, name, &bytes);
        let mut url = whole.clone();
        url.path_segments_mut().unwrap().clear().push(name);
        url
    }

    async fn missing(&self) -> Url {
        Url::parse("s3://open/missing").unwrap()
    }

    async fn folder(&self, objects: &[(&str, Bytes)]) -> Option<Url> {
        for folder in ["folder", "folder/within"] {
            for (name, bytes) in objects {
                self.server.put(OPEN, &format!("{folder}/{name}"), bytes);
            }
        }
        Some(Url::parse("s3://open/folder/").unwrap())
    }

    async fn protected(&self, bytes: Bytes) -> Option<Protected> {
        Some(Protected {
            url: self.server.put(CLOSED, "protected", &bytes),
            good: keys(KEY_ID, SECRET),
            bad: keys(KEY_ID, "canary-guess"),
        })
    }

    async fn truncated(&self, bytes: Bytes, sent: usize) -> Option<Url> {
        let fault = Fault::BreaksAt(sent);
        Some(self.server.put_faulty("truncated", &bytes, fault))
    }

    async fn gated(&self, bytes: Bytes, sent: usize, gate: Gate) -> Option<Url> {
        let fault = Fault::Stops(sent, gate);
        Some(self.server.put_faulty("gated", &bytes, fault))
    }

    async fn silent(&self, gate: Gate) -> Option<Url> {
        Some(self.server.put_faulty("silent", b"x", Fault::Silent(gate)))
    }
}

dlcs_testkit::origin_contract!(fixture());

pub(crate) async fn read(origin: &S3Origin, request: OriginRequest<'_>) -> Result<Vec<u8>> {
    let mut body = origin.open(request).await?.into_body();
    let mut bytes = Vec::new();
    while let Some(chunk) = body.next().await {
        bytes.extend_from_slice(&chunk?);
    }
    Ok(bytes)
}

/// What lies in a folder, by name, with its length.
pub(crate) async fn list(origin: &S3Origin, request: OriginRequest<'_>) -> Result<Vec<String>> {
    let entries: Vec<_> = origin.list(request).await?.try_collect().await?;
    let mut names: Vec<_> = entries
        .iter()
        .map(|entry| match entry.kind {
            OriginEntryKind::Object { length, .. } => {
                format!("{} {}", entry.url, length.unwrap())
            }
            _ => entry.url.to_string(),
        })
        .collect();
    names.sort();
    Ok(names)
}

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn second() -> CustomerId {
    CustomerId::new(2).unwrap()
}

#[tokio::test]
async fn every_spelling_reaches_the_object() {
    let Fixture { server, origin } = fixture().await;
    server.put(OPEN, "dir/a b.tif", b"bytes");
    let port = server.endpoint.port().unwrap();
    let access = keys(KEY_ID, SECRET);
    for address in [
        "s3://open/dir/a%20b.tif".to_owned(),
        "s3://eu-west-1/open/dir/a%20b.tif".to_owned(),
        format!("http://127.0.0.1:{port}/open/dir/a%20b.tif"),
    ] {
        let url = url(&address);
        let request = OriginRequest::new(&url);
        assert_eq!(read(&origin, request).await.unwrap(), b"bytes", "{address}");
        let request = request.with_access(&access);
        assert_eq!(read(&origin, request).await.unwrap(), b"bytes", "{address}");
    }
    let elsewhere = url("https://example.org/open/dir/a%20b.tif");
    let error = read(&origin, OriginRequest::new(&elsewhere))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("s3://BUCKET/KEY"), "{error}");
}

#[tokio::test]
async fn a_broken_body_goes_on_where_it_broke() {
    let Fixture { server, origin } = fixture().await;
    let bytes: Vec<u8> = (0..200_000_u32).map(|n| (n % 251) as u8).collect();
    let url = server.put_faulty("a", &bytes, Fault::BreaksTimes(60_000, 2));
    assert!(read(&origin, OriginRequest::new(&url)).await.unwrap() == bytes);
}

#[tokio::test]
async fn folders_are_listed_page_by_page() {
    let Fixture { server, origin } = fixture().await;
    for n in 0..1100 {
        server.put(OPEN, &format!("many/{n:04}.tif"), b"x");
    }
    server.put(OPEN, "many/sub/a.tif", b"x");
    server.put(OPEN, "many/ü%.tif", b"xyz");
    server.put(OPEN, "many2/a.tif", b"x");
    let folder = url("s3://open/many/");
    let names = list(&origin, OriginRequest::new(&folder)).await.unwrap();
    assert_eq!(names.len(), 1102);
    for name in ["0000.tif 1", "1099.tif 1", "sub/"] {
        assert!(names.contains(&format!("s3://open/many/{name}")), "{name}");
    }
    let odd = names.iter().find(|name| name.ends_with(" 3")).unwrap();
    let odd = url(odd.trim_end_matches(" 3"));
    assert_eq!(
        read(&origin, OriginRequest::new(&odd)).await.unwrap(),
        b"xyz"
    );
    for root in ["s3://open", "s3://open/"] {
        let names = list(&origin, OriginRequest::new(&url(root))).await.unwrap();
        assert_eq!(names, ["s3://open/many/", "s3://open/many2/"]);
    }
    let missing = url("s3://missing/");
    let access = keys(KEY_ID, SECRET);
    let request = OriginRequest::new(&missing).with_access(&access);
    let error = list(&origin, request).await.unwrap_err();
    assert!(matches!(error, OriginError::NotFound { .. }), "{error:?}");
    let closed = url("s3://closed/");
    let error = list(&origin, OriginRequest::new(&closed))
        .await
        .unwrap_err();
    assert!(matches!(error, OriginError::Denied { .. }), "{error:?}");
}

#[tokio::test]
async fn our_own_credentials_open_what_is_granted_and_nothing_else() {
    let server = S3Server::start().await;
    let there = server.put(CLOSED, "a.tif", b"bytes");
    let own = S3Credentials {
        access_key_id: KEY_ID.to_owned(),
        secret_access_key: Secret::new(SECRET),
        session_token: None,
        region: None,
        endpoint: Some(server.endpoint.to_string()),
    };
    let ambient = AmbientS3::new(&own).unwrap();
    let grants = BucketGrants::none().with_bucket(second(), CLOSED).unwrap();
    let granting = config(&server.endpoint).with_grants(grants);
    let origin = S3Origin::new(granting.clone().with_ambient(ambient.clone()));
    let access = OriginAccess::S3Ambient(None);
    let request = OriginRequest::new(&there).with_access(&access);
    let granted = request.with_customer(second());
    assert_eq!(read(&origin, granted).await.unwrap(), b"bytes");
    let ungranted = S3Origin::new(config(&server.endpoint).with_ambient(ambient));
    let without = S3Origin::new(granting);
    for (origin, request) in [
        (&origin, request),
        (&ungranted, granted),
        (&without, granted),
    ] {
        let error = read(origin, request).await.unwrap_err();
        let OriginError::Strategy { reason } = &error else {
            panic!("{error:?}");
        };
        assert!(reason.contains("`grant-bucket`"), "{reason}");
    }
    // What is granted is a bucket, in whichever way it is written.
    let sneaky = server.put(OPEN, "a.tif", b"bytes");
    let error = read(
        &origin,
        OriginRequest::new(&sneaky)
            .with_access(&access)
            .with_customer(second()),
    );
    assert!(matches!(error.await, Err(OriginError::Strategy { .. })));
}

#[tokio::test]
async fn our_own_credentials_go_nowhere_but_where_they_belong() {
    let (server, evil) = (S3Server::start().await, HttpServer::start().await);
    let own = S3Credentials {
        access_key_id: KEY_ID.to_owned(),
        secret_access_key: Secret::new(SECRET),
        session_token: None,
        region: None,
        endpoint: Some(server.endpoint.to_string()),
    };
    let grants = BucketGrants::none()
        .with_bucket(CustomerId::FIRST, CLOSED)
        .unwrap();
    let settings = config(&server.endpoint).with_grants(grants);
    let origin = S3Origin::new(settings.with_ambient(AmbientS3::new(&own).unwrap()));
    let access = OriginAccess::S3Ambient(None);
    let there = evil.serve("/closed/a.tif", "evil");
    let error = read(&origin, OriginRequest::new(&there).with_access(&access))
        .await
        .unwrap_err();
    assert!(matches!(error, OriginError::Backend { .. }), "{error:?}");
    assert!(evil.requests().is_empty());
}

#[tokio::test]
async fn the_guard_holds_for_endpoints_and_redirects() {
    let (server, canary) = (HttpServer::start().await, HttpServer::start().await);
    let closed = S3OriginConfig::default().with_endpoint(server.url("/"));
    let there = url("s3://bucket/a");
    let error = read(&S3Origin::new(closed), OriginRequest::new(&there))
        .await
        .unwrap_err();
    assert!(
        matches!(error, OriginError::AddressNotAllowed { .. }),
        "{error:?}"
    );
    // A strategy's own endpoint is its customer's to choose, and the guard's to judge.
    let opened = config(&server.url("/"));
    let opened = S3Origin::new(opened);
    for endpoint in [
        "http://10.0.0.1",
        "http://169.254.169.254",
        "http://[::1]:9000",
        "http://0x0a.1",
    ] {
        let own = S3Credentials {
            access_key_id: KEY_ID.to_owned(),
            secret_access_key: Secret::new(SECRET),
            session_token: None,
            region: None,
            endpoint: Some(endpoint.to_owned()),
        };
        let access = OriginAccess::S3Ambient(Some(own));
        let request = OriginRequest::new(&there).with_access(&access);
        let error = read(&opened, request).await.unwrap_err();
        assert!(
            matches!(error, OriginError::AddressNotAllowed { .. }),
            "{endpoint}: {error:?}"
        );
    }
    let secret = canary.serve("/secret", "secret");
    server.route("/bucket/a", Reply::redirect(307, secret.as_str()));
    let error = read(&opened, OriginRequest::new(&there)).await.unwrap_err();
    assert!(
        matches!(error, OriginError::Backend { backend: "s3", .. }),
        "{error:?}"
    );
    assert!(canary.requests().is_empty());
}

#[tokio::test]
async fn answers_say_what_the_caller_can_do() {
    let server = HttpServer::start().await;
    let origin = S3Origin::new(config(&server.url("/")));
    for (status, code, kind) in [
        (404, "NoSuchKey", "NotFound"),
        (404, "NoSuchBucket", "NotFound"),
        (403, "AccessDenied", "Denied"),
        (403, "InvalidObjectState", "Backend"),
        (400, "InvalidRequest", "Refused"),
        (503, "SlowDown", "Unavailable"),
        (429, "TooManyRequests", "Unavailable"),
        (500, "InternalError", "Unavailable"),
    ] {
        let xml = format!("<Error><Code>{code}</Code><Message>canary</Message></Error>");
        let reply = Reply::error(status, xml).with_header("retry-after", "7");
        server.route("/bucket/a", reply);
        let before = server.requests().len();
        let there = url("s3://bucket/a");
        let error = read(&origin, OriginRequest::new(&there)).await.unwrap_err();
        let text = format!("{error:?} {error}");
        assert!(text.starts_with(kind), "{status} {code}: {text}");
        assert!(!text.contains("canary"), "{text}");
        let wait = (kind == "Unavailable").then_some(Duration::from_secs(7));
        assert_eq!(error.retry_after(), wait, "{text}");
        assert_eq!(
            server.requests().len(),
            before + 1,
            "the queue tries again, not the origin"
        );
    }
    let gzip = Reply::bytes("x").with_header("content-encoding", "gzip");
    let there = server.route("/bucket/a", gzip);
    let error = read(&origin, OriginRequest::new(&there)).await.unwrap_err();
    assert!(error.to_string().contains("compressed"), "{error}");
}

#[tokio::test]
async fn a_bucket_in_another_region_is_asked_there() {
    let server = HttpServer::start().await;
    let origin = S3Origin::new(config(&server.url("/")));
    let elsewhere = |region: &str| Reply::status(301).with_header("x-amz-bucket-region", region);
    let access = keys(KEY_ID, SECRET);
    let there = url("s3://bucket/a");
    let request = OriginRequest::new(&there).with_access(&access);
    server.route_in_turn("/bucket/a", [elsewhere("eu-west-1"), Reply::bytes("ok")]);
    assert_eq!(read(&origin, request).await.unwrap(), b"ok");
    let signed: Vec<_> = server
        .requests()
        .iter()
        .map(|request| request.header("authorization").unwrap().to_owned())
        .collect();
    assert!(signed[0].contains("/us-east-1/s3/"), "{signed:?}");
    assert!(signed[1].contains("/eu-west-1/s3/"), "{signed:?}");
    // Not for ever, and to no other host.
    for region in ["eu-west-1", "evil.example.org/"] {
        server.route("/bucket/a", elsewhere(region));
        let error = read(&origin, request).await.unwrap_err();
        assert!(
            matches!(error, OriginError::Backend { backend: "s3", .. }),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn other_objects_are_never_read_instead() {
    let Fixture { server, origin } = fixture().await;
    server.put(OPEN, "a", b"another");
    server.put(OPEN, "d/a", b"another");
    for text in [
        "s3://open//a",
        "s3://open/a/",
        "s3://open/d//a",
        "s3://open/d/%2E%2E%2Fa",
        "s3://open/d%2F..%2Fa",
        "s3://closed/..%2Fopen%2Fa",
        "s3://open",
        "s3://open/a#b",
        "s3://open/a?b",
        "s3://open/a%00",
    ] {
        let there = url(text);
        let error = read(&origin, OriginRequest::new(&there)).await.unwrap_err();
        assert!(!error.is_transient(), "{text}: {error:?}");
        assert!(
            matches!(error, OriginError::Backend { backend: "s3", .. }),
            "{text}: {error:?}"
        );
    }
    let access = OriginAccess::BasicHttp(Credentials::new("u", "p"));
    let there = url("s3://open/a");
    let error = read(&origin, OriginRequest::new(&there).with_access(&access)).await;
    assert!(matches!(error, Err(OriginError::Strategy { .. })));
}
