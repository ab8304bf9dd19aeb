//! From one spooled source to its derivative.

use std::sync::Arc;

use dlcs_core::derivative::{ProcessError, ProcessOptions};
use dlcs_core::iiif::{Pyramid, TileSize};
use dlcs_core::policy::{ImageOptimisationPolicy, TileCoding};

use super::PyramidProcessorConfig;
use super::build::{BuildError, BuildOptions, Built, FullResolution, build};
use super::cut::{Cut, Cutter};
use super::kept::keep;
use super::sniff::SourceFormat;
use super::source::tiff::original::{Original, OriginalPyramid, original};
use super::source::{Nature, Source, SourceLimits, open, recognise};
use super::spool::SpooledSource;
use super::upright::{UprightRows, held_bytes};

/// One source, and what is to be made of it.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) config: Arc<PyramidProcessorConfig>,
    pub(super) source: Arc<SpooledSource>,
    pub(super) options: ProcessOptions,
}

/// What became of a job.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) format: SourceFormat,
    pub(super) built: Built,
}

impl Job {
    /// The bytes that the job will hold at once beyond what every job holds; found from the header alone.
    pub(super) fn needed_bytes(&self) -> Result<u64, ProcessError> {
        let header = self.open()?.header;
        Ok(header.held_bytes.saturating_add(held_bytes(&header)))
    }

    /// Makes the derivative.
    pub(super) fn make(&self) -> Result<Made, ProcessError> {
        let mut source = self.open()?;
        let format = source.format;
        if let Some(original) = self.original(&source)? {
            if let Some(built) = self.keep(source, &original)? {
                return Ok(Made { format, built });
            }
            tracing::debug!("a TIFF is not kept as it is: a tile of it is damaged");
            source = self.open()?;
        }
        let full = self.full_resolution(format)?;
        let coding = match (source.header.nature, self.options.policy, &full) {
            (Nature::Flat, ..) => TileCoding::Lossless,
            // What is made smaller is no more without loss.
            (_, ImageOptimisationPolicy::Lossless, FullResolution::Cut(_)) => {
                ImageOptimisationPolicy::FastHigher.coding()
            }
            (_, policy, _) => policy.coding(),
        };
        let built = match self.build(source, full, coding) {
            // Nearly always seen in the first rows; images whose alpha says nothing are the common ones.
            Err(BuildError::Transparent) => {
                self.build(self.open()?, FullResolution::Encode, TileCoding::Lossless)
            }
            built => built,
        };
        match built {
            Ok(built) => Ok(Made { format, built }),
            Err(BuildError::Process(error)) => Err(error),
            Err(BuildError::Transparent) => unreachable!("lossless tiles keep their alpha"),
        }
    }

    /// The pyramid that a TIFF source already is, where that is wanted.
    fn original(&self, source: &Source) -> Result<Option<OriginalPyramid>, ProcessError> {
        if !self.options.use_original || source.format != SourceFormat::Tiff {
            return Ok(None);
        }
        match original(&self.source.file, &source.header) {
            Ok(Original::Pyramid(pyramid)) => Ok(Some(pyramid)),
            Ok(Original::Other(reason)) => {
                tracing::debug!(reason, "a TIFF is not kept as it is");
                Ok(None)
            }
            Err(error @ (ProcessError::Spool { .. } | ProcessError::Backend { .. })) => Err(error),
            // Its first image may be sound all the same.
            Err(error) => {
                tracing::debug!(%error, "a TIFF is not kept as it is");
                Ok(None)
            }
        }
    }

    fn keep(
        &self,
        source: Source,
        original: &OriginalPyramid,
    ) -> Result<Option<Built>, ProcessError> {
        let rows = UprightRows::start(source, self.config.spool_directory.as_deref())?;
        keep(
            rows,
            original,
            &self.source.file,
            &self.options.thumbnails,
            self.options.policy.coding(),
        )
    }

    /// Whether the tiles of full resolution are cut: where no loss is wanted, and the source allows it.
    fn full_resolution(&self, format: SourceFormat) -> Result<FullResolution, ProcessError> {
        let is_wanted =
            self.options.use_original || self.options.policy == ImageOptimisationPolicy::Lossless;
        if !is_wanted || format != SourceFormat::Jpeg {
            return Ok(FullResolution::Encode);
        }
        match Cutter::open(&self.source.file, self.tile())? {
            Cut::Cutter(cutter) => Ok(FullResolution::Cut(cutter)),
            Cut::Impossible(reason) => {
                tracing::debug!(reason, "the tiles of a JPEG are not cut");
                Ok(FullResolution::Encode)
            }
        }
    }

    fn tile(&self) -> TileSize {
        self.config.tile.unwrap_or(self.options.policy.tile())
    }

    fn open(&self) -> Result<Source, ProcessError> {
        let format = recognise(&self.source.file)?;
        let limits = SourceLimits {
            max_side: self.config.max_side,
            max_pixels: self.config.max_pixels,
        };
        open(&self.source.file, format, &limits)
    }

    fn build(
        &self,
        source: Source,
        full: FullResolution,
        coding: TileCoding,
    ) -> Result<Built, BuildError> {
        let rows = UprightRows::start(source, self.config.spool_directory.as_deref())?;
        let pyramid = Pyramid {
            dimensions: rows.dimensions(),
            tile: self.tile(),
        };
        build(
            rows,
            full,
            BuildOptions {
                source: &self.source.file,
                pyramid,
                coding,
                thumbnails: &self.options.thumbnails,
                threads: self.config.encode_threads.get(),
                spool_directory: self.config.spool_directory.as_deref(),
                max_classic_bytes: self.config.max_classic_bytes,
            },
        )
    }
}
