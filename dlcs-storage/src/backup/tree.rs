//! Objects on their way into a backup.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// How an object came into the copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placed {
    /// As another name of the same file.
    Linked,
    /// As a file of its own, durably.
    Copied,
    /// Not at all: it is not there.
    Missing,
}

/// Puts a file to another place: as a link where the file system can, because objects are never changed.
pub(super) fn place(from: &Path, to: &Path) -> io::Result<Placed> {
    match fs::symlink_metadata(from) {
        Ok(found) if found.is_file() => {}
        Ok(_) => return Err(io::Error::other("it is no regular file")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Placed::Missing),
        Err(error) => return Err(error),
    }
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    match fs::hard_link(from, to) {
        Ok(()) => Ok(Placed::Linked),
        // It is deleted meanwhile.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Placed::Missing),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
        // Another disk, a file system without links, too many of them: whatever it is, a copy says what is really wrong.
        Err(_) => match copy(from, to) {
            Ok(()) => Ok(Placed::Copied),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Placed::Missing),
            Err(error) => Err(error),
        },
    }
}

/// Copies a file, durably, with its permissions; never over another, which could be the same file under another name.
pub(super) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut original = File::open(from)?;
    let mut copy = File::options().write(true).create_new(true).open(to)?;
    copy.set_permissions(original.metadata()?.permissions())?;
    io::copy(&mut original, &mut copy)?;
    copy.sync_all()
}

/// Makes everything below a directory durable that is not yet, names included.
#[cfg(target_os = "linux")]
pub(super) fn sync(root: &Path) -> io::Result<()> {
    // At once, because there is a directory for each image.
    Ok(rustix::fs::syncfs(File::open(root)?)?)
}

/// Makes everything below a directory durable that is not yet, names included.
#[cfg(not(target_os = "linux"))]
pub(super) fn sync(root: &Path) -> io::Result<()> {
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync(&entry.path())?;
        }
    }
    sync_directory(root)
}

/// Makes the names in a directory durable.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(path)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_placed_and_what_is_not_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("a"), "bytes").unwrap();
        assert_eq!(place(&at("a"), &at("deep/er/b")).unwrap(), Placed::Linked);
        // Two names of one file: writing to one would write to the other.
        for attempt in [
            place(&at("a"), &at("deep/er/b")).map(drop),
            copy(&at("a"), &at("deep/er/b")),
        ] {
            assert_eq!(attempt.unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        }
        copy(&at("a"), &at("c")).unwrap();
        for name in ["a", "deep/er/b", "c"] {
            assert_eq!(fs::read(at(name)).unwrap(), b"bytes", "{name}");
        }
        assert_eq!(place(&at("x"), &at("y")).unwrap(), Placed::Missing);
        assert!(place(folder.path(), &at("z")).is_err());
        sync(folder.path()).unwrap();
    }
}
