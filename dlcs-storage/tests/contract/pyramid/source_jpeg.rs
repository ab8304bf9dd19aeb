//! JPEG sources that other programs made, against what these programs read in them.

use std::path::Path;

use dlcs_core::derivative::ProcessError;
use dlcs_testkit::program;
use tempfile::TempDir;

use super::support::{Raster, process, run};

/// A folder with a picture in it that programs can read.
struct Desk {
    directory: TempDir,
}

impl Desk {
    fn new(raster: &Raster) -> Self {
        let desk = Self {
            directory: tempfile::tempdir().unwrap(),
        };
        let mut pnm = format!("P6\n{} {}\n255\n", raster.width, raster.height).into_bytes();
        pnm.extend(&raster.data);
        std::fs::write(desk.at("picture.ppm"), pnm).unwrap();
        desk
    }

    fn at(&self, name: &str) -> String {
        self.directory
            .path()
            .join(name)
            .to_str()
            .unwrap()
            .to_owned()
    }

    /// Makes a JPEG of the picture.
    fn jpeg(&self, cjpeg: &Path, arguments: &[&str]) -> Vec<u8> {
        let (picture, made) = (self.at("picture.ppm"), self.at("made.jpg"));
        run(cjpeg, &[arguments, &["-outfile", &made, &picture]].concat());
        std::fs::read(made).unwrap()
    }

    /// What djpeg reads in a JPEG.
    fn read(&self, djpeg: &Path, source: &[u8]) -> Raster {
        let (file, read) = (self.at("source.jpg"), self.at("read.ppm"));
        std::fs::write(&file, source).unwrap();
        run(djpeg, &["-pnm", "-outfile", &read, &file]);
        let bytes = std::fs::read(read).unwrap();
        let mut lines = bytes.splitn(4, |byte| *byte == b'\n');
        let mut text = || String::from_utf8(lines.next().unwrap().to_vec()).unwrap();
        let (kind, size, _) = (text(), text(), text());
        let (width, height) = size.split_once(' ').unwrap();
        Raster {
            width: width.parse().unwrap(),
            height: height.parse().unwrap(),
            channels: if kind == "P5" { 1 } else { 3 },
            data: lines.next().unwrap().to_vec(),
        }
    }
}

#[tokio::test]
async fn jpegs_of_every_kind_become_what_djpeg_reads_in_them() {
    let test = "jpegs_of_every_kind_become_what_djpeg_reads_in_them";
    let Some([cjpeg, djpeg]) = program::find(test, ["cjpeg", "djpeg"]) else {
        return;
    };
    let desk = Desk::new(&Raster::photograph(530, 390, 3));
    let kinds: [&[&str]; 9] = [
        &["-sample", "2x2"],
        &["-sample", "1x1", "-progressive"],
        &["-sample", "2x1", "-restart", "1"],
        &["-sample", "1x2"],
        &["-sample", "4x1", "-optimize"],
        &["-sample", "1x1,2x2,1x1"],
        &["-rgb"],
        &["-grayscale"],
        &["-grayscale", "-sample", "2x2", "-progressive"],
    ];
    for arguments in kinds {
        let source = desk.jpeg(&cjpeg, arguments);
        let expected = desk.read(&djpeg, &source);
        let found = process(source)
            .await
            .unwrap()
            .pixels("full/max/0/default.png")
            .await;
        // The tiles have been encoded once more.
        let similarity = found.psnr(&expected);
        assert!(similarity >= 35.0, "{arguments:?}: {similarity:.1} dB");
    }
}

#[tokio::test]
async fn the_first_of_several_pictures_is_read() {
    let test = "the_first_of_several_pictures_is_read";
    let Some([cjpeg, djpeg]) = program::find(test, ["cjpeg", "djpeg"]) else {
        return;
    };
    let large = Desk::new(&Raster::photograph(300, 200, 3));
    let small = Desk::new(&Raster::photograph(30, 20, 3));
    for arguments in [&[][..], &["-progressive"]] {
        let first = large.jpeg(&cjpeg, arguments);
        let second = small.jpeg(&cjpeg, arguments);
        let alone = process(first.clone()).await.unwrap();
        let both = [first, second].concat();
        // Cameras say so in a segment of their own (CIPA DC-007).
        let index =
            b"\xFF\xE2\0\x20MPF\0II*\0\x08\0\0\0\x01\0\x01\xB0\x04\0\x01\0\0\0\x02\0\0\0\0\0\0\0";
        let indexed = [&both[..20], index, &both[20..]].concat();
        for several in [both, indexed] {
            let shown = large.read(&djpeg, &several);
            let found = process(several).await.unwrap();
            assert!(found.bytes == alone.bytes, "{arguments:?}");
            let pixels = found.pixels("full/max/0/default.png").await;
            assert!(pixels.psnr(&shown) >= 35.0, "{arguments:?}");
        }
    }
}

#[tokio::test]
async fn a_source_that_is_cut_behind_its_end_marker_is_refused() {
    let test = "a_source_that_is_cut_behind_its_end_marker_is_refused";
    let Some([cjpeg]) = program::find(test, ["cjpeg"]) else {
        return;
    };
    let desk = Desk::new(&Raster::photograph(400, 300, 3));
    for arguments in [&["-restart", "2"][..], &["-progressive"], &["-optimize"]] {
        let source = desk.jpeg(&cjpeg, arguments);
        for sixteenth in 8..16 {
            let cut = [&source[..source.len() * sixteenth / 16], b"\xFF\xD9"].concat();
            match process(cut).await.map(|_| ()) {
                Err(ProcessError::Damaged { format: "JPEG", .. }) => {}
                other => panic!("{arguments:?}, {sixteenth}/16: {other:?}"),
            }
        }
    }
}
