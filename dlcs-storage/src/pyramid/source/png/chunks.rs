//! The chunks of a PNG: which of them the decoder sees, and what the others say of the colours.

use std::io::{BufReader, Read};
use std::ops::Range;

use flate2::Crc;
use flate2::read::ZlibDecoder;

use super::super::super::spool::SpooledFile;
use super::super::METADATA_CAP;

/// Where the first chunk begins.
const SIGNATURE: u64 = 8;
/// The length of a chunk beyond its data: length, kind and checksum.
const FRAME: u64 = 12;

/// How colours are coded, as the header has it.
const GREY: u8 = 0;
const RGB: u8 = 2;
const PALETTE: u8 = 3;

/// What the chunks before the pixels say, and where the pixels are.
#[derive(Debug, Default)]
pub(super) struct Outline {
    pub(super) width: u32,
    pub(super) height: u32,
    colours: u8,
    /// Colours of the palette that the pixels need.
    palette: u32,
    is_transparent: bool,
    /// The stretches of the file that the decoder needs: no metadata, no further frames of an animation.
    pub(super) needed: Vec<Range<u64>>,
    /// Primaries, transfer, matrix and range.
    pub(super) code_points: Option<[u8; 4]>,
    pub(super) icc: Option<Vec<u8>>,
    pub(super) is_srgb: bool,
    /// Where white, red, green and blue lie in the diagram of CIE 1931, times 100,000.
    pub(super) primaries: Option<[u32; 8]>,
    /// The exponent of the encoding, times 100,000.
    pub(super) gamma: Option<u32>,
    pub(super) exif: Option<Vec<u8>>,
}

/// A chunk that is known to lie in the file as a whole.
struct Chunk {
    kind: [u8; 4],
    start: u64,
    length: u32,
}

impl Chunk {
    const fn range(&self) -> Range<u64> {
        self.start..self.start + FRAME + self.length as u64
    }

    /// Its data; `None` where it is too large to be kept, or not what was written.
    fn data(&self, file: &SpooledFile) -> Option<Vec<u8>> {
        let name = self.kind.escape_ascii();
        if self.length > METADATA_CAP {
            tracing::warn!(chunk = %name, length = self.length, "a chunk of a PNG is too large and was left out");
            return None;
        }
        let length = self.length as usize;
        let bytes = file.read(self.start + 4, length + 8).ok()?;
        let (checked, sum) = bytes.split_last_chunk::<4>()?;
        let mut crc = Crc::new();
        crc.update(checked);
        if crc.sum() != u32::from_be_bytes(*sum) {
            tracing::warn!(chunk = %name, "a chunk of a PNG has a wrong checksum and was left out");
            return None;
        }
        Some(checked[4..].to_vec())
    }
}

/// Where the walk over the chunks is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    BeforePixels,
    Pixels,
    AfterPixels,
}

impl Outline {
    /// Walks over all chunks to the whole of the last one.
    pub(super) fn read(file: &SpooledFile) -> Result<Self, String> {
        let mut outline = Self::default();
        let mut stage = Stage::BeforePixels;
        let mut reader = Headers::new(file);
        let header = reader.next(SIGNATURE)?;
        outline.header(&header, file)?;
        let mut start = header.range().end;
        loop {
            let chunk = reader.next(start)?;
            start = chunk.range().end;
            match (&chunk.kind, stage) {
                (b"IEND", Stage::BeforePixels) => return Err("it has no pixels".to_owned()),
                (b"IEND", _) => {
                    outline.need(chunk.range());
                    return Ok(outline);
                }
                (b"IDAT", Stage::BeforePixels | Stage::Pixels) => {
                    stage = Stage::Pixels;
                    outline.need(chunk.range());
                    continue;
                }
                (_, Stage::BeforePixels) => outline.before_pixels(&chunk, file)?,
                // The only metadata that may follow; further images of an animation are left out.
                (b"eXIf", _) if outline.exif.is_none() => outline.exif = chunk.data(file),
                _ => {}
            }
            if stage == Stage::Pixels {
                stage = Stage::AfterPixels;
            }
        }
    }

    fn before_pixels(&mut self, chunk: &Chunk, file: &SpooledFile) -> Result<(), String> {
        match &chunk.kind {
            // In other images it is a suggestion.
            b"PLTE" if self.colours == PALETTE && self.palette == 0 => {
                self.palette = chunk.length / 3;
                if !chunk.length.is_multiple_of(3) || !(1..=256).contains(&self.palette) {
                    return Err("its palette has an impossible length".to_owned());
                }
                self.need(chunk.range());
            }
            b"PLTE" => {}
            b"tRNS" => self.transparency(chunk, file),
            b"cICP" if self.code_points.is_none() => {
                self.code_points = chunk.data(file).and_then(|data| data.try_into().ok());
            }
            b"iCCP" if self.icc.is_none() => {
                self.icc = chunk.data(file).and_then(|data| inflate_profile(&data));
            }
            b"sRGB" => self.is_srgb |= chunk.data(file).is_some_and(|data| data.len() == 1),
            b"cHRM" if self.primaries.is_none() => {
                self.primaries = chunk.data(file).and_then(|data| numbers(&data));
            }
            b"gAMA" if self.gamma.is_none() => {
                self.gamma = chunk
                    .data(file)
                    .and_then(|data| <[u8; 4]>::try_from(data).ok())
                    .map(u32::from_be_bytes);
            }
            b"eXIf" if self.exif.is_none() => self.exif = chunk.data(file),
            // Upper case: nothing can be shown without it.
            [first, ..] if first.is_ascii_uppercase() => {
                let name = chunk.kind.escape_ascii();
                return Err(format!("its chunk {name} is unknown or out of place"));
            }
            _ => {}
        }
        Ok(())
    }

    fn header(&mut self, chunk: &Chunk, file: &SpooledFile) -> Result<(), String> {
        if &chunk.kind != b"IHDR" {
            return Err("it does not begin with its header".to_owned());
        }
        let data = chunk.data(file).ok_or("its header is damaged")?;
        let [a, b, c, d, e, f, g, h, _, colours, _, _, _] = data[..] else {
            return Err("its header has a wrong length".to_owned());
        };
        self.width = u32::from_be_bytes([a, b, c, d]);
        self.height = u32::from_be_bytes([e, f, g, h]);
        self.colours = colours;
        if self.width == 0 || self.height == 0 {
            return Err("it has no pixels".to_owned());
        }
        self.need(0..chunk.range().end);
        Ok(())
    }

    /// Keeps what makes pixels transparent where it can mean something; otherwise the image is opaque.
    fn transparency(&mut self, chunk: &Chunk, file: &SpooledFile) {
        let fits = match self.colours {
            GREY => chunk.length == 2,
            RGB => chunk.length == 6,
            PALETTE => (1..=self.palette).contains(&chunk.length),
            _ => false,
        };
        if fits && !self.is_transparent && chunk.data(file).is_some() {
            self.is_transparent = true;
            self.need(chunk.range());
        }
    }

    fn need(&mut self, range: Range<u64>) {
        match self.needed.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => self.needed.push(range),
        }
    }
}

/// Numbers of four bytes, and no more of them.
fn numbers<const N: usize>(data: &[u8]) -> Option<[u32; N]> {
    let (numbers, []) = data.as_chunks::<4>() else {
        return None;
    };
    let numbers = <[[u8; 4]; N]>::try_from(numbers).ok()?;
    Some(numbers.map(u32::from_be_bytes))
}

/// The profile of an `iCCP` chunk.
fn inflate_profile(data: &[u8]) -> Option<Vec<u8>> {
    let end_of_name = data.iter().take(80).position(|byte| *byte == 0)?;
    let packed = data.get(end_of_name + 2..)?;
    let mut profile = Vec::new();
    let inflated = ZlibDecoder::new(packed)
        .take(u64::from(METADATA_CAP) + 1)
        .read_to_end(&mut profile);
    if inflated.is_err() || profile.len() > METADATA_CAP as usize {
        tracing::warn!("the colour profile of a PNG cannot be unpacked and was left out");
        return None;
    }
    Some(profile)
}

/// Reads the headers of chunks, each of which reaches its end within the file.
struct Headers {
    reader: BufReader<super::super::super::spool::SpoolReader>,
    position: u64,
    length: u64,
}

impl Headers {
    fn new(file: &SpooledFile) -> Self {
        Self {
            reader: BufReader::with_capacity(1 << 13, file.reader()),
            position: 0,
            length: file.length(),
        }
    }

    fn next(&mut self, start: u64) -> Result<Chunk, String> {
        const CUT: &str = "it ends early";
        let forward = i64::try_from(start - self.position).map_err(|_| CUT)?;
        self.reader.seek_relative(forward).map_err(|_| CUT)?;
        let mut header = [0; 8];
        self.reader.read_exact(&mut header).map_err(|_| CUT)?;
        self.position = start + 8;
        let [a, b, c, d, kind @ ..] = header;
        let chunk = Chunk {
            kind,
            start,
            length: u32::from_be_bytes([a, b, c, d]),
        };
        if !kind.iter().all(u8::is_ascii_alphabetic) {
            return Err("it has a chunk without a name".to_owned());
        }
        if chunk.range().end > self.length {
            return Err(CUT.to_owned());
        }
        Ok(chunk)
    }
}
