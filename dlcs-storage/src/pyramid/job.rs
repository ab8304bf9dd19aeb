//! From one spooled source to its derivative.

use std::sync::Arc;

use dlcs_core::derivative::{ProcessError, ProcessOptions};
use dlcs_core::iiif::Pyramid;
use dlcs_core::policy::TileCoding;

use super::PyramidProcessorConfig;
use super::build::{BuildError, BuildOptions, Built, build};
use super::sniff::SourceFormat;
use super::source::{Source, SourceLimits, open, recognise};
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
        let source = self.open()?;
        let format = source.format;
        let coding = self.options.policy.coding();
        let built = match self.build(source, coding) {
            Ok(built) => built,
            // Nearly always seen in the first rows; images whose alpha says nothing are the common ones.
            Err(BuildError::Transparent) => match self.build(self.open()?, TileCoding::Lossless) {
                Ok(built) => built,
                Err(BuildError::Process(error)) => return Err(error),
                Err(BuildError::Transparent) => unreachable!("lossless tiles keep their alpha"),
            },
            Err(BuildError::Process(error)) => return Err(error),
        };
        Ok(Made { format, built })
    }

    fn open(&self) -> Result<Source, ProcessError> {
        let format = recognise(&self.source.file)?;
        let limits = SourceLimits {
            max_side: self.config.max_side,
            max_pixels: self.config.max_pixels,
        };
        open(&self.source.file, format, &limits)
    }

    fn build(&self, source: Source, coding: TileCoding) -> Result<Built, BuildError> {
        let rows = UprightRows::start(source)?;
        let pyramid = Pyramid {
            dimensions: rows.dimensions(),
            tile: self.config.tile.unwrap_or(self.options.policy.tile()),
        };
        build(
            rows,
            BuildOptions {
                pyramid,
                coding,
                thumbnails: &self.options.thumbnails,
                threads: self.config.encode_threads.get(),
                spool_directory: self.config.spool_directory.as_deref(),
            },
        )
    }
}
