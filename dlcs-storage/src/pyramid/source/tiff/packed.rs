//! Readers of packed bytes that other crates do not have: `PackBits`, LZW as TIFF writes it, and bytes turned around.

use std::io::{self, BufRead, Read};

use weezl::decode::Decoder;
use weezl::{BitOrder, LzwStatus};

/// Bytes whose bits came in the other order.
#[derive(Debug)]
pub(super) struct ReversedBits<R> {
    reader: R,
    turned: Vec<u8>,
    next: usize,
}

impl<R: BufRead> ReversedBits<R> {
    pub(super) const fn new(reader: R) -> Self {
        Self {
            reader,
            turned: Vec::new(),
            next: 0,
        }
    }
}

impl<R: BufRead> BufRead for ReversedBits<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.next == self.turned.len() {
            let there = self.reader.fill_buf()?;
            let length = there.len();
            self.turned.clear();
            self.turned
                .extend(there.iter().map(|byte| byte.reverse_bits()));
            self.reader.consume(length);
            self.next = 0;
        }
        Ok(&self.turned[self.next..])
    }

    fn consume(&mut self, amount: usize) {
        self.next = (self.next + amount).min(self.turned.len());
    }
}

impl<R: BufRead> Read for ReversedBits<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

/// Runs and copies of bytes. [TIFF 6.0, section 9]
#[derive(Debug)]
pub(super) struct PackBits<R> {
    reader: R,
    run: Run,
}

#[derive(Debug, Clone, Copy)]
enum Run {
    Copy { left: usize },
    Repeat { byte: u8, left: usize },
}

impl<R: BufRead> PackBits<R> {
    pub(super) const fn new(reader: R) -> Self {
        Self {
            reader,
            run: Run::Copy { left: 0 },
        }
    }

    fn byte(&mut self) -> io::Result<Option<u8>> {
        let byte = self.reader.fill_buf()?.first().copied();
        self.reader.consume(usize::from(byte.is_some()));
        Ok(byte)
    }
}

impl<R: BufRead> Read for PackBits<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match &mut self.run {
                Run::Copy { left } if *left > 0 => {
                    let there = self.reader.fill_buf()?;
                    let now = there.len().min(*left).min(buffer.len());
                    buffer[..now].copy_from_slice(&there[..now]);
                    self.reader.consume(now);
                    *left -= now;
                    return Ok(now);
                }
                Run::Repeat { byte, left } if *left > 0 => {
                    let now = buffer.len().min(*left);
                    buffer[..now].fill(*byte);
                    *left -= now;
                    return Ok(now);
                }
                _ => {}
            }
            let Some(head) = self.byte()? else {
                return Ok(0);
            };
            match head {
                0..=127 => {
                    let left = usize::from(head) + 1;
                    self.run = Run::Copy { left };
                }
                128 => {}
                129..=255 => {
                    let Some(byte) = self.byte()? else {
                        return Ok(0);
                    };
                    let left = 257 - usize::from(head);
                    self.run = Run::Repeat { byte, left };
                }
            }
        }
    }
}

/// LZW. [TIFF 6.0, section 13]
pub(super) struct Lzw<R> {
    reader: R,
    decoder: Decoder,
}

impl<R: BufRead> Lzw<R> {
    pub(super) fn new(mut reader: R) -> io::Result<Self> {
        // The first code is the one that clears the table; where its bits come in the other order, the file is from before the
        // specification was settled, and codes grow one step later.
        let is_old = matches!(reader.fill_buf()?, [0, second, ..] if second & 1 == 1);
        let decoder = if is_old {
            Decoder::new(BitOrder::Lsb, 8)
        } else {
            Decoder::with_tiff_size_switch(BitOrder::Msb, 8)
        };
        Ok(Self { reader, decoder })
    }
}

impl<R: BufRead> Read for Lzw<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let there = self.reader.fill_buf()?;
            let is_end = there.is_empty();
            let result = self.decoder.decode_bytes(there, buffer);
            self.reader.consume(result.consumed_in);
            if result.consumed_out > 0 || buffer.is_empty() {
                return Ok(result.consumed_out);
            }
            match result.status {
                Ok(LzwStatus::Done) => return Ok(0),
                Ok(_) if is_end => return Ok(0),
                Ok(LzwStatus::Ok) => {}
                Ok(LzwStatus::NoProgress) => return Ok(0),
                Err(error) => {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, error));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_bytes_come_out_as_the_specification_says() {
        let packed = [
            0xFE, 0xAA, 0x02, 0x80, 0x00, 0x2A, 0xFD, 0xAA, 0x80, 0x03, 0x80, 0x00, 0x2A, 0x22,
            0xF7, 0xAA,
        ];
        let mut bytes = Vec::new();
        PackBits::new(&packed[..]).read_to_end(&mut bytes).unwrap();
        let expected = [
            &[0xAA; 3][..],
            &[0x80, 0x00, 0x2A],
            &[0xAA; 4],
            &[0x80, 0x00, 0x2A, 0x22],
            &[0xAA; 10],
        ];
        assert_eq!(bytes, expected.concat());
        let mut bytes = Vec::new();
        ReversedBits::new(&[0b1000_0000, 0b1101_0000][..])
            .read_to_end(&mut bytes)
            .unwrap();
        assert_eq!(bytes, [1, 0b1011]);
    }
}
