//! Tables of Huffman codes.

/// Bits of the look-up of short codes.
const SHORT_BITS: u32 = 10;

/// A table of Huffman codes, made to be read fast.
#[derive(Debug, Clone)]
pub(in crate::pyramid) struct Huffman {
    /// By the next bits: the symbol, and below it the length of its code; 0 for codes that are longer.
    short: Box<[u16; 1 << SHORT_BITS]>,
    /// Of each length: the first code, how many there are, and where their symbols begin.
    lengths: [(u32, u32, u32); 16],
    symbols: Vec<u8>,
}

impl Huffman {
    /// A table as it is written; `None` where there are more codes than fit.
    pub(in crate::pyramid) fn new(counts: &[u8; 16], symbols: &[u8]) -> Option<Self> {
        let mut table = Self {
            short: Box::new([0; 1 << SHORT_BITS]),
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
                    table.short[start..start + width].fill(u16::from(symbol) << 8 | bits as u16);
                }
            }
            code = (code + count) << 1;
            first += count;
        }
        Some(table)
    }

    /// The symbol and the length of the code that these bits begin with, the first of them the highest.
    #[inline]
    pub(in crate::pyramid) fn find(&self, next: u64) -> Option<(u8, u32)> {
        let entry = self.short[(next >> (64 - SHORT_BITS)) as usize];
        if entry != 0 {
            return Some(((entry >> 8) as u8, u32::from(entry & 0xFF)));
        }
        self.find_long((next >> 48) as u32)
    }

    #[cold]
    fn find_long(&self, next: u32) -> Option<(u8, u32)> {
        (SHORT_BITS + 1..=16).find_map(|length| {
            let (code, count, first) = self.lengths[length as usize - 1];
            let offset = (next >> (16 - length)).checked_sub(code)?;
            let symbol = (offset < count).then(|| (first + offset) as usize)?;
            Some((*self.symbols.get(symbol)?, length))
        })
    }

    /// All symbols with their codes and the lengths of these.
    pub(in crate::pyramid) fn codes(&self) -> impl Iterator<Item = (u8, u32, u32)> + '_ {
        (1..=16_u32)
            .zip(&self.lengths)
            .flat_map(move |(bits, entry)| {
                let (code, count, first) = *entry;
                (0..count).filter_map(move |index| {
                    let symbol = *self.symbols.get((first + index) as usize)?;
                    Some((symbol, code + index, bits))
                })
            })
    }
}

/// One table of a segment.
pub(in crate::pyramid) struct WrittenTable<'a> {
    /// Whether it is for the details of blocks and not for their averages.
    pub(in crate::pyramid) is_ac: bool,
    pub(in crate::pyramid) id: usize,
    pub(in crate::pyramid) counts: &'a [u8; 16],
    pub(in crate::pyramid) symbols: &'a [u8],
}

/// Splits a segment into its tables; `None` where it makes no sense.
pub(in crate::pyramid) fn tables(mut segment: &[u8]) -> Option<Vec<WrittenTable<'_>>> {
    let mut tables = Vec::new();
    while let [kind, rest @ ..] = segment {
        let (counts, rest) = rest.split_first_chunk::<16>()?;
        let total = counts.iter().map(|count| usize::from(*count)).sum();
        let (symbols, rest) = rest.split_at_checked(total)?;
        if kind >> 4 > 1 || kind & 15 > 3 {
            return None;
        }
        tables.push(WrittenTable {
            is_ac: kind >> 4 == 1,
            id: usize::from(kind & 15),
            counts,
            symbols,
        });
        segment = rest;
    }
    Some(tables)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The codes of averages of luma in annex K.
    const COUNTS: [u8; 16] = [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0];

    #[test]
    fn every_code_is_found_again() {
        let mut long = COUNTS;
        // Beyond the look-up.
        (long[8], long[9], long[11], long[15]) = (0, 1, 1, 1);
        for (counts, count) in [(COUNTS, 12), (long, 14)] {
            let symbols: Vec<u8> = (0..count).collect();
            let table = Huffman::new(&counts, &symbols).unwrap();
            assert_eq!(table.codes().count(), usize::from(count));
            for (symbol, code, bits) in table.codes() {
                let next = u64::from(code) << (64 - bits);
                assert_eq!(table.find(next), Some((symbol, bits)));
                assert_eq!(table.find(next | 1), Some((symbol, bits)));
            }
            assert_eq!(table.find(u64::MAX), None);
        }
    }

    #[test]
    fn more_codes_than_fit_are_refused() {
        let mut counts = [0; 16];
        counts[0] = 3;
        assert!(Huffman::new(&counts, &[1, 2, 3]).is_none());
        counts = [0; 16];
        counts[1] = 2;
        assert!(Huffman::new(&counts, &[1]).is_none());
    }
}
