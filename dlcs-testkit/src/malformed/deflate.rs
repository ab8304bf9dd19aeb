//! Compression as far as bombs need it: RFC 1950 and RFC 1951.

/// A zlib stream of these bytes, stored as they are.
pub(super) fn stored(data: &[u8]) -> Vec<u8> {
    let mut stream = vec![0x78, 0x01];
    let mut blocks = data.chunks(0xFFFF).peekable();
    if blocks.peek().is_none() {
        stream.extend([1, 0, 0, 0xFF, 0xFF]);
    }
    while let Some(block) = blocks.next() {
        let length = block.len() as u16;
        stream.push(u8::from(blocks.peek().is_none()));
        stream.extend(length.to_le_bytes());
        stream.extend((!length).to_le_bytes());
        stream.extend(block);
    }
    stream.extend(adler32(data).to_be_bytes());
    stream
}

/// A zlib stream of this many zeros, one at least: a literal, then nothing but the longest matches, and literals for what is left.
pub(super) fn bomb(length: usize) -> Vec<u8> {
    let (matches, rest) = ((length - 1) / 258, (length - 1) % 258);
    let mut bits = Bits::default();
    // The last block, of fixed codes.
    bits.push(0b011, 3);
    bits.push_code(0b0011_0000, 8);
    for _ in 0..matches {
        // Length 258, then distance 1.
        bits.push_code(0b1100_0101, 8);
        bits.push_code(0, 5);
    }
    for _ in 0..rest {
        bits.push_code(0b0011_0000, 8);
    }
    bits.push_code(0, 7);
    let mut stream = vec![0x78, 0x01];
    stream.extend(bits.finish());
    // What Adler-32 is of zeros alone.
    stream.extend((((length % 65_521) as u32) << 16 | 1).to_be_bytes());
    stream
}

#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    held: u32,
    count: u32,
}

impl Bits {
    /// Adds a number, its lowest bit first.
    fn push(&mut self, value: u32, length: u32) {
        self.held |= value << self.count;
        self.count += length;
        while self.count >= 8 {
            self.bytes.push(self.held as u8);
            self.held >>= 8;
            self.count -= 8;
        }
    }

    /// Adds a Huffman code, its highest bit first.
    fn push_code(&mut self, code: u32, length: u32) {
        self.push(code.reverse_bits() >> (32 - length), length);
    }

    fn finish(mut self) -> Vec<u8> {
        if self.count > 0 {
            self.bytes.push(self.held as u8);
        }
        self.bytes
    }
}

fn adler32(data: &[u8]) -> u32 {
    let (a, b) = data.iter().fold((1_u32, 0_u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    (b << 16) | a
}
