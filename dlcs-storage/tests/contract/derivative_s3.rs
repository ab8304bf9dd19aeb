//! Derivatives in S3: the contract, at a server of the protocol in this process, and what only this backend promises.
#![expect(clippy::unwrap_used, reason = "a test stops at what goes wrong")]

use bytes::Bytes;
use dlcs_core::derivative::{
    DerivativeBody, DerivativeError, DerivativeKey, DerivativeStore, UploadId, check,
};
use dlcs_core::origin::{S3Credentials, Secret};
use dlcs_core::queue::{Generation, LeaseToken};
use dlcs_storage::derivative::s3::{S3Derivatives, S3DerivativesConfig};
use futures_util::{StreamExt, stream};
use url::Url;

use crate::s3_server::{CLOSED, KEY_ID, S3Server, SECRET};

/// More than one part.
pub(crate) const LARGE: usize = 20 << 20;

async fn new() -> (S3Server, S3Derivatives) {
    let server = S3Server::start().await;
    let store = store(&server);
    (server, store)
}

dlcs_testkit::derivative_contract!(new());

/// The store in the closed bucket of a server.
pub(crate) fn store(server: &S3Server) -> S3Derivatives {
    open(&server.endpoint, &format!("{CLOSED}/iiif/store"), SECRET)
}

/// A store at an endpoint.
pub(crate) fn open(endpoint: &Url, place: &str, secret: &str) -> S3Derivatives {
    let address = format!("s3://{place}?endpoint={endpoint}&region=us-east-1");
    let config = S3DerivativesConfig::parse(&address).unwrap();
    S3Derivatives::open(config.with_credentials(credentials(secret))).unwrap()
}

fn credentials(secret: &str) -> S3Credentials {
    S3Credentials {
        access_key_id: KEY_ID.to_owned(),
        secret_access_key: Secret::new(secret),
        session_token: None,
        region: None,
        endpoint: None,
    }
}

/// A key of a pyramid.
pub(crate) fn pyramid() -> DerivativeKey {
    let image = "1/2/x".parse().unwrap();
    DerivativeKey::pyramid(&image, Generation::new(3), LeaseToken::new(44))
}

/// A body of so many bytes that are not all the same.
pub(crate) fn body(length: usize) -> DerivativeBody {
    let bytes = bytes(length);
    stream::iter((0..length).step_by(1 << 20).map(move |at| {
        let end = length.min(at + (1 << 20));
        Ok(bytes.slice(at..end))
    }))
    .boxed()
}

/// The bytes of that body.
pub(crate) fn bytes(length: usize) -> Bytes {
    (0..length).map(|at| (at / 7 % 251) as u8).collect()
}

/// An error and its causes in one line.
pub(crate) fn said(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let texts: Vec<_> = causes.map(ToString::to_string).collect();
    texts.join(": ")
}

#[tokio::test]
async fn keys_lie_below_the_prefix_and_nothing_else_is_listed() {
    let (server, store) = new().await;
    let upload = DerivativeKey::Upload(UploadId::assign());
    for key in [&pyramid(), &upload] {
        store.put(key, body(10)).await.unwrap();
    }
    let put: Vec<_> = server
        .take_requests()
        .iter()
        .map(|request| request.split('?').next().unwrap().to_owned())
        .collect();
    let place = |key: &DerivativeKey| format!("PUT /{CLOSED}/iiif/store/{key}");
    assert_eq!(put, [place(&pyramid()), place(&upload)]);
    for foreign in [
        format!("iiif/store/{}#1", pyramid()),
        "iiif/store/uploads/not-an-id".to_owned(),
        "iiif/store/README".to_owned(),
        format!("iiif/{upload}"),
        upload.path(),
        format!("iiif/store2/{upload}"),
    ] {
        server.put(CLOSED, &foreign, b"x");
    }
    let mut listed = store.list().await.unwrap();
    listed.sort();
    let mut expected = [pyramid(), upload];
    expected.sort();
    assert_eq!(listed, expected);
    // Without a prefix the same keys are others.
    let bare = open(&server.endpoint, CLOSED, SECRET);
    assert_eq!(bare.list().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_read_is_one_request_and_a_small_put_too() {
    let (server, store) = new().await;
    let key = pyramid();
    store.put(&key, body(100_000)).await.unwrap();
    assert_eq!(server.take_requests().len(), 1);
    for range in [
        0..10,
        5000..70_000,
        99_999..200_000,
        0..u64::MAX,
        100_000..100_001,
    ] {
        store.get_range(&key, range.clone()).await.unwrap();
        let requests = server.take_requests();
        assert!(
            matches!(requests.as_slice(), [get] if get.starts_with("GET ")),
            "{range:?}: {requests:?}"
        );
    }
    store.get_range_after(&key, 7..9, b"x").await.unwrap();
    assert_eq!(server.take_requests().len(), 1);
    assert_eq!(store.length(&key).await.unwrap(), 100_000);
    assert_eq!(server.take_requests().len(), 1);
    store.delete(&key).await.unwrap();
    assert_eq!(server.take_requests().len(), 1);
}

#[tokio::test]
async fn the_parts_of_a_large_object_are_of_one_length_and_leave_nothing_behind() {
    let (server, store) = new().await;
    let key = pyramid();
    assert_eq!(store.put(&key, body(LARGE)).await.unwrap(), LARGE as u64);
    let parts = server.take_requests();
    let parts = parts.iter().filter(|put| put.contains("partNumber="));
    assert_eq!(parts.count(), 3);
    let found = store.get_range(&key, 0..u64::MAX).await.unwrap();
    assert!(found == bytes(LARGE));
    assert_eq!(server.unfinished(), Vec::<String>::new());
}

#[tokio::test]
async fn what_fails_or_is_dropped_leaves_no_parts_behind() {
    let (server, store) = new().await;
    let key = pyramid();
    let broken = stream::iter([Err(DerivativeError::Body {
        source: "the source broke".into(),
    })]);
    let failed = store.put(&key, body(LARGE).chain(broken).boxed()).await;
    assert!(matches!(failed, Err(DerivativeError::Body { .. })));
    assert_eq!(server.unfinished(), Vec::<String>::new());

    let gate = dlcs_testkit::Gate::new();
    let waiting = gate.clone();
    let end = stream::once(async move {
        waiting.pass().await;
        Ok(Bytes::new())
    });
    tokio::select! {
        put = store.put(&key, body(LARGE).chain(end).boxed()) => panic!("its body has not ended: {put:?}"),
        () = gate.reached() => {}
    }
    server.gives_up(2).await;
    assert_eq!(server.unfinished(), Vec::<String>::new());
    assert_eq!(store.list().await.unwrap(), []);
}

#[tokio::test]
async fn what_is_wrong_is_found_at_the_start_and_said_with_what_to_do() {
    let server = S3Server::start().await;
    check(&store(&server)).await.unwrap();
    let free = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap()
    };
    let nowhere = Url::parse("http://nowhere.invalid").unwrap();
    for (store, expected) in [
        (
            open(&server.endpoint, "missing/iiif", SECRET),
            "the `s3` derivative store failed: there is no bucket `missing` (status 404, NoSuchBucket): make it, or correct the address of the store",
        ),
        (
            open(&server.endpoint, CLOSED, "canary"),
            "the `s3` derivative store failed: access to the bucket `closed` is refused (status 403, SignatureDoesNotMatch): give AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of somebody who may read, write, delete and list there",
        ),
        (
            open(&free, CLOSED, SECRET),
            "the `s3` derivative store failed: no answer from ENDPOINT: nothing listens at that address",
        ),
        (
            open(&nowhere, CLOSED, SECRET),
            "the `s3` derivative store failed: no answer from http://nowhere.invalid: the name of the host does not resolve",
        ),
    ] {
        let error = check(&store).await.unwrap_err();
        let endpoint = free.as_str().trim_end_matches('/');
        assert_eq!(said(&error).replace(endpoint, "ENDPOINT"), expected);
        assert!(!format!("{error:?} {store:?}").contains("canary"));
    }
}

#[tokio::test]
async fn a_missing_bucket_is_no_missing_object() {
    let server = S3Server::start().await;
    let store = open(&server.endpoint, "missing", SECRET);
    let key = pyramid();
    // A reader that took the one for the other would say that images or their bytes are gone.
    for error in [
        store.get_range(&key, 0..10).await.unwrap_err(),
        store.length(&key).await.unwrap_err(),
        store.delete(&key).await.unwrap_err(),
        store.list().await.unwrap_err(),
        store.put(&key, body(10)).await.unwrap_err(),
        store.put(&key, body(LARGE)).await.unwrap_err(),
    ] {
        assert!(
            matches!(error, DerivativeError::Backend { .. }),
            "{error:?}"
        );
    }
}
