//! What can go wrong with webhooks.

use dlcs_core::notifier::NotifyError;
use thiserror::Error;

/// Why no notices can be sent.
#[derive(Debug, Error)]
#[error("no client can be made for the webhooks")]
pub struct WebhookError {
    #[source]
    source: reqwest::Error,
}

impl From<reqwest::Error> for WebhookError {
    fn from(source: reqwest::Error) -> Self {
        Self { source }
    }
}

/// Nobody answered; the URL, which may hold a secret, stays out of it.
pub(super) fn unanswered(error: reqwest::Error) -> NotifyError {
    NotifyError::Unreachable {
        source: Box::new(error.without_url()),
    }
}
