//! Why an attempt at an image failed, and the one sentence that says so.

use std::fmt::{self, Write as _};
use std::io;
use std::time::Duration;

use thiserror::Error;

use crate::catalogue::CatalogueError;
use crate::derivative::{DerivativeError, ProcessError};
use crate::image::UnknownPolicy;
use crate::origin::{OriginError, OriginStrategyId, OriginStrategyKind};
use crate::queue::QueueError;
use crate::storage::OverQuota;

/// What a fetch was about: part of every sentence that explains a failed one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchContext {
    /// The address, or how an upload is called; without secrets.
    pub address: String,
    /// The customer's origin strategy that matched; `None` for the default.
    pub strategy: Option<OriginStrategyId>,
    /// Its pattern.
    pub pattern: Option<String>,
    /// The kind of that strategy.
    pub kind: OriginStrategyKind,
    /// Whether it is no address, but bytes that came with a registration.
    pub is_upload: bool,
    /// Whether credentials were held back because the pattern does not cover the address's scheme and host.
    pub held_back: bool,
}

/// Why one attempt at an image failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum IngestError {
    /// The source could not be fetched.
    #[error("the source could not be fetched")]
    Fetch {
        /// What was fetched, and how.
        context: Box<FetchContext>,
        /// How many attempts were made.
        attempts: u32,
        /// Why.
        source: OriginError,
    },
    /// The source is not an image that can be served.
    #[error("the source could not be processed")]
    Process {
        /// What was fetched, and how.
        context: Box<FetchContext>,
        /// How many attempts were made.
        attempts: u32,
        /// Why.
        source: ProcessError,
    },
    /// The image, or its space, names a policy that is not known.
    #[error("what is to be made of the image is not known")]
    Policy(#[from] UnknownPolicy),
    /// The derivative could not be stored.
    #[error("the derivative could not be stored")]
    Store(#[from] DerivativeError),
    /// The customer's origin strategies, or the image's space, could not be read.
    #[error("the origin strategies or the space could not be read")]
    Catalogue(#[from] CatalogueError),
    /// The customer would store more than it may.
    #[error(transparent)]
    OverQuota(#[from] OverQuota),
    /// Fetching and processing took longer than an attempt may.
    #[error("an attempt at the image took longer than {} seconds", .after.as_secs())]
    TookTooLong {
        /// The limit.
        after: Duration,
    },
    /// A part of this program panicked over the image.
    #[error("processing panicked")]
    Panicked,
    /// Somebody else may hold the image now.
    #[error("the lease has been lost")]
    LeaseLost,
    /// The lease has ended because the queue could not be reached in time.
    #[error("the lease could not be renewed in time")]
    NotRenewed(#[source] QueueError),
}

impl IngestError {
    /// Whether another attempt may succeed.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Fetch { source, .. } => source.is_transient(),
            Self::Process { source, .. } => source.is_transient(),
            // It may have waited for others, or for a slow disk.
            Self::Store(_) | Self::Catalogue(_) | Self::TookTooLong { .. } => true,
            Self::Policy(_)
            | Self::OverQuota(_)
            | Self::Panicked
            | Self::LeaseLost
            | Self::NotRenewed(_) => false,
        }
    }

    /// Whether this machine seems to be in trouble, and neither the origin nor the image.
    ///
    /// It may still be that one object or one row of the image cannot be used, where all others can: see [`Self::is_no_fault_of_the_image`].
    #[must_use]
    pub const fn is_of_this_machine(&self) -> bool {
        matches!(
            self,
            Self::Store(_)
                | Self::Catalogue(_)
                | Self::NotRenewed(_)
                | Self::TookTooLong { .. }
                | Self::Process {
                    source: ProcessError::Spool { .. },
                    ..
                }
        )
    }

    /// Whether it is sure that the image is not to blame: there was no room for it, others took all the time, or the database or the disk was away.
    #[must_use]
    pub fn is_no_fault_of_the_image(&self) -> bool {
        let is_of_all = matches!(
            self,
            Self::Catalogue(CatalogueError::Unavailable { .. })
                | Self::NotRenewed(_)
                | Self::Process {
                    source: ProcessError::Spool { .. } | ProcessError::Busy { .. },
                    ..
                }
        );
        is_of_all || self.is_of_a_full_disk()
    }

    /// Whether this machine has no room left.
    #[must_use]
    pub fn is_of_a_full_disk(&self) -> bool {
        match self {
            Self::Store(DerivativeError::Full { .. }) => true,
            Self::Process {
                source: ProcessError::Spool { source },
                ..
            } => is_full(source),
            _ => false,
        }
    }

    /// How long the origin asks us to wait before another attempt.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Fetch { source, .. } => source.retry_after(),
            _ => None,
        }
    }

    /// The same failure after so many attempts.
    #[must_use]
    pub fn after_attempts(mut self, made: u32) -> Self {
        if let Self::Fetch { attempts, .. } | Self::Process { attempts, .. } = &mut self {
            *attempts = made;
        }
        self
    }

    /// One sentence for people: cause, address, strategy, attempts, what to do.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Self::Fetch { context, attempts, source } => {
                context.sentence(source, *attempts, advice(source))
            }
            Self::Process { source: ProcessError::Spool { source }, .. } if is_full(source) => {
                "the image could not be processed because the disk for that is full; make room and try again".to_owned()
            }
            Self::Process { source: ProcessError::Busy { .. }, .. } => {
                "the image could not be processed because others took all the time; try again later".to_owned()
            }
            Self::Process { source: ProcessError::Spool { .. } | ProcessError::Backend { .. }, .. } => {
                "the image could not be processed because of a fault of this server; try again".to_owned()
            }
            Self::Process { context, attempts, source } => {
                context.sentence(source, *attempts, advice_about(source))
            }
            Self::Policy(unknown) => unknown.to_string(),
            Self::OverQuota(over) => over.to_string(),
            Self::Store(DerivativeError::Full { .. }) => {
                "the derivative could not be stored because the store is full; make room and try again".to_owned()
            }
            Self::Store(_) | Self::Catalogue(_) | Self::NotRenewed(_) => {
                "the image could not be stored because of a fault of this server; try again".to_owned()
            }
            Self::TookTooLong { after } => format!(
                "fetching and processing the image took longer than {} seconds; try again later, register a smaller image, or ask the operator to raise the limit",
                after.as_secs()
            ),
            Self::Panicked => {
                "the image could not be processed because of a fault of this program; report it with the source".to_owned()
            }
            Self::LeaseLost => "processing took longer than its lease; try again".to_owned(),
        }
    }
}

impl FetchContext {
    /// Cause, address, strategy, attempts, what to do.
    fn sentence(&self, cause: &dyn fmt::Display, attempts: u32, advice: Option<&str>) -> String {
        let mut sentence = format!("{}: {cause}", self.address);
        if !self.is_upload {
            sentence.push_str(&self.strategy_used());
        }
        let plural = if attempts == 1 { "" } else { "s" };
        let _ = write!(sentence, "; {attempts} attempt{plural}");
        if let Some(advice) = advice {
            let _ = write!(sentence, "; {advice}");
        }
        sentence
    }

    fn strategy_used(&self) -> String {
        let Some(pattern) = &self.pattern else {
            return "; no origin strategy matches, so the default was used".to_owned();
        };
        let held_back = if self.held_back {
            "; its credentials were not sent, because its pattern does not cover the address's scheme and host"
        } else {
            ""
        };
        format!(
            "; matched origin strategy `{pattern}` ({}){held_back}",
            self.kind
        )
    }
}

/// Whether a disk had no room left.
fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

/// What to do about a source that cannot be used; `None` where its own text says so.
const fn advice_about(error: &ProcessError) -> Option<&'static str> {
    match error {
        ProcessError::Unrecognised { .. } => Some("give the address of an image"),
        ProcessError::Damaged { .. } => Some("replace the file with a whole one"),
        ProcessError::Unsupported { .. } => Some("save the file in another way, and register that"),
        ProcessError::TooManyPixels { .. } | ProcessError::SideTooLong { .. } => {
            Some("register a smaller image, or ask the operator to raise the limit")
        }
        _ => None,
    }
}

/// What to do about a failure; `None` where its own text says so.
const fn advice(error: &OriginError) -> Option<&'static str> {
    Some(match error {
        OriginError::NotFound { .. } => "check the address",
        OriginError::Denied { .. } => "check the credentials of the origin strategy",
        OriginError::Refused { .. } => "check the address and what the origin expects",
        OriginError::TooLarge { .. } => {
            "register a smaller source, or ask the operator to raise the limit"
        }
        OriginError::NotAFile => "give the address of a file",
        OriginError::CannotList { .. } => "give the addresses of its files",
        OriginError::AddressNotAllowed { .. }
        | OriginError::NotTrusted { .. }
        | OriginError::UploadGone => return None,
        OriginError::UnsupportedScheme { .. } => "use another address",
        OriginError::Strategy { .. } => "correct the origin strategy",
        OriginError::Backend { .. } => "correct the address, or what the origin does there",
        _ => "check that the origin can be reached, and try again",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a fetch that no strategy matched.
    fn context(address: &str) -> FetchContext {
        FetchContext {
            address: address.to_owned(),
            strategy: None,
            pattern: None,
            kind: OriginStrategyKind::Default,
            is_upload: false,
            held_back: false,
        }
    }

    #[test]
    fn sentences_name_cause_address_strategy_attempts_and_remedy() {
        let context = FetchContext {
            address: "https://example.org/a.tif".into(),
            strategy: Some(OriginStrategyId::assign()),
            pattern: Some("example".into()),
            kind: OriginStrategyKind::BasicHttp,
            is_upload: false,
            held_back: true,
        };
        let error = IngestError::Fetch {
            context: Box::new(context),
            attempts: 1,
            source: OriginError::Denied { status: Some(401) },
        };
        assert_eq!(
            error.after_attempts(3).sentence(),
            "https://example.org/a.tif: the origin refused access (status 401); matched origin strategy `example` \
             (basic-http-authentication); its credentials were not sent, because its pattern does not cover the address's scheme and \
             host; 3 attempts; check the credentials of the origin strategy"
        );
    }

    #[test]
    fn a_disk_that_fails_meanwhile_is_no_fault_of_the_image() {
        for (kind, is_full) in [
            (io::ErrorKind::StorageFull, true),
            (io::ErrorKind::Other, false),
        ] {
            let error = IngestError::Process {
                context: Box::new(context("https://example.org/a.tif")),
                attempts: 1,
                source: ProcessError::Spool {
                    source: kind.into(),
                },
            };
            assert!(error.is_of_this_machine() && error.is_transient());
            assert_eq!(error.is_of_a_full_disk(), is_full);
            assert_eq!(error.sentence().contains("make room"), is_full);
        }
    }

    #[test]
    fn an_image_that_never_had_its_turn_is_not_to_blame() {
        let error = IngestError::Process {
            context: Box::new(context("https://example.org/a.tif")),
            attempts: 1,
            source: ProcessError::Busy {
                waited: Duration::from_secs(600),
            },
        };
        assert!(error.is_no_fault_of_the_image() && error.is_transient());
        assert!(!error.is_of_this_machine(), "others can be stored");
        assert!(error.sentence().contains("others took all the time"));
    }

    #[test]
    fn a_refused_address_is_explained_by_its_guard_alone() {
        let error = IngestError::Fetch {
            context: Box::new(context("http://169.254.169.254/")),
            attempts: 1,
            source: OriginError::AddressNotAllowed {
                reason: "no setting opens it; use another address",
            },
        };
        assert_eq!(
            error.sentence(),
            "http://169.254.169.254/: the origin address is not allowed: no setting opens it; use another address; no origin strategy \
             matches, so the default was used; 1 attempt"
        );
    }
}
