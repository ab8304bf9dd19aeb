//! Reading and decoding the tiles of a region: each read once, neighbours together, and decoded once while it is remembered.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use dlcs_core::derivative::{DerivativeKey, RenderError};
use futures_util::future::try_join_all;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::super::cover::Cover;
use super::super::index::ReadyIndex;
use super::super::pixels::Pixels;
use super::super::reads::Reads;
use super::super::tiff::Place;

/// Bytes of streams that are read before the first of them is decoded, unless a row of tiles has more.
const BAND: u64 = 4 << 20;

/// Tiles that are no further apart than this are read together: a request costs more than reading past so much.
const GAP: u64 = 64 << 10;

/// Names a tile.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct TileName {
    key: DerivativeKey,
    level: u32,
    column: u32,
    row: u32,
}

/// Weighs decoded tiles by their bytes.
#[derive(Debug, Clone, Copy)]
struct TileWeight;

impl Weighter<TileName, Arc<Pixels>> for TileWeight {
    fn weight(&self, _name: &TileName, tile: &Arc<Pixels>) -> u64 {
        tile.data.len() as u64 + 256
    }
}

/// Decoded tiles that are remembered.
pub(super) struct DecodedTiles {
    tiles: Cache<TileName, Arc<Pixels>, TileWeight>,
}

impl DecodedTiles {
    /// Remembers at most this many bytes.
    pub(super) fn new(bytes: u64) -> Self {
        let typical = (bytes >> 20).clamp(1, 1 << 16) as usize;
        Self {
            tiles: Cache::with_weighter(typical, bytes, TileWeight),
        }
    }
}

/// One tile, as it is found.
pub(super) struct Tile {
    name: TileName,
    found: Found,
}

enum Found {
    Decoded(Arc<Pixels>),
    Stream(Bytes),
}

impl Tile {
    pub(super) const fn column(&self) -> u32 {
        self.name.column
    }

    pub(super) const fn row(&self) -> u32 {
        self.name.row
    }

    /// Its pixels; remembered where there is a place for them.
    pub(super) fn decode(
        self,
        index: &ReadyIndex,
        remember: Option<&DecodedTiles>,
    ) -> Result<Arc<Pixels>, RenderError> {
        match self.found {
            Found::Decoded(tile) => Ok(tile),
            Found::Stream(stream) => {
                let tile = Arc::new(index.decode(self.name.level, self.name.row, &stream)?);
                if let Some(decoded) = remember {
                    decoded.tiles.insert(self.name, Arc::clone(&tile));
                }
                Ok(tile)
            }
        }
    }
}

/// Rows of tiles that are read together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Band {
    /// The rows.
    rows: Range<u32>,
    /// Bytes of their streams.
    pub(super) bytes: u64,
}

#[cfg(test)]
impl Band {
    pub(super) const fn of(rows: Range<u32>, bytes: u64) -> Self {
        Self { rows, bytes }
    }
}

/// Divides the tiles of a region into bands, from top to bottom.
pub(super) fn bands(index: &ReadyIndex, cover: &Cover) -> Result<Vec<Band>, RenderError> {
    let mut bands: Vec<Band> = Vec::new();
    for row in cover.rows() {
        let mut bytes = 0;
        for column in cover.columns() {
            bytes += u64::from(index.tile(cover.level.exponent, column, row)?.length);
        }
        match bands.last_mut() {
            Some(band) if band.bytes + bytes <= BAND => {
                band.bytes += bytes;
                band.rows.end = row + 1;
            }
            _ => bands.push(Band {
                rows: row..row + 1,
                bytes,
            }),
        }
    }
    Ok(bands)
}

/// Finds the tiles of a band, row by row: those that are not remembered are read.
pub(super) async fn fetch(
    from: Reads<'_>,
    index: &ReadyIndex,
    cover: &Cover,
    band: &Band,
    decoded: &DecodedTiles,
) -> Result<Vec<Tile>, RenderError> {
    let level = cover.level.exponent;
    let mut tiles = Vec::new();
    let mut missing = Vec::new();
    for (column, row) in band
        .rows
        .clone()
        .flat_map(|row| cover.columns().map(move |column| (column, row)))
    {
        let name = TileName {
            key: from.key().clone(),
            level,
            column,
            row,
        };
        let found = if let Some(tile) = decoded.tiles.get(&name) {
            Found::Decoded(tile)
        } else {
            missing.push((tiles.len(), index.tile(level, column, row)?));
            Found::Stream(Bytes::new())
        };
        tiles.push(Tile { name, found });
    }
    let runs = runs(missing);
    let reads = runs.iter().map(|run| from.read(run.start..run.end));
    for (bytes, run) in try_join_all(reads).await?.iter().zip(&runs) {
        for (number, place) in &run.tiles {
            let part = (place.offset - run.start) as usize..(place.end() - run.start) as usize;
            tiles[*number].found = Found::Stream(bytes.slice(part));
        }
    }
    Ok(tiles)
}

/// Tiles that are read together, and where they lie.
#[derive(Debug)]
struct Run {
    start: u64,
    end: u64,
    tiles: Vec<(usize, Place)>,
}

fn runs(mut tiles: Vec<(usize, Place)>) -> Vec<Run> {
    tiles.sort_by_key(|(_, place)| place.offset);
    let mut runs: Vec<Run> = Vec::new();
    for (number, place) in tiles {
        match runs.last_mut() {
            Some(run) if place.offset <= run.end.saturating_add(GAP) => {
                run.end = run.end.max(place.end());
                run.tiles.push((number, place));
            }
            _ => runs.push(Run {
                start: place.offset,
                end: place.end(),
                tiles: vec![(number, place)],
            }),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_that_are_near_each_other_are_read_together() {
        let place = |offset, length| Place { offset, length };
        let found: Vec<_> = runs(vec![
            (0, place(1000, 500)),
            (1, place(1500, 100)),
            (2, place(1600 + GAP, 10)),
            (3, place(1611 + 2 * GAP, 10)),
            (4, place(10, 20)),
        ])
        .into_iter()
        .map(|run| {
            let numbers: Vec<_> = run.tiles.iter().map(|(number, _)| *number).collect();
            (run.start..run.end, numbers)
        })
        .collect();
        assert_eq!(
            found,
            [
                (10..1610 + GAP, vec![4, 0, 1, 2]),
                (1611 + 2 * GAP..1621 + 2 * GAP, vec![3])
            ]
        );
    }
}
