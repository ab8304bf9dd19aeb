//! Settings of [`HttpOrigin`](super::HttpOrigin).

use std::sync::Arc;
use std::time::Duration;

use dlcs_core::time::{Clock, SystemClock};

use crate::origin::authorities::Authorities;
use crate::origin::bounds::Deadline;
use crate::origin::client::Dialling;
use crate::origin::opened::OpenedNetworks;

/// Settings of [`HttpOrigin`](super::HttpOrigin).
#[derive(Debug, Clone)]
pub struct HttpOriginConfig {
    pub(super) dialling: Dialling,
    pub(super) total_timeout: Duration,
    pub(super) clock: Arc<dyn Clock>,
}

impl HttpOriginConfig {
    /// How long a connection may take to be made, unless told otherwise.
    pub const DEFAULT_CONNECT_TIMEOUT: Duration = Dialling::DEFAULT_CONNECT_TIMEOUT;
    /// How long a whole fetch may take, unless told otherwise.
    pub const DEFAULT_TOTAL_TIMEOUT: Duration = Deadline::DEFAULT;

    /// Opens networks beyond the public ones, for all customers or for some.
    #[must_use]
    pub fn with_allowed_networks(mut self, opened: impl Into<OpenedNetworks>) -> Self {
        self.dialling.opened = opened.into();
        self
    }

    /// Trusts certificate authorities beyond those of the machine.
    #[must_use]
    pub fn with_authorities(mut self, authorities: Authorities) -> Self {
        self.dialling.authorities = authorities;
        self
    }

    /// Says how long a connection may take to be made: name, transport and encryption together.
    #[must_use]
    pub const fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.dialling.connect_timeout = timeout;
        self
    }

    /// Says how long a whole fetch may take, from the first request to the last byte.
    #[must_use]
    pub const fn with_total_timeout(mut self, timeout: Duration) -> Self {
        self.total_timeout = timeout;
        self
    }

    /// Takes the time from another clock; only dates that origins send are compared with it.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }
}

impl Default for HttpOriginConfig {
    fn default() -> Self {
        Self {
            dialling: Dialling::default(),
            total_timeout: Self::DEFAULT_TOTAL_TIMEOUT,
            clock: Arc::new(SystemClock),
        }
    }
}
