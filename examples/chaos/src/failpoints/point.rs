//! Where a run can be made to fail: which call, on which path, for the how-many-th time, and how.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::strace::Call;

/// Calls by which something becomes durable, or does not.
const DURABLE: [&str; 19] = [
    "openat",
    "write",
    "writev",
    "pwrite64",
    "pwritev",
    "fsync",
    "fdatasync",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "unlink",
    "unlinkat",
    "ftruncate",
    "fallocate",
    "mkdir",
    "mkdirat",
    "rmdir",
];

/// When in the life of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// It starts where nothing is yet, and stops.
    First,
    /// It starts where there is something, work included, and stops.
    Start,
    /// It runs: batches, registrations, a deletion, the stop.
    Serve,
}

impl Stage {
    pub(crate) const ALL: [Self; 3] = [Self::First, Self::Start, Self::Serve];
}

/// What happens at the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// The program is killed before it; so every point is one after the point before, too.
    Kill,
    Eio,
    Enospc,
    /// It takes longer than a lease lasts.
    Delay,
    /// It fails each time, until the client has asked for everything.
    Lasting,
}

impl Fault {
    pub(crate) const ALL: [Self; 5] = [
        Self::Kill,
        Self::Eio,
        Self::Enospc,
        Self::Delay,
        Self::Lasting,
    ];

    fn suits(self, place: &Place) -> bool {
        match self {
            Self::Kill | Self::Eio | Self::Delay => true,
            // What a full disk does not keep from working.
            Self::Enospc => !matches!(place.call.as_str(), "unlink" | "unlinkat" | "rmdir"),
            // `strace` can leave a server alone that runs.
            Self::Lasting => place.stage == Stage::Serve,
        }
    }

    const fn action(self) -> &'static str {
        match self {
            Self::Kill => "signal=KILL",
            Self::Eio | Self::Lasting => "error=EIO",
            Self::Enospc => "error=ENOSPC",
            // In millionths of a second; leases last for one second.
            Self::Delay => "delay_enter=1500000",
        }
    }
}

/// A call on a path, in one stage: it fails the first time, the second time, and so on until there is no such time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) stage: Stage,
    pub(crate) call: String,
    /// Below the data directory; empty for itself.
    pub(crate) path: String,
}

/// A place, a time and a fault.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Point {
    pub(crate) place: Place,
    /// From 1. Each thread counts for itself: the first that gets so far fails.
    pub(crate) time: u32,
    pub(crate) fault: Fault,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { stage, call, path } = &self.place;
        write!(f, "{stage:?} {call} {path} {} {:?}", self.time, self.fault)
    }
}

impl Point {
    /// What `strace` is told to do in a directory.
    pub(crate) fn arguments(&self, data: &str) -> Vec<String> {
        let Place { call, path, .. } = &self.place;
        let path = if path.is_empty() {
            data.to_owned()
        } else {
            format!("{data}/{path}")
        };
        let more = if self.fault == Fault::Lasting {
            "+"
        } else {
            ""
        };
        let inject = format!(
            "inject={call}:{}:when={}{more}",
            self.fault.action(),
            self.time
        );
        ["-P", &path, "-e", &format!("trace={call}"), "-e", &inject]
            .map(ToOwned::to_owned)
            .to_vec()
    }
}

/// The arguments that show every place.
pub(crate) fn survey() -> Vec<String> {
    ["-y", "-e", &format!("trace={}", DURABLE.join(","))]
        .map(ToOwned::to_owned)
        .to_vec()
}

/// Every place of a stage and how often it was come by, from the calls of a run without faults; and the paths that have another name each time.
pub(crate) fn places(
    stage: Stage,
    calls: &[Call],
    data: &str,
) -> (BTreeMap<Place, u32>, BTreeSet<String>) {
    let (mut places, mut unnamed) = (BTreeMap::new(), BTreeSet::new());
    for call in calls {
        if call.name == "openat"
            && !["O_WRONLY", "O_RDWR", "O_CREAT"]
                .iter()
                .any(|flag| call.arguments.contains(flag))
        {
            continue;
        }
        let paths = call.paths();
        // Of two names, `strace` looks at the first.
        let Some(path) = paths.first().and_then(|path| below(path, data)) else {
            continue;
        };
        if path.contains("/#") || path.contains(".tmp") {
            unnamed.insert(format!("{} spool", call.name));
            continue;
        }
        let place = Place {
            stage,
            call: call.name.clone(),
            path: path.to_owned(),
        };
        *places.entry(place).or_default() += 1;
    }
    (places, unnamed)
}

fn below<'p>(path: &'p str, data: &str) -> Option<&'p str> {
    let rest = path.strip_prefix(data)?;
    if rest.is_empty() {
        return Some(rest);
    }
    rest.strip_prefix('/')
}

/// Every way in which a place can fail.
pub(crate) fn faults(place: &Place) -> Vec<Fault> {
    let faults = Fault::ALL.into_iter();
    faults.filter(|fault| fault.suits(place)).collect()
}

/// Whether the fault happened, by what `strace` has seen.
pub(crate) fn has_fired(seen: &str) -> bool {
    ["(INJECTED)", "(DELAYED)", "+++ killed by SIGKILL +++"]
        .iter()
        .any(|mark| seen.contains(mark))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strace::parse;

    #[test]
    fn places_are_calls_on_paths_in_the_data_directory() {
        let log = r#"5 openat(AT_FDCWD, "/d/dlcs.sqlite", O_RDWR|O_CREAT, 0644) = 3</d/dlcs.sqlite>
5 openat(AT_FDCWD, "/d/dlcs.sqlite", O_RDONLY) = 4</d/dlcs.sqlite>
6 pwrite64(3</d/dlcs.sqlite>, "x", 1, 0) = 1
6 pwrite64(3</d/dlcs.sqlite>, "x", 1, 0) = 1
6 rename("/d/a#1", "/d/a") = 0
6 write(7</d/spool/#123>, "x", 1) = 1
6 write(1</dev/null>, "x", 1) = 1
6 fsync(8</d>) = 0
6 fsync(8</da>) = 0
"#;
        let (places, unnamed) = places(Stage::Serve, &parse(log), "/d");
        let shown: Vec<_> = places
            .keys()
            .map(|place| format!("{} {}", place.call, place.path))
            .collect();
        assert_eq!(
            shown,
            [
                "fsync ",
                "openat dlcs.sqlite",
                "pwrite64 dlcs.sqlite",
                "rename a#1"
            ]
        );
        assert_eq!(unnamed.len(), 1);
    }

    #[test]
    fn a_point_is_told_to_strace() {
        let place = Place {
            stage: Stage::Start,
            call: "fsync".to_owned(),
            path: "dlcs.sqlite".to_owned(),
        };
        assert_eq!(faults(&place).len(), 4);
        let point = Point {
            place,
            time: 3,
            fault: Fault::Enospc,
        };
        assert_eq!(
            point.arguments("/d").join(" "),
            "-P /d/dlcs.sqlite -e trace=fsync -e inject=fsync:error=ENOSPC:when=3"
        );
        assert_eq!(point.to_string(), "Start fsync dlcs.sqlite 3 Enospc");
        assert!(has_fired(
            "7 fsync(3</d>) = -1 EIO (Input/output error) (INJECTED)\n"
        ));
        assert!(!has_fired("7 fsync(3</d>) = 0\n7 +++ exited with 0 +++\n"));
    }
}
