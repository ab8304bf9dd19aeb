//! Lets the power fail: the real program is watched through `strace`, what a disk may have kept of that at some moment is made of it, and the
//! real program is started on that.
//!
//! `docs/chaos.md` says what a disk is taken to do.

mod client;
mod content;
mod fate;
mod history;
mod loss;
mod names;
mod recording;
#[cfg(test)]
mod tests;
mod tree;
mod trial;
mod watch;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::block_in_place;

use self::client::Ask;
use self::history::Disk;
use self::loss::{Twice, fail};
use self::recording::{Bench, Recording};
use self::tree::Tree;
use self::trial::Held;
use crate::ledger::{Ledger, Outcome};
use crate::options::PowerOptions;
use crate::origin::Files;
use crate::random::Random;
use crate::{Result, say, strace};

/// Losses at the same time: most of the time each waits.
const LANES: usize = 3;
/// In a run of so many, objects that are not needed any more are waited for, too: it takes a minute and a half until they are deleted.
const LONG: u64 = 300;
/// What is not needed any more stays for a minute, and what may be deleted is looked for every half minute.
const KEPT: Duration = Duration::from_secs(62);
const COLLECTED: Duration = Duration::from_secs(33);
/// Of so many that went wrong the data is kept.
const KEEP: u64 = 8;

/// What is asked of a server that has never run.
const FIRST: [Ask; 5] = [
    Ask::Put("kept"),
    Ask::Put("kept"),
    Ask::Send("sent"),
    Ask::Batch(&["old", "older", "oldest"]),
    Ask::Drain,
];
/// What is left for the next.
const WAITING: [Ask; 1] = [Ask::Batch(&["waiting", "waits"])];
/// What is asked of a server that has work; it works meanwhile.
const SERVE: [Ask; 12] = [
    Ask::Batch(&["a", "b", "c", "d"]),
    Ask::Batch(&["e", "f"]),
    Ask::Put("g"),
    Ask::Put("a"),
    Ask::Send("h"),
    Ask::Drain,
    Ask::Delete("b"),
    Ask::Send("kept"),
    Ask::Batch(&["kept", "c", "i"]),
    Ask::Put("sent"),
    Ask::Delete("g"),
    Ask::Put("b"),
];
const LATE: [Ask; 2] = [Ask::Put("late"), Ask::Delete("old")];

/// What came of all losses.
#[derive(Debug, Default)]
struct Tally {
    losses: u64,
    again: u64,
    killed: u64,
    by_stage: BTreeMap<&'static str, u64>,
    acknowledged: u64,
    at_risk: u64,
    unchecked: u64,
    sum: Held,
}

/// Runs, prints one line of figures, and returns whether nothing was wrong.
pub(crate) async fn run(options: &PowerOptions, program: &Path, folder: &Path) -> Result<bool> {
    if !strace::is_there() {
        return Err("strace is missing: install it".into());
    }
    let begun = Instant::now();
    let files = Files::make(folder)?;
    let bench = Bench::new(program, &folder.join("record"), &files)?;
    let mut recordings = record(&bench, options.losses >= LONG).await?;
    for recording in &mut recordings {
        if let Some(forget) = options.forget {
            recording.forget(forget);
        }
    }
    say(&format!(
        "{} traces, in {:.0} s; SEED={}",
        recordings.len(),
        begun.elapsed().as_secs_f64(),
        options.seed
    ));
    let run = Arc::new(Run {
        recordings,
        seed: options.seed,
        losses: options.losses,
        next: AtomicU64::new(0),
        tally: Mutex::default(),
        folder: folder.to_owned(),
    });
    let mut tasks = Vec::new();
    for number in 0..LANES {
        let bench = Bench::new(program, &folder.join(format!("lane-{number}")), &files)?;
        tasks.push(tokio::spawn(lane(bench, Arc::clone(&run))));
    }
    for task in tasks {
        task.await??;
    }
    let tally = run.tally();
    let sum = &tally.sum;
    say(&format!(
        "power: losses={} again={} killed={} by-stage={:?} acknowledged={} at-risk={} lost={} half-visible={} violations={} orphans={} litter={} fsck={} \
         seconds={:.0}",
        tally.losses,
        tally.again,
        tally.killed,
        tally.by_stage,
        tally.acknowledged,
        tally.at_risk,
        sum.lost,
        sum.half_visible,
        sum.wrong.len(),
        sum.orphans,
        sum.litter,
        match (tally.unchecked, sum.faults) {
            (0, 0) => "clean".to_owned(),
            (0, faults) => format!("{faults}-faults"),
            _ => "not-run".to_owned(),
        },
        begun.elapsed().as_secs_f64()
    ));
    Ok(sum.wrong.is_empty())
}

/// The lives of the program in which the power fails.
async fn record(bench: &Bench, is_long: bool) -> Result<Vec<Recording>> {
    let now = Duration::ZERO;
    let empty = Disk::of(&Tree::new());
    let first = bench
        .record("first", &empty, &Ledger::default(), now, &FIRST)
        .await?;
    let mut ledger = first.ledger.clone();
    let server = block_in_place(|| bench.idle.start())?;
    let asked = client::perform(&bench.client(&server.url)?, &mut ledger, &WAITING).await;
    block_in_place(|| server.stop())?;
    asked?;
    let start = Disk::of(&tree::read(&bench.disk())?);
    let serve = bench.record("serve", &start, &ledger, now, &SERVE).await?;
    let mut recordings = vec![first, serve];
    if is_long {
        tokio::time::sleep(KEPT).await;
        let serve = &recordings[1];
        let late = bench
            .record("late", &serve.end, &serve.ledger, COLLECTED, &LATE)
            .await?;
        recordings.push(late);
    }
    Ok(recordings)
}

/// What the lanes share.
#[derive(Debug)]
struct Run {
    recordings: Vec<Recording>,
    seed: u64,
    losses: u64,
    next: AtomicU64,
    tally: Mutex<Tally>,
    folder: PathBuf,
}

impl Run {
    fn tally(&self) -> std::sync::MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes one loss after the other, until there is none.
async fn lane(bench: Bench, run: Arc<Run>) -> Result<()> {
    loop {
        let number = run.next.fetch_add(1, Ordering::Relaxed);
        if number >= run.losses {
            return Ok(());
        }
        lose(&bench, &run, number).await?;
    }
}

/// Lets the power fail, and holds what is left.
async fn lose(bench: &Bench, run: &Run, number: u64) -> Result<()> {
    let mut random = Random::new(run.seed ^ number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    // Half of them in the middle of work.
    let stage = if random.once_in(2) {
        1
    } else {
        random.index(run.recordings.len())
    };
    let recording = &run.recordings[stage];
    let line = recording.draw(&mut random);
    let ledger = recording.known(line);
    let left = fail(bench, recording, line, &ledger, &mut random).await?;
    let mut held = bench.hold(&left.tree, &ledger).await?;
    held.wrong.extend(left.unwatched);
    let kept = {
        let mut tally = run.tally();
        tally.losses += 1;
        tally.again += u64::from(left.twice == Some(Twice::Lost));
        tally.killed += u64::from(left.twice == Some(Twice::Killed));
        *tally.by_stage.entry(recording.name).or_default() += 1;
        tally.acknowledged += ledger.count(Outcome::Acknowledged) as u64;
        tally.at_risk += left.at_risk as u64;
        tally.unchecked += u64::from(!held.is_checked && held.wrong.is_empty());
        if tally.losses.is_multiple_of(100) {
            say(&format!("{} losses", tally.losses));
        }
        !held.wrong.is_empty() && tally.sum.wrong.len() < usize::try_from(KEEP).unwrap_or(0)
    };
    for wrong in &held.wrong {
        say(&format!("WRONG loss {number}: {}: {wrong}", left.what));
    }
    if kept {
        let folder = run.folder.join(format!("loss-{number}"));
        std::fs::create_dir_all(&folder)?;
        tree::write(&left.tree, &folder.join("before"))?;
        std::fs::rename(bench.disk(), folder.join("after"))?;
        let _ = std::fs::rename(&bench.launch.log, folder.join("log"));
    }
    let sum = &mut run.tally().sum;
    sum.lost += held.lost;
    sum.half_visible += held.half_visible;
    sum.orphans += held.orphans;
    sum.faults += held.faults;
    sum.litter += held.litter;
    sum.wrong.extend(held.wrong);
    Ok(())
}
