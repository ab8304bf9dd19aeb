//! JPEG 2000 in a JP2 file, tile by tile.

use std::path::Path;

use openjp2::openjpeg::{OPJ_CLRSPC_GRAY, OPJ_CLRSPC_SRGB, OPJ_CODEC_JP2};
use openjp2::{Codec, Stream, opj_cparameters_t, opj_image, opj_image_comptparm};
use tempfile::NamedTempFile;

use super::super::error::PyramidError;
use super::super::pixels::{Channels, Pixels};
use super::{Depth, failed, is_bitonal};

/// The side of a tile: only one of them is held in the encoder's wide numbers.
const TILE: u32 = 1024;

/// How close a lossy result is to the pixels, in decibels.
const PSNR: f32 = 42.0;

/// The usual count of resolutions.
const RESOLUTIONS: u32 = 6;

/// Bytes that are written to the file at once.
const BUFFER: usize = 1 << 16;

/// Encodes pixels as JP2: with alpha where they have it, without loss where they are black and white.
pub(super) fn encode_jp2(
    pixels: &Pixels,
    depth: Depth,
    spool_directory: Option<&Path>,
) -> Result<Vec<u8>, PyramidError> {
    // The encoder writes to nothing but files, and goes back in them.
    let file = match spool_directory {
        Some(directory) => NamedTempFile::new_in(directory),
        None => NamedTempFile::new(),
    }
    .map_err(PyramidError::Spool)?;
    let mut stream = Stream::new_file(file.path(), BUFFER, false).map_err(PyramidError::Spool)?;
    let mut codec =
        Codec::new_encoder(OPJ_CODEC_JP2).ok_or_else(|| failed("openjp2 has no encoder"))?;
    let mut parameters = parameters(pixels, depth);
    let mut image = header(pixels).ok_or_else(|| failed("openjp2 has no memory"))?;
    let done = |result: i32, step: &'static str| {
        (result != 0)
            .then_some(())
            .ok_or_else(|| failed(format!("openjp2: {step} failed")))
    };
    done(
        codec.setup_encoder(&mut parameters, &mut image),
        "setting up",
    )?;
    done(codec.start_compress(&mut image, &mut stream), "the header")?;
    for (number, tile) in (0..).zip(tiles(pixels)) {
        done(codec.write_tile(number, &tile, &mut stream), "a tile")?;
    }
    done(codec.end_compress(&mut stream), "the end")?;
    stream.flush().map_err(PyramidError::Spool)?;
    drop(stream);
    std::fs::read(file.path()).map_err(PyramidError::Spool)
}

#[expect(
    clippy::field_reassign_with_default,
    reason = "a type that frees what it points to cannot be made from parts of another"
)]
fn parameters(pixels: &Pixels, depth: Depth) -> opj_cparameters_t {
    let shortest = pixels.width.min(pixels.height).min(TILE);
    let is_lossy = !is_bitonal(pixels.channels, depth);
    let mut parameters = opj_cparameters_t::default();
    parameters.tile_size_on = 1;
    parameters.cp_tdx = TILE as i32;
    parameters.cp_tdy = TILE as i32;
    parameters.numresolution = (shortest.ilog2() + 1).min(RESOLUTIONS) as i32;
    parameters.tcp_numlayers = 1;
    parameters.irreversible = i32::from(is_lossy);
    if is_lossy {
        parameters.cp_fixed_quality = 1;
        parameters.tcp_distoratio[0] = PSNR;
    } else {
        parameters.cp_disto_alloc = 1;
    }
    parameters.tcp_mct = i8::from(matches!(pixels.channels, Channels::Rgb | Channels::Rgba));
    parameters
}

/// What the file says of the pixels.
fn header(pixels: &Pixels) -> Option<Box<opj_image>> {
    let component = opj_image_comptparm {
        dx: 1,
        dy: 1,
        w: pixels.width,
        h: pixels.height,
        x0: 0,
        y0: 0,
        prec: 8,
        bpp: 8,
        sgnd: 0,
    };
    let colours = match pixels.channels {
        Channels::Grey | Channels::GreyAlpha => OPJ_CLRSPC_GRAY,
        Channels::Rgb | Channels::Rgba => OPJ_CLRSPC_SRGB,
    };
    let mut image = opj_image::tile_create(&vec![component; pixels.channels.count()], colours)?;
    (image.x1, image.y1) = (pixels.width, pixels.height);
    if pixels.channels.has_alpha() {
        image.comps_mut()?.last_mut()?.alpha = 1;
    }
    Some(image)
}

/// The tiles, row by row: of each one channel after the other.
fn tiles(pixels: &Pixels) -> impl Iterator<Item = Vec<u8>> {
    let count = pixels.channels.count();
    let rows = (0..pixels.height).step_by(TILE as usize);
    rows.flat_map(move |top| {
        (0..pixels.width).step_by(TILE as usize).map(move |left| {
            let rows = top as usize..(top + TILE).min(pixels.height) as usize;
            let columns = left as usize..(left + TILE).min(pixels.width) as usize;
            let mut tile = Vec::with_capacity(rows.len() * columns.len() * count);
            for channel in 0..count {
                for row in rows.clone() {
                    let row = &pixels.data[row * pixels.stride()..][..pixels.stride()];
                    let part = &row[columns.start * count..columns.end * count];
                    tile.extend(part.iter().skip(channel).step_by(count));
                }
            }
            tile
        })
    })
}
