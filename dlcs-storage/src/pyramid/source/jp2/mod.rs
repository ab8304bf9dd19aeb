//! JPEG 2000 sources: some rows of tiles after the other, each as a codestream of its own.
//!
//! The decoder wants a whole codestream in memory and returns a whole image. The tiles of a codestream know nothing of each other, so one
//! with fewer rows of them is made by a change of its size and of the numbers of its tiles.

mod boxes;
mod channels;
mod codestream;

use std::ops::Range;

use dlcs_core::derivative::ProcessError;
use hayro_jpeg2000::{DecodeError, DecodeSettings, DecoderContext, Image};
use image::metadata::Orientation;

use super::super::sniff::SourceFormat;
use super::super::spool::SpooledFile;
use super::{Header, Nature, Rows, Source, SourceLimits, damaged, unsupported};
use boxes::Boxes;
use channels::Channels;
use codestream::{Codestream, Component, Refusal};

/// So many pixels are decoded at once where tiles allow it.
const BAND_PIXELS: u64 = 1 << 20;

pub(super) fn open(file: &SpooledFile, limits: &SourceLimits) -> Result<Source, ProcessError> {
    let bad = |reason: &str| damaged(SourceFormat::Jp2, reason);
    let boxes = Boxes::read(file).map_err(bad)?;
    let (mut stream, tiles) = Codestream::open(file, &boxes.codestream).map_err(refused)?;
    let grid = &stream.grid;
    let (width, height) = (grid.width(), grid.height(0..grid.rows()));
    if width == 0 || height == 0 {
        return Err(bad("it has no pixels"));
    }
    limits.check(u64::from(width), u64::from(height))?;
    stream
        .walk(file, tiles, boxes.codestream.end)
        .map_err(refused)?;
    stream.check_style().map_err(refused)?;
    let mut channels = Channels::new(&boxes, &stream.grid.components)
        .map_err(|reason| unsupported(SourceFormat::Jp2, reason))?;
    if is_converted_by_decoder(&stream.grid.components) {
        channels.are_converted();
    }
    let bands = Bands::new(&stream);
    let header = Header {
        width,
        height,
        samples: channels.samples,
        nature: Nature::Shaded,
        profile: channels.profile.clone(),
        orientation: Orientation::NoTransforms,
        held_bytes: bands.held_bytes(&stream, channels.samples.pixel_bytes() as u64),
    };
    let file = file.clone();
    Ok(Source::new(SourceFormat::Jp2, header, move || {
        Ok(Box::new(Jp2Rows {
            file,
            stream,
            channels,
            bands,
            next_band: 0,
            decoded: Vec::new(),
            used: 0,
        }))
    }))
}

/// Three components of which the last two are sampled less densely are luma and differences; the decoder converts them by itself.
fn is_converted_by_decoder(components: &[Component]) -> bool {
    matches!(
        components,
        [luma, blue, red] if blue.step == red.step
            && blue.step != luma.step
            && blue.step.0 >= luma.step.0
            && blue.step.1 >= luma.step.1
    )
}

fn refused(refusal: Refusal) -> ProcessError {
    match refusal {
        Refusal::Damaged(reason) => damaged(SourceFormat::Jp2, reason),
        Refusal::Unsupported(reason) => unsupported(SourceFormat::Jp2, reason),
    }
}

fn fault(error: DecodeError) -> ProcessError {
    damaged(SourceFormat::Jp2, error.to_string().replace('\n', " "))
}

/// Rows of tiles that are decoded together.
#[derive(Debug, Clone, Copy)]
struct Bands {
    /// Rows of tiles in one band.
    rows: u32,
    count: u32,
    total: u32,
}

impl Bands {
    fn new(stream: &Codestream) -> Self {
        let grid = &stream.grid;
        let total = grid.rows();
        let of_one = u64::from(grid.width()) * u64::from(grid.tile[1]);
        let rows = if stream.has_packed_headers {
            total
        } else {
            (BAND_PIXELS / of_one.max(1)).clamp(1, u64::from(total)) as u32
        };
        Self {
            rows,
            count: total.div_ceil(rows),
            total,
        }
    }

    fn rows(&self, band: u32) -> Range<u32> {
        band * self.rows..((band + 1) * self.rows).min(self.total)
    }

    /// The most that decoding any of them holds: the codestream, all components as floats, the largest tile several times, and the result.
    fn held_bytes(&self, stream: &Codestream, pixel_bytes: u64) -> u64 {
        let grid = &stream.grid;
        let components = grid.components.len() as u64;
        let width = u64::from(grid.width());
        let mut most = 0;
        for band in 0..self.count {
            let rows = self.rows(band);
            let pixels = width * u64::from(grid.height(rows.clone()));
            let codes: u64 = parts_of(stream, &rows)
                .map(|part| part.range.end - part.range.start)
                .sum();
            most = most.max(codes + pixels * (4 * components + pixel_bytes));
        }
        let tile = u64::from(grid.tile[0].min(grid.image[2] - grid.image[0]))
            * u64::from(grid.tile[1].min(grid.image[3] - grid.image[1]));
        let style = stream.style;
        let blocks = tile * components * 4 / 3 / style.block;
        most + stream.header.len() as u64 + tile * 12 + blocks * (96 + 56 * style.layers)
    }
}

/// The tile-parts of some rows of tiles.
fn parts_of<'a>(
    stream: &'a Codestream,
    rows: &Range<u32>,
) -> impl Iterator<Item = &'a codestream::TilePart> {
    let columns = stream.grid.columns();
    let tiles = rows.start * columns..rows.end * columns;
    stream
        .parts
        .iter()
        .filter(move |part| tiles.contains(&u32::from(part.tile)))
}

struct Jp2Rows {
    file: SpooledFile,
    stream: Codestream,
    channels: Channels,
    bands: Bands,
    next_band: u32,
    /// Rows of a band, and how many bytes of them have been used.
    decoded: Vec<u8>,
    used: usize,
}

impl Jp2Rows {
    /// A codestream that has nothing but some rows of tiles.
    fn codestream(&self, rows: &Range<u32>) -> Result<Vec<u8>, ProcessError> {
        let mut bytes = self.stream.header.clone();
        let grid = &self.stream.grid;
        let [top, bottom] = grid.edges(rows.clone());
        let origin = grid.origin[1] + rows.start * grid.tile[1];
        // After the first marker, the second one, its length and its capabilities: right, bottom, left, top, the size of tiles and where they begin.
        for (index, value) in [(1, bottom), (3, top), (7, origin)] {
            let place = 8 + 4 * index;
            bytes[place..place + 4].copy_from_slice(&value.to_be_bytes());
        }
        let first_tile = (rows.start * grid.columns()) as u16;
        for part in parts_of(&self.stream, rows) {
            let start = bytes.len();
            let length = (part.range.end - part.range.start) as usize;
            bytes.extend_from_slice(&self.file.read(part.range.start, length)?);
            bytes[start + 4..start + 6].copy_from_slice(&(part.tile - first_tile).to_be_bytes());
            // Also where the length was left open.
            let length = u32::try_from(length)
                .map_err(|_| damaged(SourceFormat::Jp2, "a tile is too long"))?;
            bytes[start + 6..start + 10].copy_from_slice(&length.to_be_bytes());
        }
        bytes.extend([0xFF, 0xD9]);
        Ok(bytes)
    }

    fn decode(&mut self, band: u32) -> Result<(), ProcessError> {
        let rows = self.bands.rows(band);
        let bytes = self.codestream(&rows)?;
        let settings = DecodeSettings {
            resolve_palette_indices: false,
            strict: true,
            target_resolution: None,
        };
        let image = Image::new(&bytes, &settings).map_err(fault)?;
        let (width, height) = (self.stream.grid.width(), self.stream.grid.height(rows));
        if (image.width(), image.height()) != (width, height) {
            return Err(damaged(
                SourceFormat::Jp2,
                "its headers contradict each other",
            ));
        }
        let mut context = DecoderContext::default();
        let decoded = image.decode(&mut context).map_err(fault)?;
        let width = width as usize;
        let stride = width * self.channels.samples.pixel_bytes();
        let components: Vec<&[f32]> = decoded
            .components()
            .iter()
            .map(hayro_jpeg2000::ComponentData::samples)
            .collect();
        self.decoded.resize(stride * height as usize, 0);
        for (y, row) in self.decoded.chunks_exact_mut(stride).enumerate() {
            let of_row: Vec<&[f32]> = components
                .iter()
                .map(|samples| &samples[y * width..][..width])
                .collect();
            self.channels.write(&of_row, row);
        }
        self.used = 0;
        Ok(())
    }
}

impl Rows for Jp2Rows {
    fn next_row(&mut self, row: &mut [u8]) -> Result<(), ProcessError> {
        // A row of tiles may have no pixels.
        while self.used == self.decoded.len() {
            if self.next_band == self.bands.count {
                return Err(damaged(SourceFormat::Jp2, "it has too few rows"));
            }
            self.decode(self.next_band)?;
            self.next_band += 1;
        }
        let next = &self.decoded[self.used..][..row.len()];
        row.copy_from_slice(next);
        self.used += row.len();
        Ok(())
    }
}
