//! JPEG streams taken apart and put together: tables on one side, the rest on the other.

use std::ops::Range;

const SOI: u8 = 0xD8;
const EOI: u8 = 0xD9;
const SOS: u8 = 0xDA;
const DQT: u8 = 0xDB;
const DHT: u8 = 0xC4;
const APP0: u8 = 0xE0;

/// The JFIF segment that says that colours are YCbCr, or grey.
const JFIF: [u8; 18] = [
    0xFF, APP0, 0, 16, b'J', b'F', b'I', b'F', 0, 1, 1, 0, 0, 1, 0, 1, 0, 0,
];

/// A stream without its tables, and the tables as a stream of their own.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Abbreviated {
    pub(super) stream: Vec<u8>,
    pub(super) tables: Vec<u8>,
}

/// Takes the tables and the JFIF segment out of a stream; `None` for what is no JPEG stream.
pub(super) fn abbreviate(stream: &[u8]) -> Option<Abbreviated> {
    let start = [0xFF, SOI];
    let mut rest = start.to_vec();
    let mut tables = start.to_vec();
    let mut position = start.len();
    loop {
        let (marker, segment) = segment(stream, position)?;
        position = segment.end;
        match marker {
            DQT | DHT => tables.extend_from_slice(&stream[segment]),
            APP0 => {}
            SOS => {
                rest.reserve(stream.len() - segment.start);
                rest.extend_from_slice(&stream[segment.start..]);
                tables.extend_from_slice(&[0xFF, EOI]);
                return Some(Abbreviated {
                    stream: rest,
                    tables,
                });
            }
            _ => rest.extend_from_slice(&stream[segment]),
        }
    }
}

/// The marker at a position and where its segment lies.
pub(super) fn segment(stream: &[u8], position: usize) -> Option<(u8, Range<usize>)> {
    let header = stream.get(position..position + 4)?;
    if header[0] != 0xFF {
        return None;
    }
    let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
    let range = position..position + 2 + length;
    (length >= 2 && range.end <= stream.len()).then_some((header[1], range))
}

/// What comes before an abbreviated stream, without its first two bytes, to make it whole; `None` where the tables are none.
///
/// Streams without common tables are whole already.
pub(super) fn prefix(tables: &[u8]) -> Option<Vec<u8>> {
    if tables.is_empty() {
        return Some(vec![0xFF, SOI]);
    }
    let tables = tables
        .strip_prefix(&[0xFF, SOI])?
        .strip_suffix(&[0xFF, EOI])?;
    Some([&[0xFF, SOI][..], &JFIF, tables].concat())
}

/// Makes an abbreviated stream whole; `None` where it does not begin as one.
pub(super) fn splice(prefix: &[u8], stream: &[u8]) -> Option<Vec<u8>> {
    let rest = stream.strip_prefix(&[0xFF, SOI])?;
    Some([prefix, rest].concat())
}
