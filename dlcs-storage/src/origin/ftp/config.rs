//! Settings of [`FtpOrigin`](super::FtpOrigin).

use std::io;
use std::time::Duration;

use rustls::pki_types::CertificateDer;

use super::tls;
use crate::origin::bounds::Deadline;
use crate::origin::opened::OpenedNetworks;

/// Settings of [`FtpOrigin`](super::FtpOrigin).
#[derive(Debug, Clone)]
pub struct FtpOriginConfig {
    pub(super) opened: OpenedNetworks,
    pub(super) connect_timeout: Duration,
    pub(super) total_timeout: Duration,
    pub(super) authorities: Vec<CertificateDer<'static>>,
}

impl FtpOriginConfig {
    /// How long a connection may take to be made, unless told otherwise.
    pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
    /// How long a whole fetch may take, unless told otherwise.
    pub const DEFAULT_TOTAL_TIMEOUT: Duration = Deadline::DEFAULT;

    /// Opens networks beyond the public ones.
    #[must_use]
    pub fn with_opened_networks(mut self, opened: impl Into<OpenedNetworks>) -> Self {
        self.opened = opened.into();
        self
    }

    /// Says how long a connection may take to be made, and how long its encryption.
    #[must_use]
    pub const fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Says how long a whole fetch may take, from the first connection to the last byte.
    #[must_use]
    pub const fn with_total_timeout(mut self, timeout: Duration) -> Self {
        self.total_timeout = timeout;
        self
    }

    /// Trusts certificate authorities beyond those of the machine, given as the text of a PEM file.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] when a certificate cannot be read, or there is none.
    pub fn with_certificates(mut self, pem: &[u8]) -> io::Result<Self> {
        self.authorities.extend(tls::certificates(pem)?);
        Ok(self)
    }
}

impl Default for FtpOriginConfig {
    fn default() -> Self {
        Self {
            opened: OpenedNetworks::none(),
            connect_timeout: Self::DEFAULT_CONNECT_TIMEOUT,
            total_timeout: Self::DEFAULT_TOTAL_TIMEOUT,
            authorities: Vec::new(),
        }
    }
}
