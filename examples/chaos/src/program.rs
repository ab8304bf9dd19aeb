//! The program under test: started, signalled, and waited for.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::Result;

/// How long a start or a stop may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const KEY: &str = "chaos";
pub(crate) const SECRET: &str = "not-so-secret";

/// How a server is started, again and again.
#[derive(Debug, Clone)]
pub(crate) struct Launch {
    /// `dlcs`.
    pub(crate) program: PathBuf,
    pub(crate) data: PathBuf,
    /// Where it logs to, one start after the other.
    pub(crate) log: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) variables: Vec<(&'static str, &'static str)>,
    /// A program and its arguments that start it in its turn, or nothing.
    pub(crate) under: Vec<OsString>,
}

impl Launch {
    pub(crate) fn new(program: &Path, data: &Path, log: &Path) -> Self {
        Self {
            program: program.to_owned(),
            data: data.to_owned(),
            log: log.to_owned(),
            arguments: Vec::new(),
            variables: Vec::new(),
            under: Vec::new(),
        }
    }

    /// Adds arguments of `dlcs serve`.
    pub(crate) fn with<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        let arguments = arguments.into_iter();
        self.arguments
            .extend(arguments.map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// Starts it, and does not wait.
    pub(crate) fn begin(&self) -> Result<Starting> {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.log)?;
        let mut words = self
            .under
            .iter()
            .cloned()
            .chain([self.program.clone().into_os_string()]);
        let mut command = Command::new(words.next().unwrap_or_default());
        command
            .args(words)
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]);
        command.arg(&self.data).args(&self.arguments);
        command.args(["--admin-key", KEY, "--admin-secret", SECRET]);
        for (name, _) in std::env::vars_os() {
            let shown = name.to_string_lossy();
            if shown.starts_with("DLCS_") || shown.starts_with("AWS_") {
                command.env_remove(name);
            }
        }
        command.envs(self.variables.iter().copied());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log);
        let mut child = command
            .spawn()
            .map_err(|error| format!("cannot start `{}`: {error}", self.program.display()))?;
        let lines = child.stdout.take().map(read_lines);
        Ok(Starting {
            process: Process(child),
            lines: lines.unwrap_or_else(|| mpsc::channel().1),
        })
    }

    /// Starts it and waits until it is ready.
    ///
    /// # Errors
    /// It ended instead; its log says why.
    pub(crate) fn start(&self) -> Result<Server> {
        match self.begin()?.ready() {
            Ok(server) => Ok(server),
            Err(ended) => Err(format!("dlcs did not start: {ended}\n{}", self.last_words()).into()),
        }
    }

    /// The end of its log.
    pub(crate) fn last_words(&self) -> String {
        let log = std::fs::read(&self.log).unwrap_or_default();
        let tail = log.len().saturating_sub(2000);
        String::from_utf8_lossy(&log[tail..]).into_owned()
    }
}

/// A process; killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Sends a signal; one that has ended does not mind.
    pub(crate) fn signal(&self, signal: Signal) {
        let _ = kill_process(Pid::from_child(&self.0), signal);
    }

    /// Waits until it ends, and kills it when it takes too long, which is an error.
    pub(crate) fn wait(&mut self) -> Result<ExitStatus> {
        let limit = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.0.try_wait()? {
                return Ok(status);
            }
            if Instant::now() > limit {
                self.signal(Signal::KILL);
                self.0.wait()?;
                return Err("dlcs did not stop in time".into());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// How it has ended, if it has.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.0.try_wait()?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server that is not ready yet.
#[derive(Debug)]
pub(crate) struct Starting {
    pub(crate) process: Process,
    lines: mpsc::Receiver<String>,
}

impl Starting {
    /// Waits until it is ready, or has ended: then how.
    pub(crate) fn ready(mut self) -> Result<Server, String> {
        let mut url = String::new();
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) if line.starts_with("ready in ") => {
                    return Ok(Server {
                        process: self.process,
                        url,
                    });
                }
                Ok(line) => {
                    if let Some((_, address)) = line.split_once("listening on ") {
                        let address = address.split_whitespace().next().unwrap_or_default();
                        url = format!("http://{address}");
                    }
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let ended = self.process.wait();
                    return Err(
                        ended.map_or_else(|error| error.to_string(), |status| status.to_string())
                    );
                }
                Err(RecvTimeoutError::Timeout) => return Err("not ready in time".to_owned()),
            }
        }
    }
}

/// A server that is ready.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) process: Process,
    /// Where it listens, without a slash at the end.
    pub(crate) url: String,
}

impl Server {
    /// Asks it to stop, and waits until it has.
    ///
    /// # Errors
    /// It did not stop, or not in peace.
    pub(crate) fn stop(mut self) -> Result<()> {
        self.process.signal(Signal::TERM);
        let status = self.process.wait()?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("dlcs stopped with {status}").into())
        }
    }
}

fn read_lines(stdout: ChildStdout) -> mpsc::Receiver<String> {
    let (send, lines) = mpsc::channel();
    std::thread::spawn(move || {
        // Read to the end whoever listens: a full pipe would stop the program.
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let _ = send.send(line);
        }
    });
    lines
}

/// Checks that there is a program to run.
///
/// # Errors
/// A sentence that says how it is built.
pub(crate) fn find(program: Option<PathBuf>) -> Result<PathBuf> {
    let program = match program {
        Some(program) => program,
        None => std::env::current_exe()?.with_file_name("dlcs"),
    };
    match File::open(&program) {
        Ok(_) => Ok(program),
        Err(_) => Err(format!(
            "there is no `{}`: build it first, with `cargo build -p dlcs-server` (`--release` where this program is)",
            program.display()
        )
        .into()),
    }
}
