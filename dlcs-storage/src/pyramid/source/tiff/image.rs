//! What a directory says of its image, checked before anything is allocated for pixels.

use dlcs_core::derivative::ProcessError;
use image::metadata::Orientation;

use super::super::{Alpha, ColourModel, Depth, Nature, Profile, Samples, SourceLimits};
use super::chunks::Chunks;
use super::coding::Coding;
use super::ifd::{ByteOrder, Directory};
use super::predictor::Predictor;
use super::ycbcr::YCbCr;
use super::{bad, tag, unread};

/// More samples in a pixel than any image has that people look at.
const MAX_SAMPLES: u64 = 64;
/// The largest colour profile that is used.
const MAX_PROFILE: u64 = 4 << 20;
/// The largest tables of JPEG tiles: four of each kind fit many times.
const MAX_TABLES: u64 = 1 << 16;

/// How a sample is written in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    /// Whole, of this many bits: 1 to 16, or 32.
    Unsigned(u8),
    /// Whole with a sign, of 8, 16 or 32 bits.
    Signed(u8),
    /// Of 16, 32 or 64 bits.
    Float(u8),
}

impl Number {
    pub(super) const fn bits(self) -> u8 {
        match self {
            Self::Unsigned(bits) | Self::Signed(bits) | Self::Float(bits) => bits,
        }
    }
}

/// What becomes of the samples of a pixel.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Meaning {
    /// They are colours as they are.
    Colours {
        /// The largest value is black.
        inverted: bool,
        /// `a*` and `b*` have signs; here their middle is 0.
        signed_lab: bool,
    },
    /// The first is a place in a table of red, green and blue.
    Palette(Box<[[u16; 3]]>),
}

/// An image and how it is written.
#[derive(Debug, Clone)]
pub(super) struct TiffImage {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) order: ByteOrder,
    pub(super) coding: Coding,
    /// Bits of each byte from the lowest to the highest.
    pub(super) reversed_bits: bool,
    pub(super) predictor: Predictor,
    pub(super) number: Number,
    /// Samples of a pixel in the file.
    pub(super) per_pixel: usize,
    pub(super) planar: bool,
    pub(super) meaning: Meaning,
    /// Brightness and colour differences that become red, green and blue here.
    pub(super) ycbcr: Option<YCbCr>,
    /// For each sample of a row that is delivered: which sample of the file it is. For a palette: of the index, and of the alpha.
    pub(super) picked: Vec<usize>,
    pub(super) chunks: Chunks,
    pub(super) jpeg_tables: Vec<u8>,
    /// What is delivered.
    pub(super) samples: Samples,
    pub(super) profile: Profile,
    pub(super) orientation: Orientation,
}

impl TiffImage {
    pub(super) const fn nature(&self) -> Nature {
        if matches!(self.meaning, Meaning::Palette(_)) || self.number.bits() == 1 {
            Nature::Flat
        } else {
            Nature::Shaded
        }
    }

    pub(super) fn read(
        directory: &Directory,
        file_length: u64,
        limits: &SourceLimits,
    ) -> Result<Self, ProcessError> {
        if directory.has(tag::DNG_VERSION) {
            return Err(unread("it is the raw file of a camera"));
        }
        let number = |tag| directory.number(tag);
        let side = |tag| number(tag)?.ok_or_else(|| bad("it does not say how large it is"));
        let (width, height) = (side(tag::IMAGE_WIDTH)?, side(tag::IMAGE_LENGTH)?);
        if width == 0 || height == 0 {
            return Err(bad("it has no pixels"));
        }
        limits.check(width, height)?;
        let (width, height) = (width as u32, height as u32);
        let t4_options = number(tag::T4_OPTIONS)?.unwrap_or(0);
        let coding = Coding::new(number(tag::COMPRESSION)?.unwrap_or(1), t4_options)?;
        let per_pixel = number(tag::SAMPLES_PER_PIXEL)?.unwrap_or(1);
        if per_pixel == 0 {
            return Err(bad("its pixels have no samples"));
        }
        if per_pixel > MAX_SAMPLES {
            return Err(unread(format!("its pixels have {per_pixel} samples")));
        }
        let per_pixel = per_pixel as usize;
        let written = written_number(directory, per_pixel)?;
        let planar = match number(tag::PLANAR_CONFIGURATION)?.unwrap_or(1) {
            1 => false,
            2 => per_pixel > 1,
            _ => return Err(bad("it does not say how its channels lie")),
        };
        let colours = Colours::read(directory, coding, written, per_pixel)?;
        let ycbcr = if colours.is_ycbcr {
            if written != Number::Unsigned(8) {
                return Err(unread(
                    "its brightness and colour differences have other than 8 bits",
                ));
            }
            let ycbcr = YCbCr::read(directory)?;
            if planar && (ycbcr.subsampling != (1, 1) || coding.is_whole()) {
                return Err(unread("its colour differences lie in planes of their own"));
            }
            Some(ycbcr)
        } else {
            None
        };
        let predictor = if coding.takes_predictor() {
            Predictor::new(number(tag::PREDICTOR)?.unwrap_or(1), written)?
        } else {
            Predictor::None
        };
        check_coding(coding, written, per_pixel, planar)?;
        let planes = if planar { per_pixel } else { 1 };
        let chunks = if coding == Coding::OldJpeg {
            Chunks::of_old_jpeg(directory, (width, height), planes, file_length)?
        } else {
            Chunks::read(directory, (width, height), planes, file_length)?
        };
        let reversed_bits = coding.takes_fill_order() && number(tag::FILL_ORDER)?.unwrap_or(1) == 2;
        let profile = match directory.bytes(tag::ICC_PROFILE, MAX_PROFILE)? {
            Some(icc) => Profile::Icc(icc),
            None => Profile::Untagged,
        };
        let orientation = number(tag::ORIENTATION)
            .ok()
            .flatten()
            .and_then(|value| Orientation::from_exif(u8::try_from(value).ok()?))
            .unwrap_or(Orientation::NoTransforms);
        let jpeg_tables = match coding {
            Coding::Jpeg => directory.bytes(tag::JPEG_TABLES, MAX_TABLES)?,
            _ => None,
        };
        Ok(Self {
            width,
            height,
            order: directory.order(),
            coding,
            reversed_bits,
            predictor,
            number: written,
            per_pixel,
            planar,
            meaning: colours.meaning,
            ycbcr,
            picked: colours.picked,
            chunks,
            jpeg_tables: jpeg_tables.unwrap_or_default(),
            samples: colours.samples,
            profile,
            orientation,
        })
    }

    /// Samples of a pixel in one chunk.
    pub(super) const fn chunk_samples(&self) -> usize {
        if self.planar { 1 } else { self.per_pixel }
    }

    /// Bytes of one row of a chunk, unpacked.
    pub(super) const fn chunk_row_bytes(&self) -> usize {
        let bits = self.chunks.width as usize * self.chunk_samples() * self.number.bits() as usize;
        bits.div_ceil(8)
    }
}

/// The kind of number that all samples have in common.
fn written_number(directory: &Directory, per_pixel: usize) -> Result<Number, ProcessError> {
    let same = |tag, default: u64| -> Result<u64, ProcessError> {
        let values = directory.numbers(tag, per_pixel as u64)?;
        let values = values.as_deref().unwrap_or(&[]);
        let first = values.first().copied().unwrap_or(default);
        if values.iter().any(|value| *value != first) {
            return Err(unread("its channels are written in different ways"));
        }
        Ok(first)
    };
    let bits = same(tag::BITS_PER_SAMPLE, 1)?;
    let other = || Err(unread(format!("its samples have {bits} bits")));
    Ok(match same(tag::SAMPLE_FORMAT, 1)? {
        // 4: nothing is said.
        1 | 4 => match bits {
            1..=16 | 32 => Number::Unsigned(bits as u8),
            _ => return other(),
        },
        2 => match bits {
            8 | 16 | 32 => Number::Signed(bits as u8),
            // Too small for a sign that anybody meant.
            1..=7 => Number::Unsigned(bits as u8),
            _ => return other(),
        },
        3 => match bits {
            16 | 32 | 64 => Number::Float(bits as u8),
            _ => return other(),
        },
        5 | 6 => return Err(unread("its samples are complex numbers")),
        _ => return Err(bad("it does not say how its samples are written")),
    })
}

/// Refuses what a compression cannot hold.
fn check_coding(
    coding: Coding,
    written: Number,
    per_pixel: usize,
    planar: bool,
) -> Result<(), ProcessError> {
    let in_chunk = if planar { 1 } else { per_pixel };
    match coding {
        Coding::Fax(_) if written != Number::Unsigned(1) || in_chunk != 1 => {
            Err(bad("only black and white can be compressed as a fax"))
        }
        Coding::Jpeg | Coding::OldJpeg | Coding::WebP if written.bits() != 8 => Err(unread(
            "its samples have other than 8 bits in a compression for photographs",
        )),
        Coding::Jpeg | Coding::OldJpeg if !matches!(in_chunk, 1 | 3 | 4) => Err(unread(
            "its JPEG streams have neither one, three nor four channels",
        )),
        Coding::WebP if !matches!(in_chunk, 3 | 4) => {
            Err(bad("WebP has no such number of channels"))
        }
        _ => Ok(()),
    }
}

/// What the samples mean.
struct Colours {
    meaning: Meaning,
    is_ycbcr: bool,
    picked: Vec<usize>,
    samples: Samples,
}

impl Colours {
    fn read(
        directory: &Directory,
        coding: Coding,
        written: Number,
        per_pixel: usize,
    ) -> Result<Self, ProcessError> {
        let photometric = match directory.number(tag::PHOTOMETRIC)? {
            Some(photometric) => photometric,
            // Where nothing is said, this is what other programs take it for.
            None if matches!(coding, Coding::Fax(_)) => 0,
            None if per_pixel >= 3 => 2,
            None => 1,
        };
        let mut meaning = Meaning::Colours {
            inverted: photometric == 0,
            signed_lab: photometric == 8,
        };
        let model = match photometric {
            // 4: a mask, seen on its own.
            0 | 1 | 4 => ColourModel::Grey,
            2 | 6 => ColourModel::Rgb,
            3 => {
                meaning = Meaning::Palette(palette(directory, written)?);
                ColourModel::Rgb
            }
            5 => {
                if directory.number(tag::INK_SET)?.unwrap_or(1) == 2 && per_pixel != 4 {
                    return Err(unread("its inks are not cyan, magenta, yellow and black"));
                }
                ColourModel::Cmyk
            }
            8 | 9 => ColourModel::Lab,
            other => {
                let name = match other {
                    10 => " (ITU Lab)",
                    32_803 | 34_892 => " (raw of a camera)",
                    32_844 | 32_845 => " (LogLuv)",
                    _ => "",
                };
                return Err(unread(format!("its colours are of kind {other}{name}")));
            }
        };
        let is_palette = matches!(meaning, Meaning::Palette(_));
        let colours = if is_palette { 1 } else { model.channels() };
        if per_pixel < colours {
            return Err(bad("its pixels have too few samples for their colours"));
        }
        let mut picked: Vec<usize> = (0..colours).collect();
        let alpha = match alpha(directory, per_pixel, colours)? {
            Some((place, alpha)) => {
                picked.push(place);
                alpha
            }
            None => Alpha::None,
        };
        let depth = match (&meaning, written) {
            (Meaning::Palette(colours), _) => palette_depth(colours),
            (_, Number::Unsigned(1..=8) | Number::Signed(8)) => Depth::U8,
            (_, Number::Unsigned(_) | Number::Signed(_)) => Depth::U16,
            (_, Number::Float(_)) => Depth::F32,
        };
        Ok(Self {
            meaning,
            is_ycbcr: photometric == 6,
            picked,
            samples: Samples {
                model,
                depth,
                alpha,
            },
        })
    }
}

/// Which sample is the opacity, if one is.
fn alpha(
    directory: &Directory,
    per_pixel: usize,
    colours: usize,
) -> Result<Option<(usize, Alpha)>, ProcessError> {
    let kinds = directory.numbers(tag::EXTRA_SAMPLES, MAX_SAMPLES)?;
    let Some(kinds) = kinds else {
        // Old writers say nothing of the fourth channel that they mean as opacity.
        let is_rgba = per_pixel == colours + 1 && matches!(colours, 1 | 3);
        return Ok(is_rgba.then_some((colours, Alpha::Straight)));
    };
    let found = kinds.iter().zip(colours..per_pixel).find_map(|(kind, at)| {
        Some(match kind {
            1 => (at, Alpha::Premultiplied),
            2 => (at, Alpha::Straight),
            _ => return None,
        })
    });
    Ok(found)
}

/// The table of red, green and blue, with as many rows as there are values.
fn palette(directory: &Directory, written: Number) -> Result<Box<[[u16; 3]]>, ProcessError> {
    let Number::Unsigned(bits @ (1..=8 | 16)) = written else {
        return Err(unread("its palette is of an unusual size"));
    };
    let count = 1_usize << bits;
    let values = directory
        .numbers(tag::COLOUR_MAP, 3 * count as u64)?
        .filter(|values| values.len() == 3 * count)
        .ok_or_else(|| bad("its palette is missing or too short"))?;
    // Some writers use no more than the lower bytes.
    let factor = if values.iter().all(|value| *value < 256) {
        257
    } else {
        1
    };
    let colour = |index: usize| [0, 1, 2].map(|c| (values[c * count + index] * factor) as u16);
    Ok((0..count).map(colour).collect())
}

/// The depth that keeps every colour of a palette.
fn palette_depth(colours: &[[u16; 3]]) -> Depth {
    let is_short = |value: &u16| value.is_multiple_of(257) || value & 0xFF == 0;
    if colours.iter().flatten().all(is_short) {
        Depth::U8
    } else {
        Depth::U16
    }
}
