//! Something between two programs that can fall silent without closing anything, and break every connection.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Passes on what it gets, unless it is told to hold it or to break off.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    state: Arc<watch::Sender<State>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Passing,
    /// So many words of clients come through yet, and then nothing.
    PassingOnly(usize),
    Held,
    Cut,
}

/// Whose words they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum From {
    Client,
    Server,
}

impl Proxy {
    /// Stands before this address.
    pub(crate) async fn start(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(watch::Sender::new(State::Passing));
        let (target, shared) = (target.to_owned(), Arc::clone(&state));
        tokio::spawn(async move {
            loop {
                let (near, _) = listener.accept().await.unwrap();
                if *shared.borrow() == State::Cut {
                    continue;
                }
                let Ok(far) = TcpStream::connect(&target).await else {
                    continue;
                };
                tokio::spawn(between(near, far, Arc::clone(&shared)));
            }
        });
        Self { address, state }
    }

    /// From now on nothing comes through, and nobody is told.
    pub(crate) fn hold(&self) {
        self.state.send_replace(State::Held);
    }

    /// As [`Self::hold`], once so many words of clients have come through.
    pub(crate) fn hold_after(&self, words: usize) {
        self.state.send_replace(State::PassingOnly(words));
    }

    /// Waits until something is held.
    pub(crate) async fn is_held(&self) {
        let mut state = self.state.subscribe();
        let _ = state.wait_for(|state| *state == State::Held).await;
    }

    /// From now on connections are closed: those that are there, and new ones as they come.
    pub(crate) fn cut(&self) {
        self.state.send_replace(State::Cut);
    }

    /// What was held goes on, and new connections are taken.
    pub(crate) fn release(&self) {
        self.state.send_replace(State::Passing);
    }
}

async fn between(near: TcpStream, far: TcpStream, state: Arc<watch::Sender<State>>) {
    let ((near_read, near_write), (far_read, far_write)) = (near.into_split(), far.into_split());
    let mut cut = state.subscribe();
    tokio::select! {
        _ = cut.wait_for(|state| *state == State::Cut) => {}
        ((), ()) = async {
            tokio::join!(
                pass(From::Client, near_read, far_write, &state),
                pass(From::Server, far_read, near_write, &state)
            )
        } => {}
    }
}

async fn pass(
    who: From,
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    state: &watch::Sender<State>,
) {
    let mut watched = state.subscribe();
    let mut buffer = vec![0; 64 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        if who == From::Client {
            state.send_if_modified(count_down);
        }
        let passes = |state: &State| *state != State::Held;
        if watched.wait_for(passes).await.is_err() {
            return;
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

fn count_down(state: &mut State) -> bool {
    match *state {
        State::PassingOnly(0) => *state = State::Held,
        State::PassingOnly(words) => *state = State::PassingOnly(words - 1),
        _ => return false,
    }
    true
}
