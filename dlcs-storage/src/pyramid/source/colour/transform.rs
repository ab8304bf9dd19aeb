//! From a row of colours to a row of sRGB or of its grey.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use moxcms::{Transform8BitExecutor, Transform16BitExecutor};

use super::super::{Alpha, Depth, Samples};
use super::plain;
use super::samples::{narrow, widen};

/// What happens to the colours of each pixel.
pub(super) enum Transform {
    /// They are what is stored, perhaps with more bits.
    Copy,
    /// Each sample is looked up: 256 entries for samples of 8 bits, 65536 for more.
    Table(Box<[u8]>),
    /// Plain inks: what each of them leaves of the light.
    Inks,
    /// CIE L*a*b* as D50 sees it.
    Lab,
    /// By a profile, from 8 bits to 8 bits.
    Profile8(Arc<Transform8BitExecutor>),
    /// By a profile, from 16 bits to 16 bits; three channels come out.
    Profile16(Arc<Transform16BitExecutor>),
}

/// Rows on their way.
#[derive(Default)]
pub(super) struct Scratch {
    wide: Vec<u16>,
    converted: Vec<u16>,
}

impl Transform {
    /// Whether pixels with alpha are what is stored, byte by byte.
    pub(super) fn copies(&self, samples: Samples) -> bool {
        matches!(self, Self::Copy)
            && samples.depth == Depth::U8
            && samples.alpha != Alpha::Premultiplied
    }

    /// Converts one row of colours without alpha; `None` where the profile fails.
    pub(super) fn apply(
        &self,
        source: &[u8],
        samples: Samples,
        scratch: &mut Scratch,
        target: &mut [u8],
    ) -> Option<()> {
        let depth = samples.depth;
        match (self, depth) {
            (Self::Lab, _) => plain::from_lab(source, depth, target),
            (Self::Copy, Depth::U8) => target.copy_from_slice(source),
            (Self::Table(table), Depth::U8) => {
                for (target, sample) in target.iter_mut().zip(source) {
                    *target = table[usize::from(*sample)];
                }
            }
            (Self::Inks, Depth::U8) => plain::from_inks(source, target),
            (Self::Profile8(executor), _) => {
                return guarded(|| executor.transform(source, target).ok());
            }
            (Self::Copy, _) => {
                widen(source, depth, &mut scratch.wide);
                narrow_all(&scratch.wide, target);
            }
            (Self::Table(table), _) => {
                widen(source, depth, &mut scratch.wide);
                for (target, sample) in target.iter_mut().zip(&scratch.wide) {
                    *target = table[usize::from(*sample)];
                }
            }
            (Self::Inks, _) => {
                widen(source, depth, &mut scratch.wide);
                plain::from_wide_inks(&scratch.wide, target);
            }
            (Self::Profile16(executor), _) => {
                widen(source, depth, &mut scratch.wide);
                scratch.converted.resize(target.len(), 0);
                guarded(|| {
                    executor
                        .transform(&scratch.wide, &mut scratch.converted)
                        .ok()
                })?;
                narrow_all(&scratch.converted, target);
            }
        }
        Some(())
    }
}

fn narrow_all(wide: &[u16], target: &mut [u8]) {
    for (target, sample) in target.iter_mut().zip(wide) {
        *target = narrow(*sample);
    }
}

/// The colour management library is given what strangers wrote: a panic of its own is a profile that cannot be used.
pub(super) fn guarded<T>(work: impl FnOnce() -> Option<T>) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(None)
}

impl fmt::Debug for Transform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Copy => "Copy",
            Self::Table(_) => "Table",
            Self::Inks => "Inks",
            Self::Lab => "Lab",
            Self::Profile8(_) => "Profile8",
            Self::Profile16(_) => "Profile16",
        })
    }
}
