//! Entropy-coded bits of a tile, as they are written.

use super::super::exact::RunEnd;

const EOI: [u8; 2] = [0xFF, 0xD9];

/// A stream that is being written, with its header.
#[derive(Debug)]
pub(super) struct TileStream {
    bytes: Vec<u8>,
    /// Where the run of bits begins that is being written.
    run: usize,
    /// Bits that are no bytes yet, the last of them the lowest; fewer than 32.
    held: u64,
    count: u32,
}

impl TileStream {
    pub(super) fn new(header: Vec<u8>) -> Self {
        Self {
            run: header.len(),
            bytes: header,
            held: 0,
            count: 0,
        }
    }

    /// The bytes so far; its header may be changed.
    pub(super) fn bytes(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// Adds the lowest bits of a number, the highest of them first; at most 64.
    #[inline]
    pub(super) fn put(&mut self, bits: u64, length: u32) {
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

    /// Where the run would end if nothing more came.
    pub(super) fn run_end(&mut self) -> RunEnd {
        self.push_whole();
        let missing = 8 - self.count;
        let last = (self.held << missing) as u8 | ((1 << missing) - 1) as u8;
        RunEnd {
            length: self.bytes.len() - self.run,
            last: if self.count == 0 { 0 } else { last },
        }
    }

    /// Ends the run, and begins another one behind a marker.
    pub(super) fn restart(&mut self, number: u8) {
        self.fill();
        self.bytes.extend_from_slice(&[0xFF, 0xD0 + number % 8]);
        self.run = self.bytes.len();
    }

    /// Ends the stream.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.fill();
        self.bytes.extend_from_slice(&EOI);
        self.bytes
    }

    /// Fills the last byte with ones.
    fn fill(&mut self) {
        let rest = (8 - self.count % 8) % 8;
        self.put((1 << rest) - 1, rest);
        self.push_whole();
    }

    fn push_whole(&mut self) {
        while self.count >= 8 {
            self.count -= 8;
            self.push((self.held >> self.count) as u8);
        }
    }

    fn push(&mut self, byte: u8) {
        self.bytes.push(byte);
        if byte == 0xFF {
            self.bytes.push(0);
        }
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
        let end = RunEnd {
            length: 11,
            last: 0xF7,
        };
        assert_eq!(stream.run_end(), end);
        stream.put(0b111, 3);
        assert_eq!(
            stream.run_end(),
            RunEnd {
                length: 12,
                last: 0
            }
        );
        stream.restart(9);
        stream.put(0, 2);
        assert_eq!(
            stream.run_end(),
            RunEnd {
                length: 0,
                last: 0x3F
            }
        );
        stream.bytes()[..4].copy_from_slice(b"HEAD");
        assert_eq!(
            stream.finish(),
            b"HEAD\xA1\x23\x45\x67\x89\xAB\xCD\xEF\x0F\xFF\x00\xF7\xFF\xD1\x3F\xFF\xD9"
        );
        assert_eq!(TileStream::new(Vec::new()).finish(), EOI);
    }
}
