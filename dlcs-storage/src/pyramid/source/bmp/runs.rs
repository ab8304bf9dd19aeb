//! Numbers of pixels that come in runs.

use std::io::{BufReader, Read, Seek, SeekFrom};

use super::super::super::spool::{SpoolReader, SpooledFile};
use super::header::Head;

const CUT: &str = "it ends early";

/// Reads all numbers, one byte each, in the order of the file; pixels that are passed over have the number 0.
pub(super) fn read(file: &SpooledFile, head: &Head, bits: u32) -> Result<Vec<u8>, &'static str> {
    let mut reader = BufReader::with_capacity(1 << 16, file.reader());
    reader.seek(SeekFrom::Start(head.pixels)).map_err(|_| CUT)?;
    let (width, height) = (head.width as usize, head.height as usize);
    let mut canvas = Canvas {
        data: vec![0; width * height],
        width,
        x: 0,
        y: 0,
    };
    loop {
        match pair(&mut reader)? {
            (0, 0) => canvas.next_row(),
            (0, 1) => return Ok(canvas.data),
            (0, 2) => {
                let (right, up) = pair(&mut reader)?;
                canvas.x += usize::from(right);
                canvas.y += usize::from(up);
            }
            (0, count) => {
                let count = usize::from(count);
                let mut literal = [0; 256];
                // Filled up to whole words.
                let length = (count * bits as usize).div_ceil(16) * 2;
                reader.read_exact(&mut literal[..length]).map_err(|_| CUT)?;
                for index in 0..count {
                    canvas.put(if bits == 8 {
                        literal[index]
                    } else {
                        half(literal[index / 2], index)
                    });
                }
            }
            (count, value) => {
                for index in 0..usize::from(count) {
                    canvas.put(if bits == 8 { value } else { half(value, index) });
                }
            }
        }
    }
}

/// The upper half of a byte for even pixels, the lower one for odd ones.
const fn half(byte: u8, index: usize) -> u8 {
    if index.is_multiple_of(2) {
        byte >> 4
    } else {
        byte & 15
    }
}

fn pair(reader: &mut BufReader<SpoolReader>) -> Result<(u8, u8), &'static str> {
    let mut pair = [0; 2];
    reader.read_exact(&mut pair).map_err(|_| CUT)?;
    Ok((pair[0], pair[1]))
}

struct Canvas {
    data: Vec<u8>,
    width: usize,
    x: usize,
    y: usize,
}

impl Canvas {
    const fn next_row(&mut self) {
        self.x = 0;
        self.y += 1;
    }

    /// Sets the next pixel; what lies beyond the end of a row is dropped.
    fn put(&mut self, value: u8) {
        if self.x < self.width
            && let Some(pixel) = self.data.get_mut(self.y * self.width + self.x)
        {
            *pixel = value;
        }
        self.x += 1;
    }
}
