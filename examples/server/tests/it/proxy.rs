//! Something between two programs that can fall silent without closing anything.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Passes on what it gets, unless it is told to hold it.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    held: watch::Sender<bool>,
}

impl Proxy {
    /// Stands before this address.
    pub(crate) async fn start(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let held = watch::Sender::new(false);
        let (target, watched) = (target.to_owned(), held.subscribe());
        tokio::spawn(async move {
            loop {
                let (near, _) = listener.accept().await.unwrap();
                let Ok(far) = TcpStream::connect(&target).await else {
                    continue;
                };
                let ((near_read, near_write), (far_read, far_write)) =
                    (near.into_split(), far.into_split());
                tokio::spawn(pass(near_read, far_write, watched.clone()));
                tokio::spawn(pass(far_read, near_write, watched.clone()));
            }
        });
        Self { address, held }
    }

    /// From now on nothing comes through, and nobody is told.
    pub(crate) fn hold(&self) {
        self.held.send_replace(true);
    }

    /// What was held goes on.
    pub(crate) fn release(&self) {
        self.held.send_replace(false);
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut held: watch::Receiver<bool>) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        if held.wait_for(|held| !held).await.is_err() {
            return;
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
