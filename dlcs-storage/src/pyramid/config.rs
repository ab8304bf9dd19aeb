//! Settings of the processor and of the renderer.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use dlcs_core::iiif::TileSize;

/// How derivatives are made.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PyramidProcessorConfig {
    /// Where sources and tiles wait until they are used; `None`: the temporary directory of the system.
    pub spool_directory: Option<PathBuf>,
    /// The longest side of a source in pixels.
    pub max_side: u32,
    /// The largest source in pixels.
    pub max_pixels: u64,
    /// The most bytes that one decoded source may take.
    pub max_decoded_bytes: u64,
    /// How many sources are decoded at once.
    pub concurrency: NonZeroUsize,
    /// How many threads encode the tiles of one source.
    pub encode_threads: NonZeroUsize,
    /// The size of the tiles.
    pub tile: TileSize,
    /// The JPEG quality of the tiles, 1 to 100.
    pub quality: u8,
}

impl Default for PyramidProcessorConfig {
    /// One source at a time for every two processors, two threads each, tiles of 512 pixels at quality 85.
    fn default() -> Self {
        let processors = processors();
        let threads = NonZeroUsize::MIN.saturating_add(1).min(processors);
        Self {
            spool_directory: None,
            max_side: 65_500,
            max_pixels: 2_000_000_000,
            max_decoded_bytes: 2 << 30,
            concurrency: NonZeroUsize::new(processors.get() / 2).unwrap_or(NonZeroUsize::MIN),
            encode_threads: threads,
            tile: TileSize::default(),
            quality: 85,
        }
    }
}

/// How requests are rendered.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PyramidRendererConfig {
    /// How many requests are rendered at once.
    pub concurrency: NonZeroUsize,
    /// How many more may wait for their turn before others are turned away.
    pub waiting: usize,
    /// The most bytes that the decoded region of one request may take, before a smaller level is used.
    pub max_decoded_bytes: u64,
    /// The most bytes of parsed indexes that are kept.
    pub index_cache_bytes: u64,
    /// The JPEG quality of what is rendered, 1 to 100.
    pub quality: u8,
}

impl Default for PyramidRendererConfig {
    /// One request for every processor, 256 waiting, 1 GiB each, 64 MiB of indexes, quality 85.
    fn default() -> Self {
        Self {
            concurrency: processors(),
            waiting: 256,
            max_decoded_bytes: 1 << 30,
            index_cache_bytes: 64 << 20,
            quality: 85,
        }
    }
}

fn processors() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}
