//! Chunks that are WebP files.

use std::io::Cursor;

use dlcs_core::derivative::ProcessError;
use image_webp::WebPDecoder;

use super::super::super::spool::SpooledFile;
use super::bad;
use super::chunk_rows::{ChunkRows, Whole};
use super::image::TiffImage;

/// Decodes one chunk.
pub(super) fn open(
    image: &TiffImage,
    file: &SpooledFile,
    (offset, length): (u64, u64),
) -> Result<Box<dyn ChunkRows>, ProcessError> {
    let broken = |error: image_webp::DecodingError| {
        bad(format!("a part of it is no sound WebP stream: {error}").replace('\n', " "))
    };
    let pixels = u64::from(image.chunks.width) * u64::from(image.chunks.height);
    // No encoder makes more of pixels than they are.
    if length > 8 * pixels + (1 << 16) {
        return Err(bad("a part of it is longer than its pixels"));
    }
    let bytes = file.read(offset, length as usize)?;
    let mut decoder = WebPDecoder::new(Cursor::new(&bytes[..])).map_err(broken)?;
    let (width, height) = decoder.dimensions();
    if width != image.chunks.width || height > image.chunks.height || decoder.is_animated() {
        return Err(bad("a part of it is of another size than it should be"));
    }
    let has = if decoder.has_alpha() { 4 } else { 3 };
    let mut decoded = vec![0; width as usize * height as usize * has];
    decoder.read_image(&mut decoded).map_err(broken)?;
    let wants = image.chunk_samples();
    if has != wants {
        decoded = decoded
            .chunks_exact(has)
            .flat_map(|pixel| {
                let opaque = [pixel[0], pixel[1], pixel[2], 255];
                opaque.into_iter().take(wants)
            })
            .collect();
    }
    Ok(Box::new(Whole {
        pixels: decoded,
        next: 0,
    }))
}
