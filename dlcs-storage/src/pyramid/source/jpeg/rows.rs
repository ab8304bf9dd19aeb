//! Rows from a decoder that runs ahead on a thread of its own.

use std::io::{self, BufReader, Read};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;

use dlcs_core::derivative::ProcessError;

use super::super::{ColourModel, Header, Rows};
use super::decoder::{Decoder, Stopped, has_warned};
use super::{bad, fault, scan};
use crate::lock::Lock;
use crate::pyramid::error::PyramidError;
use crate::pyramid::spool::{SpoolReader, SpooledFile};

/// How much of the file is read at once.
const BUFFER: usize = 1 << 16;

/// About how many bytes of rows are handed over at once.
const CHUNK: usize = 1 << 18;

/// How many chunks may wait for their reader.
const AHEAD: usize = 2;

/// What a decoder needs to know.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) file: SpooledFile,
    pub(super) header: Header,
    /// Whether 0 is full ink.
    pub(super) inverted: bool,
}

impl Job {
    fn rows_of_chunk(&self) -> usize {
        (CHUNK / self.header.row_bytes()).clamp(8, 64)
    }

    /// The bytes of all chunks that there are at once.
    pub(super) fn held_bytes(&self) -> u64 {
        (self.rows_of_chunk() * self.header.row_bytes() * (AHEAD + 2)) as u64
    }
}

enum Message {
    Rows(Vec<u8>),
    End(Result<(), ProcessError>),
}

/// The rows of one image.
pub(super) struct DecodedRows {
    /// `None` only while it is dropped.
    messages: Option<Receiver<Message>>,
    /// Chunks go back to be filled again.
    spent: Sender<Vec<u8>>,
    chunk: Vec<u8>,
    next: usize,
    thread: Option<JoinHandle<()>>,
}

impl DecodedRows {
    /// Starts the decoder.
    pub(super) fn start(job: Job) -> Result<Self, ProcessError> {
        let (to_reader, messages) = sync_channel(AHEAD);
        let (spent, to_fill) = channel();
        let thread = std::thread::Builder::new()
            .name("jpeg".to_owned())
            .spawn(move || {
                let end = decode(&job, &to_reader, &to_fill);
                // Nobody listens where the rows are no longer wanted.
                let _ = to_reader.send(Message::End(end));
            })
            .map_err(|error| ProcessError::Backend {
                source: Box::new(error),
            })?;
        Ok(Self {
            messages: Some(messages),
            spent,
            chunk: Vec::new(),
            next: 0,
            thread: Some(thread),
        })
    }

    fn receive(&self) -> Message {
        let message = self.messages.as_ref().and_then(|from| from.recv().ok());
        // The thread has panicked.
        message.unwrap_or_else(|| Message::End(Err(bad("the decoder cannot read it"))))
    }
}

impl Rows for DecodedRows {
    fn next_row(&mut self, row: &mut [u8]) -> Result<(), ProcessError> {
        if self.next == self.chunk.len() {
            match self.receive() {
                Message::Rows(chunk) => {
                    let spent = std::mem::replace(&mut self.chunk, chunk);
                    // The last chunks are not filled again.
                    let _ = self.spent.send(spent);
                    self.next = 0;
                }
                Message::End(end) => {
                    end?;
                    return Err(bad("a part of its pixels is missing"));
                }
            }
        }
        let end = self.next + row.len();
        row.copy_from_slice(&self.chunk[self.next..end]);
        self.next = end;
        Ok(())
    }

    fn finish(&mut self) -> Result<(), ProcessError> {
        loop {
            if let Message::End(end) = self.receive() {
                return end;
            }
        }
    }
}

impl Drop for DecodedRows {
    fn drop(&mut self) {
        // The thread ends when it next hands something over.
        drop(self.messages.take());
        if let Some(thread) = self.thread.take() {
            // Its panic has been told, or nobody wants to know.
            let _ = thread.join();
        }
    }
}

/// Decodes everything, as long as somebody wants it.
fn decode(
    job: &Job,
    to_reader: &SyncSender<Message>,
    to_fill: &Receiver<Vec<u8>>,
) -> Result<(), ProcessError> {
    let header = &job.header;
    let watched = Watched::new(job.file.reader());
    let failure = Arc::clone(&watched.failure);
    let reader = BufReader::with_capacity(BUFFER, watched);
    let mut judge = Judge {
        file: &job.file,
        failure,
        is_whole: false,
    };
    let mut decoder =
        Decoder::start(reader, header.samples.model).map_err(|stop| judge.stopped(&stop))?;
    if decoder.dimensions() != (header.width as usize, header.height as usize) {
        return Err(bad("its headers contradict each other"));
    }
    let mut left = header.height as usize;
    while left > 0 {
        let rows = left.min(job.rows_of_chunk());
        let mut chunk = to_fill.try_recv().unwrap_or_default();
        chunk.resize(rows * header.row_bytes(), 0);
        decoder
            .read(&mut chunk)
            .map_err(|stop| judge.stopped(&stop))?;
        judge.hear()?;
        if header.samples.model == ColourModel::Cmyk && job.inverted {
            for ink in &mut chunk {
                *ink = !*ink;
            }
        }
        if to_reader.send(Message::Rows(chunk)).is_err() {
            return Ok(());
        }
        left -= rows;
    }
    decoder.finish().map_err(|stop| judge.stopped(&stop))?;
    judge.hear()
}

/// Decides whether what the decoder warns of is damage.
struct Judge<'a> {
    file: &'a SpooledFile,
    failure: Arc<Lock<Option<io::Error>>>,
    /// Whether the file has been looked through and found whole.
    is_whole: bool,
}

impl Judge<'_> {
    fn hear(&mut self) -> Result<(), ProcessError> {
        if has_warned() { self.check() } else { Ok(()) }
    }

    /// Reads all codes of the file, once: cameras write bytes too many, which is no damage.
    fn check(&mut self) -> Result<(), ProcessError> {
        self.failed()?;
        if !self.is_whole {
            scan::check(self.file.reader()).map_err(fault)?;
            self.is_whole = true;
        }
        Ok(())
    }

    /// Why the decoder has stopped.
    fn stopped(&mut self, _: &Stopped) -> ProcessError {
        match self.check() {
            Err(error) => error,
            Ok(()) => bad("the decoder cannot make sense of it"),
        }
    }

    /// A file that cannot be read is not the image's fault.
    fn failed(&self) -> Result<(), ProcessError> {
        let mut failure = self.failure.lock();
        match failure.take() {
            Some(error) => Err(PyramidError::Spool(error).into()),
            None => Ok(()),
        }
    }
}

/// A reader that keeps why it failed: the decoder does not.
struct Watched {
    reader: SpoolReader,
    failure: Arc<Lock<Option<io::Error>>>,
}

impl Watched {
    fn new(reader: SpoolReader) -> Self {
        Self {
            reader,
            failure: Arc::default(),
        }
    }
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer).map_err(|error| {
            let kind = error.kind();
            let mut failure = self.failure.lock();
            *failure = Some(error);
            kind.into()
        })
    }
}
