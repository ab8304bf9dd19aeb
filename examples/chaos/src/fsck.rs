//! `dlcs fsck`, which looks at every row and every object, while nothing runs.

use std::ffi::OsString;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::program::Launch;
use crate::{Result, say};

/// The settings of `dlcs serve` that say where the data is, which `dlcs fsck` takes too.
const WHERE: [&str; 3] = ["--database-url", "--store-url", "--sealing-key"];

static IS_SAID: AtomicBool = AtomicBool::new(false);

/// Checks the data of a server that does not run; `false` when this program cannot, which is said.
///
/// # Errors
/// What it found.
pub(crate) fn run(launch: &Launch) -> Result<bool> {
    let fsck = |arguments: &[OsString]| {
        let mut command = Command::new(&launch.program);
        command
            .arg("fsck")
            .args(arguments)
            .envs(launch.variables.iter().copied());
        command.stdin(Stdio::null()).output()
    };
    if !fsck(&["--help".into()])?.status.success() {
        // Once is loud enough.
        if !IS_SAID.swap(true, Ordering::Relaxed) {
            say("NOT RUN: dlcs fsck, which this program does not have");
        }
        return Ok(false);
    }
    // Nobody works: what nothing names is left behind, however new it is.
    let mut arguments = vec!["--grace".into(), "0".into()];
    arguments.extend(["--data-dir".into(), launch.data.clone().into_os_string()]);
    for pair in launch.arguments.chunks_exact(2) {
        if WHERE.iter().any(|flag| pair[0] == *flag) {
            arguments.extend_from_slice(pair);
        }
    }
    let output = fsck(&arguments)?;
    if output.status.success() {
        return Ok(true);
    }
    let said = [output.stdout, output.stderr].concat();
    Err(format!(
        "dlcs fsck ended with {}: {}",
        output.status,
        String::from_utf8_lossy(&said)
    )
    .into())
}
