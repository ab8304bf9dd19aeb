//! `dlcs fsck`, which looks at every row and every object, while nothing runs.

use std::ffi::OsString;
use std::process::{Command, ExitStatus, Stdio};

use crate::Result;
use crate::program::Launch;

/// The settings of `dlcs serve` that say where the data is, which `dlcs fsck` takes too.
const WHERE: [&str; 3] = ["--database-url", "--store-url", "--sealing-key"];

/// What it says of an object that no row names.
const ORPHAN: &str = "no row names the object ";

/// What it found.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// Objects that no row names.
    pub(crate) orphans: usize,
    /// Whatever else is wrong, a sentence each.
    pub(crate) faults: Vec<String>,
}

/// Checks the data of a server that does not run.
///
/// # Errors
/// What it found.
pub(crate) fn run(launch: &Launch) -> Result<()> {
    sound(look(launch, &[])?)
}

/// As [`run`], and tells what was found apart.
///
/// # Errors
/// It could not be checked.
pub(crate) fn report(launch: &Launch) -> Result<Report> {
    let (status, said) = look(launch, &[])?;
    let mut report = Report::default();
    match status.code() {
        Some(0) => return Ok(report),
        Some(1) => {}
        _ => return Err(ended(status, &said)),
    }
    let mut lines = said.lines();
    // The last line sums it up.
    lines.next_back();
    for line in lines {
        if line.contains(ORPHAN) {
            report.orphans += 1;
        } else {
            report.faults.push(line.to_owned());
        }
    }
    if report.orphans + report.faults.len() == 0 {
        return Err(ended(status, &said));
    }
    Ok(report)
}

/// Lets it put right what it can.
///
/// # Errors
/// It could not.
pub(crate) fn repair(launch: &Launch) -> Result<()> {
    sound(look(launch, &["--repair"])?)
}

fn sound((status, said): (ExitStatus, String)) -> Result<()> {
    if status.success() {
        return Ok(());
    }
    Err(ended(status, &said))
}

fn ended(status: ExitStatus, said: &str) -> Box<dyn std::error::Error + Send + Sync> {
    format!("dlcs fsck ended with {status}: {said}").into()
}

/// How it ended and what it said.
fn look(launch: &Launch, more: &[&str]) -> Result<(ExitStatus, String)> {
    let fsck = |arguments: &[OsString]| {
        let mut command = Command::new(&launch.program);
        command
            .arg("fsck")
            .args(arguments)
            .envs(launch.variables.iter().copied());
        command.stdin(Stdio::null()).output()
    };
    // Nobody works: what nothing names is left behind, however new it is.
    let mut arguments = vec!["--grace".into(), "0".into()];
    arguments.extend(["--data-dir".into(), launch.data.clone().into_os_string()]);
    arguments.extend(more.iter().map(Into::into));
    for pair in launch.arguments.chunks_exact(2) {
        if WHERE.iter().any(|flag| pair[0] == *flag) {
            arguments.extend_from_slice(pair);
        }
    }
    let output = fsck(&arguments)?;
    let said = [output.stdout, output.stderr].concat();
    Ok((output.status, String::from_utf8_lossy(&said).into_owned()))
}
