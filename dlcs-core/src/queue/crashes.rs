//! Images over which workers die: found out, and set apart before they take everything down.

use std::time::Duration;

/// How often workers have died over one registration of an image: leases that ended without a word of their holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Crashes {
    /// While their process held other images too: any of these may have been the cause.
    pub in_company: u32,
    /// While their process held nothing else.
    pub alone: u32,
}

/// What becomes of an image after a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterCrash {
    /// It is tried again among the others.
    Again,
    /// It is tried again by a process that holds nothing else.
    Isolate,
    /// It has failed.
    GiveUp,
}

impl Crashes {
    /// After so many crashes an image is set apart.
    pub const ISOLATE: u32 = 2;
    /// After so many crashes alone it has failed; those in company never condemn it.
    pub const GIVE_UP: u32 = 3;
    /// After this wait, a process that is about to be free takes nothing else before an image that is set apart.
    pub const PATIENCE: Duration = Duration::from_secs(60);
    /// Why an image has failed that was given up, for people.
    pub const SENTENCE: &'static str = "the server died each time when it processed this image, three times while it did nothing else; the \
                                        image is set aside: report it with the source, or register another file";

    /// Counts one more.
    pub const fn count(&mut self, was_alone: bool) {
        if was_alone {
            self.alone = self.alone.saturating_add(1);
        } else {
            self.in_company = self.in_company.saturating_add(1);
        }
    }

    /// What becomes of the image now.
    #[must_use]
    pub const fn verdict(self) -> AfterCrash {
        if self.alone >= Self::GIVE_UP {
            AfterCrash::GiveUp
        } else if self.in_company.saturating_add(self.alone) >= Self::ISOLATE {
            AfterCrash::Isolate
        } else {
            AfterCrash::Again
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_crashes_alone_condemn() {
        let mut crashes = Crashes::default();
        let mut after = |alone| {
            crashes.count(alone);
            crashes.verdict()
        };
        assert_eq!(after(false), AfterCrash::Again);
        for _ in 0..100 {
            assert_eq!(after(false), AfterCrash::Isolate);
        }
        assert_eq!(after(true), AfterCrash::Isolate);
        assert_eq!(after(true), AfterCrash::Isolate);
        assert_eq!(after(true), AfterCrash::GiveUp);
    }
}
