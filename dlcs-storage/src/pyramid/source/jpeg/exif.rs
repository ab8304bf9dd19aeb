//! What the Exif data of a JPEG says of its pixels.

use image::metadata::Orientation;

/// The turn that makes the pixels upright.
pub(in crate::pyramid) fn orientation(exif: &[u8]) -> Orientation {
    Orientation::from_exif_chunk(exif).unwrap_or(Orientation::NoTransforms)
}

/// Whether the pixels are in Adobe RGB, as cameras say it that write no profile (DCF 2.0: interoperability index `R03`).
pub(in crate::pyramid) fn is_adobe_rgb(exif: &[u8]) -> bool {
    const EXIF_DIRECTORY: u16 = 0x8769;
    const INTEROPERABILITY: u16 = 0xA005;
    const INDEX: u16 = 1;
    let tiff = Tiff {
        bytes: exif,
        little: exif.starts_with(b"II"),
    };
    let index = tiff
        .long(4)
        .and_then(|first| tiff.value(first, EXIF_DIRECTORY))
        .and_then(|at| tiff.value(tiff.long(at)?, INTEROPERABILITY))
        .and_then(|at| tiff.value(tiff.long(at)?, INDEX))
        .and_then(|at| exif.get(at..at + 3));
    index == Some(b"R03")
}

struct Tiff<'a> {
    bytes: &'a [u8],
    little: bool,
}

impl Tiff<'_> {
    fn short(&self, at: usize) -> Option<u16> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.little {
            u16::from_le_bytes(bytes)
        } else {
            u16::from_be_bytes(bytes)
        })
    }

    fn long(&self, at: usize) -> Option<usize> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        let value = if self.little {
            u32::from_le_bytes(bytes)
        } else {
            u32::from_be_bytes(bytes)
        };
        // Nothing in a segment lies further away.
        (value < 1 << 16).then_some(value as usize)
    }

    /// Where the value of an entry lies that is no longer than four bytes.
    fn value(&self, directory: usize, tag: u16) -> Option<usize> {
        let count = usize::from(self.short(directory)?);
        (0..count)
            .map(|index| directory + 2 + 12 * index)
            .take_while(|entry| *entry < self.bytes.len())
            .find(|entry| self.short(*entry) == Some(tag))
            .map(|entry| entry + 8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interoperability_index_of_adobe_rgb_is_found() {
        let mut exif = b"II*\0\x08\0\0\0".to_vec();
        let directory = |tag: u16, value: [u8; 4]| {
            let mut bytes = vec![1, 0];
            bytes.extend(tag.to_le_bytes());
            bytes.extend([4, 0, 1, 0, 0, 0]);
            bytes.extend(value);
            bytes.extend([0; 4]);
            bytes
        };
        exif.extend(directory(0x8769, [26, 0, 0, 0]));
        exif.extend(directory(0xA005, [44, 0, 0, 0]));
        exif.extend(directory(1, *b"R03\0"));
        assert!(is_adobe_rgb(&exif));
        for end in 0..exif.len() - 5 {
            assert!(!is_adobe_rgb(&exif[..end]), "{end}");
        }
        let index = exif.len() - 6;
        exif[index] = b'8';
        assert!(!is_adobe_rgb(&exif));
    }
}
