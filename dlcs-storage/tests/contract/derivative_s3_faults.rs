//! Derivatives in S3 when the service is in trouble: what can be tried again is, and otherwise nothing is half there.

use dlcs_core::derivative::{DerivativeError, DerivativeStore};
use dlcs_storage::derivative::s3::S3Derivatives;

use crate::derivative_s3::{LARGE, body, bytes, pyramid, said, store};
use crate::s3_server::{CLOSED, Fault, S3Server, Trouble};

/// Every request is tried so often.
const TRIES: usize = 5;

const TRANSIENT: [Trouble; 3] = [Trouble::Busy, Trouble::Cut, Trouble::LosesTheAnswer];

async fn new() -> (S3Server, S3Derivatives) {
    let server = S3Server::start().await;
    let store = store(&server);
    (server, store)
}

#[tokio::test]
async fn a_small_object_is_put_in_spite_of_trouble() {
    for trouble in TRANSIENT {
        let (server, store) = new().await;
        server.trouble(("PUT", ""), trouble, 2);
        store.put(&pyramid(), body(5000)).await.unwrap();
        let found = store.get_range(&pyramid(), 0..u64::MAX).await.unwrap();
        assert_eq!(found, bytes(5000), "{trouble:?}");
    }
}

#[tokio::test]
async fn a_large_object_is_put_in_spite_of_trouble_at_every_step() {
    for trouble in TRANSIENT {
        for step in [
            ("POST", "uploads"),
            ("PUT", "partNumber=2"),
            ("POST", "uploadId="),
        ] {
            let (server, store) = new().await;
            server.trouble(step, trouble, 1);
            let put = store.put(&pyramid(), body(LARGE)).await;
            assert_eq!(put.unwrap(), LARGE as u64, "{trouble:?} {step:?}");
            let found = store.get_range(&pyramid(), 0..u64::MAX).await.unwrap();
            assert!(found == bytes(LARGE), "{trouble:?} {step:?}");
            // Of a beginning whose answer was lost nobody knows the name: that is left to a rule of the bucket.
            let unknown = step == ("POST", "uploads") && trouble == Trouble::LosesTheAnswer;
            assert_eq!(
                server.unfinished().len(),
                usize::from(unknown),
                "{trouble:?} {step:?}"
            );
        }
    }
}

#[tokio::test]
async fn an_object_that_cannot_be_put_is_not_there() {
    for trouble in [Trouble::Busy, Trouble::Cut] {
        for (step, length) in [
            (("PUT", ""), 5000),
            (("POST", "uploads"), LARGE),
            (("PUT", "partNumber=2"), LARGE),
            (("POST", "uploadId="), LARGE),
        ] {
            let (server, store) = new().await;
            server.trouble(step, trouble, TRIES);
            let error = store.put(&pyramid(), body(length)).await.unwrap_err();
            assert!(
                matches!(error, DerivativeError::Backend { .. }),
                "{error:?}"
            );
            let expected = match trouble {
                Trouble::Busy => "busy (status 503, SlowDown)",
                _ => "the connection broke before the answer came",
            };
            assert!(said(&error).contains(expected), "{}", said(&error));
            assert!(!format!("{error:?}").contains("canary"), "{error:?}");
            assert_eq!(store.list().await.unwrap(), [], "{trouble:?} {step:?}");
            let unfinished = server.unfinished();
            assert!(
                unfinished.is_empty(),
                "{trouble:?} {step:?}: {unfinished:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_full_store_says_so_and_is_not_asked_again() {
    let (server, store) = new().await;
    server.trouble(("PUT", ""), Trouble::Full, usize::MAX);
    for length in [5000, LARGE] {
        let error = store.put(&pyramid(), body(length)).await.unwrap_err();
        assert!(matches!(error, DerivativeError::Full { .. }), "{error:?}");
        assert_eq!(store.list().await.unwrap(), []);
        assert_eq!(server.unfinished(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn reads_go_on_in_spite_of_trouble() {
    let (server, store) = new().await;
    let key = pyramid();
    store.put(&key, body(300_000)).await.unwrap();
    for trouble in TRANSIENT {
        server.trouble(("GET", ""), trouble, 2);
        let found = store.get_range(&key, 10..200_000).await.unwrap();
        assert_eq!(found, bytes(300_000).slice(10..200_000), "{trouble:?}");
        server.trouble(("GET", "list-type"), trouble, 2);
        assert_eq!(store.list().await.unwrap(), [pyramid()], "{trouble:?}");
    }
    server.trouble(("GET", ""), Trouble::Cut, TRIES);
    let error = store.get_range(&key, 0..10).await.unwrap_err();
    assert!(
        matches!(error, DerivativeError::Backend { .. }),
        "{error:?}"
    );
    // The next one finds it well again.
    store.get_range(&key, 0..10).await.unwrap();
}

#[tokio::test]
async fn a_read_that_breaks_goes_on_where_it_broke() {
    let (server, store) = new().await;
    let key = pyramid();
    store.put(&key, body(300_000)).await.unwrap();
    let path = format!("/{CLOSED}/iiif/store/{key}");
    server.fault(&path, Fault::BreaksTimes(50_000, 2));
    let found = store.get_range(&key, 10..200_000).await.unwrap();
    assert_eq!(found, bytes(300_000).slice(10..200_000));
    server.fault(&path, Fault::BreaksTimes(50_000, usize::MAX));
    let error = store.get_range(&key, 10..u64::MAX).await.unwrap_err();
    assert!(
        matches!(error, DerivativeError::Backend { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn deleting_goes_on_in_spite_of_trouble() {
    for trouble in TRANSIENT {
        let (server, store) = new().await;
        store.put(&pyramid(), body(10)).await.unwrap();
        server.trouble(("DELETE", ""), trouble, 2);
        store.delete(&pyramid()).await.unwrap();
        assert_eq!(store.list().await.unwrap(), [], "{trouble:?}");
    }
}
