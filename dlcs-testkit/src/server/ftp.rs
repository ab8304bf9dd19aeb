//! An FTP origin on the loopback interface that says what a test tells it, lies included.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use url::Url;

use crate::gate::Gate;

/// How many bytes of a path's name are escaped in an address: all that might mean something.
fn escaped(name: &str) -> String {
    name.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}

/// What is under a name of an [`FtpServer`].
#[derive(Debug, Clone)]
#[must_use]
pub struct FtpObject {
    bytes: Bytes,
    size: Option<u64>,
    sent: usize,
    gate_before: Option<Gate>,
    gate_within: Option<Gate>,
    gate_after: Option<Gate>,
    ending: String,
}

impl FtpObject {
    /// An object of these bytes.
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self {
            size: Some(bytes.len() as u64),
            sent: bytes.len(),
            bytes,
            gate_before: None,
            gate_within: None,
            gate_after: None,
            ending: "226 all sent\r\n".to_owned(),
        }
    }

    /// Says another size, or none.
    pub fn with_size(mut self, size: Option<u64>) -> Self {
        self.size = size;
        self
    }

    /// Sends so many bytes and ends, whatever the size was.
    pub fn truncated_at(mut self, bytes: usize) -> Self {
        self.sent = bytes;
        self
    }

    /// Says nothing of it until the gate opens.
    pub fn gated(mut self, gate: Gate) -> Self {
        self.gate_before = Some(gate);
        self
    }

    /// Stops after so many bytes until the gate opens, and sends the rest then.
    pub fn gated_at(mut self, bytes: usize, gate: Gate) -> Self {
        self.sent = bytes;
        self.gate_within = Some(gate);
        self
    }

    /// Sends everything, and says so when the gate opens.
    pub fn gated_at_end(mut self, gate: Gate) -> Self {
        self.gate_after = Some(gate);
        self
    }

    /// Ends the transfer with this, line ends and all.
    pub fn ending_with(mut self, reply: &str) -> Self {
        reply.clone_into(&mut self.ending);
        self
    }
}

/// An FTP origin on a free port of the loopback interface, for as long as the value lives.
///
/// ```
/// # #[tokio::main] async fn main() {
/// use dlcs_testkit::server::{FtpObject, FtpServer};
///
/// let server = FtpServer::start().await;
/// let photograph = server.serve("a.jpg", FtpObject::new("bytes of an image"));
/// server.answer("PASV", "227 over there (10,0,0,1,{high},{low})\r\n");
/// assert_eq!(photograph.path(), "/a.jpg");
/// # }
/// ```
#[derive(Debug)]
pub struct FtpServer {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    accepting: AbortHandle,
}

#[derive(Debug, Default)]
struct State {
    objects: HashMap<Vec<u8>, FtpObject>,
    answers: HashMap<String, String>,
    login: Option<(String, String)>,
    commands: Vec<String>,
}

impl FtpServer {
    /// Starts a server that lets everybody in and has nothing.
    ///
    /// # Panics
    /// When the loopback interface has no free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("the loopback interface has a free port");
        let address = listener
            .local_addr()
            .expect("a bound listener has an address");
        let state = Arc::default();
        let accepting = tokio::spawn(accept(listener, Arc::clone(&state))).abort_handle();
        Self {
            address,
            state,
            accepting,
        }
    }

    /// Returns the address of a name.
    ///
    /// # Panics
    /// Never: every name can be escaped.
    #[must_use]
    pub fn url(&self, name: &str) -> Url {
        Url::parse(&format!("ftp://{}/{}", self.address, escaped(name)))
            .expect("an escaped name belongs in an address")
    }

    /// Puts an object under a name, and returns its address.
    pub fn serve(&self, name: &str, object: FtpObject) -> Url {
        lock(&self.state).objects.insert(name.into(), object);
        self.url(name)
    }

    /// Answers a command with this, line ends and all, instead of obeying it; the command `CONNECT` is the greeting. `{port}` is the port
    /// of the data, and `{high}` and `{low}` are its bytes.
    pub fn answer(&self, verb: &str, reply: impl Into<String>) {
        let reply = reply.into();
        lock(&self.state).answers.insert(verb.to_owned(), reply);
    }

    /// Lets nobody in but this user.
    pub fn require_login(&self, user: &str, password: &str) {
        lock(&self.state).login = Some((user.to_owned(), password.to_owned()));
    }

    /// Returns the commands that came so far, in order.
    #[must_use]
    pub fn commands(&self) -> Vec<String> {
        lock(&self.state).commands.clone()
    }
}

impl Drop for FtpServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, state: Arc<Mutex<State>>) {
    // The connections end with the server.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        connections.spawn(async move {
            // A client that goes away is what some tests are about.
            let _ = converse(BufReader::new(stream), &state).await;
        });
    }
}

async fn converse(mut control: BufReader<TcpStream>, state: &Mutex<State>) -> io::Result<()> {
    let data = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let port = data.local_addr()?.port();
    let [high, low] = port.to_be_bytes();
    let mut user = String::new();
    let mut line = b"CONNECT\r\n".to_vec();
    loop {
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        let (verb, argument) = text.split_once(' ').unwrap_or((&text, ""));
        let (verb, name) = (verb.to_ascii_uppercase(), argument.as_bytes());
        let (answer, object, login) = {
            let mut state = lock(state);
            state.commands.push(text.clone());
            let object = state.objects.get(name).cloned();
            (
                state.answers.get(&verb).cloned(),
                object,
                state.login.clone(),
            )
        };
        let reply = match (answer, verb.as_str(), &object) {
            (Some(answer), _, _) => answer,
            (None, "CONNECT", _) => "220-hello\r\n220 go on\r\n".to_owned(),
            (None, "USER", _) => {
                argument.clone_into(&mut user);
                "331 and the password\r\n".to_owned()
            }
            (None, "PASS", _) => match login {
                Some(login) if login != (user.clone(), argument.to_owned()) => {
                    "530 canary: not you\r\n".to_owned()
                }
                _ => "230 in\r\n".to_owned(),
            },
            (None, "TYPE" | "OPTS", _) => "200 so be it\r\n".to_owned(),
            (None, "EPSV", _) => "229 here (|||{port}|)\r\n".to_owned(),
            (None, "PASV", _) => "227 here (127,0,0,1,{high},{low})\r\n".to_owned(),
            (None, "SIZE", Some(object)) => {
                if let Some(gate) = &object.gate_before {
                    wait(&mut control, gate).await?;
                }
                match object.size {
                    Some(size) => format!("213 {size}\r\n"),
                    None => "550 canary: not allowed\r\n".to_owned(),
                }
            }
            (None, "RETR", Some(object)) => {
                send(&mut control, &data, object).await?;
                object.ending.clone()
            }
            (None, "SIZE" | "RETR", None) => "550 canary: nothing\r\n".to_owned(),
            _ => "500 canary: what?\r\n".to_owned(),
        };
        let reply = reply
            .replace("{port}", &port.to_string())
            .replace("{high}", &high.to_string())
            .replace("{low}", &low.to_string());
        control.write_all(reply.as_bytes()).await?;
        line.clear();
        if control.read_until(b'\n', &mut line).await? == 0 {
            return Ok(());
        }
    }
}

async fn send(
    control: &mut BufReader<TcpStream>,
    data: &TcpListener,
    object: &FtpObject,
) -> io::Result<()> {
    control.write_all(b"150 here it comes\r\n").await?;
    let (mut stream, _) = data.accept().await?;
    let (first, rest) = object.bytes.split_at(object.sent);
    stream.write_all(first).await?;
    if let Some(gate) = &object.gate_within {
        wait(control, gate).await?;
        stream.write_all(rest).await?;
    }
    stream.shutdown().await?;
    // As servers do that want to know that everything has arrived.
    while stream.read(&mut [0; 64]).await? > 0 {}
    if let Some(gate) = &object.gate_after {
        wait(control, gate).await?;
    }
    Ok(())
}

/// Waits for a gate, as long as the client is there.
async fn wait(control: &mut BufReader<TcpStream>, gate: &Gate) -> io::Result<()> {
    tokio::select! {
        () = gate.pass() => Ok(()),
        gone = control.fill_buf() => {
            gone?;
            Err(io::ErrorKind::ConnectionAborted.into())
        }
    }
}
