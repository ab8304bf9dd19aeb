//! What a process is called among those that share a database.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// The file of the name in the data directory; it is locked while the process lives.
const FILE: &str = "node-id";

/// The name of this process: that of the one before it on the same data directory, whose leases it takes back therefore.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) name: String,
    _lock: File,
}

impl Node {
    /// Reads the name, or makes one; `None` when another process has it.
    pub(crate) fn take(directory: &Path) -> io::Result<Option<Self>> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(directory.join(FILE))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let mut name = String::new();
        file.read_to_string(&mut name)?;
        if name.trim().is_empty() {
            name = format!("dlcs-{}", uuid::Uuid::new_v4().simple());
            file.seek(SeekFrom::Start(0))?;
            file.write_all(name.as_bytes())?;
            file.sync_all()?;
        }
        let name = name.trim().to_owned();
        Ok(Some(Self { name, _lock: file }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_gives_one_process_at_a_time_always_the_same_name() {
        let directory = tempfile::tempdir().unwrap();
        let first = Node::take(directory.path()).unwrap().unwrap();
        assert!(Node::take(directory.path()).unwrap().is_none());
        let name = first.name.clone();
        drop(first);
        assert_eq!(Node::take(directory.path()).unwrap().unwrap().name, name);
    }
}
