//! Rows of an image that had to be decoded whole.

use dlcs_core::derivative::ProcessError;

use super::Rows;

/// A whole image in memory, as its decoder wrote it.
#[derive(Debug)]
pub(super) struct Frame {
    data: Vec<u8>,
    next: usize,
}

impl Frame {
    pub(super) const fn new(data: Vec<u8>) -> Self {
        Self { data, next: 0 }
    }
}

impl Rows for Frame {
    fn next_row(&mut self, row: &mut [u8]) -> Result<(), ProcessError> {
        let end = self.next + row.len();
        let there = self
            .data
            .get(self.next..end)
            .expect("a frame holds every row of its header");
        row.copy_from_slice(there);
        self.next = end;
        Ok(())
    }
}
