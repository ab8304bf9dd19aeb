//! HTTP origins: the contract, and what only HTTP has.
#![expect(clippy::unwrap_used, reason = "a test stops at what goes wrong")]

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use dlcs_core::origin::{
    Credentials, OriginAccess, OriginError, OriginRequest, OriginStrategy, Result,
};
use dlcs_storage::origin::http::{HttpOrigin, HttpOriginConfig};
use dlcs_storage::origin::network::AllowedNetworks;
use dlcs_testkit::Gate;
use dlcs_testkit::fake::FakeClock;
use dlcs_testkit::origin::{OriginFixture, Protected};
use dlcs_testkit::server::{HttpServer, Reply};
use futures_util::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use url::Url;

struct Fixture {
    server: HttpServer,
    origin: Arc<HttpOrigin>,
}

async fn fixture() -> Fixture {
    Fixture {
        server: HttpServer::start().await,
        origin: Arc::new(opened()),
    }
}

/// An origin that may dial the loopback interface.
pub(crate) fn opened() -> HttpOrigin {
    HttpOrigin::new(config())
}

pub(crate) fn config() -> HttpOriginConfig {
    let loopback = AllowedNetworks::parse(["127.0.0.0/8", "::1"]).unwrap();
    HttpOriginConfig::default().with_allowed_networks(loopback)
}

#[async_trait]
impl OriginFixture for Fixture {
    fn origin(&self) -> Arc<dyn OriginStrategy> {
        Arc::clone(&self.origin) as _
    }

    async fn object(&self, name: &str, bytes: Bytes) -> Url {
        let mut url = self.server.url("/objects");
        url.path_segments_mut().unwrap().push(name);
        self.server.serve(url.path(), bytes)
    }

    async fn missing(&self) -> Url {
        self.server.url("/missing")
    }

    async fn protected(&self, bytes: Bytes) -> Option<Protected> {
        let reply = Reply::bytes(bytes).protected_by("canary-user", "canary:pässword");
        Some(Protected {
            url: self.server.route("/protected", reply),
            good: basic("canary-user", "canary:pässword"),
            bad: basic("canary-user", "canary-guess"),
        })
    }

    async fn truncated(&self, bytes: Bytes, sent: usize) -> Option<Url> {
        let reply = Reply::bytes(bytes).breaking_at(sent);
        Some(self.server.route("/truncated", reply))
    }

    async fn gated(&self, bytes: Bytes, sent: usize, gate: Gate) -> Option<Url> {
        let reply = Reply::bytes(bytes).gated_at(sent, gate);
        Some(self.server.route("/gated", reply))
    }

    async fn silent(&self, gate: Gate) -> Option<Url> {
        Some(self.server.route("/silent", Reply::bytes("").gated(gate)))
    }
}

dlcs_testkit::origin_contract!(fixture());

fn basic(user: &str, password: &str) -> OriginAccess {
    OriginAccess::BasicHttp(Credentials::new(user, password))
}

pub(crate) async fn read(origin: &HttpOrigin, request: OriginRequest<'_>) -> Result<Vec<u8>> {
    let mut body = origin.open(request).await?.into_body();
    let mut bytes = Vec::new();
    while let Some(chunk) = body.next().await {
        bytes.extend_from_slice(&chunk?);
    }
    Ok(bytes)
}

pub(crate) async fn fail(origin: &HttpOrigin, url: &Url) -> OriginError {
    match read(origin, OriginRequest::new(url)).await {
        Ok(bytes) => panic!("{url} gave {} bytes", bytes.len()),
        Err(error) => error,
    }
}

/// The reason of a permanent failure.
pub(crate) async fn failure(origin: &HttpOrigin, url: &Url) -> &'static str {
    match fail(origin, url).await {
        OriginError::Backend {
            backend: "http",
            reason,
            ..
        } => reason,
        error => panic!("{url} gave {error:?}"),
    }
}

#[tokio::test]
async fn bodies_in_chunks_have_no_length_and_obey_the_limit() {
    let (server, origin) = (HttpServer::start().await, opened());
    let url = server.route("/a", Reply::bytes(vec![7; 300_000]).without_length());
    let request = OriginRequest::new(&url);
    assert_eq!(origin.open(request).await.unwrap().length(), None);
    assert_eq!(read(&origin, request).await.unwrap(), vec![7; 300_000]);
    let got = read(&origin, request.with_limit(299_999)).await;
    assert!(
        matches!(got, Err(OriginError::TooLarge { limit: 299_999 })),
        "{got:?}"
    );
    let broken = Reply::bytes(vec![7; 300_000])
        .without_length()
        .breaking_at(100);
    let got = fail(&origin, &server.route("/b", broken)).await;
    assert!(
        matches!(got, OriginError::Interrupted { expected: None, .. }),
        "{got:?}"
    );
}

#[tokio::test]
async fn a_declared_length_beyond_the_limit_is_refused_before_the_body() {
    let (server, origin, gate) = (HttpServer::start().await, opened(), Gate::new());
    let url = server.route("/a", Reply::bytes(vec![7; 1000]).gated_at(0, gate));
    let got = origin.open(OriginRequest::new(&url).with_limit(999)).await;
    assert!(
        matches!(got, Err(OriginError::TooLarge { limit: 999 })),
        "{got:?}"
    );
}

#[tokio::test]
async fn each_status_says_what_the_caller_can_do() {
    let clock = FakeClock::new();
    let origin = HttpOrigin::new(config().with_clock(clock));
    let server = HttpServer::start().await;
    for (status, kind) in [
        (300, "Refused"),
        (304, "Refused"),
        (400, "Refused"),
        (401, "Denied"),
        (403, "Denied"),
        (404, "NotFound"),
        (406, "Refused"),
        (408, "Unavailable"),
        (410, "NotFound"),
        (418, "Refused"),
        (425, "Unavailable"),
        (429, "Unavailable"),
        (451, "Refused"),
        (500, "Unavailable"),
        (503, "Unavailable"),
        (599, "Unavailable"),
        (206, "Backend"),
    ] {
        let url = server.route(
            &format!("/{status}"),
            Reply::status(status).with_header("retry-after", "7"),
        );
        let error = fail(&origin, &url).await;
        let text = format!("{error:?}");
        assert!(text.starts_with(kind), "{status}: {text}");
        assert!(
            status == 206 || error.to_string().contains(&status.to_string()),
            "{error}"
        );
        assert_eq!(error.is_transient(), kind == "Unavailable", "{status}");
        let wait = (kind == "Unavailable").then_some(Duration::from_secs(7));
        assert_eq!(error.retry_after(), wait, "{status}");
    }
    let url = server.route("/203", Reply::bytes("ok"));
    assert_eq!(
        read(&origin, OriginRequest::new(&url)).await.unwrap(),
        b"ok"
    );
}

#[tokio::test]
async fn requests_say_who_asks_and_want_plain_bytes() {
    let (server, origin) = (HttpServer::start().await, opened());
    let reply = Reply::bytes("tiff").with_header("content-type", "image/tiff; x=y");
    let url = server.route("/a.tif?page=2&q=a%20b", reply);
    let response = origin.open(OriginRequest::new(&url)).await.unwrap();
    assert_eq!(response.media_type(), Some("image/tiff; x=y"));
    assert_eq!(response.length(), Some(4));
    let requests = server.requests();
    let request = &requests[0];
    assert_eq!(
        (request.method.as_str(), request.target.as_str()),
        ("GET", "/a.tif?page=2&q=a%20b")
    );
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        request.header("user-agent"),
        Some(format!("dlcs/{version}").as_str())
    );
    assert_eq!(request.header("accept-encoding"), Some("identity"));
    assert_eq!(request.header("authorization"), None);
}

#[tokio::test]
async fn compressed_answers_are_refused() {
    let (server, origin) = (HttpServer::start().await, opened());
    for coding in ["gzip", "br", "identity, gzip"] {
        let url = server.route(
            "/a",
            Reply::bytes("x").with_header("content-encoding", coding),
        );
        assert_eq!(
            failure(&origin, &url).await,
            "it compresses its bytes although asked not to"
        );
    }
    let url = server.route(
        "/b",
        Reply::bytes("x").with_header("content-encoding", "Identity"),
    );
    assert!(read(&origin, OriginRequest::new(&url)).await.is_ok());
}

#[tokio::test]
async fn eight_redirects_are_followed_and_nine_are_not() {
    let (server, origin) = (HttpServer::start().await, opened());
    for hop in 0..9 {
        let status = [301, 302, 303, 307, 308][hop % 5];
        server.route(
            &format!("/r/{hop}"),
            Reply::redirect(status, format!("{}", hop + 1)),
        );
    }
    server.serve("/r/9", "found");
    let eight = server.url("/r/1");
    assert_eq!(
        read(&origin, OriginRequest::new(&eight)).await.unwrap(),
        b"found"
    );
    assert_eq!(
        failure(&origin, &server.url("/r/0")).await,
        "it redirects more than 8 times"
    );
    let own = server.route("/loop", Reply::redirect(302, "/loop"));
    assert_eq!(
        failure(&origin, &own).await,
        "it redirects more than 8 times"
    );
    let other = server.route("/ftp", Reply::redirect(302, "ftp://127.0.0.1/a"));
    assert_eq!(
        failure(&origin, &other).await,
        "it redirects to an address that is not http or https"
    );
}

#[tokio::test]
async fn credentials_go_to_their_own_host_only() {
    let (own, other, origin) = (
        HttpServer::start().await,
        HttpServer::start().await,
        opened(),
    );
    let back = own.serve("/back", "ok");
    other.route("/hop", Reply::redirect(302, back.as_str()));
    let here = own.route("/here", Reply::redirect(302, "/there"));
    own.route("/there", Reply::redirect(302, other.url("/hop").as_str()));
    let access = basic("user", "password");
    let request = OriginRequest::new(&here).with_access(&access);
    assert_eq!(read(&origin, request).await.unwrap(), b"ok");
    let sent: Vec<bool> = [own.requests(), other.requests()]
        .concat()
        .iter()
        .map(|request| request.header("authorization").is_some())
        .collect();
    assert_eq!(sent, [true, true, false, false], "here, there, back, hop");
}

#[tokio::test]
async fn userinfo_of_a_redirect_is_not_sent() {
    let (server, origin) = (HttpServer::start().await, opened());
    let there = server.serve("/there", "ok");
    let tricky = there.as_str().replace("http://", "http://canary:canary@");
    let url = server.route("/here", Reply::redirect(302, tricky));
    read(&origin, OriginRequest::new(&url)).await.unwrap();
    assert_eq!(server.requests()[1].header("authorization"), None);
}

#[tokio::test]
async fn no_form_of_a_private_address_is_dialled() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let closed = HttpOrigin::new(HttpOriginConfig::default());
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f.1",
        "[::ffff:127.0.0.1]",
        "[::1]",
        "0.0.0.0",
        "localhost",
        "LOCALHOST",
    ] {
        let url = Url::parse(&format!("http://{host}:{port}/")).unwrap();
        let error = fail(&closed, &url).await;
        let OriginError::AddressNotAllowed { reason } = error else {
            panic!("{url} gave {error:?}");
        };
        assert!(reason.contains("`allow-private`"), "{reason}");
    }
    // Not every resolver takes the final dot.
    let dotted = Url::parse(&format!("http://localhost.:{port}/")).unwrap();
    fail(&closed, &dotted).await;
    let dialled = tokio::time::timeout(Duration::from_millis(100), listener.accept()).await;
    assert!(dialled.is_err(), "somebody dialled");
}

#[tokio::test]
async fn every_hop_is_guarded() {
    let (server, origin) = (HttpServer::start().await, opened());
    for to in [
        "http://10.0.0.1/",
        "http://192.168.0.1/",
        "https://[fd00::1]/",
        "http://[::ffff:10.0.0.1]/",
        "//169.254.169.254/latest/meta-data/",
        "http://metadata.google.internal./",
        "http://8.8.8.8:25/",
        "http://0/",
    ] {
        server.route("/second", Reply::redirect(307, to));
        let url = server.route("/first", Reply::redirect(302, "/second"));
        let error = fail(&origin, &url).await;
        assert!(
            matches!(error, OriginError::AddressNotAllowed { .. }),
            "{to} gave {error:?}"
        );
    }
}

#[tokio::test]
async fn names_are_dialled_where_they_were_checked_and_any_port_is_open_in_an_opened_network() {
    let origin = opened();
    let server = HttpServer::start().await;
    let mut url = server.serve("/a", "ok");
    url.set_host(Some("localhost")).unwrap();
    assert_eq!(
        read(&origin, OriginRequest::new(&url)).await.unwrap(),
        b"ok"
    );
    // A port of another service, where nothing listens on this machine: refused by the network, not by the guard.
    let url = Url::parse("http://localhost:1/").unwrap();
    let error = fail(&origin, &url).await;
    assert!(matches!(error, OriginError::Connection { .. }), "{error:?}");
    // Of the addresses of a name each must be open.
    let half = HttpOriginConfig::default()
        .with_allowed_networks("192.168.0.0/16".parse::<AllowedNetworks>().unwrap());
    let error = fail(&HttpOrigin::new(half), &url).await;
    assert!(
        matches!(error, OriginError::AddressNotAllowed { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn failed_connections_say_so_without_an_address() {
    let origin = opened();
    let port = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    for (url, reason) in [
        (
            format!("http://localhost:{port}/"),
            "nothing listens at that address",
        ),
        (
            format!("http://127.0.0.1:{port}/"),
            "nothing listens at that address",
        ),
        (
            "http://no-such-name.invalid/".to_owned(),
            "the name of the host does not resolve",
        ),
    ] {
        let error = fail(&origin, &Url::parse(&url).unwrap()).await;
        assert!(error.is_transient(), "{error:?}");
        let mut said = format!("{error:?} {error}");
        let mut cause = error.source();
        while let Some(source) = cause {
            said = format!("{said} {source}");
            cause = source.source();
        }
        assert!(said.contains(reason), "{said}");
        assert!(
            !said.contains("127.0.0.1") && !said.contains("::1"),
            "{said}"
        );
    }
}

#[tokio::test]
async fn a_broken_answer_is_tried_again_and_a_broken_handshake_is_not() {
    let origin = opened();
    for (scheme, answer, transient) in [
        ("http", &b""[..], true),
        ("https", b"", true),
        ("https", b"HTTP/1.1 400 Bad Request\r\n\r\n", false),
        // A fatal alert: handshake failure.
        ("https", b"\x15\x03\x03\x00\x02\x02\x28", false),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("{scheme}://{}/", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let _ = socket.read(&mut [0; 4096]).await;
            socket.write_all(answer).await.unwrap();
        });
        let error = fail(&origin, &Url::parse(&url).unwrap()).await;
        let expected = if transient { "Connection" } else { "Backend" };
        let text = format!("{error:?}");
        assert!(text.starts_with(expected), "{scheme} {answer:?}: {text}");
        assert_eq!(error.is_transient(), transient);
        server.await.unwrap();
    }
}

#[tokio::test]
async fn a_connection_that_is_not_made_is_given_up() {
    // The system takes the connection; nobody answers to the handshake.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let wait = Duration::from_millis(200);
    let origin = HttpOrigin::new(config().with_connect_timeout(wait));
    let error = fail(&origin, &Url::parse(&url).unwrap()).await;
    assert!(
        matches!(error, OriginError::TimedOut { after } if after == wait),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_drip_is_ended_by_the_total() {
    let server = HttpServer::start().await;
    let drip = Reply::bytes(vec![7; 100_000]).dripping(1, Duration::from_millis(50));
    let url = server.route("/drip", drip);
    let total = Duration::from_millis(400);
    let origin = HttpOrigin::new(config().with_total_timeout(total));
    let error = fail(&origin, &url).await;
    assert!(
        matches!(error, OriginError::TooSlow { after, .. } if after == total),
        "{error:?}"
    );
}
