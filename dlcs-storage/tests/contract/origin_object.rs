//! Origins in any store of objects: the contract on the one in memory.
#![expect(clippy::unwrap_used, reason = "a test stops at what goes wrong")]

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use dlcs_core::origin::{
    Credentials, OriginAccess, OriginEntryKind, OriginError, OriginRequest, OriginStrategy,
};
use dlcs_storage::origin::object::ObjectStoreOrigin;
use dlcs_testkit::origin::OriginFixture;
use futures_util::TryStreamExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use url::Url;

struct Fixture {
    store: Arc<InMemory>,
    origin: Arc<ObjectStoreOrigin>,
}

fn fixture() -> Fixture {
    let store = Arc::new(InMemory::new());
    let shared = Arc::clone(&store) as Arc<dyn ObjectStore>;
    Fixture {
        store,
        origin: Arc::new(ObjectStoreOrigin::new(&["mem"], shared).with_host("masters")),
    }
}

async fn made() -> Fixture {
    fixture()
}

#[async_trait]
impl OriginFixture for Fixture {
    fn origin(&self) -> Arc<dyn OriginStrategy> {
        Arc::clone(&self.origin) as _
    }

    async fn object(&self, name: &str, bytes: Bytes) -> Url {
        let path = Path::parse(name).unwrap();
        self.store.put(&path, bytes.into()).await.unwrap();
        let mut url = Url::parse("mem://masters/").unwrap();
        url.path_segments_mut().unwrap().pop().push(name);
        url
    }

    async fn missing(&self) -> Url {
        Url::parse("mem://masters/missing").unwrap()
    }

    async fn folder(&self, objects: &[(&str, Bytes)]) -> Option<Url> {
        for folder in ["folder", "folder/within"] {
            for (name, bytes) in objects {
                let path = Path::parse(format!("{folder}/{name}")).unwrap();
                self.store.put(&path, bytes.clone().into()).await.unwrap();
            }
        }
        Some(Url::parse("mem://masters/folder/").unwrap())
    }
}

dlcs_testkit::origin_contract!(made());

#[tokio::test]
async fn other_hosts_and_other_keys_have_nothing() {
    let fixture = fixture();
    fixture.object("a.tif", Bytes::from("a")).await;
    fixture.object("a", Bytes::from("a")).await;
    for (text, kind) in [
        ("mem://others/a.tif", "NotFound"),
        ("mem://masters/a.tif/", "Backend"),
        ("mem://masters//a.tif", "Backend"),
        ("mem://masters/", "Backend"),
        ("mem://masters", "Backend"),
        ("mem://masters/a%00", "Backend"),
        ("mem://masters/%2E%2E%2Fa", "Backend"),
        ("mem://masters/%FF", "Backend"),
        ("mem://masters/a?b", "Backend"),
        ("mem://masters/a#b", "Backend"),
    ] {
        let url = Url::parse(text).unwrap();
        let got = fixture.origin.open(OriginRequest::new(&url)).await;
        let error = got.unwrap_err();
        assert!(format!("{error:?}").starts_with(kind), "{text}: {error:?}");
        assert!(!error.is_transient(), "{text}");
    }
    let url = Url::parse("mem://masters/a").unwrap();
    let access = OriginAccess::BasicHttp(Credentials::new("u", "p"));
    let request = OriginRequest::new(&url).with_access(&access);
    let error = fixture.origin.open(request).await.unwrap_err();
    assert!(matches!(error, OriginError::Strategy { .. }), "{error:?}");
}

#[tokio::test]
async fn a_folder_is_listed_with_addresses_that_open() {
    let fixture = fixture();
    for name in ["top.tif", "d/1 ü.tif", "d/2%.tif", "d/e/3.tif", "dd/4.tif"] {
        fixture.object(name, Bytes::from(name.to_owned())).await;
    }
    for (folder, expected) in [
        ("mem://masters/", &["d/", "dd/", "top.tif 7"][..]),
        (
            "mem://masters/d/",
            &["d/1%20%C3%BC.tif 10", "d/2%25.tif 8", "d/e/"],
        ),
        ("mem://masters/d/e/", &["d/e/3.tif 9"]),
        ("mem://masters/nothing/", &[]),
    ] {
        let url = Url::parse(folder).unwrap();
        let listing = fixture.origin.list(OriginRequest::new(&url)).await.unwrap();
        let entries: Vec<_> = listing.try_collect().await.unwrap();
        let mut said = Vec::new();
        for entry in &entries {
            let name = entry.url.path().trim_start_matches('/');
            said.push(match entry.kind {
                OriginEntryKind::Object { length, modified } => {
                    assert!(modified.is_some());
                    let request = OriginRequest::new(&entry.url);
                    let opened = fixture.origin.open(request).await.unwrap();
                    assert_eq!(opened.length(), length, "{}", entry.url);
                    format!("{name} {}", length.unwrap())
                }
                _ => name.to_owned(),
            });
        }
        said.sort();
        assert_eq!(said, expected, "{folder}");
    }
}
