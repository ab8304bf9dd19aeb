//! The `dlcs` program: one process with the API, IIIF delivery and the workers.

mod banner;
mod config;
mod file;
mod log;
mod node;
mod run;
mod setting;
mod signal;
mod stop;

use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use clap::error::ErrorKind;

use crate::config::Config;
use crate::stop::Stop;

fn main() -> ExitCode {
    let begun = Instant::now();
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
    let config = Config::read(flags, |name| std::env::var_os(name));
    match config.and_then(|config| serve(config, begun)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(stop) => refuse(&stop),
    }
}

fn serve(config: Config, begun: Instant) -> Result<(), Stop> {
    config.log.start();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Stop::because("cannot start", &error))?;
    let outcome = runtime.block_on(run::run(config, begun));
    // After a second signal there may be work that nobody waits for any more.
    runtime.shutdown_background();
    outcome
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
