//! Entropy-coded bits of a tile, as they are written.

const EOI: [u8; 2] = [0xFF, 0xD9];

/// Takes the bits of blocks.
pub(super) trait BlockSink {
    /// Adds the lowest bits of a number, the highest of them first; at most 64.
    fn put(&mut self, bits: u64, length: u32);
}

/// A stream that is being written, with its header.
#[derive(Debug, Clone)]
pub(super) struct TileStream {
    bytes: Vec<u8>,
    header_length: usize,
    /// Bits that are no bytes yet, the last of them the lowest; fewer than 32.
    held: u64,
    count: u32,
}

impl TileStream {
    pub(super) fn new(header: Vec<u8>) -> Self {
        Self {
            header_length: header.len(),
            bytes: header,
            held: 0,
            count: 0,
        }
    }

    /// The same bits behind another header of the same length.
    pub(super) fn with_header(&self, header: &[u8]) -> Self {
        let mut other = self.clone();
        other.bytes[..self.header_length].copy_from_slice(header);
        other
    }

    /// Fills the last byte with ones, and ends the stream.
    pub(super) fn finish(mut self) -> Vec<u8> {
        let rest = (8 - self.count % 8) % 8;
        self.put((1 << rest) - 1, rest);
        while self.count > 0 {
            self.count -= 8;
            self.push((self.held >> self.count) as u8);
        }
        self.bytes.extend_from_slice(&EOI);
        self.bytes
    }

    fn push(&mut self, byte: u8) {
        self.bytes.push(byte);
        if byte == 0xFF {
            self.bytes.push(0);
        }
    }
}

impl BlockSink for TileStream {
    #[inline]
    fn put(&mut self, bits: u64, length: u32) {
        if length > 32 {
            self.put(bits >> 32, length - 32);
            return self.put(bits & 0xFFFF_FFFF, 32);
        }
        self.held = self.held << length | bits;
        self.count += length;
        if self.count >= 32 {
            self.count -= 32;
            let word = (self.held >> self.count) as u32;
            if has_ff(word) {
                for byte in word.to_be_bytes() {
                    self.push(byte);
                }
            } else {
                self.bytes.extend_from_slice(&word.to_be_bytes());
            }
        }
    }
}

impl BlockSink for (&mut TileStream, &mut TileStream) {
    #[inline]
    fn put(&mut self, bits: u64, length: u32) {
        self.0.put(bits, length);
        self.1.put(bits, length);
    }
}

/// Whether a byte of these is 0xFF, after which a zero is stuffed.
const fn has_ff(word: u32) -> bool {
    (!word).wrapping_sub(0x0101_0101) & word & 0x8080_8080 != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_become_bytes_and_ones_are_stuffed() {
        let mut stream = TileStream::new(b"head".to_vec());
        stream.put(0b1010, 4);
        stream.put(0x1234_5678_9ABC_DEF0, 64);
        stream.put(0xFFFF, 16);
        stream.put(0, 1);
        assert_eq!(
            stream.with_header(b"HEAD").finish(),
            b"HEAD\xA1\x23\x45\x67\x89\xAB\xCD\xEF\x0F\xFF\x00\xF7\xFF\xD9"
        );
        assert_eq!(TileStream::new(Vec::new()).finish(), EOI);
    }
}
