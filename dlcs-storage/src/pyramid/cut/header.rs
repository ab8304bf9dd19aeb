//! The markers before the bits of a tile.

/// What the headers of all tiles of an image have in common.
#[derive(Debug, Clone)]
pub(super) struct TileHeader {
    /// The marker of the frame.
    pub(super) frame: u8,
    pub(super) channels: Vec<HeaderChannel>,
}

/// A channel as headers name it; its number is its place, from 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct HeaderChannel {
    pub(super) h: u32,
    pub(super) v: u32,
    pub(super) quantisation: u8,
    pub(super) dc: u8,
    pub(super) ac: u8,
}

impl TileHeader {
    /// The start of a stream without tables, up to its bits: other segments first.
    pub(super) fn stream(&self, side: u32, others: &[u8]) -> Vec<u8> {
        let count = self.channels.len() as u8;
        let mut bytes = vec![0xFF, 0xD8];
        bytes.extend(others);
        bytes.extend([0xFF, self.frame, 0, 8 + 3 * count, 8]);
        bytes.extend((side as u16).to_be_bytes());
        bytes.extend((side as u16).to_be_bytes());
        bytes.push(count);
        for (id, channel) in (1..).zip(&self.channels) {
            bytes.extend([id, (channel.h << 4 | channel.v) as u8, channel.quantisation]);
        }
        bytes.extend([0xFF, 0xDA, 0, 6 + 2 * count, count]);
        for (id, channel) in (1..).zip(&self.channels) {
            bytes.extend([id, channel.dc << 4 | channel.ac]);
        }
        bytes.extend([0, 63, 0]);
        bytes
    }
}
