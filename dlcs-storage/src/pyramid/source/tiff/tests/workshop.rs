//! Makes files with other programs, and decodes them with those and with ours.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use dlcs_core::derivative::ProcessError;
use dlcs_testkit::program;
use tempfile::TempDir;

use super::super::super::{Header, SourceLimits};
use super::super::open;
use crate::pyramid::spool::SpooledFile;

pub(super) const LIMITS: SourceLimits = SourceLimits {
    max_side: 65_500,
    max_pixels: 2_000_000_000,
};

/// A folder with files, and the programs that make more of them.
pub(super) struct Workshop {
    directory: TempDir,
    programs: [PathBuf; 5],
}

const PROGRAMS: [&str; 5] = ["convert", "vips", "tiffcp", "tiffset", "tiff2rgba"];

impl Workshop {
    /// `None` when the test is skipped, which has been said.
    pub(super) fn open(test: &str) -> Option<Self> {
        Some(Self {
            programs: program::find(test, PROGRAMS)?,
            directory: tempfile::tempdir().unwrap(),
        })
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Runs a line: a program and its arguments; names of files have an `@` before them.
    pub(super) fn run(&self, line: &str) {
        self.try_run(line).unwrap();
    }

    /// As [`Self::run`]; with what the program said where it failed.
    pub(super) fn try_run(&self, line: &str) -> Result<(), String> {
        let mut words = line.split_whitespace();
        let name = words.next().unwrap();
        let index = PROGRAMS.iter().position(|known| *known == name).unwrap();
        let arguments = words.map(|word| match word.split_once('@') {
            Some((before, file)) => format!("{before}{}", self.path(file).display()),
            None => word.to_owned(),
        });
        let output = Command::new(&self.programs[index])
            .args(arguments)
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        if output.status.success() {
            Ok(())
        } else {
            Err(format!("{line}: {errors}"))
        }
    }

    pub(super) fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    pub(super) fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    pub(super) fn decode(&self, name: &str) -> Result<(Header, Vec<u8>), ProcessError> {
        decode(&self.path(name))
    }

    /// The samples of a file as libvips has them from libtiff.
    pub(super) fn by_vips(&self, name: &str) -> Result<Vec<u8>, String> {
        self.try_run(&format!("vips rawsave @{name} @{name}.raw"))?;
        Ok(self.bytes(&format!("{name}.raw")))
    }
}

/// Reads a file to its end.
pub(super) fn decode(path: &Path) -> Result<(Header, Vec<u8>), ProcessError> {
    let file = SpooledFile::new(File::open(path).unwrap()).unwrap();
    let source = open(&file, &LIMITS)?;
    let header = source.header.clone();
    let mut rows = source.start()?;
    let mut pixels = vec![0; header.row_bytes() * header.height as usize];
    for row in pixels.chunks_exact_mut(header.row_bytes()) {
        rows.next_row(row)?;
    }
    rows.finish()?;
    Ok((header, pixels))
}

/// Something like a photograph, as a portable pixmap or greymap.
pub(super) fn photograph(width: u32, height: u32, channels: usize) -> Vec<u8> {
    let kind = if channels == 1 { "P5" } else { "P6" };
    let mut bytes = format!("{kind}\n{width} {height}\n255\n").into_bytes();
    for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
        let (fx, fy) = (f64::from(x), f64::from(y));
        let waves = 45.0 * (fx / 31.0).sin() * (fy / 43.0).cos();
        let slope = 90.0 * (fx / f64::from(width) + fy / f64::from(height));
        let noise = f64::from((x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)) >> 16 & 3);
        for channel in 0..channels {
            let tint = [10.0, -25.0, 40.0][channel] * (fy / 90.0).sin();
            bytes.push((40.0 + slope + waves + noise + tint).clamp(0.0, 255.0) as u8);
        }
    }
    bytes
}
