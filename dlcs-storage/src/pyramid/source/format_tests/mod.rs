//! Files that other programs made, compared with what these programs read in them.

mod broken;
mod made;
mod metadata;
#[cfg(any(
    feature = "source-avif",
    feature = "source-heic",
    feature = "source-pdf"
))]
mod optional;
mod shown;

use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use dlcs_core::derivative::ProcessError;
use dlcs_testkit::program;

use super::{Header, SourceLimits, open, recognise};
use crate::pyramid::spool::SpooledFile;

/// Larger than anything that tests make.
const LIMITS: SourceLimits = SourceLimits {
    max_side: 65_500,
    max_pixels: 1 << 30,
};

/// The size of the scene: neither side is a multiple of anything.
const WIDTH: u32 = 331;
const HEIGHT: u32 = 213;

/// A folder with the scene in it, and the programs that make files of it.
struct Workshop {
    directory: tempfile::TempDir,
}

impl Workshop {
    /// With `scene.ppm` (8 bits) and `deep.ppm` (16 bits), `veil.pgm` for opacity; `None` where a program is missing.
    fn new<const N: usize>(test: &str, programs: [&str; N]) -> Option<Self> {
        Self::of_size(test, programs, WIDTH, HEIGHT)
    }

    /// The same with a scene of another size.
    fn of_size<const N: usize>(
        test: &str,
        programs: [&str; N],
        width: u32,
        height: u32,
    ) -> Option<Self> {
        program::find(test, programs)?;
        let workshop = Self {
            directory: tempfile::tempdir().unwrap(),
        };
        let mut scene = format!("P6\n{width} {height}\n255\n").into_bytes();
        let mut deep = format!("P6\n{width} {height}\n65535\n").into_bytes();
        let mut veil = format!("P5\n{width} {height}\n255\n").into_bytes();
        for (x, y) in (0..height).flat_map(|y| (0..width).map(move |x| (x, y))) {
            for sample in colour(x, y) {
                scene.push((sample >> 8) as u8);
                deep.extend(sample.to_be_bytes());
            }
            veil.push(((x * 255) / (width - 1)) as u8);
        }
        for (name, bytes) in [("scene.ppm", scene), ("deep.ppm", deep), ("veil.pgm", veil)] {
            std::fs::write(workshop.at(name), bytes).unwrap();
        }
        Some(workshop)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Runs a command line within the folder; what a program has to say goes into the failure.
    fn run(&self, line: &str) {
        let mut words = line.split_whitespace();
        let name = words.next().unwrap();
        let [program] = program::find(line, [name]).unwrap();
        let output = Command::new(program)
            .args(words)
            .current_dir(self.directory.path())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{line}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.at(name)).unwrap()
    }
}

/// Slopes, waves, edges and a little noise, of 16 bits.
fn colour(x: u32, y: u32) -> [u16; 3] {
    let (fx, fy) = (f64::from(x), f64::from(y));
    let waves = (fx / 17.0).sin() * (fy / 23.0).cos();
    let edge = if (x / 60 + y / 50).is_multiple_of(2) {
        0.1
    } else {
        -0.06
    };
    let noise = f64::from((x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)) >> 16 & 7);
    [0.0, 0.12, -0.14].map(|tint| {
        let slope = 0.24 * (fx / f64::from(WIDTH) + fy / f64::from(HEIGHT));
        let value = 0.3 + slope + 0.16 * waves + edge + noise / 255.0 + tint * (fy / 60.0).sin();
        (value.clamp(0.0, 1.0) * 65_535.0) as u16
    })
}

fn spooled(bytes: &[u8]) -> SpooledFile {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    SpooledFile::new(file).unwrap()
}

/// The header, and all rows as they come.
fn read(bytes: &[u8]) -> Result<(Header, Vec<u8>), ProcessError> {
    let file = spooled(bytes);
    let source = open(&file, recognise(&file)?, &LIMITS)?;
    let header = source.header.clone();
    let mut rows = source.start()?;
    let mut data = vec![0; header.row_bytes() * header.height as usize];
    for row in data.chunks_exact_mut(header.row_bytes()) {
        rows.next_row(row)?;
    }
    rows.finish()?;
    Ok((header, data))
}
