//! FTP origins: the contract, and servers that lie.
#![expect(clippy::unwrap_used, reason = "a test stops at what goes wrong")]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use dlcs_core::origin::{
    Credentials, OriginAccess, OriginEntryKind, OriginError, OriginRequest, OriginStrategy, Result,
    Secret, SftpCredentials, SftpProof,
};
use dlcs_storage::origin::ftp::{FtpOrigin, FtpOriginConfig};
use dlcs_storage::origin::network::AllowedNetworks;
use dlcs_testkit::Gate;
use dlcs_testkit::origin::{OriginFixture, Protected};
use dlcs_testkit::server::{FtpObject, FtpServer};
use futures_util::{FutureExt, TryStreamExt};
use tokio::net::TcpListener;
use url::Url;

struct Fixture {
    server: FtpServer,
    guarded: FtpServer,
    origin: Arc<FtpOrigin>,
}

async fn fixture() -> Fixture {
    let guarded = FtpServer::start().await;
    guarded.require_login("canary-user", "canary pässword");
    Fixture {
        server: FtpServer::start().await,
        guarded,
        origin: Arc::new(opened()),
    }
}

/// An origin that may dial the loopback interface.
fn opened() -> FtpOrigin {
    FtpOrigin::new(config())
}

pub(crate) fn config() -> FtpOriginConfig {
    let loopback = AllowedNetworks::parse(["127.0.0.0/8", "::1"]).unwrap();
    FtpOriginConfig::default().with_allowed_networks(loopback)
}

pub(crate) fn login(user: &str, password: &str) -> OriginAccess {
    OriginAccess::Ftp(Some(Credentials::new(user, password)))
}

#[async_trait]
impl OriginFixture for Fixture {
    fn origin(&self) -> Arc<dyn OriginStrategy> {
        Arc::clone(&self.origin) as _
    }

    async fn object(&self, name: &str, bytes: Bytes) -> Url {
        self.server.serve(name, FtpObject::new(bytes))
    }

    async fn missing(&self) -> Url {
        self.server.url("missing")
    }

    async fn protected(&self, bytes: Bytes) -> Option<Protected> {
        Some(Protected {
            url: self.guarded.serve("protected", FtpObject::new(bytes)),
            good: login("canary-user", "canary pässword"),
            bad: login("canary-user", "canary-guess"),
        })
    }

    async fn truncated(&self, bytes: Bytes, sent: usize) -> Option<Url> {
        let object = FtpObject::new(bytes).truncated_at(sent);
        Some(self.server.serve("truncated", object))
    }

    async fn gated(&self, bytes: Bytes, sent: usize, gate: Gate) -> Option<Url> {
        let object = FtpObject::new(bytes).gated_at(sent, gate);
        Some(self.server.serve("gated", object))
    }

    async fn silent(&self, gate: Gate) -> Option<Url> {
        let object = FtpObject::new("").gated(gate);
        Some(self.server.serve("silent", object))
    }
}

dlcs_testkit::origin_contract!(fixture());

pub(crate) async fn read(origin: &FtpOrigin, request: OriginRequest<'_>) -> Result<Vec<u8>> {
    let body = origin.open(request).await?.into_body();
    let chunks: Vec<Bytes> = body.try_collect().await?;
    Ok(chunks.concat())
}

pub(crate) async fn fail(origin: &FtpOrigin, url: &Url) -> OriginError {
    let request = OriginRequest::new(url).with_patience(Duration::from_millis(500));
    match read(origin, request).await {
        Ok(bytes) => panic!("{url} gave {} bytes", bytes.len()),
        Err(error) => {
            let text = format!("{error} {error:?}");
            assert!(!text.contains("canary"), "{text}");
            error
        }
    }
}

/// The reason of a permanent failure.
pub(crate) async fn failure(origin: &FtpOrigin, url: &Url) -> &'static str {
    match fail(origin, url).await {
        OriginError::Backend {
            backend: "ftp",
            reason,
            ..
        } => reason,
        error => panic!("{url} gave {error:?}"),
    }
}

#[tokio::test]
async fn the_address_that_a_server_names_is_never_dialled() {
    let (server, origin) = (FtpServer::start().await, opened());
    let url = server.serve("a", FtpObject::new("bytes"));
    // Nobody listens there at this port, and the documentation's network is not even opened.
    for named in ["127,0,0,2", "203,0,113,1", "169,254,169,254"] {
        server.answer("EPSV", "500 no\r\n");
        server.answer("PASV", format!("227 ok ({named},{{high}},{{low}})\r\n"));
        assert_eq!(
            read(&origin, OriginRequest::new(&url)).await.unwrap(),
            b"bytes",
            "{named}"
        );
    }
    server.answer("PASV", "227 ok (127,0,0,1,0,25)\r\n");
    let low = "it offers its data at a port below 1024";
    assert_eq!(failure(&origin, &url).await, low);
    server.answer("EPSV", "229 ok (|||25|)\r\n");
    assert_eq!(failure(&origin, &url).await, low);
    server.answer("EPSV", "229 ok (|1|203.0.113.1|6446|)\r\n");
    let odd = "it does not answer as FTP servers do";
    assert_eq!(failure(&origin, &url).await, odd);
}

#[tokio::test]
async fn data_that_nobody_offers_can_be_tried_again() {
    let (server, origin) = (FtpServer::start().await, opened());
    let url = server.serve("a", FtpObject::new("bytes"));
    let unused = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = unused.local_addr().unwrap().port();
    drop(unused);
    server.answer("EPSV", format!("229 ok (|||{port}|)\r\n"));
    let error = fail(&origin, &url).await;
    assert!(
        matches!(error, OriginError::Connection { .. }) && error.is_transient(),
        "{error:?}"
    );
}

#[tokio::test]
async fn replies_have_bounds() {
    for (reply, reason) in [
        (
            "220-canary\r\n".repeat(65),
            "it answers with more than 64 lines",
        ),
        (
            "220-canary\r\n".repeat(100_000),
            "it answers with more than 64 lines",
        ),
        (
            format!("220 {}\r\n", "canary".repeat(200_000)),
            "it answers with a line of more than 8 KiB",
        ),
        (
            format!("220-canary\r\n{}", "canary".repeat(200_000)),
            "it answers with a line of more than 8 KiB",
        ),
        (
            "SSH-2.0-canary\r\n".to_owned(),
            "it does not answer as FTP servers do",
        ),
        ("100 canary\r\n".to_owned(), "it answers what was not asked"),
    ] {
        let (server, origin) = (FtpServer::start().await, opened());
        let url = server.serve("a", FtpObject::new("bytes"));
        server.answer("CONNECT", reply.as_str());
        assert_eq!(failure(&origin, &url).await, reason);
    }
    let (server, origin) = (FtpServer::start().await, opened());
    let url = server.serve("a", FtpObject::new("bytes"));
    let long = format!("{}220 end\r\n", "220-more\r\n".repeat(63));
    server.answer("CONNECT", long);
    assert!(read(&origin, OriginRequest::new(&url)).await.is_ok());
}

#[tokio::test]
async fn codes_are_told_apart() {
    type Check = fn(&OriginError) -> bool;
    let denied: Check = |it| matches!(it, OriginError::Denied { .. });
    let missing: Check = |it| matches!(it, OriginError::NotFound { .. });
    let refused: Check = |it| matches!(it, OriginError::Refused { .. }) && !it.is_transient();
    let again: Check = |it| matches!(it, OriginError::Unavailable { .. }) && it.is_transient();
    for (verb, code, expected) in [
        ("CONNECT", 421, again),
        ("CONNECT", 500, refused),
        ("USER", 421, again),
        ("USER", 530, denied),
        ("PASS", 530, denied),
        ("PASS", 430, denied),
        ("PASS", 332, |it| !it.is_transient()),
        ("EPSV", 425, again),
        ("RETR", 421, again),
        ("RETR", 425, again),
        ("RETR", 426, again),
        ("RETR", 450, again),
        ("RETR", 451, again),
        ("RETR", 530, denied),
        ("RETR", 550, missing),
        ("RETR", 552, refused),
        ("SIZE", 421, again),
    ] {
        let (server, origin) = (FtpServer::start().await, opened());
        let url = server.serve("a", FtpObject::new("bytes"));
        server.answer(verb, format!("{code} canary\r\n"));
        let error = fail(&origin, &url).await;
        assert!(expected(&error), "{verb} {code} gave {error:?}");
    }
}

#[tokio::test]
async fn a_body_is_whole_when_the_server_says_so_or_its_size_does() {
    let (server, origin) = (FtpServer::start().await, opened());
    let bytes = vec![7; 200_000];
    let object = || FtpObject::new(bytes.clone());
    for (name, whole) in [
        ("size, and said", object()),
        ("size, and silence", object().gated_at_end(Gate::new())),
        ("no size, and said", object().with_size(None)),
    ] {
        let url = server.serve(name, whole);
        let request = OriginRequest::new(&url).with_patience(Duration::from_millis(500));
        assert_eq!(read(&origin, request).await.unwrap(), bytes, "{name}");
    }
    let half = || object().truncated_at(100_000);
    for (name, broken) in [
        ("short", half()),
        ("size says less", object().with_size(Some(100_000))),
        ("size says more", object().with_size(Some(300_000))),
        ("silence", half().with_size(None).gated_at_end(Gate::new())),
        (
            "whole but silent",
            object().with_size(None).gated_at_end(Gate::new()),
        ),
        (
            "aborted",
            half().with_size(None).ending_with("426 canary\r\n"),
        ),
        ("aborted at the end", object().ending_with("451 canary\r\n")),
        (
            "nonsense",
            object().with_size(None).ending_with("canary\r\n"),
        ),
    ] {
        let error = fail(&origin, &server.serve(name, broken)).await;
        assert!(
            matches!(error, OriginError::Interrupted { .. }),
            "{name} gave {error:?}"
        );
    }
}

#[tokio::test]
async fn a_server_reads_the_commands_that_the_address_means_and_no_others() {
    let (server, origin) = (FtpServer::start().await, opened());
    server.serve("/etc/x", FtpObject::new("root"));
    server.serve("a;type=a", FtpObject::new("typed"));
    server.serve("plain", FtpObject::new("plain"));
    let root = server.url("");
    for (path, bytes) in [
        ("%2Fetc/x", "root"),
        ("/etc/x", "root"),
        ("plain;type=i", "plain"),
        ("plain;type=I", "plain"),
        ("a;type=a", "typed"),
    ] {
        let url = Url::parse(&format!("{root}{path}")).unwrap();
        let got = read(&origin, OriginRequest::new(&url)).await;
        assert_eq!(got.unwrap(), bytes.as_bytes(), "{url}");
    }
    let before = server.commands().len();
    for path in ["x%0d%0aDELE%20y", "x%0aDELE%20y", "x%00"] {
        let url = Url::parse(&format!("{root}{path}")).unwrap();
        assert!(origin.check(&url).is_err(), "{url}");
        let error = fail(&origin, &url).await;
        assert!(
            matches!(error, OriginError::AddressNotAllowed { .. }),
            "{error:?}"
        );
    }
    for access in [login("a\r\nDELE y", "b"), login("a", "b\r\nDELE y")] {
        let url = server.url("plain");
        let request = OriginRequest::new(&url).with_access(&access);
        let got = origin.open(request).await;
        assert!(matches!(got, Err(OriginError::Backend { .. })), "{got:?}");
    }
    let sent = server.commands().split_off(before);
    assert!(sent.iter().all(|it| !it.contains("DELE")), "{sent:?}");
    for path in ["", "folder/"] {
        let url = Url::parse(&format!("{root}{path}")).unwrap();
        let error = fail(&origin, &url).await;
        assert!(matches!(error, OriginError::NotAFile), "{error:?}");
    }
}

#[tokio::test]
async fn what_is_not_opened_is_not_dialled() {
    let canary = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = canary.local_addr().unwrap().port();
    let origin = FtpOrigin::new(FtpOriginConfig::default());
    for scheme in ["ftp", "ftps"] {
        for host in ["127.0.0.1", "2130706433", "localhost", "[::1]", "0x7f.1"] {
            let url = Url::parse(&format!("{scheme}://{host}:{port}/a")).unwrap();
            let error = fail(&origin, &url).await;
            assert!(
                matches!(error, OriginError::AddressNotAllowed { .. }),
                "{url} gave {error:?}"
            );
        }
    }
    assert!(canary.accept().now_or_never().is_none());
}

#[tokio::test]
async fn an_encrypted_origin_is_never_spoken_to_in_the_clear() {
    let (server, origin) = (FtpServer::start().await, opened());
    let mut url = server.serve("a", FtpObject::new("bytes"));
    let text = url.as_str().replace("ftp://", "ftps://");
    url = Url::parse(&text).unwrap();
    let error = fail(&origin, &url).await;
    assert!(!matches!(error, OriginError::NotFound { .. }), "{error:?}");
    let commands = server.commands();
    assert!(
        commands.iter().all(|it| !it.starts_with("PASS")),
        "{commands:?}"
    );
}

#[tokio::test]
async fn strategies_for_other_protocols_are_refused() {
    let (server, origin) = (FtpServer::start().await, opened());
    let url = server.serve("a", FtpObject::new("bytes"));
    let access = OriginAccess::Sftp(SftpCredentials {
        user: "canary".to_owned(),
        proof: SftpProof::Password(Secret::new("canary")),
    });
    let got = origin
        .open(OriginRequest::new(&url).with_access(&access))
        .await;
    assert!(matches!(got, Err(OriginError::Strategy { .. })), "{got:?}");
    assert_eq!(server.commands(), Vec::<String>::new());
}

/// Lists a folder and all below it, and reads every object.
pub(crate) async fn tree(
    origin: &FtpOrigin,
    folder: Url,
    access: &OriginAccess,
) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        let listing = origin.list(OriginRequest::new(&folder).with_access(access));
        let entries: Vec<_> = listing.await.unwrap().try_collect().await.unwrap();
        for entry in entries {
            match entry.kind {
                OriginEntryKind::Folder => folders.push(entry.url),
                OriginEntryKind::Object { length, .. } => {
                    let request = OriginRequest::new(&entry.url).with_access(access);
                    let bytes = read(origin, request).await.unwrap();
                    assert_eq!(length, Some(bytes.len() as u64));
                    let text = String::from_utf8(bytes).unwrap();
                    found.push((entry.url.path().to_owned(), text));
                }
                other => panic!("{other:?}"),
            }
        }
    }
    found.sort();
    found
}
