//! Starts that are refused: one sentence that says what to do, an exit code, nothing secret, and soon.

mod database;
mod directory;
mod store;

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use dlcs_testkit::program::say;

use crate::bucket::Bucket;
use crate::program;

/// In every password and secret.
const CANARY: &str = "canary";
/// How long a start may take that is refused, on a busy machine; the longest waits within it are half as long.
const SOON: Duration = Duration::from_secs(90);

/// A data directory in the making, and a start in it that is refused.
struct Start {
    folder: tempfile::TempDir,
}

impl Start {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    /// The sentence of a start with these flags that ends with this code.
    #[track_caller]
    fn refused(&self, code: i32, flags: &[&str]) -> String {
        refused("serve", &self.data(), code, flags)
    }
}

/// The sentence of a command that ends with this code.
#[track_caller]
fn refused(what: &str, data: &Path, code: i32, flags: &[&str]) -> String {
    let begun = Instant::now();
    let mut command = program::command();
    command.arg(what).arg("--data-dir").arg(data).args(flags);
    if what == "serve" {
        command.args(["--listen", "127.0.0.1:0"]);
    }
    command.envs(Bucket::variables());
    sentence(&ended(command), code, begun)
}

/// Runs a command to its end, which it has to come to by itself.
fn ended(mut command: Command) -> Output {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let process = child.id();
    let (done, ended) = mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            if ended.recv_timeout(SOON).is_err() {
                program::signal(process, "KILL");
            }
        });
        let output = child.wait_with_output().unwrap();
        let _ = done.send(());
        output
    })
}

/// What must hold of each refusal.
#[track_caller]
fn sentence(output: &Output, code: i32, begun: Instant) -> String {
    let took = begun.elapsed();
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(output.stdout.is_empty(), "{output:?}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.starts_with("dlcs: "), "{said}");
    assert!(!said.contains(CANARY), "{said}");
    assert!(took < SOON, "{took:?}: {said}");
    say(&format!("{took:.1?}: {}", said.trim_end()));
    said.trim_end().to_owned()
}

/// A port at which nothing listens.
fn closed() -> String {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    free.local_addr().unwrap().to_string()
}

/// Takes connections and never says a word.
fn silent() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

fn newer(found: &str) -> String {
    let known = dlcs_storage::catalogue::postgres::SCHEMA_VERSION;
    format!(
        "dlcs: cannot open the catalogue: the database has schema version {found}, and this program knows versions up to {known}: use a newer program"
    )
}
