//! From rows to a derivative: levels, tiles and thumbnails in a spool file, and the head that finds them.

use std::path::Path;

use bytes::Bytes;
use dlcs_core::derivative::{Checksum, DerivativeFacts, ProcessError};
use dlcs_core::iiif::{Dimensions, Pyramid};
use dlcs_core::policy::{ChromaSampling, TileCoding};
use dlcs_core::setting::ThumbnailSize;

use super::cut::Cutter;
use super::encoders::{Encoders, Hands, TileJob, on_threads};
use super::error::PyramidError;
use super::level::{LevelBuilder, Strip};
use super::pixels::Channels;
use super::spool::SpooledFile;
use super::spooled::{OrderedStreams, Spooled, StreamSpool};
use super::thumbnail::{ThumbnailMaker, Thumbnails, thumbnail_sizes};
use super::tiff::{Coding, LevelOutline, Outline, Samples, lay_out};
use super::tile::{encode_edge, encode_tile};
use super::upright::UprightRows;
use crate::lock::Lock;

/// How thumbnails are coded where tiles are not JPEG.
pub(super) const THUMBNAIL_CODING: TileCoding = TileCoding::Jpeg {
    quality: 90,
    sampling: ChromaSampling::Quarter,
};

/// What to build, and with what.
#[derive(Debug, Clone, Copy)]
pub(super) struct BuildOptions<'a> {
    /// Says when nobody waits for the derivative any more.
    pub(super) source: &'a SpooledFile,
    pub(super) pyramid: Pyramid,
    pub(super) coding: TileCoding,
    /// How large thumbnails are.
    pub(super) thumbnails: &'a [ThumbnailSize],
    /// How many threads work on it, the calling one included.
    pub(super) threads: usize,
    pub(super) spool_directory: Option<&'a Path>,
    /// The longest classic TIFF.
    pub(super) max_classic_bytes: u32,
}

/// Where the tiles of full resolution come from.
#[derive(Debug)]
pub(super) enum FullResolution {
    /// They are made of pixels as those of the other levels.
    Encode,
    /// They are cut out of the source without loss.
    Cut(Box<Cutter>),
}

/// A derivative that lies in pieces: its head in memory, its streams in a file.
#[derive(Debug)]
pub(super) struct Built {
    pub(super) facts: DerivativeFacts,
    pub(super) head: Bytes,
    pub(super) streams: OrderedStreams,
    /// What comes after the streams.
    pub(super) tail: Bytes,
}

/// Why a derivative was not built.
#[derive(Debug)]
pub(super) enum BuildError {
    /// A pixel is not opaque, and the coding of the tiles cannot say so.
    Transparent,
    /// The source or the machine failed.
    Process(ProcessError),
}

impl From<ProcessError> for BuildError {
    fn from(error: ProcessError) -> Self {
        Self::Process(error)
    }
}

impl From<PyramidError> for BuildError {
    fn from(error: PyramidError) -> Self {
        Self::Process(error.into())
    }
}

/// Builds the derivative of an upright image as its rows arrive.
pub(super) fn build(
    mut rows: UprightRows,
    full: FullResolution,
    options: BuildOptions<'_>,
) -> Result<Built, BuildError> {
    let pyramid = options.pyramid;
    let channels = match options.coding {
        TileCoding::Jpeg { .. } => rows.channels().without_alpha(),
        TileCoding::Lossless => rows.channels(),
    };
    let mut sizes = thumbnail_sizes(pyramid.dimensions, options.thumbnails);
    if let TileCoding::Jpeg { .. } = options.coding {
        // What one tile of the pyramid holds alone can be sent as it is, and needs no thumbnail.
        sizes.retain(|size| !single_tiles(pyramid).any(|single| single == *size));
    }
    let mut thumbnails = ThumbnailMaker::new(pyramid, channels, sizes);
    let mut levels = LevelBuilder::new(pyramid, channels);
    let (cutter, cut) = match full {
        FullResolution::Cut(cutter) if cutter.channels() == channels => {
            let (tables, sampling) = (cutter.tables().to_vec(), cutter.sampling());
            (Some(cutter), Some(Coding::Jpeg { tables, sampling }))
        }
        _ => (None, None),
    };
    let is_cut = cut.is_some();
    let writer = TileWriter::new(options, cut)?;
    let height = pyramid.dimensions.height();
    let work = |encoders: &Hands<'_, TileWriter<'_>>| {
        let mut row = vec![0; pyramid.dimensions.width() as usize * rows.channels().count()];
        for _ in 0..height {
            options.source.check()?;
            rows.next_row(&mut row)?;
            let row = opaque(&mut row, rows.channels(), channels)?;
            levels.push_row(row, &mut |strip: &mut Strip<'_>| {
                if let Some(thumbnails) = &mut thumbnails {
                    thumbnails.see(strip);
                }
                if is_cut && strip.level.exponent == 0 {
                    return Ok(());
                }
                encoders.encode(strip)
            })?;
        }
        rows.finish()?;
        Ok::<_, BuildError>(())
    };
    std::thread::scope(|scope| -> Result<(), BuildError> {
        let cutting = cutter.map(|cutter| scope.spawn(|| writer.cut(*cutter)));
        on_threads(&writer, options.threads, work)?;
        match cutting.map(std::thread::ScopedJoinHandle::join) {
            None => Ok(()),
            Some(Ok(result)) => Ok(result?),
            Some(Err(panic)) => std::panic::resume_unwind(panic),
        }
    })?;
    let thumbnails = match thumbnails {
        Some(maker) => maker.finish(match options.coding {
            TileCoding::Jpeg { .. } => options.coding,
            TileCoding::Lossless => THUMBNAIL_CODING,
        })?,
        None => Thumbnails::default(),
    };
    Ok(writer.finish(channels, thumbnails)?)
}

/// Takes the alpha out of a row where it is not wanted and says nothing.
fn opaque(row: &mut [u8], has: Channels, wants: Channels) -> Result<&[u8], BuildError> {
    if has == wants {
        return Ok(row);
    }
    let opaque = match has {
        Channels::GreyAlpha => without_alpha::<2, 1>(row),
        _ => without_alpha::<4, 3>(row),
    };
    opaque.ok_or(BuildError::Transparent)
}

/// Moves the colours together within the row; `None` where a pixel is not opaque.
fn without_alpha<const N: usize, const COLOURS: usize>(row: &mut [u8]) -> Option<&[u8]> {
    let pixels = row.len() / N;
    let is_opaque = row
        .as_chunks::<N>()
        .0
        .iter()
        .fold(255, |least, pixel| least & pixel[COLOURS])
        == 255;
    if !is_opaque {
        return None;
    }
    for pixel in 1..pixels {
        row.copy_within(pixel * N..pixel * N + COLOURS, pixel * COLOURS);
    }
    Some(&row[..pixels * COLOURS])
}

/// Writes the tiles of all levels; from any number of threads.
pub(super) struct TileWriter<'a> {
    options: BuildOptions<'a>,
    /// How the tiles of full resolution are coded, where they are cut.
    cut: Option<Coding>,
    written: Lock<Written>,
}

/// What has been written.
struct Written {
    spool: StreamSpool,
    /// The tables of JPEG tiles; the same for all of them.
    tables: Vec<u8>,
    /// The tiles of each level, full resolution first.
    levels: Vec<Vec<Spooled>>,
}

impl<'a> TileWriter<'a> {
    fn new(options: BuildOptions<'a>, cut: Option<Coding>) -> Result<Self, PyramidError> {
        let levels = options
            .pyramid
            .levels()
            .map(|level| vec![Spooled::default(); level.columns as usize * level.rows as usize])
            .collect();
        Ok(Self {
            options,
            cut,
            written: Lock::new(Written {
                spool: StreamSpool::new(options.spool_directory)?,
                tables: Vec::new(),
                levels,
            }),
        })
    }

    /// Cuts and writes the tiles of full resolution.
    fn cut(&self, mut cutter: Cutter) -> Result<(), ProcessError> {
        let level = self
            .options
            .pyramid
            .level(0)
            .expect("every pyramid has a level");
        for row in 0..level.rows {
            for (column, tile) in (0..level.columns).zip(cutter.next_row()?) {
                let place = row as usize * level.columns as usize + column as usize;
                let mut written = self.written.lock();
                written.levels[0][place] = written.spool.write(&tile)?;
            }
        }
        Ok(())
    }

    fn finish(self, channels: Channels, thumbnails: Thumbnails) -> Result<Built, PyramidError> {
        let pyramid = self.options.pyramid;
        let Written {
            mut spool,
            tables,
            levels,
        } = self.written.into_inner();
        let coding = coding(self.options.coding, channels, tables);
        let mut spooled_thumbnails = Vec::new();
        for (size, stream) in &thumbnails.streams {
            spooled_thumbnails.push((*size, spool.write(stream)?));
        }
        let outline = Outline {
            pyramid,
            channels,
            levels: levels
                .iter()
                .enumerate()
                .map(|(exponent, level)| LevelOutline {
                    coding: match &self.cut {
                        Some(cut) if exponent == 0 => cut.clone(),
                        _ => coding.clone(),
                    },
                    tiles: level.iter().map(|tile| tile.length).collect(),
                })
                .collect(),
            thumbnails: spooled_thumbnails
                .iter()
                .map(|(size, stream)| (*size, stream.length))
                .collect(),
            thumbnail_tables: thumbnails.tables,
            has_exact: matches!(self.options.coding, TileCoding::Jpeg { .. }),
        };
        let laid_out = lay_out(&outline, self.options.max_classic_bytes);
        let order = spooled_thumbnails
            .iter()
            .map(|(_, stream)| stream)
            .chain(levels.iter().rev().flatten())
            .copied();
        let streams = spool.finish(order)?;
        let mut hash = blake3::Hasher::new();
        hash.update(&laid_out.head);
        for piece in streams.pieces() {
            hash.update(&piece?);
        }
        let facts = DerivativeFacts {
            thumbnails: thumbnail_sizes(pyramid.dimensions, self.options.thumbnails),
            thumbnail_bytes: outline
                .thumbnails
                .iter()
                .map(|(_, length)| u64::from(*length))
                .sum(),
            ..DerivativeFacts::new(
                pyramid,
                0..laid_out.head.len() as u64,
                laid_out.length,
                Checksum(*hash.finalize().as_bytes()),
            )
        };
        Ok(Built {
            facts,
            head: laid_out.head.into(),
            streams,
            tail: Bytes::new(),
        })
    }
}

impl Encoders for TileWriter<'_> {
    fn encode(&self, job: &TileJob) -> Result<(), PyramidError> {
        let (level, column, row) = (job.level, job.column, job.row);
        let size = self.options.pyramid.tile;
        let tile = if (job.tile.width, job.tile.height) == (size.get(), size.get()) {
            encode_tile(&job.tile, self.options.coding)?
        } else {
            encode_edge(&job.tile, size, self.options.coding)?
        };
        let place = row as usize * level.columns as usize + column as usize;
        let mut written = self.written.lock();
        written.levels[level.exponent as usize][place] = written.spool.write(&tile.stream)?;
        written.tables = tile.tables;
        Ok(())
    }
}

fn coding(coding: TileCoding, channels: Channels, tables: Vec<u8>) -> Coding {
    match (coding, channels) {
        (TileCoding::Lossless, _) => Coding::Deflate(Samples::Differences),
        (
            TileCoding::Jpeg {
                sampling: ChromaSampling::Quarter,
                ..
            },
            Channels::Rgb,
        ) => Coding::Jpeg {
            tables,
            sampling: (2, 2),
        },
        (TileCoding::Jpeg { .. }, _) => Coding::Jpeg {
            tables,
            sampling: (1, 1),
        },
    }
}

/// The sizes of the whole image that a level of one tile has.
fn single_tiles(pyramid: Pyramid) -> impl Iterator<Item = Dimensions> {
    pyramid
        .levels()
        .filter(|level| level.columns * level.rows == 1)
        .map(|level| level.dimensions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alpha_that_says_nothing_is_left_out() {
        let mut row = [1, 2, 3, 255, 4, 5, 6, 255];
        let left = opaque(&mut row, Channels::Rgba, Channels::Rgb).unwrap();
        assert_eq!(left, [1, 2, 3, 4, 5, 6]);
        let mut row = [1, 255, 2, 254];
        let left = opaque(&mut row, Channels::GreyAlpha, Channels::Grey);
        assert!(matches!(left, Err(BuildError::Transparent)));
    }
}
