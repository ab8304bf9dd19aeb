//! Whole files.

use super::super::{Alpha, ColourModel, Depth};
use super::made::{BMP, GIF, JP2, Kind, PNG, WEBP};
use super::{Workshop, read};

/// Makes each kind of file and compares its rows with those that the program reads that made it.
pub(super) fn compare(workshop: &Workshop, kinds: &[Kind]) {
    let mut failures = Vec::new();
    for kind in kinds {
        for line in kind.make.lines() {
            workshop.run(line.trim());
        }
        let (header, data) = read(&workshop.bytes(kind.file))
            .unwrap_or_else(|error| panic!("{}: {error}", kind.file));
        let samples = header.samples;
        let found = (samples.model, samples.depth, samples.alpha);
        if found != kind.samples {
            failures.push(format!("{}: {found:?}", kind.file));
            continue;
        }
        let shown = kind.show.map_or(kind.file, |(file, line)| {
            workshop.run(line);
            file
        });
        let expected = pixels(workshop, shown, kind.samples);
        if data.len() != expected.len() {
            failures.push(format!(
                "{}: {} bytes, not {}",
                kind.file,
                data.len(),
                expected.len()
            ));
            continue;
        }
        let (mean, most) = difference(&data, &expected, kind.samples);
        let is_near = match kind.tolerance {
            None => most == 0.0,
            Some(tolerance) => mean <= tolerance,
        };
        if !is_near {
            failures.push(format!(
                "{}: off by {mean:.3}, at most {most:.2}",
                kind.file
            ));
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

/// What ImageMagick reads, as samples of this kind in the order of this machine.
pub(super) fn pixels(
    workshop: &Workshop,
    file: &str,
    (model, depth, alpha): (ColourModel, Depth, Alpha),
) -> Vec<u8> {
    let bits = depth.bytes() * 8;
    let order = match (model, alpha == Alpha::None) {
        (ColourModel::Grey, true) => "gray",
        (ColourModel::Grey, false) => "graya",
        (_, true) => "rgb",
        (_, false) => "rgba",
    };
    let endian = if cfg!(target_endian = "little") {
        "LSB"
    } else {
        "MSB"
    };
    if order == "graya" {
        // No name of its own: the first and the last of four samples.
        let all = pixels(workshop, file, (ColourModel::Rgb, depth, alpha));
        let bytes = depth.bytes();
        return all
            .chunks_exact(bytes * 4)
            .flat_map(|pixel| [&pixel[..bytes], &pixel[bytes * 3..]].concat())
            .collect();
    }
    workshop.run(&format!(
        "convert {file}[0] -depth {bits} -endian {endian} {order}:raw.bin"
    ));
    workshop.bytes("raw.bin")
}

/// How far samples are apart on average and at most, in 255ths; colours that nobody sees do not count.
pub(super) fn difference(
    a: &[u8],
    b: &[u8],
    (model, depth, alpha): (ColourModel, Depth, Alpha),
) -> (f64, f64) {
    let values = |bytes: &[u8]| -> Vec<f64> {
        match depth {
            Depth::U8 => bytes.iter().map(|value| f64::from(*value)).collect(),
            Depth::U16 => bytes
                .as_chunks::<2>()
                .0
                .iter()
                .map(|value| f64::from(u16::from_ne_bytes(*value)) / 257.0)
                .collect(),
            Depth::F32 => bytes
                .as_chunks::<4>()
                .0
                .iter()
                .map(|value| f64::from(f32::from_ne_bytes(*value)) * 255.0)
                .collect(),
        }
    };
    let count = model.channels() + usize::from(alpha != Alpha::None);
    let (a, b) = (values(a), values(b));
    let (mut sum, mut most) = (0.0, 0.0_f64);
    for (a, b) in a.chunks_exact(count).zip(b.chunks_exact(count)) {
        let is_hidden = alpha != Alpha::None && a[count - 1] == 0.0 && b[count - 1] == 0.0;
        if is_hidden {
            continue;
        }
        for (a, b) in a.iter().zip(b) {
            sum += (a - b).abs();
            most = most.max((a - b).abs());
        }
    }
    (sum / a.len() as f64, most)
}

#[test]
fn every_kind_of_png_is_read_as_imagemagick_reads_it() {
    let test = "every_kind_of_png_is_read_as_imagemagick_reads_it";
    if let Some(workshop) = Workshop::new(test, ["convert", "vips"]) {
        compare(&workshop, PNG);
    }
}

#[test]
fn every_kind_of_gif_is_read_as_imagemagick_reads_it() {
    let test = "every_kind_of_gif_is_read_as_imagemagick_reads_it";
    if let Some(workshop) = Workshop::new(test, ["convert", "vips", "gifsicle"]) {
        compare(&workshop, GIF);
    }
}

#[test]
fn every_kind_of_bmp_is_read_as_imagemagick_reads_it() {
    let test = "every_kind_of_bmp_is_read_as_imagemagick_reads_it";
    if let Some(workshop) = Workshop::new(test, ["convert", "vips"]) {
        compare(&workshop, BMP);
    }
}

#[test]
fn every_kind_of_webp_is_read_as_libwebp_reads_it() {
    let test = "every_kind_of_webp_is_read_as_libwebp_reads_it";
    let programs = ["convert", "cwebp", "dwebp", "gif2webp", "gifsicle"];
    if let Some(workshop) = Workshop::new(test, programs) {
        compare(&workshop, WEBP);
    }
}

#[test]
fn every_kind_of_jpeg_2000_is_read_as_openjpeg_reads_it() {
    let test = "every_kind_of_jpeg_2000_is_read_as_openjpeg_reads_it";
    let programs = ["convert", "vips", "opj_compress", "opj_decompress"];
    if let Some(workshop) = Workshop::new(test, programs) {
        compare(&workshop, JP2);
    }
}
