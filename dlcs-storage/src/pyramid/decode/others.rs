//! Sources that the `image` crate reads.

use std::fs::File;
use std::io::BufReader;

use dlcs_core::derivative::ProcessError;
use image::metadata::Orientation;
use image::{ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};

use super::super::pixels::Pixels;
use super::super::sniff::SourceFormat;
use super::convert::to_eight_bits;
use super::{DecodeLimits, damaged, frames, unsupported};

pub(super) fn decode(
    file: &File,
    format: SourceFormat,
    limits: &DecodeLimits,
) -> Result<(Pixels, Orientation), ProcessError> {
    let bad = |error: &ImageError| match error {
        ImageError::Unsupported(_) => unsupported(format, reason(error)),
        error => damaged(format, reason(error)),
    };
    let mut reader = ImageReader::with_format(
        BufReader::with_capacity(1 << 16, file),
        match format {
            SourceFormat::Jpeg => ImageFormat::Jpeg,
            SourceFormat::Png => ImageFormat::Png,
            SourceFormat::WebP => ImageFormat::WebP,
            SourceFormat::Gif => ImageFormat::Gif,
            SourceFormat::Tiff => ImageFormat::Tiff,
        },
    );
    let mut allowed = Limits::no_limits();
    allowed.max_alloc = Some(limits.max_bytes);
    reader.limits(allowed);
    let mut decoder = reader.into_decoder().map_err(|error| bad(&error))?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(damaged(format, "it has no pixels"));
    }
    limits.check(u64::from(width), u64::from(height))?;
    let colours = decoder.color_type();
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let bytes_per_pixel = u64::from(colours.bytes_per_pixel()) * frames(orientation);
    limits.check_bytes(u64::from(width), u64::from(height), bytes_per_pixel)?;
    let length = usize::try_from(decoder.total_bytes())
        .map_err(|_| damaged(format, "it does not fit into memory"))?;
    let mut data = vec![0; length];
    decoder.read_image(&mut data).map_err(|error| bad(&error))?;
    let (channels, data) = to_eight_bits(colours, data)
        .ok_or_else(|| unsupported(format, format!("its pixels are of kind {colours:?}")))?;
    let pixels = Pixels {
        width,
        height,
        channels,
        data,
    };
    Ok((pixels, orientation))
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
