//! Settings of [`SftpOrigin`](super::SftpOrigin).

use std::path::PathBuf;
use std::time::Duration;

use crate::origin::bounds::{CONNECT_TIMEOUT, Deadline};
use crate::origin::opened::OpenedNetworks;

/// Settings of [`SftpOrigin`](super::SftpOrigin).
#[derive(Debug, Clone)]
pub struct SftpOriginConfig {
    pub(super) opened: OpenedNetworks,
    pub(super) connect_timeout: Duration,
    pub(super) total_timeout: Duration,
    pub(super) known_hosts: Option<PathBuf>,
}

impl SftpOriginConfig {
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

    /// Says how long a connection may take to be made.
    #[must_use]
    pub const fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Says how long a whole fetch may take, from the connection to the last byte.
    #[must_use]
    pub const fn with_total_timeout(mut self, timeout: Duration) -> Self {
        self.total_timeout = timeout;
        self
    }

    /// Says in which file the keys of hosts are kept, in the format of OpenSSH; it is made when it is not there. Without a file they are
    /// kept as long as the origin lives.
    #[must_use]
    pub fn with_known_hosts(mut self, file: impl Into<PathBuf>) -> Self {
        self.known_hosts = Some(file.into());
        self
    }
}

impl Default for SftpOriginConfig {
    fn default() -> Self {
        Self {
            opened: OpenedNetworks::none(),
            connect_timeout: Self::DEFAULT_CONNECT_TIMEOUT,
            total_timeout: Self::DEFAULT_TOTAL_TIMEOUT,
            known_hosts: None,
        }
    }
}
