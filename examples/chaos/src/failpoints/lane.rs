//! One run: a server with a fault, a client with a ledger, a start without faults, and a look at what is left.

use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::block_in_place;

use super::point::{Fault, Point, Stage, has_fired};
use crate::client::{Change, Client};
use crate::ledger::{Kind, Ledger, Name, check};
use crate::origin::Files;
use crate::program::{Launch, Server};
use crate::random::Random;
use crate::strace::{self, Trace};
use crate::{Result, found, fsck};

/// How long a server that was refused once may take until it has done everything; it rests five seconds after such a refusal.
const RESUME: Duration = Duration::from_secs(40);
/// How long a server without faults may take.
const DRAIN: Duration = Duration::from_secs(60);

/// What is asked of a server, in turn.
const SCENARIO: [(Kind, &[&str]); 5] = [
    (Kind::Batch, &["a", "b", "c"]),
    (Kind::Put, &["d"]),
    (Kind::Put, &["a"]),
    (Kind::Delete, &["b"]),
    (Kind::Batch, &["kept", "c"]),
];
/// What is asked of a server that has just started.
const GREETING: [(Kind, &[&str]); 1] = [(Kind::Put, &["greeting"])];

/// A directory in which one run follows the other.
#[derive(Debug)]
pub(super) struct Lane {
    folder: PathBuf,
    launch: Launch,
    address: String,
    /// A directory to begin with, and what is known of it.
    prepared: PathBuf,
    ledger: Ledger,
}

/// What came of a run.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) has_fired: bool,
    /// Answers of 503 and 507.
    pub(super) refusals: u32,
    /// What must not be.
    pub(super) wrong: Vec<String>,
    /// What `strace` has seen.
    pub(super) seen: String,
    pub(super) is_checked: bool,
}

impl Lane {
    /// Makes the directory to begin with: some images, one of them registered twice, and a batch that waits.
    pub(super) async fn prepare(program: &Path, folder: &Path, files: &Files) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let data = folder.join("data");
        let launch = Launch::new(program, &data, &folder.join("data.log"));
        // One worker, so that the numbers of claims are the same each time.
        let launch = launch
            .with(files.arguments())
            .with(["--log", "warn", "--lease", "1"]);
        let mut lane = Self {
            folder: folder.to_owned(),
            launch,
            address: files.address(),
            prepared: folder.join("prepared"),
            ledger: Ledger::default(),
        };
        let mut wrong = Vec::new();
        let mut ledger = Ledger::default();
        for (workers, steps) in [
            (
                "1",
                &[
                    (Kind::Put, &["kept"][..]),
                    (Kind::Put, &["kept"]),
                    (Kind::Batch, &["old", "older"]),
                ][..],
            ),
            ("0", &[(Kind::Batch, &["waiting", "waits"][..])]),
        ] {
            let launch = lane.launch.clone().with(["--workers", workers]);
            let server = block_in_place(|| launch.start())?;
            let client = lane.client(&server.url)?;
            perform(&client, &mut ledger, steps, None, &mut wrong).await;
            if workers != "0" {
                found::drain(&client, &[1], DRAIN).await?;
            }
            block_in_place(|| server.stop())?;
        }
        if !wrong.is_empty() {
            return Err(format!("the data cannot be prepared: {}", wrong.join("; ")).into());
        }
        lane.launch = lane.launch.with(["--workers", "1"]);
        std::fs::rename(&data, &lane.prepared)?;
        lane.ledger = ledger;
        Ok(lane)
    }

    pub(super) fn data(&self) -> String {
        self.launch.data.display().to_string()
    }

    fn client(&self, url: &str) -> Result<Client> {
        let (_address, base) = watch::channel(url.to_owned());
        Client::new(base, self.address.clone())
    }

    /// Runs a stage under `strace` with these arguments, and looks at what is left.
    pub(super) async fn run(
        &self,
        stage: Stage,
        arguments: &[String],
        point: Option<&Point>,
    ) -> Result<Ran> {
        self.reset(stage)?;
        let log = self.folder.join("strace");
        let _ = std::fs::remove_file(&log);
        let mut ledger = if stage == Stage::First {
            Ledger::default()
        } else {
            self.ledger.clone()
        };
        let mut wrong = Vec::new();
        let (seen, refusals) = match stage {
            Stage::Serve => {
                let fault = point.map(|point| point.fault);
                self.serve(arguments, &log, fault, &mut ledger, &mut wrong)
                    .await?
            }
            Stage::First | Stage::Start => {
                self.start(arguments, &log, &mut ledger, &mut wrong).await?
            }
        };
        let has_fired = has_fired(&seen);
        if stage != Stage::Serve
            && let Some(point) = point
            && point.fault != Fault::Kill
            && seen.contains(" +++ killed by ")
        {
            wrong.push("the program was ended by a signal".to_owned());
        }
        let is_checked = self.look(&ledger, &mut wrong).await?;
        if self.launch.last_words().contains("panicked at") {
            wrong.push(format!(
                "the program panicked: {}",
                self.launch.last_words()
            ));
        }
        Ok(Ran {
            has_fired,
            refusals,
            wrong,
            seen,
            is_checked,
        })
    }

    fn reset(&self, stage: Stage) -> Result<()> {
        let data = &self.launch.data;
        if data.try_exists()? {
            std::fs::remove_dir_all(data)?;
        }
        let _ = std::fs::remove_file(&self.launch.log);
        if stage != Stage::First {
            let copied = Command::new("cp")
                .arg("-a")
                .arg(&self.prepared)
                .arg(data)
                .status()?;
            if !copied.success() {
                return Err("the prepared data cannot be copied".into());
            }
        }
        Ok(())
    }

    /// From the first call of the program to its stop.
    async fn start(
        &self,
        arguments: &[String],
        log: &Path,
        ledger: &mut Ledger,
        wrong: &mut Vec<String>,
    ) -> Result<(String, u32)> {
        let mut launch = self.launch.clone();
        launch.under = strace::words(arguments, log);
        let starting = block_in_place(|| launch.begin())?;
        let process = starting.process.id();
        let mut refusals = 0;
        match block_in_place(|| starting.ready()) {
            Ok(server) => {
                let client = self.client(&server.url)?;
                refusals = perform(&client, ledger, &GREETING, None, wrong).await;
                stop(server, wrong);
            }
            Err(status) => {
                // One sentence says why, unless it was killed.
                if !status.contains("signal: 9") && !launch.last_words().contains("dlcs: ") {
                    wrong.push(format!(
                        "it did not start, with {status} and without a word"
                    ));
                }
            }
        }
        Ok((
            block_in_place(|| strace::read_to_end(log, process))?,
            refusals,
        ))
    }

    /// From a server that is ready to its stop.
    async fn serve(
        &self,
        arguments: &[String],
        log: &Path,
        fault: Option<Fault>,
        ledger: &mut Ledger,
        wrong: &mut Vec<String>,
    ) -> Result<(String, u32)> {
        let mut server = block_in_place(|| self.launch.start())?;
        let client = self.client(&server.url)?;
        found::drain(&client, &[1], DRAIN).await?;
        let mut trace = block_in_place(|| Trace::attach(server.process.id(), arguments, log))?;
        if matches!(fault, Some(Fault::Eio | Fault::Enospc)) {
            trace = trace.until(has_fired);
        }
        let refusals = perform(&client, ledger, &SCENARIO, Some(&mut server), wrong).await;
        let mut trace = Some(trace);
        let mut seen = String::new();
        if fault == Some(Fault::Lasting)
            && let Some(trace) = trace.take()
        {
            seen = block_in_place(|| trace.finish(false))?;
        }
        let must_live = fault.is_some_and(|fault| fault != Fault::Kill);
        if must_live && server.process.ended()?.is_some() {
            wrong.push("the program has ended by itself".to_owned());
        }
        if server.process.ended()?.is_none() {
            // The fault is over: whatever was refused because of it is done by itself.
            if let Err(error) = found::drain(&client, &[1], RESUME).await
                && server.process.ended()?.is_none()
            {
                wrong.push(format!("it does not go on by itself: {error}"));
            }
        }
        let ended = stop(server, wrong);
        if must_live && ended.is_some_and(|status| status.signal().is_some()) {
            wrong.push("the program was ended by a signal".to_owned());
        }
        if let Some(trace) = trace {
            seen = block_in_place(|| trace.finish(true))?;
        }
        Ok((seen, refusals))
    }

    /// Starts without faults, and holds what is left against the ledger.
    async fn look(&self, ledger: &Ledger, wrong: &mut Vec<String>) -> Result<bool> {
        let server = match block_in_place(|| self.launch.start()) {
            Ok(server) => server,
            Err(error) => {
                wrong.push(format!("it does not start again: {error}"));
                return Ok(false);
            }
        };
        let client = self.client(&server.url)?;
        match found::drain(&client, &[1], DRAIN).await {
            Ok(()) => match found::collect(&client, &[1], &mut Random::new(1)).await {
                Ok(found) => wrong.extend(check(ledger, &found).iter().map(ToString::to_string)),
                Err(error) => wrong.push(error.to_string()),
            },
            Err(error) => wrong.push(format!("after a start without faults, {error}")),
        }
        block_in_place(|| server.stop())?;
        match fsck::run(&self.launch) {
            Ok(()) => Ok(true),
            Err(error) => {
                wrong.push(error.to_string());
                Ok(true)
            }
        }
    }
}

/// How a server has ended, by itself or because it is told to now.
fn stop(mut server: Server, wrong: &mut Vec<String>) -> Option<ExitStatus> {
    if let Ok(Some(status)) = server.process.ended() {
        return Some(status);
    }
    server.process.signal(rustix::process::Signal::TERM);
    match block_in_place(|| server.process.wait()) {
        Ok(status) => Some(status),
        Err(error) => {
            wrong.push(error.to_string());
            None
        }
    }
}

/// Asks for one thing after the other, as long as the server lives; returns how often it refused.
async fn perform(
    client: &Client,
    ledger: &mut Ledger,
    steps: &[(Kind, &[&str])],
    mut server: Option<&mut Server>,
    wrong: &mut Vec<String>,
) -> u32 {
    let mut refusals = 0;
    let mut random = Random::new(1);
    for (kind, ids) in steps {
        if let Some(server) = &mut server
            && !matches!(server.process.ended(), Ok(None))
        {
            break;
        }
        let names: Vec<_> = ids
            .iter()
            .map(|id| Name {
                customer: 1,
                id: (*id).to_owned(),
            })
            .collect();
        let change = Change {
            kind: *kind,
            versions: names.iter().map(|name| ledger.next_version(name)).collect(),
            names,
            is_urgent: false,
            is_wrong: false,
        };
        let before = ledger.expected(&change.names[0], Instant::now());
        let request = ledger.begin(*kind, &change.names);
        let changed = client.change(&change, &mut random).await;
        if let Some(lie) = changed.lie {
            wrong.push(lie);
        }
        if changed.was_missing && before.is_served {
            wrong.push(format!(
                "{} was served, and is not there to be deleted",
                change.names[0]
            ));
        }
        refusals += u32::from(changed.was_refused);
        ledger.end(request, changed.outcome, changed.batch, Instant::now());
        // So that claims have the same numbers each time.
        if *kind == Kind::Batch {
            let _ = found::drain(client, &[1], Duration::from_secs(1)).await;
        }
    }
    refusals
}
