//! Directories of objects, whose names must be as durable as the objects in them.
//!
//! `object_store` syncs the names of directories that it makes. One that it finds may not be durable yet: a process before this one was killed
//! when it had made it, or another put has just done so. Objects in it that are acknowledged went with it when the power fails.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::lock::Lock;

/// So many are remembered; they are forgotten when there are more, and synced once more each.
const MOST: usize = 1 << 16;

/// The directories of a store.
#[derive(Debug)]
pub(super) struct Directories {
    root: PathBuf,
    state: Lock<State>,
    #[cfg(test)]
    synced: Lock<HashSet<PathBuf>>,
}

#[derive(Debug, Default)]
struct State {
    /// Those that have a durable name, as this process knows.
    durable: HashSet<PathBuf>,
    /// Those that a put is about to make, and whether another has come for them meanwhile.
    making: HashMap<PathBuf, bool>,
}

/// The directories above an object that is being put.
#[derive(Debug)]
pub(super) struct Putting {
    directories: Arc<Directories>,
    /// Those whose names will have to be synced.
    doubtful: Vec<PathBuf>,
    /// The one of these that this put is going to make, and that the store syncs then.
    own: Option<PathBuf>,
}

impl Directories {
    /// The directories below the root of a store, which has a durable name.
    pub(super) fn new(root: PathBuf) -> Self {
        Self {
            root,
            state: Lock::default(),
            #[cfg(test)]
            synced: Lock::default(),
        }
    }

    /// An object is about to be put.
    pub(super) fn put(self: &Arc<Self>, object: &str) -> Putting {
        let object = self.root.join(object);
        let above = object.ancestors().skip(1);
        let above: Vec<_> = above.take_while(|above| *above != self.root).collect();
        let mut state = self.state.lock();
        let (mut doubtful, mut own) = (Vec::new(), None);
        for (level, directory) in above.iter().enumerate() {
            if state.durable.contains(*directory) {
                continue;
            }
            // The lowest of several is of one image alone: mostly nobody else makes it.
            if level == 0 && above.len() > 1 {
                if let Some(is_shared) = state.making.get_mut(*directory) {
                    *is_shared = true;
                } else if !directory.is_dir() {
                    state.making.insert((*directory).to_owned(), false);
                    own = Some((*directory).to_owned());
                    continue;
                }
            }
            doubtful.push((*directory).to_owned());
        }
        Putting {
            directories: Arc::clone(self),
            doubtful,
            own,
        }
    }

    /// Makes the names of directories durable that are there.
    pub(super) fn sync(&self, doubtful: Vec<PathBuf>) -> io::Result<()> {
        for directory in doubtful {
            if cfg!(unix)
                && let Some(above) = directory.parent()
            {
                File::open(above)?.sync_all()?;
            }
            #[cfg(test)]
            self.synced.lock().insert(directory.clone());
            let mut state = self.state.lock();
            if state.durable.len() >= MOST {
                state.durable.clear();
            }
            state.making.remove(&directory);
            state.durable.insert(directory);
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
}

impl Putting {
    /// The object has been put: the directories above it whose names have to be synced.
    pub(super) fn doubtful(mut self) -> Vec<PathBuf> {
        let mut doubtful = std::mem::take(&mut self.doubtful);
        // Another put may have made it, and not synced it yet.
        if let Some(own) = self.own.take()
            && self.directories.state.lock().making.remove(&own) != Some(false)
        {
            doubtful.insert(0, own);
        }
        doubtful
    }
}

impl Drop for Putting {
    fn drop(&mut self) {
        let Some(own) = self.own.take() else {
            return;
        };
        // Given up: it may still be made, by what goes on in another thread.
        let mut state = self.directories.state.lock();
        if state.making.len() >= MOST {
            state.making.clear();
        }
        state.making.insert(own, true);
    }
}

#[cfg(test)]
mod tests {
    use shuttle::rand::{Rng, thread_rng};
    use shuttle::thread::spawn;

    use crate::lock::explored::{others_may_go_first, some_orders};

    use super::*;

    /// Puts an object, and returns the directories whose names are synced for it.
    fn put(directories: &Arc<Directories>, object: &str) -> Vec<String> {
        put_during(directories, object, || {})
    }

    /// The same, with something that happens meanwhile.
    fn put_during(
        directories: &Arc<Directories>,
        object: &str,
        happens: impl FnOnce(),
    ) -> Vec<String> {
        let putting = directories.put(object);
        let path = directories.root.join(object);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "object").unwrap();
        happens();
        let shown = |path: &PathBuf| {
            let below = path.strip_prefix(&directories.root).unwrap();
            below.display().to_string()
        };
        let doubtful = putting.doubtful();
        let names = doubtful.iter().map(shown).collect();
        directories.sync(doubtful).unwrap();
        names
    }

    #[test]
    fn what_is_removed_need_not_have_been_there() {
        let folder = tempfile::tempdir().unwrap();
        let directories = Arc::new(Directories::new(folder.path().to_owned()));
        put(&directories, "a/1");
        for object in ["a/1", "a/2", "b/c/1", "1"] {
            directories.removed(object).unwrap();
        }
    }

    #[test]
    fn directories_that_were_found_are_as_durable_as_those_that_were_made() {
        let folder = tempfile::tempdir().unwrap();
        let directories = Arc::new(Directories::new(folder.path().to_owned()));
        assert_eq!(put(&directories, "a/b/c/1"), ["a/b", "a"]);
        // The directory of an image, whoever has made it.
        assert_eq!(put(&directories, "a/b/c/2"), ["a/b/c"]);
        assert_eq!(put(&directories, "a/b/c/3"), [""; 0]);
        assert_eq!(put(&directories, "a/b/d/1"), [""; 0]);
        assert_eq!(put(&directories, "a/e/f/1"), ["a/e"]);
        // The next process knows of none.
        let directories = Arc::new(Directories::new(folder.path().to_owned()));
        assert_eq!(put(&directories, "a/b/c/1"), ["a/b/c", "a/b", "a"]);
        assert_eq!(put(&directories, "a/b/c/1"), [""; 0]);
        assert_eq!(put(&directories, "u/1"), ["u"]);
        assert_eq!(put(&directories, "u/2"), [""; 0]);
        assert_eq!(put(&directories, "1"), [""; 0]);
    }

    #[test]
    fn who_makes_a_directory_with_others_at_the_same_time_syncs_it_as_they_do() {
        let folder = tempfile::tempdir().unwrap();
        let directories = Arc::new(Directories::new(folder.path().to_owned()));
        put(&directories, "a/b/z/1");
        let others = || assert_eq!(put(&directories, "a/b/c/2"), ["a/b/c"]);
        assert_eq!(put_during(&directories, "a/b/c/1", others), ["a/b/c"]);
        // One that is given up may still be about to make it.
        drop(directories.put("a/b/d/1"));
        assert_eq!(put(&directories, "a/b/d/2"), ["a/b/d"]);
        assert_eq!(put(&directories, "a/b/d/3"), [""; 0]);
        assert!(directories.state.lock().making.is_empty());
    }

    /// Puts as the store does, step by step: it makes the directories that are missing, and syncs the names of those that it has made.
    fn put_slowly(directories: &Arc<Directories>, object: &str) {
        let putting = directories.put(object);
        let path = directories.root.join(object);
        let above = path.ancestors().skip(1);
        let above: Vec<_> = above.take_while(|it| *it != directories.root).collect();
        let mut made = Vec::new();
        for directory in above.iter().rev() {
            others_may_go_first();
            if std::fs::create_dir(directory).is_ok() {
                made.push((*directory).to_owned());
            }
        }
        if thread_rng().gen_range(0..4) == 0 {
            drop(putting);
            return;
        }
        for directory in made {
            others_may_go_first();
            directories.synced.lock().insert(directory);
        }
        directories.sync(putting.doubtful()).unwrap();
        let synced = directories.synced.lock();
        for directory in above {
            let name = directory.display();
            assert!(synced.contains(directory), "{name} is not durable");
        }
    }

    #[test]
    fn in_whatever_order_objects_are_put_the_directories_above_them_are_durable() {
        // Where syncing costs nothing, if there is such a place.
        let memory = std::path::Path::new("/dev/shm");
        let place = if memory.is_dir() {
            memory.to_owned()
        } else {
            std::env::temp_dir()
        };
        some_orders(3000, move || {
            let folder = tempfile::tempdir_in(&place).unwrap();
            let directories = Arc::new(Directories::new(folder.path().to_owned()));
            let puts = ["a/b/1", "a/b/2", "a/c/1"].map(|object| {
                let directories = Arc::clone(&directories);
                spawn(move || put_slowly(&directories, object))
            });
            for put in puts {
                put.join().unwrap();
            }
        });
    }
}
