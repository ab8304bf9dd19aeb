//! A listener: accepts connections, bounds what each may take, and stops gracefully.
//!
//! It speaks HTTP/1.1 and HTTP/2 without TLS: put a proxy in front where the network is not trusted.

mod activity;
mod body;
mod connection;
mod head;

use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::header::CONNECTION;
use http::{HeaderValue, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinSet;

use body::PatientBody;
use connection::{PatientStream, Watch, WatchedBody};

use crate::body::ResponseBody;
use crate::peer::{PeerAddress, network};
use crate::places::{Place, Places};
use crate::service::DlcsService;

/// The most connections at once; the next ones wait in the system's queue.
const CONNECTIONS: usize = 4096;
/// How often it is said, at the most, that an address has too many connections.
const COMPLAINT: Duration = Duration::from_secs(60);
/// The most headers of a request.
const HEADERS: usize = 64;
/// The largest head of a request, in bytes, and what is read ahead of a body.
const HEAD_BYTES: usize = 64 * 1024;
/// The largest head of a request over HTTP/2, unpacked.
const H2_HEAD_BYTES: u32 = 16 * 1024;
/// The most requests at once over one connection of HTTP/2.
const H2_STREAMS: u32 = 100;
/// The most requests that a client of HTTP/2 may have opened and reset.
const H2_RESETS: usize = 20;
/// How often a silent connection of HTTP/2 is asked whether it is still there, and how long it may take to answer.
const H2_PING: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(10));
/// How long to wait after the system refused to accept, which it does when it has no file handles left.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

/// Serves until `shutdown` is ready; then accepts nothing more, and returns when every request is answered or `drain` is over.
///
/// Dropping it closes every connection.
pub async fn serve(
    listener: TcpListener,
    service: DlcsService,
    shutdown: impl Future<Output = ()> + Send,
    drain: Duration,
) {
    let protocol = Arc::new(protocol());
    let doors = Doors::new(&service);
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    // Streams of events would otherwise go on for as long as their batches.
    let (stopping, stopped) = watch::channel(());
    let service = service.until(stopping_of(stopped));
    // Nothing is ever sent: it ends when every request has dropped its sender.
    let (unfinished, mut finished) = mpsc::channel::<Infallible>(1);
    loop {
        let (stream, peer, place) = tokio::select! {
            biased;
            () = &mut shutdown => break,
            accepted = doors.accept(&listener, &service) => accepted,
        };
        // What has ended is forgotten here, so that the set holds open connections only.
        while connections.try_join_next().is_some() {}
        let (stream, watch) = PatientStream::new(stream);
        let (service, unfinished) = (service.clone(), unfinished.clone());
        let patient = hyper::service::service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(PeerAddress(peer));
            answer(service.clone(), request, watch.clone(), unfinished.clone())
        });
        let connection = protocol
            .serve_connection(TokioIo::new(stream), patient)
            .into_owned();
        let connection = graceful.watch(connection);
        connections.spawn(async move {
            if let Err(error) = connection.await {
                // Clients that go away or send nonsense are their own affair.
                tracing::debug!(%error, "a connection ended early");
            }
            drop(place);
        });
    }
    drop((listener, stopping, unfinished));
    let all = async {
        graceful.shutdown().await;
        // Also what goes on although its client has hung up.
        finished.recv().await;
    };
    if tokio::time::timeout(drain, all).await.is_err() {
        tracing::warn!("requests that took too long were cut off");
    }
}

/// Is ready when whoever serves has begun to stop.
async fn stopping_of(mut stopped: watch::Receiver<()>) {
    // Nothing is ever sent: the sender is dropped.
    let _ = stopped.changed().await;
}

/// Answers a request whose head is sound, and refuses any other; says so when the connection cannot be used again.
async fn answer(
    service: DlcsService,
    request: Request<Incoming>,
    watch: Watch,
    unfinished: mpsc::Sender<Infallible>,
) -> Result<Response<WatchedBody>, Infallible> {
    let answering = watch.begin();
    let is_first_version = request.version() <= Version::HTTP_11;
    let unclear = head::is_end_unclear(&request);
    let (mut response, refused) = match head::problem(&request) {
        Some(reason) => {
            let (parts, _) = request.into_parts();
            (service.refuse(&parts, reason), true)
        }
        None if request.method().is_safe() => {
            (service.respond(request.map(PatientBody::new)).await, false)
        }
        None => (to_the_end(service, request, unfinished).await, false),
    };
    let late = response.status() == StatusCode::REQUEST_TIMEOUT;
    if is_first_version && (refused || unclear || late) {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    Ok(response.map(|body| answering.with(body)))
}

/// Answers in a task of its own: a registration goes on when its client hangs up.
async fn to_the_end(
    service: DlcsService,
    request: Request<Incoming>,
    unfinished: mpsc::Sender<Infallible>,
) -> Response<ResponseBody> {
    let answer = async move {
        let response = service.respond(request.map(PatientBody::new)).await;
        drop(unfinished);
        response
    };
    tokio::spawn(answer).await.unwrap_or_else(|_| {
        // The service answers its panics itself: this is the end of the runtime.
        let mut response = Response::new(ResponseBody::default());
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        response
    })
}

fn protocol() -> auto::Builder<TokioExecutor> {
    let mut protocol = auto::Builder::new(TokioExecutor::new());
    // How long a head may take is seen to by the stream: hyper's timer would be made anew for each request, and begins only when it has told
    // the versions apart.
    protocol
        .http1()
        .header_read_timeout(None)
        .max_headers(HEADERS)
        .max_buf_size(HEAD_BYTES)
        .half_close(false);
    // Without a timer, hyper's timeouts do nothing.
    protocol
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(H2_STREAMS)
        .max_header_list_size(H2_HEAD_BYTES)
        .keep_alive_interval(H2_PING.0)
        .keep_alive_timeout(H2_PING.1)
        .max_pending_accept_reset_streams(H2_RESETS);
    protocol
}

/// What decides who may come in.
struct Doors {
    permits: Arc<Semaphore>,
    /// The connections that are open, by address.
    addresses: Places<IpAddr>,
    /// When it was last said that an address has too many.
    complained: Mutex<Option<Instant>>,
}

/// The room that a connection takes.
struct Room {
    _permit: OwnedSemaphorePermit,
    _place: Option<Place<IpAddr>>,
}

impl Doors {
    fn new(service: &DlcsService) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(CONNECTIONS)),
            addresses: Places::new(service.connections_per_address()),
            complained: Mutex::default(),
        }
    }

    /// Says that connections are closed, but not of each: who opens them must not fill the log.
    fn complain(&self, peer: IpAddr) {
        let mut complained = self
            .complained
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if complained.is_some_and(|last| last.elapsed() < COMPLAINT) {
            return;
        }
        *complained = Some(Instant::now());
        tracing::warn!(
            address = %peer,
            "more connections than one address may have are closed: if this is a proxy, it should be named as one"
        );
    }

    /// Returns the next connection, however long the system refuses to give one.
    async fn accept(
        &self,
        listener: &TcpListener,
        service: &DlcsService,
    ) -> (TcpStream, IpAddr, Room) {
        let permit = Arc::clone(&self.permits)
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        loop {
            let (stream, peer) = accept(listener).await;
            // A proxy brings the connections of others.
            let is_proxy = service.trusts(peer);
            let place = (!is_proxy).then(|| enter(&self.addresses, peer));
            if let Some(None) = place {
                self.complain(peer);
                continue;
            }
            let room = Room {
                _permit: permit,
                _place: place.flatten(),
            };
            return (stream, peer, room);
        }
    }
}

/// Counts one more connection of an address, or of the network that one of IPv6 may take any address of.
fn enter(places: &Places<IpAddr>, peer: IpAddr) -> Option<Place<IpAddr>> {
    places.enter(network(peer))
}

/// Returns the next connection, however long the system refuses to give one.
async fn accept(listener: &TcpListener) -> (TcpStream, IpAddr) {
    let (mut wait, longest) = BACK_OFF;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Without this, small answers wait for the acknowledgement of the one before.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "a connection was lost at once");
                }
                return (stream, peer.ip());
            }
            // The client's fault, not the machine's: there is nothing to wait for.
            Err(error) if is_of_client(&error) => {}
            Err(error) => {
                tracing::error!(%error, "no connection could be accepted");
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(longest);
            }
        }
    }
}

fn is_of_client(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::ConnectionRefused
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_of_ipv6_has_the_places_of_one_address() {
        let places = Places::new(2);
        let open = |peer: &str| enter(&places, peer.parse().unwrap());
        let held = [open("2001:db8::1"), open("2001:db8::2:3")];
        assert!(held.iter().all(Option::is_some));
        assert!(open("2001:db8::4").is_none(), "both are of one network");
        assert!(open("2001:db8:0:1::1").is_some());
        assert!(open("192.0.2.1").is_some() && open("192.0.2.2").is_some());
    }
}
