//! Differences between neighbours, taken before the compression. [TIFF 6.0, section 14; Adobe's technical note 3]

use dlcs_core::derivative::ProcessError;

use super::ifd::ByteOrder;
use super::image::Number;
use super::{bad, unread};

/// What was taken from the samples of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Predictor {
    None,
    /// From each sample the one of the pixel before it; samples have this many bytes.
    Horizontal(u8),
    /// Floats of this many bytes, byte by byte: highest bytes first, then from each byte the one before it.
    Float(u8),
}

impl Predictor {
    pub(super) fn new(predictor: u64, written: Number) -> Result<Self, ProcessError> {
        match (predictor, written) {
            (0 | 1, _) => Ok(Self::None),
            (2, number) if matches!(number.bits(), 8 | 16 | 32 | 64) => {
                Ok(Self::Horizontal(number.bits() / 8))
            }
            (3, Number::Float(bits)) => Ok(Self::Float(bits / 8)),
            (2 | 3, number) => Err(unread(format!(
                "its samples of {} bits were replaced by differences",
                number.bits()
            ))),
            _ => Err(bad("its samples were changed in a way that nobody knows")),
        }
    }

    /// Undoes it for one row of pixels with this many samples; `spare` is used as it likes.
    pub(super) fn undo(
        self,
        row: &mut [u8],
        samples: usize,
        order: ByteOrder,
        spare: &mut Vec<u8>,
    ) {
        match self {
            Self::None => {}
            Self::Horizontal(1) => add_bytes(row, samples),
            Self::Horizontal(2) => add(row, samples, |a, b| {
                let sum = order.u16(a).wrapping_add(order.u16(b));
                match order {
                    ByteOrder::Little => sum.to_le_bytes(),
                    ByteOrder::Big => sum.to_be_bytes(),
                }
            }),
            Self::Horizontal(4) => add(row, samples, |a, b| {
                let sum = order.u32(a).wrapping_add(order.u32(b));
                match order {
                    ByteOrder::Little => sum.to_le_bytes(),
                    ByteOrder::Big => sum.to_be_bytes(),
                }
            }),
            Self::Horizontal(_) => add(row, samples, |a, b| {
                let sum = order.u64(a).wrapping_add(order.u64(b));
                match order {
                    ByteOrder::Little => sum.to_le_bytes(),
                    ByteOrder::Big => sum.to_be_bytes(),
                }
            }),
            Self::Float(size) => {
                add_bytes(row, samples);
                spare.clear();
                spare.extend_from_slice(row);
                let size = usize::from(size);
                let count = row.len() / size;
                for (index, value) in row.chunks_exact_mut(size).enumerate() {
                    for (place, byte) in value.iter_mut().enumerate() {
                        let rank = match order {
                            ByteOrder::Little => size - 1 - place,
                            ByteOrder::Big => place,
                        };
                        *byte = spare[rank * count + index];
                    }
                }
            }
        }
    }
}

fn add_bytes(row: &mut [u8], distance: usize) {
    // The usual distances as constants, so that what is carried stays in registers.
    match distance {
        1 => add_each::<1>(row),
        3 => add_each::<3>(row),
        4 => add_each::<4>(row),
        _ => {
            for index in distance..row.len() {
                row[index] = row[index].wrapping_add(row[index - distance]);
            }
        }
    }
}

fn add_each<const N: usize>(row: &mut [u8]) {
    let mut before = [0_u8; N];
    for pixel in row.as_chunks_mut::<N>().0 {
        for (value, before) in pixel.iter_mut().zip(&mut before) {
            *before = before.wrapping_add(*value);
            *value = *before;
        }
    }
}

fn add<const N: usize>(row: &mut [u8], distance: usize, sum: impl Fn([u8; N], [u8; N]) -> [u8; N]) {
    let values = row.as_chunks_mut::<N>().0;
    for index in distance..values.len() {
        values[index] = sum(values[index], values[index - distance]);
    }
}
