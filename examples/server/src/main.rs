//! The `dlcs` program: one process with the API, IIIF delivery and the workers; and what is done with the data at rest.

mod backup;
mod banner;
mod command;
mod config;
mod file;
mod fsck;
mod log;
mod migrate;
mod node;
mod run;
mod setting;
mod signal;
mod stop;
mod storage;

use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use clap::ArgMatches;
use clap::error::ErrorKind;
use tokio::runtime::Runtime;

use crate::config::Config;
use crate::stop::Stop;

fn main() -> ExitCode {
    let begun = Instant::now();
    let matches = match command::command().try_get_matches() {
        Ok(matches) => matches,
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
            ) =>
        {
            // A reader that went away (`dlcs --help | head`) is no failure.
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
        Err(error) => return refuse(&Stop::Usage(first_sentence(&error)), 1),
    };
    match matches.subcommand() {
        Some(("serve", flags)) => ended(serve(flags, begun), 1),
        Some(("fsck", flags)) => match fsck(flags) {
            Ok(true) => ExitCode::SUCCESS,
            // Not to be taken for an answer.
            Err(stop) => ended(Err(stop), 3),
            Ok(false) => ExitCode::from(1),
        },
        Some(("backup", flags)) => {
            let made = read(flags).and_then(|config| backup::run(&config, flags));
            ended(made, 1)
        }
        Some(("migrate", flags)) => ended(migrate(flags), 1),
        _ => refuse(&Stop::Usage("give a command: `dlcs serve`".to_owned()), 1),
    }
}

fn serve(flags: &ArgMatches, begun: Instant) -> Result<(), Stop> {
    let config = read(flags)?;
    let runtime = runtime()?;
    let outcome = runtime.block_on(run::run(config, begun));
    // After a second signal there may be work that nobody waits for any more.
    runtime.shutdown_background();
    outcome
}

fn fsck(flags: &ArgMatches) -> Result<bool, Stop> {
    let config = read(flags)?;
    runtime()?.block_on(fsck::run(&config, flags))
}

fn migrate(flags: &ArgMatches) -> Result<(), Stop> {
    let config = read(flags)?;
    runtime()?.block_on(migrate::run(&config))
}

fn read(flags: &ArgMatches) -> Result<Config, Stop> {
    let config = Config::read(flags, |name| std::env::var_os(name))?;
    config.log.start();
    Ok(config)
}

fn runtime() -> Result<Runtime, Stop> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Stop::because("cannot start", &error))
}

fn ended(outcome: Result<(), Stop>, failed: u8) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(stop) => refuse(&stop, failed),
    }
}

/// What clap found wrong, without the paragraphs after it.
fn first_sentence(error: &clap::Error) -> String {
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    let what = first.strip_prefix("error: ").unwrap_or(first);
    let mut command = command::command();
    let meant = std::env::args().nth(1).unwrap_or_default();
    let meant = command.find_subcommand_mut(meant);
    let name = meant.map_or("serve", |meant| meant.get_name());
    format!("{what}: see `dlcs {name} --help`")
}

/// Says why the program does not run, in one sentence, and gives its exit code: that of wrong settings, or this one.
fn refuse(stop: &Stop, failed: u8) -> ExitCode {
    // Nobody is left to be told when standard error is gone.
    let _ = writeln!(std::io::stderr(), "dlcs: {stop}");
    ExitCode::from(match stop {
        Stop::Usage(_) => 2,
        Stop::Failed(_) => failed,
    })
}
