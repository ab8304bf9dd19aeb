//! The blocks of a GIF: where its first image is, and that the others are whole.

use std::io::{BufReader, Read};
use std::ops::Range;

use super::super::super::spool::{SpoolReader, SpooledFile};
use super::super::METADATA_CAP;

const CUT: &str = "it ends early";

/// What the blocks say of the first image.
#[derive(Debug, Default)]
pub(super) struct Outline {
    /// Columns and rows of the canvas.
    pub(super) width: u32,
    pub(super) height: u32,
    /// Where the first image lies on it, and how large it is.
    pub(super) left: u32,
    pub(super) top: u32,
    pub(super) frame_width: u32,
    pub(super) frame_height: u32,
    pub(super) is_interlaced: bool,
    /// The number of the colour that is not there.
    pub(super) transparent: Option<u8>,
    /// The stretches of the file that the decoder needs: no comments, no further images.
    pub(super) needed: Vec<Range<u64>>,
}

impl Outline {
    /// Walks over all blocks to the trailer.
    pub(super) fn read(file: &SpooledFile) -> Result<Self, &'static str> {
        let mut walk = Walk::new(file);
        let mut outline = Self::default();
        let screen: [u8; 13] = walk.take()?;
        outline.width = u32::from(u16::from_le_bytes([screen[6], screen[7]]));
        outline.height = u32::from(u16::from_le_bytes([screen[8], screen[9]]));
        walk.skip_table(screen[10])?;
        outline.needed.push(0..walk.position);
        // What is said of the next image.
        let mut control: Option<(Range<u64>, Option<u8>)> = None;
        loop {
            let start = walk.position;
            match walk.take::<1>()? {
                [0x3B] if outline.frame_width == 0 => return Err("it has no pixels"),
                [0x3B] => {
                    outline.needed.push(start..walk.position);
                    return Ok(outline);
                }
                [0x2C] => {
                    let descriptor: [u8; 9] = walk.take()?;
                    walk.skip_table(descriptor[8])?;
                    // The size of the codes.
                    walk.take::<1>()?;
                    walk.skip_sub_blocks()?;
                    let control = control.take();
                    if outline.frame_width == 0 {
                        outline.first_image(&descriptor)?;
                        if let Some((range, transparent)) = control {
                            outline.needed.push(range);
                            outline.transparent = transparent;
                        }
                        outline.needed.push(start..walk.position);
                    }
                }
                [0x21] => {
                    let [label, length]: [u8; 2] = walk.take()?;
                    let mut head = vec![0; usize::from(length)];
                    walk.fill(&mut head)?;
                    if length > 0 {
                        walk.skip_sub_blocks()?;
                    }
                    let range = start..walk.position;
                    if label == 0xF9 && head.len() == 4 {
                        let transparent = (head[0] & 1 == 1).then_some(head[3]);
                        control = Some((range, transparent));
                    } else if label == 0xFF && head == b"ICCRGBG1012" {
                        outline.profile(range);
                    }
                }
                // Padding, as some programs write it.
                [0] => {}
                _ => return Err("it has a block of an unknown kind"),
            }
        }
    }

    fn profile(&mut self, range: Range<u64>) {
        if range.end - range.start > u64::from(METADATA_CAP) {
            tracing::warn!("the colour profile of a GIF is too large and was left out");
        } else if self.frame_width == 0 {
            self.needed.push(range);
        }
    }

    fn first_image(&mut self, descriptor: &[u8; 9]) -> Result<(), &'static str> {
        let [l0, l1, t0, t1, w0, w1, h0, h1, flags] = *descriptor;
        let number = |low, high| u32::from(u16::from_le_bytes([low, high]));
        (self.left, self.top) = (number(l0, l1), number(t0, t1));
        (self.frame_width, self.frame_height) = (number(w0, w1), number(h0, h1));
        self.is_interlaced = flags & 0x40 != 0;
        if self.frame_width == 0 || self.frame_height == 0 {
            return Err("its first image has no pixels");
        }
        // Some programs write a canvas of nothing and mean the image.
        if self.width == 0 || self.height == 0 {
            self.width = self.left + self.frame_width;
            self.height = self.top + self.frame_height;
        }
        Ok(())
    }

    /// Whether the first image leaves no part of the canvas open.
    pub(super) const fn covers_canvas(&self) -> bool {
        self.left == 0
            && self.top == 0
            && self.frame_width >= self.width
            && self.frame_height >= self.height
    }
}

struct Walk {
    reader: BufReader<SpoolReader>,
    position: u64,
}

impl Walk {
    fn new(file: &SpooledFile) -> Self {
        Self {
            reader: BufReader::with_capacity(1 << 16, file.reader()),
            position: 0,
        }
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), &'static str> {
        self.reader.read_exact(bytes).map_err(|_| CUT)?;
        self.position += bytes.len() as u64;
        Ok(())
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], &'static str> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// Passes over a table of colours where these flags announce one.
    fn skip_table(&mut self, flags: u8) -> Result<(), &'static str> {
        if flags & 0x80 == 0 {
            return Ok(());
        }
        let mut table = [0; 3 * 256];
        let length = 3 << ((flags & 7) + 1);
        self.fill(&mut table[..length])
    }

    fn skip_sub_blocks(&mut self) -> Result<(), &'static str> {
        let mut block = [0; 255];
        loop {
            match self.take::<1>()? {
                [0] => return Ok(()),
                [length] => self.fill(&mut block[..usize::from(length)])?,
            }
        }
    }
}
