//! Files in which objects are staged before they are published: those that a killed process has left are removed.
//!
//! `object_store` writes an object to `PATH#N`, with the first free number from 1, and renames that to `PATH`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::{fs, io, thread};

use dlcs_core::derivative::DerivativeKey;

use crate::lock::Lock;
use crate::pyramid::step_back;

/// The places of objects: nothing is staged elsewhere.
const PLACES: [&str; 2] = ["uploads", "images"];
/// Levels of directories in a place: customer, space, the first digits of a hash, and the hash.
const LEVELS: usize = 4;
/// Staged files of one object that are looked for, however many are missing before; puts at the same time make more than one.
const AT_ONCE: u32 = 4;

/// What is staged in a directory, by this process and by those before it.
#[derive(Debug)]
pub(super) struct Staged {
    root: PathBuf,
    /// How many puts of an object are in work: their files stay.
    puts: Lock<HashMap<DerivativeKey, usize>>,
}

impl Staged {
    /// What is staged below the root of a store.
    pub(super) fn new(root: PathBuf) -> Self {
        Self {
            root,
            puts: Lock::default(),
        }
    }

    /// Keeps what is staged for an object until the put ends.
    pub(super) fn begin(&self, key: &DerivativeKey) -> Put<'_> {
        *self.puts.lock().entry(key.clone()).or_default() += 1;
        Put {
            staged: self,
            key: key.clone(),
        }
    }

    /// Removes what was staged for an object that nobody puts; says in the log what stays.
    pub(super) fn remove_of(&self, key: &DerivativeKey) {
        for number in 1.. {
            let path = self.root.join(format!("{key}#{number}"));
            if !self.remove(key, &path) && number >= AT_ONCE {
                return;
            }
        }
    }

    /// Removes what processes before this one have left, on a thread that lets others go first and ends with the store.
    pub(super) fn sweep(self: &Arc<Self>) {
        let staged = Arc::downgrade(self);
        let sweep = move || {
            step_back();
            // A million images are a million directories to look into.
            let removed: u64 = PLACES
                .into_iter()
                .map(|place| look_into(&staged, place, LEVELS))
                .sum();
            if removed > 0 {
                tracing::info!(removed, "files of puts that were cut short are removed");
            }
        };
        let swept = thread::Builder::new()
            .name("dlcs-sweep".to_owned())
            .spawn(sweep);
        if let Err(error) = swept {
            tracing::warn!(%error, "files of puts that were cut short stay until the next start");
        }
    }

    /// Removes a file unless the object is being put; `false` when it is not removed.
    fn remove(&self, key: &DerivativeKey, path: &Path) -> bool {
        // Held meanwhile, so that the file is none of a put that has just begun.
        let puts = self.puts.lock();
        if puts.contains_key(key) {
            return false;
        }
        match fs::remove_file(path) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => {
                tracing::warn!(%error, path = %path.display(), "a file of a put that was cut short stays");
                false
            }
        }
    }
}

/// A put in work.
pub(super) struct Put<'s> {
    staged: &'s Staged,
    key: DerivativeKey,
}

impl Drop for Put<'_> {
    fn drop(&mut self) {
        let mut puts = self.staged.puts.lock();
        if let Some(count) = puts.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                puts.remove(&self.key);
            }
        }
    }
}

/// Removes what is staged in a directory and in those below it, and returns how many files that were.
fn look_into(staged: &Weak<Staged>, below: &str, levels: usize) -> u64 {
    let Some(store) = staged.upgrade() else {
        return 0;
    };
    let directory = store.root.join(below);
    let found = match fs::read_dir(&directory).and_then(Iterator::collect::<io::Result<Vec<_>>>) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return 0,
        Err(error) => {
            tracing::warn!(%error, path = %directory.display(), "files of puts that were cut short may stay");
            return 0;
        }
    };
    let mut removed = 0;
    let mut directories = Vec::new();
    for entry in found {
        let (name, kind) = (entry.file_name(), entry.file_type());
        let (Some(name), Ok(kind)) = (name.to_str(), kind) else {
            continue;
        };
        let path = format!("{below}/{name}");
        if kind.is_dir() && levels > 0 {
            directories.push(path);
        } else if kind.is_file()
            && let Some(key) = staged_for(&path)
        {
            removed += u64::from(store.remove(&key, &entry.path()));
        }
    }
    // The store may be closed meanwhile.
    drop(store);
    let below = |path: &String| look_into(staged, path, levels - 1);
    removed + directories.iter().map(below).sum::<u64>()
}

/// The object that a file is staged for, by its path.
fn staged_for(path: &str) -> Option<DerivativeKey> {
    let (object, number) = path.rsplit_once('#')?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| object.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use dlcs_core::derivative::UploadId;
    use shuttle::thread::spawn;

    use crate::lock::explored::{all_orders, others_may_go_first};

    use super::*;

    #[test]
    fn what_is_being_put_stays_in_whatever_order_others_clean_up() {
        let folder = tempfile::tempdir().unwrap();
        let orders = all_orders(move || {
            let staged = Arc::new(Staged::new(folder.path().to_owned()));
            let key = DerivativeKey::Upload(UploadId::assign());
            let (staging, object) = (
                folder.path().join(format!("{key}#1")),
                folder.path().join(key.path()),
            );
            fs::create_dir_all(object.parent().unwrap()).unwrap();
            // Of a process before this one.
            fs::write(&staging, "old").unwrap();
            let cleaner = spawn({
                let (staged, key) = (Arc::clone(&staged), key.clone());
                move || staged.remove_of(&key)
            });
            let put = staged.begin(&key);
            fs::write(&staging, "new").unwrap();
            others_may_go_first();
            fs::rename(&staging, &object).unwrap();
            drop(put);
            cleaner.join().unwrap();
            assert_eq!(fs::read(object).unwrap(), b"new");
            assert!(staged.puts.lock().is_empty());
        });
        assert!(orders > 100, "{orders}");
    }

    #[test]
    fn nothing_else_is_swept() {
        let directory = tempfile::tempdir().unwrap();
        let key = DerivativeKey::Upload(UploadId::assign());
        let image = format!("images/1/2/ab/ab{:030}/3-44.tif", 0);
        let files = [
            format!("{key}#1"),
            format!("{key}#12"),
            format!("{image}#1"),
            key.path(),
            format!("{key}#"),
            format!("{key}#1a"),
            format!("{key}#2/file"),
            "uploads/other#1".to_owned(),
            format!("{image}#x"),
            format!("other/{key}#1"),
            "README#1".to_owned(),
        ];
        for file in &files {
            let path = directory.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        let staged = Arc::new(Staged::new(directory.path().to_owned()));
        let sweep = |staged: &Arc<Staged>| {
            PLACES.map(|place| look_into(&Arc::downgrade(staged), place, LEVELS))
        };
        let put = staged.begin(&key);
        assert_eq!(sweep(&staged), [0, 1], "what is being put stays");
        drop(put);
        assert_eq!(sweep(&staged), [2, 0]);
        assert_eq!(sweep(&staged), [0, 0]);
        for file in &files[3..] {
            let path = directory.path().join(file);
            assert!(path.try_exists().unwrap(), "{file}");
        }
        assert_eq!(look_into(&Weak::new(), "uploads", LEVELS), 0);
    }
}
