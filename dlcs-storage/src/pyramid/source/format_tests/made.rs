//! How other programs make a file of every kind, and how they show it.

use super::super::{Alpha, ColourModel, Depth};

/// A kind of file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    /// Its name in the folder.
    pub(super) file: &'static str,
    /// The command lines that make it, one per line.
    pub(super) make: &'static str,
    /// The command line that makes something of it that ImageMagick certainly reads as the program itself shows it.
    pub(super) show: Option<(&'static str, &'static str)>,
    pub(super) samples: (ColourModel, Depth, Alpha),
    /// How far samples may be from each other on average, in 255ths; `None`: not at all.
    pub(super) tolerance: Option<f64>,
}

/// AVIF. The opacity of the last but one is exact in all but colours.
#[cfg(feature = "source-avif")]
pub(super) const AVIF: &[Kind] = &[
    exact(
        "lossless.avif",
        "convert scene.ppm scene.png
         avifenc -j 1 -s 8 -l scene.png lossless.avif",
        RGB8,
    )
    .shown(
        "lossless-shown.png",
        "avifdec lossless.avif lossless-shown.png",
    ),
    exact(
        "420.avif",
        "convert scene.ppm scene.png
         avifenc -j 1 -s 8 -y 420 --min 5 --max 15 scene.png 420.avif",
        RGB8,
    )
    .shown("420.png", "avifdec 420.avif 420.png")
    .close(),
    exact(
        "limited.avif",
        "convert scene.ppm scene.png
         avifenc -j 1 -s 8 -r limited --cicp 1/13/1 -y 444 --min 5 --max 15 scene.png limited.avif",
        RGB8,
    )
    .shown("limited.png", "avifdec limited.avif limited.png")
    .close(),
    exact(
        "grey.avif",
        "convert scene.ppm scene.png
         avifenc -j 1 -s 8 -y 400 --min 5 --max 15 scene.png grey.avif",
        RGB8,
    )
    .shown("grey-avif.png", "avifdec grey.avif grey-avif.png")
    .close(),
    exact(
        "10.avif",
        "convert deep.ppm deep.png
         avifenc -j 1 -s 8 -d 10 -y 422 --min 5 --max 15 deep.png 10.avif",
        RGB16,
    )
    .shown("10.png", "avifdec -d 16 10.avif 10.png")
    .close(),
    exact(
        "alpha.avif",
        "convert scene.ppm veil.pgm -alpha off -compose CopyOpacity -composite veiled.png
         avifenc -j 1 -s 8 -y 444 --min 5 --max 15 veiled.png alpha.avif",
        RGBA8,
    )
    .shown("alpha-avif.png", "avifdec alpha.avif alpha-avif.png")
    .close(),
    exact(
        "grid.avif",
        "convert scene.ppm -crop 256x192+0+0 +repage even.png
         avifenc -j 1 -s 8 --grid 2x2 -y 444 --min 5 --max 15 even.png grid.avif",
        RGB8,
    )
    .shown("grid.png", "avifdec grid.avif grid.png")
    .close(),
];

/// HEIC.
#[cfg(feature = "source-heic")]
pub(super) const HEIC: &[Kind] = &[
    exact(
        "plain.heic",
        "convert scene.ppm scene.png
         heif-enc -q 90 scene.png -o plain.heic",
        RGB8,
    )
    .shown("plain-heic.png", "heif-convert plain.heic plain-heic.png")
    .close(),
    exact(
        "alpha.heic",
        "convert scene.ppm veil.pgm -alpha off -compose CopyOpacity -composite veiled.png
         heif-enc -q 90 veiled.png -o alpha.heic",
        RGBA8,
    )
    .shown("alpha-heic.png", "heif-convert alpha.heic alpha-heic.png")
    .close(),
];

const GREY: ColourModel = ColourModel::Grey;
const RGB: ColourModel = ColourModel::Rgb;

const fn exact(
    file: &'static str,
    make: &'static str,
    samples: (ColourModel, Depth, Alpha),
) -> Kind {
    Kind {
        file,
        make,
        show: None,
        samples,
        tolerance: None,
    }
}

impl Kind {
    const fn shown(self, file: &'static str, line: &'static str) -> Self {
        Self {
            show: Some((file, line)),
            ..self
        }
    }

    const fn close(self) -> Self {
        Self {
            tolerance: Some(1.0),
            ..self
        }
    }
}

const GREY8: (ColourModel, Depth, Alpha) = (GREY, Depth::U8, Alpha::None);
const GREY16: (ColourModel, Depth, Alpha) = (GREY, Depth::U16, Alpha::None);
const GREYA8: (ColourModel, Depth, Alpha) = (GREY, Depth::U8, Alpha::Straight);
const GREYA16: (ColourModel, Depth, Alpha) = (GREY, Depth::U16, Alpha::Straight);
const RGB8: (ColourModel, Depth, Alpha) = (RGB, Depth::U8, Alpha::None);
const RGB16: (ColourModel, Depth, Alpha) = (RGB, Depth::U16, Alpha::None);
const RGBA8: (ColourModel, Depth, Alpha) = (RGB, Depth::U8, Alpha::Straight);
const RGBA16: (ColourModel, Depth, Alpha) = (RGB, Depth::U16, Alpha::Straight);

/// Every kind of PNG.
pub(super) const PNG: &[Kind] = &[
    exact(
        "rgb8.png",
        "convert scene.ppm -define png:color-type=2 -define png:bit-depth=8 rgb8.png",
        RGB8,
    ),
    exact(
        "rgb16.png",
        "convert deep.ppm -define png:color-type=2 -define png:bit-depth=16 rgb16.png",
        RGB16,
    ),
    exact(
        "rgb8-adam7.png",
        "convert scene.ppm -interlace PNG -define png:color-type=2 rgb8-adam7.png",
        RGB8,
    ),
    exact(
        "rgb16-adam7.png",
        "convert deep.ppm -interlace PNG -define png:color-type=2 -define png:bit-depth=16 rgb16-adam7.png",
        RGB16,
    ),
    exact(
        "grey1.png",
        "convert scene.ppm -colorspace Gray -define png:color-type=0 -define png:bit-depth=1 grey1.png",
        GREY8,
    ),
    exact(
        "grey2.png",
        "convert scene.ppm -colorspace Gray -define png:color-type=0 -define png:bit-depth=2 grey2.png",
        GREY8,
    ),
    exact(
        "grey4.png",
        "convert scene.ppm -colorspace Gray -define png:color-type=0 -define png:bit-depth=4 grey4.png",
        GREY8,
    ),
    exact(
        "grey4-adam7.png",
        "convert scene.ppm -colorspace Gray -interlace PNG -define png:color-type=0 -define png:bit-depth=4 grey4-adam7.png",
        GREY8,
    ),
    exact(
        "grey8.png",
        "convert scene.ppm -colorspace Gray -define png:color-type=0 -define png:bit-depth=8 grey8.png",
        GREY8,
    ),
    exact(
        "grey16.png",
        "convert deep.ppm -colorspace Gray -define png:color-type=0 -define png:bit-depth=16 grey16.png",
        GREY16,
    ),
    exact(
        "grey-alpha8.png",
        "convert scene.ppm veil.pgm -colorspace Gray -alpha off -compose CopyOpacity -composite -define png:color-type=4 -define png:bit-depth=8 grey-alpha8.png",
        GREYA8,
    ),
    exact(
        "grey-alpha16.png",
        "convert deep.ppm veil.pgm -colorspace Gray -alpha off -compose CopyOpacity -composite -define png:color-type=4 -define png:bit-depth=16 grey-alpha16.png",
        GREYA16,
    ),
    exact(
        "rgba8.png",
        "convert scene.ppm veil.pgm -alpha off -compose CopyOpacity -composite -define png:color-type=6 -define png:bit-depth=8 rgba8.png",
        RGBA8,
    ),
    exact(
        "rgba16.png",
        "convert deep.ppm veil.pgm -alpha off -compose CopyOpacity -composite -define png:color-type=6 -define png:bit-depth=16 rgba16.png",
        RGBA16,
    ),
    exact(
        "palette8.png",
        "convert scene.ppm -colors 200 -define png:color-type=3 -define png:bit-depth=8 palette8.png",
        RGB8,
    ),
    exact(
        "palette4.png",
        "convert scene.ppm -colors 13 -define png:color-type=3 -define png:bit-depth=4 palette4.png",
        RGB8,
    ),
    exact(
        "palette2.png",
        "convert scene.ppm -colors 4 -define png:color-type=3 -define png:bit-depth=2 palette2.png",
        RGB8,
    ),
    exact(
        "palette1.png",
        "convert scene.ppm -colors 2 -define png:color-type=3 -define png:bit-depth=1 palette1.png",
        RGB8,
    ),
    exact(
        "palette-alpha.png",
        "convert scene.ppm veil.pgm -alpha off -compose CopyOpacity -composite -define png:color-type=6 veiled.png
         vips pngsave veiled.png palette-alpha.png --palette",
        RGBA8,
    ),
    exact(
        "palette-adam7.png",
        "convert scene.ppm -colors 13 -interlace PNG -define png:color-type=3 palette-adam7.png",
        RGB8,
    ),
    exact(
        "vips.png",
        "vips pngsave scene.ppm vips.png --compression 9 --filter all",
        RGB8,
    ),
    exact(
        "vips16.png",
        "vips pngsave deep.ppm vips16.png --interlace",
        RGB16,
    ),
];

/// GIF.
pub(super) const GIF: &[Kind] = &[
    exact("plain.gif", "convert scene.ppm -colors 250 plain.gif", RGB8),
    exact(
        "interlaced.gif",
        "convert scene.ppm -colors 250 plain.gif
         gifsicle --interlace plain.gif -o interlaced.gif",
        RGB8,
    ),
    exact("few.gif", "convert scene.ppm -colors 3 few.gif", RGB8),
    exact(
        "grey.gif",
        "convert scene.ppm -colorspace Gray -colors 64 grey.gif",
        GREY8,
    ),
    exact(
        "transparent.gif",
        "convert scene.ppm veil.pgm -alpha off -compose CopyOpacity -composite -colors 200 transparent.gif",
        RGBA8,
    ),
    exact(
        "small-frame.gif",
        "convert scene.ppm -crop 90x70+31+17 -colors 200 small-frame.gif",
        RGBA8,
    )
    .shown(
        "small-frame-shown.miff",
        "convert -size 331x213 xc:none ( small-frame.gif[0] +repage ) -geometry +31+17 -composite small-frame-shown.miff",
    ),
    exact(
        "animated.gif",
        "convert scene.ppm -colors 250 plain.gif
         convert scene.ppm -flip -colors 99 flipped.gif
         gifsicle plain.gif flipped.gif flipped.gif -o animated.gif",
        RGB8,
    ),
    exact("vips.gif", "vips gifsave scene.ppm vips.gif", RGB8),
];

/// BMP.
pub(super) const BMP: &[Kind] = &[
    exact(
        "24.bmp",
        "convert scene.ppm -define bmp:format=bmp3 24.bmp",
        RGB8,
    ),
    exact("24-new.bmp", "convert scene.ppm 24-new.bmp", RGB8),
    exact(
        "32-alpha.bmp",
        "convert scene.ppm veil.pgm -alpha off -compose CopyOpacity -composite 32-alpha.bmp",
        RGBA8,
    ),
    exact(
        "8.bmp",
        "convert scene.ppm -colors 200 -type Palette -compress None -define bmp:format=bmp3 8.bmp",
        RGB8,
    ),
    exact(
        "8-grey.bmp",
        "convert scene.ppm -colorspace Gray -type Palette -compress None -define bmp:format=bmp3 8-grey.bmp",
        GREY8,
    ),
    exact(
        "8-rle.bmp",
        "convert scene.ppm -colors 9 -type Palette -compress RLE -define bmp:format=bmp3 8-rle.bmp",
        RGB8,
    ),
    exact(
        "4.bmp",
        "convert scene.ppm -colors 13 -type Palette -compress None -define bmp:format=bmp3 4.bmp",
        RGB8,
    ),
    exact(
        "1.bmp",
        "convert scene.ppm -monochrome -compress None -define bmp:format=bmp3 1.bmp",
        GREY8,
    ),
    exact("old.bmp", "convert scene.ppm BMP2:old.bmp", RGB8),
    exact(
        "555.bmp",
        "convert scene.ppm -define bmp:subtype=RGB555 555.bmp",
        RGB8,
    )
    .close(),
    exact(
        "565.bmp",
        "convert scene.ppm -define bmp:subtype=RGB565 565.bmp",
        RGB8,
    )
    .close(),
];

/// WebP.
pub(super) const WEBP: &[Kind] = &[
    exact(
        "lossless.webp",
        "convert scene.ppm scene.png\n cwebp -quiet -lossless scene.png -o lossless.webp",
        RGB8,
    )
    .shown(
        "lossless.pam",
        "dwebp -quiet -pam lossless.webp -o lossless.pam",
    ),
    exact(
        "lossless-alpha.webp",
        "convert scene.ppm veil.pgm -alpha off -compose CopyOpacity -composite veiled.png
         cwebp -quiet -lossless -exact veiled.png -o lossless-alpha.webp",
        RGBA8,
    )
    .shown(
        "lossless-alpha.pam",
        "dwebp -quiet -pam lossless-alpha.webp -o lossless-alpha.pam",
    ),
    exact(
        "lossy.webp",
        "convert scene.ppm scene.png\n cwebp -quiet -q 90 scene.png -o lossy.webp",
        RGB8,
    )
    .shown("lossy.pam", "dwebp -quiet -pam lossy.webp -o lossy.pam")
    .close(),
    exact(
        "lossy-alpha.webp",
        "convert scene.ppm veil.pgm -alpha off -compose CopyOpacity -composite veiled.png
         cwebp -quiet -q 90 veiled.png -o lossy-alpha.webp",
        RGBA8,
    )
    .shown(
        "lossy-alpha.pam",
        "dwebp -quiet -pam lossy-alpha.webp -o lossy-alpha.pam",
    )
    .close(),
    exact(
        "animated.webp",
        "convert scene.ppm -colors 250 plain.gif
         convert scene.ppm -flip -colors 99 flipped.gif
         gifsicle plain.gif flipped.gif -o two.gif
         gif2webp -quiet two.gif -o animated.webp",
        RGBA8,
    )
    .shown(
        "animated-shown.gif",
        "gifsicle two.gif #0 -o animated-shown.gif",
    ),
];

/// JPEG 2000.
pub(super) const JP2: &[Kind] = &[
    exact("lossless.jp2", "opj_compress -i scene.ppm -o lossless.jp2", RGB8)
        .shown("lossless.ppm", "opj_decompress -i lossless.jp2 -o lossless.ppm"),
    exact("lossless.j2k", "opj_compress -i scene.ppm -o lossless.j2k", RGB8)
        .shown("lossless-j2k.ppm", "opj_decompress -i lossless.j2k -o lossless-j2k.ppm"),
    exact("lossy.jp2", "opj_compress -i scene.ppm -r 12 -I -o lossy.jp2", RGB8)
        .shown("lossy.ppm", "opj_decompress -i lossy.jp2 -o lossy.ppm")
        .close(),
    exact(
        "tiled.jp2",
        "opj_compress -i scene.ppm -t 64,48 -p RPCL -n 4 -o tiled.jp2",
        RGB8,
    )
    .shown("tiled.ppm", "opj_decompress -i tiled.jp2 -o tiled.ppm"),
    exact(
        "offset.jp2",
        "opj_compress -i scene.ppm -d 37,21 -T 11,5 -t 80,70 -o offset.jp2",
        RGB8,
    )
    .shown("offset.ppm", "opj_decompress -i offset.jp2 -o offset.ppm"),
    exact(
        "layers.jp2",
        "opj_compress -i scene.ppm -r 40,20,1 -c [128,128],[64,64] -b 32,32 -SOP -EPH -TP R -p RLCP -o layers.jp2",
        RGB8,
    )
    .shown("layers.ppm", "opj_decompress -i layers.jp2 -o layers.ppm"),
    exact(
        "modes.jp2",
        "opj_compress -i scene.ppm -M 63 -p CPRL -o modes.jp2",
        RGB8,
    )
    .shown("modes.ppm", "opj_decompress -i modes.jp2 -o modes.ppm"),
    exact("deep.jp2", "opj_compress -i deep.ppm -o deep.jp2", RGB16)
        .shown("deep-shown.ppm", "opj_decompress -i deep.jp2 -o deep-shown.ppm"),
    exact(
        "grey.jp2",
        "convert scene.ppm -colorspace Gray grey.pgm\n opj_compress -i grey.pgm -o grey.jp2",
        GREY8,
    )
    .shown("grey-shown.pgm", "opj_decompress -i grey.jp2 -o grey-shown.pgm"),
    exact(
        "alpha.jp2",
        "convert scene.ppm veil.pgm -alpha off -compose CopyOpacity -composite -define png:color-type=6 veiled.png
         opj_compress -i veiled.png -o alpha.jp2",
        RGBA8,
    )
    .shown("alpha-shown.png", "opj_decompress -i alpha.jp2 -o alpha-shown.png"),
    exact(
        "vips.jp2",
        "vips jp2ksave scene.ppm vips.jp2 --lossless --tile-width 128 --tile-height 128",
        RGB8,
    )
    .shown("vips-shown.ppm", "opj_decompress -i vips.jp2 -o vips-shown.ppm"),
    exact(
        "sycc420.jp2",
        "vips jp2ksave scene.ppm sycc420.jp2 --Q 90 --subsample-mode on --tile-width 128 --tile-height 128",
        RGB8,
    )
    .shown("sycc420.ppm", "opj_decompress -i sycc420.jp2 -o sycc420.ppm")
    .close(),
    exact(
        "magick.jp2",
        "convert scene.ppm -quality 0 magick.jp2",
        RGB8,
    )
    .shown("magick-shown.ppm", "opj_decompress -i magick.jp2 -o magick-shown.ppm")
    .close(),
];
