//! Settings of [`FtpOrigin`](super::FtpOrigin).

use std::time::Duration;

use crate::origin::authorities::Authorities;
use crate::origin::bounds::{CONNECT_TIMEOUT, Deadline};
use crate::origin::opened::OpenedNetworks;

/// Settings of [`FtpOrigin`](super::FtpOrigin).
#[derive(Debug, Clone)]
pub struct FtpOriginConfig {
    pub(super) opened: OpenedNetworks,
    pub(super) connect_timeout: Duration,
    pub(super) total_timeout: Duration,
    pub(super) authorities: Authorities,
}

impl FtpOriginConfig {
    /// How long a connection may take to be made, unless told otherwise.
    pub const DEFAULT_CONNECT_TIMEOUT: Duration = CONNECT_TIMEOUT;
    /// How long a whole fetch may take, unless told otherwise.
    pub const DEFAULT_TOTAL_TIMEOUT: Duration = Deadline::DEFAULT;

    /// Opens networks beyond the public ones, for all customers or for some.
    #[must_use]
    pub fn with_allowed_networks(mut self, opened: impl Into<OpenedNetworks>) -> Self {
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

    /// Trusts certificate authorities beyond those of the machine.
    #[must_use]
    pub fn with_authorities(mut self, authorities: Authorities) -> Self {
        self.authorities = authorities;
        self
    }
}

impl Default for FtpOriginConfig {
    fn default() -> Self {
        Self {
            opened: OpenedNetworks::none(),
            connect_timeout: Self::DEFAULT_CONNECT_TIMEOUT,
            total_timeout: Self::DEFAULT_TOTAL_TIMEOUT,
            authorities: Authorities::none(),
        }
    }
}
