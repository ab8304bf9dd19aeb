//! From the rows of a level to those of a result.

use std::ops::Range;

use dlcs_core::iiif::Dimensions;
use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use super::error::PyramidError;
use super::pixels::{Channels, Pixels};

/// A rectangle between pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Crop {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// How a crop of an area becomes a result, strip by strip.
///
/// A strip needs rows around its own, so that strips together are what the whole would be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scaling {
    /// The size of the area.
    pub(super) area: (u32, u32),
    /// The part of it that is wanted.
    pub(super) crop: Crop,
    /// What that part becomes.
    pub(super) size: Dimensions,
}

impl Scaling {
    /// Rows of the area for one row of the result.
    fn step(&self) -> f64 {
        self.crop.height / f64::from(self.size.height())
    }

    /// Whether pixels are copied as they are.
    fn copies(&self) -> bool {
        let Crop {
            left,
            top,
            width,
            height,
        } = self.crop;
        (width, height) == (f64::from(self.size.width()), f64::from(self.size.height()))
            && left.fract() == 0.0
            && top.fract() == 0.0
    }

    /// Softer where pixels have to be made up: sharp filters ring.
    fn filter(&self) -> FilterType {
        let enlarges = f64::from(self.size.width()) > self.crop.width
            || f64::from(self.size.height()) > self.crop.height;
        if enlarges {
            FilterType::CatmullRom
        } else {
            FilterType::Lanczos3
        }
    }

    /// Rows above and below that a row of the result looks at.
    pub(super) fn reach(&self) -> f64 {
        if self.copies() {
            return 0.0;
        }
        let support = match self.filter() {
            FilterType::CatmullRom => 2.0,
            _ => 3.0,
        };
        support * self.step().max(1.0) + 1.0
    }

    /// The rows of the area that rows of the result are made from.
    pub(super) fn needs(&self, rows: &Range<u32>) -> Range<u32> {
        let at = |row: u32| self.crop.top + f64::from(row) * self.step();
        let first = (at(rows.start) - self.reach()).floor().max(0.0) as u32;
        let last = (at(rows.end) + self.reach()).ceil() as u32;
        first.min(self.area.1)..last.min(self.area.1)
    }

    /// How many rows of the result can be made of the first rows of the area.
    pub(super) fn ready(&self, rows: u32) -> u32 {
        if rows >= self.area.1 {
            return self.size.height();
        }
        let enough = (f64::from(rows) - self.reach() - self.crop.top) / self.step();
        // One less, for what rounding may have added.
        (enough.max(0.0) as u32)
            .saturating_sub(1)
            .min(self.size.height())
    }

    /// Makes rows of the result from the rows of the area that they need.
    pub(super) fn scale(
        &self,
        resizer: &mut Resizer,
        channels: Channels,
        source: &[u8],
        rows: &Range<u32>,
    ) -> Result<Pixels, PyramidError> {
        let needed = self.needs(rows);
        let (width, height) = (self.size.width(), rows.end - rows.start);
        let top = self.crop.top + f64::from(rows.start) * self.step() - f64::from(needed.start);
        if self.copies() {
            let count = channels.count();
            let left = self.crop.left as usize * count;
            let data = source
                .chunks_exact(self.area.0 as usize * count)
                .skip(top as usize)
                .take(height as usize)
                .flat_map(|row| &row[left..left + width as usize * count])
                .copied()
                .collect();
            return Ok(Pixels {
                width,
                height,
                channels,
                data,
            });
        }
        let kind = match channels {
            Channels::Grey => PixelType::U8,
            Channels::GreyAlpha => PixelType::U8x2,
            Channels::Rgb => PixelType::U8x3,
            Channels::Rgba => PixelType::U8x4,
        };
        let held = needed.end - needed.start;
        let view = ImageRef::new(self.area.0, held, source, kind)
            .map_err(|error| PyramidError::Resize(error.into()))?;
        let mut target = Image::new(width, height, kind);
        let options = ResizeOptions::new()
            .resize_alg(ResizeAlg::Convolution(self.filter()))
            .crop(
                self.crop.left,
                top,
                self.crop.width.min(f64::from(self.area.0) - self.crop.left),
                (f64::from(height) * self.step()).min(f64::from(held) - top),
            );
        resizer
            .resize(&view, &mut target, &options)
            .map_err(|error| PyramidError::Resize(error.into()))?;
        Ok(Pixels {
            width,
            height,
            channels,
            data: target.into_vec(),
        })
    }
}

/// Scales a part of the pixels to exactly this size.
pub(super) fn resize(
    pixels: &Pixels,
    crop: Crop,
    size: Dimensions,
) -> Result<Pixels, PyramidError> {
    let scaling = Scaling {
        area: (pixels.width, pixels.height),
        crop,
        size,
    };
    let rows = 0..size.height();
    let needed = scaling.needs(&rows);
    let stride = pixels.stride();
    let source = &pixels.data[needed.start as usize * stride..needed.end as usize * stride];
    scaling.scale(&mut Resizer::new(), pixels.channels, source, &rows)
}

/// The same pixels without colour.
pub(super) fn grey(pixels: Pixels) -> Pixels {
    let (channels, data) = match pixels.channels {
        Channels::Grey | Channels::GreyAlpha => return pixels,
        Channels::Rgb => {
            let colours = pixels.data.as_chunks::<3>().0.iter();
            (Channels::Grey, colours.copied().map(luma).collect())
        }
        Channels::Rgba => {
            let colours = pixels.data.as_chunks::<4>().0.iter();
            let data = colours.flat_map(|[r, g, b, alpha]| [luma([*r, *g, *b]), *alpha]);
            (Channels::GreyAlpha, data.collect())
        }
    };
    Pixels {
        channels,
        data,
        ..pixels
    }
}

/// Makes every sample black or white.
pub(super) fn threshold(mut pixels: Pixels) -> Pixels {
    for value in &mut pixels.data {
        *value = if *value < 128 { 0 } else { 255 };
    }
    pixels
}

/// Luma of Rec. 601, as in JPEG.
fn luma([r, g, b]: [u8; 3]) -> u8 {
    let sum = 19_595 * u32::from(r) + 38_470 * u32::from(g) + 7_471 * u32::from(b);
    ((sum + 32_768) >> 16) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(width: u32, height: u32, channels: Channels) -> Pixels {
        let mut pixels = Pixels::blank(width, height, channels);
        let mut state = 1_u32;
        for value in &mut pixels.data {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *value = (state >> 24) as u8;
        }
        pixels
    }

    #[test]
    fn strips_together_are_what_the_whole_would_be() {
        let source = noise(97, 400, Channels::Rgb);
        for (top, height, size) in [
            (0.0, 400.0, (50, 170)),
            (3.25, 390.5, (31, 41)),
            (3.25, 90.5, (200, 333)),
            (5.0, 300.0, (97, 300)),
            (0.5, 399.5, (97, 399)),
        ] {
            let scaling = Scaling {
                area: (97, 400),
                crop: Crop {
                    left: 0.0,
                    top,
                    width: 97.0,
                    height,
                },
                size: Dimensions::new(size.0, size.1).unwrap(),
            };
            let mut resizer = Resizer::new();
            let mut make = |rows: Range<u32>| {
                let needed = scaling.needs(&rows);
                let rows_of = &source.data[needed.start as usize * source.stride()
                    ..needed.end as usize * source.stride()];
                scaling
                    .scale(&mut resizer, source.channels, rows_of, &rows)
                    .unwrap()
            };
            let whole = make(0..size.1);
            let (mut together, mut next) = (Vec::new(), 0);
            for held in [1, 64, 65, 200, 399, 400] {
                let ready = scaling.ready(held);
                assert!(ready == next || scaling.needs(&(next..ready)).end <= held);
                if ready > next {
                    together.extend(make(next..ready).data);
                    next = ready;
                }
            }
            assert_eq!(together.len(), whole.data.len());
            let largest = together
                .iter()
                .zip(&whole.data)
                .map(|(a, b)| a.abs_diff(*b))
                .max();
            // The resampler rounds its weights anew for every strip: noise shows that most.
            assert!(largest <= Some(2), "{size:?}: {largest:?}");
        }
    }

    #[test]
    fn what_is_transparent_gives_its_colour_to_nothing() {
        // Red that is seen beside green that is not.
        let mut source = Pixels::blank(64, 64, Channels::Rgba);
        for (place, pixel) in source.data.as_chunks_mut::<4>().0.iter_mut().enumerate() {
            *pixel = if place % 64 < 32 {
                [255, 0, 0, 255]
            } else {
                [0, 255, 0, 0]
            };
        }
        let scaling = Scaling {
            area: (64, 64),
            crop: Crop {
                left: 0.0,
                top: 0.0,
                width: 64.0,
                height: 64.0,
            },
            size: Dimensions::new(9, 9).unwrap(),
        };
        let scaled = scaling
            .scale(&mut Resizer::new(), Channels::Rgba, &source.data, &(0..9))
            .unwrap();
        let pixels = scaled.data.as_chunks::<4>().0;
        assert!(
            pixels
                .iter()
                .all(|[r, g, _, a]| *a == 0 || (*r > 250 && *g < 5))
        );
        assert!(pixels.iter().any(|[.., a]| (1..255).contains(a)));
    }
}
