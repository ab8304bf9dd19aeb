//! What is in a file when the power fails: pure.
//!
//! A disk gets the blocks of a file when it pleases the system, until they are synced: so of each block it has what was in it before the
//! edits that are not synced, or after any of them. Its length is one of those that it had meanwhile, whatever its blocks are.

use std::sync::Arc;

use super::fate::Fate;
use crate::random::Random;

/// A change of what is in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Edit {
    Write { offset: usize, bytes: Arc<[u8]> },
    Resize { length: usize },
}

impl Edit {
    /// What it changes of a file of this length, and how long that is then.
    fn reach(&self, length: usize) -> (std::ops::Range<usize>, usize) {
        match self {
            Self::Write { offset, bytes } => {
                let end = offset + bytes.len();
                (*offset..end, length.max(end))
            }
            Self::Resize { length: new } => (length.min(*new)..length.max(*new), *new),
        }
    }
}

/// A file of which a part is durable.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Content {
    durable: Vec<u8>,
    edits: Vec<Edit>,
}

impl Content {
    pub(super) const fn new(durable: Vec<u8>) -> Self {
        Self {
            durable,
            edits: Vec::new(),
        }
    }

    pub(super) fn edit(&mut self, edit: Edit) {
        self.edits.push(edit);
    }

    /// The first edits have reached the disk.
    pub(super) fn settle(&mut self, first: usize) {
        for edit in self.edits.drain(..first) {
            apply(&mut self.durable, &edit);
        }
    }

    /// How long it is, where nothing is pending.
    pub(super) const fn length(&self) -> usize {
        self.durable.len()
    }

    /// How many edits may be lost.
    pub(super) fn pending(&self) -> usize {
        self.edits.len()
    }

    /// What programs read.
    pub(super) fn now(&self) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        for edit in &self.edits {
            apply(&mut bytes, edit);
        }
        bytes
    }

    /// What is left of it.
    pub(super) fn survive(&self, fate: &Fate, random: &mut Random) -> Vec<u8> {
        if self.edits.is_empty() {
            return self.durable.clone();
        }
        let mut lengths = vec![self.durable.len()];
        let mut reaches = Vec::new();
        for edit in &self.edits {
            let (reach, length) = edit.reach(lengths[lengths.len() - 1]);
            reaches.push(reach);
            lengths.push(length);
        }
        let most = lengths.iter().copied().max().unwrap_or(0);
        let last = self.last_edits(&reaches, most, fate, random);
        let mut bytes = self.durable.clone();
        bytes.resize(most, 0);
        for (number, (edit, reach)) in self.edits.iter().zip(&reaches).enumerate() {
            for block in blocks(reach, fate.block) {
                if last[block].is_none_or(|last| last < number) {
                    continue;
                }
                let (from, to) = (block * fate.block, (block + 1) * fate.block);
                let (from, to) = (from.max(reach.start), to.min(reach.end));
                match edit {
                    Edit::Write { offset, bytes: new } => {
                        bytes[from..to].copy_from_slice(&new[from - offset..to - offset]);
                    }
                    Edit::Resize { .. } => bytes[from..to].fill(0),
                }
            }
        }
        // Where nothing was before and nothing has arrived, the disk may hold what it held long ago.
        if fate.is_stale {
            for (block, last) in last.iter().enumerate() {
                let from = (block * fate.block).max(self.durable.len());
                let to = ((block + 1) * fate.block).min(most);
                if last.is_none() && from < to {
                    bytes[from..to].fill_with(|| u8::try_from(random.below(256)).unwrap_or(0));
                }
            }
        }
        bytes.truncate(fate.length(&lengths, random));
        bytes
    }

    /// Of each block the last edit that it has seen.
    fn last_edits(
        &self,
        reaches: &[std::ops::Range<usize>],
        most: usize,
        fate: &Fate,
        random: &mut Random,
    ) -> Vec<Option<usize>> {
        let mut last = vec![None; most.div_ceil(fate.block)];
        for (number, reach) in reaches.iter().enumerate() {
            let whole = fate.keeps_edit(random);
            for block in blocks(reach, fate.block) {
                let is_kept = if fate.is_torn {
                    fate.keeps_edit(random)
                } else {
                    whole
                };
                if is_kept {
                    last[block] = Some(number);
                }
            }
        }
        last
    }
}

fn apply(bytes: &mut Vec<u8>, edit: &Edit) {
    match edit {
        Edit::Write { offset, bytes: new } => {
            let end = offset + new.len();
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
            bytes[*offset..end].copy_from_slice(new);
        }
        Edit::Resize { length } => bytes.resize(*length, 0),
    }
}

/// The blocks that a range touches.
fn blocks(range: &std::ops::Range<usize>, size: usize) -> std::ops::Range<usize> {
    if range.is_empty() {
        0..0
    } else {
        range.start / size..range.end.div_ceil(size)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::fate::Kept;
    use super::*;

    fn write(offset: usize, bytes: &[u8]) -> Edit {
        Edit::Write {
            offset,
            bytes: bytes.into(),
        }
    }

    /// Everything that may be left of a file.
    fn left(content: &Content) -> BTreeSet<Vec<u8>> {
        let mut random = Random::new(7);
        (0..4000)
            .map(|_| {
                let mut fate = Fate::draw(&mut random);
                fate.is_stale = false;
                content.survive(&fate, &mut random)
            })
            .collect()
    }

    #[test]
    fn what_is_synced_stays() {
        let mut content = Content::new(b"old".to_vec());
        content.edit(write(1, b"new"));
        content.edit(Edit::Resize { length: 2 });
        assert_eq!(content.now(), b"on");
        content.settle(2);
        assert_eq!(left(&content), BTreeSet::from([b"on".to_vec()]));
        // An edit after the sync may go, and takes nothing with it.
        content.edit(write(0, b"x"));
        assert_eq!(
            left(&content),
            BTreeSet::from([b"on".to_vec(), b"xn".to_vec()])
        );
    }

    #[test]
    fn what_is_not_synced_is_there_or_not_and_so_is_the_length() {
        let mut content = Content::default();
        content.edit(write(0, b"ab"));
        let expected = [&b""[..], b"ab", b"\0\0"].map(<[u8]>::to_vec);
        assert_eq!(left(&content), BTreeSet::from(expected));
        // A file that is made anew in place may be the old one, none, or a mixture.
        let mut content = Content::new(b"old".to_vec());
        content.edit(Edit::Resize { length: 0 });
        content.edit(write(0, b"n"));
        let left = left(&content);
        for bytes in [&b"old"[..], b"", b"n", b"o", b"n\0\0", b"\0\0\0"] {
            assert!(left.contains(bytes), "{bytes:?}");
        }
        assert_eq!(left.len(), 7, "{left:?}");
    }

    #[test]
    fn writes_are_torn_at_blocks_and_nowhere_else() {
        let mut content = Content::new(vec![0; 1024]);
        content.edit(write(0, &[1; 1024]));
        let halves: BTreeSet<_> = left(&content)
            .into_iter()
            .map(|bytes| {
                assert!(bytes[..512].iter().all(|byte| *byte == bytes[0]));
                assert!(bytes[512..].iter().all(|byte| *byte == bytes[1023]));
                (bytes[0], bytes[1023])
            })
            .collect();
        assert_eq!(halves, BTreeSet::from([(0, 0), (0, 1), (1, 0), (1, 1)]));
    }

    #[test]
    fn an_earlier_write_to_a_block_is_there_when_a_later_one_is() {
        let mut content = Content::new(b"..".to_vec());
        content.edit(write(0, b"a"));
        content.edit(write(1, b"b"));
        let expected = [&b".."[..], b"a.", b"ab"].map(<[u8]>::to_vec);
        assert_eq!(left(&content), BTreeSet::from(expected));
    }

    #[test]
    fn blocks_that_never_arrived_may_hold_anything() {
        let mut content = Content::new(vec![7; 10]);
        content.edit(write(10, &[1; 2000]));
        let mut fate = Fate::of(Kept::Names);
        fate.is_stale = true;
        let mut random = Random::new(1);
        let left = (0..20).map(|_| content.survive(&fate, &mut random));
        let longest = left.max_by_key(Vec::len).unwrap();
        assert_eq!(longest[..10], [7; 10]);
        assert!(longest[1024..].iter().any(|byte| *byte > 1));
    }
}
