//! A connection whose client may neither stay silent nor stop reading.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::activity::{Activity, STALL};
use crate::body::{BoxError, ResponseBody};

/// What a connection is doing: known to its stream, and to the answers that go out by it.
#[derive(Debug, Clone)]
pub(super) struct Watch(Arc<Mutex<Activity>>);

impl Watch {
    fn activity(&self) -> MutexGuard<'_, Activity> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request has come.
    pub(super) fn begin(&self) -> Answering {
        Answering {
            number: self.activity().begin(),
            watch: self.clone(),
        }
    }
}

/// A request that is being answered, until this is dropped.
#[derive(Debug)]
pub(super) struct Answering {
    watch: Watch,
    number: u64,
}

impl Answering {
    /// The answer that the client may take now.
    pub(super) fn with(self, body: ResponseBody) -> WatchedBody {
        let piece = {
            let mut activity = self.watch.activity();
            let piece = activity.piece();
            if piece.is_some() {
                activity.offer(self.number, Instant::now());
            }
            piece
        };
        WatchedBody {
            body,
            rest: Bytes::new(),
            piece,
            answering: self,
        }
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.watch.activity().end(self.number, Instant::now());
    }
}

/// The body of an answer; the connection knows whether its client takes it.
#[derive(Debug)]
pub(super) struct WatchedBody {
    body: ResponseBody,
    /// What has come of the body and is still to be handed over.
    rest: Bytes,
    /// The most bytes that are handed over at once, where the connection has to know what of it is taken.
    piece: Option<usize>,
    answering: Answering,
}

impl WatchedBody {
    /// The next piece of what has come.
    fn hand_over(&mut self, piece: usize) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let length = self.rest.len().min(piece);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(length)))))
    }
}

impl Body for WatchedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Some(piece) = self.piece else {
            return Pin::new(&mut self.body).poll_frame(context);
        };
        let mut polled = if self.rest.is_empty() {
            Pin::new(&mut self.body).poll_frame(context)
        } else {
            self.hand_over(piece)
        };
        if let Poll::Ready(Some(Ok(frame))) = &mut polled
            && let Some(bytes) = frame.data_mut()
            && bytes.len() > piece
        {
            self.rest = std::mem::take(bytes);
            polled = self.hand_over(piece);
        }
        let Answering { watch, number } = &self.answering;
        if polled.is_ready() {
            watch.activity().offer(*number, Instant::now());
        } else {
            // It is for us to go on.
            watch.activity().withdraw(*number);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (rest, hint) = (self.rest.len() as u64, self.body.size_hint());
        match hint.exact() {
            Some(length) => SizeHint::with_exact(length + rest),
            None => hint,
        }
    }
}

/// A connection that fails when its client stalls.
#[derive(Debug)]
pub(super) struct PatientStream<S> {
    stream: S,
    watch: Watch,
    /// Runs until the limit of what the connection does, or shorter.
    limit: Pin<Box<Sleep>>,
    /// Runs while the client takes nothing of what is written.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> PatientStream<S> {
    pub(super) fn new(stream: S) -> (Self, Watch) {
        let now = Instant::now();
        let watch = Watch(Arc::new(Mutex::new(Activity::new(now))));
        let patient = Self {
            stream,
            watch: watch.clone(),
            // The first look at the limit puts it right.
            limit: Box::pin(tokio::time::sleep_until(now + STALL)),
            stalled: None,
        };
        (patient, watch)
    }

    /// Is ready when the client has stalled for too long.
    fn poll_limit(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.stalled.is_some() {
            // What is written has a limit of its own.
            return Poll::Pending;
        }
        loop {
            let Some(limit) = self.watch.activity().limit() else {
                // Something else will happen, and this is asked again then.
                return Poll::Pending;
            };
            // Limits mostly move on: the timer is left as it is, and looked at again when it is up.
            if limit < self.limit.deadline() || self.limit.is_elapsed() {
                self.limit.as_mut().reset(limit);
            }
            std::task::ready!(self.limit.as_mut().poll(context));
            if Instant::now() >= limit {
                return Poll::Ready(());
            }
        }
    }

    fn wrote(&self, outcome: &Poll<io::Result<usize>>) {
        if matches!(outcome, Poll::Ready(Ok(1..))) {
            self.watch.activity().wrote(Instant::now());
        }
    }

    /// Passes on what a write came to, and fails when there has been none for too long.
    fn written<T>(
        &mut self,
        context: &mut Context<'_>,
        outcome: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.stalled = None;
            return outcome;
        }
        let stalled = self
            .stalled
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(STALL)));
        match stalled.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for PatientStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.stream).poll_read(context, buffer);
        if outcome.is_pending() {
            std::task::ready!(self.poll_limit(context));
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let bytes = &buffer.filled()[before..];
        if !bytes.is_empty() {
            self.watch.activity().read(bytes, Instant::now());
        }
        outcome
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for PatientStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.wrote(&outcome);
        self.written(context, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.wrote(&outcome);
        self.written(context, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_flush(context);
        self.written(context, outcome)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex, split};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_rest_of_an_answer_may_go_out_slowly_and_then_the_connection_is_idle() {
        const ROOM: usize = 1024;
        let (mut client, stream) = duplex(ROOM);
        let (stream, watch) = PatientStream::new(stream);
        let (mut from, mut to) = split(stream);
        client.write_all(b"GET").await.unwrap();
        let mut buffer = [0; ROOM];
        assert_eq!(from.read(&mut buffer).await.unwrap(), 3);
        // The whole answer has been handed over, and most of it waits for its client.
        drop(watch.begin());
        let slow = tokio::spawn(async move {
            let mut buffer = [0; ROOM];
            while client.read(&mut buffer).await.unwrap() > 0 {
                tokio::time::sleep(Duration::from_secs(20)).await;
            }
        });
        let next = from.read(&mut buffer);
        tokio::pin!(next);
        let answer = vec![b'x'; 64 * ROOM];
        tokio::select! {
            biased;
            ended = &mut next => panic!("the connection ended: {ended:?}"),
            written = to.write_all(&answer) => written.unwrap(),
        }
        let begun = Instant::now();
        let ended = next.await.unwrap_err();
        assert_eq!(ended.kind(), io::ErrorKind::TimedOut);
        let waited = begun.elapsed();
        let idle = Duration::from_secs(75);
        assert!(waited >= idle && waited < idle * 2, "{waited:?}");
        slow.abort();
    }
}
