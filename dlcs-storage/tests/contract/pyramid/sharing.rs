//! What is read and rendered once for all that ask for it.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use dlcs_core::derivative::{
    DerivativeBody, DerivativeError, DerivativeKey, DerivativeStore, ImageRenderer, RenderError,
    Rendered, Result, StoredObject,
};
use dlcs_core::iiif::{GrammarVersion, ImageRequest, Limits};
use dlcs_storage::pyramid::{PyramidRenderer, PyramidRendererConfig};
use dlcs_testkit::Gate;
use futures_util::stream::BoxStream;

use super::support::{Raster, Ready, process};

const REGION: &str = "100,100,1500,1300/300,260/0/default.jpg";

/// A store that counts what is read of it.
#[derive(Debug)]
struct Counting {
    bytes: Bytes,
    reads: AtomicUsize,
    length: AtomicUsize,
    /// Where every read waits.
    gate: Option<Gate>,
    /// How many reads fail before the first that does not.
    failures: AtomicUsize,
}

impl Counting {
    fn of(ready: &Ready) -> Self {
        Self {
            bytes: ready.bytes.clone(),
            reads: AtomicUsize::new(0),
            length: AtomicUsize::new(0),
            gate: None,
            failures: AtomicUsize::new(0),
        }
    }

    /// How often it has been read since this was asked last.
    fn reads(&self) -> usize {
        self.reads.swap(0, Ordering::SeqCst)
    }
}

#[async_trait]
impl DerivativeStore for Counting {
    async fn put(&self, _key: &DerivativeKey, _body: DerivativeBody) -> Result<u64> {
        panic!("nothing is put here");
    }

    async fn get_range(&self, _key: &DerivativeKey, range: Range<u64>) -> Result<Bytes> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        if let Some(gate) = &self.gate {
            gate.pass().await;
        }
        let fails = self
            .failures
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                left.checked_sub(1)
            });
        if fails.is_ok() {
            return Err(DerivativeError::Backend {
                backend: "counting",
                source: "it was told to fail".into(),
            });
        }
        let bytes = self.bytes.slice(range.start as usize..range.end as usize);
        self.length.fetch_add(bytes.len(), Ordering::SeqCst);
        Ok(bytes)
    }

    async fn length(&self, _key: &DerivativeKey) -> Result<u64> {
        Ok(self.bytes.len() as u64)
    }

    async fn delete(&self, _key: &DerivativeKey) -> Result<()> {
        panic!("nothing is deleted here");
    }

    fn scan(&self) -> BoxStream<'_, Result<StoredObject>> {
        panic!("nothing is listed here");
    }
}

struct Server {
    ready: Ready,
    store: Counting,
    renderer: PyramidRenderer,
}

impl Server {
    async fn start(set: impl FnOnce(&mut PyramidRendererConfig)) -> Self {
        let ready = process(Raster::photograph(2100, 2100, 1).to_png())
            .await
            .unwrap();
        let mut config = PyramidRendererConfig::default();
        set(&mut config);
        Self {
            store: Counting::of(&ready),
            ready,
            renderer: PyramidRenderer::new(config),
        }
    }

    async fn render_of(&self, key: &DerivativeKey, path: &str) -> Result<Rendered, RenderError> {
        let parts: Vec<&str> = path.split('/').collect();
        let service = &self.ready.service;
        let request =
            ImageRequest::parse(GrammarVersion::V3, parts[0], parts[1], parts[2], parts[3])
                .unwrap()
                .resolve(service.dimensions(), &Limits::default())
                .unwrap();
        self.renderer
            .render(&self.store, key, service, &request)
            .await
    }

    /// Has the index read, and no more.
    async fn warm(&self) {
        self.render("0,0,512,512/512,512/0/default.jpg")
            .await
            .unwrap();
        self.store.reads();
    }

    async fn render(&self, path: &str) -> Result<Rendered, RenderError> {
        self.render_of(&self.ready.key, path).await
    }
}

#[tokio::test]
async fn a_cold_tile_takes_two_reads_and_a_warm_one_a_single_one() {
    let server = Server::start(|_| {}).await;
    server
        .render("0,0,512,512/512,512/0/default.jpg")
        .await
        .unwrap();
    assert_eq!(server.store.reads(), 2);
    let tile = server
        .render("512,512,512,512/512,512/0/default.jpg")
        .await
        .unwrap();
    assert_eq!(server.store.reads(), 1);
    assert!(tile.bytes.len() > 100);
}

#[tokio::test]
async fn neighbouring_tiles_are_read_together_and_decoded_ones_not_again() {
    let server = Server::start(|config| config.result_cache_bytes = 0).await;
    server.render(REGION).await.unwrap();
    // The index, and rows of tiles with little between them.
    assert_eq!(server.store.reads(), 2);
    let first = server.render(REGION).await.unwrap();
    let second = server
        .render("120,110,1480,1290/296,258/0/default.png")
        .await
        .unwrap();
    assert_eq!(server.store.reads(), 0);
    assert_ne!(first.bytes, second.bytes);

    let forgetful = Server::start(|config| {
        config.result_cache_bytes = 0;
        config.tile_cache_bytes = 0;
    })
    .await;
    for reads in [2, 1, 1] {
        let rendered = forgetful.render(REGION).await.unwrap();
        assert_eq!(
            (forgetful.store.reads(), &rendered.bytes),
            (reads, &first.bytes)
        );
    }
}

#[tokio::test]
async fn identical_requests_at_the_same_time_are_rendered_once() {
    let mut server = Server::start(|config| {
        config.result_cache_bytes = 0;
        config.tile_cache_bytes = 0;
        // Those that wait for the same result need no place of their own.
        config.waiting = 0;
        config.small_concurrency = std::num::NonZeroUsize::MIN;
    })
    .await;
    server.store.gate = Some(Gate::new());
    let server = Arc::new(server);
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let server = Arc::clone(&server);
            tokio::spawn(async move { server.render(REGION).await })
        })
        .collect();
    let gate = server.store.gate.as_ref().unwrap();
    gate.reached().await;
    gate.open();
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap().unwrap().bytes);
    }
    assert_eq!(server.store.reads(), 2);
    // The very same bytes, not copies of them.
    let first = results[0].as_ptr();
    assert!(results.iter().all(|bytes| bytes.as_ptr() == first));
}

#[tokio::test]
async fn a_request_that_is_given_up_takes_no_other_with_it() {
    let mut server = Server::start(|config| config.result_cache_bytes = 0).await;
    server.warm().await;
    server.store.gate = Some(Gate::new());
    let server = Arc::new(server);
    let begin = || {
        let server = Arc::clone(&server);
        tokio::spawn(async move { server.render(REGION).await })
    };
    let leader = begin();
    let gate = server.store.gate.as_ref().unwrap();
    gate.reached().await;
    let others = [begin(), begin()];
    tokio::task::yield_now().await;
    leader.abort();
    assert!(leader.await.unwrap_err().is_cancelled());
    gate.open();
    for other in others {
        let waited = tokio::time::timeout(Duration::from_secs(30), other).await;
        waited.unwrap().unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_failure_is_shared_by_those_who_wait_and_by_nobody_later() {
    let mut server = Server::start(|_| {}).await;
    server.warm().await;
    server.store.gate = Some(Gate::new());
    server.store.failures = AtomicUsize::new(1);
    let server = Arc::new(server);
    let tasks: Vec<_> = (0..5)
        .map(|_| {
            let server = Arc::clone(&server);
            tokio::spawn(async move { server.render(REGION).await })
        })
        .collect();
    let gate = server.store.gate.as_ref().unwrap();
    gate.reached().await;
    gate.open();
    for task in tasks {
        let failed = task.await.unwrap();
        assert!(
            matches!(
                failed,
                Err(RenderError::Derivative(DerivativeError::Backend {
                    backend: "counting",
                    ..
                }))
            ),
            "{failed:?}"
        );
    }
    assert_eq!(server.store.reads(), 1);
    server.render(REGION).await.unwrap();
}

#[tokio::test]
async fn results_are_remembered_for_their_version_and_request_only() {
    let server = Server::start(|config| config.tile_cache_bytes = 0).await;
    let first = server.render(REGION).await.unwrap();
    server.store.reads();
    let again = server.render(REGION).await.unwrap();
    assert_eq!((server.store.reads(), &again), (0, &first));
    let other = REGION.replace("/0/", "/180/");
    assert_ne!(server.render(&other).await.unwrap(), first);
    assert_eq!(server.store.reads(), 1);
    // Another version has another key, and an index of its own.
    let later = "uploads/00000000000000000000000000000001".parse().unwrap();
    server.render_of(&later, REGION).await.unwrap();
    assert_eq!(server.store.reads(), 2);
}

#[tokio::test]
async fn a_result_that_takes_too_much_of_the_cache_is_not_remembered() {
    let length = Server::start(|_| {})
        .await
        .render(REGION)
        .await
        .unwrap()
        .bytes
        .len() as u64;
    for (bytes, reads) in [(8 * (length + 512), 0), (8 * (length + 511), 1), (0, 1)] {
        let server = Server::start(|config| {
            config.result_cache_bytes = bytes;
            config.tile_cache_bytes = 0;
        })
        .await;
        server.render(REGION).await.unwrap();
        server.store.reads();
        server.render(REGION).await.unwrap();
        assert_eq!(server.store.reads(), reads, "{bytes}");
    }
}
