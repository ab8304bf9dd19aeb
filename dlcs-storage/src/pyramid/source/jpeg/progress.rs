//! Whether the scans of a JPEG, taken together, have sent everything.

use super::outline::Outline;

/// Of each channel: what scans have sent so far.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Of each coefficient: how many of its low bits are still to come; `None` before its first scan.
    channels: Vec<[Option<u8>; 64]>,
}

impl Progress {
    /// Notes what a scan sends, from its header; `None` where that contradicts the frame.
    pub(super) fn scan(&mut self, outline: &Outline, segment: &[u8]) -> Option<()> {
        self.channels.resize(outline.components.len(), [None; 64]);
        let (count, rest) = segment.split_first()?;
        let (channels, rest) = rest.split_at_checked(2 * usize::from(*count))?;
        let [start, end, approximation, ..] = rest else {
            return None;
        };
        let (start, end, low) = if outline.is_progressive() {
            (usize::from(*start), usize::from(*end), approximation & 15)
        } else {
            (0, 63, 0)
        };
        for [id, _] in channels.as_chunks::<2>().0 {
            let place = outline
                .components
                .iter()
                .position(|component| component.id == *id)?;
            for sent in self.channels[place].get_mut(start..=end)? {
                *sent = Some(low);
            }
        }
        (*count > 0).then_some(())
    }

    /// Whether all coefficients of all channels have come to their last bit.
    pub(super) fn is_whole(&self, outline: &Outline) -> bool {
        self.channels.len() == outline.components.len()
            && self.channels.iter().flatten().all(|left| *left == Some(0))
    }
}
