//! BMP sources: by rows, or by their numbers where these come in runs.

mod header;
mod runs;

use dlcs_core::derivative::ProcessError;
use image::metadata::Orientation;

use super::super::sniff::SourceFormat;
use super::super::spool::SpooledFile;
use super::{
    Alpha, ColourModel, Depth, Header, Nature, Profile, Rows, Samples, Source, SourceLimits,
    damaged, unsupported,
};
use header::{Coding, Head, Refusal};

/// How many bytes of rows are read at once, at least one row.
const BATCH: usize = 1 << 18;

pub(super) fn open(file: &SpooledFile, limits: &SourceLimits) -> Result<Source, ProcessError> {
    let head = Head::read(file).map_err(|refusal| match refusal {
        Refusal::Damaged(reason) => damaged(SourceFormat::Bmp, reason),
        Refusal::Unsupported(reason) => unsupported(SourceFormat::Bmp, reason),
    })?;
    let (width, height) = (u64::from(head.width), u64::from(head.height));
    limits.check(width, height)?;
    let (model, alpha, held_bytes) = match &head.coding {
        Coding::Indexed(_) => (head.palette.model(), Alpha::None, 0),
        Coding::Runs(_) => (head.palette.model(), Alpha::None, width * height),
        Coding::Bytes | Coding::Masks(_, [_, _, _, 0]) => (ColourModel::Rgb, Alpha::None, 0),
        Coding::Masks(..) => (ColourModel::Rgb, Alpha::Straight, 0),
    };
    let header = Header {
        width: head.width,
        height: head.height,
        samples: Samples {
            model,
            depth: Depth::U8,
            alpha,
        },
        nature: match head.coding {
            Coding::Indexed(_) | Coding::Runs(_) => Nature::Flat,
            _ => Nature::Shaded,
        },
        profile: head.icc.clone().map_or(Profile::Untagged, Profile::Icc),
        orientation: Orientation::NoTransforms,
        held_bytes,
    };
    let stride = match head.coding {
        Coding::Indexed(bits) => (width * u64::from(bits)).div_ceil(32) * 4,
        Coding::Runs(_) => width,
        Coding::Bytes => (width * 24).div_ceil(32) * 4,
        Coding::Masks(bytes, _) => (width * bytes as u64).div_ceil(4) * 4,
    };
    let is_in_runs = matches!(head.coding, Coding::Runs(_));
    if !is_in_runs && head.pixels + stride * height > file.length() {
        return Err(damaged(SourceFormat::Bmp, "it ends early"));
    }
    let file = file.clone();
    Ok(Source::new(SourceFormat::Bmp, header, move || {
        let stored = if let Coding::Runs(bits) = head.coding {
            let indexes = runs::read(&file, &head, bits)
                .map_err(|reason| damaged(SourceFormat::Bmp, reason))?;
            Stored::Memory(indexes)
        } else {
            Stored::File {
                file,
                batch: Vec::new(),
                first: 0,
            }
        };
        Ok(Box::new(BmpRows {
            head,
            stride: stride as usize,
            stored,
            row: 0,
        }))
    }))
}

/// Where the rows are, the lowest first or the uppermost first.
enum Stored {
    Memory(Vec<u8>),
    File {
        file: SpooledFile,
        /// Rows that have been read, and the number of the first of them.
        batch: Vec<u8>,
        first: usize,
    },
}

impl Stored {
    /// One row in the order of the file.
    fn row(&mut self, head: &Head, stride: usize, index: usize) -> Result<&[u8], ProcessError> {
        match self {
            Self::Memory(data) => Ok(&data[index * stride..][..stride]),
            Self::File { file, batch, first } => {
                let held = batch.len() / stride;
                if !(*first..*first + held).contains(&index) {
                    let count = (BATCH / stride).clamp(1, head.height as usize);
                    // Rows are asked for from one end to the other.
                    *first = if head.is_top_down {
                        index.min(head.height as usize - count)
                    } else {
                        (index + 1).saturating_sub(count)
                    };
                    let place = head.pixels + *first as u64 * stride as u64;
                    *batch = file.read(place, count * stride)?.into();
                }
                Ok(&batch[(index - *first) * stride..][..stride])
            }
        }
    }
}

struct BmpRows {
    head: Head,
    /// Bytes of a stored row.
    stride: usize,
    stored: Stored,
    row: usize,
}

impl Rows for BmpRows {
    fn next_row(&mut self, row: &mut [u8]) -> Result<(), ProcessError> {
        let height = self.head.height as usize;
        let index = if self.head.is_top_down {
            self.row
        } else {
            height - 1 - self.row
        };
        self.row += 1;
        let stored = self.stored.row(&self.head, self.stride, index)?;
        let palette = &self.head.palette;
        match self.head.coding {
            Coding::Runs(_) => {
                let pixels = row.chunks_exact_mut(palette.model().channels());
                for (pixel, index) in pixels.zip(stored) {
                    palette.write(*index, pixel);
                }
            }
            Coding::Indexed(bits) => {
                let (per_byte, mask) = (8 / bits as usize, ((1_u16 << bits) - 1) as u8);
                let pixels = row.chunks_exact_mut(palette.model().channels());
                for (x, pixel) in pixels.enumerate() {
                    let shift = 8 - bits as usize * (x % per_byte + 1);
                    palette.write(stored[x / per_byte] >> shift & mask, pixel);
                }
            }
            Coding::Bytes => {
                let pixels = row.as_chunks_mut::<3>().0;
                for (pixel, [b, g, r]) in pixels.iter_mut().zip(stored.as_chunks::<3>().0) {
                    *pixel = [*r, *g, *b];
                }
            }
            Coding::Masks(bytes, masks) => {
                let channels = 3 + usize::from(masks[3] != 0);
                let words = stored.chunks_exact(bytes);
                for (pixel, word) in row.chunks_exact_mut(channels).zip(words) {
                    let word = word
                        .iter()
                        .rev()
                        .fold(0_u32, |word, byte| word << 8 | u32::from(*byte));
                    for (sample, mask) in pixel.iter_mut().zip(masks) {
                        *sample = masked(word, mask);
                    }
                }
            }
        }
        Ok(())
    }
}

/// What a mask leaves of a word, as 8 bits; without a mask nothing.
fn masked(word: u32, mask: u32) -> u8 {
    if mask == 0 {
        return 0;
    }
    let shift = mask.trailing_zeros();
    let (value, most) = (u64::from((word & mask) >> shift), u64::from(mask >> shift));
    ((value * 255 + most / 2) / most) as u8
}
