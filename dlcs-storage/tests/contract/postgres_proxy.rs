//! A network between a catalogue and its database, with faults.
#![expect(clippy::unwrap_used, reason = "a test says by panicking that it fails")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

/// What becomes of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Fault {
    None,
    /// Connections that are made from now on are closed at once, and those that are there at their next word.
    Cut,
    /// The next `COMMIT` is passed on, and its connection closed when the server has answered.
    LoseReplyToCommit,
}

/// Passes everything on, until a fault is chosen.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    shared: Arc<Shared>,
    task: AbortHandle,
}

struct Shared {
    fault: AtomicU8,
    /// Connections before this generation say and hear nothing more.
    silent_before: AtomicU8,
    generation: AtomicU8,
}

impl Proxy {
    pub(crate) async fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            fault: AtomicU8::new(Fault::None as u8),
            silent_before: AtomicU8::new(0),
            generation: AtomicU8::new(0),
        });
        let inner = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                if inner.is(Fault::Cut) {
                    continue;
                }
                let server = TcpStream::connect(target).await.unwrap();
                client.set_nodelay(true).unwrap();
                server.set_nodelay(true).unwrap();
                tokio::spawn(serve(client, server, Arc::clone(&inner)));
            }
        });
        Self {
            port,
            shared,
            task: task.abort_handle(),
        }
    }

    pub(crate) fn set(&self, fault: Fault) {
        self.shared.fault.store(fault as u8, Ordering::SeqCst);
    }

    /// Whether the chosen fault waits still for its occasion.
    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.shared.is(fault)
    }

    /// All connections that there are go on to stand, and nothing goes through them any more; new ones are sound.
    pub(crate) fn silence(&self) {
        let next = self.shared.generation.fetch_add(1, Ordering::SeqCst) + 1;
        self.shared.silent_before.store(next, Ordering::SeqCst);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn is(&self, fault: Fault) -> bool {
        self.fault.load(Ordering::SeqCst) == fault as u8
    }
}

async fn serve(client: TcpStream, server: TcpStream, shared: Arc<Shared>) {
    let generation = shared.generation.load(Ordering::SeqCst);
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let is_silent = {
        let shared = Arc::clone(&shared);
        move || generation < shared.silent_before.load(Ordering::SeqCst)
    };
    let lost = Arc::new(AtomicU8::new(0));
    tokio::select! {
        () = up(from_client, to_server, &shared, &is_silent, &lost) => {}
        () = down(from_server, to_client, &is_silent, &lost) => {}
    }
}

async fn up(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    shared: &Shared,
    is_silent: &(impl Fn() -> bool + Sync),
    lost: &AtomicU8,
) {
    let mut bytes = vec![0; 1 << 16];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        if shared.is(Fault::Cut) {
            return;
        }
        if is_silent() {
            continue;
        }
        let is_commit = bytes[..count].windows(7).any(|window| window == b"COMMIT;");
        if is_commit && shared.is(Fault::LoseReplyToCommit) {
            shared.fault.store(Fault::None as u8, Ordering::SeqCst);
            lost.store(1, Ordering::SeqCst);
        }
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}

async fn down(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    is_silent: &(impl Fn() -> bool + Sync),
    lost: &AtomicU8,
) {
    let mut bytes = vec![0; 1 << 16];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        if lost.load(Ordering::SeqCst) == 1 {
            return;
        }
        if !is_silent() && to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}
