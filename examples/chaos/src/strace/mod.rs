//! `strace` as the eye on the program's system calls, and as the hand that lets them fail.

mod arguments;
mod line;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

pub(crate) use arguments::{buffers, descriptor, text};
pub(crate) use line::{Call, parse};

use crate::Result;

/// How long it may take until every thread is traced.
const PATIENCE: Duration = Duration::from_secs(20);

/// Whether `strace` is there.
pub(crate) fn is_there() -> bool {
    let version = Command::new("strace")
        .arg("-V")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    version.is_ok_and(|status| status.success())
}

/// The words that start a program under `strace`, which stays in the background: the process is the program's.
pub(crate) fn words(arguments: &[String], log: &Path) -> Vec<OsString> {
    let mut words: Vec<OsString> = ["strace", "-D", "-f", "-q", "-o"].map(Into::into).to_vec();
    words.push(log.as_os_str().to_owned());
    words.extend(arguments.iter().map(Into::into));
    words
}

/// A process under `strace`; left alone when this is dropped.
#[derive(Debug)]
pub(crate) struct Trace {
    tracer: Child,
    log: PathBuf,
    watch: Option<Watch>,
}

/// Leaves a process alone when its trace has said something.
#[derive(Debug)]
struct Watch {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Trace {
    /// Traces every thread of a process, from now on.
    pub(crate) fn attach(process: u32, arguments: &[String], log: &Path) -> Result<Self> {
        let mut command = Command::new("strace");
        command
            .args(["-f", "-o"])
            .arg(log)
            .args(arguments)
            .arg("-p")
            .arg(process.to_string());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut trace = Self {
            tracer: command
                .spawn()
                .map_err(|error| format!("cannot start strace: {error}"))?,
            log: log.to_owned(),
            watch: None,
        };
        let limit = Instant::now() + PATIENCE;
        while !is_traced(process)? {
            if let Some(status) = trace.tracer.try_wait()? {
                return Err(format!("strace cannot trace the program: {status}").into());
            }
            if Instant::now() > limit {
                return Err("strace does not trace the program in time".into());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(trace)
    }

    /// Leaves the process alone as soon as this is true of what was seen: `strace` counts for each thread, and the next one that comes by
    /// would meet the same fault again.
    pub(crate) fn until(mut self, is_enough: fn(&str) -> bool) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let (tracer, log, stop) = (
            Pid::from_child(&self.tracer),
            self.log.clone(),
            Arc::clone(&is_over),
        );
        let thread = std::thread::spawn(move || {
            while !stop.load(Ordering::Acquire) {
                if is_enough(&read(&log).unwrap_or_default()) {
                    // Not waited for yet: the number is still its own. The kernel lets go every thread of who is traced when the tracer
                    // dies; told to end in peace, it may miss one that has just been made, and hold it forever.
                    let _ = kill_process(tracer, Signal::KILL);
                    return;
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        self.watch = Some(Watch { is_over, thread });
        self
    }

    /// Ends what watches, before the number of the tracer can become another's.
    fn unwatch(&mut self) {
        if let Some(watch) = self.watch.take() {
            watch.is_over.store(true, Ordering::Release);
            let _ = watch.thread.join();
        }
    }

    /// Waits until the process has ended, or leaves it alone, and returns what was seen.
    pub(crate) fn finish(mut self, has_ended: bool) -> Result<String> {
        self.unwatch();
        if !has_ended {
            let _ = kill_process(Pid::from_child(&self.tracer), Signal::TERM);
        }
        let limit = Instant::now() + PATIENCE;
        while self.tracer.try_wait()?.is_none() {
            if Instant::now() > limit {
                self.tracer.kill()?;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        read(&self.log)
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        self.unwatch();
        let _ = kill_process(Pid::from_child(&self.tracer), Signal::TERM);
        let _ = self.tracer.wait();
    }
}

/// What `strace` has written, bytes that are no text replaced.
pub(crate) fn read(log: &Path) -> Result<String> {
    let seen = std::fs::read(log)
        .map_err(|error| format!("strace has written no `{}`: {error}", log.display()))?;
    Ok(String::from_utf8_lossy(&seen).into_owned())
}

/// Waits until a `strace` in the background has seen the end of its program.
pub(crate) fn read_to_end(log: &Path, process: u32) -> Result<String> {
    let limit = Instant::now() + PATIENCE;
    loop {
        let seen = read(log).unwrap_or_default();
        let last = seen
            .lines()
            .rev()
            .find(|line| line.starts_with(&format!("{process} ")));
        if last.is_some_and(|line| line.contains(" +++ ")) {
            return Ok(seen);
        }
        if Instant::now() > limit {
            return Err("strace does not see the end of the program".into());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn is_traced(process: u32) -> Result<bool> {
    for thread in std::fs::read_dir(format!("/proc/{process}/task"))? {
        // A thread may end meanwhile.
        let Ok(status) = std::fs::read_to_string(thread?.path().join("status")) else {
            continue;
        };
        let tracer = status
            .lines()
            .find_map(|line| line.strip_prefix("TracerPid:"));
        if tracer.is_none_or(|tracer| tracer.trim() == "0") {
            return Ok(false);
        }
    }
    Ok(true)
}
