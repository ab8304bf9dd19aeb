//! Who is rendered while others are.

use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use dlcs_core::derivative::{
    DerivativeBody, DerivativeKey, DerivativeStore, ImageRenderer, RenderError, Rendered, Result,
    StoredObject,
};
use dlcs_core::iiif::{GrammarVersion, ImageRequest, Limits};
use dlcs_storage::pyramid::{PyramidRenderer, PyramidRendererConfig};
use dlcs_testkit::Gate;
use futures_util::stream::BoxStream;

use super::support::{Raster, Ready, process};

/// 5 x 5 tiles: more than a small request may need.
const LARGE: &str = "full/2100,2100/0/default.jpg";
/// As large, and not the same: those that are the same run once.
const ANOTHER: &str = "full/2100,2100/0/gray.jpg";
const SMALL: &str = "full/300,300/0/default.jpg";

/// A store whose tiles of full resolution wait at a gate.
#[derive(Debug)]
struct Slow {
    bytes: Bytes,
    gate: Gate,
}

#[async_trait]
impl DerivativeStore for Slow {
    async fn put(&self, _key: &DerivativeKey, _body: DerivativeBody) -> Result<u64> {
        panic!("nothing is put here");
    }

    async fn get_range(&self, _key: &DerivativeKey, range: Range<u64>) -> Result<Bytes> {
        // Small levels come first in the file.
        if range.end > self.bytes.len() as u64 / 2 {
            self.gate.pass().await;
        }
        Ok(self.bytes.slice(range.start as usize..range.end as usize))
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

/// A renderer, and an image whose full resolution is slow.
struct Server {
    ready: Ready,
    slow: Slow,
    renderer: PyramidRenderer,
}

impl Server {
    async fn start(set: impl FnOnce(&mut PyramidRendererConfig)) -> Arc<Self> {
        let ready = process(Raster::photograph(2100, 2100, 1).to_png())
            .await
            .unwrap();
        let mut config = PyramidRendererConfig::default();
        config.max_wait = Duration::from_secs(60);
        set(&mut config);
        Arc::new(Self {
            slow: Slow {
                bytes: ready.bytes.clone(),
                gate: Gate::new(),
            },
            ready,
            renderer: PyramidRenderer::new(config),
        })
    }

    async fn render(&self, path: &str) -> Result<Rendered, RenderError> {
        let parts: Vec<&str> = path.split('/').collect();
        let service = &self.ready.service;
        let request =
            ImageRequest::parse(GrammarVersion::V3, parts[0], parts[1], parts[2], parts[3])
                .unwrap()
                .resolve(service.dimensions(), &Limits::default())
                .unwrap();
        self.renderer
            .render(&self.slow, &self.ready.key, service, &request)
            .await
    }

    /// Starts a large render, which has its turn when this returns.
    async fn begin_large(self: &Arc<Self>) -> tokio::task::JoinHandle<Result<(), RenderError>> {
        let server = Arc::clone(self);
        let task = tokio::spawn(async move { server.render(LARGE).await.map(drop) });
        self.slow.gate.reached().await;
        task
    }
}

#[tokio::test]
async fn small_renders_do_not_wait_behind_large_ones() {
    let server = Server::start(|config| {
        config.concurrency = NonZeroUsize::MIN;
        config.small_concurrency = NonZeroUsize::MIN;
        config.waiting = 0;
    })
    .await;
    let large = server.begin_large().await;
    let small = tokio::time::timeout(Duration::from_secs(30), server.render(SMALL)).await;
    assert!(matches!(small, Ok(Ok(_))), "{small:?}");
    let refused = server.render(ANOTHER).await;
    assert!(
        matches!(refused, Err(RenderError::Overloaded)),
        "{refused:?}"
    );
    server.slow.gate.open();
    large.await.unwrap().unwrap();
    server.render(LARGE).await.unwrap();
}

#[tokio::test]
async fn a_render_that_waits_too_long_is_turned_away() {
    let server = Server::start(|config| {
        config.concurrency = NonZeroUsize::MIN;
        config.max_wait = Duration::from_millis(20);
    })
    .await;
    let large = server.begin_large().await;
    let refused = tokio::time::timeout(Duration::from_secs(30), server.render(ANOTHER)).await;
    assert!(
        matches!(refused, Ok(Err(RenderError::Overloaded))),
        "{refused:?}"
    );
    server.slow.gate.open();
    large.await.unwrap().unwrap();
}

#[tokio::test]
async fn large_renders_share_a_budget_of_bytes() {
    // Enough for one of them, and not for two.
    let server = Server::start(|config| {
        config.concurrency = NonZeroUsize::new(8).unwrap();
        config.max_total_bytes = 20 << 20;
        config.max_wait = Duration::from_millis(20);
        config.result_cache_bytes = 0;
    })
    .await;
    let first = server.begin_large().await;
    let refused = tokio::time::timeout(Duration::from_secs(30), server.render(ANOTHER)).await;
    assert!(
        matches!(refused, Ok(Err(RenderError::Overloaded))),
        "{refused:?}"
    );
    server.slow.gate.open();
    first.await.unwrap().unwrap();
    server.render(ANOTHER).await.unwrap();
}

#[tokio::test]
async fn what_has_not_been_sent_yet_takes_of_the_budget() {
    let (path, another) = ("full/2100,2100/0/default.tif", "full/2100,2100/0/gray.tif");
    let server = Server::start(|config| {
        config.concurrency = NonZeroUsize::new(8).unwrap();
        config.max_total_bytes = 1 << 20;
        config.max_wait = Duration::from_millis(20);
        config.result_cache_bytes = 0;
    })
    .await;
    server.slow.gate.open();
    let unsent = server.render(path).await.unwrap();
    assert!(unsent.bytes.len() > 1 << 20, "{}", unsent.bytes.len());
    let part = unsent.bytes.slice(..1);
    drop(unsent);
    let same = server.render(path).await.unwrap();
    assert_eq!(same.bytes.as_ptr(), part.as_ptr(), "it is sent to both");
    drop(same);
    let refused = server.render(another).await;
    assert!(
        matches!(refused, Err(RenderError::Overloaded)),
        "{refused:?}"
    );
    drop(part);
    server.render(another).await.unwrap();
}

#[tokio::test]
async fn results_of_small_renders_are_bounded_too_until_they_are_sent() {
    for result_cache_bytes in [0, 64 << 20] {
        let server = Server::start(|config| {
            config.max_unsent_bytes = 3 << 20;
            config.max_wait = Duration::from_millis(20);
            config.result_cache_bytes = result_cache_bytes;
        })
        .await;
        server.slow.gate.open();
        let path = "0,0,1500,1500/max/0/default.tif";
        drop(server.render(path).await.unwrap());
        // Out of the cache, or anew.
        let unsent = server.render(path).await.unwrap();
        assert!(unsent.bytes.len() > 1 << 20, "{}", unsent.bytes.len());
        let same = server.render(path).await.unwrap();
        assert_eq!(same.bytes.as_ptr(), unsent.bytes.as_ptr());
        let second = "0,0,1500,1499/max/0/gray.tif";
        let refused = server.render(second).await;
        assert!(
            matches!(refused, Err(RenderError::Overloaded)),
            "{refused:?}"
        );
        // What is little flows all the same.
        server.render(SMALL).await.unwrap();
        drop((unsent, same));
        server.render(second).await.unwrap();
    }
}

#[tokio::test]
async fn one_that_takes_more_than_all_together_may_is_made_alone() {
    let server = Server::start(|config| {
        config.concurrency = NonZeroUsize::new(8).unwrap();
        config.max_total_bytes = 1 << 20;
        config.max_wait = Duration::from_millis(20);
    })
    .await;
    let first = server.begin_large().await;
    let refused = server.render(ANOTHER).await;
    assert!(
        matches!(refused, Err(RenderError::Overloaded)),
        "{refused:?}"
    );
    server.slow.gate.open();
    first.await.unwrap().unwrap();
    server.render(ANOTHER).await.unwrap();
}

#[tokio::test]
async fn files_of_encoders_are_made_in_the_spool_directory() {
    let directory = tempfile::tempdir().unwrap();
    let spool = directory.path().to_owned();
    let server = Server::start(|config| config.spool_directory = Some(spool)).await;
    server.slow.gate.open();
    server.render("full/300,300/0/default.jp2").await.unwrap();
    directory.close().unwrap();
    let failed = server.render("full/299,299/0/default.jp2").await;
    assert!(
        matches!(failed, Err(RenderError::Backend { .. })),
        "{failed:?}"
    );
}

#[tokio::test]
async fn what_can_never_fit_is_made_from_a_smaller_level_or_refused() {
    let server = Server::start(|config| {
        config.max_total_bytes = 1 << 20;
        config.max_area = 1;
    })
    .await;
    server.slow.gate.open();
    let turned = "full/2100,2100/45/default.webp";
    match server.render(turned).await {
        Err(RenderError::TooLarge { needed, available }) => assert!(needed > available),
        other => panic!("{:?}", other.map(|rendered| rendered.bytes.len())),
    }
    // A low strip of all columns of full resolution is too much, one of the next level is not.
    let server = Server::start(|config| config.max_decoded_bytes = 2 << 20).await;
    server.slow.gate.open();
    let rendered = server.render("full/2100,100/0/default.jpg").await.unwrap();
    assert_eq!(Raster::from_jpeg(&rendered.bytes).width, 2100);
}
