//! The compressions of TIFF, and which of them are read.

use dlcs_core::derivative::ProcessError;

use super::{bad, unread};

/// How the bytes of a chunk are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Plain,
    PackBits,
    Lzw,
    Deflate,
    Zstd,
    /// Black and white runs.
    Fax(FaxCoding),
    /// One stream for each chunk, which may lean on tables of the directory.
    Jpeg,
    /// One stream for the whole image, as a field of the directory points to it.
    OldJpeg,
    WebP,
}

/// The ways in which runs of black and white are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FaxCoding {
    /// Rows on their own that start with a whole byte.
    Runs,
    /// Rows on their own, each after a mark.
    Group3,
    /// After each mark a bit says whether a row leans on the one before it.
    Group3TwoDimensional,
    /// Each row leans on the one before it.
    Group4,
}

impl Coding {
    /// The compression of a number in the directory.
    pub(super) fn new(compression: u64, t4_options: u64) -> Result<Self, ProcessError> {
        Ok(match compression {
            1 => Self::Plain,
            2 => Self::Fax(FaxCoding::Runs),
            3 if t4_options & 1 == 0 => Self::Fax(FaxCoding::Group3),
            3 => Self::Fax(FaxCoding::Group3TwoDimensional),
            4 => Self::Fax(FaxCoding::Group4),
            5 => Self::Lzw,
            6 => Self::OldJpeg,
            7 => Self::Jpeg,
            8 | 32_946 => Self::Deflate,
            32_773 => Self::PackBits,
            50_000 => Self::Zstd,
            50_001 => Self::WebP,
            0 => return Err(bad("it names no compression")),
            other => {
                let name = match other {
                    9 | 10 => " (JBIG)",
                    32_766 => " (NeXT)",
                    32_771 => " (facsimile runs in words)",
                    32_809 => " (ThunderScan)",
                    34_661 => " (JBIG)",
                    34_676 | 34_677 => " (SGI Log)",
                    33_003 | 33_004 | 33_005 | 34_712 => " (JPEG 2000)",
                    34_887 => " (LERC)",
                    34_892 => " (lossy JPEG)",
                    34_925 => " (LZMA)",
                    50_002 | 52_546 => " (JPEG XL)",
                    _ => "",
                };
                return Err(unread(format!("it is compressed in way {other}{name}")));
            }
        })
    }

    /// Whether differences between neighbours may have been taken before the compression.
    pub(super) const fn takes_predictor(self) -> bool {
        matches!(self, Self::Lzw | Self::Deflate | Self::Zstd)
    }

    /// Whether the order of bits in a byte is the directory's to say.
    pub(super) const fn takes_fill_order(self) -> bool {
        !matches!(self, Self::Jpeg | Self::OldJpeg | Self::WebP)
    }

    /// Whether a chunk comes out of its decoder only as a whole.
    pub(super) const fn is_whole(self) -> bool {
        matches!(self, Self::Jpeg | Self::OldJpeg | Self::WebP)
    }
}
