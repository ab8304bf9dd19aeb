//! WebP sources: whole, and of an animation its first image.

use std::io::BufReader;
use std::ops::Range;

use dlcs_core::derivative::ProcessError;
use image::metadata::Orientation;
use image_webp::{DecodingError, WebPDecoder};

use super::super::sniff::SourceFormat;
use super::super::spool::{SpoolReader, SpooledFile};
use super::frame::Frame;
use super::{
    Alpha, ColourModel, Depth, Header, METADATA_CAP, Nature, Profile, Samples, Source,
    SourceLimits, damaged, unsupported,
};

const CUT: &str = "it ends early";

pub(super) fn open(file: &SpooledFile, limits: &SourceLimits) -> Result<Source, ProcessError> {
    let chunks = Chunks::read(file).map_err(|reason| damaged(SourceFormat::WebP, reason))?;
    let decoder = decoder(file)?;
    let (width, height) = decoder.dimensions();
    limits.check(u64::from(width), u64::from(height))?;
    let alpha = if decoder.has_alpha() {
        Alpha::Straight
    } else {
        Alpha::None
    };
    let samples = Samples {
        model: ColourModel::Rgb,
        depth: Depth::U8,
        alpha,
    };
    let profile = chunks
        .data(file, *b"ICCP")
        .map_or(Profile::Untagged, Profile::Icc);
    let orientation = chunks
        .data(file, *b"EXIF")
        .and_then(|exif| {
            // Some programs write what comes before it in a JPEG, too.
            let tiff = exif.strip_prefix(b"Exif\0\0").unwrap_or(&exif);
            Orientation::from_exif_chunk(tiff)
        })
        .unwrap_or(Orientation::NoTransforms);
    let pixels = u64::from(width) * u64::from(height);
    // The result; four bytes of each pixel as it is decoded; and as many again where an image is laid on a canvas or given its alpha.
    let more = if decoder.is_animated() || alpha != Alpha::None {
        8
    } else {
        4
    };
    let header = Header {
        width,
        height,
        samples,
        nature: Nature::Shaded,
        profile,
        orientation,
        held_bytes: pixels * (samples.per_pixel() as u64 + more),
    };
    let length = header.row_bytes() * height as usize;
    let file = file.clone();
    Ok(Source::new(SourceFormat::WebP, header, move || {
        let mut data = vec![0; length];
        self::decoder(&file)?.read_image(&mut data).map_err(fault)?;
        Ok(Box::new(Frame::new(data)))
    }))
}

fn decoder(file: &SpooledFile) -> Result<WebPDecoder<BufReader<SpoolReader>>, ProcessError> {
    WebPDecoder::new(BufReader::with_capacity(1 << 16, file.reader())).map_err(fault)
}

fn fault(error: DecodingError) -> ProcessError {
    let reason = error.to_string().replace('\n', " ");
    match error {
        DecodingError::UnsupportedFeature(_) => unsupported(SourceFormat::WebP, reason),
        DecodingError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            damaged(SourceFormat::WebP, CUT)
        }
        _ => damaged(SourceFormat::WebP, reason),
    }
}

/// Where the metadata is.
#[derive(Debug, Default)]
struct Chunks(Vec<([u8; 4], Range<u64>)>);

impl Chunks {
    /// Walks over all chunks to the end that the file declares.
    fn read(file: &SpooledFile) -> Result<Self, &'static str> {
        let header = |place: u64| -> Result<([u8; 4], u64), &'static str> {
            let bytes = file.read(place, 8).map_err(|_| CUT)?;
            let [a, b, c, d, l0, l1, l2, l3] = bytes[..] else {
                return Err(CUT);
            };
            Ok((
                [a, b, c, d],
                u64::from(u32::from_le_bytes([l0, l1, l2, l3])),
            ))
        };
        let end = 8 + header(0)?.1;
        if end > file.length() {
            return Err(CUT);
        }
        let mut chunks = Self::default();
        let mut place = 12;
        while place + 8 <= end {
            let (kind, length) = header(place)?;
            let data = place + 8..place + 8 + length;
            if data.end > end {
                return Err(CUT);
            }
            place = data.end + (length & 1);
            if matches!(&kind, b"ICCP" | b"EXIF") && chunks.0.iter().all(|(seen, _)| *seen != kind)
            {
                chunks.0.push((kind, data));
            }
        }
        Ok(chunks)
    }

    fn data(&self, file: &SpooledFile, kind: [u8; 4]) -> Option<Vec<u8>> {
        let (_, range) = self.0.iter().find(|(seen, _)| *seen == kind)?;
        let length = range.end - range.start;
        if length > u64::from(METADATA_CAP) {
            let name = kind.escape_ascii();
            tracing::warn!(chunk = %name, length, "a chunk of a WebP is too large and was left out");
            return None;
        }
        let bytes = file.read(range.start, length as usize).ok()?;
        Some(bytes.to_vec())
    }
}
