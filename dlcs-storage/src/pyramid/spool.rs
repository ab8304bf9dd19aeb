//! Bytes on their way: a source into a file, a derivative out of one.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use bytes::Bytes;
use dlcs_core::derivative::{Checksum, ProcessError};
use dlcs_core::origin::{OriginError, OriginResponse};
use futures_util::StreamExt;
use sha2::{Digest, Sha256};

use super::error::PyramidError;

/// How many bytes are gathered before a blocking task writes them.
const BATCH: usize = 1 << 20;

/// A source that has been received whole.
#[derive(Debug)]
pub(super) struct SpooledSource {
    pub(super) file: File,
    pub(super) size: u64,
    pub(super) checksum: Checksum,
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
    let file = tokio::task::spawn_blocking(move || spool_file(directory.as_deref()))
        .await
        .map_err(PyramidError::Task)??;
    let mut writer = Writer {
        file,
        hash: Sha256::new(),
        size: 0,
    };
    let mut batch: Vec<Bytes> = Vec::new();
    let mut gathered = 0;
    while let Some(chunk) = body.next().await {
        let chunk = chunk?;
        gathered += chunk.len();
        batch.push(chunk);
        if gathered >= BATCH {
            writer = writer.write(std::mem::take(&mut batch)).await?;
            gathered = 0;
        }
    }
    let Writer { file, hash, size } = writer.write(batch).await?;
    if let Some(expected) = expected.filter(|expected| *expected != size) {
        return Err(ProcessError::Origin(OriginError::Interrupted {
            received: size,
            expected: Some(expected),
        }));
    }
    Ok(SpooledSource {
        file,
        size,
        checksum: Checksum(hash.finalize().into()),
    })
}

struct Writer {
    file: File,
    hash: Sha256,
    size: u64,
}

impl Writer {
    async fn write(mut self, batch: Vec<Bytes>) -> Result<Self, PyramidError> {
        tokio::task::spawn_blocking(move || {
            for chunk in batch {
                self.hash.update(&chunk);
                self.size += chunk.len() as u64;
                self.file.write_all(&chunk).map_err(PyramidError::Spool)?;
            }
            Ok(self)
        })
        .await?
    }
}

/// Reads one stretch of a file.
pub(super) fn read_at(file: &mut File, offset: u64, length: usize) -> Result<Bytes, PyramidError> {
    let mut bytes = vec![0; length];
    file.seek(SeekFrom::Start(offset))
        .and_then(|_| file.read_exact(&mut bytes))
        .map_err(PyramidError::Spool)?;
    Ok(bytes.into())
}
