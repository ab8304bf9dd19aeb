//! Bytes on their way: a source into a file, a derivative out of one.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use dlcs_core::derivative::{Checksum, ProcessError};
use dlcs_core::origin::{OriginError, OriginResponse};
use futures_util::StreamExt;
use sha2::{Digest, Sha256};
use tokio::task::{JoinHandle, spawn_blocking};

use super::error::PyramidError;

/// How many bytes are gathered before a blocking task writes them; as many more come meanwhile.
const BATCH: usize = 1 << 20;

/// A source that has been received whole.
#[derive(Debug)]
pub(super) struct SpooledSource {
    pub(super) file: SpooledFile,
    pub(super) size: u64,
    pub(super) checksum: Checksum,
}

/// A file that is written and only read from now on; any number of readers, each with a place of its own.
#[derive(Debug, Clone)]
pub(super) struct SpooledFile {
    file: Arc<File>,
    length: u64,
    is_abandoned: Arc<AtomicBool>,
}

impl SpooledFile {
    pub(super) fn new(file: File) -> Result<Self, PyramidError> {
        let length = file.metadata().map_err(PyramidError::Spool)?.len();
        Ok(Self {
            file: Arc::new(file),
            length,
            is_abandoned: Arc::default(),
        })
    }

    /// Whoever reads it fails from now on, when this is dropped: unless it is [kept](Abandon::keep).
    pub(super) fn abandon(&self) -> Abandon {
        Abandon(Some(Arc::clone(&self.is_abandoned)))
    }

    /// Fails when nobody waits any more for what is made of it.
    pub(super) fn check(&self) -> Result<(), PyramidError> {
        if self.is_abandoned.load(Ordering::Relaxed) {
            return Err(PyramidError::Abandoned);
        }
        Ok(())
    }

    /// Its length in bytes.
    pub(super) const fn length(&self) -> u64 {
        self.length
    }

    /// Reads one stretch.
    pub(super) fn read(&self, offset: u64, length: usize) -> Result<Bytes, PyramidError> {
        let mut bytes = vec![0; length];
        self.read_into(offset, &mut bytes)?;
        Ok(bytes.into())
    }

    /// Fills a buffer with what lies from an offset on.
    pub(super) fn read_into(&self, offset: u64, buffer: &mut [u8]) -> Result<(), PyramidError> {
        self.check()?;
        read_exact_at(&self.file, buffer, offset).map_err(PyramidError::Spool)
    }

    /// Reads one stretch, or as much of it as there is.
    pub(super) fn read_up_to(&self, offset: u64, length: usize) -> Result<Bytes, PyramidError> {
        let there = self.length.saturating_sub(offset).min(length as u64);
        self.read(offset, there as usize)
    }

    /// A reader from the start; without a buffer.
    pub(super) fn reader(&self) -> SpoolReader {
        SpoolReader {
            file: self.clone(),
            position: 0,
        }
    }
}

/// Ends what reads a file, because nobody waits for it.
#[derive(Debug)]
pub(super) struct Abandon(Option<Arc<AtomicBool>>);

impl Abandon {
    /// It has come to its end.
    pub(super) fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Abandon {
    fn drop(&mut self) {
        if let Some(is_abandoned) = &self.0 {
            is_abandoned.store(true, Ordering::Relaxed);
        }
    }
}

/// Reads a spooled file from a place of its own.
#[derive(Debug, Clone)]
pub(super) struct SpoolReader {
    file: SpooledFile,
    position: u64,
}

impl Read for SpoolReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.check().map_err(io::Error::other)?;
        let read = read_at(&self.file.file, buffer, self.position)?;
        self.position += read as u64;
        Ok(read)
    }
}

impl Seek for SpoolReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::End(distance) => self.file.length.checked_add_signed(distance),
            SeekFrom::Current(distance) => self.position.checked_add_signed(distance),
        };
        self.position = place.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}

fn read_exact_at(file: &File, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !buffer.is_empty() {
        match read_at(file, buffer, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => {
                buffer = &mut buffer[read..];
                offset += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Makes a file that has no name and disappears when it is closed, however the process ends.
pub(super) fn spool_file(directory: Option<&Path>) -> Result<File, PyramidError> {
    match directory {
        Some(directory) => tempfile::tempfile_in(directory),
        None => tempfile::tempfile(),
    }
    .map_err(PyramidError::Spool)
}

/// Receives a source into a file, counting and hashing it.
pub(super) async fn receive(
    source: OriginResponse,
    directory: Option<&Path>,
) -> Result<SpooledSource, ProcessError> {
    let expected = source.length();
    let mut body = source.into_body();
    let directory = directory.map(Path::to_owned);
    let file = spawn_blocking(move || spool_file(directory.as_deref()))
        .await
        .map_err(PyramidError::Task)??;
    let writer = Writer {
        file,
        hash: Sha256::new(),
        size: 0,
    };
    // What has come is hashed and written while more comes.
    let mut writing = writer.write(Vec::new());
    let mut batch: Vec<Bytes> = Vec::new();
    let mut gathered = 0;
    while let Some(chunk) = body.next().await {
        let chunk = chunk?;
        gathered += chunk.len();
        batch.push(chunk);
        if gathered >= BATCH {
            writing = ended(writing).await?.write(std::mem::take(&mut batch));
            gathered = 0;
        }
    }
    let last = ended(writing).await?.write(batch);
    let Writer { file, hash, size } = ended(last).await?;
    if let Some(expected) = expected.filter(|expected| *expected != size) {
        return Err(ProcessError::Origin(OriginError::Interrupted {
            received: size,
            expected: Some(expected),
        }));
    }
    Ok(SpooledSource {
        file: SpooledFile::new(file)?,
        size,
        checksum: Checksum(hash.finalize().into()),
    })
}

struct Writer {
    file: File,
    hash: Sha256,
    size: u64,
}

async fn ended(writing: JoinHandle<Result<Writer, PyramidError>>) -> Result<Writer, PyramidError> {
    writing.await?
}

impl Writer {
    /// Begins to take in more bytes.
    fn write(mut self, batch: Vec<Bytes>) -> JoinHandle<Result<Self, PyramidError>> {
        spawn_blocking(move || {
            for chunk in batch {
                self.hash.update(&chunk);
                self.size += chunk.len() as u64;
                self.file.write_all(&chunk).map_err(PyramidError::Spool)?;
            }
            Ok(self)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_waits_for_is_not_read_on() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"source").unwrap();
        let file = SpooledFile::new(file).unwrap();
        let mut reader = file.reader();
        file.abandon().keep();
        assert_eq!(reader.read(&mut [0; 3]).unwrap(), 3);
        drop(file.abandon());
        let error = reader.read(&mut [0; 3]).unwrap_err();
        assert!(error.to_string().contains("nobody waits"), "{error}");
        assert!(matches!(file.read(0, 3), Err(PyramidError::Abandoned)));
    }
}
