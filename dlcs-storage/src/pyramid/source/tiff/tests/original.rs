//! Pyramids of libvips, found to be what they are.

use std::fs::File;
use std::io::Read;

use dlcs_core::iiif::TileSize;

use super::super::original::{Original, OriginalCoding, OriginalPyramid, original};
use super::super::{Directory, open};
use super::workshop::{LIMITS, Workshop, photograph};
use crate::pyramid::jpeg::{prefix, splice};
use crate::pyramid::spool::SpooledFile;

const WIDTH: u32 = 1301;
const HEIGHT: u32 = 999;

fn workshop(test: &str) -> Option<Workshop> {
    let shop = Workshop::open(test)?;
    shop.write("colour.ppm", &photograph(WIDTH, HEIGHT, 3));
    shop.write("grey.pgm", &photograph(WIDTH, HEIGHT, 1));
    Some(shop)
}

fn look(shop: &Workshop) -> (SpooledFile, Original) {
    let file = SpooledFile::new(File::open(shop.path("x.tif")).unwrap()).unwrap();
    let header = open(&file, &LIMITS).unwrap().header;
    let found = original(&file, &header).unwrap();
    (file, found)
}

/// The pixels of full resolution, put together from its tiles.
fn assemble(file: &SpooledFile, pyramid: &OriginalPyramid) -> Vec<u8> {
    let level = &pyramid.levels[0];
    let channels = if pyramid.is_coloured { 3 } else { 1 };
    let tile = pyramid.tile.get() as usize;
    let (width, height) = (WIDTH as usize, HEIGHT as usize);
    let mut pixels = vec![0; width * height * channels];
    for (index, (offset, length)) in level.tiles.iter().enumerate() {
        let packed = file.read(*offset, *length as usize).unwrap();
        let bytes = match &level.coding {
            OriginalCoding::Plain => packed.to_vec(),
            OriginalCoding::Deflate { differences } => {
                let mut bytes = Vec::new();
                flate2::read::ZlibDecoder::new(&packed[..])
                    .read_to_end(&mut bytes)
                    .unwrap();
                for row in bytes
                    .chunks_exact_mut(tile * channels)
                    .filter(|_| *differences)
                {
                    for at in channels..row.len() {
                        row[at] = row[at].wrapping_add(row[at - channels]);
                    }
                }
                bytes
            }
            OriginalCoding::Jpeg { tables, .. } => {
                let whole = match tables.as_slice() {
                    [] => packed.to_vec(),
                    tables => splice(&prefix(tables).unwrap(), &packed).unwrap(),
                };
                libjpeg_turbo_rs::decompress(&whole).unwrap().data
            }
        };
        let columns = width.div_ceil(tile);
        let (left, top) = (index % columns * tile, index / columns * tile);
        let (right, bottom) = ((left + tile).min(width), (top + tile).min(height));
        for y in top..bottom {
            let from = (y - top) * tile * channels;
            let part = &bytes[from..from + (right - left) * channels];
            let to = (y * width + left) * channels;
            pixels[to..to + part.len()].copy_from_slice(part);
        }
    }
    pixels
}

#[test]
fn pyramids_of_other_programs_are_found_with_all_their_tiles() {
    let test = "pyramids_of_other_programs_are_found_with_all_their_tiles";
    let Some(shop) = workshop(test) else {
        return;
    };
    let rows = [
        (
            "colour.ppm --tile-width 256 --tile-height 256 --compression jpeg --Q 80",
            TileSize::Px256,
        ),
        (
            "colour.ppm --tile-width 512 --tile-height 512 --compression jpeg --Q 85",
            TileSize::Px512,
        ),
        (
            "grey.pgm --tile-width 256 --tile-height 256 --compression jpeg",
            TileSize::Px256,
        ),
        (
            "colour.ppm --tile-width 256 --tile-height 256 --compression jpeg --subifd",
            TileSize::Px256,
        ),
        (
            "colour.ppm --tile-width 1024 --tile-height 1024 --compression deflate",
            TileSize::Px1024,
        ),
        (
            "colour.ppm --tile-width 256 --tile-height 256 --compression deflate --predictor horizontal",
            TileSize::Px256,
        ),
        (
            "grey.pgm --tile-width 256 --tile-height 256 --compression none --bigtiff",
            TileSize::Px256,
        ),
    ];
    for (line, tile) in rows {
        let (name, options) = line.split_once(' ').unwrap();
        shop.run(&format!(
            "vips tiffsave @{name} @x.tif --tile --pyramid {options}"
        ));
        let (file, found) = look(&shop);
        let Original::Pyramid(pyramid) = found else {
            panic!("{line}: {found:?}");
        };
        assert_eq!(pyramid.tile, tile, "{line}");
        assert_eq!(pyramid.is_coloured, name == "colour.ppm", "{line}");
        let (mut width, mut height) = (WIDTH, HEIGHT);
        for level in &pyramid.levels {
            let dimensions = level.dimensions;
            // libvips rounds down.
            assert_eq!(
                (dimensions.width(), dimensions.height()),
                (width, height),
                "{line}"
            );
            let count = width.div_ceil(tile.get()) * height.div_ceil(tile.get());
            assert_eq!(level.tiles.len(), count as usize, "{line}");
            (width, height) = (width / 2, height / 2);
        }
        assert!(2 * width.max(height) <= tile.get(), "{line}");
        let (_, ours) = shop.decode("x.tif").unwrap();
        let theirs = assemble(&file, &pyramid);
        let worst = ours.iter().zip(&theirs).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(
            ours.len() == theirs.len() && worst <= Some(1),
            "{line}: {worst:?}"
        );
    }
}

#[test]
fn what_cannot_be_served_as_it_is_says_why() {
    let Some(shop) = workshop("what_cannot_be_served_as_it_is_says_why") else {
        return;
    };
    shop.run("convert @colour.ppm -compress None @rgb.tif");
    for (lines, reason) in [
        (&["tiffcp -c none @rgb.tif @x.tif"][..], "no square tiles"),
        (
            &[
                "vips tiffsave @rgb.tif @x.tif --tile --compression jpeg --tile-width 256 --tile-height 256",
            ],
            "down to one tile",
        ),
        (
            &["vips tiffsave @rgb.tif @x.tif --tile --pyramid --compression jpeg"],
            "unusual size",
        ),
        (
            &[
                "vips tiffsave @rgb.tif @x.tif --tile --pyramid --compression lzw --tile-width 256 --tile-height 256",
            ],
            "not served",
        ),
        // libvips writes red, green and blue from quality 90 on, which no stream alone says of itself.
        (
            &[
                "vips tiffsave @rgb.tif @x.tif --tile --pyramid --compression jpeg --Q 95 --tile-width 256 --tile-height 256",
            ],
            "not served",
        ),
        (
            &["tiffcp -c jpeg:r -t -w 256 -l 256 @rgb.tif @x.tif"],
            "not served",
        ),
        (
            &[
                "vips tiffsave @rgb.tif @x.tif --tile --pyramid --compression deflate --tile-width 256 --tile-height 256",
                "tiffset -s 274 6 @x.tif",
            ],
            "upright",
        ),
        (
            &[
                "vips cast @rgb.tif @wide.v ushort --shift",
                "vips tiffsave @wide.v @x.tif --tile --pyramid --compression deflate --tile-width 256 --tile-height 256",
            ],
            "not those that are served",
        ),
        (
            &[
                "vips tiffsave @rgb.tif @x.tif --tile --pyramid --compression deflate --tile-width 256 --tile-height 512",
            ],
            "square",
        ),
    ] {
        lines.iter().for_each(|line| shop.run(line));
        match look(&shop).1 {
            Original::Other(said) => assert!(said.contains(reason), "{lines:?}: {said}"),
            found @ Original::Pyramid(_) => panic!("{lines:?}: {found:?}"),
        }
    }
}

#[test]
fn directories_below_and_after_an_image_are_walked_once() {
    let Some(shop) = workshop("directories_below_and_after_an_image_are_walked_once") else {
        return;
    };
    shop.run("vips tiffsave @grey.pgm @x.tif --tile --pyramid --subifd --compression none");
    let file = SpooledFile::new(File::open(shop.path("x.tif")).unwrap()).unwrap();
    let first = Directory::first(&file).unwrap();
    assert!(first.children().count() >= 2);
    assert!(first.children().all(|child| child.is_ok()));
    assert_eq!(first.followers().count(), 0);
}
