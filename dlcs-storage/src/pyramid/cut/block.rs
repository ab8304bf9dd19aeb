//! Blocks of coefficients, copied from one stream into another.

use std::io::Read;

use super::super::source::jpeg::bits::Bits;
use super::super::source::jpeg::huffman::Huffman;
use super::stream::TileStream;

/// The most bits that the difference of two averages has in an image of 8 bits.
pub(super) const MAX_DIFFERENCE_BITS: u8 = 11;

/// The symbol of a block's end.
pub(super) const END_OF_BLOCK: u8 = 0;

/// The symbol of sixteen zeros.
const SIXTEEN_ZEROS: u8 = 0xF0;

/// How many bits of codes are gathered at most before another code, of at most 31 bits with its value, is read from the same 48.
const GATHERED: u32 = 17;

/// The codes make no sense.
pub(super) struct BlockError;

/// The blocks of one channel in a unit, and the codes of their coefficients.
#[derive(Debug)]
pub(super) struct Channel {
    pub(super) h: u32,
    pub(super) v: u32,
    /// The codes of averages in the source.
    pub(super) source_dc: Huffman,
    /// Those of a tile, by the bits of the difference: the code and its length.
    pub(super) dc: [(u32, u32); MAX_DIFFERENCE_BITS as usize + 1],
    /// The codes of details, the same in the source and in a tile.
    pub(super) ac: Huffman,
    /// The code of a block's end, and its length.
    pub(super) end: (u32, u32),
}

impl Channel {
    /// Copies one block; the averages are those of the blocks before it in either stream.
    #[inline]
    pub(super) fn copy(
        &self,
        bits: &mut Bits<impl Read>,
        source: &mut i32,
        target: &mut i32,
        tile: &mut TileStream,
    ) -> Result<(), BlockError> {
        *source += self.difference(bits)?;
        self.put_difference(*source - *target, tile)?;
        *target = *source;
        let mut place = 1;
        while place < 64 {
            bits.fill();
            let held = bits.held();
            let mut used = 0;
            while place < 64 && used <= GATHERED {
                let (symbol, length) = self.ac.find(held << used).ok_or(BlockError)?;
                let (zeros, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
                used += length + size;
                place += match symbol {
                    END_OF_BLOCK => 64 - place,
                    SIXTEEN_ZEROS => 16,
                    _ if size == 0 => return Err(BlockError),
                    _ => zeros + 1,
                };
            }
            tile.put(held >> (64 - used), used);
            bits.skip(used);
        }
        if place == 64 { Ok(()) } else { Err(BlockError) }
    }

    /// Writes all blocks of a unit, flat, with an average that differs so much from that of the block before them.
    pub(super) fn pad_unit(
        &self,
        difference: i32,
        tile: &mut TileStream,
    ) -> Result<(), BlockError> {
        for block in 0..self.h * self.v {
            self.put_difference(if block == 0 { difference } else { 0 }, tile)?;
            let (code, length) = self.end;
            tile.put(code.into(), length);
        }
        Ok(())
    }

    fn difference(&self, bits: &mut Bits<impl Read>) -> Result<i32, BlockError> {
        bits.fill();
        let (size, length) = self.source_dc.find(bits.held()).ok_or(BlockError)?;
        bits.skip(length);
        if size == 0 {
            return Ok(0);
        }
        if size > MAX_DIFFERENCE_BITS {
            return Err(BlockError);
        }
        let size = u32::from(size);
        let written = (bits.held() >> (64 - size)) as i32;
        bits.skip(size);
        // The half of the numbers of a size that begins with a zero is below zero.
        let below = written >> (size - 1) == 0;
        Ok(if below {
            written - (1 << size) + 1
        } else {
            written
        })
    }

    fn put_difference(&self, value: i32, tile: &mut TileStream) -> Result<(), BlockError> {
        let size = 32 - value.unsigned_abs().leading_zeros();
        let (code, length) = *self.dc.get(size as usize).ok_or(BlockError)?;
        let written = if value < 0 { value - 1 } else { value } as u32 & ((1 << size) - 1);
        tile.put(u64::from(code << size | written), length + size);
        Ok(())
    }
}
