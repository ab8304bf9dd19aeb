//! GIF sources: their first image, on the canvas that it belongs to.

mod blocks;

use dlcs_core::derivative::ProcessError;
use gif::{ColorOutput, DecodeOptions, Decoder, DecodingError, MemoryLimit};
use image::metadata::Orientation;

use super::super::sniff::SourceFormat;
use super::super::spool::SpooledFile;
use super::palette::Palette;
use super::pieces::Pieces;
use super::{Alpha, Depth, Header, Nature, Profile, Rows, Samples, Source, SourceLimits, damaged};
use blocks::Outline;

pub(super) fn open(file: &SpooledFile, limits: &SourceLimits) -> Result<Source, ProcessError> {
    let bad = |reason: &str| damaged(SourceFormat::Gif, reason);
    let outline = Outline::read(file).map_err(bad)?;
    limits.check(u64::from(outline.width), u64::from(outline.height))?;
    limits.check(
        u64::from(outline.frame_width),
        u64::from(outline.frame_height),
    )?;
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    // What it takes is counted in the header.
    options.set_memory_limit(MemoryLimit::Unlimited);
    let mut decoder = options
        .read_info(Pieces::new(file, outline.needed.clone()))
        .map_err(fault)?;
    if decoder.next_frame_info().map_err(fault)?.is_none() {
        return Err(bad("it has no pixels"));
    }
    let colours = decoder.palette().map_err(fault)?;
    let palette = Palette::new(colours.as_chunks::<3>().0.to_vec());
    let is_open = outline.transparent.is_some() || !outline.covers_canvas();
    let profile = match decoder.icc_profile() {
        Some(icc) => Profile::Icc(icc.to_vec()),
        None => Profile::Untagged,
    };
    let frame_bytes = u64::from(outline.frame_width) * u64::from(outline.frame_height);
    let header = Header {
        width: outline.width,
        height: outline.height,
        samples: Samples {
            model: palette.model(),
            depth: Depth::U8,
            alpha: if is_open {
                Alpha::Straight
            } else {
                Alpha::None
            },
        },
        nature: Nature::Flat,
        profile,
        orientation: Orientation::NoTransforms,
        held_bytes: if outline.is_interlaced {
            frame_bytes
        } else {
            0
        },
    };
    let samples = header.samples;
    Ok(Source::new(SourceFormat::Gif, header, move || {
        let mut frame = None;
        if outline.is_interlaced {
            let length =
                usize::try_from(frame_bytes).map_err(|_| bad("it does not fit into memory"))?;
            let mut indexes = vec![0; length];
            decoder.read_into_buffer(&mut indexes).map_err(fault)?;
            frame = Some(indexes);
        }
        Ok(Box::new(GifRows {
            indexes: vec![0; outline.frame_width as usize],
            outline,
            decoder,
            frame,
            palette,
            samples,
            row: 0,
        }))
    }))
}

struct GifRows {
    outline: Outline,
    decoder: Decoder<Pieces>,
    /// All numbers of an image whose rows come in another order.
    frame: Option<Vec<u8>>,
    palette: Palette,
    samples: Samples,
    /// Numbers of one row of the image.
    indexes: Vec<u8>,
    /// The next row of the canvas.
    row: u32,
}

impl GifRows {
    /// The numbers of the next row of the image.
    fn next_indexes(&mut self, row: u32) -> Result<(), ProcessError> {
        let width = self.indexes.len();
        if let Some(frame) = &self.frame {
            let start = row as usize * width;
            self.indexes.copy_from_slice(&frame[start..start + width]);
            return Ok(());
        }
        if self.decoder.fill_buffer(&mut self.indexes).map_err(fault)? {
            Ok(())
        } else {
            Err(damaged(SourceFormat::Gif, "it has too few rows"))
        }
    }
}

impl Rows for GifRows {
    fn next_row(&mut self, row: &mut [u8]) -> Result<(), ProcessError> {
        // Where nothing is drawn, there is nothing.
        row.fill(0);
        let within = self
            .row
            .checked_sub(self.outline.top)
            .filter(|within| *within < self.outline.frame_height);
        self.row += 1;
        let Some(within) = within else {
            return Ok(());
        };
        self.next_indexes(within)?;
        let (left, transparent) = (self.outline.left as usize, self.outline.transparent);
        let channels = self.samples.model.channels();
        let pixels = row.chunks_exact_mut(self.samples.per_pixel()).skip(left);
        for (pixel, index) in pixels.zip(&self.indexes) {
            if Some(*index) == transparent {
                continue;
            }
            let (colour, alpha) = pixel.split_at_mut(channels);
            self.palette.write(*index, colour);
            alpha.fill(u8::MAX);
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), ProcessError> {
        // Rows below the canvas are not shown, but have to be there.
        let below = (self.outline.top + self.outline.frame_height).saturating_sub(self.row);
        for row in self.outline.frame_height - below.min(self.outline.frame_height)
            ..self.outline.frame_height
        {
            self.next_indexes(row)?;
        }
        Ok(())
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape that `map_err` wants"
)]
fn fault(error: DecodingError) -> ProcessError {
    damaged(SourceFormat::Gif, error.to_string().replace('\n', " "))
}
