//! SFTP origins and servers of our own making: passwords, lies and silence.
#![expect(clippy::unwrap_used, reason = "a test stops at what goes wrong")]

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use dlcs_core::origin::{
    OriginAccess, OriginError, OriginRequest, OriginStrategy, Secret, SftpCredentials, SftpProof,
};
use dlcs_storage::origin::sftp::SftpOrigin;
use dlcs_testkit::program;
use russh::keys::PrivateKey;
use russh::keys::ssh_key::private::Ed25519Keypair;
use russh::server::{Auth, ChannelOpenHandle, Config, Handler, Msg, Response, Session, run_stream};
use russh::{Channel, ChannelId};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixStream};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use url::Url;

use crate::origin_sftp::{bytes, config};

/// What stands behind the subsystem.
#[derive(Debug, Clone)]
enum Files {
    /// OpenSSH's server of files.
    Program(PathBuf),
    /// Says this, whatever was asked.
    Bytes(Vec<u8>),
    /// Is not there.
    Nothing,
}

/// A server that lets `canary-user` in with a password, which it asks for in its own way.
#[derive(Debug)]
struct Server {
    port: u16,
    accepting: AbortHandle,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Password,
    Questions,
}

impl Server {
    async fn start(way: Way, files: Files) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        // A key of this test, and of nothing else.
        let key = PrivateKey::from(Ed25519Keypair::from_seed(&[7; 32]));
        let settings = Arc::new(Config {
            keys: vec![key],
            auth_rejection_time: Duration::ZERO,
            ..Config::default()
        });
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let one = Conversation {
                    way,
                    files: files.clone(),
                    channels: HashMap::new(),
                };
                let settings = Arc::clone(&settings);
                tokio::spawn(async move {
                    if let Ok(running) = run_stream(settings, stream, one).await {
                        let _ = running.await;
                    }
                });
            }
        });
        Self {
            port,
            accepting: accepting.abort_handle(),
        }
    }

    fn url(&self, path: &str) -> Url {
        Url::parse(&format!("sftp://127.0.0.1:{}{path}", self.port)).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

struct Conversation {
    way: Way,
    files: Files,
    channels: HashMap<ChannelId, Channel<Msg>>,
}

fn is_good(password: &[u8]) -> Auth {
    if password == "canary pässword".as_bytes() {
        Auth::Accept
    } else {
        Auth::reject()
    }
}

impl Handler for Conversation {
    type Error = russh::Error;

    async fn auth_password(&mut self, _: &str, password: &str) -> Result<Auth, russh::Error> {
        Ok(match self.way {
            Way::Password => is_good(password.as_bytes()),
            Way::Questions => Auth::reject(),
        })
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        _: &str,
        _: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, russh::Error> {
        if self.way == Way::Password {
            return Ok(Auth::reject());
        }
        Ok(match response {
            Some(mut answers) => is_good(&answers.next().unwrap_or_default()),
            None => Auth::Partial {
                name: Cow::Borrowed("canary"),
                instructions: Cow::Borrowed("canary"),
                prompts: Cow::Borrowed(&[(Cow::Borrowed("canary?"), false)]),
            },
        })
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        self.channels.insert(channel.id(), channel);
        reply.accept().await;
        Ok(())
    }

    async fn subsystem_request(
        &mut self,
        id: ChannelId,
        _: &str,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        let channel = self.channels.remove(&id).unwrap();
        let files = self.files.clone();
        if matches!(files, Files::Nothing) {
            return session.channel_failure(id);
        }
        session.channel_success(id)?;
        tokio::spawn(async move {
            let mut stream = channel.into_stream();
            match files {
                Files::Nothing => {}
                Files::Bytes(bytes) => {
                    stream.write_all(&bytes).await.unwrap();
                    // Until the client has had enough.
                    let _ = stream.read_to_end(&mut Vec::new()).await;
                }
                Files::Program(program) => {
                    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
                    ours.set_nonblocking(true).unwrap();
                    let mut ours = UnixStream::from_std(ours).unwrap();
                    let output = OwnedFd::from(theirs.try_clone().unwrap());
                    // It ends when nobody is there any more.
                    let mut child = Command::new(program)
                        .stdin(OwnedFd::from(theirs))
                        .stdout(output)
                        .spawn()
                        .unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut stream, &mut ours).await;
                    drop(ours);
                    child.wait().unwrap();
                }
            }
        });
        Ok(())
    }
}

fn password(password: &str) -> OriginAccess {
    OriginAccess::Sftp(SftpCredentials {
        user: "canary-user".to_owned(),
        proof: SftpProof::Password(Secret::new(password)),
    })
}

#[tokio::test]
async fn a_password_opens_a_host_whichever_way_it_is_asked_for() {
    let test = "a_password_opens_a_host_whichever_way_it_is_asked_for";
    let program = PathBuf::from("/usr/lib/openssh/sftp-server");
    if !program.is_file() {
        return program::skip(test, "sftp-server");
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a");
    fs::write(&file, vec![7; 3 << 20]).unwrap();
    for way in [Way::Password, Way::Questions] {
        let server = Server::start(way, Files::Program(program.clone())).await;
        let url = server.url(file.to_str().unwrap());
        let origin = SftpOrigin::new(config());
        let access = password("canary pässword");
        let request = OriginRequest::new(&url);
        let got = origin.open(request.with_access(&access)).await.unwrap();
        assert_eq!(bytes(got).await.unwrap(), vec![7; 3 << 20]);
        let access = password("canary-guess");
        let got = origin.open(request.with_access(&access)).await;
        let text = format!("{got:?}");
        assert!(matches!(got, Err(OriginError::Denied { .. })), "{text}");
        assert!(!text.contains("canary"), "{text}");
    }
}

/// What goes wrong with a server whose files say this.
async fn fail(files: Files) -> OriginError {
    let server = Server::start(Way::Password, files).await;
    let (url, access) = (server.url("/a"), password("canary pässword"));
    let request = OriginRequest::new(&url)
        .with_access(&access)
        .with_patience(Duration::from_secs(2));
    let got = match SftpOrigin::new(config()).open(request).await {
        Ok(response) => bytes(response).await.map(|bytes| bytes.len()),
        Err(error) => Err(error),
    };
    let error = got.unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(!text.contains("canary"), "{text}");
    error
}

const VERSION: &[u8] = &[0, 0, 0, 5, 2, 0, 0, 0, 3];
/// A regular file of 1 KiB, said to request 1.
const ATTRIBUTES: &[u8] = &[
    0, 0, 0, 21, 105, 0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0x81, 0xa4,
];

#[tokio::test]
async fn hostile_packets_are_refused() {
    let long = "it answers with a packet of more than 256 KiB";
    let bad = "it does not answer as SFTP servers do";
    // With the mode in its place, the length is longer by its four bytes.
    let other_id = [&[0, 0, 0, 9, 101, 0, 0, 0, 7], &[0, 0, 0, 2][..]].concat();
    for (packets, reason) in [
        (vec![&[0xff; 4][..]], long),
        (vec![VERSION, &[0xff; 4]], long),
        (vec![&[0, 0, 0, 1, 200]], bad),
        (vec![b"\0\0\0\x06canary"], bad),
        (vec![VERSION, &other_id], bad),
        (vec![VERSION, VERSION], bad),
        (vec![VERSION, &[0, 0, 0, 0]], bad),
    ] {
        match fail(Files::Bytes(packets.concat())).await {
            OriginError::Backend {
                backend: "sftp",
                reason: got,
                ..
            } => assert_eq!(got, reason, "{packets:?}"),
            other => panic!("{packets:?} gave {other:?}"),
        }
    }
    let error = fail(Files::Nothing).await;
    assert!(
        matches!(error, OriginError::Backend { reason, .. } if reason == "it does not offer SFTP"),
        "{error:?}"
    );
}

#[tokio::test]
async fn lies_about_the_data_are_found_out() {
    let handle = [&[0, 0, 0, 10, 102, 0, 0, 0, 2][..], &[0, 0, 0, 1, b'h']].concat();
    let mut stat = ATTRIBUTES.to_vec();
    stat[8] = 3;
    let start = [VERSION, ATTRIBUTES, &handle, &stat].concat();
    let eof = [0, 0, 0, 9, 101, 0, 0, 0, 4, 0, 0, 0, 1];
    let error = fail(Files::Bytes([&start[..], &eof].concat())).await;
    assert!(
        matches!(
            error,
            OriginError::Interrupted {
                received: 0,
                expected: Some(1024)
            }
        ),
        "{error:?}"
    );
    let mut more = vec![0, 0, 0x80, 10, 103, 0, 0, 0, 4, 0, 0, 0x80, 1];
    more.resize(more.len() + 0x8001, 0);
    let empty = [0, 0, 0, 9, 103, 0, 0, 0, 4, 0, 0, 0, 0];
    for lie in [&more[..], &empty] {
        let error = fail(Files::Bytes([&start[..], lie].concat())).await;
        assert!(matches!(error, OriginError::Backend { .. }), "{error:?}");
    }
    let error = fail(Files::Bytes(start)).await;
    assert!(matches!(error, OriginError::TimedOut { .. }), "{error:?}");
}

#[tokio::test]
async fn silence_ends_with_the_patience_and_lets_go_of_the_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    for greeting in [&b""[..], b"SSH-2.0-canary\r\n"] {
        let origin = SftpOrigin::new(config());
        let url = Url::parse(&format!("sftp://127.0.0.1:{port}/a")).unwrap();
        let access = password("canary");
        let request = OriginRequest::new(&url)
            .with_access(&access)
            .with_patience(Duration::from_millis(200));
        let (gone, is_gone) = oneshot::channel();
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(greeting).await.unwrap();
            tokio::spawn(async move {
                let _ = stream.read_to_end(&mut Vec::new()).await;
                let _ = gone.send(());
            });
        };
        let ((), got) = tokio::join!(serve, origin.open(request));
        assert!(matches!(got, Err(OriginError::TimedOut { .. })), "{got:?}");
        let waited = tokio::time::timeout(Duration::from_secs(10), is_gone).await;
        waited.expect("the connection is let go of").unwrap();
    }
}

#[tokio::test]
async fn what_is_no_ssh_server_is_told_so() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let url = Url::parse(&format!("sftp://127.0.0.1:{port}/a")).unwrap();
    for (greeting, is_transient) in [
        ("canary ".repeat(100_000), false),
        ("HTTP/1.1 400 canary\r\n".to_owned(), true),
        (String::new(), true),
    ] {
        let access = password("canary");
        let request = OriginRequest::new(&url)
            .with_access(&access)
            .with_patience(Duration::from_secs(5));
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            // The client may have had enough before the end.
            let _ = stream.write_all(greeting.as_bytes()).await;
            if !greeting.is_empty() {
                let _ = stream.read_to_end(&mut Vec::new()).await;
            }
        };
        let origin = SftpOrigin::new(config());
        let ((), got) = tokio::join!(serve, origin.open(request));
        let error = got.unwrap_err();
        assert_eq!(error.is_transient(), is_transient, "{error:?}");
        assert!(!format!("{error:?}").contains("canary"), "{error:?}");
    }
}
