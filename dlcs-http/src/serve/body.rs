//! The body of a request that may neither stop arriving nor drip.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};

use crate::body::BoxError;

/// How long a body may come too slowly.
const WINDOW: Duration = Duration::from_secs(20);
/// The fewest bytes of a body that may come in that time: 1 KiB a second.
const LEAST: usize = 20 * 1024;
/// How long a body may take in all, which is generous even for the largest.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// The body of a request; it fails as timed out when it comes too slowly, or does not come to an end.
#[derive(Debug)]
pub(super) struct PatientBody {
    body: Incoming,
    /// Made by the first wait: most bodies are empty or there at once.
    patience: Option<Patience>,
}

#[derive(Debug)]
struct Patience {
    /// When the window ends in which enough must come.
    window: Pin<Box<Sleep>>,
    /// What has come in it.
    came: usize,
    /// When the whole body must be there.
    end: Instant,
}

impl Patience {
    fn new() -> Self {
        Self {
            window: Box::pin(tokio::time::sleep(WINDOW)),
            came: 0,
            end: Instant::now() + LONGEST,
        }
    }

    /// Is ready when there is nothing more to wait for.
    fn poll_exhausted(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.window.as_mut().poll(context));
            let now = Instant::now();
            if self.came < LEAST || now >= self.end {
                return Poll::Ready(());
            }
            self.came = 0;
            self.window.as_mut().reset(now + WINDOW);
        }
    }
}

impl PatientBody {
    pub(super) const fn new(body: Incoming) -> Self {
        Self {
            body,
            patience: None,
        }
    }
}

impl Body for PatientBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            if let (Some(patience), Some(Ok(frame))) = (&mut self.patience, &frame) {
                patience.came += frame.data_ref().map_or(0, Bytes::len);
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let patience = self.patience.get_or_insert_with(Patience::new);
        ready!(patience.poll_exhausted(context));
        Poll::Ready(Some(Err(std::io::Error::from(
            std::io::ErrorKind::TimedOut,
        )
        .into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
