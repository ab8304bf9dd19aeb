//! PNG, for speed rather than size.

use std::cell::RefCell;
use std::io::{Result as IoResult, Write};
use std::rc::Rc;

use dlcs_core::iiif::Dimensions;
use png::{Encoder, StreamWriter};

use super::super::error::PyramidError;
use super::super::pixels::{Channels, Pixels};
use super::{Depth, failed, is_bitonal, pack_bits};

/// Bytes of compressed data in one chunk of a picture that is written row by row.
const CHUNK: usize = 1 << 16;

/// Encodes pixels as PNG: as many channels as they have, one bit each where they are black and white.
pub(super) fn encode_png(pixels: &Pixels, depth: Depth) -> Result<Vec<u8>, PyramidError> {
    let mut bytes = Vec::new();
    let (width, height) = (pixels.width, pixels.height);
    let packed = is_bitonal(pixels.channels, depth).then(|| pack_bits(pixels));
    let encoder = configure(
        Encoder::new(&mut bytes, width, height),
        pixels.channels,
        depth,
    );
    encoder
        .write_header()
        .and_then(|mut writer| {
            writer.write_image_data(packed.as_deref().unwrap_or(&pixels.data))?;
            writer.finish()
        })
        .map_err(failed)?;
    Ok(bytes)
}

fn configure<W: Write>(
    mut encoder: Encoder<'_, W>,
    channels: Channels,
    depth: Depth,
) -> Encoder<'_, W> {
    encoder.set_color(match channels {
        Channels::Grey => png::ColorType::Grayscale,
        Channels::GreyAlpha => png::ColorType::GrayscaleAlpha,
        Channels::Rgb => png::ColorType::Rgb,
        Channels::Rgba => png::ColorType::Rgba,
    });
    encoder.set_depth(if is_bitonal(channels, depth) {
        png::BitDepth::One
    } else {
        png::BitDepth::Eight
    });
    encoder.set_compression(png::Compression::Fast);
    encoder
}

/// A PNG that is written row by row.
pub(super) struct PngRows {
    writer: StreamWriter<'static, Shared>,
    bytes: Shared,
    is_bitonal: bool,
}

impl PngRows {
    pub(super) fn start(
        size: Dimensions,
        channels: Channels,
        depth: Depth,
    ) -> Result<Self, PyramidError> {
        let bytes = Shared::default();
        let encoder = Encoder::new(bytes.clone(), size.width(), size.height());
        let writer = configure(encoder, channels, depth)
            .write_header()
            .and_then(|writer| writer.into_stream_writer_with_size(CHUNK))
            .map_err(failed)?;
        Ok(Self {
            writer,
            bytes,
            is_bitonal: is_bitonal(channels, depth),
        })
    }

    pub(super) fn push(&mut self, strip: &Pixels) -> Result<(), PyramidError> {
        if self.is_bitonal {
            self.writer.write_all(&pack_bits(strip))
        } else {
            self.writer.write_all(&strip.data)
        }
        .map_err(failed)
    }

    pub(super) fn finish(self) -> Result<Vec<u8>, PyramidError> {
        self.writer.finish().map_err(failed)?;
        Ok(self.bytes.0.take())
    }
}

/// Bytes that are still there when the writer, which does not give them back, is gone.
#[derive(Clone, Default)]
struct Shared(Rc<RefCell<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> IoResult<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> IoResult<()> {
        Ok(())
    }
}
