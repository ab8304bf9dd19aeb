//! What can go wrong at an origin.

use std::error::Error;
use std::time::Duration;

use thiserror::Error;

/// The result of asking an origin.
pub type Result<T, E = OriginError> = std::result::Result<T, E>;

/// What went wrong at an origin, by what the caller can do.
///
/// No variant carries addresses that a name resolved to, or text that the origin sent: a stored error must not become a way to look
/// into a network.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OriginError {
    /// There is nothing at that address: correct it.
    #[error("the origin has nothing at that address{}", with_status(.status))]
    NotFound {
        /// The HTTP status, where there is one.
        status: Option<u16>,
    },
    /// The origin wants other credentials: correct the origin strategy.
    #[error("the origin refused access{}", with_status(.status))]
    Denied {
        /// The HTTP status, where there is one.
        status: Option<u16>,
    },
    /// The origin answered with a refusal that trying again does not mend.
    #[error("the origin refused the request{}", with_status(.status))]
    Refused {
        /// The HTTP status, where there is one.
        status: Option<u16>,
    },
    /// The origin is overloaded or out of order: try again later.
    #[error("the origin is not available{}", with_status(.status))]
    Unavailable {
        /// The HTTP status, where there is one.
        status: Option<u16>,
        /// How long the origin asks us to wait.
        retry_after: Option<Duration>,
    },
    /// The source is larger than allowed.
    #[error("the source is larger than the limit of {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// The bytes ended before their declared end, or the connection broke.
    #[error("the source ended after {received} bytes{}", of_expected(.expected))]
    Interrupted {
        /// Bytes that came.
        received: u64,
        /// Bytes that were declared.
        expected: Option<u64>,
    },
    /// The origin was silent for too long.
    #[error("the origin was silent for {} s", .after.as_secs_f32())]
    TimedOut {
        /// The silence that was waited for.
        after: Duration,
    },
    /// The origin sends, but too slowly to be waited for.
    #[error("the origin sent only {received} bytes in {} s", .after.as_secs())]
    TooSlow {
        /// Bytes that came in that time.
        received: u64,
        /// How long it was waited for.
        after: Duration,
    },
    /// The address is of a folder, a device, or something else that has no bytes to fetch.
    #[error("the origin has no regular file at that address")]
    NotAFile,
    /// The protocol has no listing.
    #[error("`{scheme}` origins cannot be listed")]
    CannotList {
        /// The scheme of the URL.
        scheme: String,
    },
    /// The origin could not prove to be the one that is meant.
    #[error("the origin cannot be trusted: {reason}")]
    NotTrusted {
        /// What is wrong, and what to do.
        reason: &'static str,
    },
    /// The address lies in a network that the operator has not opened.
    #[error("the origin address is not allowed: {reason}")]
    AddressNotAllowed {
        /// Which rule refused it, without the resolved address.
        reason: &'static str,
    },
    /// No backend of this build serves the scheme.
    #[error("no origin serves `{scheme}` addresses{}", enable_feature(.feature))]
    UnsupportedScheme {
        /// The scheme of the URL.
        scheme: String,
        /// The feature of `dlcs-storage` that would.
        feature: Option<&'static str>,
    },
    /// The origin strategy that matches cannot be used: correct it.
    #[error("the origin strategy cannot be used: {reason}")]
    Strategy {
        /// Why, and what to do.
        reason: String,
    },
    /// The bytes that were sent with the registration are no longer there.
    #[error("the bytes sent with the registration are gone: send the bytes again")]
    UploadGone,
    /// The connection could not be made, or broke: try again.
    #[error("the connection to the origin failed: {reason}")]
    Connection {
        /// The category of the failure.
        reason: &'static str,
        /// The cause.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The backend failed in a way that trying again does not mend.
    #[error("the `{backend}` origin failed: {reason}")]
    Backend {
        /// The backend.
        backend: &'static str,
        /// The category of the failure.
        reason: &'static str,
        /// The cause.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl OriginError {
    /// Whether the same fetch may succeed later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Unavailable { .. }
                | Self::Interrupted { .. }
                | Self::TimedOut { .. }
                | Self::TooSlow { .. }
                | Self::Connection { .. }
        )
    }

    /// How long the origin asks us to wait.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Unavailable { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

fn with_status(status: &Option<u16>) -> String {
    status.map_or_else(String::new, |status| format!(" (status {status})"))
}

fn of_expected(expected: &Option<u64>) -> String {
    expected.map_or_else(String::new, |expected| format!(" of {expected}"))
}

fn enable_feature(feature: &Option<&'static str>) -> String {
    feature.map_or_else(String::new, |feature| {
        format!(": enable feature `{feature}` of dlcs-storage")
    })
}
