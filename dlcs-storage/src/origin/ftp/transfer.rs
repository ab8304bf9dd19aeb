//! Transfers: bytes as they come, and when they are all there.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use dlcs_core::origin::{OriginError, Result};
use futures_util::{Stream, stream};
use tokio::io::AsyncReadExt;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::control::{Control, is_silence};
use super::tls::Wire;

/// How much is read at once.
const CHUNK: usize = 64 << 10;

/// A transfer on its way.
pub(super) struct Transfer {
    control: Control,
    /// Nothing after its end: a server says that it has sent everything when the other side has closed, too.
    wire: Option<Wire>,
    expected: Option<u64>,
    received: u64,
}

impl Transfer {
    pub(super) const fn new(control: Control, wire: Wire, expected: Option<u64>) -> Self {
        Self {
            control,
            wire: Some(wire),
            expected,
            received: 0,
        }
    }

    /// The bytes; the turn at the host lasts as long.
    pub(super) fn into_stream(
        self,
        turn: OwnedSemaphorePermit,
    ) -> impl Stream<Item = Result<Bytes>> + Send {
        stream::try_unfold(Some((self, turn)), |state| async move {
            let Some((mut transfer, turn)) = state else {
                return Ok(None);
            };
            let bytes = transfer.next().await?;
            Ok(bytes.map(|bytes| (bytes, Some((transfer, turn)))))
        })
    }

    async fn next(&mut self) -> Result<Option<Bytes>> {
        let Some(wire) = &mut self.wire else {
            return Ok(None);
        };
        let mut chunk = BytesMut::with_capacity(CHUNK);
        let ended_well = match wire.read_buf(&mut chunk).await {
            Ok(0) => true,
            Ok(read) => {
                self.received += read as u64;
                if self.expected.is_some_and(|length| self.received > length) {
                    return Err(self.interrupted());
                }
                return Ok(Some(chunk.freeze()));
            }
            // An encrypted end that does not say that it is one: servers do that, and so does whoever cuts the line.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => false,
            Err(_) => return Err(self.interrupted()),
        };
        self.wire = None;
        self.end(ended_well).await?;
        Ok(None)
    }

    /// Waits for the server to say that it has sent everything. A server that keeps silent about it is believed only where the length is
    /// the one that it gave beforehand.
    async fn end(&mut self, ended_well: bool) -> Result<()> {
        let has_length = self.expected == Some(self.received);
        let patience: Duration = self.control.waits().patience / 2;
        let complete = match timeout(patience, self.control.reply()).await {
            Ok(Ok(reply)) => matches!(reply.code, 226 | 250) && (ended_well || has_length),
            Ok(Err(error)) => has_length && is_silence(&error),
            Err(_) => has_length,
        };
        if !complete {
            return Err(self.interrupted());
        }
        // Out of politeness, and nothing depends on it.
        let _ = timeout(patience, self.control.send("QUIT", b"")).await;
        Ok(())
    }

    const fn interrupted(&self) -> OriginError {
        OriginError::Interrupted {
            received: self.received,
            expected: self.expected,
        }
    }
}
