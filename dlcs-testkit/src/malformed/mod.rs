//! Image files that are broken, hostile or no images at all, and what has to come of each.
//!
//! Nothing here knows a codec: files are built byte by byte, or made from good ones that other programs wrote and the caller brings.

mod deflate;
mod heif;
mod huge;
mod jp2;
mod jpeg;
mod lzw;
mod mutate;
mod others;
mod pdf;
mod png;
mod retag;
mod stranger;
mod tiff;

pub use heif::{of_grid, of_heif};
pub use huge::black_png;
pub use jpeg::of_jpeg;
pub use mutate::{cut, flipped};
pub use pdf::pages;
pub use png::of_png;
pub use retag::of_tiff;

/// What has to come of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A typed error.
    Refused,
    /// A typed error or, leniently, an image; the same one each time.
    RefusedOrRead,
    /// An image: what is wrong can be left out.
    Read,
}

/// A file, and what has to come of it.
#[derive(Debug, Clone)]
pub struct Malformed {
    /// What is wrong with it.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What has to come of it.
    pub outcome: Outcome,
}

impl Malformed {
    fn new(name: impl Into<String>, outcome: Outcome, bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            name: name.into(),
            bytes: bytes.into(),
            outcome,
        }
    }
}

/// Every file that needs no good one to be made from.
#[must_use]
pub fn all_made() -> Vec<Malformed> {
    let mut files = stranger::files();
    files.extend(png::files());
    files.extend(tiff::files());
    files.extend(jp2::files());
    files.extend(others::files());
    files
}

/// Numbers that look random and are the same each time (xorshift).
struct Noise(u64);

impl Noise {
    const fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}
