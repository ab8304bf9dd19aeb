//! Exact tiles within padded ones.
//!
//! A tile that its level fills only in part is stored once: padded, as TIFF demands. Its bits are in such an order that those of the exact tile
//! are taken out of it by the byte: what is made up comes after each row of units, and where it does, every row begins anew behind a restart
//! marker; whole rows that are made up come last.
//!
//! A segment of the padded stream, which decoders pass over, says what to take. All numbers are big-endian, in this order:
//!
//! | Bytes | What |
//! |---|---|
//! | 2 + 2 | the marker, and the length of the segment |
//! | 5 | `dlcs` and a zero |
//! | 2 + 2 | width and height of the exact tile |
//! | 2 | units between its restarts; 0 for none |
//! | 3 + 1 each | of each run of bits without a restart: how many whole bytes of it are taken, and the byte that comes after them, its rest filled with ones; 0 for none |

use std::ops::Range;

use dlcs_core::iiif::Level;

use super::jpeg::segment;

const MARKER: u8 = 0xE9;
const NAME: &[u8] = b"dlcs\0";
/// Bytes before what is said of the runs, the marker included.
const FIXED: usize = 4 + NAME.len() + 6;
/// Bytes that are said of a run.
const RUN: usize = 4;

/// What a tile holds of its level, in pixels.
pub(super) fn exact_size(level: Level, tile: u32, column: u32, row: u32) -> (u32, u32) {
    let there = |length: u32, place: u32| tile.min(length - place * tile);
    let (width, height) = (level.dimensions.width(), level.dimensions.height());
    (there(width, column), there(height, row))
}

/// The exact tile in a padded one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Exact {
    pub(super) width: u16,
    pub(super) height: u16,
    /// Units between restarts; 0 for none.
    pub(super) interval: u16,
}

/// Where a run of bits ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RunEnd {
    /// How many whole bytes it has, stuffed ones included.
    pub(super) length: usize,
    /// The bits that fill no byte, and ones; 0 where there are none.
    pub(super) last: u8,
}

impl Exact {
    /// The segment, of so many runs of which nothing is known yet.
    pub(super) fn segment(self, runs: usize) -> Vec<u8> {
        let length = FIXED - 2 + runs * RUN;
        let mut bytes = vec![0xFF, MARKER];
        bytes.extend((length as u16).to_be_bytes());
        bytes.extend(NAME);
        for number in [self.width, self.height, self.interval] {
            bytes.extend(number.to_be_bytes());
        }
        bytes.resize(length + 2, 0);
        bytes
    }
}

/// Says in a segment where the runs end; `None` where one is longer than can be said.
pub(super) fn fill(segment: &mut [u8], runs: &[RunEnd]) -> Option<()> {
    let said = segment.get_mut(FIXED..)?.chunks_exact_mut(RUN);
    for (said, run) in said.zip(runs) {
        let [0, a, b, c] = u32::try_from(run.length).ok()?.to_be_bytes() else {
            return None;
        };
        said.copy_from_slice(&[a, b, c, run.last]);
    }
    Some(())
}

/// What a segment says.
struct Said<'a> {
    exact: Exact,
    runs: &'a [[u8; RUN]],
}

impl<'a> Said<'a> {
    fn read(segment: &'a [u8]) -> Option<Self> {
        let (fixed, runs) = segment.split_at_checked(FIXED)?;
        let numbers = fixed[4..].strip_prefix(NAME)?;
        let number = |at: usize| {
            Some(u16::from_be_bytes([
                *numbers.get(at)?,
                *numbers.get(at + 1)?,
            ]))
        };
        Some(Self {
            exact: Exact {
                width: number(0)?,
                height: number(2)?,
                interval: number(4)?,
            },
            runs: runs.as_chunks().0,
        })
    }
}

/// Takes the exact tile of this size out of a padded one, as a whole stream behind the tables that it needs; `None` where there is none in it.
pub(super) fn take(prefix: &[u8], padded: &[u8], size: (u32, u32)) -> Option<Vec<u8>> {
    let mut position = 2;
    let mut stream = Vec::with_capacity(prefix.len() + padded.len());
    stream.extend_from_slice(prefix);
    let mut said = None;
    loop {
        let (marker, place) = segment(padded, position)?;
        position = place.end;
        let start = stream.len();
        match marker {
            MARKER => {
                said = Some(Said::read(&padded[place])?);
                continue;
            }
            _ => stream.extend_from_slice(&padded[place]),
        }
        let exact = said.as_ref()?.exact;
        match marker {
            0xC0..=0xC3 => {
                put(&mut stream, start + 5, exact.height)?;
                put(&mut stream, start + 7, exact.width)?;
            }
            0xDD => put(&mut stream, start + 4, exact.interval)?,
            0xDA => break,
            _ => {}
        }
    }
    let Said { exact, runs } = said?;
    if size != (exact.width.into(), exact.height.into()) || runs.is_empty() {
        return None;
    }
    for (number, [a, b, c, last]) in runs.iter().enumerate() {
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        let end = position.checked_add(length)?;
        stream.extend_from_slice(padded.get(position..end)?);
        match last {
            0 => {}
            0xFF => stream.extend_from_slice(&[0xFF, 0]),
            last => stream.push(*last),
        }
        if number + 1 < runs.len() {
            let restart = [0xFF, 0xD0 + (number % 8) as u8];
            stream.extend_from_slice(&restart);
            position = after(padded, end, restart)?;
        }
    }
    stream.extend_from_slice(&[0xFF, 0xD9]);
    // It may be kept, and there was room for all that was made up.
    stream.shrink_to_fit();
    Some(stream)
}

fn put(stream: &mut [u8], at: usize, number: u16) -> Option<()> {
    let place: Range<usize> = at..at + 2;
    stream
        .get_mut(place)?
        .copy_from_slice(&number.to_be_bytes());
    Some(())
}

/// Where it goes on after a marker that comes soon.
fn after(bytes: &[u8], start: usize, marker: [u8; 2]) -> Option<usize> {
    let found = bytes
        .get(start..)?
        .windows(2)
        .position(|two| two == marker)?;
    Some(start + found + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXACT: Exact = Exact {
        width: 20,
        height: 30,
        interval: 2,
    };

    /// A padded stream with these bits, of which so much is said.
    fn padded(bits: &[u8], runs: &[RunEnd]) -> Vec<u8> {
        let mut said = EXACT.segment(runs.len());
        fill(&mut said, runs).unwrap();
        let mut stream = vec![0xFF, 0xD8];
        stream.extend(said);
        stream.extend(b"\xFF\xDD\0\x04\0\x20\xFF\xC0\0\x0B\x08\x02\0\x02\0\x01\x01\x11\0");
        stream.extend(b"\xFF\xDA\0\x08\x01\x01\0\0\x3F\0");
        stream.extend(bits);
        stream.extend([0xFF, 0xD9]);
        stream
    }

    #[test]
    fn what_is_real_is_taken_and_what_is_made_up_is_left() {
        let runs = [
            RunEnd {
                length: 2,
                last: 0x7F,
            },
            RunEnd { length: 1, last: 0 },
            RunEnd {
                length: 3,
                last: 0xFF,
            },
        ];
        let bits = b"ab\x70made up\xFF\xD0cmade up\xFF\xD1d\xFF\0e\xF1up\xFF\xD2made up";
        let stream = take(b"tables", &padded(bits, &runs), (20, 30)).unwrap();
        let head = b"tables\xFF\xDD\0\x04\0\x02\xFF\xC0\0\x0B\x08\0\x1E\0\x14\x01\x01\x11\0";
        let rest = b"\xFF\xDA\0\x08\x01\x01\0\0\x3F\0ab\x7F\xFF\xD0c\xFF\xD1d\xFF\0\xFF\0\xFF\xD9";
        assert_eq!(stream, [&head[..], rest].concat());
    }

    #[test]
    fn nothing_is_taken_out_of_what_holds_nothing() {
        let runs = [RunEnd { length: 2, last: 0 }; 2];
        let whole = padded(b"ab\xFF\xD0cd", &runs);
        let size = (20, 30);
        assert!(take(b"", &whole, size).is_some());
        assert_eq!(take(b"", &whole, (30, 20)), None);
        assert_eq!(take(b"", &padded(b"ab", &[]), size), None);
        for end in 0..whole.len() - 2 {
            assert_eq!(take(b"", &whole[..end], size), None, "{end}");
        }
        for bit in 0..whole.len() * 8 {
            let mut rotten = whole.clone();
            rotten[bit / 8] ^= 1 << (bit % 8);
            // Whatever it comes to, it comes to an end.
            let _ = take(b"", &rotten, size);
        }
        let mut other = whole.clone();
        other[6] = b'D';
        assert_eq!(take(b"", &other, size), None, "another program's segment");
        let long = [RunEnd {
            length: 1 << 24,
            last: 0,
        }];
        assert_eq!(fill(&mut EXACT.segment(1), &long), None);
    }
}
