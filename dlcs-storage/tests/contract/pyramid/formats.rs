//! Every format that is served, as other programs read it.

use std::path::{Path, PathBuf};
use std::process::Command;

use dlcs_testkit::program;

use super::support::{Raster, Ready, process, run};

/// How one other program reads a format: what it writes is a PNG, or what vips makes a PNG of.
struct Reader {
    format: &'static str,
    program: &'static str,
    /// `{in}` and `{out}` stand for the files.
    arguments: &'static [&'static str],
    /// The least likeness to the same pixels without loss, in decibels; `None`: none of them differs.
    least: Option<f64>,
}

const READERS: [Reader; 7] = [
    Reader {
        format: "jpg",
        program: "djpeg",
        arguments: &["-outfile", "{out}.pnm", "{in}"],
        least: Some(30.0),
    },
    Reader {
        format: "png",
        program: "vips",
        arguments: &["copy", "{in}", "{out}.tif"],
        least: None,
    },
    Reader {
        format: "webp",
        program: "dwebp",
        arguments: &["-quiet", "{in}", "-o", "{out}.png"],
        least: Some(28.0),
    },
    Reader {
        format: "gif",
        program: "/usr/bin/convert",
        arguments: &["{in}", "{out}.png"],
        least: Some(28.0),
    },
    Reader {
        format: "tif",
        program: "vips",
        arguments: &["copy", "{in}", "{out}.png"],
        least: None,
    },
    Reader {
        format: "jp2",
        program: "opj_decompress",
        arguments: &["-quiet", "-i", "{in}", "-o", "{out}.png"],
        least: Some(38.0),
    },
    Reader {
        format: "pdf",
        // Poppler resamples images of one bit, even one to one.
        program: "mutool",
        arguments: &["draw", "-q", "-r", "72", "-o", "{out}.png", "{in}"],
        least: Some(30.0),
    },
];

/// What other programs make of responses.
struct Bench {
    directory: tempfile::TempDir,
    vips: PathBuf,
}

impl Bench {
    fn at(&self, name: &str) -> String {
        self.directory
            .path()
            .join(name)
            .to_str()
            .unwrap()
            .to_owned()
    }

    /// Writes a response to a file.
    async fn save(&self, ready: &Ready, path: &str) -> String {
        let rendered = ready.render(path).await.unwrap();
        let extension = path.rsplit('.').next().unwrap();
        assert_eq!(rendered.format.extension(), extension, "{path}");
        let file = self.at(&format!("served.{extension}"));
        std::fs::write(&file, &rendered.bytes).unwrap();
        file
    }

    /// The pixels of a response, decoded by another program.
    async fn read(&self, ready: &Ready, path: &str, reader: &Reader, program: &Path) -> Raster {
        let served = self.save(ready, path).await;
        let out = self.at("decoded");
        let arguments: Vec<String> = reader
            .arguments
            .iter()
            .map(|part| part.replace("{in}", &served).replace("{out}", &out))
            .collect();
        let output = Command::new(program).args(&arguments).output().unwrap();
        assert!(output.status.success(), "{path}: {output:?}");
        let name = arguments
            .iter()
            .find(|part| part.starts_with(&format!("{out}.")))
            .cloned()
            .unwrap_or(format!("{out}.png"));
        if name.ends_with(".png") {
            return Raster::from_png(&std::fs::read(name).unwrap());
        }
        let png = self.at("again.png");
        run(&self.vips, &["copy", &name, &png]);
        Raster::from_png(&std::fs::read(png).unwrap())
    }
}

/// The same pixels with this many channels: grey may come back as three equal ones, and what is opaque with alpha.
fn with_channels(raster: Raster, channels: usize) -> Raster {
    if raster.channels == channels {
        return raster;
    }
    let data = raster
        .data
        .chunks_exact(raster.channels)
        .flat_map(|pixel| match (pixel, channels) {
            ([r, g, b] | [r, g, b, 255], 1) => {
                // WebP holds luma and chroma, and comes back rounded.
                assert!(r.abs_diff(*g) <= 2 && b.abs_diff(*g) <= 2, "{pixel:?}");
                vec![*g]
            }
            ([r, g, b, 255], 3) => vec![*r, *g, *b],
            ([v] | [v, 255], 1) => vec![*v],
            ([v] | [v, 255], 3) => vec![*v; 3],
            ([v, a], 4) => vec![*v, *v, *v, *a],
            ([r, g, b], 4) => vec![*r, *g, *b, 255],
            other => panic!("{other:?}"),
        })
        .collect();
    Raster {
        channels,
        data,
        ..raster
    }
}

#[tokio::test]
async fn other_programs_read_every_format_and_see_the_same_pixels() {
    let test = "other_programs_read_every_format_and_see_the_same_pixels";
    let names = READERS.each_ref().map(|reader| reader.program);
    let Some(programs) = program::find(test, names) else {
        return;
    };
    let Some([vips]) = program::find(test, ["vips"]) else {
        return;
    };
    let bench = Bench {
        directory: tempfile::tempdir().unwrap(),
        vips,
    };
    let colour = process(Raster::photograph(700, 530, 3).to_png())
        .await
        .unwrap();
    let grey = process(Raster::photograph(300, 211, 1).to_png())
        .await
        .unwrap();
    for (reader, program) in READERS.iter().zip(&programs) {
        for (ready, path, channels) in [
            (&colour, "full/max/0/default", 3),
            (&colour, "1,2,333,207/111,/!90/color", 3),
            (&colour, "full/201,/0/gray", 1),
            (&colour, "0,0,1,1/max/0/default", 3),
            (&grey, "full/max/0/default", 1),
            (&grey, "full/101,/180/default", 1),
            (&colour, "full/301,/0/bitonal", 1),
            (&colour, "full/301,/270/bitonal", 1),
        ] {
            let expected = ready.pixels(&format!("{path}.png")).await;
            assert_eq!(expected.channels, channels, "{path}");
            let path = format!("{path}.{}", reader.format);
            let found = bench.read(ready, &path, reader, program).await;
            let found = with_channels(found, channels);
            let exact = reader.least.is_none()
                || (path.contains("bitonal") && reader.format != "jpg")
                || (reader.format == "gif" && channels == 1);
            if exact {
                assert!(found == expected, "{path}");
            } else if let Some(least) = reader.least {
                let psnr = found.psnr(&expected);
                assert!(psnr >= least, "{path}: {psnr:.1} dB");
            }
        }
    }
}

#[tokio::test]
async fn corners_beside_a_turned_image_are_transparent_where_that_can_be_said() {
    let test = "corners_beside_a_turned_image_are_transparent_where_that_can_be_said";
    let names = READERS.each_ref().map(|reader| reader.program);
    let Some(programs) = program::find(test, names) else {
        return;
    };
    let Some([vips]) = program::find(test, ["vips"]) else {
        return;
    };
    let bench = Bench {
        directory: tempfile::tempdir().unwrap(),
        vips,
    };
    let ready = process(Raster::photograph(400, 300, 3).to_png())
        .await
        .unwrap();
    let expected = ready.pixels("full/max/30/default.png").await;
    // 400 cos 30 + 300 sin 30, 400 sin 30 + 300 cos 30.
    assert_eq!(
        (expected.width, expected.height, expected.channels),
        (496, 460, 4)
    );
    assert_eq!(expected.pixel(0, 0)[3], 0);
    assert_eq!(expected.pixel(248, 230)[3], 255);
    for (reader, program) in READERS.iter().zip(&programs) {
        let path = format!("full/max/30/default.{}", reader.format);
        let found = bench.read(&ready, &path, reader, program).await;
        assert_eq!((found.width, found.height), (496, 460), "{path}");
        let centre = found.crop(180, 170, 100, 100);
        let centre = with_channels(centre, 3);
        let wanted = with_channels(expected.crop(180, 170, 100, 100), 3);
        assert!(centre.psnr(&wanted) >= 28.0, "{path}");
        let corner = found.pixel(3, 3);
        if matches!(reader.format, "jpg" | "pdf") {
            assert_eq!(found.channels, 3, "{path}");
            assert!(corner.iter().all(|value| *value <= 8), "{path}: {corner:?}");
        } else {
            assert_eq!((found.channels, corner[3]), (4, 0), "{path}");
        }
    }
}

#[tokio::test]
async fn bitonal_is_one_bit_where_the_format_has_it() {
    let test = "bitonal_is_one_bit_where_the_format_has_it";
    let Some([tiffinfo, gifsicle, pdfimages]) =
        program::find(test, ["tiffinfo", "gifsicle", "pdfimages"])
    else {
        return;
    };
    let bench = Bench {
        directory: tempfile::tempdir().unwrap(),
        vips: PathBuf::new(),
    };
    let ready = process(Raster::photograph(700, 530, 3).to_png())
        .await
        .unwrap();
    let tif = bench.save(&ready, "full/333,/0/bitonal.tif").await;
    let info = run(&tiffinfo, &[&tif]);
    assert!(
        info.contains("Bits/Sample: 1\n") && info.contains("Samples/Pixel: 1\n"),
        "{info}"
    );
    let gif = bench.save(&ready, "full/333,/0/bitonal.gif").await;
    let info = run(&gifsicle, &["--info", &gif]);
    assert!(info.contains("color table [2]"), "{info}");
    let pdf = bench.save(&ready, "full/333,/0/bitonal.pdf").await;
    let info = run(&pdfimages, &["-list", &pdf]);
    let line: Vec<&str> = info.lines().last().unwrap().split_whitespace().collect();
    assert_eq!(line[3..8], ["333", "252", "gray", "1", "1"], "{info}");
    let png = ready.render("full/333,/0/bitonal.png").await.unwrap().bytes;
    // Bit depth and colour type, in the header that comes first.
    assert_eq!(png[24..26], [1, 0]);
}

#[tokio::test]
async fn a_page_is_as_large_as_its_image_and_never_larger_than_a_page_may_be() {
    let test = "a_page_is_as_large_as_its_image_and_never_larger_than_a_page_may_be";
    let Some([pdfinfo]) = program::find(test, ["pdfinfo"]) else {
        return;
    };
    let bench = Bench {
        directory: tempfile::tempdir().unwrap(),
        vips: PathBuf::new(),
    };
    let ready = process(Raster::photograph(700, 530, 1).to_png())
        .await
        .unwrap();
    for (path, size) in [
        ("full/333,/0/default.pdf", "333 x 252 pts"),
        ("0,0,7,5/^28800,5/0/default.pdf", "14400 x 2.5 pts"),
    ] {
        let pdf = bench.save(&ready, path).await;
        let info = run(&pdfinfo, &[&pdf]);
        assert!(
            info.contains("Pages:           1\n") && info.contains(size),
            "{path}: {info}"
        );
    }
}

#[tokio::test]
async fn what_is_encoded_row_by_row_is_what_is_encoded_whole() {
    let test = "what_is_encoded_row_by_row_is_what_is_encoded_whole";
    let names = READERS.each_ref().map(|reader| reader.program);
    let Some(programs) = program::find(test, names) else {
        return;
    };
    let Some([vips]) = program::find(test, ["vips"]) else {
        return;
    };
    let bench = Bench {
        directory: tempfile::tempdir().unwrap(),
        vips,
    };
    let source = Raster::photograph(2300, 2100, 3);
    let ready = process(source.to_png()).await.unwrap();
    // The top of it, few enough pixels to be encoded whole.
    let expected = ready.pixels("0,0,2300,1000/max/0/default.png").await;
    let by_rows = READERS
        .iter()
        .zip(&programs)
        .filter(|(reader, _)| matches!(reader.format, "jpg" | "png" | "tif" | "pdf"));
    for (reader, program) in by_rows {
        let path = format!("full/max/0/default.{}", reader.format);
        let found = bench.read(&ready, &path, reader, program).await;
        assert_eq!((found.width, found.height), (2300, 2100), "{path}");
        let found = with_channels(found, 3);
        let top = found.crop(0, 0, 2300, 1000);
        match reader.least {
            None => assert!(top == expected, "{path}"),
            Some(least) => {
                let psnr = top.psnr(&expected);
                assert!(psnr >= least, "{path}: {psnr:.1} dB");
            }
        }
        let psnr = found.psnr(&source);
        assert!(psnr >= 28.0, "{path}: {psnr:.1} dB");
    }
}

#[tokio::test]
async fn grey_and_bitonal_results_of_colours_have_one_channel() {
    let test = "grey_and_bitonal_results_of_colours_have_one_channel";
    let Some([vipsheader]) = program::find(test, ["vipsheader"]) else {
        return;
    };
    let ready = process(Raster::photograph(300, 200, 3).to_png())
        .await
        .unwrap();
    let directory = tempfile::tempdir().unwrap();
    for (quality, format) in [
        ("gray", "jpg"),
        ("gray", "png"),
        ("gray", "tif"),
        ("gray", "jp2"),
    ]
    .into_iter()
    .chain([("bitonal", "png"), ("bitonal", "tif")])
    {
        let path = format!("full/120,/0/{quality}.{format}");
        let served = ready.render(&path).await.unwrap();
        let file = directory.path().join(format!("{quality}.{format}"));
        std::fs::write(&file, &served.bytes).unwrap();
        let output = Command::new(&vipsheader)
            .args(["-f", "bands"])
            .arg(&file)
            .output()
            .unwrap();
        assert_eq!(output.stdout, b"1\n", "{path}: {output:?}");
    }
}
