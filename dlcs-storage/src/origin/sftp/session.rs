//! From a connection to a channel of files: who the host is, and who we are.

use std::borrow::Cow;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use dlcs_core::origin::{OriginError, Result, Secret, SftpCredentials, SftpProof};
use russh::client::{self, AuthResult, Handle, KeyboardInteractiveAuthResponse, Msg};
use russh::keys::{Algorithm, HashAlg, PrivateKeyWithHashAlg, PublicKey, PublicKeyOrCertificate};
use russh::{ChannelMsg, ChannelStream, Preferred};
use tokio::net::TcpStream;

use super::client::Client;
use super::error::{Failure, broken, conversation};
use super::key::read_key;
use super::known::{KnownHosts, Name, Verdict};
use super::leash::{Leash, Leashed};
use crate::lock::Lock;
use crate::origin::bounds::Deadline;

/// Rounds of questions that a server may ask for a password.
const ROUNDS: usize = 4;

/// A conversation with a server that has let us in.
pub(super) struct Session {
    pub(super) client: Client<ChannelStream<Msg>>,
    /// The key that the host was known by.
    pub(super) fingerprint: String,
    pub(super) held: Held,
}

/// What keeps a conversation alive.
pub(super) struct Held {
    _handle: Handle<Check>,
    _leash: Leash,
}

/// How long to wait.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waits {
    pub(super) patience: Duration,
    pub(super) deadline: Deadline,
}

impl Session {
    /// Shakes hands over a connection, checks the key of the host, and logs in.
    pub(super) async fn start(
        stream: TcpStream,
        hosts: &KnownHosts,
        name: Name,
        credentials: &SftpCredentials,
        waits: Waits,
    ) -> Result<Self> {
        let Waits { patience, deadline } = waits;
        let verdict = Arc::default();
        let config = client::Config {
            preferred: preferred(&hosts.of(&name).await?),
            ..client::Config::default()
        };
        let check = Check {
            hosts: hosts.clone(),
            name,
            verdict: Arc::clone(&verdict),
        };
        let (stream, leash) = Leashed::new(stream);
        let connected = client::connect_stream(Arc::new(config), stream, check);
        let connected = deadline.wait(patience, connected).await?;
        let verdict = verdict.lock().take();
        let (mut handle, fingerprint) = match (verdict, connected) {
            (Some(Err(failure)), _) => return Err(failure.into()),
            (Some(Ok(Verdict::Changed)), _) => return Err(Failure::HostKeyChanged.into()),
            (Some(Ok(Verdict::Known(fingerprint))), Ok(handle)) => (handle, fingerprint),
            (_, Err(error)) => return Err(conversation(&error)),
            // The library does not come so far without asking.
            (None, Ok(_)) => return Err(Failure::NoAgreement.into()),
        };
        log_in(&mut handle, credentials, waits).await?;
        let opened = deadline.wait(patience, open_channel(&handle)).await??;
        let client = Client::start(opened, patience, deadline).await?;
        Ok(Self {
            client,
            fingerprint,
            held: Held {
                _handle: handle,
                _leash: leash,
            },
        })
    }
}

/// Which algorithms are agreed on: of the keys of a host, first those that it is known by, because it may have several.
fn preferred(known: &[PublicKey]) -> Preferred {
    let mut preferred = Preferred::default();
    let mut keys: Vec<_> = preferred
        .key
        .iter()
        // Signed with SHA-1.
        .filter(|algorithm| !matches!(algorithm, Algorithm::Rsa { hash: None }))
        .cloned()
        .collect();
    let is_known = |algorithm: &Algorithm| {
        known.iter().any(|key| match (key.algorithm(), algorithm) {
            (Algorithm::Rsa { .. }, Algorithm::Rsa { .. }) => true,
            (one, other) => one == *other,
        })
    };
    keys.sort_by_key(|algorithm| !is_known(algorithm));
    preferred.key = Cow::Owned(keys);
    preferred
}

/// Checks the key of a host.
pub(super) struct Check {
    hosts: KnownHosts,
    name: Name,
    verdict: Arc<Lock<Option<Result<Verdict, Failure>>>>,
}

impl client::Handler for Check {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        shown: &PublicKeyOrCertificate,
    ) -> Result<bool, russh::Error> {
        let verdict = match shown {
            PublicKeyOrCertificate::PublicKey { key, .. } => {
                self.hosts.check(&self.name, key).await
            }
            PublicKeyOrCertificate::Certificate(_) => Err(Failure::HostCertificate),
        };
        let is_known = matches!(verdict, Ok(Verdict::Known(_)));
        *self.verdict.lock() = Some(verdict);
        Ok(is_known)
    }
}

async fn log_in(
    handle: &mut Handle<Check>,
    credentials: &SftpCredentials,
    waits: Waits,
) -> Result<()> {
    let Waits { patience, deadline } = waits;
    let user = credentials.user.as_str();
    let let_in = match &credentials.proof {
        SftpProof::Password(password) => {
            deadline
                .wait(patience, with_password(handle, user, password))
                .await??
        }
        SftpProof::PrivateKey { key, passphrase } => {
            let key = read_key(key.clone(), passphrase.clone(), waits).await?;
            let offered = async {
                let hash = handle.best_supported_rsa_hash().await?.flatten();
                // Not the one with SHA-1, whatever the server says of it.
                let key = PrivateKeyWithHashAlg::new(
                    Arc::new(key),
                    Some(hash.unwrap_or(HashAlg::Sha256)),
                );
                handle.authenticate_publickey(user, key).await
            };
            let offered = deadline.wait(patience, offered).await?;
            offered.map_err(|error| conversation(&error))?.success()
        }
        _ => {
            return Err(OriginError::Strategy {
                reason: "its credentials are of a kind that is not known".to_owned(),
            });
        }
    };
    match let_in {
        true => Ok(()),
        // The library takes the end of a connection for a refusal.
        false if handle.is_closed() => Err(broken(ErrorKind::UnexpectedEof)),
        false => Err(OriginError::Denied { status: None }),
    }
}

async fn with_password(handle: &mut Handle<Check>, user: &str, password: &Secret) -> Result<bool> {
    let broke = |error: russh::Error| conversation(&error);
    let asked = handle
        .authenticate_password(user, password.expose())
        .await
        .map_err(broke)?;
    let AuthResult::Failure {
        remaining_methods, ..
    } = asked
    else {
        return Ok(true);
    };
    // Servers that ask the machine's own login want the password as an answer.
    if !remaining_methods.contains(&russh::MethodKind::KeyboardInteractive) {
        return Ok(false);
    }
    let mut answer = handle
        .authenticate_keyboard_interactive_start(user, None)
        .await
        .map_err(broke)?;
    for _ in 0..ROUNDS {
        let prompts = match answer {
            KeyboardInteractiveAuthResponse::Success => return Ok(true),
            KeyboardInteractiveAuthResponse::Failure { .. } => return Ok(false),
            KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. } => prompts,
        };
        // What is shown while it is typed is no password.
        let answers = prompts
            .iter()
            .map(|prompt| match prompt.echo {
                true => String::new(),
                false => password.expose().to_owned(),
            })
            .collect();
        answer = handle
            .authenticate_keyboard_interactive_respond(answers)
            .await
            .map_err(broke)?;
    }
    Ok(false)
}

async fn open_channel(handle: &Handle<Check>) -> Result<ChannelStream<Msg>> {
    let broke = |error: russh::Error| match error {
        russh::Error::ChannelOpenFailure(_) => Failure::NoSubsystem.into(),
        error => conversation(&error),
    };
    let mut channel = handle.channel_open_session().await.map_err(broke)?;
    channel
        .request_subsystem(true, "sftp")
        .await
        .map_err(broke)?;
    loop {
        match channel.wait().await {
            Some(ChannelMsg::Success) => return Ok(channel.into_stream()),
            Some(ChannelMsg::Failure) => return Err(Failure::NoSubsystem.into()),
            // How much may be sent, say.
            Some(ChannelMsg::WindowAdjusted { .. }) => {}
            Some(_) => return Err(Failure::NoSubsystem.into()),
            None => return Err(broken(ErrorKind::UnexpectedEof)),
        }
    }
}
