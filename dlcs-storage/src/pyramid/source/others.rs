//! Sources that the `image` crate reads.

use std::io::BufReader;

use dlcs_core::derivative::ProcessError;
use image::metadata::Orientation;
use image::{ColorType, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};

use super::super::sniff::SourceFormat;
use super::super::spool::SpooledFile;
use super::frame::Frame;
use super::{
    Alpha, ColourModel, Depth, Header, Profile, Samples, Source, SourceLimits, damaged, unsupported,
};

pub(super) fn open(
    file: &SpooledFile,
    format: SourceFormat,
    limits: &SourceLimits,
) -> Result<Source, ProcessError> {
    let mut decoder = decoder(file, format)?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(damaged(format, "it has no pixels"));
    }
    limits.check(u64::from(width), u64::from(height))?;
    let colours = decoder.color_type();
    let samples = samples(colours)
        .ok_or_else(|| unsupported(format, format!("its pixels are of kind {colours:?}")))?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let profile = match decoder.icc_profile() {
        Ok(Some(icc)) => Profile::Icc(icc),
        _ => Profile::Untagged,
    };
    let header = Header {
        width,
        height,
        samples,
        profile,
        orientation,
        held_bytes: decoder.total_bytes(),
    };
    let file = file.clone();
    Ok(Source::new(format, header, move || {
        let decoder = self::decoder(&file, format)?;
        let length = usize::try_from(decoder.total_bytes())
            .map_err(|_| damaged(format, "it does not fit into memory"))?;
        let mut data = vec![0; length];
        decoder
            .read_image(&mut data)
            .map_err(|error| fault(format, &error))?;
        Ok(Box::new(Frame::new(data)))
    }))
}

fn decoder(file: &SpooledFile, format: SourceFormat) -> Result<impl ImageDecoder, ProcessError> {
    let kind = match format {
        SourceFormat::Tiff => ImageFormat::Tiff,
        other => return Err(unsupported(other, "it is read elsewhere")),
    };
    let mut reader =
        ImageReader::with_format(BufReader::with_capacity(1 << 16, file.reader()), kind);
    reader.limits(Limits::no_limits());
    reader.into_decoder().map_err(|error| fault(format, &error))
}

fn fault(format: SourceFormat, error: &ImageError) -> ProcessError {
    match error {
        ImageError::Unsupported(_) => unsupported(format, reason(error)),
        error => damaged(format, reason(error)),
    }
}

const fn samples(colours: ColorType) -> Option<Samples> {
    let (model, depth, alpha) = match colours {
        ColorType::L8 => (ColourModel::Grey, Depth::U8, Alpha::None),
        ColorType::La8 => (ColourModel::Grey, Depth::U8, Alpha::Straight),
        ColorType::Rgb8 => (ColourModel::Rgb, Depth::U8, Alpha::None),
        ColorType::Rgba8 => (ColourModel::Rgb, Depth::U8, Alpha::Straight),
        ColorType::L16 => (ColourModel::Grey, Depth::U16, Alpha::None),
        ColorType::La16 => (ColourModel::Grey, Depth::U16, Alpha::Straight),
        ColorType::Rgb16 => (ColourModel::Rgb, Depth::U16, Alpha::None),
        ColorType::Rgba16 => (ColourModel::Rgb, Depth::U16, Alpha::Straight),
        ColorType::Rgb32F => (ColourModel::Rgb, Depth::F32, Alpha::None),
        ColorType::Rgba32F => (ColourModel::Rgb, Depth::F32, Alpha::Straight),
        _ => return None,
    };
    Some(Samples {
        model,
        depth,
        alpha,
    })
}

/// The whole story of a decoder's error in one line.
fn reason(error: &ImageError) -> String {
    match error {
        ImageError::Limits(_) => "it needs more memory than is allowed".to_owned(),
        ImageError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            "it ends early".to_owned()
        }
        error => error.to_string().replace('\n', " "),
    }
}
