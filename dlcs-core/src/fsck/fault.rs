//! What can be wrong, and what became of it, in sentences for people.

use std::fmt;

use super::ledger::{Miscount, Rule};
use crate::derivative::{Checksum, DerivativeKey};
use crate::id::ImageId;

/// What is wrong with an object.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Damage {
    /// It is not there.
    Missing,
    /// It has another length.
    Length {
        /// The length of the record.
        recorded: u64,
        /// The length of the object.
        found: u64,
    },
    /// It has other bytes.
    Checksum {
        /// The checksum of the record.
        recorded: Checksum,
        /// The checksum of the object.
        found: Checksum,
    },
    /// It cannot be read.
    Unreadable {
        /// What the store says.
        error: String,
    },
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// An image is served from an object that is missing or damaged.
    Derivative {
        /// The image.
        image: ImageId,
        /// The object.
        key: DerivativeKey,
        /// What is wrong with it.
        damage: Damage,
    },
    /// The bytes that were sent for an image, and not processed yet, are missing.
    Upload {
        /// The image.
        image: ImageId,
        /// The object.
        key: DerivativeKey,
        /// What is wrong with it.
        damage: Damage,
    },
    /// An object is needed, and is to be deleted.
    Condemned {
        /// The object.
        key: DerivativeKey,
    },
    /// No row names an object.
    Orphan {
        /// The object.
        key: DerivativeKey,
        /// Its length in bytes.
        length: u64,
    },
    /// The catalogue is at odds with itself.
    Miscount(Miscount),
}

/// What became of a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It is put right.
    Repaired,
    /// The image is in the queue now, to be made again.
    Queued,
    /// Nobody asked for it to be put right, which can be done.
    Reparable,
    /// The image is in the queue already, to be made again.
    Pending,
    /// It could not be put right.
    Left {
        /// Why, and what to do.
        why: String,
    },
}

/// A fault and what became of it: one sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What is wrong.
    pub fault: Fault,
    /// What became of it.
    pub outcome: Outcome,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("is missing"),
            Self::Length { recorded, found } => {
                write!(f, "has {found} bytes instead of {recorded}")
            }
            Self::Checksum { recorded, found } => write!(
                f,
                "is damaged: its checksum is {found} instead of {recorded}"
            ),
            Self::Unreadable { error } => write!(f, "cannot be read: {error}"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Derivative { image, key, damage } => {
                write!(f, "the object `{key}` of image `{image}` {damage}")
            }
            Self::Upload { image, key, damage } => {
                write!(
                    f,
                    "the object `{key}`, which was sent for image `{image}`, {damage}"
                )
            }
            Self::Condemned { key } => write!(f, "the object `{key}` is needed and to be deleted"),
            Self::Orphan { key, length } => {
                write!(f, "no row names the object `{key}` of {length} bytes")
            }
            Self::Miscount(Miscount { sentence, .. }) => f.write_str(sentence),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.fault)?;
        let orphan = matches!(self.fault, Fault::Orphan { .. });
        let image = matches!(
            self.fault,
            Fault::Derivative { .. }
                | Fault::Miscount(Miscount {
                    rule: Rule::ImageHasJob,
                    ..
                })
        );
        match &self.outcome {
            Outcome::Repaired if orphan => f.write_str("deleted"),
            Outcome::Repaired => f.write_str("put right"),
            Outcome::Queued => f.write_str("queued to be made again"),
            Outcome::Reparable if orphan => f.write_str("a repair deletes it"),
            Outcome::Reparable if image => f.write_str("a repair has it made again"),
            Outcome::Reparable => f.write_str("a repair puts it right"),
            Outcome::Pending => f.write_str("it is in the queue to be made again"),
            Outcome::Left { why } => f.write_str(why),
        }
    }
}
