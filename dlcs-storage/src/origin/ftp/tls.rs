//! Encryption: whom to trust, and a connection that has it or not.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, Error};
use rustls_platform_verifier::Verifier;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::origin::authorities::Authorities;
use crate::origin::untrusted::Untrusted;

/// The authorities of the machine and of the settings, read when they are first needed.
pub(super) struct Trust {
    authorities: Authorities,
    config: OnceCell<Option<ClientConfig>>,
}

impl Trust {
    pub(super) const fn new(authorities: Authorities) -> Self {
        Self {
            authorities,
            config: OnceCell::const_new(),
        }
    }

    /// Returns what encrypts the connections of one fetch. Servers want the second of them to resume the session of the first, and nobody
    /// else's.
    pub(super) async fn of_a_fetch(&self) -> Result<TlsConnector, Untrusted> {
        let config = self
            .config
            .get_or_init(|| async {
                let authorities = self.authorities.clone();
                // Reading the authorities of the machine takes too long for the reactor.
                spawn_blocking(move || build(&authorities))
                    .await
                    .expect("reading certificates does not panic")
                    .inspect_err(|error| {
                        tracing::warn!(%error, "no certificate authorities: ftps origins cannot be fetched");
                    })
                    .ok()
            })
            .await;
        let mut config = config.clone().ok_or(Untrusted::NoAuthorities)?;
        config.resumption = Resumption::in_memory_sessions(4);
        Ok(TlsConnector::from(Arc::new(config)))
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trust").finish_non_exhaustive()
    }
}

fn build(authorities: &Authorities) -> Result<ClientConfig, Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier =
        Verifier::new_with_extra_roots(authorities.certificates().to_vec(), Arc::clone(&provider))?;
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}

/// What encrypts a connection to one host.
#[derive(Clone)]
pub(super) struct Encryption {
    pub(super) connector: TlsConnector,
    pub(super) host: ServerName<'static>,
}

impl Encryption {
    /// Encrypts a connection.
    pub(super) async fn start(&self, stream: TcpStream) -> io::Result<Wire> {
        let encrypted = self.connector.connect(self.host.clone(), stream).await?;
        Ok(Wire::Encrypted(Box::new(encrypted)))
    }
}

/// A connection, encrypted or not.
pub(super) enum Wire {
    Plain(TcpStream),
    Encrypted(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Encrypted(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Encrypted(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Encrypted(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Encrypted(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
