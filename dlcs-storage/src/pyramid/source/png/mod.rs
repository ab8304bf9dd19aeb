//! PNG sources: row by row, or whole where they are interlaced.

mod chunks;
mod colours;

use std::io::{BufReader, ErrorKind};

use dlcs_core::derivative::ProcessError;
use image::metadata::Orientation;
use png::{BitDepth, ColorType, Decoder, DecodingError, Limits, Reader, Transformations};

use super::super::sniff::SourceFormat;
use super::super::spool::SpooledFile;
use super::frame::Frame;
use super::pieces::Pieces;
use super::{
    Alpha, ColourModel, Depth, Header, Nature, Rows, Samples, Source, SourceLimits, damaged,
    native_order,
};
use chunks::Outline;

/// The most bytes that the decoder takes beyond its rows.
const WORKING_BYTES: usize = 64 << 20;

pub(super) fn open(file: &SpooledFile, limits: &SourceLimits) -> Result<Source, ProcessError> {
    let bad = |reason: &str| damaged(SourceFormat::Png, reason);
    let outline = Outline::read(file).map_err(|reason| bad(&reason))?;
    limits.check(u64::from(outline.width), u64::from(outline.height))?;
    let pieces = Pieces::new(file, outline.needed.clone());
    // A row has at most eight bytes a pixel, and few rows are held.
    let bytes = WORKING_BYTES + outline.width as usize * 64;
    let mut decoder =
        Decoder::new_with_limits(BufReader::with_capacity(1 << 16, pieces), Limits { bytes });
    // Samples of 8 or 16 bits, colours instead of a palette, alpha where there is transparency.
    decoder.set_transformations(Transformations::EXPAND);
    let reader = decoder.read_info().map_err(fault)?;
    let is_interlaced = reader.info().interlaced;
    let samples = samples(&reader).ok_or_else(|| bad("it has no palette"))?;
    let orientation = outline
        .exif
        .as_deref()
        .and_then(Orientation::from_exif_chunk)
        .unwrap_or(Orientation::NoTransforms);
    let mut header = Header {
        width: outline.width,
        height: outline.height,
        samples,
        nature: nature(reader.info()),
        profile: colours::profile(outline, samples.model),
        orientation,
        held_bytes: 0,
    };
    let frame_bytes = header.row_bytes() as u64 * u64::from(header.height);
    if is_interlaced {
        header.held_bytes = frame_bytes;
    }
    Ok(Source::new(SourceFormat::Png, header, move || {
        let rows = PngRows {
            reader,
            depth: samples.depth,
        };
        if is_interlaced {
            rows.whole(frame_bytes)
        } else {
            Ok(Box::new(rows))
        }
    }))
}

fn nature(info: &png::Info<'_>) -> Nature {
    if info.color_type == ColorType::Indexed || info.bit_depth == BitDepth::One {
        Nature::Flat
    } else {
        Nature::Shaded
    }
}

fn samples(reader: &Reader<BufReader<Pieces>>) -> Option<Samples> {
    let (colours, depth) = reader.output_color_type();
    let (model, alpha) = match colours {
        ColorType::Grayscale => (ColourModel::Grey, Alpha::None),
        ColorType::GrayscaleAlpha => (ColourModel::Grey, Alpha::Straight),
        ColorType::Rgb => (ColourModel::Rgb, Alpha::None),
        ColorType::Rgba => (ColourModel::Rgb, Alpha::Straight),
        ColorType::Indexed => return None,
    };
    let info = reader.info();
    if info.color_type == ColorType::Indexed && info.palette.is_none() {
        return None;
    }
    let depth = if depth == BitDepth::Sixteen {
        Depth::U16
    } else {
        Depth::U8
    };
    Some(Samples {
        model,
        depth,
        alpha,
    })
}

struct PngRows {
    reader: Reader<BufReader<Pieces>>,
    depth: Depth,
}

impl PngRows {
    /// Decodes everything: the rows of an interlaced image come in another order.
    fn whole(mut self, bytes: u64) -> Result<Box<dyn Rows>, ProcessError> {
        let bad = |reason: &str| damaged(SourceFormat::Png, reason);
        let length = usize::try_from(bytes).map_err(|_| bad("it does not fit into memory"))?;
        let mut data = vec![0; length];
        self.reader.next_frame(&mut data).map_err(fault)?;
        self.finish()?;
        native_order(&mut data, self.depth);
        Ok(Box::new(Frame::new(data)))
    }
}

impl Rows for PngRows {
    fn next_row(&mut self, row: &mut [u8]) -> Result<(), ProcessError> {
        match self.reader.read_row(row).map_err(fault)? {
            Some(_) => {
                native_order(row, self.depth);
                Ok(())
            }
            None => Err(damaged(SourceFormat::Png, "it has too few rows")),
        }
    }

    fn finish(&mut self) -> Result<(), ProcessError> {
        // What is left of the compressed data, with its checksums, up to the last chunk.
        self.reader.finish().map_err(fault)
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape that `map_err` wants"
)]
fn fault(error: DecodingError) -> ProcessError {
    let reason = match &error {
        DecodingError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => {
            "it ends early".to_owned()
        }
        DecodingError::LimitsExceeded => "it needs more memory than is allowed".to_owned(),
        error => error.to_string().replace('\n', " "),
    };
    damaged(SourceFormat::Png, reason)
}
