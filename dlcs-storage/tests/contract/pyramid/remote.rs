//! How often a store in S3 is asked for what is rendered: counted at the server.

use bytes::Bytes;
use dlcs_core::derivative::{DerivativeKey, DerivativeStore, ImageRenderer};
use dlcs_core::iiif::{GrammarVersion, ImageRequest, Limits};
use dlcs_core::queue::{Generation, LeaseToken};
use dlcs_storage::derivative::s3::S3Derivatives;
use dlcs_storage::pyramid::{PyramidRenderer, PyramidRendererConfig};
use futures_util::future::join_all;
use futures_util::{StreamExt, stream};

use super::support::{Raster, Ready, process};
use crate::derivative_s3::store;
use crate::s3_server::S3Server;

/// Full resolution, in the middle and at the right edge; from another level; the whole image; rendered.
const TILE: &str = "512,512,512,512/512,512/0/default.jpg";
const NEXT: &str = "1024,512,512,512/512,512/0/default.jpg";
const EDGE: &str = "2048,0,52,512/52,512/0/default.jpg";
const SMALL: &str = "full/263,/0/default.jpg";
const RENDERED: &str = "512,512,512,512/512,512/0/default.png";

struct Setting {
    server: S3Server,
    store: S3Derivatives,
    ready: Ready,
    renderer: PyramidRenderer,
}

impl Setting {
    async fn of(raster: &Raster, set: impl FnOnce(&mut PyramidRendererConfig)) -> Self {
        let ready = process(raster.to_png()).await.unwrap();
        let server = S3Server::start().await;
        let store = store(&server);
        let mut config = PyramidRendererConfig::default();
        set(&mut config);
        let setting = Self {
            server,
            store,
            ready,
            renderer: PyramidRenderer::new(config),
        };
        setting.put(&key(1)).await;
        setting
    }

    async fn new() -> Self {
        Self::of(&Raster::photograph(2100, 2100, 1), |_| {}).await
    }

    async fn put(&self, key: &DerivativeKey) {
        let bytes = self.ready.bytes.clone();
        let body = stream::once(async { Ok(bytes) }).boxed();
        self.store.put(key, body).await.unwrap();
        self.server.take_requests();
    }

    async fn render_of(&self, key: &DerivativeKey, path: &str) -> Bytes {
        let parts: Vec<&str> = path.split('/').collect();
        let service = &self.ready.service;
        let request =
            ImageRequest::parse(GrammarVersion::V3, parts[0], parts[1], parts[2], parts[3])
                .unwrap()
                .resolve(service.dimensions(), &Limits::default())
                .unwrap();
        let rendered = self.renderer.render(&self.store, key, service, &request);
        rendered.await.unwrap().bytes
    }

    /// How many requests a result takes, every one of them a read of a range; the result is that of a store on this machine.
    async fn costs(&self, path: &str) -> usize {
        let bytes = self.render_of(&key(1), path).await;
        let expected = self.ready.render(path).await.unwrap().bytes;
        assert_eq!(bytes, expected, "{path}");
        let requests = self.server.take_requests();
        assert!(
            requests.iter().all(|request| request.starts_with("GET ")),
            "{requests:?}"
        );
        requests.len()
    }
}

fn key(token: u64) -> DerivativeKey {
    let image = "1/2/x".parse().unwrap();
    DerivativeKey::pyramid(&image, Generation::new(1), LeaseToken::new(token))
}

#[tokio::test]
async fn a_cold_tile_takes_two_requests_a_warm_one_and_a_hot_none() {
    let setting = Setting::new().await;
    assert_eq!(setting.costs(TILE).await, 2, "cold");
    assert_eq!(setting.costs(NEXT).await, 1, "warm");
    assert_eq!(setting.costs(EDGE).await, 1, "warm");
    for path in [TILE, NEXT, EDGE] {
        assert_eq!(setting.costs(path).await, 0, "hot: {path}");
    }
    assert_eq!(setting.costs(RENDERED).await, 1, "rendered");
    assert_eq!(setting.costs(RENDERED).await, 0, "rendered again");
}

#[tokio::test]
async fn small_levels_and_thumbnails_come_with_the_index() {
    let setting = Setting::new().await;
    assert_eq!(setting.costs(SMALL).await, 1, "cold");
    let facts = &setting.ready.service.derivative;
    assert!(!facts.thumbnails.is_empty(), "{facts:?}");
    for size in &facts.thumbnails {
        let path = format!("full/{},{}/0/default.jpg", size.width(), size.height());
        assert_eq!(setting.costs(&path).await, 0, "{path}");
    }
    // A small derivative is read whole.
    let setting = Setting::of(&Raster::photograph(600, 300, 1), |_| {}).await;
    assert_eq!(setting.costs("0,0,512,300/512,300/0/default.jpg").await, 1);
    assert_eq!(setting.costs("512,0,88,300/88,300/0/default.jpg").await, 0);
    assert_eq!(setting.costs("full/350,/90/gray.png").await, 0);
}

#[tokio::test]
async fn those_who_ask_at_the_same_time_ask_once() {
    let setting = Setting::new().await;
    let key = key(1);
    let all = join_all((0..20).map(|_| setting.render_of(&key, TILE))).await;
    assert!(all.iter().all(|bytes| *bytes == all[0]));
    assert_eq!(setting.server.take_requests().len(), 2);
}

#[tokio::test]
async fn what_is_kept_is_bounded() {
    let tile = Setting::new().await.render_of(&key(1), TILE).await.len() as u64;
    let setting = Setting::of(&Raster::photograph(2100, 2100, 1), |config| {
        // Each result may take an eighth: so there is room for ten, at most.
        config.result_cache_bytes = 10 * tile;
        config.ahead_cache_bytes = 0;
    })
    .await;
    let tiles: Vec<_> = (0..16)
        .map(|n| {
            let (x, y) = (n % 4 * 512, n / 4 * 512);
            format!("{x},{y},512,512/512,512/0/default.jpg")
        })
        .collect();
    for path in &tiles {
        setting.costs(path).await;
    }
    let mut again = 0;
    for path in &tiles {
        again += setting.costs(path).await;
    }
    assert!(again >= 6, "only {again} were asked for again");
    let setting = Setting::of(&Raster::photograph(2100, 2100, 1), |config| {
        config.result_cache_bytes = 0;
        config.ahead_cache_bytes = 0;
    })
    .await;
    for expected in [2, 1, 1] {
        assert_eq!(setting.costs(TILE).await, expected);
    }
}

#[tokio::test]
async fn another_version_of_an_image_is_never_taken_for_it() {
    let setting = Setting::new().await;
    setting.costs(TILE).await;
    setting.put(&key(2)).await;
    setting.store.delete(&key(1)).await.unwrap();
    setting.server.take_requests();
    setting.render_of(&key(2), TILE).await;
    let requests = setting.server.take_requests();
    assert_eq!(requests.len(), 2);
    let name = key(2).path();
    assert!(
        requests.iter().all(|request| request.contains(&name)),
        "{requests:?}"
    );
}
