//! From a derivative and a request to the bytes of a response.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use dlcs_core::derivative::{DerivativeKey, DerivativeStore, ImageRenderer, RenderError, Rendered};
use dlcs_core::iiif::{Format, FormatSet, Plan, ResolvedRequest};
use dlcs_core::image::ImageService;
use quick_cache::sync::Cache;

use super::PyramidRendererConfig;
use super::admission::{Admission, Cost};
use super::cover::Cover;
use super::encode::{encode_jpeg, encode_png};
use super::error::PyramidError;
use super::index::{IndexWeight, ReadyIndex};
use super::resample::{reduce, resize, turn};

/// Answers image requests from tiled pyramidal TIFFs.
#[derive(Clone)]
pub struct PyramidRenderer {
    config: Arc<PyramidRendererConfig>,
    indexes: Arc<Cache<DerivativeKey, Arc<ReadyIndex>, IndexWeight>>,
    admission: Arc<Admission>,
}

impl PyramidRenderer {
    /// Makes a renderer with these settings.
    #[must_use]
    pub fn new(config: PyramidRendererConfig) -> Self {
        Self {
            // A typical index is a few KiB; the weight is what bounds the cache.
            indexes: Arc::new(Cache::with_weighter(
                1024,
                config.index_cache_bytes,
                IndexWeight,
            )),
            admission: Arc::new(Admission::new(&config)),
            config: Arc::new(config),
        }
    }

    async fn index(
        &self,
        store: &dyn DerivativeStore,
        key: &DerivativeKey,
        service: &ImageService,
    ) -> Result<Arc<ReadyIndex>, RenderError> {
        if let Some(index) = self.indexes.get(key) {
            return Ok(index);
        }
        let head = store
            .get_range(key, service.derivative.index.clone())
            .await?;
        let index = Arc::new(ReadyIndex::read(&head, service)?);
        self.indexes.insert(key.clone(), Arc::clone(&index));
        Ok(index)
    }
}

impl Default for PyramidRenderer {
    fn default() -> Self {
        Self::new(PyramidRendererConfig::default())
    }
}

impl fmt::Debug for PyramidRenderer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PyramidRenderer")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl ImageRenderer for PyramidRenderer {
    async fn render(
        &self,
        store: &dyn DerivativeStore,
        key: &DerivativeKey,
        service: &ImageService,
        request: &ResolvedRequest,
    ) -> Result<Rendered, RenderError> {
        let index = self.index(store, key, service).await?;
        let plan = index.plan(request);
        if let Some(bytes) = index.stored(store, key, plan).await? {
            return Ok(Rendered {
                format: Format::Jpg,
                bytes,
            });
        }
        let level = match plan {
            Plan::Render { level } => level,
            _ => 0,
        };
        let cover = index.cover(request, level, self.config.max_decoded_bytes);
        let turn = self
            .admission
            .turn(Cost::of(&cover, index.channels(), request))
            .await?;
        let tiles = index.fetch(store, key, &cover).await?;
        let (request, quality) = (request.clone(), self.config.quality);
        tokio::task::spawn_blocking(move || {
            // Held until the work ends, also where nobody waits for it any more.
            let _turn = turn;
            render(&index, &cover, &tiles, &request, quality)
        })
        .await
        .map_err(PyramidError::Task)?
    }
}

fn render(
    index: &ReadyIndex,
    cover: &Cover,
    tiles: &[Bytes],
    request: &ResolvedRequest,
    quality: u8,
) -> Result<Rendered, RenderError> {
    let composed = index.compose(cover, tiles)?;
    let scaled = resize(composed, cover.crop, request.size)?;
    let turned = turn(
        reduce(scaled, request.quality),
        request.mirror,
        request.rotation,
    );
    let bytes = match request.format {
        Format::Png => encode_png(&turned)?,
        _ => encode_jpeg(&turned, quality)?,
    };
    Ok(Rendered {
        format: match request.format {
            Format::Png => Format::Png,
            _ => Format::Jpg,
        },
        bytes: bytes.into(),
    })
}
