//! The tables of a source, and those that its tiles need.

use super::super::source::jpeg::huffman::{self, Huffman};
use super::block::MAX_DIFFERENCE_BITS;

/// Lengths of the codes of averages of luma in annex K.3 of ITU-T T.81; their symbols are 0 to 11.
const LUMA_DC: [u8; 16] = [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0];

/// The same of chroma.
const CHROMA_DC: [u8; 16] = [0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0];

/// A table as it is written and as it is used.
#[derive(Debug, Clone)]
pub(super) struct Table {
    counts: [u8; 16],
    symbols: Vec<u8>,
    pub(super) codes: Huffman,
}

impl Table {
    fn new(counts: &[u8; 16], symbols: &[u8]) -> Option<Self> {
        Some(Self {
            counts: *counts,
            symbols: symbols.to_vec(),
            codes: Huffman::new(counts, symbols)?,
        })
    }

    /// The code of a symbol and its length.
    pub(super) fn code(&self, symbol: u8) -> Option<(u32, u32)> {
        let mut codes = self.codes.codes();
        codes.find_map(|(one, code, bits)| (one == symbol).then_some((code, bits)))
    }

    /// The codes of all differences; `None` where one has none.
    pub(super) fn differences(&self) -> Option<[(u32, u32); MAX_DIFFERENCE_BITS as usize + 1]> {
        let mut codes = [(0, 0); MAX_DIFFERENCE_BITS as usize + 1];
        for (size, code) in (0..).zip(&mut codes) {
            *code = self.code(size)?;
        }
        Some(codes)
    }

    /// A table that has a code for every difference.
    pub(super) fn of_differences(is_luma: bool) -> Self {
        let counts = if is_luma { LUMA_DC } else { CHROMA_DC };
        let symbols: Vec<u8> = (0..=MAX_DIFFERENCE_BITS).collect();
        Self::new(&counts, &symbols).expect("the tables of the standard are sound")
    }
}

/// The tables that hold where the scan of a source begins, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Tables {
    /// Whether entries have 16 bits, and the entries as they are written.
    quantisation: [Option<(bool, Vec<u8>)>; 4],
    pub(super) dc: [Option<Table>; 4],
    pub(super) ac: [Option<Table>; 4],
}

impl Tables {
    /// Takes the tables of a quantisation segment; `None` where it makes no sense.
    pub(super) fn add_quantisation(&mut self, mut segment: &[u8]) -> Option<()> {
        while let [kind, rest @ ..] = segment {
            let is_wide = kind >> 4 != 0;
            let (entries, rest) = rest.split_at_checked(if is_wide { 128 } else { 64 })?;
            *self.quantisation.get_mut(usize::from(kind & 15))? = Some((is_wide, entries.to_vec()));
            segment = rest;
        }
        Some(())
    }

    /// Takes the tables of a Huffman segment; `None` where it makes no sense.
    pub(super) fn add_huffman(&mut self, segment: &[u8]) -> Option<()> {
        for table in huffman::tables(segment)? {
            let kind = if table.is_ac {
                &mut self.ac
            } else {
                &mut self.dc
            };
            kind[table.id] = Some(Table::new(table.counts, table.symbols)?);
        }
        Some(())
    }

    pub(super) fn drop_quantisation(&mut self, id: usize) {
        self.quantisation[id] = None;
    }

    pub(super) fn has_quantisation(&self, id: u8) -> bool {
        matches!(self.quantisation.get(usize::from(id)), Some(Some(_)))
    }

    /// All tables as a stream of their own.
    pub(super) fn stream(&self) -> Vec<u8> {
        let mut bytes = vec![0xFF, 0xD8];
        let mut push = |marker: u8, kind: u8, parts: &[&[u8]]| {
            let length = 3 + parts.iter().map(|part| part.len()).sum::<usize>();
            bytes.extend([0xFF, marker]);
            bytes.extend((length as u16).to_be_bytes());
            bytes.push(kind);
            bytes.extend(parts.concat());
        };
        for (id, table) in (0..).zip(&self.quantisation) {
            if let Some((is_wide, entries)) = table {
                push(0xDB, u8::from(*is_wide) << 4 | id, &[entries]);
            }
        }
        for (kind, tables) in [(0, &self.dc), (0x10, &self.ac)] {
            for (id, table) in (0..).zip(tables) {
                if let Some(table) = table {
                    push(0xC4, kind | id, &[&table.counts, &table.symbols]);
                }
            }
        }
        bytes.extend([0xFF, 0xD9]);
        bytes
    }
}
