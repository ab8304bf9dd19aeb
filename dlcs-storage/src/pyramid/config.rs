//! Settings of the processor and of the renderer.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use dlcs_core::iiif::{Limits, TileSize};

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
    /// The most bytes that sources which cannot be decoded by rows may hold in memory, all of them together; one that needs more is refused.
    pub decode_budget: u64,
    /// How many sources are decoded at once.
    pub concurrency: NonZeroUsize,
    /// How long a source may wait for that before it is [put off](dlcs_core::derivative::ProcessError::Busy): shorter than an attempt at an image
    /// may take, which would have to answer for others otherwise.
    pub max_wait: Duration,
    /// How many threads work on one source: they decode it and encode its tiles.
    pub encode_threads: NonZeroUsize,
    /// The size of the tiles; `None`: what the policy of the image says.
    pub tile: Option<TileSize>,
    /// The longest derivative that is a classic TIFF, in bytes; what is longer is a BigTIFF, which can always be read here and not by every
    /// program. More than the default is impossible.
    pub max_classic_bytes: u32,
}

impl Default for PyramidProcessorConfig {
    /// One source at a time for every two processors, two threads each, 2 GiB of memory for those that are decoded whole,
    /// ten minutes to wait, a `BigTIFF` from 4 GiB on.
    fn default() -> Self {
        let processors = processors();
        let threads = NonZeroUsize::MIN.saturating_add(1).min(processors);
        Self {
            spool_directory: None,
            max_side: 65_500,
            max_pixels: 2_000_000_000,
            decode_budget: 2 << 30,
            concurrency: NonZeroUsize::new(processors.get() / 2).unwrap_or(NonZeroUsize::MIN),
            max_wait: Duration::from_secs(600),
            encode_threads: threads,
            tile: None,
            max_classic_bytes: u32::MAX,
        }
    }
}

/// How requests are rendered.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PyramidRendererConfig {
    /// Where an encoder that must have a file makes it; `None`: the temporary directory of the system.
    pub spool_directory: Option<PathBuf>,
    /// How many large requests are rendered at once.
    pub concurrency: NonZeroUsize,
    /// How many small requests are rendered at once: they decode and return at most 4 megapixels, and never wait for
    /// large ones.
    pub small_concurrency: NonZeroUsize,
    /// How many more of each kind may wait for their turn before others are turned away.
    pub waiting: usize,
    /// How long a request may wait for its turn before it is turned away.
    pub max_wait: Duration,
    /// The most bytes that all large requests may take together, results that are still being sent included. What takes more alone is made from
    /// a smaller level; where that does not help, it waits until it has all of them to itself.
    pub max_total_bytes: u64,
    /// The largest area in pixels that is asked for: that of [`Limits`] in the settings of the service. What the costliest result of it takes is
    /// let in, alone; what takes more is refused.
    pub max_area: u64,
    /// The most bytes that the results of small requests may take together while they are being sent, those of less than 256 KiB left out.
    pub max_unsent_bytes: u64,
    /// The most bytes that the decoded region of one request may have, before a smaller level is used.
    pub max_decoded_bytes: u64,
    /// The most bytes of parsed indexes that are kept.
    pub index_cache_bytes: u64,
    /// The most bytes of decoded tiles that are kept, for the next request nearby; 0: none.
    pub tile_cache_bytes: u64,
    /// The most bytes of results that are kept, each of them at most an eighth of this; 0: none. Stored tiles are among them where the store
    /// is remote.
    pub result_cache_bytes: u64,
    /// The most bytes that are kept of what came with the indexes of a remote store
    /// ([`is_remote`](dlcs_core::derivative::DerivativeStore::is_remote)): up to 512 KiB for each image that is being looked at; 0: none.
    pub ahead_cache_bytes: u64,
    /// The JPEG quality of what is rendered, 1 to 100.
    pub quality: u8,
    /// The WebP quality of what is rendered, 1 to 100.
    pub webp_quality: u8,
}

impl Default for PyramidRendererConfig {
    /// One large and one small request for every processor, 256 of each waiting for at most 10 seconds, 384 MiB for all large ones together,
    /// [`Limits::LARGEST_AREA`] as the largest area, 128 MiB for the results of small ones that are being sent, 1 GiB of pixels decoded for
    /// each, 64 MiB each of indexes, decoded tiles and results, 16 MiB of what came with indexes, quality 85 for JPEG and 80 for WebP.
    fn default() -> Self {
        Self {
            spool_directory: None,
            concurrency: processors(),
            small_concurrency: processors(),
            waiting: 256,
            max_wait: Duration::from_secs(10),
            max_total_bytes: 384 << 20,
            max_area: Limits::LARGEST_AREA,
            max_unsent_bytes: 128 << 20,
            max_decoded_bytes: 1 << 30,
            index_cache_bytes: 64 << 20,
            tile_cache_bytes: 64 << 20,
            result_cache_bytes: 64 << 20,
            ahead_cache_bytes: 16 << 20,
            quality: 85,
            webp_quality: 80,
        }
    }
}

fn processors() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}
