//! An HTTP origin on the loopback interface that says what a test tells it.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt, Collected};
use hyper::body::Incoming;
use hyper::header::AUTHORIZATION;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use url::{Position, Url};

use super::reply::{Body, Reply};

/// A request that a server received.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordedRequest {
    /// The method.
    pub method: String,
    /// The path and the query, as they came.
    pub target: String,
    /// The body, as far as it came.
    pub body: Bytes,
    headers: Vec<(String, String)>,
}

impl RecordedRequest {
    /// Every header, its name in lower case.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let headers = self.headers.iter();
        headers.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The value of a header, by its name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// An HTTP origin on a free port of the loopback interface, for as long as the value lives.
///
/// ```
/// # #[tokio::main] async fn main() {
/// use dlcs_testkit::server::{HttpServer, Reply};
///
/// let server = HttpServer::start().await;
/// let photograph = server.serve("/a.jpg", "bytes of an image");
/// let busy = server.route("/b.jpg", Reply::status(503).with_header("retry-after", "7"));
/// assert_eq!(photograph.path(), "/a.jpg");
/// assert!(server.requests().is_empty());
/// # }
/// ```
#[derive(Debug)]
pub struct HttpServer {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    accepting: AbortHandle,
}

#[derive(Debug, Default)]
struct State {
    /// For each target what comes next; the last stays.
    replies: HashMap<String, VecDeque<Reply>>,
    requests: Vec<RecordedRequest>,
}

impl HttpServer {
    /// Starts a server that answers 404 to everything.
    ///
    /// # Panics
    /// When the loopback interface has no free port.
    pub async fn start() -> Self {
        Self::start_on(Ipv4Addr::LOCALHOST).await
    }

    /// Starts a server again where another was before.
    ///
    /// # Panics
    /// When somebody else has taken the port meanwhile.
    pub async fn start_at_port(port: u16) -> Self {
        Self::start_at((Ipv4Addr::LOCALHOST, port).into()).await
    }

    /// Starts a server at another address of the loopback interface, so that a test can open the one and not the other.
    ///
    /// # Panics
    /// When the address is not of this machine, or has no free port.
    pub async fn start_on(address: Ipv4Addr) -> Self {
        Self::start_at((address, 0).into()).await
    }

    async fn start_at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address)
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

    /// Returns the address of a path, which may be percent-encoded and may have a query.
    ///
    /// # Panics
    /// When it is not a path.
    #[must_use]
    pub fn url(&self, path: &str) -> Url {
        Url::parse(&format!("http://{}", self.address))
            .and_then(|root| root.join(path))
            .expect("a test gives a path that belongs in an address")
    }

    /// Answers with these bytes at a path, and returns the address.
    pub fn serve(&self, path: &str, bytes: impl Into<Bytes>) -> Url {
        self.route(path, Reply::bytes(bytes))
    }

    /// Answers like this at a path, and returns the address.
    pub fn route(&self, path: &str, reply: Reply) -> Url {
        self.route_in_turn(path, [reply])
    }

    /// Answers like this at a path, one request after the other and the last for ever, and returns the address.
    pub fn route_in_turn(&self, path: &str, replies: impl IntoIterator<Item = Reply>) -> Url {
        let url = self.url(path);
        let target = url[Position::BeforePath..Position::AfterQuery].to_owned();
        let replies = replies.into_iter().collect();
        lock(&self.state).replies.insert(target, replies);
        url
    }

    /// The port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.address.port()
    }

    /// Returns the requests that came so far, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        lock(&self.state).requests.clone()
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        // The task holds the listener and every connection.
        self.accepting.abort();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, state: Arc<Mutex<State>>) {
    let mut connections = JoinSet::new();
    while let Ok((socket, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        let Ok((socket, twin)) = twins(socket) else {
            continue;
        };
        let twin = Arc::new(twin);
        let service =
            service_fn(move |request| answer(Arc::clone(&state), Arc::clone(&twin), request));
        connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(socket), service));
        while connections.try_join_next().is_some() {}
    }
}

/// A connection twice: one to talk, and one to cut it.
fn twins(socket: TcpStream) -> io::Result<(TcpStream, TcpStream)> {
    let socket = socket.into_std()?;
    let twin = TcpStream::from_std(socket.try_clone()?)?;
    Ok((TcpStream::from_std(socket)?, twin))
}

async fn answer(
    state: Arc<Mutex<State>>,
    connection: Arc<TcpStream>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let record = record(request).await;
    let reply = {
        let mut state = lock(&state);
        let replies = state.replies.get_mut(&record.target);
        let reply = replies.and_then(|replies| match replies.len() {
            0 | 1 => replies.front().cloned(),
            _ => replies.pop_front(),
        });
        state.requests.push(record.clone());
        reply
    };
    let reply = match reply {
        Some(reply) if reply.admits(record.header(AUTHORIZATION.as_str())) => reply,
        Some(_) => Reply::status(401).with_header("www-authenticate", "Basic realm=\"test\""),
        None => Reply::status(404),
    };
    reply.begin().await;
    Ok(reply.into_response(connection))
}

async fn record(request: Request<Incoming>) -> RecordedRequest {
    let (head, body) = request.into_parts();
    let target = head.uri.path_and_query();
    let headers = head.headers.iter();
    RecordedRequest {
        method: head.method.to_string(),
        target: target.map_or_else(String::new, ToString::to_string),
        // A client that goes away is what some tests are about.
        body: body
            .collect()
            .await
            .map(Collected::to_bytes)
            .unwrap_or_default(),
        headers: headers
            .map(|(name, value)| {
                (
                    name.to_string(),
                    String::from_utf8_lossy(value.as_bytes()).into_owned(),
                )
            })
            .collect(),
    }
}
