//! One tile: from pixels to the bytes that are stored, and back.

use std::io::{Read, Write};

use dlcs_core::derivative::RenderError;
use dlcs_core::iiif::TileSize;
use dlcs_core::policy::TileCoding;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use super::cut::pad;
use super::encode::encode_jpeg;
use super::error::{PyramidError, damaged};
use super::jpeg::{Abbreviated, abbreviate};
use super::pixels::{Channels, Pixels};
use super::tiff::Samples;

/// Fast, and as small as the slower ones for what differences of neighbours leave.
const DEFLATE_LEVEL: Compression = Compression::new(3);

/// A tile as it is stored; tables of JPEG apart.
///
/// The tables depend on the coding and on whether there are colours, and on nothing else.
pub(super) fn encode_tile(tile: &Pixels, coding: TileCoding) -> Result<Abbreviated, PyramidError> {
    match coding {
        TileCoding::Jpeg { quality, sampling } => {
            let stream = encode_jpeg(tile, quality, sampling)?;
            abbreviated(&stream)
        }
        TileCoding::Lossless => Ok(Abbreviated {
            stream: deflate(tile)?,
            tables: Vec::new(),
        }),
    }
}

/// Pads a tile of which the image has only so much; of JPEG, the exact one is in it.
pub(super) fn encode_edge(
    exact: &Pixels,
    size: TileSize,
    coding: TileCoding,
) -> Result<Abbreviated, PyramidError> {
    let TileCoding::Jpeg { quality, sampling } = coding else {
        return encode_tile(&exact.padded(size.get()), coding);
    };
    let stream = encode_jpeg(exact, quality, sampling)?;
    let Abbreviated { tables, .. } = abbreviated(&stream)?;
    let stream = pad(stream, size)?;
    Ok(Abbreviated { stream, tables })
}

fn abbreviated(stream: &[u8]) -> Result<Abbreviated, PyramidError> {
    abbreviate(stream).ok_or_else(|| PyramidError::Encode("the encoder wrote no JPEG".into()))
}

/// Compresses the differences of neighbours: TIFF's predictor 2.
fn deflate(tile: &Pixels) -> Result<Vec<u8>, PyramidError> {
    let mut encoder = ZlibEncoder::new(Vec::with_capacity(tile.data.len() / 2), DEFLATE_LEVEL);
    let bytes = tile.channels.count();
    let mut differences = vec![0; tile.stride()];
    for row in tile.rows() {
        differences[..bytes].copy_from_slice(&row[..bytes]);
        for (difference, (value, before)) in differences[bytes..]
            .iter_mut()
            .zip(row[bytes..].iter().zip(row))
        {
            *difference = value.wrapping_sub(*before);
        }
        encoder
            .write_all(&differences)
            .map_err(|error| PyramidError::Encode(error.into()))?;
    }
    encoder
        .finish()
        .map_err(|error| PyramidError::Encode(error.into()))
}

/// Takes a whole JPEG stream apart into pixels of a tile with this side.
pub(super) fn decode_jpeg(
    stream: Vec<u8>,
    side: u32,
    channels: Channels,
) -> Result<Pixels, RenderError> {
    let colours = match channels {
        Channels::Grey | Channels::GreyAlpha => ColorSpace::Luma,
        Channels::Rgb | Channels::Rgba => ColorSpace::RGB,
    };
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .jpeg_set_out_colorspace(colours);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(stream), options);
    let mut tile = Pixels::blank(side, side, channels);
    decoder
        .decode_headers()
        .map_err(|error| damaged(error.to_string()))?;
    let size = decoder
        .info()
        .map(|info| (u32::from(info.width), u32::from(info.height)));
    if size != Some((side, side)) || decoder.output_buffer_size() != Some(tile.data.len()) {
        return Err(damaged("a tile has the wrong size"));
    }
    decoder
        .decode_into(&mut tile.data)
        .map_err(|error| damaged(error.to_string()))?;
    Ok(tile)
}

/// The samples of a tile with this side as they are stored; rows after those that are shown may be missing, and are blank then.
pub(super) fn plain(
    stream: &[u8],
    side: u32,
    shown: u32,
    channels: Channels,
) -> Result<Pixels, RenderError> {
    let mut tile = Pixels::blank(side, side, channels);
    let there = stream.len().min(tile.data.len());
    if there < shown as usize * tile.stride() {
        return Err(damaged("a tile ends early"));
    }
    tile.data[..there].copy_from_slice(&stream[..there]);
    Ok(tile)
}

/// Undoes Deflate, and differences of neighbours, for a tile with this side of which the first rows are shown; the others are blank.
pub(super) fn inflate(
    stream: &[u8],
    samples: Samples,
    side: u32,
    shown: u32,
    channels: Channels,
) -> Result<Pixels, RenderError> {
    let mut tile = Pixels::blank(side, side, channels);
    let shown = shown as usize * tile.stride();
    ZlibDecoder::new(stream)
        .read_exact(&mut tile.data[..shown])
        .map_err(|error| damaged(format!("a tile cannot be decompressed: {error}")))?;
    if samples == Samples::Plain {
        return Ok(tile);
    }
    let (stride, bytes) = (tile.stride(), channels.count());
    for row in tile.data.chunks_exact_mut(stride) {
        for index in bytes..stride {
            row[index] = row[index].wrapping_add(row[index - bytes]);
        }
    }
    Ok(tile)
}

/// Whether what was deflated has so many bytes, and the checksum that comes after them.
pub(super) fn is_inflated(stream: &[u8], length: u64) -> bool {
    let mut rest = ZlibDecoder::new(stream).take(length + 1);
    std::io::copy(&mut rest, &mut std::io::sink()).is_ok_and(|found| found == length)
}

#[cfg(test)]
mod tests {
    use dlcs_core::policy::ChromaSampling;

    use super::*;

    #[test]
    fn lossless_tiles_come_back_as_they_were() {
        for channels in [
            Channels::Grey,
            Channels::GreyAlpha,
            Channels::Rgb,
            Channels::Rgba,
        ] {
            let mut tile = Pixels::blank(16, 16, channels);
            for (index, value) in tile.data.iter_mut().enumerate() {
                *value = (index * index % 251) as u8;
            }
            let stored = encode_tile(&tile, TileCoding::Lossless).unwrap();
            assert!(stored.tables.is_empty());
            assert_eq!(
                inflate(&stored.stream, Samples::Differences, 16, 16, channels).unwrap(),
                tile
            );
            let cut = &stored.stream[..stored.stream.len() / 2];
            assert!(inflate(cut, Samples::Differences, 16, 16, channels).is_err());
            let first = inflate(cut, Samples::Differences, 16, 2, channels).unwrap();
            assert_eq!(first.corner(16, 2), tile.corner(16, 2));
        }
    }

    #[test]
    fn tables_depend_on_the_coding_alone() {
        let coding = TileCoding::Jpeg {
            quality: 85,
            sampling: ChromaSampling::Quarter,
        };
        let mut tile = Pixels::blank(32, 32, Channels::Rgb);
        let blank = encode_tile(&tile, coding).unwrap();
        for (index, value) in tile.data.iter_mut().enumerate() {
            *value = (index * index % 251) as u8;
        }
        let full = encode_tile(&tile, coding).unwrap();
        assert_eq!(blank.tables, full.tables);
        assert_ne!(blank.stream, full.stream);
    }
}
