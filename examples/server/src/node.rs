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
        let mut written = Vec::new();
        file.read_to_end(&mut written)?;
        let mut name = String::from_utf8_lossy(&written).trim().to_owned();
        // A file whose bytes were lost with the power may be empty, or full of zeros.
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
            name = format!("dlcs-{}", uuid::Uuid::new_v4().simple());
            file.set_len(0)?;
            file.seek(SeekFrom::Start(0))?;
            file.write_all(name.as_bytes())?;
            file.sync_all()?;
        }
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

    #[test]
    fn what_is_no_name_is_replaced_by_one() {
        let directory = tempfile::tempdir().unwrap();
        for lost in [&b""[..], b"\n", &[0; 37], b"dlcs-1\0\0", b"\xFF\xFE"] {
            std::fs::write(directory.path().join(FILE), lost).unwrap();
            let name = Node::take(directory.path()).unwrap().unwrap().name;
            let digits = name.strip_prefix("dlcs-").unwrap();
            assert!(digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
            assert_eq!(Node::take(directory.path()).unwrap().unwrap().name, name);
        }
    }
}
