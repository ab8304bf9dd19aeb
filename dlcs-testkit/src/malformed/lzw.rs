//! LZW as TIFF has it (TIFF 6.0, section 13), as far as bombs need it.

const CLEAR: u32 = 256;
const END: u32 = 257;

/// A stream of at least this many zeros: each code stands for one more of them than the one before.
pub(super) fn bomb(length: usize) -> Vec<u8> {
    let mut bits = Bits::default();
    let mut zeros = 0;
    bits.push(CLEAR, 9);
    loop {
        bits.push(0, 9);
        zeros += 1;
        // The reader has all codes but the one that comes.
        for (code, count) in (258..=4093).zip(2_usize..) {
            bits.push(code, width(code));
            zeros += count;
        }
        if zeros >= length {
            bits.push(END, 12);
            return bits.finish();
        }
        bits.push(CLEAR, 12);
    }
}

/// How many bits a code has that is the next one of the table.
const fn width(code: u32) -> u32 {
    match code {
        ..=510 => 9,
        511..=1022 => 10,
        1023..=2046 => 11,
        _ => 12,
    }
}

/// Takes codes, their highest bit first.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    held: u32,
    count: u32,
}

impl Bits {
    fn push(&mut self, code: u32, width: u32) {
        self.held = self.held << width | code;
        self.count += width;
        while self.count >= 8 {
            self.count -= 8;
            self.bytes.push((self.held >> self.count) as u8);
            self.held &= (1 << self.count) - 1;
        }
    }

    fn finish(mut self) -> Vec<u8> {
        if self.count > 0 {
            self.bytes.push((self.held << (8 - self.count)) as u8);
        }
        self.bytes
    }
}
