//! Kills `dlcs` at random moments and at every durable step, lets the power fail, and holds what is left against a ledger of what clients were told.
//!
//! `docs/chaos.md` says what that proves.

mod bucket;
mod client;
mod database;
mod failpoints;
mod found;
mod fsck;
mod kill;
mod ledger;
mod options;
mod order;
mod origin;
mod picture;
mod power;
mod program;
mod random;
mod shown;
mod strace;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use options::{Options, Part};

/// What goes wrong ends the run with a sentence.
type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options.part) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "dlcs-chaos: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(part: &Part) -> Result<bool> {
    let program = program::find(part.program())?;
    let folder = tempfile::Builder::new().prefix("dlcs-chaos-").tempdir()?;
    // One path for the data, however it is looked at.
    let data = folder.path().canonicalize()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(async {
        match part {
            Part::Kill(options) => kill::run(options, &program, &data).await,
            Part::Failpoints(options) => failpoints::run(options, &program, &data).await,
            Part::Order(_) => order::run(&program, &data).await,
            Part::Power(options) => power::run(options, &program, &data).await,
        }
    });
    runtime.shutdown_background();
    if !matches!(outcome, Ok(true)) {
        let kept = folder.keep();
        say(&format!(
            "the data and the logs are kept in {}",
            kept.display()
        ));
    }
    outcome
}

/// Prints a line.
fn say(line: &str) {
    // Who closes the output does not want the rest.
    let _ = writeln!(std::io::stdout(), "{line}");
}
