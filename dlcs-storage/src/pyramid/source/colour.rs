//! The colour of what is stored: sRGB or its grey, 8 bits, with alpha where the source has it.

use super::{Alpha, ColourModel, Depth, Header};
use crate::pyramid::pixels::Channels;

/// Converts the rows of one source.
#[derive(Debug)]
pub(in super::super) struct Converter {
    header: Header,
    channels: Channels,
}

impl Converter {
    /// Prepares the conversion of the rows that a header announces.
    pub(in super::super) fn new(header: &Header) -> Self {
        let has_alpha = header.samples.alpha != Alpha::None;
        let channels = match (header.samples.model, has_alpha) {
            (ColourModel::Grey, false) => Channels::Grey,
            (ColourModel::Grey, true) => Channels::GreyAlpha,
            (_, false) => Channels::Rgb,
            (_, true) => Channels::Rgba,
        };
        Self {
            header: header.clone(),
            channels,
        }
    }

    /// What the rows become.
    pub(in super::super) const fn channels(&self) -> Channels {
        self.channels
    }

    /// Converts one row of [`Header::row_bytes`] bytes to one of `width * channels` bytes.
    pub(in super::super) fn convert(&mut self, source: &[u8], target: &mut [u8]) {
        match self.header.samples.depth {
            Depth::U8 => target.copy_from_slice(source),
            Depth::U16 => {
                for (target, sample) in target.iter_mut().zip(source.as_chunks::<2>().0) {
                    *target =
                        ((u32::from(u16::from_ne_bytes(*sample)) * 255 + 32_767) / 65_535) as u8;
                }
            }
            Depth::F32 => {
                for (target, sample) in target.iter_mut().zip(source.as_chunks::<4>().0) {
                    // Not a number becomes 0.
                    *target = (f32::from_ne_bytes(*sample).clamp(0.0, 1.0) * 255.0).round() as u8;
                }
            }
        }
    }
}
