//! The markers of a JPEG 2000 codestream: what it asks for, and where its tiles are.

use std::ops::Range;

use super::super::super::spool::SpooledFile;

const CUT: &str = "it ends early";

/// The most bytes of the main header, and of the header of one tile-part.
const HEADER_CAP: u64 = 16 << 20;

const SOC: u16 = 0xFF4F;
const CAP: u16 = 0xFF50;
const SIZ: u16 = 0xFF51;
const COD: u16 = 0xFF52;
const COC: u16 = 0xFF53;
const TLM: u16 = 0xFF55;
const PLM: u16 = 0xFF57;
const PPM: u16 = 0xFF60;
const SOT: u16 = 0xFF90;
const SOD: u16 = 0xFF93;
const EOC: u16 = 0xFFD9;

/// Why a codestream is not read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Refusal {
    Damaged(&'static str),
    Unsupported(&'static str),
}

impl From<&'static str> for Refusal {
    fn from(reason: &'static str) -> Self {
        Self::Damaged(reason)
    }
}

/// One component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Component {
    /// Bits of a sample.
    pub(super) depth: u8,
    /// One sample for so many columns and rows of the grid.
    pub(super) step: (u32, u32),
}

/// The grid that everything lies on.
#[derive(Debug, Clone)]
pub(super) struct Grid {
    /// The image: left, top, right, bottom.
    pub(super) image: [u32; 4],
    /// Width and height of a tile.
    pub(super) tile: [u32; 2],
    /// Left and top of the first tile.
    pub(super) origin: [u32; 2],
    pub(super) components: Vec<Component>,
}

impl Grid {
    fn read(segment: &[u8]) -> Result<Self, Refusal> {
        let number = |index: usize| -> Result<u32, Refusal> {
            let bytes = segment.get(2 + 4 * index..).and_then(<[u8]>::first_chunk);
            Ok(bytes.map(|bytes| u32::from_be_bytes(*bytes)).ok_or(CUT)?)
        };
        let [x1, y1, x0, y0] = [number(0)?, number(1)?, number(2)?, number(3)?];
        let [tw, th, tx, ty] = [number(4)?, number(5)?, number(6)?, number(7)?];
        let (count, components) = segment
            .get(34..)
            .and_then(<[u8]>::split_first_chunk::<2>)
            .ok_or(CUT)?;
        let components: Vec<Component> = components
            .as_chunks::<3>()
            .0
            .iter()
            .map(|[depth, dx, dy]| Component {
                depth: (depth & 0x7F) + 1,
                step: (u32::from(*dx), u32::from(*dy)),
            })
            .collect();
        if x0 >= x1 || y0 >= y1 {
            return Err("it has no pixels".into());
        }
        let reaches = |origin: u32, side: u32, start: u32| {
            side > 0 && origin <= start && u64::from(origin) + u64::from(side) > u64::from(start)
        };
        if !reaches(tx, tw, x0) || !reaches(ty, th, y0) {
            return Err("its tiles do not cover it".into());
        }
        if components.len() != usize::from(u16::from_be_bytes(*count)) || components.is_empty() {
            return Err("its list of components is cut".into());
        }
        if components.len() > 8 {
            return Err(Refusal::Unsupported("it has more than 8 components"));
        }
        if components.iter().any(|c| c.step.0 == 0 || c.step.1 == 0) {
            return Err("a component has no samples".into());
        }
        if components.iter().any(|c| c.depth > 16) {
            return Err(Refusal::Unsupported(
                "its components have more than 16 bits",
            ));
        }
        let grid = Self {
            image: [x0, y0, x1, y1],
            tile: [tw, th],
            origin: [tx, ty],
            components,
        };
        let (columns, rows) = (u64::from(grid.columns()), u64::from(grid.rows()));
        if columns * rows > 65_535 {
            return Err("it has more than 65,535 tiles".into());
        }
        let area = u64::from(x1 - x0) * u64::from(y1 - y0);
        if columns * rows > 1 && u64::from(tw) * u64::from(th) < 64 * 64 && area > 512 * 512 {
            return Err(Refusal::Unsupported(
                "its tiles have fewer than 64 x 64 pixels",
            ));
        }
        Ok(grid)
    }

    /// Tiles side by side.
    pub(super) const fn columns(&self) -> u32 {
        (self.image[2] - self.origin[0]).div_ceil(self.tile[0])
    }

    /// Tiles one below the other.
    pub(super) const fn rows(&self) -> u32 {
        (self.image[3] - self.origin[1]).div_ceil(self.tile[1])
    }

    /// What all components have in common is no loss: the image has one pixel for so many of the grid.
    pub(super) fn step(&self) -> (u32, u32) {
        let first = self.components[0].step;
        if self
            .components
            .iter()
            .all(|component| component.step == first)
        {
            first
        } else {
            (1, 1)
        }
    }

    /// Columns of pixels.
    pub(super) fn width(&self) -> u32 {
        let step = self.step().0;
        self.image[2].div_ceil(step) - self.image[0].div_ceil(step)
    }

    /// Rows of pixels of some rows of tiles, or of all.
    pub(super) fn height(&self, rows: Range<u32>) -> u32 {
        let step = self.step().1;
        let [top, bottom] = self.edges(rows);
        bottom.div_ceil(step) - top.div_ceil(step)
    }

    /// Top and bottom of some rows of tiles on the grid.
    pub(super) fn edges(&self, rows: Range<u32>) -> [u32; 2] {
        let edge = |row: u32| {
            let place = u64::from(self.origin[1]) + u64::from(row) * u64::from(self.tile[1]);
            place.clamp(u64::from(self.image[1]), u64::from(self.image[3])) as u32
        };
        [edge(rows.start), edge(rows.end)]
    }
}

/// What decoding costs beyond its samples.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Style {
    /// The least area of a code-block and of a precinct, in samples.
    pub(super) block: u64,
    pub(super) precinct: u64,
    pub(super) layers: u64,
}

impl Style {
    fn cheaper_of(self, other: Self) -> Self {
        Self {
            block: self.block.min(other.block),
            precinct: self.precinct.min(other.precinct),
            layers: self.layers.max(other.layers),
        }
    }
}

/// A stretch of the codestream that belongs to one tile.
#[derive(Debug, Clone)]
pub(super) struct TilePart {
    pub(super) tile: u16,
    pub(super) range: Range<u64>,
}

/// What all markers say.
#[derive(Debug, Clone)]
pub(super) struct Codestream {
    pub(super) grid: Grid,
    /// Everything from the first marker to the first tile-part, without indexes of lengths.
    pub(super) header: Vec<u8>,
    pub(super) style: Style,
    /// The headers of packets are apart, in the order of the tile-parts: these cannot be taken apart.
    pub(super) has_packed_headers: bool,
    /// In the order of the file.
    pub(super) parts: Vec<TilePart>,
}

impl Codestream {
    /// Reads the main header.
    pub(super) fn open(file: &SpooledFile, range: &Range<u64>) -> Result<(Self, u64), Refusal> {
        let mut markers = Markers {
            file,
            place: range.start,
            end: range.end,
        };
        if markers.next()? != SOC || markers.next()? != SIZ {
            return Err("it does not begin with its size".into());
        }
        let size = markers.segment()?;
        let mut stream = Self {
            grid: Grid::read(&size)?,
            header: [&SOC.to_be_bytes()[..], &written(SIZ, &size)].concat(),
            style: Style::default(),
            has_packed_headers: false,
            parts: Vec::new(),
        };
        let mut style: Option<Style> = None;
        loop {
            let marker = markers.next()?;
            match marker {
                SOT => break,
                // Markers without anything.
                0xFF30..=0xFF3F => continue,
                _ => {}
            }
            let segment = markers.segment()?;
            match marker {
                CAP => {
                    return Err(Refusal::Unsupported(
                        "it is coded with high throughput (HTJ2K)",
                    ));
                }
                TLM | PLM => continue,
                PPM => stream.has_packed_headers = true,
                COD => style = Some(coding_style(&segment, 5)?),
                COC => {
                    let own = component_style(&segment, stream.grid.components.len())?;
                    style = Some(style.map_or(own, |style| style.cheaper_of(own)));
                }
                _ => {}
            }
            stream.header.extend(written(marker, &segment));
            if stream.header.len() as u64 > HEADER_CAP {
                return Err("its header is too large".into());
            }
        }
        stream.style = style.ok_or("it does not say how it is coded")?;
        Ok((stream, markers.place - 2))
    }

    /// Walks over all tile-parts to the end; a tile without any, or with fewer than it announces, is an error.
    pub(super) fn walk(&mut self, file: &SpooledFile, start: u64, end: u64) -> Result<(), Refusal> {
        let tiles = (self.grid.columns() * self.grid.rows()) as usize;
        // How many there are, and how many there should be.
        let mut counts = vec![(0_u16, 0_u16); tiles];
        let mut place = start;
        loop {
            let bytes = file.read_up_to(place, 12).map_err(|_| CUT)?;
            match bytes
                .first_chunk::<2>()
                .map(|marker| u16::from_be_bytes(*marker))
            {
                Some(EOC) if place + 2 <= end => break,
                Some(SOT) => {}
                None => return Err(CUT.into()),
                Some(_) => return Err("its tiles do not follow each other".into()),
            }
            let [_, _, _, _, t0, t1, l0, l1, l2, l3, _, count] = bytes[..] else {
                return Err(CUT.into());
            };
            let tile = u16::from_be_bytes([t0, t1]);
            let length = u64::from(u32::from_be_bytes([l0, l1, l2, l3]));
            // A length of nothing: up to the end of the codestream.
            let last = end.checked_sub(2).ok_or(CUT)?;
            let next = if length == 0 { last } else { place + length };
            if next > last {
                return Err(CUT.into());
            }
            if next < place + 14 {
                return Err("a tile has no data".into());
            }
            let seen = counts
                .get_mut(usize::from(tile))
                .ok_or("it has a tile outside of it")?;
            *seen = (seen.0.saturating_add(1), seen.1.max(u16::from(count)));
            self.part_header(file, place + 12, next)?;
            self.parts.push(TilePart {
                tile,
                range: place..next,
            });
            place = next;
        }
        if counts.iter().any(|(found, _)| *found == 0) {
            return Err("a tile is missing".into());
        }
        if counts.iter().any(|(found, announced)| found < announced) {
            return Err("a part of a tile is missing".into());
        }
        Ok(())
    }

    /// Looks for what a tile-part has of its own.
    fn part_header(&mut self, file: &SpooledFile, start: u64, end: u64) -> Result<(), Refusal> {
        let mut markers = Markers {
            file,
            place: start,
            end,
        };
        loop {
            let marker = markers.next()?;
            if marker == SOD {
                return Ok(());
            }
            if !matches!(marker, COD | COC) {
                markers.skip()?;
                continue;
            }
            let segment = markers.segment()?;
            let own = if marker == COD {
                coding_style(&segment, 5)?
            } else {
                component_style(&segment, self.grid.components.len())?
            };
            self.style = self.style.cheaper_of(own);
        }
    }

    /// Refuses what would take much more memory than its pixels.
    pub(super) fn check_style(&self) -> Result<(), Refusal> {
        // Structures of a precinct or of a code-block are of the size of some hundred samples.
        if self.style.precinct < 32 * 32 && self.samples() > 1 << 20 {
            return Err(Refusal::Unsupported("its precincts are too small"));
        }
        Ok(())
    }

    fn samples(&self) -> u64 {
        let rows = self.grid.height(0..self.grid.rows());
        u64::from(self.grid.width()) * u64::from(rows) * self.grid.components.len() as u64
    }
}

/// What a `COD` segment says; the style of its blocks begins at a place of it.
fn coding_style(segment: &[u8], place: usize) -> Result<Style, Refusal> {
    let layers = segment
        .get(2..4)
        .map_or(1, |bytes| u64::from(bytes[0]) << 8 | u64::from(bytes[1]));
    if layers > 32 {
        return Err(Refusal::Unsupported("it has more than 32 layers"));
    }
    let style = block_style(segment, place)?;
    Ok(Style { layers, ..style })
}

/// What a `COC` segment says: the same, of one component.
fn component_style(segment: &[u8], components: usize) -> Result<Style, Refusal> {
    block_style(segment, if components < 257 { 2 } else { 3 })
}

fn block_style(segment: &[u8], place: usize) -> Result<Style, Refusal> {
    let Some([levels, width, height, style, _, precincts @ ..]) = segment.get(place..) else {
        return Err(CUT.into());
    };
    if *levels > 32 {
        return Err("it has more than 32 levels".into());
    }
    if style & 0x40 != 0 {
        return Err(Refusal::Unsupported(
            "it is coded with high throughput (HTJ2K)",
        ));
    }
    if *width > 8 || *height > 8 || width + height > 8 {
        return Err("its code-blocks have an impossible size".into());
    }
    let block = 1_u64 << (width + height + 4);
    // Those of the lowest levels may be small without harm; the two highest have almost all samples.
    let precinct = precincts
        .iter()
        .rev()
        .take(2)
        .map(|exponents| 1_u64 << (exponents & 15) << (exponents >> 4))
        .min()
        .unwrap_or(1 << 30);
    Ok(Style {
        // A code-block is never larger than its precinct in a sub-band.
        block: block.min((precinct / 4).max(1)),
        precinct,
        layers: 1,
    })
}

fn written(marker: u16, segment: &[u8]) -> Vec<u8> {
    let length = (segment.len() + 2) as u16;
    [&marker.to_be_bytes()[..], &length.to_be_bytes(), segment].concat()
}

/// Reads markers and what belongs to them.
struct Markers<'a> {
    file: &'a SpooledFile,
    place: u64,
    end: u64,
}

impl Markers<'_> {
    fn number(&mut self) -> Result<u16, &'static str> {
        if self.place + 2 > self.end {
            return Err(CUT);
        }
        let bytes = self.file.read(self.place, 2).map_err(|_| CUT)?;
        self.place += 2;
        Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    fn next(&mut self) -> Result<u16, &'static str> {
        let marker = self.number()?;
        if marker < 0xFF01 {
            return Err("its header has no markers where they belong");
        }
        Ok(marker)
    }

    fn length(&mut self) -> Result<usize, &'static str> {
        let length = self
            .number()?
            .checked_sub(2)
            .ok_or("a segment has no length")?;
        if self.place + u64::from(length) > self.end {
            return Err(CUT);
        }
        Ok(usize::from(length))
    }

    fn segment(&mut self) -> Result<Vec<u8>, &'static str> {
        let length = self.length()?;
        let bytes = self.file.read(self.place, length).map_err(|_| CUT)?;
        self.place += length as u64;
        Ok(bytes.into())
    }

    fn skip(&mut self) -> Result<(), &'static str> {
        self.place += self.length()? as u64;
        Ok(())
    }
}
