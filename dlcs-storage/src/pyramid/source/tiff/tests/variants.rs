//! One row for each kind of file that is read.

use super::super::super::{Alpha, ColourModel, Depth};
use super::handmade::{Handmade, UNDEFINED};
use super::hostile::GREY;
use super::workshop::{Workshop, photograph};

const WIDTH: u32 = 613;
const HEIGHT: u32 = 411;
const TABLE: &str = include_str!("variants.txt");

/// How ours is compared, the name of the kind, and what makes the file.
fn rows() -> impl Iterator<Item = [&'static str; 3]> {
    TABLE
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let mut parts = line.split('|').map(str::trim);
            [(); 3].map(|()| parts.next().unwrap())
        })
}

fn workshop(test: &str) -> Option<Workshop> {
    let shop = Workshop::open(test)?;
    shop.write("colour.ppm", &photograph(WIDTH, HEIGHT, 3));
    shop.write("grey.pgm", &photograph(WIDTH, HEIGHT, 1));
    for [_, _, line] in rows().take_while(|[how, ..]| *how == "base") {
        shop.run(line);
    }
    Some(shop)
}

#[test]
fn every_kind_is_read_as_other_programs_read_it() {
    let Some(shop) = workshop("every_kind_is_read_as_other_programs_read_it") else {
        return;
    };
    let mut wrong = Vec::new();
    let mut count = 0;
    for [how, name, line] in rows().skip_while(|[how, ..]| *how == "base") {
        count += 1;
        if let Err(reason) = shop.try_run(line) {
            wrong.push(reason);
            continue;
        }
        let found = match shop.decode("x.tif") {
            Ok((header, pixels)) => {
                assert_eq!((header.width, header.height), (WIDTH, HEIGHT), "{name}");
                compare(&shop, how, header.samples.depth, &pixels)
            }
            Err(error) => Err(error.to_string()),
        };
        if let Err(reason) = found {
            wrong.push(format!("{name}: {reason}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(count > 90, "only {count} kinds");
}

fn compare(shop: &Workshop, how: &str, depth: Depth, ours: &[u8]) -> Result<(), String> {
    if let Some(order) = how.strip_prefix("convert ") {
        return compare_with_convert(shop, order, depth, ours);
    }
    let mut most = how.parse::<f64>().unwrap_or(0.0);
    let mut ours = ours.to_vec();
    let mut theirs = match how {
        // What libvips does not read before libtiff has copied or shown it.
        "interleaved" => {
            shop.try_run("tiffcp -c none -p contig @x.tif @copy.tif")?;
            shop.by_vips("copy.tif")?
        }
        "shown" => {
            shop.try_run("tiff2rgba -c none @x.tif @copy.tif")?;
            let pixels = shop.by_vips("copy.tif")?;
            pixels
                .chunks_exact(4)
                .flat_map(|pixel| pixel[..3].to_vec())
                .collect()
        }
        "doubles" => shop.by_vips("double.v")?,
        _ => shop.by_vips("x.tif")?,
    };
    match how {
        "shown" => most = 1.0,
        "signed bytes" => {
            let signed = theirs.iter().map(|byte| byte.cast_signed());
            theirs = signed.map(|value| value.max(0).cast_unsigned()).collect();
        }
        "signed words" => {
            let values = theirs.as_chunks::<2>().0.iter().copied();
            let shown = values.map(|value| i16::from_ne_bytes(value).max(0));
            theirs = shown.flat_map(i16::to_ne_bytes).collect();
        }
        "doubles" => {
            let values = theirs.as_chunks::<8>().0.iter().copied();
            let shown = values.map(|value| f64::from_ne_bytes(value) as f32);
            theirs = shown.flat_map(f32::to_ne_bytes).collect();
        }
        // libvips gives 8 bits of the 16 in a palette.
        "high bytes" => {
            let values = ours.as_chunks::<2>().0.iter().copied();
            ours = values
                .map(|value| (u16::from_ne_bytes(value) >> 8) as u8)
                .collect();
        }
        // libvips takes the opacity out of the colours.
        "multiplied" => {
            most = 1.0;
            for [colours @ .., alpha] in ours.as_chunks_mut::<4>().0 {
                for colour in colours {
                    let straight = f64::from(*colour) * 255.0 / f64::from(*alpha).max(1.0);
                    *colour = straight as u8;
                }
            }
        }
        _ => {}
    }
    if ours.len() != theirs.len() {
        return Err(format!("{} bytes, theirs {}", ours.len(), theirs.len()));
    }
    let differences = || ours.iter().zip(&theirs).map(|(a, b)| a.abs_diff(*b));
    if most > 0.0 {
        let sum: u64 = differences().map(u64::from).sum();
        let mean = sum as f64 / ours.len() as f64;
        return if mean <= most {
            Ok(())
        } else {
            Err(format!("the mean difference is {mean:.3}"))
        };
    }
    let count = differences().filter(|difference| *difference > 0).count();
    match differences().position(|difference| difference > 0) {
        None => Ok(()),
        Some(at) => Err(format!(
            "{count} of {} bytes differ, the first at {at}: {:?}, theirs {:?}",
            ours.len(),
            &ours[at..ours.len().min(at + 6)],
            &theirs[at..theirs.len().min(at + 6)]
        )),
    }
}

/// Compares as 16 bits a sample, for what libvips does not read.
fn compare_with_convert(
    shop: &Workshop,
    order: &str,
    depth: Depth,
    ours: &[u8],
) -> Result<(), String> {
    shop.run(&format!(
        "convert @x.tif -depth 16 -endian LSB {order}:@x.raw"
    ));
    let theirs = shop.bytes("x.raw");
    let theirs = theirs.as_chunks::<2>().0.iter().copied();
    let ours: Vec<u16> = match depth {
        Depth::U8 => ours.iter().map(|byte| u16::from(*byte) * 257).collect(),
        Depth::U16 => {
            let values = ours.as_chunks::<2>().0.iter().copied();
            values.map(u16::from_ne_bytes).collect()
        }
        Depth::F32 => {
            let values = ours.as_chunks::<4>().0.iter().copied();
            values
                .map(|value| (f32::from_ne_bytes(value) * 65_535.0).round() as u16)
                .collect()
        }
    };
    if theirs.len() != ours.len() {
        return Err(format!("{} samples, theirs {}", ours.len(), theirs.len()));
    }
    let differences = ours
        .iter()
        .zip(theirs)
        .map(|(a, b)| a.abs_diff(u16::from_le_bytes(b)));
    match differences.max() {
        Some(0 | 1) => Ok(()),
        worst => Err(format!("the largest difference is {worst:?}")),
    }
}

#[test]
fn headers_say_what_the_samples_mean() {
    use ColourModel::{Cmyk, Grey, Lab, Rgb};
    let Some(shop) = workshop("headers_say_what_the_samples_mean") else {
        return;
    };
    shop.run("convert @rgba8.tif -define tiff:alpha=associated @multiplied.tif");
    shop.run("convert @rgb8.tif -colorspace Lab @lab8.tif");
    for (name, model, depth, alpha) in [
        ("rgb8.tif", Rgb, Depth::U8, Alpha::None),
        ("rgb16.tif", Rgb, Depth::U16, Alpha::None),
        ("float.tif", Rgb, Depth::F32, Alpha::None),
        ("grey8.tif", Grey, Depth::U8, Alpha::None),
        ("greya8.tif", Grey, Depth::U8, Alpha::Straight),
        ("black.tif", Grey, Depth::U8, Alpha::None),
        ("rgba8.tif", Rgb, Depth::U8, Alpha::Straight),
        ("multiplied.tif", Rgb, Depth::U8, Alpha::Premultiplied),
        ("palette8.tif", Rgb, Depth::U16, Alpha::None),
        ("cmyk8.tif", Cmyk, Depth::U8, Alpha::None),
        ("lab8.tif", Lab, Depth::U8, Alpha::None),
    ] {
        let (header, _) = shop.decode(name).unwrap();
        let samples = header.samples;
        assert_eq!(
            (samples.model, samples.depth, samples.alpha),
            (model, depth, alpha),
            "{name}"
        );
    }
}

#[test]
fn signs_of_lab_are_taken_off() {
    let Some(shop) = workshop("signs_of_lab_are_taken_off") else {
        return;
    };
    shop.run("vips colourspace @rgb8.tif @lab.v lab");
    for (coding, line, theirs_of) in [
        (
            "8 bits",
            "vips Lab2LabQ @lab.v @labq.v",
            (|pixel: &[u8]| [pixel[0], pixel[1] ^ 0x80, pixel[2] ^ 0x80].to_vec())
                as fn(&[u8]) -> Vec<u8>,
        ),
        (
            "16 bits",
            "vips Lab2LabS @lab.v @labq.v",
            |pixel: &[u8]| {
                let values = pixel.as_chunks::<2>().0.iter().copied();
                let values = values.map(i16::from_ne_bytes).enumerate();
                let shown = values.map(|(place, value)| match place {
                    // libvips keeps the brightness in 15 bits.
                    0 => value.cast_unsigned() * 2,
                    _ => value.cast_unsigned() ^ 0x8000,
                });
                shown.flat_map(u16::to_ne_bytes).collect()
            },
        ),
    ] {
        shop.run(line);
        shop.run("vips tiffsave @labq.v @x.tif --compression lzw");
        let (header, ours) = shop.decode("x.tif").unwrap();
        assert_eq!(header.samples.model, ColourModel::Lab, "{coding}");
        let theirs = shop.by_vips("x.tif").unwrap();
        let pixel = theirs.len() / (WIDTH * HEIGHT) as usize;
        let theirs: Vec<u8> = theirs.chunks_exact(pixel).flat_map(theirs_of).collect();
        assert!(
            ours == theirs,
            "{coding}: {:?}, theirs {:?}",
            &ours[..6],
            &theirs[..6]
        );
    }
}

#[test]
fn all_turns_are_in_the_header() {
    let Some(shop) = workshop("all_turns_are_in_the_header") else {
        return;
    };
    for turn in 1..=8 {
        shop.run("tiffcp @grey8.tif @x.tif");
        shop.run(&format!("tiffset -s 274 {turn} @x.tif"));
        let (header, _) = shop.decode("x.tif").unwrap();
        assert_eq!(header.orientation.to_exif(), turn);
    }
}

#[test]
fn profiles_are_kept_unless_they_are_too_large() {
    use super::super::super::Profile;
    let Some(shop) = workshop("profiles_are_kept_unless_they_are_too_large") else {
        return;
    };
    shop.run("vips tiffsave @rgb8.tif @x.tif --profile srgb");
    match shop.decode("x.tif").unwrap().0.profile {
        Profile::Icc(icc) => assert_eq!(icc.get(36..40), Some(&b"acsp"[..])),
        other => panic!("{other:?}"),
    }
    let header = |length: usize| {
        let file = Handmade::new(&GREY, vec![vec![100; 64 * 64]]);
        let file = file.with(34_675, UNDEFINED, &vec![7; length]);
        shop.write("x.tif", &file.to_bytes());
        shop.decode("x.tif").unwrap().0
    };
    assert_eq!(header(3000).profile, Profile::Icc(vec![7; 3000]));
    assert_eq!(header((4 << 20) + 1).profile, Profile::Untagged);
}
