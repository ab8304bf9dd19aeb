//! Pixels: the one way from a source to a derivative, and from a derivative to what is served.
//!
//! A derivative is a tiled pyramidal TIFF that any TIFF tool opens: JPEG tiles, levels that halve rounding up, all directories and tile
//! indexes first, so that one read of a known length gives everything a server must know.

mod admission;
mod build;
mod config;
mod cover;
mod cut;
mod encode;
mod error;
mod index;
mod jpeg;
mod level;
mod orientation;
mod pixels;
mod render;
mod resample;
mod sniff;
mod source;
mod spool;
mod tiff;
mod upright;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use dlcs_core::derivative::{
    DerivativeBody, DerivativeError, ImageProcessor, ProcessError, ProcessOptions, Processed,
    SourceFacts,
};
use dlcs_core::origin::OriginResponse;
use futures_util::StreamExt;
use tokio::sync::Semaphore;

use build::{BuildOptions, Built, StoredTiles, build};
pub use config::{PyramidProcessorConfig, PyramidRendererConfig};
use error::PyramidError;
pub use render::PyramidRenderer;
use source::{SourceLimits, open, recognise};
use spool::{SpooledSource, receive};
use upright::UprightRows;

/// Makes tiled pyramidal TIFFs from JPEG, PNG, WebP, GIF and TIFF sources.
#[derive(Debug, Clone)]
pub struct PyramidProcessor {
    config: Arc<PyramidProcessorConfig>,
    turns: Arc<Semaphore>,
}

impl PyramidProcessor {
    /// Makes a processor with these settings.
    #[must_use]
    pub fn new(config: PyramidProcessorConfig) -> Self {
        Self {
            turns: Arc::new(Semaphore::new(config.concurrency.get())),
            config: Arc::new(config),
        }
    }
}

impl Default for PyramidProcessor {
    fn default() -> Self {
        Self::new(PyramidProcessorConfig::default())
    }
}

#[async_trait]
impl ImageProcessor for PyramidProcessor {
    async fn process(
        &self,
        source: OriginResponse,
        _options: &ProcessOptions,
    ) -> Result<Processed, ProcessError> {
        let directory = self.config.spool_directory.as_deref();
        let source = receive(source, directory).await?;
        let turn = Arc::clone(&self.turns)
            .acquire_owned()
            .await
            .map_err(PyramidError::Closed)?;
        let config = Arc::clone(&self.config);
        tokio::task::spawn_blocking(move || {
            // Held until the work ends, also where nobody waits for it any more.
            let _turn = turn;
            process(&source, &config)
        })
        .await
        .map_err(PyramidError::Task)?
    }
}

fn process(
    source: &SpooledSource,
    config: &PyramidProcessorConfig,
) -> Result<Processed, ProcessError> {
    let format = recognise(&source.file)?;
    let limits = SourceLimits {
        max_side: config.max_side,
        max_pixels: config.max_pixels,
    };
    let opened = open(&source.file, format, &limits)?;
    let rows = UprightRows::start(opened)?;
    let Built {
        pyramid,
        head,
        length,
        checksum,
        tiles,
    } = build(
        rows,
        BuildOptions {
            tile: config.tile,
            quality: config.quality,
            threads: config.encode_threads,
            spool_directory: config.spool_directory.as_deref(),
        },
    )?;
    Ok(Processed {
        source: SourceFacts {
            media_type: format.media_type().to_owned(),
            size: source.size,
            checksum: source.checksum,
        },
        pyramid,
        index_length: head.len() as u64,
        length,
        checksum,
        body: body(head, tiles),
    })
}

/// The bytes of a derivative: its head, then its tiles, read off the reactor.
fn body(head: Bytes, tiles: StoredTiles) -> DerivativeBody {
    let failed = |error: PyramidError| DerivativeError::Body {
        source: Box::new(error),
    };
    let rest =
        futures_util::stream::try_unfold(tiles.into_pieces(), move |mut pieces| async move {
            let (piece, pieces) = tokio::task::spawn_blocking(move || (pieces.next(), pieces))
                .await
                .map_err(|error| failed(error.into()))?;
            let piece = piece.transpose().map_err(failed)?;
            Ok(piece.map(|piece| (piece, pieces)))
        });
    futures_util::stream::once(async { Ok(head) })
        .chain(rest)
        .boxed()
}
