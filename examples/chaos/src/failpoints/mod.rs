//! Every durable step of a small scenario fails in turn, and the program is killed before each: `strace` is the engine, so that the program
//! holds no code for it.

mod disk;
mod lane;
mod point;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use self::lane::Lane;
use self::point::{Fault, Place, Point, Stage};
use crate::options::FailpointOptions;
use crate::origin::Files;
use crate::random::Random;
use crate::{Result, say, strace};

/// Runs at the same time: most of the time each waits.
const LANES: usize = 3;
/// More calls on one path than there ever are.
const TIMES: u32 = 2000;

/// What came of all runs.
#[derive(Debug, Default)]
struct Tally {
    runs: u64,
    fired: u64,
    refusals: u64,
    /// Places that a run with a fault does not come by.
    never: u64,
    unchecked: u64,
    wrong: Vec<String>,
    by_stage: BTreeMap<Stage, u64>,
}

/// Runs, prints one line of figures, and returns whether nothing was wrong.
pub(crate) async fn run(options: &FailpointOptions, program: &Path, folder: &Path) -> Result<bool> {
    if !strace::is_there() {
        return Err("strace is missing: install it".into());
    }
    let begun = Instant::now();
    let files = Files::make(folder)?;
    let mut lanes = Vec::new();
    for number in 0..LANES {
        lanes.push(Lane::prepare(program, &folder.join(format!("lane-{number}")), &files).await?);
    }
    let mut places = BTreeMap::new();
    for stage in Stage::ALL {
        let ran = lanes[0].run(stage, &point::survey(), None).await?;
        if !ran.wrong.is_empty() {
            return Err(format!(
                "{stage:?} goes wrong without any fault: {}",
                ran.wrong.join("; ")
            )
            .into());
        }
        let (found, unnamed) = point::places(stage, &strace::parse(&ran.seen), &lanes[0].data());
        for name in unnamed {
            say(&format!(
                "{stage:?}: `{name}` has another name each time, and is left to the full disk"
            ));
        }
        places.extend(found);
    }
    let mut work: Vec<(Place, Fault, u32)> = places
        .iter()
        .flat_map(|(place, count)| {
            let faults = point::faults(place).into_iter();
            faults.map(|fault| (place.clone(), fault, *count))
        })
        .filter(|(place, fault, _)| {
            let shown = format!("{:?} {} {} {fault:?}", place.stage, place.call, place.path);
            options
                .only
                .as_ref()
                .is_none_or(|only| shown.contains(only.as_str()))
        })
        .collect();
    say(&format!(
        "{} calls on {} paths; {} of them and of their faults, each until there is no further time",
        places.values().sum::<u32>(),
        places.len(),
        work.len()
    ));
    let mut random = Random::new(options.seed);
    if let Some(sample) = options.sample {
        say(&format!("a sample of {sample}; SEED={}", options.seed));
        while work.len() > sample {
            work.swap_remove(random.index(work.len()));
        }
    }
    let (queue, tally) = (
        Arc::new(Mutex::new(work)),
        Arc::new(Mutex::new(Tally::default())),
    );
    let is_sample = options.sample.is_some();
    let mut tasks = Vec::new();
    for lane in lanes {
        let (queue, tally, random) = (Arc::clone(&queue), Arc::clone(&tally), random.fork());
        tasks.push(tokio::spawn(drain(lane, queue, tally, is_sample, random)));
    }
    for task in tasks {
        task.await??;
    }
    let disk = if options.only.is_none() {
        disk::run(program, &folder.join("disk"), &files).await?
    } else {
        Vec::new()
    };
    let mut tally = lock(&tally);
    tally
        .wrong
        .extend(disk.into_iter().map(|wrong| format!("full disk: {wrong}")));
    for wrong in &tally.wrong {
        say(&format!("WRONG {wrong}"));
    }
    say(&format!(
        "failpoints: runs={} fired={} never={} by-stage={:?} refusals={} fsck-not-run={} wrong={} seconds={:.0}",
        tally.runs,
        tally.fired,
        tally.never,
        tally.by_stage,
        tally.refusals,
        tally.unchecked,
        tally.wrong.len(),
        begun.elapsed().as_secs_f64()
    ));
    Ok(tally.wrong.is_empty())
}

/// Takes one place after the other, until there is none.
async fn drain(
    lane: Lane,
    queue: Arc<Mutex<Vec<(Place, Fault, u32)>>>,
    tally: Arc<Mutex<Tally>>,
    is_sample: bool,
    mut random: Random,
) -> Result<()> {
    loop {
        let Some((place, fault, count)) = lock(&queue).pop() else {
            return Ok(());
        };
        // A sample tries one time of each place, and an earlier one when there is no such time.
        let times: Vec<u32> = if fault == Fault::Lasting {
            vec![1]
        } else if is_sample {
            let first = 1 + random.below(count);
            let halves = std::iter::successors(Some(first), |time| Some(time / 2));
            halves.take_while(|time| *time > 0).collect()
        } else {
            (1..TIMES).collect()
        };
        for time in times {
            let point = Point {
                place: place.clone(),
                time,
                fault,
            };
            let ran = lane
                .run(place.stage, &point.arguments(&lane.data()), Some(&point))
                .await?;
            let mut tally = lock(&tally);
            tally.runs += 1;
            if tally.runs.is_multiple_of(100) {
                say(&format!("{} runs", tally.runs));
            }
            tally.refusals += u64::from(ran.refusals);
            tally.unchecked += u64::from(!ran.is_checked);
            for wrong in ran.wrong {
                say(&format!("WRONG {point}: {wrong}"));
                tally.wrong.push(format!("{point}: {wrong}"));
            }
            if ran.has_fired {
                tally.fired += 1;
                *tally.by_stage.entry(place.stage).or_default() += 1;
            }
            // In a sample one that fires is enough; otherwise the first that does not is the proof that there are no more.
            // What comes after a lasting fault, the stop, cannot meet it.
            if !ran.has_fired && time == 1 && fault != Fault::Lasting {
                tally.never += 1;
                say(&format!("never: {point}"));
            }
            if ran.has_fired == is_sample {
                break;
            }
            if time + 1 == TIMES {
                let wrong = "fails every time: there may be more times than were tried";
                tally.wrong.push(format!("{point} {wrong}"));
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
