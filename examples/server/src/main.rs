//! The `dlcs` program: one process with the API, IIIF delivery and the workers.

mod config;
mod file;
mod log;
mod setting;
mod stop;

use std::io::Write;
use std::process::ExitCode;

use clap::error::ErrorKind;

use crate::config::Config;
use crate::stop::Stop;

fn main() -> ExitCode {
    let matches = match setting::command().try_get_matches() {
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
        Err(error) => return refuse(&Stop::Usage(first_sentence(&error))),
    };
    let Some(("serve", flags)) = matches.subcommand() else {
        return refuse(&Stop::Usage("give a command: `dlcs serve`".to_owned()));
    };
    let config = match Config::read(flags, |name| std::env::var(name).ok()) {
        Ok(config) => config,
        Err(stop) => return refuse(&stop),
    };
    let _ = config;
    ExitCode::SUCCESS
}

/// What clap found wrong, without the paragraphs after it.
fn first_sentence(error: &clap::Error) -> String {
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    let what = first.strip_prefix("error: ").unwrap_or(first);
    format!("{what}: see `dlcs serve --help`")
}

/// Says why the program does not run, in one sentence, and gives its exit code.
fn refuse(stop: &Stop) -> ExitCode {
    // Nobody is left to be told when standard error is gone.
    let _ = writeln!(std::io::stderr(), "dlcs: {stop}");
    ExitCode::from(stop.code())
}
