//! A loss of power, alone or after something else.

use std::time::Duration;

use super::fate::Fate;
use super::history::Disk;
use super::recording::{Bench, Recording};
use super::tree::Tree;
use crate::Result;
use crate::ledger::Ledger;
use crate::random::Random;

/// One loss in so many is followed by another, while the program recovers; and as often the program is killed, and the power fails while the
/// next one lives on what that has not synced.
const TWICE: u32 = 8;

/// What a disk is like, and how that came.
#[derive(Debug)]
pub(super) struct Left {
    pub(super) tree: Tree,
    pub(super) at_risk: usize,
    pub(super) what: String,
    pub(super) twice: Option<Twice>,
    /// Why what came next could not be watched.
    pub(super) unwatched: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Twice {
    /// The power failed, and failed again.
    Lost,
    /// The program was killed, and then the power failed.
    Killed,
}

impl Left {
    fn by(recording: &Recording, line: usize, random: &mut Random) -> Self {
        let fate = Fate::draw(random);
        let (tree, at_risk) = recording.lose_power(line, &fate, random);
        Self {
            tree,
            at_risk,
            what: format!("{}; {fate}", recording.describe(line)),
            twice: None,
            unwatched: None,
        }
    }
}

/// Lets the power fail once, or something happen before that.
pub(super) async fn fail(
    bench: &Bench,
    recording: &Recording,
    line: usize,
    ledger: &Ledger,
    random: &mut Random,
) -> Result<Left> {
    let left = Left::by(recording, line, random);
    let twice = match random.below(TWICE) {
        0 => Twice::Lost,
        1 => Twice::Killed,
        _ => return Ok(left),
    };
    let killed = recording.until(line);
    let when = recording.describe(line);
    let start = match twice {
        Twice::Lost => Disk::of(&left.tree),
        Twice::Killed => killed.end(),
    };
    let recovery = match bench
        .record("again", &start, ledger, Duration::ZERO, &[])
        .await
    {
        Ok(recovery) if twice == Twice::Lost => recovery,
        Ok(recovery) => recovery.after(killed, line),
        Err(error) => {
            let unwatched = Some(error.to_string());
            return Ok(Left { unwatched, ..left });
        }
    };
    let line = recovery.draw(random);
    let mut last = Left::by(&recovery, line, random);
    let first = match twice {
        Twice::Lost => left.what,
        Twice::Killed => format!("killed: {when}"),
    };
    last.what = format!("{first}; then {}", last.what);
    last.at_risk += left.at_risk;
    last.twice = Some(twice);
    Ok(last)
}
