//! The boxes around a JPEG 2000 codestream: where it is, and what its components mean.

use std::ops::Range;

use super::super::super::spool::SpooledFile;
use super::super::METADATA_CAP;

const CUT: &str = "it ends early";

/// How the colours of the channels are to be understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Colours {
    /// Nothing that is known here is said.
    Unknown,
    /// By the number of a colour space.
    Enumerated(u32),
    /// Lab with its range and offset of each channel, where they are not the usual ones.
    Lab(Vec<u32>),
    /// The bytes of a profile.
    Icc(Vec<u8>),
}

/// What a channel is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The colour of this number, from 1.
    Colour(u16),
    Opacity,
    PremultipliedOpacity,
    Other,
}

/// A table from the values of one component to those of several channels.
#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    /// Bits of each column.
    pub(super) depths: Vec<u8>,
    /// Values by row and column.
    pub(super) values: Vec<u32>,
}

/// Where a channel comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mapping {
    pub(super) component: usize,
    /// The column of the table that its values are looked up in.
    pub(super) column: Option<usize>,
}

/// What the boxes say.
#[derive(Debug, Clone)]
pub(super) struct Boxes {
    pub(super) codestream: Range<u64>,
    pub(super) colours: Colours,
    /// What each channel is, by its number.
    pub(super) roles: Vec<(usize, Role)>,
    pub(super) table: Option<Table>,
    pub(super) mappings: Vec<Mapping>,
}

impl Boxes {
    /// Walks over the outermost boxes and those within the header; none is entered more deeply.
    pub(super) fn read(file: &SpooledFile) -> Result<Self, &'static str> {
        let mut boxes = Self {
            codestream: 0..file.length(),
            colours: Colours::Unknown,
            roles: Vec::new(),
            table: None,
            mappings: Vec::new(),
        };
        let start = file.read_up_to(0, 4).map_err(|_| CUT)?;
        if start.starts_with(b"\xFF\x4F\xFF\x51") {
            return Ok(boxes);
        }
        let (mut place, mut codestream, mut has_header) = (0, None, false);
        while place < file.length() {
            let head = file.read_up_to(place, 16).map_err(|_| CUT)?;
            let Some((kind, data, end)) = frame(&head, place, file.length())? else {
                // What follows the pixels is not needed.
                if codestream.is_some() && has_header {
                    break;
                }
                return Err(CUT);
            };
            match &kind {
                b"jp2h" if !has_header => {
                    if data.end - data.start > u64::from(METADATA_CAP) * 2 {
                        return Err("its header is too large");
                    }
                    let header = file
                        .read(data.start, (data.end - data.start) as usize)
                        .map_err(|_| CUT)?;
                    boxes.header(&header)?;
                    has_header = true;
                }
                b"jp2c" if codestream.is_none() => codestream = Some(data),
                _ => {}
            }
            place = end;
        }
        boxes.codestream = codestream.ok_or("it has no codestream")?;
        Ok(boxes)
    }

    fn header(&mut self, header: &[u8]) -> Result<(), &'static str> {
        let length = header.len() as u64;
        let mut place = 0;
        while place < length {
            let head = &header[place as usize..];
            let Some((kind, range, end)) = frame(head, place, length)? else {
                return Err("its header is cut");
            };
            let data = &header[range.start as usize..range.end as usize];
            match &kind {
                b"colr" => self.colour(data),
                b"cdef" => self.roles = roles(data),
                b"pclr" => self.table = Some(table(data).ok_or("its palette is damaged")?),
                b"cmap" => self.mappings = mappings(data),
                _ => {}
            }
            place = end;
        }
        if let Some(table) = &self.table
            && self.mappings.is_empty()
        {
            // What some programs leave out: every column, in order.
            self.mappings = (0..table.depths.len())
                .map(|column| Mapping {
                    component: 0,
                    column: Some(column),
                })
                .collect();
        }
        Ok(())
    }

    /// The first colour specification that is understood counts.
    fn colour(&mut self, data: &[u8]) {
        let [method, _, _, rest @ ..] = data else {
            return;
        };
        if self.colours != Colours::Unknown {
            return;
        }
        self.colours = match method {
            1 => match rest.split_first_chunk::<4>() {
                Some(([0, 0, 0, 14], ranges)) => Colours::Lab(
                    ranges
                        .as_chunks::<4>()
                        .0
                        .iter()
                        .map(|number| u32::from_be_bytes(*number))
                        .collect(),
                ),
                Some((number, _)) => Colours::Enumerated(u32::from_be_bytes(*number)),
                None => Colours::Unknown,
            },
            2 | 3 if rest.len() <= METADATA_CAP as usize => Colours::Icc(rest.to_vec()),
            2 | 3 => {
                tracing::warn!("the colour profile of a JPEG 2000 is too large and was left out");
                Colours::Unknown
            }
            _ => Colours::Unknown,
        };
    }
}

/// The kind of a box, where its data is, and where it ends; `None` where it reaches beyond the end.
type Framed = ([u8; 4], Range<u64>, u64);

fn frame(head: &[u8], place: u64, limit: u64) -> Result<Option<Framed>, &'static str> {
    let Some((&[a, b, c, d, k0, k1, k2, k3], rest)) = head.split_first_chunk::<8>() else {
        return Ok(None);
    };
    let short = u64::from(u32::from_be_bytes([a, b, c, d]));
    let (length, header) = match (short, rest.first_chunk::<8>()) {
        (0, _) => (limit - place, 8),
        (1, Some(long)) => (u64::from_be_bytes(*long), 16),
        (1, None) => return Ok(None),
        _ => (short, 8),
    };
    if length < header {
        return Err("it has a box without a length");
    }
    let end = place.checked_add(length).filter(|end| *end <= limit);
    Ok(end.map(|end| ([k0, k1, k2, k3], place + header..end, end)))
}

fn roles(data: &[u8]) -> Vec<(usize, Role)> {
    let entries = data.get(2..).unwrap_or_default().as_chunks::<6>().0;
    entries
        .iter()
        .map(|[c0, c1, t0, t1, a0, a1]| {
            let channel = usize::from(u16::from_be_bytes([*c0, *c1]));
            let colour = u16::from_be_bytes([*a0, *a1]);
            let role = match u16::from_be_bytes([*t0, *t1]) {
                0 => Role::Colour(colour),
                1 => Role::Opacity,
                2 => Role::PremultipliedOpacity,
                _ => Role::Other,
            };
            (channel, role)
        })
        .collect()
}

fn table(data: &[u8]) -> Option<Table> {
    let (&[n0, n1, columns], rest) = data.split_first_chunk::<3>()?;
    let rows = usize::from(u16::from_be_bytes([n0, n1]));
    let (depths, mut rest) = rest.split_at_checked(usize::from(columns))?;
    // The first bit says that values have a sign; the others the bits, less one.
    let depths: Vec<u8> = depths.iter().map(|depth| (depth & 0x7F) + 1).collect();
    if rows == 0 || rows > 1024 || depths.is_empty() || depths.iter().any(|depth| *depth > 16) {
        return None;
    }
    let mut values = Vec::with_capacity(rows * depths.len());
    for _ in 0..rows {
        for depth in &depths {
            let bytes = usize::from(depth.div_ceil(8));
            let (value, after) = rest.split_at_checked(bytes)?;
            values.push(
                value
                    .iter()
                    .fold(0, |sum, byte| sum << 8 | u32::from(*byte)),
            );
            rest = after;
        }
    }
    Some(Table { depths, values })
}

fn mappings(data: &[u8]) -> Vec<Mapping> {
    data.as_chunks::<4>()
        .0
        .iter()
        .map(|[c0, c1, kind, column]| Mapping {
            component: usize::from(u16::from_be_bytes([*c0, *c1])),
            column: (*kind == 1).then_some(usize::from(*column)),
        })
        .collect()
}
