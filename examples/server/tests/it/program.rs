//! Starts the real program and talks to it as an operator would.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long a start or a stop may take on a busy machine before the test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running `dlcs serve`; killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Program {
    child: Child,
    /// Where it listens, without a slash at the end.
    pub(crate) url: String,
    /// The key and the secret, when this start printed them.
    pub(crate) key: Option<(String, String)>,
    /// All that it printed to standard output until it was ready.
    pub(crate) banner: String,
    errors: Arc<Errors>,
    readers: Vec<JoinHandle<()>>,
}

/// A `dlcs serve` that may not be ready yet; killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Starting {
    program: Program,
    banner: mpsc::Receiver<String>,
}

/// What a program has written to standard error so far.
#[derive(Debug, Default)]
struct Errors {
    text: Mutex<String>,
    more: Condvar,
}

impl Program {
    /// Starts `dlcs serve` on a free port with `dir` as its data directory and waits until it is ready.
    ///
    /// # Panics
    /// When it does not get ready, with what it said.
    #[track_caller]
    pub(crate) fn start<A: AsRef<OsStr>>(dir: &Path, args: &[A]) -> Self {
        Self::start_in(dir, args, &[])
    }

    /// As [`Self::start`], with variables of the environment.
    #[track_caller]
    pub(crate) fn start_in<A: AsRef<OsStr>>(
        dir: &Path,
        args: &[A],
        variables: &[(&str, &str)],
    ) -> Self {
        Self::launch(dir, args, variables).ready()
    }

    /// As [`Self::start_in`], without waiting for anything.
    pub(crate) fn launch<A: AsRef<OsStr>>(
        dir: &Path,
        args: &[A],
        variables: &[(&str, &str)],
    ) -> Starting {
        let mut child = serve(dir, args)
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program can be started");
        let stdout = child.stdout.take().expect("standard output is a pipe");
        let mut stderr = child.stderr.take().expect("standard error is a pipe");
        let errors = Arc::new(Errors::default());
        let into = Arc::clone(&errors);
        let errors_reader = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = stderr.read(&mut buffer) {
                into.push(&String::from_utf8_lossy(&buffer[..read]));
            }
        });
        let (banner, banner_reader) = read_lines(stdout);
        let program = Self {
            child,
            url: String::new(),
            key: None,
            banner: String::new(),
            errors,
            readers: vec![errors_reader, banner_reader],
        };
        Starting { program, banner }
    }

    /// Runs `dlcs` with arguments to its end; for starts that are refused.
    #[track_caller]
    pub(crate) fn run<A: AsRef<OsStr>>(args: &[A]) -> Output {
        command()
            .args(args)
            .output()
            .expect("the program can be started")
    }

    /// As [`Self::run`], with variables of the environment.
    #[track_caller]
    pub(crate) fn run_in<A: AsRef<OsStr>, V: AsRef<OsStr>>(
        args: &[A],
        variables: &[(&str, V)],
    ) -> Output {
        let variables = variables.iter();
        command()
            .args(args)
            .envs(variables.map(|(name, value)| (name, value)))
            .output()
            .expect("the program can be started")
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// `KEY:SECRET`, as `curl --user` takes it.
    ///
    /// # Panics
    /// When this start printed none.
    #[track_caller]
    pub(crate) fn user(&self) -> String {
        let (key, secret) = self.key.as_ref().expect("this start printed a key");
        format!("{key}:{secret}")
    }

    /// An address below [`Self::url`].
    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// All that it has written to standard error so far.
    pub(crate) fn stderr(&self) -> String {
        self.errors.text.lock().expect("no reader panics").clone()
    }

    /// Waits until it has written this to standard error.
    ///
    /// # Panics
    /// When it does not, with what it said instead.
    #[track_caller]
    pub(crate) fn until_said(&self, what: &str) {
        let errors = &self.errors;
        let text = errors.text.lock().expect("no reader panics");
        let (text, _) = errors
            .more
            .wait_timeout_while(text, PATIENCE, |text| !text.contains(what))
            .expect("no reader panics");
        assert!(text.contains(what), "it did not say `{what}`: {text}");
    }

    /// Sends SIGTERM; see [`Self::wait`].
    pub(crate) fn sigterm(&self) {
        signal(self.id(), "TERM");
    }

    /// Kills it at once and waits until it is gone.
    pub(crate) fn sigkill(mut self) {
        self.child.kill().expect("the program can be killed");
        self.wait();
    }

    /// Waits until it ends, and until all that it said is read.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let status = self.child.wait().expect("the program can be waited for");
        for reader in self.readers.drain(..) {
            reader.join().expect("no reader panics");
        }
        status
    }

    fn read_banner_line(&mut self, line: &str) {
        let after = |label: &str| {
            let rest = line.split_once(label)?.1;
            rest.split_whitespace().next().map(ToOwned::to_owned)
        };
        if let Some(address) = after("listening on ") {
            self.url = format!("http://{address}");
        }
        if let (Some(key), Some(secret)) = (after("Key: "), after("Secret: ")) {
            self.key = Some((key, secret));
        }
        self.banner.push_str(line);
        self.banner.push('\n');
    }
}

impl Starting {
    /// Waits until it is ready.
    ///
    /// # Panics
    /// When it does not get ready, with what it said.
    #[track_caller]
    pub(crate) fn ready(self) -> Program {
        let Self {
            mut program,
            banner,
        } = self;
        loop {
            match banner.recv_timeout(PATIENCE) {
                Ok(line) => {
                    let ready = line.starts_with("ready in ");
                    program.read_banner_line(&line);
                    if ready {
                        return program;
                    }
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let (status, banner) = (program.wait(), program.banner.clone());
                    panic!("did not start: {status}\n{banner}{}", program.stderr());
                }
                Err(RecvTimeoutError::Timeout) => {
                    panic!("not ready in time\n{}{}", program.banner, program.stderr());
                }
            }
        }
    }

    /// As [`Program::until_said`].
    #[track_caller]
    pub(crate) fn until_said(&self, what: &str) {
        self.program.until_said(what);
    }
}

impl Errors {
    fn push(&self, more: &str) {
        self.text.lock().expect("no reader panics").push_str(more);
        self.more.notify_all();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program, without settings and credentials of the environment that the tests run in.
pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dlcs"));
    for (name, _) in std::env::vars_os() {
        let shown = name.to_string_lossy();
        if shown.starts_with("DLCS_") || shown.starts_with("AWS_") {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null());
    command
}

/// Sends a signal (`STOP`) to a process.
pub(crate) fn signal(process: u32, name: &str) {
    // Every POSIX shell has `kill` built in.
    let sent = Command::new("sh")
        .args(["-c", "kill -\"$1\" \"$0\"", &process.to_string(), name])
        .status();
    assert!(
        sent.is_ok_and(|status| status.success()),
        "SIG{name} could not be sent"
    );
}

fn serve<A: AsRef<OsStr>>(dir: &Path, args: &[A]) -> Command {
    let mut command = command();
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(dir)
        .args(args);
    command
}

fn read_lines(stdout: ChildStdout) -> (mpsc::Receiver<String>, JoinHandle<()>) {
    let (send, lines) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        // Read to the end whoever listens: a full pipe would stop the program.
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let _ = send.send(line);
        }
    });
    (lines, reader)
}
