//! Rows of a source as they are stored: upright, in the colours of the derivative.

use std::path::Path;

use dlcs_core::derivative::ProcessError;
use dlcs_core::iiif::Dimensions;
use image::metadata::Orientation;

use super::orientation;
use super::pixels::{Channels, Pixels};
use super::source::colour::Converter;
use super::source::{Header, Rows, Source};
use super::turned::{self, TurnedRows, Turner};

/// What is larger than this is turned in a file, and not in memory.
const TURNED_IN_MEMORY: u64 = 64 << 20;

/// The rows of an upright image.
///
/// They come as they are read where the source is upright or only mirrored; otherwise the source has been read whole, into memory where it is
/// small and into a spool file where it is not.
pub(super) struct UprightRows {
    dimensions: Dimensions,
    channels: Channels,
    state: State,
}

enum State {
    Streaming {
        rows: Box<dyn Rows>,
        converter: Converter,
        /// One row as the source has it.
        native: Vec<u8>,
        mirrored: bool,
    },
    Turned {
        pixels: Pixels,
        next: usize,
    },
    Spooled(TurnedRows),
}

/// The bytes that turning a source upright holds at once.
pub(super) fn held_bytes(header: &Header) -> u64 {
    if streams(header.orientation) {
        return 0;
    }
    let bytes = upright_bytes(header);
    if bytes > TURNED_IN_MEMORY {
        let channels = Converter::channels_of(header.samples).count() as u64;
        let [row, column] = [header.width, header.height].map(|side| u64::from(side) * channels);
        turned::held_bytes(row, row.max(column))
    } else {
        // The image as it lies and as it will stand.
        2 * bytes
    }
}

/// The bytes of the whole image as it is stored.
fn upright_bytes(header: &Header) -> u64 {
    let channels = Converter::channels_of(header.samples).count() as u64;
    u64::from(header.width) * u64::from(header.height) * channels
}

const fn streams(orientation: Orientation) -> bool {
    matches!(
        orientation,
        Orientation::NoTransforms | Orientation::FlipHorizontal
    )
}

impl UprightRows {
    /// Starts to decode a source; what it is turned in lies in a directory, or that of the system.
    pub(super) fn start(source: Source, directory: Option<&Path>) -> Result<Self, ProcessError> {
        let header = source.header.clone();
        let converter = Converter::new(&header);
        let channels = converter.channels();
        let native = vec![0; header.row_bytes()];
        let rows = source.start()?;
        let state = State::Streaming {
            rows,
            converter,
            native,
            mirrored: header.orientation == Orientation::FlipHorizontal,
        };
        let streaming = Self {
            dimensions: Dimensions::new(header.width, header.height)
                .expect("a source with a header has pixels"),
            channels,
            state,
        };
        if streams(header.orientation) {
            Ok(streaming)
        } else if upright_bytes(&header) > TURNED_IN_MEMORY {
            streaming.spooled(header.orientation, directory)
        } else {
            streaming.turned(header.orientation)
        }
    }

    /// Reads everything into a file and turns it there.
    fn spooled(
        mut self,
        orientation: Orientation,
        directory: Option<&Path>,
    ) -> Result<Self, ProcessError> {
        let (width, height) = (self.dimensions.width(), self.dimensions.height());
        let mut turner = Turner::new(width, self.channels, orientation, directory)?;
        let mut row = vec![0; width as usize * self.channels.count()];
        for _ in 0..height {
            self.next_row(&mut row)?;
            turner.push(&row)?;
        }
        self.finish()?;
        let rows = turner.finish()?;
        let (width, height) = rows.size();
        Ok(Self {
            dimensions: Dimensions::new(width, height).expect("turning makes no pixel disappear"),
            channels: self.channels,
            state: State::Spooled(rows),
        })
    }

    /// Reads everything and turns it.
    fn turned(mut self, orientation: Orientation) -> Result<Self, ProcessError> {
        let (width, height) = (self.dimensions.width(), self.dimensions.height());
        let mut pixels = Pixels::blank(width, height, self.channels);
        let stride = pixels.stride();
        for row in pixels.data.chunks_exact_mut(stride) {
            self.next_row(row)?;
        }
        self.finish()?;
        drop(self.state);
        let pixels = orientation::apply(pixels, orientation);
        Ok(Self {
            dimensions: Dimensions::new(pixels.width, pixels.height)
                .expect("turning makes no pixel disappear"),
            channels: self.channels,
            state: State::Turned { pixels, next: 0 },
        })
    }

    pub(super) const fn dimensions(&self) -> Dimensions {
        self.dimensions
    }

    pub(super) const fn channels(&self) -> Channels {
        self.channels
    }

    /// Fills one row of `width * channels` bytes with the next one.
    pub(super) fn next_row(&mut self, row: &mut [u8]) -> Result<(), ProcessError> {
        match &mut self.state {
            State::Streaming {
                rows,
                converter,
                native,
                mirrored,
            } => {
                rows.next_row(native)?;
                converter.convert(native, row);
                if *mirrored {
                    mirror(row, self.channels);
                }
            }
            State::Turned { pixels, next } => {
                let stride = pixels.stride();
                row.copy_from_slice(&pixels.data[*next * stride..(*next + 1) * stride]);
                *next += 1;
            }
            State::Spooled(rows) => rows.next_row(row)?,
        }
        Ok(())
    }

    /// Checks that nothing was missing, after the last row.
    pub(super) fn finish(&mut self) -> Result<(), ProcessError> {
        match &mut self.state {
            State::Streaming { rows, .. } => rows.finish(),
            State::Turned { .. } | State::Spooled(_) => Ok(()),
        }
    }
}

fn mirror(row: &mut [u8], channels: Channels) {
    match channels {
        Channels::Grey => row.reverse(),
        Channels::GreyAlpha => row.as_chunks_mut::<2>().0.reverse(),
        Channels::Rgb => row.as_chunks_mut::<3>().0.reverse(),
        Channels::Rgba => row.as_chunks_mut::<4>().0.reverse(),
    }
}
