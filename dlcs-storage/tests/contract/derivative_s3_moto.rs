//! Derivatives in S3 at moto: the contract once more, because two servers rarely err in the same way.

use dlcs_core::derivative::{DerivativeError, DerivativeStore, check};
use dlcs_testkit::derivative as clauses;
use dlcs_testkit::server::Moto;
use futures_util::{StreamExt, stream};

use crate::derivative_s3::{LARGE, body, open, pyramid, said};
use crate::moto;

/// Every clause at one server, which takes long to start.
#[tokio::test]
async fn moto_keeps_the_contract() {
    let Some(moto) = Moto::start("moto_keeps_the_contract").await else {
        return;
    };
    moto::put(&moto, "derivatives", b"").await;
    let store = &open(&moto.url(""), "derivatives/iiif", "secret");
    check(store).await.unwrap();
    clauses::put_object_is_read_whole(store).await;
    clauses::large_object_is_read_whole(store).await;
    clauses::unfinished_put_cannot_be_seen(store).await;
    clauses::failing_body_leaves_nothing(store).await;
    clauses::dropped_put_leaves_nothing(store).await;
    clauses::overwriting_is_atomic(store).await;
    clauses::failing_overwrite_keeps_the_old_bytes(store).await;
    clauses::ranges_give_the_bytes(store).await;
    clauses::ranges_are_cut_at_the_end(store).await;
    clauses::ranges_come_behind_what_is_given(store).await;
    clauses::missing_is_not_found(store).await;
    clauses::deleted_is_gone_and_others_are_not(store).await;
    clauses::deleting_what_is_not_there_succeeds(store).await;
    clauses::list_is_exact(store).await;
    clauses::scan_knows_length_and_age(store).await;
    clauses::many_at_once(store).await;
}

#[tokio::test]
async fn moto_has_no_unfinished_objects_left() {
    let Some(moto) = Moto::start("moto_has_no_unfinished_objects_left").await else {
        return;
    };
    moto::put(&moto, "derivatives", b"").await;
    let store = open(&moto.url(""), "derivatives", "secret");
    let broken = || {
        let error = DerivativeError::Body {
            source: "the source broke".into(),
        };
        body(LARGE).chain(stream::iter([Err(error)])).boxed()
    };
    store.put(&pyramid(), broken()).await.unwrap_err();
    store.put(&pyramid(), body(LARGE)).await.unwrap();
    let uploads = moto::get(&moto, "derivatives?uploads").await;
    assert!(uploads.contains("ListMultipartUploadsResult"), "{uploads}");
    assert!(!uploads.contains("<UploadId>"), "{uploads}");
    let missing = open(&moto.url(""), "missing", "secret");
    let error = check(&missing).await.unwrap_err();
    assert!(
        said(&error).contains("there is no bucket `missing`"),
        "{}",
        said(&error)
    );
}
