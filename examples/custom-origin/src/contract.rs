//! The contract of an origin, on `tar://`.

use std::fs::OpenOptions;
use std::io::Write;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use dlcs_core::origin::OriginStrategy;
use dlcs_testkit::origin::OriginFixture;
use tempfile::TempDir;
use url::Url;

use crate::tar::TarOrigin;

struct Fixture(TempDir);

async fn fixture() -> Fixture {
    Fixture(tempfile::tempdir().unwrap())
}

impl Fixture {
    /// Appends a member that says it has so many bytes to an archive.
    fn append(&self, archive: &str, name: &str, length: usize, bytes: &[u8]) -> Url {
        let path = self.0.path().join(format!("{archive}.tar"));
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)
            .unwrap();
        let mut block = vec![0; 512];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[124..135].copy_from_slice(format!("{length:011o}").as_bytes());
        block.extend_from_slice(bytes);
        if bytes.len() == length {
            block.resize(block.len().next_multiple_of(512), 0);
        }
        file.write_all(&block).unwrap();
        let mut url = Url::parse(&format!("tar://{archive}")).unwrap();
        url.path_segments_mut().unwrap().push(name);
        url
    }
}

#[async_trait]
impl OriginFixture for Fixture {
    fn origin(&self) -> Arc<dyn OriginStrategy> {
        Arc::new(TarOrigin(self.0.path().into()))
    }

    async fn object(&self, name: &str, bytes: Bytes) -> Url {
        self.append("scans", name, bytes.len(), &bytes)
    }

    async fn missing(&self) -> Url {
        Url::parse("tar://scans/missing.tif").unwrap()
    }

    async fn truncated(&self, bytes: Bytes, sent: usize) -> Option<Url> {
        Some(self.append("cut", "cut.tif", bytes.len(), &bytes[..sent]))
    }
}

dlcs_testkit::origin_contract!(fixture());

#[test]
fn the_documentation_shows_this_origin() {
    let page = include_str!("../../../docs/writing-your-own-origin.md");
    let code = include_str!("tar.rs");
    assert!(page.contains(code.trim_end()), "the page shows another one");
    assert!(code.lines().count() <= 80, "it says how short it is");
}
