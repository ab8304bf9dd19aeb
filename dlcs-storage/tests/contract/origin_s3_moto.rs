//! S3 origins at moto, which others wrote to test programs that use AWS.

use dlcs_core::origin::{OriginError, OriginRequest};
use dlcs_storage::origin::s3::S3Origin;
use dlcs_testkit::server::Moto;
use url::Url;

use crate::moto;
use crate::origin_s3::{config, list, read};
use crate::s3_server::keys;

#[tokio::test]
async fn moto_gives_what_was_put() {
    let Some(moto) = Moto::start("moto_gives_what_was_put").await else {
        return;
    };
    moto::put(&moto, "masters", b"").await;
    for (path, bytes) in [
        ("masters/a.tif", &b"one"[..]),
        ("masters/d/a%20%C3%BC%25.tif", b"two"),
        ("masters/d/e/b.tif", b"three"),
    ] {
        moto::put(&moto, path, bytes).await;
    }
    let origin = S3Origin::new(config(&moto.url("")));
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
