//! Settings of [`WebhookNotifier`](super::WebhookNotifier).

use std::sync::Arc;
use std::time::Duration;

use dlcs_core::origin::Secret;
use dlcs_core::time::{Clock, SystemClock};

use super::WebhookTargets;

/// Settings of [`WebhookNotifier`](super::WebhookNotifier).
#[derive(Debug, Clone)]
pub struct WebhookNotifierConfig {
    pub(super) targets: WebhookTargets,
    pub(super) secret: Secret,
    pub(super) timeout: Duration,
    pub(super) clock: Arc<dyn Clock>,
}

impl WebhookNotifierConfig {
    /// How long an attempt may take, from the name of the host to the head of the answer, unless told otherwise.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

    /// Tells these, with signatures that whoever knows the secret can check.
    #[must_use]
    pub fn new(targets: WebhookTargets, secret: Secret) -> Self {
        Self {
            targets,
            secret,
            timeout: Self::DEFAULT_TIMEOUT,
            clock: Arc::new(SystemClock),
        }
    }

    /// Says how long an attempt may take.
    #[must_use]
    pub const fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Takes the time of sending from another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }
}
