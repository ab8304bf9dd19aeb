//! The body of a request that may not stop arriving.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};

use crate::body::BoxError;

/// How long a body may be silent.
const IDLE: Duration = Duration::from_secs(20);

/// The body of a request; it fails as timed out when nothing arrives for 20 seconds.
#[derive(Debug)]
pub(super) struct PatientBody {
    body: Incoming,
    /// Made by the first wait: most bodies are empty or there at once.
    idle: Option<Pin<Box<Sleep>>>,
}

impl PatientBody {
    pub(super) const fn new(body: Incoming) -> Self {
        Self { body, idle: None }
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
            if let Some(idle) = &mut self.idle {
                idle.as_mut().reset(Instant::now() + IDLE);
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let idle = self
            .idle
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(IDLE)));
        ready!(idle.as_mut().poll(context));
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
