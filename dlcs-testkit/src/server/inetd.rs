//! Somebody else's server, one process for each connection, as the old super-server of Unix runs them.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

/// A program that serves each connection to a port of the loopback interface, for as long as the value lives.
///
/// It needs no free port of its own, listens at once, and ends with the test.
pub struct Inetd {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    served: Arc<AtomicUsize>,
    accepting: Option<JoinHandle<()>>,
}

impl Inetd {
    /// Listens at a free port, and runs a program for each connection, which is its standard input and output.
    ///
    /// # Panics
    /// When the loopback interface has no free port.
    #[must_use]
    pub fn start(program: impl Fn() -> Command + Send + 'static) -> Self {
        Self::start_at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), program)
            .expect("the loopback interface has a free port")
    }

    /// Listens at this address.
    ///
    /// # Errors
    /// What keeps the port from being listened at.
    pub fn start_at(
        address: SocketAddr,
        program: impl Fn() -> Command + Send + 'static,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let stop = Arc::new(AtomicBool::new(false));
        let served = Arc::new(AtomicUsize::new(0));
        let (stopped, counted) = (Arc::clone(&stop), Arc::clone(&served));
        let accepting = thread::spawn(move || {
            let mut children = Children(Vec::new());
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    break;
                }
                let started = stream.and_then(|stream| serve(program(), stream));
                children.0.extend(started.ok());
                counted.fetch_add(1, Ordering::SeqCst);
                // Whoever has ended is waited for.
                children
                    .0
                    .retain_mut(|child| matches!(child.try_wait(), Ok(None)));
            }
        });
        Ok(Self {
            address,
            stop,
            served,
            accepting: Some(accepting),
        })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections there have been.
    #[must_use]
    pub fn served(&self) -> usize {
        self.served.load(Ordering::SeqCst)
    }
}

fn serve(mut program: Command, stream: TcpStream) -> std::io::Result<Child> {
    let output = OwnedFd::from(stream.try_clone()?);
    program
        .stdin(Stdio::from(OwnedFd::from(stream)))
        .stdout(Stdio::from(output))
        .stderr(Stdio::null())
        .spawn()
}

/// Processes that end with the value.
struct Children(Vec<Child>);

impl Drop for Children {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // One that has ended meanwhile is as good.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Inetd {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the listener up.
        let woken = TcpStream::connect(self.address);
        if let (Ok(_), Some(accepting)) = (woken, self.accepting.take()) {
            let _ = accepting.join();
        }
    }
}

impl fmt::Debug for Inetd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inetd")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
