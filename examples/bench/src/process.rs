//! Programs that are started here, and what the system says of them.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::{Result, machine, tools};

/// A program in the background; ended when it is dropped, whichever way the run ends.
#[derive(Debug)]
pub(crate) struct Background(Child);

impl Background {
    pub(crate) fn start(mut command: Command) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command
            .stdin(Stdio::null())
            .spawn()
            .map_err(|error| format!("cannot start `{name}`: {error}"))?;
        Ok(Self(child))
    }

    pub(crate) fn usage(&self) -> Result<Usage> {
        Usage::of(self.0.id())
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // Gently first, because nginx ends its workers only then; the signal is what the shell's `kill` sends.
        let id = self.0.id().to_string();
        let _ = Command::new("kill").arg(&id).status();
        let limit = Instant::now() + Duration::from_secs(10);
        while Instant::now() < limit {
            if !matches!(self.0.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a process has used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    /// Seconds of processor time.
    pub(crate) processor: f64,
    /// The most memory so far, in bytes.
    pub(crate) peak: u64,
    /// The memory now, in bytes.
    pub(crate) resident: u64,
}

impl Usage {
    fn of(process: u32) -> Result<Self> {
        let status = fs::read_to_string(format!("/proc/{process}/status"))?;
        let bytes = |name: &str| -> Option<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            let kilobytes = line.split_whitespace().next()?;
            Some(kilobytes.parse::<u64>().ok()? * 1024)
        };
        Ok(Self {
            processor: times(&format!("/proc/{process}/stat"), 13)?,
            peak: bytes("VmHWM:").ok_or("the system does not tell the peak of memory")?,
            resident: bytes("VmRSS:").ok_or("the system does not tell the memory")?,
        })
    }
}

/// Two neighbouring fields of a `stat` file, in seconds: user and system time.
fn times(path: &str, first: usize) -> Result<f64> {
    let stat = fs::read_to_string(path)?;
    // The name of the program may hold anything, up to the last parenthesis.
    let rest = stat.rsplit_once(") ").ok_or("`stat` is not as it was")?.1;
    let fields: Vec<&str> = rest.split(' ').collect();
    let ticks = |index: usize| -> Result<f64> {
        let field = fields.get(index - 2).ok_or("`stat` is too short")?;
        Ok(field.parse::<f64>()?)
    };
    // The kernel tells these in hundredths, whatever it counts in itself.
    Ok((ticks(first)? + ticks(first + 1)?) / 100.0)
}

/// What a program took that has ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Taken {
    /// Seconds.
    pub(crate) wall: f64,
    /// Seconds of processor time.
    pub(crate) processor: f64,
    /// The most memory, in bytes.
    pub(crate) peak: u64,
}

/// Runs a program to its end and looks at its memory all the time.
pub(crate) fn measure(command: &mut Command) -> Result<Taken> {
    // Children that have ended are counted in their parent, and there are no others meanwhile.
    let before = times("/proc/self/stat", 15)?;
    let begun = Instant::now();
    let mut child = command.stdin(Stdio::null()).spawn()?;
    let mut peak = 0;
    let status = loop {
        if let Ok(usage) = Usage::of(child.id()) {
            peak = peak.max(usage.peak);
        }
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let wall = begun.elapsed().as_secs_f64();
    if !status.success() {
        return Err(format!("{command:?} failed: {status}").into());
    }
    Ok(Taken {
        wall,
        processor: times("/proc/self/stat", 15)? - before,
        peak,
    })
}

/// Runs a program and returns what it said.
pub(crate) fn run(command: &mut Command) -> Result<Output> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot start {command:?}: {error}"))?;
    if output.status.success() {
        return Ok(output);
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(format!("{command:?} failed: {said}").into())
}

/// Runs `vips` and returns what it said.
pub(crate) fn vips<S: AsRef<std::ffi::OsStr>>(arguments: &[S]) -> Result<String> {
    let output = run(Command::new("vips").args(arguments))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A program that is to run on one processor, where there are two: servers on the first, load on the second.
pub(crate) fn pinned(program: impl AsRef<Path>, processor: usize) -> Command {
    let program = program.as_ref();
    if machine::processors() < 2 {
        return Command::new(program);
    }
    let taskset = tools::find("taskset").unwrap_or_else(|| "taskset".into());
    let mut command = Command::new(taskset);
    command.arg("-c").arg(processor.to_string()).arg(program);
    command
}
