//! Objects that are files of this machine: read by position, from files that stay open.

use std::fmt;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::Path as FilePath;
use std::sync::Arc;

use bytes::Bytes;
use dlcs_core::derivative::{DerivativeError, DerivativeKey, Result};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use quick_cache::sync::Cache;
use tokio::task::spawn_blocking;

use super::error::failed;

/// The longest range that is copied on the calling thread, where it is in memory; others would hold up who waits behind it.
const AT_ONCE: usize = 256 << 10;

/// Reads the files of a directory and keeps those open that are asked for most.
pub(super) struct LocalFiles {
    files: Arc<LocalFileSystem>,
    open: Cache<DerivativeKey, Arc<OpenFile>>,
}

/// A regular file, and its length, which never changes.
#[derive(Debug)]
struct OpenFile {
    file: File,
    length: u64,
}

impl LocalFiles {
    /// Reads the files of a store and keeps at most so many of them open.
    pub(super) fn new(files: Arc<LocalFileSystem>, most_open: usize) -> Self {
        Self {
            files,
            open: Cache::new(most_open.min(descriptors())),
        }
    }

    pub(super) async fn length(&self, key: &DerivativeKey) -> Result<u64> {
        Ok(self.file(key).await?.length)
    }

    /// Reads a range behind other bytes, cut at the end of the file: at once when it is in memory, otherwise off the calling thread.
    pub(super) async fn get_range_after(
        &self,
        key: &DerivativeKey,
        range: Range<u64>,
        before: &[u8],
    ) -> Result<Bytes> {
        let file = self.file(key).await?;
        let (start, end) = (range.start, range.end.min(file.length));
        if start >= end {
            return Ok(Bytes::copy_from_slice(before));
        }
        // No file of 2^64 bytes fits a memory of less: what does not is refused by the allocation.
        let length = usize::try_from(end - start).unwrap_or(usize::MAX);
        let (given, whole) = (before.len(), before.len().saturating_add(length));
        let mut bytes = Vec::with_capacity(whole);
        bytes.extend_from_slice(before);
        if length <= AT_ONCE {
            bytes.resize(whole, 0);
            if read_cached(&file.file, &mut bytes[given..], start) {
                return Ok(bytes.into());
            }
        }
        let read = move || {
            bytes.resize(whole, 0);
            read_exact_at(&file.file, &mut bytes[given..], start).map(|()| bytes)
        };
        in_background(read).await.map(Bytes::from)
    }

    /// Closes the file of an object that is no more, or is another one now.
    pub(super) fn forget(&self, key: &DerivativeKey) {
        self.open.remove(key);
    }

    async fn file(&self, key: &DerivativeKey) -> Result<Arc<OpenFile>> {
        if let Some(file) = self.open.get(key) {
            return Ok(file);
        }
        match self.open.get_value_or_guard_async(key).await {
            Ok(file) => Ok(file),
            Err(place) => {
                let object = Path::from(key.path());
                let path = self.files.path_to_filesystem(&object).map_err(failed)?;
                let opened = in_background(move || open(&path)).await;
                let file = Arc::new(opened.map_err(|error| missing(key, error))?);
                // The place is taken away when the object is deleted or replaced meanwhile: then the file is not kept.
                let _ = place.insert(Arc::clone(&file));
                Ok(file)
            }
        }
    }
}

impl fmt::Debug for LocalFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalFiles").finish_non_exhaustive()
    }
}

/// Closes a file when an object has been deleted or replaced, or may have been: also when nobody waits for that any more.
pub(super) struct Forget<'a>(
    pub(super) Option<&'a LocalFiles>,
    pub(super) &'a DerivativeKey,
);

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        if let Some(local) = self.0 {
            local.forget(self.1);
        }
    }
}

pub(super) async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T> {
    match spawn_blocking(work).await {
        Ok(outcome) => outcome.map_err(backend),
        Err(error) => Err(backend(error.into())),
    }
}

fn backend(error: io::Error) -> DerivativeError {
    DerivativeError::Backend {
        backend: "object",
        source: error.into(),
    }
}

/// Says of a file that could not be opened whether there is none.
fn missing(key: &DerivativeKey, error: DerivativeError) -> DerivativeError {
    let is_missing = |source: &(dyn std::error::Error + Send + Sync + 'static)| {
        source
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::NotFound)
    };
    match error {
        DerivativeError::Backend { source, .. } if is_missing(source.as_ref()) => {
            DerivativeError::NotFound { key: key.clone() }
        }
        error => error,
    }
}

/// Opens a regular file and nothing else: links are not followed, and pipes are not waited for.
fn open(path: &FilePath) -> io::Result<OpenFile> {
    let file = open_unfollowed(path).map_err(|error| {
        // What the system says of a link that it was not to follow tells nobody what to do.
        match std::fs::symlink_metadata(path) {
            Ok(found) if !found.is_file() => no_regular_file(),
            _ => error,
        }
    })?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(no_regular_file());
    }
    Ok(OpenFile {
        file,
        length: metadata.len(),
    })
}

fn no_regular_file() -> io::Error {
    io::Error::other("something that is no regular file has the name of an object")
}

#[cfg(unix)]
fn open_unfollowed(path: &FilePath) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?.into())
}

#[cfg(not(unix))]
fn open_unfollowed(path: &FilePath) -> io::Result<File> {
    if !std::fs::symlink_metadata(path)?.is_file() {
        return Err(no_regular_file());
    }
    File::open(path)
}

/// Fills the buffer with what the system has in memory, without waiting for a disk; `false` when that is not all of it.
#[cfg(target_os = "linux")]
fn read_cached(file: &File, bytes: &mut [u8], start: u64) -> bool {
    use rustix::io::{ReadWriteFlags, preadv2};
    let length = bytes.len();
    let mut buffers = [io::IoSliceMut::new(bytes)];
    // Whatever goes wrong here is found out again, and told, by a read that waits.
    preadv2(file, &mut buffers, start, ReadWriteFlags::NOWAIT) == Ok(length)
}

#[cfg(not(target_os = "linux"))]
fn read_cached(_file: &File, _bytes: &mut [u8], _start: u64) -> bool {
    false
}

#[cfg(unix)]
fn read_exact_at(file: &File, bytes: &mut [u8], start: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, start)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut bytes: &mut [u8], mut start: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let read = std::os::windows::fs::FileExt::seek_read(file, bytes, start)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes = &mut bytes[read..];
        start += read as u64;
    }
    Ok(())
}

/// How many files this process may keep open for this: a quarter of what it may open at all.
#[cfg(unix)]
fn descriptors() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let quarter = limit.current.map_or(u64::MAX, |limit| limit / 4);
    usize::try_from(quarter).unwrap_or(usize::MAX).max(1)
}

#[cfg(not(unix))]
fn descriptors() -> usize {
    usize::MAX
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_range_past_the_end_is_not_read_as_zeros() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"0123456789").unwrap();
        let mut bytes = [0; 4];
        if cfg!(target_os = "linux") && read_cached(&file, &mut bytes, 2) {
            assert_eq!(&bytes, b"2345");
        }
        assert!(!read_cached(&file, &mut bytes, 8));
        assert!(read_exact_at(&file, &mut bytes, 8).is_err());
        read_exact_at(&file, &mut bytes, 6).unwrap();
        assert_eq!(&bytes, b"6789");
    }
}
