//! Whether the scans of a JPEG hold all the blocks that its header promises.
//!
//! Asked where the decoder warns: some warnings are of bytes too many, which cameras write, and others of pixels that were made up. So the
//! Huffman codes are read once more, for their count alone: nothing is transformed, and nothing but one bit for each coefficient is kept.

use std::io::Read;

use super::bits::Bits;
use super::huffman::{self, Huffman};
use super::markers::Fault;

const SHORT: &str = "a part of its pixels is missing";
const BAD: &str = "its markers contradict each other";

/// Reads a stream of Huffman codes to its end.
pub(in crate::pyramid) fn check(reader: impl Read) -> Result<(), Fault> {
    let mut stream = Stream::default();
    let mut bits = Bits::new(reader);
    loop {
        let marker = bits.next_marker()?;
        match marker {
            0x01 | 0xD0..=0xD8 => {}
            0xD9 => break,
            _ => {
                let segment = bits.segment()?;
                match marker {
                    0xC0..=0xC2 => stream.frame(marker == 0xC2, &segment).ok_or(BAD)?,
                    0xC4 => stream.tables(&segment).ok_or(BAD)?,
                    0xDA => {
                        let scan = stream.scan(&segment).ok_or(BAD)?;
                        stream.walk(&scan, &mut bits)?;
                    }
                    0xDD => {
                        let interval = segment.first_chunk().ok_or(BAD)?;
                        stream.restart = u32::from(u16::from_be_bytes(*interval));
                    }
                    _ => {}
                }
            }
        }
    }
    // A progressive stream may leave out details of its own will, but never a whole channel.
    if stream.channels.iter().all(|channel| channel.begun) {
        Ok(())
    } else {
        Err(SHORT.into())
    }
}

#[derive(Debug, Default)]
struct Stream {
    progressive: bool,
    width: u32,
    height: u32,
    channels: Vec<Channel>,
    dc: [Option<Huffman>; 4],
    ac: [Option<Huffman>; 4],
    restart: u32,
}

#[derive(Debug)]
struct Channel {
    id: u8,
    h: u32,
    v: u32,
    /// Whether a scan had its first coefficients.
    begun: bool,
    /// Blocks in a row of whole units.
    stride: usize,
    /// Of each block: which coefficients are not zero. Only kept where later scans refine them.
    nonzero: Vec<u64>,
}

#[derive(Debug)]
struct Scan {
    /// Place of the channel, its tables.
    channels: Vec<(usize, usize, usize)>,
    start: u32,
    end: u32,
    refines: bool,
}

impl Stream {
    fn frame(&mut self, progressive: bool, segment: &[u8]) -> Option<()> {
        let [8, h1, h0, w1, w0, count, channels @ ..] = segment else {
            return None;
        };
        self.progressive = progressive;
        self.height = u32::from(u16::from_be_bytes([*h1, *h0]));
        self.width = u32::from(u16::from_be_bytes([*w1, *w0]));
        let channels = channels.get(..3 * usize::from(*count))?.as_chunks::<3>().0;
        let factors = |packed: u8| (u32::from(packed >> 4), u32::from(packed & 15));
        let allowed = |packed: u8| {
            let (h, v) = factors(packed);
            (1..=4).contains(&h) && (1..=4).contains(&v)
        };
        if !self.channels.is_empty() || !channels.iter().all(|[_, packed, _]| allowed(*packed)) {
            return None;
        }
        self.channels = channels
            .iter()
            .map(|[id, packed, _]| Channel {
                id: *id,
                h: factors(*packed).0,
                v: factors(*packed).1,
                begun: false,
                stride: 0,
                nonzero: Vec::new(),
            })
            .collect();
        let (columns, rows) = self.units()?;
        for channel in &mut self.channels {
            channel.stride = (columns * channel.h) as usize;
            if progressive {
                channel.nonzero = vec![0; channel.stride * (rows * channel.v) as usize];
            }
        }
        Some(())
    }

    /// Columns and rows of units in which all channels take turns.
    fn units(&self) -> Option<(u32, u32)> {
        let (h, v) = self.most()?;
        Some((self.width.div_ceil(8 * h), self.height.div_ceil(8 * v)))
    }

    fn most(&self) -> Option<(u32, u32)> {
        Some((
            self.channels.iter().map(|channel| channel.h).max()?,
            self.channels.iter().map(|channel| channel.v).max()?,
        ))
    }

    fn tables(&mut self, segment: &[u8]) -> Option<()> {
        for table in huffman::tables(segment)? {
            let kind = if table.is_ac {
                &mut self.ac
            } else {
                &mut self.dc
            };
            kind[table.id] = Some(Huffman::new(table.counts, table.symbols)?);
        }
        Some(())
    }

    fn scan(&mut self, segment: &[u8]) -> Option<Scan> {
        let (count, rest) = segment.split_first()?;
        let (channels, rest) = rest.split_at_checked(2 * usize::from(*count))?;
        let [start, end, approximation, ..] = rest else {
            return None;
        };
        let channels = channels
            .as_chunks::<2>()
            .0
            .iter()
            .map(|[id, tables]| {
                let place = self.channels.iter().position(|channel| channel.id == *id)?;
                let (dc, ac) = (usize::from(tables >> 4), usize::from(tables & 15));
                (dc < 4 && ac < 4).then_some((place, dc, ac))
            })
            .collect::<Option<Vec<_>>>()?;
        let (start, end) = if self.progressive {
            (u32::from(*start), u32::from(*end))
        } else {
            (0, 63)
        };
        let allowed = !channels.is_empty()
            && end < 64
            && start <= end
            // Only first coefficients may be interleaved, and they have scans of their own.
            && (!self.progressive || (start == 0 && end == 0) || (start > 0 && channels.len() == 1));
        if start == 0 {
            for (place, ..) in &channels {
                self.channels[*place].begun = true;
            }
        }
        allowed.then_some(Scan {
            channels,
            start,
            end,
            refines: self.progressive && approximation >> 4 != 0,
        })
    }

    /// Reads every block of a scan.
    fn walk(&mut self, scan: &Scan, bits: &mut Bits<impl Read>) -> Result<(), Fault> {
        let (most_h, most_v) = self.most().ok_or(BAD)?;
        // A channel on its own has no more blocks than it has pixels for.
        let alone = match scan.channels.as_slice() {
            [(place, ..)] => Some(&self.channels[*place]),
            _ => None,
        };
        let (columns, rows) = match alone {
            Some(channel) => (
                (self.width * channel.h).div_ceil(8 * most_h),
                (self.height * channel.v).div_ceil(8 * most_v),
            ),
            None => self.units().ok_or(BAD)?,
        };
        let is_alone = alone.is_some();
        let (mut run, mut until_restart, mut restarts) = (0, self.restart, 0);
        bits.begin();
        for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)))
        {
            if self.restart > 0 {
                if until_restart == 0 {
                    if bits.next_marker()? != 0xD0 + restarts {
                        return Err(SHORT.into());
                    }
                    bits.begin();
                    (run, until_restart, restarts) = (0, self.restart, (restarts + 1) % 8);
                }
                until_restart -= 1;
            }
            for &(place, dc, ac) in &scan.channels {
                let channel = &mut self.channels[place];
                let (h, v) = if is_alone {
                    (1, 1)
                } else {
                    (channel.h, channel.v)
                };
                let tables = (self.dc[dc].as_ref(), self.ac[ac].as_ref());
                for (y, x) in (0..v).flat_map(|y| (0..h).map(move |x| (y, x))) {
                    let index = (row * v + y) as usize * channel.stride + (column * h + x) as usize;
                    let mut unkept = 0;
                    let nonzero = channel.nonzero.get_mut(index).unwrap_or(&mut unkept);
                    if block(self.progressive, scan, tables, bits, nonzero, &mut run).is_none() {
                        bits.failure()?;
                        return Err(SHORT.into());
                    }
                }
            }
            if bits.is_overdrawn() {
                return Err(SHORT.into());
            }
        }
        Ok(())
    }
}

/// Reads one block; `None` where no table has its codes.
fn block(
    progressive: bool,
    scan: &Scan,
    (dc, ac): (Option<&Huffman>, Option<&Huffman>),
    bits: &mut Bits<impl Read>,
    nonzero: &mut u64,
    run: &mut u32,
) -> Option<()> {
    if scan.start == 0 {
        if scan.refines {
            bits.take(1);
            return Some(());
        }
        let size = bits.symbol(dc?)?;
        (size <= 16).then(|| bits.take(u32::from(size)))?;
        if progressive {
            return Some(());
        }
        return details(ac?, 1, 63, bits, nonzero, &mut 0);
    }
    if scan.refines {
        refinements(ac?, scan, bits, nonzero, run)
    } else {
        details(ac?, scan.start, scan.end, bits, nonzero, run)
    }
}

fn details(
    table: &Huffman,
    start: u32,
    end: u32,
    bits: &mut Bits<impl Read>,
    nonzero: &mut u64,
    run: &mut u32,
) -> Option<()> {
    if *run > 0 {
        *run -= 1;
        return Some(());
    }
    let mut place = start;
    while place <= end {
        let symbol = bits.symbol(table)?;
        let (zeros, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
        if size == 0 {
            if zeros < 15 {
                // The blocks after this one that end as well: none in a sequential stream.
                *run = (1 << zeros) - 1 + bits.take(zeros);
                break;
            }
            place += 16;
            continue;
        }
        place += zeros;
        if place > end {
            return None;
        }
        bits.take(size);
        *nonzero |= 1 << place;
        place += 1;
    }
    Some(())
}

fn refinements(
    table: &Huffman,
    scan: &Scan,
    bits: &mut Bits<impl Read>,
    nonzero: &mut u64,
    run: &mut u32,
) -> Option<()> {
    let mut place = scan.start;
    while *run == 0 && place <= scan.end {
        let symbol = bits.symbol(table)?;
        let (mut zeros, size) = (u32::from(symbol >> 4), symbol & 15);
        match (size, zeros) {
            (0, 15) => {}
            (0, _) => {
                *run = (1 << zeros) + bits.take(zeros);
                break;
            }
            (1, _) => {
                bits.take(1);
            }
            _ => return None,
        }
        while place <= scan.end {
            if *nonzero >> place & 1 == 1 {
                bits.take(1);
            } else if zeros == 0 {
                break;
            } else {
                zeros -= 1;
            }
            place += 1;
        }
        if size == 1 {
            if place > scan.end {
                return None;
            }
            *nonzero |= 1 << place;
        }
        place += 1;
    }
    if *run > 0 {
        let rest = (place..=scan.end).filter(|place| *nonzero >> place & 1 == 1);
        bits.take_each(rest.count());
        *run -= 1;
    }
    Some(())
}
