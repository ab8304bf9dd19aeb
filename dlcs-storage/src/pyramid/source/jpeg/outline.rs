//! What the markers of a JPEG say, before anything of it is decoded.

use std::io::BufRead;

use super::icc::ProfileChunks;
use super::markers::{Fault, next_marker, segment};
use super::progress::Progress;

/// More scans than any honest file has: each one costs a pass over the whole image.
const MAX_SCANS: usize = 100;

const CONTRADICTION: &str = "its markers contradict each other";

/// One channel of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::pyramid) struct Component {
    pub(in crate::pyramid) id: u8,
    /// Horizontal and vertical sampling.
    pub(in crate::pyramid) h: u8,
    pub(in crate::pyramid) v: u8,
    /// Which quantisation table it uses.
    pub(in crate::pyramid) quantisation: u8,
}

/// What the channels of a frame are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::pyramid) enum Encoding {
    Grey,
    YCbCr,
    Rgb,
    /// CMYK, or YCCK, which the decoder makes CMYK.
    Cmyk,
}

/// What the markers of a stream say.
#[derive(Debug, Default)]
pub(in crate::pyramid) struct Outline {
    pub(in crate::pyramid) width: u32,
    pub(in crate::pyramid) height: u32,
    pub(in crate::pyramid) components: Vec<Component>,
    /// The marker of the frame, which names the way of coding.
    pub(in crate::pyramid) coding: u8,
    /// Whether the image comes in more than one scan.
    pub(in crate::pyramid) many_scans: bool,
    /// Bits of a channel.
    depth: u8,
    has_jfif: bool,
    /// How Adobe's marker says that colours are transformed.
    adobe: Option<u8>,
    pub(in crate::pyramid) exif: Option<Vec<u8>>,
    profile: ProfileChunks,
}

impl Outline {
    /// Reads the markers before the pixels; where they come in several scans, also those between them and up to the end.
    ///
    /// # Errors
    /// Where there is no frame or no scan, where more scans are than is allowed, or where one is missing.
    pub(in crate::pyramid) fn read(reader: &mut impl BufRead) -> Result<Self, Fault> {
        let mut outline = Self::default();
        let mut scans = 0;
        let mut progress = Progress::default();
        let mut start = [0; 2];
        reader.read_exact(&mut start)?;
        loop {
            match next_marker(reader)? {
                // Restarts, and what carries no length.
                0x01 | 0xD0..=0xD8 => {}
                0xD9 => break,
                marker => {
                    let segment = segment(reader)?;
                    match marker {
                        0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF => {
                            outline.frame(marker, &segment)?;
                        }
                        0xDA => {
                            scans += 1;
                            progress.scan(&outline, &segment).ok_or(CONTRADICTION)?;
                            if !outline.is_progressive()
                                && scans == 1
                                && progress.is_whole(&outline)
                            {
                                break;
                            }
                            outline.many_scans = true;
                        }
                        0xE0..=0xEF if scans == 0 => outline.application(marker, &segment),
                        _ => {}
                    }
                }
            }
            if scans > MAX_SCANS {
                return Err(Fault::Damaged(format!(
                    "it has more than {MAX_SCANS} scans"
                )));
            }
        }
        if outline.components.is_empty() || scans == 0 {
            return Err("it has no pixels".into());
        }
        if outline.unread_kind().is_none() && !progress.is_whole(&outline) {
            return Err("it ends before its last scan".into());
        }
        Ok(outline)
    }

    /// Why a stream is not read though it may be whole.
    pub(in crate::pyramid) fn unread_kind(&self) -> Option<&'static str> {
        let most = |factor: fn(&Component) -> u8| self.components.iter().map(factor).max();
        let (h, v) = (most(|one| one.h)?, most(|one| one.v)?);
        let fraction = |one: &Component| h % one.h.max(1) != 0 || v % one.v.max(1) != 0;
        match (self.coding, self.depth) {
            // A cut could not be told from an end: what is missing reads as zeros, and may be left out.
            (0xC9..=0xCB | 0xCD..=0xCF, _) => Some("it is coded arithmetically"),
            (0xC3, _) => Some("it is a lossless JPEG"),
            (0xC5..=0xC7, _) => Some("it is coded hierarchically"),
            (_, 8) if self.height == 0 => Some("its height is only told after its pixels"),
            (_, 8) if !matches!(self.components.len(), 1 | 3 | 4) => {
                Some("it has neither one, three nor four channels")
            }
            (_, 8) if self.components.iter().any(fraction) => {
                Some("its channels are sampled in ratios that are no whole numbers")
            }
            (_, 8) => None,
            _ => Some("its channels do not have 8 bits"),
        }
    }

    /// Whether later scans make earlier ones better.
    pub(in crate::pyramid) const fn is_progressive(&self) -> bool {
        matches!(self.coding, 0xC2 | 0xC6 | 0xCA | 0xCE)
    }

    /// What the channels are, found as the Independent JPEG Group's library finds it.
    pub(in crate::pyramid) fn encoding(&self) -> Encoding {
        let ids: Vec<u8> = self
            .components
            .iter()
            .map(|component| component.id)
            .collect();
        match (ids.as_slice(), self.has_jfif, self.adobe) {
            ([_], ..) => Encoding::Grey,
            ([_, _, _, _, ..], ..) => Encoding::Cmyk,
            (_, false, Some(0)) | (b"RGB", false, None) => Encoding::Rgb,
            _ => Encoding::YCbCr,
        }
    }

    /// Whether inks are written the way Adobe's programs write them: 0 is full.
    pub(in crate::pyramid) const fn has_inverted_inks(&self) -> bool {
        self.adobe.is_some()
    }

    /// The ICC profile, put together from its chunks.
    pub(in crate::pyramid) fn profile(&self) -> Option<Vec<u8>> {
        self.profile.join()
    }

    /// Columns and rows of blocks of a channel, filled up to whole units.
    pub(in crate::pyramid) fn padded_blocks(&self, component: &Component) -> (u64, u64) {
        let most = |factor: fn(&Component) -> u8| {
            let most = self.components.iter().map(factor).max();
            u64::from(most.unwrap_or(1).max(1))
        };
        (
            u64::from(self.width).div_ceil(8 * most(|one| one.h)) * u64::from(component.h),
            u64::from(self.height).div_ceil(8 * most(|one| one.v)) * u64::from(component.v),
        )
    }

    fn frame(&mut self, marker: u8, segment: &[u8]) -> Result<(), Fault> {
        const CUT: &str = "its frame header is cut";
        if !self.components.is_empty() {
            return Err("it has more than one frame".into());
        }
        let [depth, h1, h0, w1, w0, count, channels @ ..] = segment else {
            return Err(CUT.into());
        };
        self.height = u32::from(u16::from_be_bytes([*h1, *h0]));
        self.width = u32::from(u16::from_be_bytes([*w1, *w0]));
        (self.coding, self.depth) = (marker, *depth);
        self.components = channels
            .as_chunks::<3>()
            .0
            .iter()
            .take(usize::from(*count))
            .map(|[id, factors, quantisation]| Component {
                id: *id,
                h: factors >> 4,
                v: factors & 15,
                quantisation: *quantisation,
            })
            .collect();
        if self.components.len() != usize::from(*count) || self.components.is_empty() {
            return Err(CUT.into());
        }
        let allowed = |factor: u8| (1..=4).contains(&factor);
        let all_allowed = self
            .components
            .iter()
            .all(|one| allowed(one.h) && allowed(one.v));
        if self.width == 0 || !all_allowed {
            return Err(CONTRADICTION.into());
        }
        Ok(())
    }

    fn application(&mut self, marker: u8, segment: &[u8]) {
        match marker {
            0xE0 if segment.len() >= 14 && segment.starts_with(b"JFIF\0") => self.has_jfif = true,
            0xE1 if self.exif.is_none() => {
                self.exif = segment.strip_prefix(b"Exif\0\0").map(<[u8]>::to_vec);
            }
            0xE2 => self.profile.add(segment),
            0xEE if segment.starts_with(b"Adobe") => {
                self.adobe = segment.get(11).copied().or(self.adobe);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stream of markers alone.
    fn stream(sampling: &[u8], before: &[&[u8]], after: &[u8]) -> Vec<u8> {
        let mut stream = vec![0xFF, 0xD8];
        for segment in before {
            stream.extend([0xFF, segment[0], 0, segment.len() as u8 + 1]);
            stream.extend(&segment[1..]);
        }
        let count = sampling.len() as u8;
        stream.extend([0xFF, 0xC0, 0, 8 + 3 * count, 8, 0, 4, 0, 6, count]);
        for (index, factors) in sampling.iter().enumerate() {
            stream.extend([index as u8, *factors, 0]);
        }
        stream.extend([0xFF, 0xDA, 0, 6 + 2 * count, count]);
        for index in 0..count {
            stream.extend([index, 0]);
        }
        stream.extend([0, 63, 0]);
        stream.extend(after);
        stream
    }

    #[test]
    fn the_markers_before_the_pixels_are_all_that_one_scan_needs() {
        let bytes = stream(&[0x11, 0x22, 0x11], &[], b"");
        let outline = Outline::read(&mut &bytes[..]).unwrap();
        assert_eq!((outline.width, outline.height), (6, 4));
        let sampling: Vec<_> = outline
            .components
            .iter()
            .map(|one| (one.h, one.v))
            .collect();
        assert_eq!(sampling, [(1, 1), (2, 2), (1, 1)]);
        assert!(!outline.many_scans && outline.unread_kind().is_none());
        for end in 0..bytes.len() {
            assert!(Outline::read(&mut &bytes[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn the_encoding_is_found_from_jfif_adobe_and_ids() {
        const JFIF: &[u8] = b"\xE0JFIF\0\x01\x01\0\0\x01\0\x01\0\0";
        const ADOBE: &[u8] = b"\xEEAdobe\0\x64\0\0\0\0";
        let adobe = |transform: u8| [ADOBE, &[transform]].concat();
        let (rgb, ycc) = (adobe(0), adobe(1));
        let three = [0x11; 3];
        for (sampling, before, expected) in [
            (&three[..], vec![], Encoding::YCbCr),
            (&three, vec![&rgb[..]], Encoding::Rgb),
            (&three, vec![&ycc], Encoding::YCbCr),
            (&three, vec![JFIF, &rgb], Encoding::YCbCr),
            (&[0x22], vec![JFIF], Encoding::Grey),
            (&[0x11; 4], vec![], Encoding::Cmyk),
        ] {
            let bytes = stream(sampling, &before, b"");
            let outline = Outline::read(&mut &bytes[..]).unwrap();
            assert_eq!(outline.encoding(), expected, "{before:?}");
        }
    }

    #[test]
    fn more_than_a_hundred_scans_are_refused() {
        let mut bytes = stream(&[0x11; 3], &[], b"");
        let frame = bytes.iter().position(|byte| *byte == 0xC0).unwrap();
        bytes[frame] = 0xC2;
        let scan = [0xFF, 0xDA, 0, 8, 1, 0, 0, 1, 63, 0];
        bytes.extend(scan.repeat(100));
        bytes.extend([0xFF, 0xD9]);
        match Outline::read(&mut &bytes[..]) {
            Err(Fault::Damaged(reason)) => assert!(reason.contains("100 scans"), "{reason}"),
            other => panic!("{other:?}"),
        }
    }
}
