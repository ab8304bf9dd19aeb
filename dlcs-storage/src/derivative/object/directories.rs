//! Directories of objects, whose names must be as durable as the objects in them.
//!
//! `object_store` syncs the names of directories that it makes. One that it finds may not be durable yet: a process before this one was killed
//! when it had made it, or another put has just done so. Objects in it that are acknowledged went with it when the power fails.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// So many are remembered; they are forgotten when there are more, and synced once more each.
const MOST: usize = 1 << 16;

/// The directories of a store.
#[derive(Debug)]
pub(super) struct Directories {
    root: PathBuf,
    /// Those that have a durable name, as this process knows.
    durable: Mutex<HashSet<PathBuf>>,
}

impl Directories {
    /// The directories below the root of a store, which has a durable name.
    pub(super) fn new(root: PathBuf) -> Self {
        Self {
            root,
            durable: Mutex::default(),
        }
    }

    /// Before an object is put: the directories above it whose names will have to be synced.
    pub(super) fn doubtful(&self, object: &str) -> Vec<PathBuf> {
        let object = self.root.join(object);
        let above = object.ancestors().skip(1);
        let above: Vec<_> = above.take_while(|above| *above != self.root).collect();
        let durable = self.durable();
        let mut doubtful = Vec::new();
        // One of several levels is of one image alone, which is put once at a time. Others may be made by another put at the same time.
        let is_shared = |level: usize| level > 0 || above.len() == 1;
        for (level, directory) in above.iter().enumerate() {
            if !durable.contains(*directory) && (is_shared(level) || directory.is_dir()) {
                doubtful.push((*directory).to_owned());
            }
        }
        doubtful
    }

    /// Makes the names of directories durable that are there.
    pub(super) fn sync(&self, doubtful: Vec<PathBuf>) -> io::Result<()> {
        for directory in doubtful {
            if cfg!(unix)
                && let Some(above) = directory.parent()
            {
                File::open(above)?.sync_all()?;
            }
            let mut durable = self.durable();
            if durable.len() >= MOST {
                durable.clear();
            }
            durable.insert(directory);
        }
        Ok(())
    }

    /// Makes it durable that an object is no more.
    pub(super) fn removed(&self, object: &str) -> io::Result<()> {
        if !cfg!(unix) {
            return Ok(());
        }
        let object = self.root.join(object);
        match object.parent().map(File::open) {
            Some(Ok(directory)) => directory.sync_all(),
            Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn durable(&self) -> MutexGuard<'_, HashSet<PathBuf>> {
        self.durable.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Puts an object, and returns the directories whose names are synced for it.
    fn put(directories: &Directories, object: &str) -> Vec<String> {
        let doubtful = directories.doubtful(object);
        let path = directories.root.join(object);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "object").unwrap();
        let shown = |path: &PathBuf| {
            let below = path.strip_prefix(&directories.root).unwrap();
            below.display().to_string()
        };
        let names = doubtful.iter().map(shown).collect();
        directories.sync(doubtful).unwrap();
        names
    }

    #[test]
    fn what_is_removed_need_not_have_been_there() {
        let folder = tempfile::tempdir().unwrap();
        let directories = Directories::new(folder.path().to_owned());
        put(&directories, "a/1");
        for object in ["a/1", "a/2", "b/c/1", "1"] {
            directories.removed(object).unwrap();
        }
    }

    #[test]
    fn directories_that_were_found_are_as_durable_as_those_that_were_made() {
        let folder = tempfile::tempdir().unwrap();
        let directories = Directories::new(folder.path().to_owned());
        assert_eq!(put(&directories, "a/b/c/1"), ["a/b", "a"]);
        // The directory of an image, whoever has made it.
        assert_eq!(put(&directories, "a/b/c/2"), ["a/b/c"]);
        assert_eq!(put(&directories, "a/b/c/3"), [""; 0]);
        assert_eq!(put(&directories, "a/b/d/1"), [""; 0]);
        assert_eq!(put(&directories, "a/e/f/1"), ["a/e"]);
        // The next process knows of none.
        let directories = Directories::new(folder.path().to_owned());
        assert_eq!(put(&directories, "a/b/c/1"), ["a/b/c", "a/b", "a"]);
        assert_eq!(put(&directories, "a/b/c/1"), [""; 0]);
        assert_eq!(put(&directories, "u/1"), ["u"]);
        assert_eq!(put(&directories, "u/2"), [""; 0]);
        assert_eq!(put(&directories, "1"), [""; 0]);
    }
}
