//! AVIF sources: whole, or tile by tile of a grid.

mod boxes;
mod colours;
mod decode;
mod fields;

use dlcs_core::derivative::ProcessError;
use image::metadata::Orientation;

use super::super::sniff::SourceFormat;
use super::super::spool::SpooledFile;
use super::cicp;
use super::frame::Frame;
use super::{
    Alpha, ColourModel, Depth, Header, METADATA_CAP, Profile, Samples, Source, SourceLimits,
    damaged, unsupported,
};
use boxes::{Item, Items, Property};
use colours::Picture;
use fields::Fields;

pub(super) fn open(file: &SpooledFile, limits: &SourceLimits) -> Result<Source, ProcessError> {
    let bad = |reason: &str| damaged(SourceFormat::Avif, reason);
    let items = Items::read(file).map_err(bad)?;
    let colour = Shown::new(file, &items, items.primary, limits)?;
    let item = items.get(items.primary).map_err(bad)?;
    let opacity = match items.opacity_of(items.primary) {
        Some((id, is_multiplied)) => {
            let shown = Shown::new(file, &items, id, limits)?;
            if (shown.width, shown.height) != (colour.width, colour.height) {
                return Err(bad("its opacity has another size"));
            }
            let alpha = if is_multiplied {
                Alpha::Premultiplied
            } else {
                Alpha::Straight
            };
            Some((shown, alpha))
        }
        None => None,
    };
    let samples = Samples {
        model: ColourModel::Rgb,
        depth: if depth(&items, &colour)? > 8 {
            Depth::U16
        } else {
            Depth::U8
        },
        alpha: opacity.as_ref().map_or(Alpha::None, |(_, alpha)| *alpha),
    };
    let (width, height) = (colour.width, colour.height);
    let area = |shown: &Shown| u64::from(shown.tile.0) * u64::from(shown.tile.1);
    let of_opacity = opacity.as_ref().map_or(0, |(opacity, _)| area(opacity));
    let tile = area(&colour).max(of_opacity);
    let pixel_bytes = samples.pixel_bytes() as u64;
    let header = Header {
        width,
        height,
        samples,
        nature: super::Nature::Shaded,
        profile: profile(item),
        orientation: orientation(item),
        // The codes; of one tile what the decoder holds and its planes; the result.
        held_bytes: file.length()
            + tile * 3 * 6
            + u64::from(width) * u64::from(height) * pixel_bytes,
    };
    let length = header.row_bytes() * height as usize;
    let (file, row_bytes) = (file.clone(), header.row_bytes());
    Ok(Source::new(SourceFormat::Avif, header, move || {
        let mut canvas = Canvas {
            data: vec![0; length],
            row_bytes,
            samples,
        };
        colour.each_tile(&file, &items, |picture, left, top| {
            canvas.colours(picture, left, top);
        })?;
        if let Some((opacity, _)) = opacity {
            opacity.each_tile(&file, &items, |picture, left, top| {
                canvas.opacity(picture, left, top);
            })?;
        }
        Ok(Box::new(Frame::new(canvas.data)))
    }))
}

/// An image: one item, or a grid of them.
#[derive(Debug)]
struct Shown {
    width: u32,
    height: u32,
    tile: (u32, u32),
    columns: usize,
    tiles: Vec<u32>,
    /// The matrix, and whether the whole range is used.
    nclx: Option<(u16, bool)>,
}

impl Shown {
    fn new(
        file: &SpooledFile,
        items: &Items,
        id: u32,
        limits: &SourceLimits,
    ) -> Result<Self, ProcessError> {
        let bad = |reason: &str| damaged(SourceFormat::Avif, reason);
        let item = items.get(id).map_err(bad)?;
        if let Some(kind) = item.properties.iter().find_map(|property| match property {
            Property::Unknown(kind) => Some(kind.escape_ascii()),
            _ => None,
        }) {
            return Err(unsupported(
                SourceFormat::Avif,
                format!("it has the property {kind}"),
            ));
        }
        let (width, height) = size(item).ok_or_else(|| bad("its size is not said"))?;
        limits.check(u64::from(width), u64::from(height))?;
        if width == 0 || height == 0 {
            return Err(bad("it has no pixels"));
        }
        let nclx = |item: &Item| {
            item.properties.iter().find_map(|property| match property {
                Property::Nclx(_, _, matrix, is_full) => Some((*matrix, *is_full)),
                _ => None,
            })
        };
        match &item.kind {
            b"av01" => Ok(Self {
                width,
                height,
                tile: (width, height),
                columns: 1,
                tiles: vec![id],
                nclx: nclx(item),
            }),
            b"grid" => {
                let tiles = items.parts_of(id).to_vec();
                let layout = items.data(file, id).map_err(bad)?;
                let (rows, columns, canvas) = grid(&layout).map_err(bad)?;
                if tiles.is_empty() || tiles.len() != rows * columns || canvas != (width, height) {
                    return Err(bad("its grid has holes"));
                }
                let first = items.get(tiles[0]).map_err(bad)?;
                let tile = size(first).ok_or_else(|| bad("its size is not said"))?;
                limits.check(u64::from(tile.0), u64::from(tile.1))?;
                let covers = |tile: u32, count: usize, side: u32| {
                    tile > 0 && u64::from(tile) * count as u64 >= u64::from(side)
                };
                if !covers(tile.0, columns, width) || !covers(tile.1, rows, height) {
                    return Err(bad("its grid has holes"));
                }
                for id in &tiles {
                    let item = items.get(*id).map_err(bad)?;
                    if &item.kind != b"av01" || size(item) != Some(tile) {
                        return Err(bad("the tiles of its grid differ"));
                    }
                }
                Ok(Self {
                    width,
                    height,
                    tile,
                    columns,
                    tiles,
                    nclx: nclx(item).or_else(|| nclx(first)),
                })
            }
            kind => Err(unsupported(
                SourceFormat::Avif,
                format!("its image is of the kind {}", kind.escape_ascii()),
            )),
        }
    }

    /// Decodes one tile after the other.
    fn each_tile(
        &self,
        file: &SpooledFile,
        items: &Items,
        mut call: impl FnMut(&Picture, usize, usize),
    ) -> Result<(), ProcessError> {
        for (index, id) in self.tiles.iter().enumerate() {
            let data = items
                .data(file, *id)
                .map_err(|reason| damaged(SourceFormat::Avif, reason))?;
            let picture = decode::decode(data, self.tile, self.nclx)
                .map_err(|reason| damaged(SourceFormat::Avif, reason))?;
            let (column, row) = (index % self.columns, index / self.columns);
            call(
                &picture,
                column * self.tile.0 as usize,
                row * self.tile.1 as usize,
            );
        }
        Ok(())
    }
}

fn size(item: &Item) -> Option<(u32, u32)> {
    item.properties.iter().find_map(|property| match property {
        Property::Size(width, height) => Some((*width, *height)),
        _ => None,
    })
}

/// Rows, columns, and the size of the whole.
fn grid(data: &[u8]) -> Result<(usize, usize, (u32, u32)), &'static str> {
    let mut fields = Fields::new(data);
    let (_, flags) = (fields.u8()?, fields.u8()?);
    let (rows, columns) = (usize::from(fields.u8()?) + 1, usize::from(fields.u8()?) + 1);
    let size = if flags & 1 == 1 {
        (fields.u32()?, fields.u32()?)
    } else {
        (u32::from(fields.u16()?), u32::from(fields.u16()?))
    };
    Ok((rows, columns, size))
}

/// The bits of a sample of the first tile.
fn depth(items: &Items, shown: &Shown) -> Result<u8, ProcessError> {
    let bad = |reason: &str| damaged(SourceFormat::Avif, reason);
    let item = items.get(shown.tiles[0]).map_err(bad)?;
    let depth = item.properties.iter().find_map(|property| match property {
        Property::Depth(bits) => Some(*bits),
        _ => None,
    });
    depth.ok_or_else(|| bad("its codes are not described"))
}

fn profile(item: &Item) -> Profile {
    let icc = item.properties.iter().find_map(|property| match property {
        Property::Icc(icc) if icc.len() <= METADATA_CAP as usize => Some(icc.clone()),
        _ => None,
    });
    let nclx = item.properties.iter().find_map(|property| match property {
        Property::Nclx(primaries, transfer, ..) => Some((*primaries, *transfer)),
        _ => None,
    });
    match (icc, nclx) {
        (Some(icc), _) => Profile::Icc(icc),
        (None, Some((primaries, transfer))) => cicp::profile(primaries, transfer),
        (None, None) => Profile::Untagged,
    }
}

/// First the turn, then the mirror.
fn orientation(item: &Item) -> Orientation {
    let (mut turns, mut mirror) = (0, None);
    for property in &item.properties {
        match property {
            Property::Turn(count) => turns = *count,
            Property::Mirror(axis) => mirror = Some(*axis),
            _ => {}
        }
    }
    match (turns, mirror) {
        (0, None) => Orientation::NoTransforms,
        (1, None) => Orientation::Rotate270,
        (2, None) => Orientation::Rotate180,
        (_, None) => Orientation::Rotate90,
        (0, Some(1)) | (2, Some(0)) => Orientation::FlipHorizontal,
        (0 | 2, Some(_)) => Orientation::FlipVertical,
        (1, Some(1)) | (3, Some(0)) => Orientation::Rotate270FlipH,
        (_, Some(_)) => Orientation::Rotate90FlipH,
    }
}

/// The result.
struct Canvas {
    data: Vec<u8>,
    row_bytes: usize,
    samples: Samples,
}

impl Canvas {
    fn colours(&mut self, picture: &Picture, left: usize, top: usize) {
        self.draw(picture, left, top, |picture, x, y, write| {
            for (index, value) in picture.rgb(x, y).into_iter().enumerate() {
                write(index, value);
            }
        });
    }

    fn opacity(&mut self, picture: &Picture, left: usize, top: usize) {
        self.draw(picture, left, top, |picture, x, y, write| {
            write(3, picture.luma(x, y));
        });
    }

    /// Writes samples from 0 to 1 of every pixel that lies on the canvas.
    fn draw(
        &mut self,
        picture: &Picture,
        left: usize,
        top: usize,
        samples: impl Fn(&Picture, usize, usize, &mut dyn FnMut(usize, f32)),
    ) {
        let (bytes, depth) = (self.samples.pixel_bytes(), self.samples.depth);
        let rows = self.data.chunks_exact_mut(self.row_bytes).skip(top);
        for (y, row) in rows.take(picture.luma.height).enumerate() {
            let pixels = row.chunks_exact_mut(bytes).skip(left);
            for (x, pixel) in pixels.take(picture.luma.width).enumerate() {
                samples(picture, x, y, &mut |index, value| match depth {
                    Depth::U8 => pixel[index] = (value * 255.0 + 0.5) as u8,
                    _ => {
                        let value = (value * 65_535.0 + 0.5) as u16;
                        pixel[2 * index..2 * index + 2].copy_from_slice(&value.to_ne_bytes());
                    }
                });
            }
        }
    }
}
