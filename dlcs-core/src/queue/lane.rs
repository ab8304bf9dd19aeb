//! Lanes: the two ways through the queue, and whose turn it is between them.

use std::fmt;

/// A way through the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Lane {
    /// For everything that has time.
    #[default]
    Default,
    /// Goes first, and leaves the other lane its part.
    Priority,
}

impl Lane {
    /// Of so many claims that both lanes could have had, the default lane gets one.
    pub const DEFAULT_EVERY: u32 = 8;

    /// The lane that a claim is made in, of those that have something due; `None` when neither has.
    ///
    /// `streak` is how many claims the priority lane has had since the default lane, which waited, had one. It is kept up.
    pub const fn next(
        streak: &mut u32,
        default_is_due: bool,
        priority_is_due: bool,
    ) -> Option<Self> {
        match (default_is_due, priority_is_due) {
            (false, false) => None,
            (true, true) if *streak + 1 < Self::DEFAULT_EVERY => {
                *streak += 1;
                Some(Self::Priority)
            }
            (true, _) => {
                *streak = 0;
                Some(Self::Default)
            }
            (false, true) => {
                *streak = 0;
                Some(Self::Priority)
            }
        }
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Default => "default",
            Self::Priority => "priority",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_priority_lane_goes_first_and_leaves_the_other_an_eighth() {
        let mut streak = 0;
        let turns: Vec<_> = (0..24)
            .map(|_| Lane::next(&mut streak, true, true).unwrap())
            .collect();
        let of_default: Vec<_> = (0..24).filter(|at| turns[*at] == Lane::Default).collect();
        assert_eq!(of_default, [7, 15, 23]);
    }

    #[test]
    fn a_lane_that_waits_for_nothing_gets_no_turn() {
        let mut streak = 5;
        assert_eq!(Lane::next(&mut streak, false, false), None);
        assert_eq!(streak, 5);
        assert_eq!(Lane::next(&mut streak, false, true), Some(Lane::Priority));
        assert_eq!(streak, 0, "nobody was passed over");
        assert_eq!(Lane::next(&mut streak, true, false), Some(Lane::Default));
    }
}
