//! Files of other programs, from their bytes to what is served of them: beside what these programs themselves show of their files.

use std::path::PathBuf;
use std::process::Command;

use dlcs_core::derivative::ProcessOptions;
use dlcs_core::policy::ImageOptimisationPolicy;
use dlcs_testkit::program;
use tempfile::TempDir;

use super::delta_e;
use super::support::{Raster, Ready, process, process_as};

/// A kind of file.
struct Row {
    /// Its name in the folder.
    file: &'static str,
    /// The command lines that make it of `scene.ppm` (or `scene.png`, `deep.png` of 16 bits, `veiled.png` with opacity), one a line.
    make: &'static str,
    /// The command line that makes `shown.png` or `shown.ppm` of it.
    show: &'static str,
    /// Whether it has dots of few colours beside each other, which nothing lossy keeps apart.
    is_dotted: bool,
}

const fn row(file: &'static str, make: &'static str, show: &'static str) -> Row {
    Row {
        file,
        make,
        show,
        is_dotted: false,
    }
}

const fn dotted(file: &'static str, make: &'static str, show: &'static str) -> Row {
    Row {
        is_dotted: true,
        ..row(file, make, show)
    }
}

const ROWS: &[Row] = &[
    row(
        "baseline.jpg",
        "cjpeg -quality 90 -sample 2x2 -outfile baseline.jpg scene.ppm",
        "djpeg -pnm -outfile shown.ppm baseline.jpg",
    ),
    row(
        "411.jpg",
        "cjpeg -quality 90 -sample 4x1 -restart 2 -outfile 411.jpg scene.ppm",
        "djpeg -pnm -outfile shown.ppm 411.jpg",
    ),
    row(
        "progressive.jpg",
        "cjpeg -quality 90 -sample 1x1 -progressive -outfile progressive.jpg scene.ppm",
        "djpeg -pnm -outfile shown.ppm progressive.jpg",
    ),
    row(
        "grey.jpg",
        "cjpeg -quality 90 -grayscale -outfile grey.jpg scene.ppm",
        "djpeg -pnm -outfile shown.ppm grey.jpg",
    ),
    row(
        "adobe.jpg",
        "vips icc_transform scene.png adobe.jpg[Q=95] /usr/share/color/icc/colord/AdobeRGB1998.icc --input-profile srgb",
        "vips icc_transform adobe.jpg shown.png srgb --embedded",
    ),
    row(
        "inks.jpg",
        "vips icc_transform scene.png inks.jpg[Q=95] /usr/share/color/icc/ghostscript/default_cmyk.icc --input-profile srgb",
        "vips icc_transform inks.jpg shown.png srgb --embedded",
    ),
    row(
        "planes.tif",
        "convert scene.ppm -compress None plain.tif
         tiffcp -c lzw:2 -p separate -t -w 64 -l 48 plain.tif planes.tif",
        "convert planes.tif -depth 8 shown.png",
    ),
    row(
        "packbits.tif",
        "convert scene.ppm -compress RLE packbits.tif",
        "vips copy packbits.tif shown.png",
    ),
    row(
        "fax3.tif",
        "convert scene.ppm -threshold 50% -type bilevel -depth 1 -compress None black.tif
         tiffcp -c g3:2d black.tif fax3.tif",
        "convert fax3.tif -depth 8 shown.png",
    ),
    row(
        "two-bits.tif",
        "convert scene.ppm -colorspace Gray -depth 2 -compress LZW two-bits.tif",
        "vips copy two-bits.tif shown.png",
    ),
    row(
        "floats.tif",
        "convert scene.ppm -define quantum:format=floating-point -depth 32 -compress ZIP floats.tif",
        "convert floats.tif -depth 8 shown.png",
    ),
    row(
        "ycbcr.tif",
        "convert scene.ppm -colorspace YCbCr -compress None ycbcr.tif",
        "tiff2rgba -c none ycbcr.tif rgba.tif
         convert rgba.tif -alpha off -depth 8 shown.png",
    ),
    row(
        "opacity.tif",
        "convert veiled.png -define tiff:alpha=associated -compress ZIP opacity.tif",
        "convert opacity.tif -depth 8 -define png:color-type=6 shown.png",
    ),
    row(
        "webp.tif",
        "convert scene.ppm -compress None plain.tif
         tiffcp -c webp:95 plain.tif webp.tif",
        "vips copy webp.tif shown.png",
    ),
    row(
        "jpeg-planes.tif",
        "convert scene.ppm -compress None plain.tif
         tiffcp -c jpeg:r:95 -p separate -r 16 plain.tif jpeg-planes.tif",
        "vips copy jpeg-planes.tif shown.png",
    ),
    row(
        "deep.png",
        "vips copy deep.png deep-copy.png[interlace]",
        "convert deep.png -depth 8 shown.png",
    ),
    row(
        "opacity.png",
        "convert veiled.png -colorspace Gray -define png:color-type=4 opacity.png",
        "convert opacity.png -define png:color-type=6 shown.png",
    ),
    dotted(
        "palette.png",
        "convert scene.ppm -colors 13 -interlace PNG -define png:color-type=3 palette.png",
        "convert palette.png -define png:color-type=2 shown.png",
    ),
    // A colour that is to be seen through.
    dotted(
        "key.png",
        "convert -size 40x30 xc:rgb(1,2,3) patch.png
         convert scene.ppm patch.png -geometry +80+90 -composite -transparent rgb(1,2,3) -define png:color-type=2 key.png",
        "convert key.png -define png:color-type=6 shown.png",
    ),
    dotted(
        "grey-key.png",
        "convert -size 40x30 xc:gray(7) patch.png
         convert scene.ppm -colorspace Gray patch.png -geometry +80+90 -composite -transparent gray(7) -define png:color-type=0 grey-key.png",
        "convert grey-key.png -define png:color-type=6 shown.png",
    ),
    row(
        "animated.png",
        "convert scene.ppm frame1.png
         convert scene.ppm -flip frame2.png
         apngasm animated.png frame1.png 1 10",
        "convert animated.png -define png:color-type=6 shown.png",
    ),
    // The turn is in a chunk `eXIf`, which neither program heeds: the same picture as JPEG is turned by it.
    row(
        "turned.png",
        "convert scene.ppm -orient RightTop turned.tif
         vips copy turned.tif turned.jpg[Q=95]
         convert turned.jpg turned.png",
        "vips autorot turned.jpg shown.png",
    ),
    dotted(
        "plain.gif",
        "convert scene.ppm -colors 200 plain.gif",
        "convert plain.gif -define png:color-type=2 shown.png",
    ),
    dotted(
        "animated.gif",
        "convert scene.ppm -colors 200 first.gif
         convert scene.ppm -flip -colors 99 second.gif
         gifsicle --interlace first.gif second.gif second.gif -o animated.gif",
        "convert animated.gif[0] -define png:color-type=2 shown.png",
    ),
    dotted(
        "transparent.gif",
        "convert veiled.png -colors 200 transparent.gif",
        "convert transparent.gif -define png:color-type=6 shown.png",
    ),
    row(
        "plain.bmp",
        "convert scene.ppm -define bmp:format=bmp3 plain.bmp",
        "convert plain.bmp shown.png",
    ),
    dotted(
        "runs.bmp",
        "convert scene.ppm -colors 9 -type Palette -compress RLE -define bmp:format=bmp3 runs.bmp",
        "convert runs.bmp -define png:color-type=2 shown.png",
    ),
    row(
        "opacity.bmp",
        "convert veiled.png opacity.bmp",
        "convert opacity.bmp -define png:color-type=6 shown.png",
    ),
    row(
        "lossy.webp",
        "cwebp -quiet -q 90 scene.png -o lossy.webp",
        "dwebp -quiet lossy.webp -o shown.png",
    ),
    row(
        "adobe.webp",
        "vips icc_transform scene.png adobe.png /usr/share/color/icc/colord/AdobeRGB1998.icc --input-profile srgb
         cwebp -quiet -q 95 -metadata icc adobe.png -o adobe.webp",
        "vips icc_transform adobe.png shown.png srgb --embedded",
    ),
    row(
        "opacity.webp",
        "cwebp -quiet -lossless veiled.png -o opacity.webp",
        "dwebp -quiet opacity.webp -o shown.png",
    ),
    row(
        "animated.webp",
        "img2webp -lossless scene.png -d 50 veiled.png -o animated.webp",
        "webpmux -get frame 1 animated.webp -o frame.webp
         dwebp -quiet frame.webp -o shown.png",
    ),
    row(
        "lossless.jp2",
        "opj_compress -i scene.png -o lossless.jp2",
        "opj_decompress -i lossless.jp2 -o shown.png",
    ),
    row(
        "tiled.j2k",
        "opj_compress -i scene.png -r 10 -I -t 100,80 -o tiled.j2k",
        "opj_decompress -i tiled.j2k -o shown.png",
    ),
    row(
        "opacity.jp2",
        "opj_compress -i veiled.png -o opacity.jp2",
        "opj_decompress -i opacity.jp2 -o shown.png",
    ),
    row(
        "sycc.jp2",
        "vips jp2ksave scene.ppm sycc.jp2 --Q 90 --subsample-mode on",
        "opj_decompress -i sycc.jp2 -o shown.png",
    ),
    row(
        "deep.jp2",
        "opj_compress -i deep.png -o deep.jp2",
        "convert deep.jp2 -depth 8 shown.png",
    ),
    #[cfg(feature = "source-avif")]
    row(
        "plain.avif",
        "avifenc -j 1 -s 8 -y 420 --min 5 --max 15 scene.png plain.avif",
        "avifdec plain.avif shown.png",
    ),
    #[cfg(feature = "source-avif")]
    row(
        "opacity.avif",
        "avifenc -j 1 -s 8 -d 10 -y 444 --min 2 --max 5 veiled.png opacity.avif",
        "avifdec -d 8 opacity.avif shown.png",
    ),
    #[cfg(feature = "source-avif")]
    row(
        "turned.avif",
        "avifenc -j 1 -s 8 -y 444 --min 5 --max 15 --irot 1 --imir 0 scene.png turned.avif",
        "heif-convert -q 100 turned.avif shown.png",
    ),
    #[cfg(feature = "source-avif")]
    row(
        "adobe.avif",
        "vips icc_transform scene.png adobe.png /usr/share/color/icc/colord/AdobeRGB1998.icc --input-profile srgb
         avifenc -j 1 -s 8 -y 444 --min 2 --max 5 adobe.png adobe.avif",
        "vips icc_transform adobe.png shown.png srgb --embedded",
    ),
    #[cfg(feature = "source-avif")]
    row(
        "grid.avif",
        "convert scene.png -crop 256x160+0+0 +repage even.png
         avifenc -j 1 -s 8 -y 444 --min 5 --max 15 --grid 2x2 even.png grid.avif",
        "avifdec grid.avif shown.png",
    ),
    // Samples that are light itself: of sRGB, and of the primaries of BT.2020 (the matrix is that of BT.2087).
    #[cfg(feature = "source-avif")]
    row(
        "light.avif",
        "convert scene.ppm -colorspace RGB -depth 16 -define png:bit-depth=16 light.png
         avifenc -j 1 -s 8 -d 12 -y 444 --min 0 --max 3 --ignore-icc --cicp 1/8/1 light.png light.avif",
        "convert scene.ppm shown.png",
    ),
    #[cfg(feature = "source-avif")]
    row(
        "wide.avif",
        "convert scene.ppm -colorspace RGB -color-matrix 0.6274,0.3293,0.0433,0.0691,0.9195,0.0114,0.0164,0.0880,0.8956 -depth 16 -define png:bit-depth=16 wide.png
         avifenc -j 1 -s 8 -d 12 -y 444 --min 0 --max 3 --ignore-icc --cicp 9/8/9 wide.png wide.avif",
        "convert scene.ppm shown.png",
    ),
    #[cfg(feature = "source-heic")]
    row(
        "plain.heic",
        "heif-enc -q 95 scene.png -o plain.heic",
        "heif-convert plain.heic shown.png",
    ),
    #[cfg(feature = "source-heic")]
    row(
        "ten-bits.heic",
        "heif-enc -q 95 -b 10 deep.png -o ten-bits.heic",
        "heif-convert ten-bits.heic shown.png",
    ),
    #[cfg(feature = "source-heic")]
    row(
        "adobe.heic",
        "vips icc_transform scene.png adobe.png /usr/share/color/icc/colord/AdobeRGB1998.icc --input-profile srgb
         heif-enc -q 95 adobe.png -o adobe.heic",
        "vips icc_transform adobe.png shown.png srgb --embedded",
    ),
    #[cfg(feature = "source-heic")]
    row(
        "opacity.heic",
        "heif-enc -L veiled.png -o opacity.heic",
        "heif-convert opacity.heic shown.png",
    ),
    #[cfg(feature = "source-pdf")]
    row(
        "page.pdf",
        "convert scene.ppm -compress None plain.tif
         tiff2pdf -z -x 150 -y 150 -u i -o page.pdf plain.tif",
        "pdftoppm -scale-to-x 662 -scale-to-y 426 -f 1 -l 1 -singlefile page.pdf shown",
    ),
];

/// A folder with the scene in it.
struct Bench {
    directory: TempDir,
}

impl Bench {
    fn new() -> Self {
        let bench = Self {
            directory: tempfile::tempdir().unwrap(),
        };
        std::fs::write(bench.at("scene.ppm"), scene().to_ppm()).unwrap();
        for line in [
            "convert scene.ppm scene.png",
            "convert scene.ppm -blur 0x2 -depth 16 -define png:bit-depth=16 deep.png",
            "convert scene.ppm ( -size 213x331 gradient: -rotate 90 ) -alpha off -compose CopyOpacity -composite -define png:color-type=6 veiled.png",
        ] {
            bench.run(line);
        }
        bench
    }

    fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Runs a command line within the folder.
    fn run(&self, line: &str) {
        let mut words = line.split_whitespace();
        let [program] = program::find(line, [words.next().unwrap()]).unwrap();
        let output = Command::new(program)
            .args(words)
            .current_dir(self.directory.path())
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        assert!(
            output.status.success(),
            "{line}: {}",
            String::from_utf8_lossy(&said)
        );
    }

    /// What a program shows of its file.
    fn shown(&self, lines: &str) -> Raster {
        let (png, ppm) = (self.at("shown.png"), self.at("shown.ppm"));
        for old in [&png, &ppm] {
            let _ = std::fs::remove_file(old);
        }
        lines.lines().for_each(|line| self.run(line.trim()));
        match std::fs::read(png) {
            Ok(bytes) => Raster::from_png(&bytes),
            Err(_) => Raster::from_pnm(&std::fs::read(ppm).unwrap()),
        }
    }

    /// What libwebp reads in a WebP that was served.
    async fn served_webp(&self, ready: &Ready) -> Raster {
        let served = ready.render("full/max/0/default.webp").await.unwrap();
        std::fs::write(self.at("served.webp"), served.bytes).unwrap();
        self.shown("dwebp -quiet served.webp -o shown.png")
    }
}

/// Colours that go over into each other, so that what JPEG loses of them is hardly seen.
fn scene() -> Raster {
    let (width, height) = (331, 213);
    let mut data = Vec::new();
    for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
        let (fx, fy) = (f64::from(x), f64::from(y));
        let light = 60.0 + 110.0 * (fx / f64::from(width) + fy / f64::from(height)) / 2.0;
        let wave = 40.0 * (fx / 37.0).sin() * (fy / 29.0).cos();
        for turn in [0.0, 2.1, 4.2] {
            let tint = 45.0 * (fx / 60.0 + fy / 90.0 + turn).sin();
            data.push((light + wave + tint).clamp(0.0, 255.0) as u8);
        }
    }
    Raster {
        width,
        height,
        channels: 3,
        data,
    }
}

/// Colours as they are seen on white, and the opacity where there is any.
fn seen(raster: &Raster) -> (Raster, Option<Vec<u8>>) {
    let colours = raster.channels - usize::from(raster.channels.is_multiple_of(2));
    if colours == raster.channels {
        return (raster.clone(), None);
    }
    let pixels = raster.data.chunks_exact(raster.channels);
    let data = pixels.clone().flat_map(|pixel| {
        let alpha = u32::from(pixel[colours]);
        pixel[..colours]
            .iter()
            .map(move |value| ((u32::from(*value) * alpha + 255 * (255 - alpha) + 127) / 255) as u8)
    });
    let on_white = Raster {
        channels: colours,
        data: data.collect(),
        ..raster.clone()
    };
    (on_white, Some(pixels.map(|pixel| pixel[colours]).collect()))
}

/// Says where two pictures, whose opacity counts, look otherwise.
fn compare(ours: &Raster, theirs: &Raster) -> Result<f64, String> {
    let size = |raster: &Raster| (raster.width, raster.height);
    if size(ours) != size(theirs) {
        return Err(format!("{:?}, not {:?}", size(ours), size(theirs)));
    }
    let ((ours, our_opacity), (theirs, their_opacity)) = (seen(ours), seen(theirs));
    let opaque = || vec![255; (ours.width * ours.height) as usize];
    let our_opacity = our_opacity.unwrap_or_else(opaque);
    let their_opacity = their_opacity.unwrap_or_else(opaque);
    let pairs = our_opacity.iter().zip(&their_opacity);
    let furthest = pairs.map(|(a, b)| a.abs_diff(*b)).max();
    if furthest > Some(2) {
        return Err(format!("an opacity is off by {furthest:?}"));
    }
    let difference = delta_e::mean(&ours, &theirs);
    if difference > 1.0 {
        return Err(format!("a mean difference of {difference:.2}"));
    }
    Ok(difference)
}

/// What is wrong with what is served of a file.
async fn judge(bench: &Bench, row: &Row) -> Result<String, String> {
    row.make.lines().for_each(|line| bench.run(line.trim()));
    let theirs = bench.shown(row.show);
    let bytes = std::fs::read(bench.at(row.file)).unwrap();
    let lossless = ProcessOptions::default().with_policy(ImageOptimisationPolicy::Lossless);
    let ready = process_as(&lossless, bytes.clone())
        .await
        .map_err(|error| error.to_string())?;
    let ours = ready.pixels("full/max/0/default.png").await;
    let exact = compare(&ours, &theirs).map_err(|fault| format!("as PNG: {fault}"))?;
    // As it is stored where nothing else is said, on white.
    let ready = process(bytes).await.map_err(|error| error.to_string())?;
    let jpeg = ready.pixels("full/max/0/default.jpg").await;
    let lossy = compare(&jpeg, &seen(&theirs).0);
    if let (Err(fault), false) = (&lossy, row.is_dotted) {
        return Err(format!("as JPEG: {fault}"));
    }
    if ours.channels.is_multiple_of(2) {
        let webp = compare(&bench.served_webp(&ready).await, &theirs);
        if let (Err(fault), false) = (webp, row.is_dotted) {
            return Err(format!("as WebP: {fault}"));
        }
    }
    Ok(format!("{exact:.3} as PNG, {lossy:.3?} as JPEG"))
}

#[tokio::test]
async fn every_source_is_served_as_the_program_shows_it_that_made_it() {
    let test = "every_source_is_served_as_the_program_shows_it_that_made_it";
    let lines = ROWS.iter().flat_map(|row| [row.make, row.show]);
    let lines = lines.flat_map(str::lines);
    for program in lines.filter_map(|line| line.split_whitespace().next()) {
        if program::find(test, [program]).is_none() {
            return;
        }
    }
    let bench = Bench::new();
    let mut wrong = Vec::new();
    for row in ROWS {
        match judge(&bench, row).await {
            Ok(said) => program::say(&format!("{}: {said}", row.file)),
            Err(fault) => wrong.push(format!("{}: {fault}", row.file)),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
