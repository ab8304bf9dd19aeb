//! Requests and replies over an open channel.

use std::collections::{HashMap, VecDeque};
use std::io::ErrorKind;
use std::time::Duration;

use bytes::Bytes;
use dlcs_core::origin::{OriginError, Result};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::error::{Failure, broken, refusal};
use super::packet::{Attributes, Reply, Request, decode, init};
use crate::origin::bounds::Deadline;

/// The most bytes of a packet: those of the largest that OpenSSH sends.
const PACKET_BYTES: u32 = 256 << 10;
/// How much is asked for at once: what every server must grant.
const CHUNK: u32 = 32 << 10;
/// Parts of a file that are asked for ahead, so that the way to the server and back does not count for each.
const AHEAD: usize = 32;
/// The status at the end of a file or a folder.
const EOF: u32 = 1;

/// A client of one channel.
pub(super) struct Client<S> {
    stream: S,
    patience: Duration,
    deadline: Deadline,
    last_id: u32,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Client<S> {
    /// Agrees on the version.
    pub(super) async fn start(stream: S, patience: Duration, deadline: Deadline) -> Result<Self> {
        let mut client = Self {
            stream,
            patience,
            deadline,
            last_id: 0,
        };
        client.send(&init()).await?;
        match client.receive().await? {
            (_, Reply::Version) => Ok(client),
            _ => Err(Failure::BadPacket.into()),
        }
    }

    /// Says what is at a path, links followed.
    pub(super) async fn stat(&mut self, path: &[u8]) -> Result<Attributes> {
        attributes(self.ask(Request::Stat(path)).await?)
    }

    /// Opens a file, and says what it is.
    pub(super) async fn open(&mut self, path: &[u8]) -> Result<(Bytes, Attributes)> {
        let handle = handle(self.ask(Request::Open(path)).await?)?;
        let attributes = attributes(self.ask(Request::StatHandle(&handle)).await?)?;
        Ok((handle, attributes))
    }

    /// Opens a folder.
    pub(super) async fn open_folder(&mut self, path: &[u8]) -> Result<Bytes> {
        handle(self.ask(Request::OpenFolder(path)).await?)
    }

    /// Returns the next names of a folder; `None` after the last.
    pub(super) async fn read_folder(
        &mut self,
        folder: &[u8],
    ) -> Result<Option<Vec<(Bytes, Attributes)>>> {
        match self.ask(Request::ReadFolder(folder)).await? {
            Reply::Names(names) if !names.is_empty() => Ok(Some(names)),
            Reply::Status(EOF) => Ok(None),
            other => Err(unexpected(&other)),
        }
    }

    async fn ask(&mut self, request: Request<'_>) -> Result<Reply> {
        let id = self.request(request).await?;
        match self.receive().await? {
            (answered, reply) if answered == id => Ok(reply),
            _ => Err(Failure::BadPacket.into()),
        }
    }

    async fn request(&mut self, request: Request<'_>) -> Result<u32> {
        self.last_id = self.last_id.wrapping_add(1);
        let id = self.last_id;
        self.send(&request.encode(id)).await?;
        Ok(id)
    }

    async fn send(&mut self, packet: &[u8]) -> Result<()> {
        let sent = self.deadline.wait(self.patience, async {
            self.stream.write_all(packet).await?;
            self.stream.flush().await
        });
        sent.await?.map_err(|error| broken(error.kind()))
    }

    async fn receive(&mut self) -> Result<(u32, Reply)> {
        let (patience, deadline) = (self.patience, self.deadline);
        deadline.wait(patience, self.packet()).await?
    }

    async fn packet(&mut self) -> Result<(u32, Reply)> {
        let cut = |error: std::io::Error| broken(error.kind());
        let length = self.stream.read_u32().await.map_err(cut)?;
        if length > PACKET_BYTES {
            return Err(Failure::LongPacket.into());
        }
        // As much as really comes: a length alone must not take memory.
        let mut packet = Vec::new();
        let mut limited = (&mut self.stream).take(u64::from(length));
        limited.read_to_end(&mut packet).await.map_err(cut)?;
        if packet.len() as u64 != u64::from(length) {
            return Err(broken(ErrorKind::UnexpectedEof));
        }
        Ok(decode(packet.into())?)
    }
}

fn unexpected(reply: &Reply) -> OriginError {
    match reply {
        Reply::Status(code) if *code != 0 => refusal(*code),
        _ => Failure::BadPacket.into(),
    }
}

fn handle(reply: Reply) -> Result<Bytes> {
    match reply {
        Reply::Handle(handle) => Ok(handle),
        other => Err(unexpected(&other)),
    }
}

fn attributes(reply: Reply) -> Result<Attributes> {
    match reply {
        Reply::Attributes(attributes) => Ok(attributes),
        other => Err(unexpected(&other)),
    }
}

/// A file on its way: parts are asked for ahead, and given in order.
pub(super) struct Reader<S> {
    client: Client<S>,
    handle: Bytes,
    /// Where there is nothing more to ask for; one part beyond it shows a file that has grown.
    end: Option<u64>,
    /// The next offset to ask for.
    offset: u64,
    asked: VecDeque<Part>,
    came: HashMap<u32, Reply>,
    received: u64,
    expected: Option<u64>,
}

/// A part that was asked for.
#[derive(Debug, Clone, Copy)]
struct Part {
    id: u32,
    offset: u64,
    length: u32,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Reader<S> {
    pub(super) fn new(client: Client<S>, handle: Bytes, expected: Option<u64>) -> Self {
        Self {
            client,
            handle,
            end: expected,
            offset: 0,
            asked: VecDeque::new(),
            came: HashMap::new(),
            received: 0,
            expected,
        }
    }

    /// Returns the next bytes; `None` after the last.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>> {
        let part = self.part().await;
        part.map_err(|error| match error {
            silence @ OriginError::TimedOut { .. } => silence,
            hostile @ OriginError::Backend { .. } => hostile,
            // The numbers say it all.
            _ => OriginError::Interrupted {
                received: self.received,
                expected: self.expected,
            },
        })
    }

    async fn part(&mut self) -> Result<Option<Bytes>> {
        while self.asked.len() < AHEAD && self.end.is_none_or(|end| self.offset <= end) {
            let part = self.ask(self.offset, CHUNK).await?;
            self.asked.push_back(part);
            self.offset += u64::from(CHUNK);
        }
        let Some(part) = self.asked.pop_front() else {
            return Ok(None);
        };
        let data = match self.reply(part.id).await? {
            Reply::Data(data) if data.is_empty() => return Err(Failure::BadPacket.into()),
            Reply::Data(data) => data,
            Reply::Status(EOF) => return Ok(None),
            other => return Err(unexpected(&other)),
        };
        let length = u32::try_from(data.len()).map_err(|_| Failure::BadPacket)?;
        let missing = part.length.checked_sub(length).ok_or(Failure::BadPacket)?;
        if missing > 0 {
            // A server may give less than was asked for; the file ends only where it says so.
            let rest = self.ask(part.offset + u64::from(length), missing).await?;
            self.asked.push_front(rest);
        }
        self.received += u64::from(length);
        Ok(Some(data))
    }

    async fn ask(&mut self, offset: u64, length: u32) -> Result<Part> {
        let handle = self.handle.clone();
        let id = self
            .client
            .request(Request::Read {
                handle: &handle,
                offset,
                length,
            })
            .await?;
        Ok(Part { id, offset, length })
    }

    /// Waits for the reply to a request; others that come before it are kept.
    async fn reply(&mut self, id: u32) -> Result<Reply> {
        loop {
            if let Some(reply) = self.came.remove(&id) {
                return Ok(reply);
            }
            let (answered, reply) = self.client.receive().await?;
            if answered == id {
                return Ok(reply);
            }
            let was_asked = self.asked.iter().any(|part| part.id == answered);
            if !was_asked || self.came.insert(answered, reply).is_some() {
                return Err(Failure::BadPacket.into());
            }
        }
    }
}
