//! Opens what lies beneath a directory, and nothing else: whatever its name says, and whatever links are on the way.

use std::ffi::OsStr;
use std::path::Path;

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{Mode, OFlags, Stat};
use rustix::io::Errno;

use super::error::Failure;

/// How a directory or a file is opened: a FIFO must not wait for somebody who writes into it.
const READ: OFlags = OFlags::RDONLY
    .union(OFlags::CLOEXEC)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY);

/// What is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    File,
    Folder,
}

/// Opens the directory that everything lies beneath.
pub(super) fn root(path: &Path) -> Result<OwnedFd, Failure> {
    Ok(rustix::fs::open(
        path,
        READ | OFlags::DIRECTORY,
        Mode::empty(),
    )?)
}

/// Opens a regular file, or a folder, beneath a directory; returns what it is, too.
pub(super) fn open(
    root: BorrowedFd<'_>,
    path: &OsStr,
    wanted: Wanted,
) -> Result<(OwnedFd, Stat), Failure> {
    let path = if path.is_empty() {
        OsStr::new(".")
    } else {
        path
    };
    if wanted == Wanted::File {
        // To open a device is to do something with it; so is it looked at first, and again when it is open.
        require(looked_at(root, path)?, wanted)?;
    }
    let opened = resolve(root, path, READ)?;
    let stat = rustix::fs::fstat(&opened)?;
    require(stat, wanted)?;
    Ok((opened, stat))
}

/// Says what lies at a path beneath a directory, links followed as far as they stay there.
pub(super) fn stat(root: BorrowedFd<'_>, path: &OsStr) -> Result<Stat, Failure> {
    looked_at(root, path)
}

fn require(stat: Stat, wanted: Wanted) -> Result<(), Failure> {
    let fits = match wanted {
        Wanted::File => is_file(&stat),
        Wanted::Folder => is_folder(&stat),
    };
    match (fits, wanted) {
        (true, _) => Ok(()),
        (false, Wanted::File) => Err(Failure::NotAFile),
        (false, Wanted::Folder) => Err(Errno::NOTDIR.into()),
    }
}

pub(super) fn is_file(stat: &Stat) -> bool {
    rustix::fs::FileType::from_raw_mode(stat.st_mode).is_file()
}

pub(super) fn is_folder(stat: &Stat) -> bool {
    rustix::fs::FileType::from_raw_mode(stat.st_mode).is_dir()
}

#[cfg(target_os = "linux")]
fn looked_at(root: BorrowedFd<'_>, path: &OsStr) -> Result<Stat, Failure> {
    let place = resolve(root, path, OFlags::PATH | OFlags::CLOEXEC)?;
    Ok(rustix::fs::fstat(&place)?)
}

#[cfg(not(target_os = "linux"))]
fn looked_at(root: BorrowedFd<'_>, path: &OsStr) -> Result<Stat, Failure> {
    walk_to(root, path, |folder, name| {
        rustix::fs::statat(folder, name, rustix::fs::AtFlags::SYMLINK_NOFOLLOW)
    })
}

#[cfg(target_os = "linux")]
fn resolve(root: BorrowedFd<'_>, path: &OsStr, flags: OFlags) -> Result<OwnedFd, Failure> {
    use rustix::fs::{ResolveFlags, openat2};

    /// Somebody moves directories about just now.
    const TRIES: usize = 16;
    let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    for _ in 0..TRIES {
        match openat2(root, path, flags, Mode::empty(), beneath) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            // Kernels before 5.6, and containers that know no newer one.
            Err(Errno::NOSYS | Errno::PERM) => return walk(root, path, flags),
            result => return Ok(result?),
        }
    }
    Err(Errno::AGAIN.into())
}

#[cfg(not(target_os = "linux"))]
fn resolve(root: BorrowedFd<'_>, path: &OsStr, flags: OFlags) -> Result<OwnedFd, Failure> {
    walk(root, path, flags)
}

/// Opens a path step by step and follows no link at all, since only the kernel could tell for sure where one leads.
fn walk(root: BorrowedFd<'_>, path: &OsStr, flags: OFlags) -> Result<OwnedFd, Failure> {
    walk_to(root, path, |folder, name| {
        rustix::fs::openat(folder, name, flags | OFlags::NOFOLLOW, Mode::empty())
    })
}

fn walk_to<T>(
    root: BorrowedFd<'_>,
    path: &OsStr,
    last: impl Fn(BorrowedFd<'_>, &OsStr) -> rustix::io::Result<T>,
) -> Result<T, Failure> {
    let path = Path::new(path);
    let mut names = path.iter().peekable();
    let mut folder: Option<OwnedFd> = None;
    while let Some(name) = names.next() {
        let here = folder.as_ref().map_or(root, AsFd::as_fd);
        if name == ".." || name == "/" {
            return Err(Failure::Outside);
        }
        let refuse_link = |errno| match errno {
            Errno::LOOP | Errno::MLINK => Failure::Outside,
            errno => errno.into(),
        };
        if names.peek().is_none() {
            return last(here, name).map_err(refuse_link);
        }
        let flags = READ | OFlags::NOFOLLOW | OFlags::DIRECTORY;
        let next = rustix::fs::openat(here, name, flags, Mode::empty());
        folder = Some(next.map_err(refuse_link)?);
    }
    last(root, OsStr::new(".")).map_err(Failure::from)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn without_the_help_of_the_kernel_no_link_is_followed() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::create_dir_all(at("open/below")).unwrap();
        fs::write(at("open/below/a"), "a").unwrap();
        fs::write(at("secret"), "canary").unwrap();
        symlink("below/a", at("open/inside")).unwrap();
        symlink("../secret", at("open/outside")).unwrap();
        symlink("../nothing", at("open/nowhere")).unwrap();
        symlink("..", at("open/up")).unwrap();
        let root = root(&at("open")).unwrap();
        for name in ["below/a", "./below/a", "below//a"] {
            assert!(walk(root.as_fd(), name.as_ref(), READ).is_ok(), "{name}");
        }
        for name in [
            "inside",
            "outside",
            "nowhere",
            "up/secret",
            "../secret",
            "below/../../secret",
            "/etc/passwd",
        ] {
            let got = walk(root.as_fd(), name.as_ref(), READ);
            let said = match got {
                Err(Failure::Outside) => true,
                // A link in the middle is no directory when it is not followed.
                Err(Failure::System(errno)) => errno == Errno::NOTDIR && name.starts_with("up"),
                _ => false,
            };
            assert!(said, "{name} gave {got:?}");
        }
    }
}
