//! Pixels: the one way from a source to a derivative, and from a derivative to what is served.
//!
//! A derivative is a tiled pyramidal TIFF that any TIFF tool opens: JPEG tiles, levels that halve rounding up, all directories and tile
//! indexes first, so that one read of a known length gives everything a server must know.

mod admission;
mod budget;
mod build;
mod config;
mod cover;
mod cut;
mod encode;
mod encoders;
mod error;
mod exact;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzz;
mod index;
mod job;
mod jpeg;
mod kept;
mod level;
mod orientation;
mod pixels;
mod reads;
mod render;
mod resample;
mod sniff;
mod source;
mod spool;
mod spooled;
mod thumbnail;
mod tiff;
mod tile;
mod turned;
mod upright;

pub(crate) use self::render::step_back;

use std::sync::Arc;

use async_trait::async_trait;
use dlcs_core::derivative::{
    DerivativeBody, DerivativeError, ImageProcessor, ProcessError, ProcessOptions, Processed,
    SourceFacts,
};
use dlcs_core::origin::OriginResponse;
use futures_util::StreamExt;

use budget::DecodeBudget;
use build::Built;
pub use config::{PyramidProcessorConfig, PyramidRendererConfig};
use error::PyramidError;
use job::Job;
pub use render::PyramidRenderer;
use sniff::{SourceFormat, sniff};
use spool::receive;

/// Makes tiled pyramidal TIFFs from sources of many formats.
///
/// JPEG, JPEG 2000, PNG, WebP, GIF, BMP and TIFF; AVIF, HEIC and the first page of a PDF each behind a feature.
#[derive(Debug, Clone)]
pub struct PyramidProcessor {
    config: Arc<PyramidProcessorConfig>,
    budget: DecodeBudget,
}

impl PyramidProcessor {
    /// Makes a processor with these settings.
    #[must_use]
    pub fn new(config: PyramidProcessorConfig) -> Self {
        Self {
            budget: DecodeBudget::new(config.concurrency, config.decode_budget),
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
        options: &ProcessOptions,
    ) -> Result<Processed, ProcessError> {
        let directory = self.config.spool_directory.as_deref();
        let spooled = Arc::new(receive(source, directory).await?);
        // Decoding goes on in another thread when its caller goes away: as far as the next read of the source, or the next row. What a library
        // decodes as a whole is decoded to its end.
        let abandon = spooled.file.abandon();
        let job = Job {
            config: Arc::clone(&self.config),
            source: Arc::clone(&spooled),
            options: options.clone(),
        };
        let (job, needed) =
            blocking(move || job.needed_bytes().map(|needed| (job, needed))).await??;
        let turn = self
            .budget
            .turn_within(self.config.max_wait, needed)
            .await?;
        let made = blocking(move || {
            // Held until the work ends, also where nobody waits for it any more.
            let _turn = turn;
            job.make()
        })
        .await??;
        abandon.keep();
        Ok(Processed {
            source: SourceFacts {
                media_type: made.format.media_type().to_owned(),
                size: spooled.size,
                checksum: spooled.checksum,
            },
            derivative: made.built.facts.clone(),
            body: body(made.built),
        })
    }

    fn recognise(&self, start: &[u8]) -> Option<&'static str> {
        sniff(start).ok().map(SourceFormat::media_type)
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, PyramidError> {
    Ok(tokio::task::spawn_blocking(work).await?)
}

/// The bytes of a derivative: its head, its streams, read off the reactor, and its tail.
fn body(
    Built {
        head,
        streams,
        tail,
        ..
    }: Built,
) -> DerivativeBody {
    let failed = |error: PyramidError| DerivativeError::Body {
        source: Box::new(error),
    };
    let rest =
        futures_util::stream::try_unfold(streams.into_pieces(), move |mut pieces| async move {
            let (piece, pieces) = blocking(move || (pieces.next(), pieces))
                .await
                .map_err(failed)?;
            let piece = piece.transpose().map_err(failed)?;
            Ok(piece.map(|piece| (piece, pieces)))
        });
    futures_util::stream::once(async { Ok(head) })
        .chain(rest)
        .chain(futures_util::stream::once(async { Ok(tail) }))
        .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_here_is_recognised_by_its_start() {
        let processor = PyramidProcessor::default();
        for (start, expected) in [
            (&b"\x89PNG\r\n\x1A\n"[..], Some("image/png")),
            (b"<html>", None),
            (b"", None),
        ] {
            assert_eq!(processor.recognise(start), expected, "{start:?}");
        }
    }
}
