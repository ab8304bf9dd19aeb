//! Measures `dlcs` beside other programs: the same images, the same requests, one run, round by round in turn.
//!
//! See the README of this example for what is measured, and how.

mod database;
mod http;
mod images;
mod load;
mod machine;
mod options;
mod part;
mod peer;
mod process;
mod server;
mod table;
mod tools;

use std::io::Write;
use std::process::ExitCode;

use options::{Options, Part};
use part::Bench;
use table::Table;

/// What goes wrong ends the run with a sentence.
type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "dlcs-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode> {
    let options = Options::read(std::env::args().skip(1))?;
    let missing = tools::missing();
    if options.needs_peers() && !missing.is_empty() {
        let list = missing.join(", ");
        say(&format!("SKIPPED: dlcs-bench needs {list}"));
        return Ok(if tools::are_required() {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        });
    }
    let bench = Bench::prepare(options)?;
    let mut table = Table::default();
    for part in bench.options.parts() {
        say(&format!("{}: {}", part.name(), part.what()));
        match part {
            Part::Tiles => part::tiles::run(&bench, &mut table)?,
            Part::Session => part::session::run(&bench, &mut table)?,
            Part::Regions => part::regions::run(&bench, &mut table)?,
            Part::Ingest => part::ingest::run(&bench, &mut table)?,
            Part::Overload => part::overload::run(&bench, &mut table)?,
            Part::Queue => part::queue::run(&bench, &mut table)?,
            Part::Claims => part::claims::run(&bench, &mut table)?,
            Part::Fairness => part::fairness::run(&bench, &mut table)?,
            Part::Queries => part::queries::run(&bench, &mut table)?,
        }
    }
    say(&format!("\n{table}"));
    Ok(ExitCode::SUCCESS)
}

/// Prints a line.
fn say(line: &str) {
    // Who closes the output does not want the rest.
    let _ = writeln!(std::io::stdout(), "{line}");
}
