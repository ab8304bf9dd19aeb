//! What a loss of power leaves of what was not synced: decided by chance, and by a kind of file system.

use std::fmt;

use crate::random::Random;

/// What is kept of what was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// Nothing: the most that can be lost.
    Nothing,
    /// Everything, as when only the program is killed.
    Everything,
    /// Names, and not what is in the files: a file system that writes its journal at once.
    Names,
    /// What is in the files, and not their names.
    Contents,
    /// Each name and each write by chance.
    Some,
}

/// How a loss of power goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Fate {
    pub(super) kept: Kept,
    /// Of so many things one is lost, or one is kept.
    odds: u32,
    /// The unit in which a disk writes.
    pub(super) block: usize,
    /// Each block of a write has a fate of its own.
    pub(super) is_torn: bool,
    /// Where nothing arrived there is something else, and not zeros.
    pub(super) is_stale: bool,
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} kept", self.kept)?;
        if self.is_torn {
            write!(f, ", torn at {}", self.block)?;
        }
        if self.is_stale {
            f.write_str(", stale")?;
        }
        Ok(())
    }
}

impl Fate {
    /// A plain one.
    #[cfg(test)]
    pub(super) const fn of(kept: Kept) -> Self {
        Self {
            kept,
            odds: 2,
            block: 512,
            is_torn: false,
            is_stale: false,
        }
    }

    pub(super) fn draw(random: &mut Random) -> Self {
        let kept = match random.below(10) {
            0 | 1 => Kept::Nothing,
            2 => Kept::Everything,
            3 => Kept::Names,
            4 => Kept::Contents,
            _ => Kept::Some,
        };
        Self {
            kept,
            odds: 2 + random.below(5),
            block: if random.once_in(3) { 4096 } else { 512 },
            is_torn: kept == Kept::Some && random.once_in(2),
            is_stale: random.once_in(4),
        }
    }

    /// Whether a change of names is kept.
    pub(super) fn keeps_name(&self, random: &mut Random) -> bool {
        match self.kept {
            Kept::Nothing | Kept::Contents => false,
            Kept::Everything | Kept::Names => true,
            Kept::Some => self.chance(random),
        }
    }

    /// Whether an edit of a file is kept, or a block of it.
    pub(super) fn keeps_edit(&self, random: &mut Random) -> bool {
        match self.kept {
            Kept::Nothing | Kept::Names => false,
            Kept::Everything | Kept::Contents => true,
            Kept::Some => self.chance(random),
        }
    }

    /// Which of the lengths that a file has had, from the durable one to the last, it has.
    pub(super) fn length(&self, lengths: &[usize], random: &mut Random) -> usize {
        let last = lengths.len() - 1;
        lengths[match self.kept {
            Kept::Nothing => 0,
            Kept::Everything | Kept::Contents => last,
            // The last one most of all: then what is missing is in the file.
            Kept::Names | Kept::Some if random.once_in(2) => last,
            Kept::Names | Kept::Some => random.index(lengths.len()),
        }]
    }

    /// Even odds, or such as leave one thing in so many alone.
    fn chance(&self, random: &mut Random) -> bool {
        random.once_in(self.odds) != self.odds.is_multiple_of(2)
    }
}
