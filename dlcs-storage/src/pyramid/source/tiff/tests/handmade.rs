//! Files that no program at hand writes, put together here and held against what libtiff reads in them.

use std::io::Write;

use fax::maps::{black, white};
use fax::{BitWriter, VecWriter};

use super::workshop::{Workshop, photograph};

/// A classic TIFF, little endian, of one directory; each field holds words or whole numbers.
pub(super) struct Handmade {
    pub(super) fields: Vec<(u16, u16, Vec<u32>)>,
    /// Strips or tiles, in the order of the file.
    pub(super) chunks: Vec<Vec<u8>>,
    pub(super) tiled: bool,
}

pub(super) const SHORT: u16 = 3;
pub(super) const LONG: u16 = 4;
pub(super) const UNDEFINED: u16 = 7;

impl Handmade {
    /// An image with these fields, each of one word.
    pub(super) fn new(fields: &[(u16, u32)], chunks: Vec<Vec<u8>>) -> Self {
        Self {
            fields: fields
                .iter()
                .map(|(tag, value)| (*tag, LONG, vec![*value]))
                .collect(),
            chunks,
            tiled: false,
        }
    }

    pub(super) fn with(mut self, tag: u16, kind: u16, values: &[u32]) -> Self {
        self.fields.retain(|(other, ..)| *other != tag);
        self.fields.push((tag, kind, values.to_vec()));
        self
    }

    pub(super) fn tiled(mut self) -> Self {
        self.tiled = true;
        self
    }

    /// The bytes of the file: its header, the chunks, the long values, the directory.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = b"II*\0\0\0\0\0".to_vec();
        let mut fields = self.fields.clone();
        let (offsets, lengths) = if self.tiled { (324, 325) } else { (273, 279) };
        let mut places = Vec::new();
        for chunk in &self.chunks {
            places.push(bytes.len() as u32);
            bytes.extend_from_slice(chunk);
        }
        let has = |tag| self.fields.iter().any(|(other, ..)| *other == tag);
        if !self.chunks.is_empty() && !has(offsets) {
            fields.push((offsets, LONG, places));
        }
        if !self.chunks.is_empty() && !has(lengths) {
            let lengths_of = self.chunks.iter().map(|chunk| chunk.len() as u32).collect();
            fields.push((lengths, LONG, lengths_of));
        }
        fields.sort_by_key(|(tag, ..)| *tag);
        let mut directory = (fields.len() as u16).to_le_bytes().to_vec();
        for (tag, kind, values) in &fields {
            let value: Vec<u8> = match *kind {
                UNDEFINED => values.iter().map(|v| *v as u8).collect(),
                SHORT => values
                    .iter()
                    .flat_map(|v| (*v as u16).to_le_bytes())
                    .collect(),
                _ => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            };
            directory.extend_from_slice(&tag.to_le_bytes());
            directory.extend_from_slice(&kind.to_le_bytes());
            directory.extend_from_slice(&(values.len() as u32).to_le_bytes());
            if value.len() <= 4 {
                let padded = value.iter().copied().chain([0; 4]).take(4);
                directory.extend(padded);
            } else {
                directory.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
                bytes.extend_from_slice(&value);
            }
        }
        directory.extend_from_slice(&[0; 4]);
        bytes.resize(bytes.len().next_multiple_of(2), 0);
        let start = bytes.len() as u32;
        bytes[4..8].copy_from_slice(&start.to_le_bytes());
        bytes.extend_from_slice(&directory);
        bytes
    }
}

/// The pixels of a pixmap or greymap.
fn pixels(width: u32, height: u32, channels: usize) -> Vec<u8> {
    let map = photograph(width, height, channels);
    map[map.len() - (width * height) as usize * channels..].to_vec()
}

fn expect_same(shop: &Workshop, name: &str, file: &Handmade) {
    shop.write("x.tif", &file.to_bytes());
    let (header, ours) = shop.decode("x.tif").unwrap();
    // Red, green, blue and opacity, whatever the file has.
    shop.run("tiff2rgba -c none @x.tif @shown.tif");
    let theirs = shop.by_vips("shown.tif").unwrap();
    let wanted = header.samples.per_pixel();
    let pixels = theirs.chunks_exact(theirs.len() * wanted / ours.len());
    let theirs: Vec<u8> = pixels.flat_map(|pixel| pixel[..wanted].to_vec()).collect();
    assert_eq!(ours.len(), theirs.len(), "{name}");
    let worst = ours.iter().zip(&theirs).map(|(a, b)| a.abs_diff(*b)).max();
    // Conversions round in their own ways.
    assert!(worst <= Some(2), "{name}: {worst:?}");
}

#[test]
fn shared_colour_differences_are_read() {
    let Some(shop) = Workshop::open("shared_colour_differences_are_read") else {
        return;
    };
    let (width, height, rows_per_strip) = (101_u32, 67_u32, 16_u32);
    let colours = pixels(width, height, 3);
    let at = |x: u32, y: u32, channel: usize| {
        let (x, y) = (x.min(width - 1), y.min(height - 1));
        colours[(y * width + x) as usize * 3 + channel]
    };
    for (across, down) in [(1, 1), (2, 1), (1, 2), (2, 2), (4, 1), (4, 2), (4, 4)] {
        let mut chunks = Vec::new();
        for strip in (0..height).step_by(rows_per_strip as usize) {
            let mut chunk = Vec::new();
            let end = height.min(strip + rows_per_strip);
            for y in (strip..end).step_by(down as usize) {
                for x in (0..width).step_by(across as usize) {
                    for (dy, dx) in (0..down).flat_map(|dy| (0..across).map(move |dx| (dy, dx))) {
                        chunk.push(at(x + dx, y + dy, 0));
                    }
                    chunk.extend([at(x, y, 1), at(x, y, 2)]);
                }
            }
            chunks.push(chunk);
        }
        let fields = [
            (256, width),
            (257, height),
            (259, 1),
            (262, 6),
            (277, 3),
            (278, 16),
        ];
        let file = Handmade::new(&fields, chunks)
            .with(258, SHORT, &[8, 8, 8])
            .with(530, SHORT, &[across, down]);
        expect_same(&shop, &format!("{across} × {down}"), &file);
    }
}

/// Rows of runs without marks.
fn runs(bits: &[bool], width: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for row in bits.chunks(width) {
        let mut writer = VecWriter::new();
        for (index, run) in std::iter::once(&[][..])
            .filter(|_| row[0])
            .chain(row.chunk_by(|a, b| a == b))
            .enumerate()
        {
            let mut length = run.len() as u16;
            let mut put = |code: u16| {
                let code = if index % 2 == 1 {
                    black::encode(code)
                } else {
                    white::encode(code)
                };
                writer.write(code.unwrap()).unwrap();
            };
            while length >= 64 {
                let long = (length / 64 * 64).min(2560);
                put(long);
                length -= long;
            }
            put(length);
        }
        writer.pad();
        bytes.write_all(&writer.finish()).unwrap();
    }
    bytes
}

#[test]
fn runs_without_marks_are_read() {
    let Some(shop) = Workshop::open("runs_without_marks_are_read") else {
        return;
    };
    let (width, height) = (3001, 40);
    let grey = pixels(width, height, 1);
    let bits: Vec<bool> = grey.iter().map(|value| *value < 110).collect();
    let fields = [
        (256, width),
        (257, height),
        (258, 1),
        (259, 2),
        (262, 0),
        (277, 1),
        (278, height),
    ];
    let file = Handmade::new(&fields, vec![runs(&bits, width as usize)]);
    expect_same(&shop, "runs", &file);
}

#[test]
fn lzw_from_before_the_specification_is_read() {
    let Some(shop) = Workshop::open("lzw_from_before_the_specification_is_read") else {
        return;
    };
    let (width, height) = (301, 200);
    let mut encoder = weezl::encode::Encoder::new(weezl::BitOrder::Lsb, 8);
    let packed = encoder.encode(&pixels(width, height, 1)).unwrap();
    let fields = [
        (256, width),
        (257, height),
        (258, 8),
        (259, 5),
        (262, 1),
        (277, 1),
        (278, height),
    ];
    expect_same(&shop, "LZW", &Handmade::new(&fields, vec![packed]));
}

#[test]
fn older_jpeg_of_one_whole_stream_is_read() {
    let Some(shop) = Workshop::open("older_jpeg_of_one_whole_stream_is_read") else {
        return;
    };
    let (width, height) = (301, 200);
    shop.write("x.ppm", &photograph(width, height, 3));
    shop.run("convert @x.ppm -quality 92 -sampling-factor 2x2 @x.jpg");
    let stream = shop.bytes("x.jpg");
    let fields = [
        (256, width),
        (257, height),
        (259, 6),
        (262, 6),
        (277, 3),
        (278, height),
        (513, 8),
        (514, stream.len() as u32),
    ];
    let file = Handmade::new(&fields, vec![stream])
        .with(258, SHORT, &[8, 8, 8])
        .with(530, SHORT, &[2, 2]);
    expect_same(&shop, "older JPEG", &file);
}
