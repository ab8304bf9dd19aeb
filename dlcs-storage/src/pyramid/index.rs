//! The index of a stored derivative, and reading its streams.

use std::sync::Arc;

use bytes::Bytes;
use dlcs_core::derivative::{DerivativeKey, DerivativeStore, RenderError};
use dlcs_core::iiif::Level;
use dlcs_core::image::ImageService;
use quick_cache::Weighter;
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use super::error::damaged;
use super::jpeg;
use super::pixels::{Channels, Pixels};
use super::tiff::{Index, TilePlace, read_head};

/// An index that has been checked, with what makes its tiles whole.
pub(super) struct ReadyIndex {
    index: Index,
    /// Of each level: what comes before its tiles.
    prefixes: Vec<Vec<u8>>,
}

impl ReadyIndex {
    pub(super) fn read(head: &[u8], service: &ImageService) -> Result<Self, RenderError> {
        let index = read_head(head).map_err(damaged)?;
        if index.pyramid != service.derivative.pyramid {
            return Err(damaged("its size is not the one that was recorded"));
        }
        let inside = |tile: &TilePlace| {
            tile.length > 2
                && tile.offset >= service.derivative.index.end
                && tile.end() <= service.derivative.length
        };
        if !index
            .levels
            .iter()
            .all(|level| level.tiles.iter().all(inside))
        {
            return Err(damaged("a tile lies outside of it"));
        }
        let prefixes = index
            .levels
            .iter()
            .map(|level| jpeg::prefix(&level.tables))
            .collect::<Option<_>>()
            .ok_or_else(|| damaged("the tables of a level are none"))?;
        Ok(Self { index, prefixes })
    }

    pub(super) const fn channels(&self) -> Channels {
        self.index.channels
    }

    /// Where a tile of a level lies.
    pub(super) fn place(&self, level: Level, column: u32, row: u32) -> Result<TilePlace, RenderError> {
        let position = u64::from(row) * u64::from(level.columns) + u64::from(column);
        self.index
            .levels
            .get(level.exponent as usize)
            .and_then(|index| index.tiles.get(usize::try_from(position).ok()?))
            .copied()
            .ok_or_else(|| damaged("a tile is missing"))
    }

    /// A stored tile as a whole stream: the tables of its level, and its own bytes.
    pub(super) async fn stored_tile(
        &self,
        store: &dyn DerivativeStore,
        key: &DerivativeKey,
        level: u32,
        column: u32,
        row: u32,
    ) -> Result<Bytes, RenderError> {
        let prefix = &self.prefixes[level as usize];
        let level = self
            .index
            .pyramid
            .level(level)
            .ok_or_else(|| damaged("a level is missing"))?;
        let place = self.place(level, column, row)?;
        let stream = read_exactly(store, key, place.offset, place.end()).await?;
        jpeg::splice(prefix, &stream)
            .map(Bytes::from)
            .ok_or_else(|| damaged("a tile is no JPEG"))
    }

    /// Decodes the stream of one tile of a level.
    pub(super) fn decode(&self, level: Level, stream: &[u8]) -> Result<Pixels, RenderError> {
        let prefix = &self.prefixes[level.exponent as usize];
        let stream = jpeg::splice(prefix, stream).ok_or_else(|| damaged("a tile is no JPEG"))?;
        decode_tile(stream, self.index.pyramid.tile.get(), self.channels())
    }

    /// An estimate of its bytes in memory.
    fn weight(&self) -> u64 {
        let tiles: usize = self
            .index
            .levels
            .iter()
            .map(|level| level.tiles.len())
            .sum();
        let tables: usize = self.prefixes.iter().map(|prefix| 2 * prefix.len()).sum();
        (tiles * size_of::<TilePlace>() + tables + 512) as u64
    }
}

/// Reads bytes that must all be there.
pub(super) async fn read_exactly(
    store: &dyn DerivativeStore,
    key: &DerivativeKey,
    start: u64,
    end: u64,
) -> Result<Bytes, RenderError> {
    let bytes = store.get_range(key, start..end).await?;
    if bytes.len() as u64 == end - start {
        Ok(bytes)
    } else {
        Err(damaged("it ends early"))
    }
}

fn decode_tile(stream: Vec<u8>, side: u32, channels: Channels) -> Result<Pixels, RenderError> {
    let colours = match channels {
        Channels::Grey => ColorSpace::Luma,
        _ => ColorSpace::RGB,
    };
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .jpeg_set_out_colorspace(colours);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(stream), options);
    let mut tile = Pixels::blank(side, side, channels);
    decoder
        .decode_headers()
        .map_err(|error| damaged(error.to_string()))?;
    let size = decoder
        .info()
        .map(|info| (u32::from(info.width), u32::from(info.height)));
    if size != Some((side, side)) || decoder.output_buffer_size() != Some(tile.data.len()) {
        return Err(damaged("a tile has the wrong size"));
    }
    decoder
        .decode_into(&mut tile.data)
        .map_err(|error| damaged(error.to_string()))?;
    Ok(tile)
}

/// Weighs cached indexes by their bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct IndexWeight;

impl Weighter<DerivativeKey, Arc<ReadyIndex>> for IndexWeight {
    fn weight(&self, _key: &DerivativeKey, index: &Arc<ReadyIndex>) -> u64 {
        index.weight()
    }
}
