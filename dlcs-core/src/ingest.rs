//! The use case at the centre: fetch, make the derivative, store it.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use thiserror::Error;
use url::Url;

use crate::catalogue::{Catalogue, CatalogueError};
use crate::derivative::{
    DerivativeError, DerivativeKey, DerivativeStore, ImageProcessor, ProcessError, ProcessOptions,
    Processed,
};
use crate::id::ImageId;
use crate::image::{Image, ImageSource, OriginUrl, Processing, UnknownPolicy};
use crate::origin::{
    OriginError, OriginRegistry, OriginRequest, OriginResponse, OriginStrategyKind, match_strategy,
};
use crate::queue::{
    Generation, IngestQueue, Lease, LeaseToken, QueueError, StoredDerivative, Success,
};

/// Bytes that are read at once from an upload.
const UPLOAD_CHUNK: u64 = 1 << 20;

/// What a fetch was about: part of every sentence that explains a failed one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchContext {
    /// The address, or how an upload is called; without secrets.
    pub address: String,
    /// The pattern of the customer's origin strategy that matched; `None` for the default.
    pub pattern: Option<String>,
    /// The kind of that strategy.
    pub kind: OriginStrategyKind,
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
    /// A part of this program panicked over the image.
    #[error("processing panicked")]
    Panicked,
    /// Somebody else may hold the image now.
    #[error("the lease has been lost")]
    LeaseLost,
}

impl IngestError {
    /// Whether another attempt may succeed.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Fetch { source, .. } => source.is_transient(),
            Self::Process { source } => source.is_transient(),
            Self::Store(_) | Self::Catalogue(_) => true,
            Self::Policy(_) | Self::Panicked | Self::LeaseLost => false,
        }
    }

    /// Whether this machine is in trouble, and neither the origin nor the image.
    #[must_use]
    pub const fn is_of_this_machine(&self) -> bool {
        matches!(self, Self::Store(_) | Self::Catalogue(_))
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
        if let Self::Fetch { attempts, .. } = &mut self {
            *attempts = made;
        }
        self
    }

    /// One sentence for people: cause, address, strategy, attempts, what to do.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Self::Fetch { context, attempts, source } => {
                let strategy = context.pattern.as_ref().map_or_else(
                    || "no origin strategy matches, so the default was used".to_owned(),
                    |pattern| format!("matched origin strategy `{pattern}` ({})", context.kind),
                );
                let held_back = if context.held_back {
                    "; its credentials were not sent, because its pattern does not cover the address's scheme and host"
                } else {
                    ""
                };
                let plural = if *attempts == 1 { "" } else { "s" };
                let advice = advice(source).map_or_else(String::new, |advice| format!("; {advice}"));
                format!("{}: {source}; {strategy}{held_back}; {attempts} attempt{plural}{advice}", context.address)
            }
            Self::Process { source: ProcessError::Backend { .. } } => {
                "the image could not be processed because of a fault of this server; try again".to_owned()
            }
            Self::Process { source } => source.to_string(),
            Self::Policy(unknown) => unknown.to_string(),
            Self::Store(DerivativeError::Full { .. }) => {
                "the derivative could not be stored because the store is full; make room and try again".to_owned()
            }
            Self::Store(_) | Self::Catalogue(_) => {
                "the image could not be stored because of a fault of this server; try again".to_owned()
            }
            Self::Panicked => {
                "the image could not be processed because of a fault of this program; report it with the source".to_owned()
            }
            Self::LeaseLost => "processing took longer than its lease; try again".to_owned(),
        }
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
        OriginError::AddressNotAllowed { .. } | OriginError::NotTrusted { .. } => return None,
        OriginError::UnsupportedScheme { .. } => "use another address",
        OriginError::Strategy { .. } => "correct the origin strategy",
        OriginError::UploadGone => "send the bytes again",
        _ => "check that the origin can be reached, and try again",
    })
}

/// The wait before attempt `attempt + 1` of a queued image: exponential, at most ten minutes, spread by a fifth either way.
///
/// `jitter` is a number from 0 to 1.
#[must_use]
pub fn backoff(attempt: u32, retry_after: Option<Duration>, jitter: f64) -> Duration {
    let base = 2_u64.saturating_pow(attempt).min(600);
    let spread = Duration::from_secs(base).mul_f64(0.8 + 0.4 * jitter.clamp(0.0, 1.0));
    let asked = retry_after
        .unwrap_or_default()
        .min(Duration::from_secs(3600));
    spread.max(asked)
}

/// The ports that an ingest needs, and its limits.
#[derive(Debug)]
pub(crate) struct Ingester<'a> {
    pub(crate) catalogue: &'a dyn Catalogue,
    pub(crate) queue: &'a dyn IngestQueue,
    pub(crate) derivatives: &'a Arc<dyn DerivativeStore>,
    pub(crate) origins: &'a OriginRegistry,
    pub(crate) processor: &'a dyn ImageProcessor,
    pub(crate) source_limit: u64,
    pub(crate) patience: Duration,
    pub(crate) lease_for: Duration,
    pub(crate) heartbeat: Duration,
}

impl Ingester<'_> {
    /// Fetches, processes and stores an image once, as far as that is asked for, renewing its lease meanwhile.
    pub(crate) async fn attempt(
        &self,
        image: &Image,
        lease: &mut Lease,
    ) -> Result<Success, IngestError> {
        let (generation, token) = (lease.generation(), lease.token());
        // A backend that panics must not take the other workers with it.
        let work = AssertUnwindSafe(self.make(image, generation, token)).catch_unwind();
        self.holding(lease, async {
            work.await.unwrap_or(Err(IngestError::Panicked))
        })
        .await
    }

    /// Runs work while renewing the lease; gives the work up when the lease is lost.
    pub(crate) async fn holding<T>(
        &self,
        lease: &mut Lease,
        work: impl Future<Output = Result<T, IngestError>> + Send,
    ) -> Result<T, IngestError> {
        tokio::pin!(work);
        let mut beat = tokio::time::interval(self.heartbeat);
        beat.tick().await;
        loop {
            tokio::select! {
                result = &mut work => return result,
                _ = beat.tick() => match self.queue.renew(lease, self.lease_for).await {
                    Ok(()) => {}
                    Err(QueueError::LeaseLost) => return Err(IngestError::LeaseLost),
                    // The lease still stands until its end: the next beat tries again.
                    Err(error) => tracing::warn!(image = %lease.image(), %error, "a lease could not be renewed"),
                },
            }
        }
    }

    async fn make(
        &self,
        image: &Image,
        generation: Generation,
        token: LeaseToken,
    ) -> Result<Success, IngestError> {
        match self.processing(image).await? {
            Processing::Nothing => Ok(Success::Nothing),
            Processing::Derivative(options) => {
                let stored = self.derive(image, &options, generation, token).await?;
                Ok(Success::Derivative(stored))
            }
        }
    }

    /// What is to be made, by the defaults that the space has now.
    async fn processing(&self, image: &Image) -> Result<Processing, IngestError> {
        let id = &image.id;
        match self.catalogue.find_space(id.customer(), id.space()).await? {
            Some(space) => Ok(image.processing(&space)?),
            // Only an empty space can be deleted: the image is gone too, and with it the lease.
            None => Err(IngestError::LeaseLost),
        }
    }

    async fn derive(
        &self,
        image: &Image,
        options: &ProcessOptions,
        generation: Generation,
        token: LeaseToken,
    ) -> Result<StoredDerivative, IngestError> {
        let (source, context) = self.open(image).await?;
        let processed =
            self.processor
                .process(source, options)
                .await
                .map_err(|error| match error {
                    ProcessError::Origin(source) => IngestError::Fetch {
                        context: Box::new(context),
                        attempts: 1,
                        source,
                    },
                    source => IngestError::Process { source },
                })?;
        let Processed {
            source,
            derivative,
            body,
        } = processed;
        let key = DerivativeKey::pyramid(&image.id, generation, token);
        self.derivatives.put(&key, body).await?;
        Ok(StoredDerivative { source, derivative })
    }

    async fn open(&self, image: &Image) -> Result<(OriginResponse, FetchContext), IngestError> {
        match image.fetch_source() {
            ImageSource::Origin(origin) => self.open_origin(&image.id, &origin).await,
            ImageSource::Upload(upload) => {
                let context = FetchContext {
                    address: format!("the bytes sent for `{}`", image.id.model()),
                    pattern: None,
                    kind: OriginStrategyKind::Default,
                    held_back: false,
                };
                let key = DerivativeKey::Upload(upload);
                match self.derivatives.length(&key).await {
                    Ok(length) => {
                        let store = Arc::clone(self.derivatives);
                        Ok((upload_response(store, key, length), context))
                    }
                    Err(DerivativeError::NotFound { .. }) => Err(IngestError::Fetch {
                        context: Box::new(context),
                        attempts: 1,
                        source: OriginError::UploadGone,
                    }),
                    Err(error) => Err(error.into()),
                }
            }
        }
    }

    async fn open_origin(
        &self,
        image: &ImageId,
        origin: &OriginUrl,
    ) -> Result<(OriginResponse, FetchContext), IngestError> {
        let strategies = self
            .catalogue
            .list_origin_strategies(image.customer())
            .await?;
        let mut context = FetchContext {
            address: without_query(origin.url()),
            pattern: None,
            kind: OriginStrategyKind::Default,
            held_back: false,
        };
        let matched = match match_strategy(&strategies, origin.url()) {
            Ok(matched) => matched,
            Err((id, error)) => {
                let source = OriginError::Strategy {
                    reason: format!("number `{id}`: {error}"),
                };
                return Err(IngestError::Fetch {
                    context: Box::new(context),
                    attempts: 1,
                    source,
                });
            }
        };
        context.pattern = matched
            .strategy
            .map(|strategy| strategy.pattern.as_str().to_owned());
        context.kind = matched
            .strategy
            .map_or(OriginStrategyKind::Default, |strategy| {
                strategy.access.kind()
            });
        context.held_back = matched.held_back;
        let request = OriginRequest::new(origin.url())
            .with_customer(image.customer())
            .with_access(matched.access)
            .with_limit(self.source_limit)
            .with_patience(self.patience);
        match self.origins.open(request).await {
            Ok(response) => Ok((response, context)),
            Err(source) => Err(IngestError::Fetch {
                context: Box::new(context),
                attempts: 1,
                source,
            }),
        }
    }
}

/// An address for people: what comes after `?` may be a signature.
fn without_query(url: &Url) -> String {
    if url.query().is_none() {
        return url.to_string();
    }
    let mut shown = url.clone();
    shown.set_query(None);
    format!("{shown}?…")
}

/// Reads an upload piece by piece.
fn upload_response(
    store: Arc<dyn DerivativeStore>,
    key: DerivativeKey,
    length: u64,
) -> OriginResponse {
    let body = futures_util::stream::try_unfold(0, move |at| {
        let (store, key) = (Arc::clone(&store), key.clone());
        async move {
            if at >= length {
                return Ok(None);
            }
            let end = length.min(at + UPLOAD_CHUNK);
            match store.get_range(&key, at..end).await {
                Ok(bytes) => Ok(Some((bytes, end))),
                Err(DerivativeError::NotFound { .. }) => Err(OriginError::UploadGone),
                Err(error) => Err(OriginError::Connection {
                    reason: "the upload could not be read",
                    source: Box::new(error),
                }),
            }
        }
    });
    OriginResponse::new(Box::pin(body)).with_length(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_within_bounds_and_honours_the_origin() {
        let seconds = |attempt, asked: Option<u64>, jitter| {
            backoff(attempt, asked.map(Duration::from_secs), jitter).as_secs_f64()
        };
        assert_eq!(
            [
                seconds(1, None, 0.5),
                seconds(4, None, 0.0),
                seconds(4, None, 1.0)
            ],
            [2.0, 12.8, 19.2]
        );
        assert_eq!(
            [
                seconds(60, None, 0.5),
                seconds(1, Some(30), 0.5),
                seconds(1, Some(9999), 0.5)
            ],
            [600.0, 30.0, 3600.0]
        );
    }

    #[test]
    fn addresses_are_shown_without_their_query() {
        let shown = |text: &str| without_query(&Url::parse(text).unwrap());
        assert_eq!(
            shown("https://h/a.tif?X-Amz-Signature=canary"),
            "https://h/a.tif?…"
        );
        assert_eq!(shown("https://h/a.tif"), "https://h/a.tif");
    }

    #[test]
    fn sentences_name_cause_address_strategy_attempts_and_remedy() {
        let context = FetchContext {
            address: "https://example.org/a.tif".into(),
            pattern: Some("example".into()),
            kind: OriginStrategyKind::BasicHttp,
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
    fn a_refused_address_is_explained_by_its_guard_alone() {
        let context = FetchContext {
            address: "http://169.254.169.254/".into(),
            pattern: None,
            kind: OriginStrategyKind::Default,
            held_back: false,
        };
        let error = IngestError::Fetch {
            context: Box::new(context),
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
