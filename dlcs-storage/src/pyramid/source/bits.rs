//! Markers, segments and Huffman codes of a JPEG, as they come.

use std::io::BufRead;

/// Bits of the look-up of short codes.
const SHORT_BITS: u32 = 9;

/// A table of Huffman codes.
#[derive(Debug)]
pub(super) struct Huffman {
    /// By the next bits: the symbol and the length of its code; 0 for codes that are longer.
    short: Vec<(u8, u8)>,
    /// Of each length: the first code, how many there are, and where their symbols begin.
    lengths: [(u32, u32, u32); 16],
    symbols: Vec<u8>,
}

impl Huffman {
    /// A table as it is written; `None` where there are more codes than fit.
    pub(super) fn new(counts: &[u8; 16], symbols: &[u8]) -> Option<Self> {
        let mut table = Self {
            short: vec![(0, 0); 1 << SHORT_BITS],
            lengths: [(0, 0, 0); 16],
            symbols: symbols.to_vec(),
        };
        let (mut code, mut first) = (0_u32, 0_u32);
        for (bits, (count, entry)) in (1..=16_u32).zip(counts.iter().zip(&mut table.lengths)) {
            let count = u32::from(*count);
            *entry = (code, count, first);
            if code + count > 1 << bits {
                return None;
            }
            if bits <= SHORT_BITS {
                let width = 1 << (SHORT_BITS - bits);
                for index in 0..count {
                    let start = ((code + index) as usize) * width;
                    let symbol = *symbols.get((first + index) as usize)?;
                    table.short[start..start + width].fill((symbol, bits as u8));
                }
            }
            code = (code + count) << 1;
            first += count;
        }
        Some(table)
    }

    /// The symbol and the length of the code that these 16 bits begin with.
    fn find(&self, next: u32) -> Option<(u8, u32)> {
        let (symbol, length) = self.short[(next >> (16 - SHORT_BITS)) as usize];
        if length > 0 {
            return Some((symbol, u32::from(length)));
        }
        (SHORT_BITS + 1..=16).find_map(|length| {
            let (code, count, first) = self.lengths[length as usize - 1];
            let offset = (next >> (16 - length)).checked_sub(code)?;
            let symbol = (offset < count).then(|| (first + offset) as usize)?;
            Some((*self.symbols.get(symbol)?, length))
        })
    }
}

/// Reads bits up to the next marker; what is read past it is zero, and counted.
#[derive(Debug)]
pub(super) struct Bits<'a, R> {
    reader: &'a mut R,
    /// The next bits, the first of them the highest.
    held: u64,
    count: u32,
    /// How many bits were added that were never there; they come last.
    missing: u32,
    marker: Option<u8>,
}

impl<'a, R: BufRead> Bits<'a, R> {
    pub(super) const fn new(reader: &'a mut R) -> Self {
        Self {
            reader,
            held: 0,
            count: 0,
            missing: 0,
            marker: None,
        }
    }

    /// Begins a run of codes after a marker.
    pub(super) const fn begin(&mut self) {
        (self.held, self.count, self.missing, self.marker) = (0, 0, 0, None);
    }

    /// Whether more bits were taken than there were before the marker.
    pub(super) const fn is_overdrawn(&self) -> bool {
        self.missing > self.count
    }

    /// The marker that comes next; what lies before it is passed over.
    pub(super) fn next_marker(&mut self) -> Result<u8, String> {
        match self.marker.take() {
            Some(marker) => Ok(marker),
            None => super::jpeg::next_marker(self.reader),
        }
    }

    /// What belongs to a marker with a length.
    pub(super) fn segment(&mut self) -> Result<Vec<u8>, String> {
        super::jpeg::segment(self.reader)
    }

    pub(super) fn symbol(&mut self, table: &Huffman) -> Option<u8> {
        self.fill();
        let (symbol, length) = table.find((self.held >> 48) as u32)?;
        self.skip(length);
        Some(symbol)
    }

    /// Takes up to 16 bits as a number.
    pub(super) fn take(&mut self, length: u32) -> u32 {
        if length == 0 {
            return 0;
        }
        self.fill();
        let value = (self.held >> (64 - length)) as u32;
        self.skip(length);
        value
    }

    /// Takes this many bits without a look at them.
    pub(super) fn take_each(&mut self, count: usize) {
        for _ in 0..count {
            self.take(1);
        }
    }

    const fn skip(&mut self, length: u32) {
        self.held <<= length;
        self.count -= length;
    }

    /// Holds at least 16 bits from here on.
    fn fill(&mut self) {
        if self.count >= 16 {
            return;
        }
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
        let byte = *self.reader.fill_buf().ok()?.first()?;
        self.reader.consume(1);
        Some(byte)
    }
}
