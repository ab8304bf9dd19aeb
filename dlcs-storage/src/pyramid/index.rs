//! The index of a stored derivative, and reading its streams.

use std::sync::Arc;

use bytes::Bytes;
use dlcs_core::derivative::{DerivativeKey, RenderError};
use dlcs_core::iiif::{Dimensions, Level, Plan, ResolvedRequest, Stored, StoredLevel, plan};
use dlcs_core::image::ImageService;
use quick_cache::Weighter;

use super::error::damaged;
use super::exact::{self, exact_size};
use super::jpeg;
use super::pixels::{Channels, Pixels};
use super::reads::Reads;
use super::tiff::{Coding, Index, LevelIndex, Place, read_head};
use super::tile::{decode_jpeg, inflate, plain};

/// An index that has been checked, with what makes its streams whole.
pub(super) struct ReadyIndex {
    index: Index,
    levels: Vec<StoredLevel>,
    thumbnails: Vec<Dimensions>,
    /// Of each level: what comes before its streams; nothing where they are no JPEG.
    prefixes: Vec<Vec<u8>>,
    thumbnail_prefix: Vec<u8>,
}

impl ReadyIndex {
    /// Reads and checks the bytes of [`DerivativeFacts::index`](dlcs_core::derivative::DerivativeFacts::index).
    pub(super) fn read(head: &[u8], service: &ImageService) -> Result<Self, RenderError> {
        let facts = &service.derivative;
        let index = read_head(head, facts.index.start).map_err(damaged)?;
        if index.pyramid != facts.pyramid {
            return Err(damaged("its size is not the one that was recorded"));
        }
        let inside = |place: &Place| {
            let is_apart = place.offset >= facts.index.end || place.end() <= facts.index.start;
            place.length > 2 && is_apart && place.end() <= facts.length
        };
        let places = index
            .levels
            .iter()
            .flat_map(|level| &level.tiles)
            .chain(index.thumbnails.iter().map(|thumbnail| &thumbnail.place));
        if !places.into_iter().all(inside) {
            return Err(damaged("a stream lies outside of it"));
        }
        Self::of(index)
    }

    /// Makes what is needed to read the streams of an index.
    pub(super) fn of(index: Index) -> Result<Self, RenderError> {
        let no_tables = || damaged("the tables of a level are none");
        let prefixes = index
            .levels
            .iter()
            .map(|level| match &level.coding {
                Coding::Jpeg { tables, .. } => jpeg::prefix(tables),
                _ => Some(Vec::new()),
            })
            .collect::<Option<_>>()
            .ok_or_else(no_tables)?;
        let thumbnail_prefix = if index.thumbnails.is_empty() {
            Vec::new()
        } else {
            jpeg::prefix(&index.thumbnail_tables).ok_or_else(no_tables)?
        };
        Ok(Self {
            levels: index
                .levels
                .iter()
                .map(|level| stored_level(level, index.has_exact))
                .collect(),
            thumbnails: index
                .thumbnails
                .iter()
                .map(|thumbnail| thumbnail.dimensions)
                .collect(),
            prefixes,
            thumbnail_prefix,
            index,
        })
    }

    pub(super) const fn channels(&self) -> Channels {
        self.index.channels
    }

    /// Bytes of the samples of one tile.
    pub(super) const fn tile_bytes(&self) -> u64 {
        let side = self.index.pyramid.tile.get() as u64;
        side * side * self.channels().count() as u64
    }

    /// Finds out how to answer a request.
    pub(super) fn plan(&self, request: &ResolvedRequest) -> Plan {
        let stored = Stored {
            pyramid: self.index.pyramid,
            is_grey: self.index.channels == Channels::Grey,
            levels: &self.levels,
            thumbnails: &self.thumbnails,
        };
        plan(&stored, request)
    }

    /// The levels that are stored, full resolution first.
    pub(super) fn levels(&self) -> impl ExactSizeIterator<Item = Level> {
        self.levels.iter().map(|stored| stored.level)
    }

    fn level(&self, exponent: u32) -> Result<&LevelIndex, RenderError> {
        self.index
            .levels
            .get(exponent as usize)
            .ok_or_else(|| damaged("a level is missing"))
    }

    /// Where a tile of a level lies.
    pub(super) fn tile(&self, exponent: u32, column: u32, row: u32) -> Result<Place, RenderError> {
        let level = self.level(exponent)?;
        let place = u64::from(row) * u64::from(level.level.columns) + u64::from(column);
        find(&level.tiles, usize::try_from(place).ok())
    }

    /// A stored stream as a whole JPEG: its tables, and its own bytes.
    pub(super) async fn stored(&self, reads: Reads<'_>, plan: Plan) -> Result<Bytes, RenderError> {
        let (prefix, place) = match plan {
            Plan::StoredTile { level, column, row } => (
                &self.prefixes[level as usize],
                self.tile(level, column, row)?,
            ),
            Plan::StoredEdge { level, column, row } => {
                let place = self.tile(level, column, row)?;
                let padded = reads.read(place.offset..place.end()).await?;
                let size = self.level(level)?.level;
                let size = exact_size(size, self.index.pyramid.tile.get(), column, row);
                let exact = exact::take(&self.prefixes[level as usize], &padded, size);
                return exact
                    .map(Bytes::from)
                    .ok_or_else(|| damaged("a tile does not hold its exact one"));
            }
            Plan::Thumbnail { place } => (
                &self.thumbnail_prefix,
                self.index
                    .thumbnails
                    .get(place)
                    .map(|thumbnail| thumbnail.place)
                    .ok_or_else(missing)?,
            ),
            Plan::Render { .. } => return Err(damaged("it holds no such stream")),
        };
        // The first two bytes of the stream are those of the prefix, which the rest is read behind: nothing is copied twice.
        reads
            .read_after(place.offset + 2..place.end(), prefix)
            .await
    }

    /// A tile of JPEG as a whole stream.
    pub(super) fn whole(&self, exponent: u32, stream: &[u8]) -> Result<Vec<u8>, RenderError> {
        let prefix = self.prefixes.get(exponent as usize).ok_or_else(missing)?;
        jpeg::splice(prefix, stream).ok_or_else(|| damaged("a tile is no JPEG"))
    }

    /// Decodes one stored tile; of its padding nothing is promised.
    pub(super) fn decode(
        &self,
        exponent: u32,
        row: u32,
        stream: &[u8],
    ) -> Result<Pixels, RenderError> {
        let side = self.index.pyramid.tile.get();
        let level = self.level(exponent)?;
        let below = u64::from(row) * u64::from(side);
        let left = u64::from(level.level.dimensions.height()).saturating_sub(below);
        let shown = left.min(side.into()) as u32;
        match level.coding {
            Coding::Jpeg { .. } => {
                decode_jpeg(self.whole(exponent, stream)?, side, self.channels())
            }
            Coding::Deflate(samples) => inflate(stream, samples, side, shown, self.channels()),
            Coding::Plain => plain(stream, side, shown, self.channels()),
        }
    }

    /// An estimate of its bytes in memory.
    fn weight(&self) -> u64 {
        let places: usize = self
            .index
            .levels
            .iter()
            .map(|level| level.tiles.len())
            .sum();
        let tables: usize = self.prefixes.iter().map(|prefix| 2 * prefix.len()).sum();
        (places * size_of::<Place>() + tables + 2048) as u64
    }
}

fn stored_level(level: &LevelIndex, has_exact: bool) -> StoredLevel {
    let is_jpeg = matches!(level.coding, Coding::Jpeg { .. });
    StoredLevel {
        level: level.level,
        is_jpeg,
        has_edges: is_jpeg && has_exact,
    }
}

fn find(places: &[Place], place: Option<usize>) -> Result<Place, RenderError> {
    place
        .and_then(|place| places.get(place))
        .copied()
        .ok_or_else(missing)
}

fn missing() -> RenderError {
    damaged("a tile is missing")
}

/// Weighs cached indexes by their bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct IndexWeight;

impl Weighter<DerivativeKey, Arc<ReadyIndex>> for IndexWeight {
    fn weight(&self, _key: &DerivativeKey, index: &Arc<ReadyIndex>) -> u64 {
        index.weight()
    }
}
