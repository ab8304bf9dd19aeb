//! JPEG sources: strict, and checked before the decoder sees them.

use std::io::{BufRead, BufReader};

use dlcs_core::derivative::ProcessError;
use image::metadata::Orientation;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;

use super::super::sniff::SourceFormat;
use super::super::spool::SpooledFile;
use super::frame::Frame;
use super::{
    Alpha, ColourModel, Depth, Header, Profile, Rows, Samples, Source, SourceLimits, damaged, scan,
    unsupported,
};

/// More scans than any honest file has: each one costs a pass over the whole image.
const MAX_SCANS: usize = 100;

pub(super) fn open(file: &SpooledFile, limits: &SourceLimits) -> Result<Source, ProcessError> {
    let bad = |reason: &str| damaged(SourceFormat::Jpeg, reason);
    let mut reader = BufReader::with_capacity(1 << 16, file.reader());
    let outline = Outline::read(&mut reader).map_err(|reason| bad(&reason))?;
    if let Some(kind) = outline.unread_kind() {
        return Err(unsupported(SourceFormat::Jpeg, kind));
    }
    let (width, height) = (u64::from(outline.width), u64::from(outline.height));
    limits.check(width, height)?;
    let model = match outline.sampling.as_slice() {
        [_] => ColourModel::Grey,
        [luma, chroma @ ..] if matches!(chroma.len(), 2 | 3) => {
            // The decoder returns wrong pixels for these without a word.
            if chroma.iter().any(|(h, v)| *h > luma.0 || *v > luma.1) {
                return Err(unsupported(
                    SourceFormat::Jpeg,
                    "a colour channel is sampled more densely than the first one",
                ));
            }
            ColourModel::Rgb
        }
        _ => {
            return Err(unsupported(
                SourceFormat::Jpeg,
                "it has neither one, three nor four channels",
            ));
        }
    };
    let orientation = outline
        .exif
        .as_deref()
        .and_then(Orientation::from_exif_chunk)
        .unwrap_or(Orientation::NoTransforms);
    let coefficients = if outline.progressive {
        2 * outline.sampling.len() as u64
    } else {
        0
    };
    let header = Header {
        width: outline.width,
        height: outline.height,
        samples: Samples {
            model,
            depth: Depth::U8,
            alpha: Alpha::None,
        },
        profile: Profile::Untagged,
        orientation,
        held_bytes: width * height * (model.channels() as u64 + coefficients),
    };
    let (file, limits) = (file.clone(), *limits);
    Ok(Source::new(SourceFormat::Jpeg, header.clone(), move || {
        decode(&file, &header, &limits)
    }))
}

fn decode(
    file: &SpooledFile,
    header: &Header,
    limits: &SourceLimits,
) -> Result<Box<dyn Rows>, ProcessError> {
    let bad = |reason: &str| damaged(SourceFormat::Jpeg, reason);
    let reader = || BufReader::with_capacity(1 << 16, file.reader());
    scan::check(&mut reader()).map_err(|reason| bad(&reason))?;
    let colours = match header.samples.model {
        ColourModel::Grey => ColorSpace::Luma,
        _ => ColorSpace::RGB,
    };
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(limits.max_side as usize)
        .set_max_height(limits.max_side as usize)
        .jpeg_set_max_scans(MAX_SCANS)
        .jpeg_set_out_colorspace(colours);
    let mut decoder = JpegDecoder::new_with_options(reader(), options);
    decoder.decode_headers().map_err(fault)?;
    let mut data = vec![0; header.row_bytes() * header.height as usize];
    if decoder.output_buffer_size() != Some(data.len()) {
        return Err(bad("its headers contradict each other"));
    }
    decoder.decode_into(&mut data).map_err(fault)?;
    Ok(Box::new(Frame::new(data)))
}

/// What the decoder's error says of the source.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape that `map_err` wants"
)]
fn fault(error: DecodeErrors) -> ProcessError {
    let reason = error.to_string();
    match error {
        DecodeErrors::Unsupported(_) => unsupported(SourceFormat::Jpeg, reason),
        _ => damaged(SourceFormat::Jpeg, reason),
    }
}

/// What the markers of a stream say, up to its end.
#[derive(Debug, Default)]
struct Outline {
    width: u32,
    height: u32,
    /// Horizontal and vertical, of each channel.
    sampling: Vec<(u8, u8)>,
    progressive: bool,
    /// The marker of the frame, which names the way of coding.
    coding: u8,
    /// Bits of a channel.
    depth: u8,
    exif: Option<Vec<u8>>,
}

impl Outline {
    /// Walks over the markers to the end of the first image; a stream without an end is an error.
    fn read(reader: &mut impl BufRead) -> Result<Self, String> {
        let mut outline = Self::default();
        let mut scans = 0;
        let mut start = [0; 2];
        reader.read_exact(&mut start).map_err(ended)?;
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
                        0xDA => scans += 1,
                        0xE1 if outline.exif.is_none() => {
                            outline.exif = segment.strip_prefix(b"Exif\0\0").map(<[u8]>::to_vec);
                        }
                        _ => {}
                    }
                }
            }
            if scans > MAX_SCANS {
                return Err(format!("it has more than {MAX_SCANS} scans"));
            }
        }
        match (outline.width, outline.height, scans) {
            (_, _, 0) | (0, _, _) | (_, 0, _) => Err("it has no pixels".to_owned()),
            _ => Ok(outline),
        }
    }

    /// Why a whole stream is not read all the same.
    const fn unread_kind(&self) -> Option<&'static str> {
        match (self.coding, self.depth) {
            (0xC9..=0xCB | 0xCD..=0xCF, _) => Some("it is coded arithmetically"),
            (0xC3, _) => Some("it is a lossless JPEG"),
            (0xC5..=0xC7, _) => Some("it is coded hierarchically"),
            (_, 8) => None,
            _ => Some("its channels do not have 8 bits"),
        }
    }

    fn frame(&mut self, marker: u8, segment: &[u8]) -> Result<(), String> {
        if !self.sampling.is_empty() {
            return Err("it has more than one frame".to_owned());
        }
        let [depth, h1, h0, w1, w0, count, channels @ ..] = segment else {
            return Err("its frame header is cut".to_owned());
        };
        self.height = u32::from(u16::from_be_bytes([*h1, *h0]));
        self.width = u32::from(u16::from_be_bytes([*w1, *w0]));
        (self.coding, self.depth) = (marker, *depth);
        self.progressive = matches!(marker, 0xC2 | 0xC6 | 0xCA | 0xCE);
        self.sampling = channels
            .as_chunks::<3>()
            .0
            .iter()
            .take(usize::from(*count))
            .map(|[_, factors, _]| (factors >> 4, factors & 15))
            .collect();
        if self.sampling.len() != usize::from(*count) || self.sampling.is_empty() {
            return Err("its frame header is cut".to_owned());
        }
        Ok(())
    }
}

/// Reads what belongs to a marker with a length.
pub(super) fn segment(reader: &mut impl BufRead) -> Result<Vec<u8>, String> {
    let mut length = [0; 2];
    reader.read_exact(&mut length).map_err(ended)?;
    let length = u16::from_be_bytes(length).checked_sub(2);
    let mut segment = vec![0; usize::from(length.ok_or("a segment has no length")?)];
    reader.read_exact(&mut segment).map_err(ended)?;
    Ok(segment)
}

fn ended(_: std::io::Error) -> String {
    "it ends early".to_owned()
}

/// Skips to the next marker and returns it; entropy-coded bytes are passed over.
pub(super) fn next_marker(reader: &mut impl BufRead) -> Result<u8, String> {
    let mut after_ff = false;
    loop {
        let buffer = reader.fill_buf().map_err(|error| error.to_string())?;
        if buffer.is_empty() {
            return Err("it ends early".to_owned());
        }
        let mut used = 0;
        let mut found = None;
        while used < buffer.len() && found.is_none() {
            if after_ff {
                match buffer[used] {
                    0x00 => after_ff = false,
                    0xFF => {}
                    marker => found = Some(marker),
                }
                used += 1;
            } else {
                let rest = &buffer[used..];
                let skipped = rest.iter().position(|byte| *byte == 0xFF);
                after_ff = skipped.is_some();
                used += skipped.map_or(rest.len(), |skipped| skipped + 1);
            }
        }
        reader.consume(used);
        if let Some(marker) = found {
            return Ok(marker);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chroma_denser_than_luma_and_missing_ends_are_seen_in_the_markers() {
        let stream = |sampling: [u8; 3]| {
            let mut stream = vec![0xFF, 0xD8, 0xFF, 0xC0, 0, 17, 8, 0, 4, 0, 6, 3];
            for (index, factors) in sampling.into_iter().enumerate() {
                stream.extend([index as u8, factors, 0]);
            }
            stream.extend([
                0xFF, 0xDA, 0, 2, 1, 2, 0xFF, 0x00, 3, 0xFF, 0xD0, 4, 0xFF, 0xD9,
            ]);
            stream
        };
        let bytes = stream([0x11, 0x22, 0x11]);
        let outline = Outline::read(&mut &bytes[..]).unwrap();
        assert_eq!((outline.width, outline.height), (6, 4));
        assert_eq!(outline.sampling, [(1, 1), (2, 2), (1, 1)]);
        for end in 0..bytes.len() {
            assert!(Outline::read(&mut &bytes[..end]).is_err(), "{end}");
        }
    }
}
