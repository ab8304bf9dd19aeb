//! A disk that is full for a while: a small file system in memory, which a ballast fills until it is taken away.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::block_in_place;

use crate::client::{Change, Client};
use crate::ledger::{Kind, Ledger, Name, Outcome, check};
use crate::origin::Files;
use crate::program::{Launch, Server};
use crate::random::Random;
use crate::{Result, found, fsck, say};

/// The size of the disk.
const SIZE: &str = "size=24m";
/// What the ballast leaves free: enough to accept some images, and not enough to process them.
const ROOM: u64 = 320 << 10;
/// Images of a batch that is to wait.
const CROWD: u32 = 60;
/// Refusals that are waited for.
const REFUSALS: u32 = 6;
/// How long it may take until everything is done once there is room.
const RESUME: Duration = Duration::from_secs(60);
/// Of one processor, while nothing can be done.
const IDLE: f64 = 0.05;
const WATCHED: Duration = Duration::from_secs(4);

/// A file system that is gone when this is dropped.
struct Disk<'p>(&'p Path);

impl<'p> Disk<'p> {
    fn mount(place: &'p Path) -> Result<Option<Self>> {
        std::fs::create_dir_all(place)?;
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", SIZE, "dlcs-chaos"])
            .arg(place)
            .output();
        Ok(mounted
            .is_ok_and(|output| output.status.success())
            .then_some(Self(place)))
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
    }
}

/// Runs, and returns what was wrong.
pub(super) async fn run(program: &Path, place: &Path, files: &Files) -> Result<Vec<String>> {
    let Some(_disk) = Disk::mount(place)? else {
        let why = "the full disk needs a user who may mount one";
        // Where everything has to be there, as in CI, what cannot run is no pass.
        let required = std::env::var("DLCS_TEST_REQUIRE").unwrap_or_default();
        if required.split(',').any(|name| name.trim() == "tools") {
            return Err(why.into());
        }
        say(&format!("NOT RUN: {why}"));
        return Ok(Vec::new());
    };
    let launch = Launch::new(program, &place.join("data"), &place.with_extension("log"));
    let launch = launch
        .with(files.arguments())
        .with(["--log", "error", "--lease", "2"]);
    let server = block_in_place(|| launch.start())?;
    let (_address, base) = watch::channel(server.url.clone());
    let client = Client::new(base, files.address())?;
    let mut wrong = Vec::new();
    let mut asked = Asked::default();
    // Something to read while there is no room.
    asked.ask(&client, Kind::Put, &mut wrong).await;
    let ballast = place.join("ballast");
    fill(&ballast)?;
    let queued = asked.crowd(&client, &mut wrong).await;
    let limit = Instant::now() + RESUME;
    while asked.refusals < REFUSALS && Instant::now() < limit {
        let kind = if asked.made % 3 == 0 {
            Kind::Put
        } else {
            Kind::Batch
        };
        asked.ask(&client, kind, &mut wrong).await;
    }
    if queued == 0 {
        wrong.push("no image was accepted that had to wait".to_owned());
    }
    if asked.refusals < REFUSALS {
        wrong.push("nothing was refused".to_owned());
    }
    let before = processor_seconds(&server)?;
    tokio::time::sleep(WATCHED).await;
    let busy = (processor_seconds(&server)? - before) / WATCHED.as_secs_f64();
    if busy > IDLE {
        wrong.push(format!(
            "it takes {:.0} % of a processor, and can do nothing",
            busy * 100.0
        ));
    }
    let first = asked.name(1);
    if !matches!(client.read(&first).await, Some((_, Ok(1)))) {
        wrong.push("what was there before is not served".to_owned());
    }
    std::fs::remove_file(&ballast)?;
    let freed = Instant::now();
    if let Err(error) = found::drain(&client, &[1], RESUME).await {
        wrong.push(format!("it does not go on by itself: {error}"));
    }
    let took = freed.elapsed();
    asked.ask(&client, Kind::Put, &mut wrong).await;
    match found::collect(&client, &[1], &mut Random::new(1)).await {
        Ok(found) => wrong.extend(check(&asked.ledger, &found).iter().map(ToString::to_string)),
        Err(error) => wrong.push(error.to_string()),
    }
    block_in_place(|| server.stop())?;
    if let Err(error) = fsck::run(&launch) {
        wrong.push(error.to_string());
    }
    say(&format!(
        "full disk: {} images, {queued} of them waiting; {} requests refused, {:.1} % of a processor meanwhile, {:.1} s until everything was done once there was room",
        asked.made,
        asked.refusals,
        busy * 100.0,
        took.as_secs_f64()
    ));
    Ok(wrong)
}

#[derive(Debug, Default)]
struct Asked {
    ledger: Ledger,
    made: u32,
    refusals: u32,
}

impl Asked {
    fn name(&self, number: u32) -> Name {
        Name {
            customer: 1,
            id: format!("image-{number}"),
        }
    }

    /// Asks for one image.
    async fn ask(&mut self, client: &Client, kind: Kind, wrong: &mut Vec<String>) -> Outcome {
        self.ask_for(client, kind, 1, wrong).await
    }

    /// Asks for a batch that there is room to accept, and returns how many images it has.
    async fn crowd(&mut self, client: &Client, wrong: &mut Vec<String>) -> u32 {
        match self.ask_for(client, Kind::Batch, CROWD, wrong).await {
            Outcome::Acknowledged => CROWD,
            _ => 0,
        }
    }

    async fn ask_for(
        &mut self,
        client: &Client,
        kind: Kind,
        images: u32,
        wrong: &mut Vec<String>,
    ) -> Outcome {
        let first = self.made + 1;
        self.made += images;
        let names: Vec<_> = (first..=self.made)
            .map(|number| self.name(number))
            .collect();
        let change = Change {
            kind,
            versions: vec![1; names.len()],
            names,
            is_urgent: false,
            is_wrong: false,
        };
        let request = self.ledger.begin(kind, &change.names);
        let changed = client.change(&change, &mut Random::new(1)).await;
        self.refusals += u32::from(changed.was_refused);
        wrong.extend(changed.lie);
        self.ledger
            .end(request, changed.outcome, changed.batch, Instant::now());
        changed.outcome
    }
}

/// Writes until there is hardly any room.
fn fill(ballast: &Path) -> Result<()> {
    use std::io::Write;
    let mut file = std::fs::File::create(ballast)?;
    let mut chunk = vec![0; 1 << 16];
    while !chunk.is_empty() {
        if file.write_all(&chunk).is_err() {
            chunk.truncate(chunk.len() / 2);
        }
    }
    let length = file.metadata()?.len();
    file.set_len(length.saturating_sub(ROOM))?;
    Ok(())
}

/// What a process has taken of the processors, in seconds.
fn processor_seconds(server: &Server) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.process.id()))?;
    // The name of the program may hold anything, up to the last parenthesis.
    let rest = stat.rsplit_once(") ").ok_or("`stat` is not as it was")?.1;
    let fields: Vec<&str> = rest.split(' ').collect();
    let ticks = |index: usize| {
        fields
            .get(index)
            .and_then(|field| field.parse::<f64>().ok())
    };
    let (user, system) = (
        ticks(11).ok_or("`stat` is too short")?,
        ticks(12).ok_or("`stat` is too short")?,
    );
    // The kernel tells these in hundredths, whatever it counts in itself.
    Ok((user + system) / 100.0)
}
