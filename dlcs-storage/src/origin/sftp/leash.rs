//! A connection that ends when nobody holds it any more.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;

/// What holds a [`Leashed`] connection.
#[derive(Debug)]
pub(super) struct Leash {
    _held: oneshot::Sender<()>,
}

/// A connection for the task that the SSH library runs it in, which on its own outlives a fetch that is dropped.
#[derive(Debug)]
pub(super) struct Leashed<S> {
    stream: S,
    /// Nothing when it has been let go.
    leash: Option<oneshot::Receiver<()>>,
}

impl<S> Leashed<S> {
    pub(super) fn new(stream: S) -> (Self, Leash) {
        let (held, leash) = oneshot::channel();
        let leash = Some(leash);
        (Self { stream, leash }, Leash { _held: held })
    }

    /// Fails once nobody holds the connection.
    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        let held = match &mut self.leash {
            None => false,
            Some(leash) => Pin::new(leash).poll(context).is_pending(),
        };
        if held {
            return Ok(());
        }
        self.leash = None;
        Err(ErrorKind::ConnectionAborted.into())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Leashed<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.check(context)?;
        Pin::new(&mut this.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Leashed<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.check(context)?;
        Pin::new(&mut this.stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn a_connection_that_nobody_holds_ends() {
        let (here, _there) = tokio::io::duplex(64);
        let (mut stream, leash) = Leashed::new(here);
        let reading = tokio::spawn(async move {
            let first = stream.read_u8().await;
            (first, stream.read_u8().await)
        });
        tokio::task::yield_now().await;
        drop(leash);
        let (first, again) = reading.await.unwrap();
        for got in [first, again] {
            assert_eq!(got.unwrap_err().kind(), ErrorKind::ConnectionAborted);
        }
    }
}
