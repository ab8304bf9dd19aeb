//! Checking everything at rest: rows against objects, what is counted against what is there, objects against rows.
//!
//! A check may run while others work. It reads page by page, so that it needs no more memory for millions of images than for a few, but for
//! eight bytes for each object that a row names; and it looks a second time before it says that something is wrong.
//!
//! # Examples
//! ```
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! use dlcs_core::fsck::{FsckOptions, fsck};
//! use dlcs_core::memory::{MemoryCatalogue, MemoryDerivatives};
//!
//! let (catalogue, store) = (MemoryCatalogue::new(), MemoryDerivatives::new());
//! let options = FsckOptions::default();
//! let summary = fsck(&catalogue, &store, &options, &mut |finding| println!("{finding}")).await.unwrap();
//! assert!(summary.is_sound());
//! # });
//! ```

mod fault;
mod ledger;
mod names;
mod object;
mod repair;
mod run;

use std::fmt;

pub use fault::{Damage, Fault, Finding, Outcome};
pub use ledger::{Ledger, Miscount, Named, Rule};
pub use names::KeySet;
pub use object::digest;

use crate::derivative::DerivativeStore;
use crate::time::Timestamp;
use run::Run;

/// What a check does about the faults that it finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FsckMode {
    /// Names them.
    #[default]
    Look,
    /// Puts right what it can, and has images made again.
    Repair,
}

/// How to check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FsckOptions {
    /// What to do about faults.
    pub mode: FsckMode,
    /// Objects that no row names are orphans when they were stored before this: give a moment before the check begins, as long before it as
    /// the clock of the store may be wrong.
    pub orphans_before: Timestamp,
}

impl Default for FsckOptions {
    /// Looks, and takes nothing for an orphan.
    fn default() -> Self {
        Self {
            mode: FsckMode::default(),
            orphans_before: Timestamp::from_micros(i64::MIN),
        }
    }
}

/// What a check has looked at and found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Summary {
    /// Images in the catalogue.
    pub images: u64,
    /// Objects that were read because something is served from them.
    pub read: u64,
    /// How many bytes these have.
    pub bytes: u64,
    /// Objects in the store.
    pub objects: u64,
    /// Faults that were found.
    pub faults: u64,
    /// Faults that have been put right.
    pub repaired: u64,
    /// Images that have been queued to be made again: that is done when workers run.
    pub queued: u64,
}

impl Summary {
    /// Faults that are there still, of which something may come of what is queued.
    #[must_use]
    pub const fn left(&self) -> u64 {
        self.faults - self.repaired
    }

    /// Whether everything is as it must be.
    #[must_use]
    pub const fn is_sound(&self) -> bool {
        self.left() == 0
    }
}

/// One line.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "checked {}, {} served from {} bytes, {} stored, and all counts: ",
            number(self.images, "image"),
            self.read,
            self.bytes,
            number(self.objects, "object"),
        )?;
        if self.faults == 0 {
            return f.write_str("sound");
        }
        f.write_str(&number(self.faults, "fault"))?;
        if self.repaired > 0 {
            write!(f, ", {} put right", self.repaired)?;
        }
        if self.queued > 0 {
            write!(f, ", {} queued to be made again", self.queued)?;
        }
        match self.left() - self.queued {
            0 => Ok(()),
            left => write!(f, ", {left} left"),
        }
    }
}

fn number(of: u64, what: &str) -> String {
    format!("{of} {what}{}", if of == 1 { "" } else { "s" })
}

/// Checks everything at rest, and hands over each fault as it is found.
///
/// * The catalogue: [`Ledger::miscounts`].
/// * Every image that something is served of: its object is there, with the length and the checksum of the record. Every image that waits for
///   bytes that were sent: they are there.
/// * What is to be collected: nothing that is needed is among it.
/// * The store: every object has a row that names it.
///
/// To repair, images are queued to be made again whose origin is known, counts are made anew, and orphans are deleted. Nothing is ever deleted
/// that a row names.
///
/// # Errors
/// Those of the ports: then nothing is known of what has not been looked at.
pub async fn fsck(
    ledger: &dyn Ledger,
    store: &dyn DerivativeStore,
    options: &FsckOptions,
    report: &mut (dyn FnMut(&Finding) + Send),
) -> crate::Result<Summary> {
    Run::new(ledger, store, options, report).all().await
}
