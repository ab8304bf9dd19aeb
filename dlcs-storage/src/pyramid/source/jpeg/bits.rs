//! Entropy-coded bits of a JPEG, as they come.

use std::io::{BufRead, BufReader, Read};

use super::huffman::Huffman;
use super::markers::{self, Fault};

/// How much of a file is read at once.
const BUFFER: usize = 1 << 16;

/// Reads bits up to the next marker; what is read past it is zero, and counted.
#[derive(Debug)]
pub(in crate::pyramid) struct Bits<R> {
    reader: BufReader<R>,
    /// The next bits, the first of them the highest; below those that count there may be more of the same.
    held: u64,
    count: u32,
    /// How many bits were added that were never there; they come last.
    missing: u32,
    marker: Option<u8>,
    failure: Option<std::io::Error>,
}

impl<R: Read> Bits<R> {
    pub(in crate::pyramid) fn new(reader: R) -> Self {
        Self {
            reader: BufReader::with_capacity(BUFFER, reader),
            held: 0,
            count: 0,
            missing: 0,
            marker: None,
            failure: None,
        }
    }

    /// Begins a run of codes after a marker.
    pub(in crate::pyramid) fn begin(&mut self) {
        (self.held, self.count, self.missing, self.marker) = (0, 0, 0, None);
    }

    /// Whether more bits were taken than there were before the marker.
    pub(in crate::pyramid) const fn is_overdrawn(&self) -> bool {
        self.missing > self.count
    }

    /// The marker that comes next; what lies before it is passed over.
    pub(in crate::pyramid) fn next_marker(&mut self) -> Result<u8, Fault> {
        if let Some(failure) = self.failure.take() {
            return Err(failure.into());
        }
        match self.marker.take() {
            Some(marker) => Ok(marker),
            None => markers::next_marker(&mut self.reader),
        }
    }

    /// What belongs to a marker with a length.
    pub(in crate::pyramid) fn segment(&mut self) -> Result<Vec<u8>, Fault> {
        markers::segment(&mut self.reader)
    }

    #[inline]
    pub(in crate::pyramid) fn symbol(&mut self, table: &Huffman) -> Option<u8> {
        self.fill();
        let (symbol, length) = table.find(self.held)?;
        self.skip(length);
        Some(symbol)
    }

    /// Takes up to 16 bits as a number.
    #[inline]
    pub(in crate::pyramid) fn take(&mut self, length: u32) -> u32 {
        if length == 0 {
            return 0;
        }
        self.fill();
        let value = (self.held >> (64 - length)) as u32;
        self.skip(length);
        value
    }

    /// Takes this many bits without a look at them.
    pub(in crate::pyramid) fn take_each(&mut self, count: usize) {
        for _ in 0..count {
            self.take(1);
        }
    }

    /// The next bits, the first of them the highest: at least 48 of them after [`Self::fill`].
    #[inline]
    pub(in crate::pyramid) const fn held(&self) -> u64 {
        self.held
    }

    /// Passes over bits that are held, fewer than 64.
    #[inline]
    pub(in crate::pyramid) const fn skip(&mut self, length: u32) {
        self.held <<= length;
        self.count -= length;
    }

    /// Holds at least 48 bits from here on.
    #[inline]
    pub(in crate::pyramid) fn fill(&mut self) {
        if self.count >= 48 {
            return;
        }
        if self.marker.is_none()
            && let Some(next) = self.reader.buffer().first_chunk::<8>()
        {
            let next = u64::from_be_bytes(*next);
            // No byte of these is 0xFF: none is stuffed, and none begins a marker.
            if !has_ff(next) {
                self.held |= next >> self.count;
                self.reader.consume(((63 - self.count) >> 3) as usize);
                self.count |= 56;
                return;
            }
        }
        self.fill_by_bytes();
    }

    fn fill_by_bytes(&mut self) {
        // What lies below the bits that count is of bytes that come again.
        self.held &= !u64::MAX.checked_shr(self.count).unwrap_or(0);
        while self.count <= 56 {
            let byte = self.byte();
            if byte.is_none() {
                self.missing += 8;
            }
            self.held |= u64::from(byte.unwrap_or(0)) << (56 - self.count);
            self.count += 8;
        }
    }

    /// The next byte of codes; `None` at a marker or at the end.
    fn byte(&mut self) -> Option<u8> {
        if self.marker.is_some() {
            return None;
        }
        let byte = self.next()?;
        if byte != 0xFF {
            return Some(byte);
        }
        loop {
            match self.next()? {
                0x00 => return Some(0xFF),
                0xFF => {}
                marker => {
                    self.marker = Some(marker);
                    return None;
                }
            }
        }
    }

    fn next(&mut self) -> Option<u8> {
        match self.reader.fill_buf() {
            Ok(buffer) => {
                let byte = *buffer.first()?;
                self.reader.consume(1);
                Some(byte)
            }
            Err(error) => {
                self.failure.get_or_insert(error);
                None
            }
        }
    }

    /// What kept the file from being read, if anything did.
    pub(in crate::pyramid) fn failure(&mut self) -> Result<(), Fault> {
        self.failure
            .take()
            .map_or(Ok(()), |error| Err(error.into()))
    }
}

/// Whether a byte of these is 0xFF.
const fn has_ff(bytes: u64) -> bool {
    let inverted = !bytes;
    inverted.wrapping_sub(0x0101_0101_0101_0101) & bytes & 0x8080_8080_8080_8080 != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_come_in_order_without_what_was_stuffed() {
        let plain: Vec<u8> = (0..=255).chain([0xFF; 20]).chain(1..100).collect();
        let stuffed: Vec<u8> = plain
            .iter()
            .flat_map(|byte| [*byte, 0].into_iter().take(1 + usize::from(*byte == 0xFF)))
            .chain([0xFF, 0xD9])
            .collect();
        let mut bits = Bits::new(&stuffed[..]);
        let mut found = 0;
        for length in (1..=16).cycle().take_while(|_| true) {
            if found + length as usize > plain.len() * 8 {
                break;
            }
            let expected = (found..found + length as usize).fold(0, |value, bit| {
                value << 1 | u32::from(plain[bit / 8] >> (7 - bit % 8) & 1)
            });
            assert_eq!(bits.take(length), expected, "at bit {found}");
            found += length as usize;
            assert!(!bits.is_overdrawn());
        }
        bits.take(16);
        assert!(bits.is_overdrawn());
        assert_eq!(bits.next_marker().unwrap(), 0xD9);
    }

    #[test]
    fn nothing_is_read_past_a_marker() {
        let stream = b"\x81\xFF\xD0\x82\x83\x84\x85\x86\x87\x88\x89\x8A";
        let mut bits = Bits::new(&stream[..]);
        assert_eq!(bits.take(8), 0x81);
        for _ in 0..20 {
            assert_eq!(bits.take(16), 0);
        }
        assert!(bits.is_overdrawn());
        assert_eq!(bits.next_marker().unwrap(), 0xD0);
        bits.begin();
        assert_eq!(bits.take(16), 0x8283);
        assert!(!bits.is_overdrawn());
    }
}
