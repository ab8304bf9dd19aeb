//! The headers of a BMP, of all their ages.

use super::super::super::spool::SpooledFile;
use super::super::METADATA_CAP;
use super::super::palette::Palette;

/// Where the header that names the size begins.
const DIB: u64 = 14;
const CUT: &str = "it ends early";

/// How the pixels are written.
#[derive(Debug, Clone)]
pub(super) enum Coding {
    /// Numbers of this many bits.
    Indexed(u32),
    /// Numbers of 8 or 4 bits, in runs.
    Runs(u32),
    /// Blue, green, red.
    Bytes,
    /// Words of this many bytes; the masks of red, green, blue and alpha.
    Masks(usize, [u32; 4]),
}

/// What the headers say.
#[derive(Debug, Clone)]
pub(super) struct Head {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) is_top_down: bool,
    pub(super) coding: Coding,
    pub(super) palette: Palette,
    /// Where the pixels begin.
    pub(super) pixels: u64,
    pub(super) icc: Option<Vec<u8>>,
}

/// Why a file is not read.
#[derive(Debug)]
pub(super) enum Refusal {
    Damaged(&'static str),
    Unsupported(&'static str),
}

impl From<&'static str> for Refusal {
    fn from(reason: &'static str) -> Self {
        Self::Damaged(reason)
    }
}

/// Numbers of a header by their place.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn u16(&self, place: usize) -> Result<u16, &'static str> {
        let bytes = self.0.get(place..).and_then(<[u8]>::first_chunk::<2>);
        bytes.map(|bytes| u16::from_le_bytes(*bytes)).ok_or(CUT)
    }

    fn u32(&self, place: usize) -> Result<u32, &'static str> {
        let bytes = self.0.get(place..).and_then(<[u8]>::first_chunk::<4>);
        bytes.map(|bytes| u32::from_le_bytes(*bytes)).ok_or(CUT)
    }
}

impl Head {
    /// Reads the headers and the palette.
    pub(super) fn read(file: &SpooledFile) -> Result<Self, Refusal> {
        let read = |place, length| file.read_up_to(place, length).map_err(|_| CUT);
        // The longest header, with masks after a short one.
        let bytes = read(0, 14 + 124 + 16)?;
        let fields = Fields(&bytes);
        let pixels = u64::from(fields.u32(10)?);
        let size = fields.u32(14)?;
        if pixels < DIB + u64::from(size) {
            return Err("its pixels begin within its header".into());
        }
        let (width, height, bits) = if size == 12 {
            let side = |place| fields.u16(place).map(i32::from);
            (side(18)?, side(20)?, fields.u16(24)?)
        } else {
            let side = |place| fields.u32(place).map(u32::cast_signed);
            (side(18)?, side(22)?, fields.u16(28)?)
        };
        if width <= 0 || height == 0 {
            return Err("it has no pixels".into());
        }
        let compression = if size == 12 { 0 } else { fields.u32(30)? };
        let coding = coding(&fields, size, bits, compression)?;
        let palette = match coding {
            Coding::Indexed(bits) | Coding::Runs(bits) => {
                let (used, entry) = if size == 12 {
                    (0, 3)
                } else {
                    (fields.u32(46)?, 4)
                };
                let most = 1 << bits;
                let used = if used == 0 { most } else { used.min(most) };
                let start = DIB + u64::from(size);
                let there = ((pixels - start) / entry as u64).min(u64::from(used)) as usize;
                let table = read(start, there * entry)?;
                let colours = table
                    .chunks_exact(entry)
                    .map(|colour| [colour[2], colour[1], colour[0]]);
                Palette::new(colours.collect())
            }
            Coding::Bytes | Coding::Masks(..) => Palette::new(Vec::new()),
        };
        let icc = (size >= 124).then(|| profile(&fields, file)).flatten();
        Ok(Self {
            width: width.cast_unsigned(),
            height: height.unsigned_abs(),
            is_top_down: height < 0,
            coding,
            palette,
            pixels,
            icc,
        })
    }
}

fn coding(fields: &Fields<'_>, size: u32, bits: u16, compression: u32) -> Result<Coding, Refusal> {
    // After the header of 40 bytes or in a longer one, at the same place.
    let masks = |with_alpha: bool| -> Result<[u32; 4], &'static str> {
        let alpha = if with_alpha { fields.u32(66)? } else { 0 };
        Ok([fields.u32(54)?, fields.u32(58)?, fields.u32(62)?, alpha])
    };
    Ok(match (compression, bits) {
        (0, 1 | 2 | 4 | 8) => Coding::Indexed(u32::from(bits)),
        (1, 8) => Coding::Runs(8),
        (2, 4) => Coding::Runs(4),
        (0, 16) => Coding::Masks(2, [0x7C00, 0x03E0, 0x001F, 0]),
        (0, 24) => Coding::Bytes,
        (0, 32) => Coding::Masks(4, [0xFF_0000, 0xFF00, 0xFF, 0]),
        (3, 16 | 32) => Coding::Masks(usize::from(bits / 8), masks(size >= 56)?),
        (6, 16 | 32) => Coding::Masks(usize::from(bits / 8), masks(true)?),
        (4, _) => return Err(Refusal::Unsupported("it holds a JPEG")),
        (5, _) => return Err(Refusal::Unsupported("it holds a PNG")),
        _ => {
            return Err(Refusal::Unsupported(
                "it has an unknown way of coding pixels",
            ));
        }
    })
}

/// The profile that the longest header may have.
fn profile(fields: &Fields<'_>, file: &SpooledFile) -> Option<Vec<u8>> {
    const EMBEDDED: u32 = 0x4D42_4544;
    let kind = fields.u32(70).ok()?;
    let (place, length) = (fields.u32(126).ok()?, fields.u32(130).ok()?);
    if kind != EMBEDDED || length == 0 {
        return None;
    }
    if length > METADATA_CAP {
        tracing::warn!(
            length,
            "the colour profile of a BMP is too large and was left out"
        );
        return None;
    }
    let bytes = file.read(DIB + u64::from(place), length as usize).ok()?;
    Some(bytes.to_vec())
}
