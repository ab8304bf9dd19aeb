//! A life of the program, from its first call to its last, with everything that it did to its disk and everything that it said.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::block_in_place;

use super::client::{self, Ask, Moment, Step};
use super::fate::Fate;
use super::history::{Deed, Disk, History};
use super::tree::{self, Tree};
use super::watch as watcher;
use crate::client::Client;
use crate::ledger::Ledger;
use crate::options::Forget;
use crate::origin::Files;
use crate::program::Launch;
use crate::random::Random;
use crate::{Result, found, strace};

/// How long the queue may take to be empty under `strace`.
const DRAIN: Duration = Duration::from_secs(120);

/// The directory that the data directory is in.
const ABOVE: &str = "new";

/// A directory that stands for a disk, and the program with its data on it.
#[derive(Debug, Clone)]
pub(super) struct Bench {
    folder: PathBuf,
    pub(super) launch: Launch,
    /// The same, and nothing is processed.
    pub(super) idle: Launch,
    address: String,
}

impl Bench {
    pub(super) fn new(program: &Path, folder: &Path, files: &Files) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        // In a directory that the program makes, too.
        let data = folder.join("disk").join(ABOVE).join("data");
        let launch = Launch::new(program, &data, &folder.join("data.log"))
            .with(files.arguments())
            .with(["--log", "warn", "--lease", "1"]);
        Ok(Self {
            folder: folder.to_owned(),
            idle: launch.clone().with(["--workers", "0"]),
            launch: launch.with(["--workers", "2"]),
            address: files.address(),
        })
    }

    /// The directory that stands for the disk: the data directory is one of it.
    pub(super) fn disk(&self) -> PathBuf {
        self.folder.join("disk")
    }

    pub(super) fn client(&self, url: &str) -> Result<Client> {
        let (_address, base) = watch::channel(url.to_owned());
        Client::new(base, self.address.clone())
    }

    /// Lets the program live on a disk that is like this, and watches it.
    pub(super) async fn record(
        &self,
        name: &'static str,
        start: &Disk,
        ledger: &Ledger,
        stay: Duration,
        asks: &[Ask],
    ) -> Result<Recording> {
        tree::write(&start.tree(), &self.disk())?;
        let log = self.folder.join(format!("{name}.strace"));
        let _ = std::fs::remove_file(&log);
        let mut launch = self.launch.clone();
        launch.under = strace::words(&watcher::arguments(), &log);
        let server = block_in_place(|| launch.start())?;
        let process = server.process.id();
        let client = self.client(&server.url)?;
        tokio::time::sleep(stay).await;
        let mut after = ledger.clone();
        let steps = client::perform(&client, &mut after, asks).await?;
        found::drain(&client, &[1], DRAIN).await?;
        block_in_place(|| server.stop())?;
        let seen = block_in_place(|| strace::read_to_end(&log, process))?;
        let calls = strace::parse(&seen);
        let disk = self.disk().display().to_string();
        let history = watcher::watch(&calls, &disk, start)
            .map_err(|why| format!("{name}: something that is not understood: {why}"))?;
        // Whatever was overlooked, it would show here.
        let (modelled, real) = (history.end().tree(), tree::read(&self.disk())?);
        let is_shared = |path: &str| history.is_mapped(path);
        if let Some(difference) = tree::difference(&modelled, &real, is_shared) {
            return Err(
                format!("{name}: what was seen does not make what is there: {difference}").into(),
            );
        }
        let moments = client::moments(&calls, &steps).map_err(|why| format!("{name}: {why}"))?;
        Ok(Recording {
            name,
            history,
            before: ledger.clone(),
            ledger: after,
            steps: steps.into_iter().zip(moments).collect(),
            lines: 0..seen.lines().count(),
            end: Disk::of(&real),
        })
    }
}

/// Whether a directory holds the objects of one image, and no other directories.
fn is_leaf(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.len() == 32
}

/// What was seen.
#[derive(Debug, Clone)]
pub(super) struct Recording {
    pub(super) name: &'static str,
    history: History,
    before: Ledger,
    /// What is known in the end.
    pub(super) ledger: Ledger,
    steps: Vec<(Step, Moment)>,
    /// Before which the power may fail.
    lines: Range<usize>,
    /// The disk in the end.
    pub(super) end: Disk,
}

impl Recording {
    /// As if the program had forgotten something.
    pub(super) fn forget(&mut self, forget: Forget) {
        if forget == Forget::Waiting {
            for (_, moment) in &mut self.steps {
                moment.answered = moment.asked;
            }
        }
        self.history.forget(|synced| {
            let is_object = synced.path.contains("/derivatives");
            match forget {
                Forget::Wal => synced.path.ends_with("-wal"),
                Forget::Database => synced.path.ends_with(".sqlite"),
                Forget::Objects => is_object && !synced.is_directory,
                Forget::Directories => is_object && synced.is_directory,
                Forget::Parents => is_object && synced.is_directory && !is_leaf(&synced.path),
                Forget::Above => synced.path.is_empty() || synced.path == ABOVE,
                Forget::Waiting => false,
            }
        });
    }

    /// A line before which the power fails: around a sync or an answer most of the time.
    pub(super) fn draw(&self, random: &mut Random) -> usize {
        let syncs: Vec<_> = self
            .history
            .events
            .iter()
            .filter(|event| event.begun >= self.lines.start && matches!(event.deed, Deed::Sync(..)))
            .collect();
        match random.below(8) {
            0..=2 if !syncs.is_empty() => {
                let event = syncs[random.index(syncs.len())];
                let lines = [event.begun, event.begun + 1, event.ended, event.ended + 1];
                lines[random.index(lines.len())]
            }
            3..=5 if !self.steps.is_empty() => {
                let (_, moment) = self.steps[random.index(self.steps.len())];
                // Before the answer, and as soon as it may have been read.
                moment.answered + usize::from(!random.once_in(3))
            }
            _ => self.lines.start + random.index(self.lines.len() + 1),
        }
    }

    /// What was done when the program is killed before a line.
    pub(super) fn until(&self, line: usize) -> History {
        self.history.until(line)
    }

    /// The same, after a program that was killed before a line.
    pub(super) fn after(mut self, killed: History, line: usize) -> Self {
        self.history = killed.then(self.history, line);
        self.lines = self.lines.start + line..self.lines.end + line;
        self
    }

    /// What is known when the power fails before a line.
    pub(super) fn known(&self, line: usize) -> Ledger {
        let mut ledger = self.before.clone();
        for (step, moment) in &self.steps {
            step.note(&mut ledger, *moment, line);
        }
        ledger
    }

    /// What is left then, and of how much that was at risk.
    pub(super) fn lose_power(
        &self,
        line: usize,
        fate: &Fate,
        random: &mut Random,
    ) -> (Tree, usize) {
        let pending = self.history.lose_power(line);
        (pending.survive(fate, random), pending.count())
    }

    /// What the program was at.
    pub(super) fn describe(&self, line: usize) -> String {
        let mut events = self.history.events.iter().rev();
        let last = events.find(|event| event.begun < line);
        let last = last.map_or_else(
            || "nothing".to_owned(),
            |event| match &event.deed {
                Deed::Sync(_, synced) if event.ended < line => {
                    format!("a sync of `{}`", synced.path)
                }
                Deed::Sync(_, synced) => format!("the begin of a sync of `{}`", synced.path),
                Deed::Name(naming) => format!("{naming:?}"),
                Deed::Edit(inode, _) => format!("an edit of file {inode}"),
            },
        );
        format!("{}, before line {line}, after {last}", self.name)
    }
}
