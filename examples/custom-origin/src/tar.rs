//! Scans in tar archives, as `tar://volume-1/page%201.tif`.

use std::io::{Error, ErrorKind, Result as IoResult, SeekFrom};
use std::path::PathBuf;

use async_trait::async_trait;
use bytes::BytesMut;
use dlcs_core::origin::{OriginError, OriginRequest, OriginResponse, OriginStrategy, Result};
use futures_util::{StreamExt, stream};
use percent_encoding::percent_decode_str;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

/// Reads members of the archives in one directory; the host of an address names the archive.
#[derive(Debug)]
pub(crate) struct TarOrigin(pub(crate) PathBuf);

#[async_trait]
impl OriginStrategy for TarOrigin {
    fn schemes(&self) -> &'static [&'static str] {
        &["tar"]
    }

    async fn open(&self, request: OriginRequest<'_>) -> Result<OriginResponse> {
        let archive = request.url().host_str().unwrap_or_default();
        // Nothing that could lead out of the directory.
        if !archive
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-')
        {
            return Err(OriginError::NotFound { status: None });
        }
        let path = request.url().path().trim_start_matches('/');
        let member: Vec<u8> = percent_decode_str(path).collect();
        let found = find(self.0.join(format!("{archive}.tar")), &member).await;
        let (file, length) = found.map_err(failed)?;
        let limit = request.limit();
        if length > limit {
            return Err(OriginError::TooLarge { limit });
        }
        let body = stream::try_unfold((file, length), move |(mut file, left)| async move {
            let (received, expected) = (length - left, Some(length));
            let mut chunk = BytesMut::with_capacity(1 << 16);
            let part = (&mut file).take(left).read_buf(&mut chunk).await;
            match (left, part.map_err(failed)? as u64) {
                (0, _) => Ok(None),
                (_, 0) => Err(OriginError::Interrupted { received, expected }),
                (_, read) => Ok(Some((chunk.freeze(), (file, left - read)))),
            }
        });
        Ok(OriginResponse::new(body.boxed()).with_length(length))
    }
}

/// Walks an archive to a member, and returns the file at its first byte with its length.
async fn find(archive: PathBuf, member: &[u8]) -> IoResult<(File, u64)> {
    let (mut file, mut header) = (File::open(archive).await?, [0; 512]);
    while file.read_exact(&mut header).await.is_ok() && header[0] != 0 {
        let digits = header[124..135].iter().map(|digit| u64::from(digit & 7));
        let size = digits.fold(0, |size, digit| size * 8 + digit);
        if header[..100].split(|byte| *byte == 0).next() == Some(member) {
            return Ok((file, size));
        }
        let step = i64::try_from(size.next_multiple_of(512)).map_err(Error::other)?;
        file.seek(SeekFrom::Current(step)).await?;
    }
    Err(ErrorKind::NotFound.into())
}

fn failed(error: Error) -> OriginError {
    match error.kind() {
        ErrorKind::NotFound => OriginError::NotFound { status: None },
        _ => OriginError::Backend {
            backend: "tar",
            reason: "the archive cannot be read",
            source: error.into(),
        },
    }
}
