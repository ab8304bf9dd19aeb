//! What stands in for a server that this machine lacks, where the test has said so.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use dlcs_core::origin::OriginStrategy;
use dlcs_testkit::fake::{FakeObject, FakeOrigin};
use dlcs_testkit::origin::{OriginFixture, Protected};
use url::Url;

/// A fixture that needs a program, or an origin in memory in its place: whose clauses prove nothing, and were reported as skipped.
pub(crate) enum Perhaps<F> {
    There(F),
    Absent(Arc<FakeOrigin>),
}

impl<F> Perhaps<F> {
    pub(crate) fn new(fixture: Option<F>) -> Self {
        fixture.map_or_else(|| Self::Absent(FakeOrigin::new()), Self::There)
    }
}

fn absent() -> Url {
    Url::parse("fake://origin/absent").expect("an address")
}

#[async_trait]
impl<F: OriginFixture> OriginFixture for Perhaps<F> {
    fn origin(&self) -> Arc<dyn OriginStrategy> {
        match self {
            Self::There(fixture) => fixture.origin(),
            Self::Absent(origin) => Arc::clone(origin) as _,
        }
    }

    async fn object(&self, name: &str, bytes: Bytes) -> Url {
        match self {
            Self::There(fixture) => fixture.object(name, bytes).await,
            Self::Absent(origin) => {
                let mut url = absent();
                if let Ok(mut path) = url.path_segments_mut() {
                    path.push(name);
                }
                origin.serve(url.as_str(), FakeObject::new(bytes))
            }
        }
    }

    async fn missing(&self) -> Url {
        match self {
            Self::There(fixture) => fixture.missing().await,
            Self::Absent(_) => absent(),
        }
    }

    async fn protected(&self, bytes: Bytes) -> Option<Protected> {
        match self {
            Self::There(fixture) => fixture.protected(bytes).await,
            Self::Absent(_) => None,
        }
    }

    async fn folder(&self, objects: &[(&str, Bytes)]) -> Option<Url> {
        match self {
            Self::There(fixture) => fixture.folder(objects).await,
            Self::Absent(_) => None,
        }
    }
}
