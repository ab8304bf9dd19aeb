//! From the calls that `strace` has seen to what was done to a disk: pure. Whatever is not understood is an error.

mod deed;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};

use super::content::Content;
use super::history::{Disk, Event, History};
use super::names::Inode;
use crate::strace::{Call, descriptor, text};

/// Calls that change no file, and need not be shown: `strace` shows everything else.
const UNSEEN: [&str; 41] = [
    "futex",
    "epoll_wait",
    "epoll_pwait",
    "epoll_pwait2",
    "epoll_ctl",
    "clock_gettime",
    "clock_nanosleep",
    "nanosleep",
    "sched_yield",
    "sched_getaffinity",
    "mprotect",
    "munmap",
    "brk",
    "madvise",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "sigaltstack",
    "getrandom",
    "pread64",
    "preadv",
    "preadv2",
    "stat",
    "lstat",
    "fstat",
    "newfstatat",
    "statx",
    "access",
    "faccessat",
    "faccessat2",
    "getdents64",
    "poll",
    "ppoll",
    "getsockopt",
    "setsockopt",
    "prctl",
    "gettid",
    "getpid",
    "set_robust_list",
    "rseq",
    "prlimit64",
];
/// Calls that are shown and change nothing that is kept here; `sync_file_range` makes neither a length nor a name durable.
const HARMLESS: [&str; 16] = [
    "close",
    "fcntl",
    "flock",
    "fadvise64",
    "readlink",
    "readlinkat",
    "statfs",
    "fstatfs",
    "execve",
    "chmod",
    "fchmod",
    "fchmodat",
    "fchown",
    "utimensat",
    "fgetxattr",
    "sync_file_range",
];
/// The end of the name of what SQLite keeps in memory that is shared: it is made anew after every loss.
const SHARED_MEMORY: &str = "-shm";

/// The arguments of `strace`: every call that could change a file, with every byte of it.
pub(super) fn arguments() -> Vec<String> {
    // A call that this machine does not have is none that it could show.
    let unseen: Vec<_> = UNSEEN.iter().map(|name| format!("?{name}")).collect();
    let unseen = format!("trace=!{}", unseen.join(","));
    let words = ["-y", "-v", "-s", "67108864", "-e", &unseen];
    words.map(ToOwned::to_owned).to_vec()
}

/// Reads a trace from the first call of a program to its last, on a disk that was like this in the beginning.
///
/// # Errors
/// A call that changes something below the root, or may do so, and is not understood.
pub(super) fn watch(calls: &[Call], root: &str, start: &Disk) -> Result<History, String> {
    let mut disk = start.clone();
    let mut watcher = Watcher {
        root,
        now: disk.clone(),
        open: HashMap::new(),
        handles: Vec::new(),
        events: Vec::new(),
        mapped: BTreeSet::new(),
    };
    // A number that is closed may be given away at once.
    let moment = |call: &Call| match call.name.as_str() {
        "close" => call.begun,
        _ => call.ended,
    };
    let mut order: Vec<&Call> = calls.iter().collect();
    order.sort_by_key(|call| moment(call));
    for call in order {
        let seen = watcher.see(call);
        seen.map_err(|why| {
            let arguments: String = call.arguments.chars().take(200).collect();
            format!("{why}: {}({arguments}) = {:?}", call.name, call.result)
        })?;
    }
    // What was made meanwhile was empty in the beginning.
    for file in &watcher.now.files[disk.files.len()..] {
        let empty = file.as_ref().map(|_| Content::default());
        disk.files.push(empty);
    }
    Ok(History {
        disk,
        events: watcher.events,
        mapped: watcher.mapped,
    })
}

/// An open file.
#[derive(Debug)]
struct Handle {
    inode: Inode,
    position: usize,
    appends: bool,
}

#[derive(Debug)]
struct Watcher<'a> {
    /// The path of the root, without a slash at the end.
    root: &'a str,
    /// How everything is now, for programs.
    now: Disk,
    /// By descriptor: one that was duplicated shares its handle.
    open: HashMap<i64, usize>,
    handles: Vec<Handle>,
    events: Vec<Event>,
    mapped: BTreeSet<Inode>,
}

impl Watcher<'_> {
    fn see(&mut self, call: &Call) -> Result<(), String> {
        // A thread that reads may do so until the last moment.
        if call.result.is_none() && may_change(call) && self.concerns(call) {
            return Err("a call that never ended".to_owned());
        }
        if !call.has_worked() {
            return Ok(());
        }
        let arguments = call.split();
        let says = |place: usize, word: &str| {
            let argument = arguments.get(place);
            argument.is_some_and(|argument| argument.contains(word))
        };
        match call.name.as_str() {
            "open" | "openat" | "creat" => self.open(call, &arguments),
            "close" => self.close(&arguments),
            "dup" | "dup2" | "dup3" => self.duplicate(call, &arguments),
            "fcntl" if says(1, "F_DUPFD") => self.duplicate(call, &arguments),
            "read" | "readv" => self.read(call, &arguments),
            "lseek" => self.seek(call, &arguments),
            "write" | "writev" | "pwrite64" | "pwritev" => self.write(call, &arguments),
            "ftruncate" | "fallocate" => self.resize(call, &arguments),
            "fsync" | "fdatasync" => self.sync(call, &arguments),
            "mkdir" | "mkdirat" => self.make_directory(call, &arguments),
            "link" | "linkat" | "rename" | "renameat" | "renameat2" => {
                self.rename(call, &arguments)
            }
            "unlink" | "unlinkat" | "rmdir" => self.unlink(call, &arguments),
            "mmap" => self.map(&arguments),
            "clone" | "clone3" | "fork" | "vfork" if !call.arguments.contains("CLONE_FILES") => {
                Err("a process beside the one that is watched".to_owned())
            }
            "io_uring_setup" | "io_setup" | "sync" | "syncfs" | "close_range" => {
                Err("a call that is not understood".to_owned())
            }
            name if !HARMLESS.contains(&name) && self.concerns(call) => {
                Err("a call that is not understood".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// The path from the root, if it is below that.
    fn below<'p>(&self, path: &'p str) -> Option<&'p str> {
        let rest = path.strip_prefix(self.root)?;
        if rest.is_empty() {
            Some(rest)
        } else {
            rest.strip_prefix('/')
        }
    }

    /// Whether a call names something below the root.
    fn concerns(&self, call: &Call) -> bool {
        let arguments = call.split();
        let mut paths = arguments.iter().filter_map(|argument| {
            if let Some(descriptor) = descriptor(argument) {
                return Some(descriptor.target);
            }
            String::from_utf8(text(argument)?).ok()
        });
        paths.any(|path| self.below(&path).is_some())
    }
}

/// Whether a call could change something if it concerned a file.
fn may_change(call: &Call) -> bool {
    let makes = ["O_CREAT", "O_TRUNC", "O_TMPFILE"];
    match call.name.as_str() {
        "open" | "openat" => makes.iter().any(|flag| call.arguments.contains(flag)),
        "read" | "readv" | "lseek" => false,
        name => !HARMLESS.contains(&name),
    }
}
