//! Streams of a derivative that lie in a spool file, in the order in which they were made.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use bytes::Bytes;

use super::error::PyramidError;
use super::spool::{SpooledFile, spool_file};

/// How many bytes are read at once.
const CHUNK: u64 = 1 << 20;

/// Where a stream lies in the spool file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Spooled {
    pub(super) start: u64,
    pub(super) length: u32,
}

/// Takes streams in any order.
#[derive(Debug)]
pub(super) struct StreamSpool {
    file: BufWriter<File>,
    end: u64,
}

impl StreamSpool {
    pub(super) fn new(directory: Option<&Path>) -> Result<Self, PyramidError> {
        Ok(Self {
            file: BufWriter::with_capacity(1 << 18, spool_file(directory)?),
            end: 0,
        })
    }

    pub(super) fn write(&mut self, stream: &[u8]) -> Result<Spooled, PyramidError> {
        let length =
            u32::try_from(stream.len()).map_err(|error| PyramidError::Encode(error.into()))?;
        self.file.write_all(stream).map_err(PyramidError::Spool)?;
        let start = self.end;
        self.end += u64::from(length);
        Ok(Spooled { start, length })
    }

    /// Ends writing, and says in which order the streams will be read.
    pub(super) fn finish(
        self,
        order: impl Iterator<Item = Spooled>,
    ) -> Result<OrderedStreams, PyramidError> {
        let file = self
            .file
            .into_inner()
            .map_err(|error| PyramidError::Spool(error.into_error()))?;
        let mut stretches: Vec<Stretch> = Vec::new();
        for stream in order {
            let length = u64::from(stream.length);
            match stretches.last_mut() {
                Some(last) if last.start + last.length == stream.start => last.length += length,
                _ => stretches.push(Stretch {
                    start: stream.start,
                    length,
                }),
            }
        }
        Ok(OrderedStreams {
            file: SpooledFile::new(file)?,
            stretches,
        })
    }
}

#[derive(Debug, Clone, Copy)]
struct Stretch {
    start: u64,
    length: u64,
}

/// Streams in the order of the derivative.
#[derive(Debug)]
pub(super) struct OrderedStreams {
    file: SpooledFile,
    stretches: Vec<Stretch>,
}

impl OrderedStreams {
    /// The bytes of a whole file, which has them in order.
    pub(super) fn of_file(file: SpooledFile) -> Self {
        let whole = Stretch {
            start: 0,
            length: file.length(),
        };
        Self {
            file,
            stretches: vec![whole],
        }
    }

    /// Everything, piece by piece of about a mebibyte.
    pub(super) fn pieces(&self) -> Pieces<&Self> {
        Pieces {
            streams: self,
            stretch: 0,
            done: 0,
        }
    }

    /// The same, for keeping.
    pub(super) const fn into_pieces(self) -> Pieces<Self> {
        Pieces {
            streams: self,
            stretch: 0,
            done: 0,
        }
    }
}

/// Reads streams in order.
#[derive(Debug)]
pub(super) struct Pieces<S> {
    streams: S,
    stretch: usize,
    /// Bytes of that stretch that have been read.
    done: u64,
}

impl<S: std::borrow::Borrow<OrderedStreams>> Iterator for Pieces<S> {
    type Item = Result<Bytes, PyramidError>;

    fn next(&mut self) -> Option<Self::Item> {
        let streams = self.streams.borrow();
        let mut piece = Vec::new();
        // Tiles of one level lie scattered among those of others: many short stretches make one piece.
        while (piece.len() as u64) < CHUNK
            && let Some(Stretch { start, length }) = streams.stretches.get(self.stretch)
        {
            let now = (length - self.done).min(CHUNK - piece.len() as u64);
            let offset = piece.len();
            piece.resize(offset + now as usize, 0);
            if let Err(error) = streams
                .file
                .read_into(start + self.done, &mut piece[offset..])
            {
                return Some(Err(error));
            }
            self.done += now;
            if self.done == *length {
                (self.stretch, self.done) = (self.stretch + 1, 0);
            }
        }
        (!piece.is_empty()).then(|| Ok(piece.into()))
    }
}
