//! The work on one result: bands come in from the store while those before them are decoded.

use std::sync::Arc;

use dlcs_core::derivative::RenderError;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::super::admission::Turn;
use super::super::cover::Cover;
use super::super::encode::EncodeOptions;
use super::super::error::PyramidError;
use super::super::index::ReadyIndex;
use super::super::reads::Reads;
use super::finish::{Finish, Look};
use super::patience::behind_others;
use super::strips::Strips;
use super::tiles::{Band, DecodedTiles, Tile, fetch};

/// What is to be made, and of what.
pub(super) struct Work {
    pub(super) index: Arc<ReadyIndex>,
    pub(super) cover: Cover,
    pub(super) look: Look,
    pub(super) bands: Vec<Band>,
    pub(super) options: EncodeOptions,
    pub(super) decoded: Arc<DecodedTiles>,
    /// Whether its tiles are worth remembering.
    pub(super) remembers: bool,
}

impl Work {
    /// Does it; the turn is held until it ends, also where nobody waits for it any more.
    pub(super) async fn run(
        self,
        from: Reads<'_>,
        turn: Turn,
    ) -> Result<(Vec<u8>, Turn), RenderError> {
        let (index, cover) = (Arc::clone(&self.index), self.cover);
        let (bands, decoded) = (self.bands.clone(), Arc::clone(&self.decoded));
        // One band waits while the one before it is decoded. Those that come after the first are read meanwhile.
        let (sender, mut receiver) = mpsc::channel(1);
        let reads = async move {
            for band in &bands {
                let tiles = fetch(from, &index, &cover, band, &decoded).await?;
                if sender.send(tiles).await.is_err() {
                    // The work has failed, and says so itself.
                    break;
                }
            }
            Ok::<_, RenderError>(())
        };
        let work = async move {
            let Some(first) = receiver.recv().await else {
                return Ok(None);
            };
            spawn_blocking(move || {
                let rest = std::iter::from_fn(move || receiver.blocking_recv());
                let tiles = std::iter::once(first).chain(rest);
                let bytes = if self.remembers {
                    self.make(tiles)?
                } else {
                    behind_others(|| self.make(tiles))?
                };
                Ok::<_, RenderError>(Some((bytes, turn)))
            })
            .await
            .map_err(PyramidError::Task)?
        };
        let (reads, work) = tokio::join!(reads, work);
        // What could not be read explains why the work ended early.
        reads?;
        work?.ok_or_else(|| PyramidError::NoTiles.into())
    }

    fn make(&self, bands: impl Iterator<Item = Vec<Tile>>) -> Result<Vec<u8>, RenderError> {
        let channels = self.index.channels();
        let mut strips = Strips::new(self.cover, channels, self.look.scaled());
        let mut finish = Finish::start(self.look.clone(), self.options.clone())?;
        let remember = self.remembers.then_some(&*self.decoded);
        let last_column = *self.cover.columns().end();
        let first_column = *self.cover.columns().start();
        for tile in bands.flatten() {
            let (column, row) = (tile.column(), tile.row());
            if column == first_column {
                strips.grow(row);
            }
            let pixels = tile.decode(&self.index, remember)?;
            strips.place(column, row, &pixels);
            if column == last_column {
                strips.emit(&mut |strip| finish.push(strip))?;
            }
        }
        if !strips.is_complete() {
            // Nobody waits for it any more, or a tile could not be read.
            return Err(PyramidError::NoTiles.into());
        }
        // What follows needs its memory.
        drop(strips);
        finish.finish()
    }
}
