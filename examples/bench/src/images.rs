//! The images: mosaics of photographs with a little noise, as cameras give it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::process::vips;
use crate::tools::PHOTOGRAPHS;
use crate::{Result, say};

/// The side of one photograph in a mosaic.
const PIECE: u32 = 1000;

/// Sizes of the images.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    pub(crate) small: (u32, u32),
    pub(crate) large: (u32, u32),
    /// The side of the one that is too large for every memory, which is square.
    pub(crate) giant: u32,
}

impl Sizes {
    /// 24 and 100 megapixels, and one gigapixel.
    pub(crate) const REAL: Self = Self {
        small: (6000, 4000),
        large: (11_600, 8700),
        giant: 32_768,
    };
    pub(crate) const SMOKE: Self = Self {
        small: (1500, 1100),
        large: (2100, 1300),
        giant: 2048,
    };
}

/// A folder with images, made when they are first asked for.
#[derive(Debug)]
pub(crate) struct Images {
    folder: PathBuf,
    sizes: Sizes,
}

impl Images {
    pub(crate) const fn new(folder: PathBuf, sizes: Sizes) -> Self {
        Self { folder, sizes }
    }

    /// A JPEG that takes a few milliseconds, at quality 90.
    pub(crate) fn tiny_jpeg(&self) -> Result<PathBuf> {
        self.jpeg("tiny", (640, 480))
    }

    /// A JPEG of the smaller size, at quality 90.
    pub(crate) fn small_jpeg(&self) -> Result<PathBuf> {
        self.jpeg("small", self.sizes.small)
    }

    /// A JPEG of the larger size, at quality 90.
    pub(crate) fn large_jpeg(&self) -> Result<PathBuf> {
        self.jpeg("large", self.sizes.large)
    }

    /// The smaller one without compression.
    pub(crate) fn small_tiff(&self) -> Result<PathBuf> {
        self.tiff("small", self.sizes.small)
    }

    /// The larger one without compression.
    pub(crate) fn large_tiff(&self) -> Result<PathBuf> {
        self.tiff("large", self.sizes.large)
    }

    /// The giant, without compression: four by four times the same mosaic.
    pub(crate) fn giant_tiff(&self) -> Result<PathBuf> {
        let side = self.sizes.giant;
        self.once(&format!("giant-{side}.tif"), |path| {
            let quarter = self.folder.join("quarter.v");
            self.mosaic((side / 4, side / 4), &quarter)?;
            let strips = format!("{}[compression=none]", path.display());
            vips(&["replicate", text(&quarter)?, &strips, "4", "4"])?;
            Ok(fs::remove_file(quarter)?)
        })
    }

    fn jpeg(&self, name: &str, size: (u32, u32)) -> Result<PathBuf> {
        let pixels = self.pixels(name, size)?;
        self.once(&format!("{name}-{}.jpg", size.0), |path| {
            vips(&["jpegsave", text(&pixels)?, text(path)?, "--Q", "90"])?;
            Ok(())
        })
    }

    fn tiff(&self, name: &str, size: (u32, u32)) -> Result<PathBuf> {
        let pixels = self.pixels(name, size)?;
        self.once(&format!("{name}-{}.tif", size.0), |path| {
            vips(&["tiffsave", text(&pixels)?, text(path)?])?;
            Ok(())
        })
    }

    fn pixels(&self, name: &str, size: (u32, u32)) -> Result<PathBuf> {
        self.once(&format!("{name}-{}.v", size.0), |path| {
            self.mosaic(size, path)
        })
    }

    /// Makes a file where it is not there yet; a run that was broken off leaves none.
    fn once(&self, name: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
        let path = self.folder.join(name);
        if !path.is_file() {
            say(&format!("making {name}"));
            let unfinished = self.folder.join(format!("unfinished-{name}"));
            make(&unfinished)?;
            fs::rename(unfinished, &path)?;
        }
        Ok(path)
    }

    /// Photographs side by side until the size is filled, with noise of a standard deviation of 2.
    fn mosaic(&self, (width, height): (u32, u32), target: &Path) -> Result<()> {
        let mut photographs: Vec<PathBuf> = fs::read_dir(PHOTOGRAPHS)?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|extension| extension == "jpg"))
            .collect();
        photographs.sort();
        let work = tempfile::tempdir_in(&self.folder)?;
        let side = PIECE.to_string();
        let mut pieces = Vec::new();
        for (number, photograph) in photographs.iter().enumerate() {
            let piece = work.path().join(format!("{number}.v"));
            let [photograph, piece] = [text(photograph)?, text(&piece)?];
            let crop = ["--height", &side, "--crop", "centre"];
            vips(&[&["thumbnail", photograph, piece, &side], &crop[..]].concat())?;
            pieces.push(piece.to_owned());
        }
        let across = width.div_ceil(PIECE);
        let count = (across * height.div_ceil(PIECE)) as usize;
        let list: Vec<_> = pieces.iter().cycle().take(count).cloned().collect();
        let at = |name: &str| work.path().join(name);
        let (joined, cut, noise, sum) = (at("joined.v"), at("cut.v"), at("noise.v"), at("sum.v"));
        let (joined, cut) = (text(&joined)?, text(&cut)?);
        let (noise, sum) = (text(&noise)?, text(&sum)?);
        let (w, h) = (width.to_string(), height.to_string());
        let across = across.to_string();
        match list.as_slice() {
            // `arrayjoin` ends without a word where there is nothing to join.
            [only] => vips(&["copy", only, joined])?,
            all => vips(&["arrayjoin", &all.join(" "), joined, "--across", &across])?,
        };
        vips(&["crop", joined, cut, "0", "0", &w, &h])?;
        vips(&["gaussnoise", noise, &w, &h, "--mean", "0", "--sigma", "2"])?;
        vips(&["add", cut, noise, sum])?;
        vips(&["cast", sum, text(target)?, "uchar"])?;
        Ok(())
    }
}

/// A path as an argument of `vips`, which is made of text.
pub(crate) fn text(path: &Path) -> Result<&str> {
    let text = path.to_str();
    text.ok_or_else(|| format!("`{}` is not UTF-8", path.display()).into())
}
