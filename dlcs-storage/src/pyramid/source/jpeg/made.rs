//! Sources for tests, made and read by the programs of the JPEG group.

use std::io::Write;
use std::path::Path;
use std::process::Command;

use crate::pyramid::spool::SpooledFile;

/// Pixels as those programs write them: PGM or PPM.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::pyramid) struct Image {
    pub(in crate::pyramid) width: usize,
    pub(in crate::pyramid) height: usize,
    pub(in crate::pyramid) channels: usize,
    pub(in crate::pyramid) data: Vec<u8>,
}

impl Image {
    /// Slopes, waves and noise.
    pub(in crate::pyramid) fn made(width: usize, height: usize, channels: usize) -> Self {
        let mut noise = 1_u32;
        let data = (0..width * height * channels).map(|index| {
            let (pixel, channel) = (index / channels, index % channels);
            let (x, y) = ((pixel % width) as f64, (pixel / width) as f64);
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let wave = 60.0 * (x / 31.0 + channel as f64).sin() * (y / 19.0).cos();
            (110.0 + wave + y / 20.0 + f64::from(noise >> 27)) as u8
        });
        Self {
            width,
            height,
            channels,
            data: data.collect(),
        }
    }

    pub(in crate::pyramid) fn to_pnm(&self) -> Vec<u8> {
        let kind = if self.channels == 1 { 5 } else { 6 };
        let mut bytes = format!("P{kind}\n{} {}\n255\n", self.width, self.height).into_bytes();
        bytes.extend(&self.data);
        bytes
    }

    pub(in crate::pyramid) fn from_pnm(bytes: &[u8]) -> Self {
        let mut lines = bytes.splitn(4, |byte| *byte == b'\n');
        let mut text = || {
            std::str::from_utf8(lines.next().unwrap())
                .unwrap()
                .to_owned()
        };
        let (kind, size, _) = (text(), text(), text());
        let (width, height) = size.split_once(' ').unwrap();
        Self {
            width: width.parse().unwrap(),
            height: height.parse().unwrap(),
            channels: if kind == "P5" { 1 } else { 3 },
            data: lines.next().unwrap().to_vec(),
        }
    }

    pub(in crate::pyramid) fn crop(
        &self,
        left: usize,
        top: usize,
        width: usize,
        height: usize,
    ) -> Self {
        let stride = self.width * self.channels;
        let rows = self.data.chunks(stride).skip(top).take(height);
        let columns = left * self.channels..(left + width) * self.channels;
        Self {
            width,
            height,
            channels: self.channels,
            data: rows.flat_map(|row| row[columns.clone()].to_vec()).collect(),
        }
    }

    /// The mean of all differences between samples.
    pub(in crate::pyramid) fn mean_difference(&self, other: &[u8]) -> f64 {
        assert_eq!(self.data.len(), other.len());
        let pairs = self.data.iter().zip(other);
        let sum: u64 = pairs.map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
        sum as f64 / other.len() as f64
    }
}

/// Runs a program with a file to read, `{}` in its arguments or else the last one, and returns what it writes.
pub(in crate::pyramid) fn pipe(program: &Path, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(input).unwrap();
    let path = file.path().to_str().unwrap();
    let mut arguments: Vec<String> = arguments.iter().map(|&one| one.to_owned()).collect();
    if arguments.iter().all(|one| !one.contains("{}")) {
        arguments.push("{}".to_owned());
    }
    let output = Command::new(program)
        .args(arguments.iter().map(|one| one.replace("{}", path)))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    // Said of tables of 16 bits, which are meant.
    let is_quiet = said.is_empty() || said.starts_with("Caution: quantization tables");
    assert!(output.status.success() && is_quiet, "{arguments:?}: {said}");
    output.stdout
}

/// A source that has been received.
pub(in crate::pyramid) fn spooled(bytes: &[u8]) -> SpooledFile {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    SpooledFile::new(file).unwrap()
}
