//! The real program on what a loss of power has left.

use std::time::{Duration, Instant};

use tokio::task::block_in_place;

use super::recording::Bench;
use super::tree::{self, Tree};
use crate::client::Client;
use crate::ledger::{Ledger, Violation, check};
use crate::program::Server;
use crate::random::Random;
use crate::shown::judge;
use crate::{Result, found, fsck};

const DRAIN: Duration = Duration::from_secs(60);

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Held {
    pub(super) lost: u64,
    /// Answers that showed what they must not.
    pub(super) half_visible: u64,
    /// Everything that was wrong, a sentence each.
    pub(super) wrong: Vec<String>,
    /// Objects that no row names.
    pub(super) orphans: u64,
    /// Whatever else the program finds when it checks itself.
    pub(super) faults: u64,
    /// Files that are no objects, among those.
    pub(super) litter: u64,
    pub(super) is_checked: bool,
}

impl Bench {
    /// Starts the program on this, and holds it against what is known.
    pub(super) async fn hold(&self, left: &Tree, ledger: &Ledger) -> Result<Held> {
        tree::write(left, &self.disk())?;
        let _ = std::fs::remove_file(&self.launch.log);
        let mut held = Held::default();
        let server = match block_in_place(|| self.launch.start()) {
            Ok(server) => server,
            Err(error) => {
                held.wrong.push(format!("it does not start: {error}"));
                return Ok(held);
            }
        };
        self.look(server, ledger, &mut held).await?;
        let said = self.launch.last_words();
        if said.contains("panicked at") {
            held.wrong.push(format!("the program panicked: {said}"));
        }
        self.check(&mut held)?;
        Ok(held)
    }

    async fn look(&self, server: Server, ledger: &Ledger, held: &mut Held) -> Result<()> {
        let client = self.client(&server.url)?;
        view(&client, ledger, held).await;
        match found::drain(&client, &[1], DRAIN).await {
            Ok(()) => match found::collect(&client, &[1], &mut Random::new(1)).await {
                Ok(found) => {
                    let violations = check(ledger, &found);
                    let is_lost = |violation: &&Violation| matches!(violation, Violation::Lost(_));
                    held.lost += violations.iter().filter(is_lost).count() as u64;
                    held.wrong
                        .extend(violations.iter().map(ToString::to_string));
                }
                Err(error) => held.wrong.push(error.to_string()),
            },
            Err(error) => held.wrong.push(error.to_string()),
        }
        if let Err(error) = block_in_place(|| server.stop()) {
            held.wrong.push(error.to_string());
        }
        Ok(())
    }

    /// Lets the program check itself; what no row names is allowed, and must go when it repairs.
    fn check(&self, held: &mut Held) -> Result<()> {
        let report = match fsck::report(&self.launch) {
            Ok(report) => report,
            Err(error) => {
                held.wrong.push(error.to_string());
                return Ok(());
            }
        };
        held.is_checked = true;
        held.orphans = report.orphans as u64;
        held.faults = report.faults.len() as u64;
        held.wrong.extend(
            report
                .faults
                .into_iter()
                .map(|fault| format!("fsck: {fault}")),
        );
        if held.orphans > 0
            && let Err(error) = fsck::repair(&self.launch).and_then(|()| fsck::run(&self.launch))
        {
            held.wrong.push(format!("after a repair, {error}"));
        }
        let is_litter = |path: &&String| {
            let name = path.rsplit('/').next().unwrap_or_default();
            name.contains('#') || name.starts_with(".tmp")
        };
        held.litter = tree::read(&self.disk())?.keys().filter(is_litter).count() as u64;
        Ok(())
    }
}

/// Looks at every image at once, before anything is mended.
async fn view(client: &Client, ledger: &Ledger, held: &mut Held) {
    for name in ledger.names() {
        let expected = ledger.expected(name, Instant::now());
        let shown = match client.read(name).await {
            Some((status, picture)) => judge(expected, expected, 0, status, &picture),
            None => Err("there was no answer".to_owned()),
        };
        if let Err(why) = shown {
            held.half_visible += 1;
            held.wrong.push(format!("half visible: {name}: {why}"));
        }
    }
}
