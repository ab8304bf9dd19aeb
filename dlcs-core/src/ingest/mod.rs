//! The use case at the centre: fetch, make the derivative, store it.

mod backoff;
mod error;
mod fetch;
mod original;

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::{Instant, timeout};

use crate::derivative::{
    DerivativeError, DerivativeKey, DerivativeStore, ImageProcessor, ProcessError, ProcessOptions,
    Processed,
};
use crate::image::{Image, ImageSource, Processing};
use crate::origin::{OriginError, OriginResponse, OriginStrategyKind};
use crate::queue::{
    Generation, IngestQueue, Lease, LeaseToken, QueueError, StoredDerivative, Success,
};
use crate::setting::channel_policies;
use crate::storage::{Quota, StoragePolicies};

pub use backoff::backoff;
pub use error::{FetchContext, IngestError};
pub(crate) use fetch::Fetcher;
use original::{KeepError, keep};

/// Bytes that are read at once of a stored source.
const STORED_CHUNK: u64 = 1 << 20;
/// As much where each read is a request to another machine.
const REMOTE_CHUNK: u64 = 8 << 20;

/// How soon a renewal is tried again that has failed.
const RENEW_AGAIN: Duration = Duration::from_secs(1);

/// The ports that an ingest needs, and its limits.
#[derive(Debug)]
pub(crate) struct Ingester<'a> {
    pub(crate) queue: &'a dyn IngestQueue,
    pub(crate) derivatives: &'a Arc<dyn DerivativeStore>,
    pub(crate) fetcher: Fetcher<'a>,
    pub(crate) processor: &'a dyn ImageProcessor,
    pub(crate) lease_for: Duration,
    pub(crate) heartbeat: Duration,
    /// How long an attempt may take.
    pub(crate) limit: Duration,
    pub(crate) storage: &'a StoragePolicies,
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
            match timeout(self.limit, work).await {
                Ok(made) => made.unwrap_or(Err(IngestError::Panicked)),
                // Whoever holds a lease renews it: nothing else would end this.
                Err(_) => Err(IngestError::TookTooLong { after: self.limit }),
            }
        })
        .await
    }

    /// Runs work while renewing the lease; gives the work up when the lease is lost, or has ended because it could not be renewed.
    ///
    /// A renewal that fails is tried again soon, so that the lease outlives all but the longest absence of its queue.
    pub(crate) async fn holding<T>(
        &self,
        lease: &mut Lease,
        work: impl Future<Output = Result<T, IngestError>> + Send,
    ) -> Result<T, IngestError> {
        tokio::pin!(work);
        let mut beat = tokio::time::interval(self.heartbeat);
        beat.tick().await;
        // By the clock of this process alone; whoever grants leases may have another.
        let mut end = Instant::now() + self.lease_for;
        let mut failed = None;
        loop {
            let renew = async {
                beat.tick().await;
                (
                    Instant::now(),
                    self.queue.renew(lease, self.lease_for).await,
                )
            };
            let (asked, renewed) = tokio::select! {
                result = &mut work => return result,
                () = tokio::time::sleep_until(end) => {
                    return Err(IngestError::NotRenewed(failed.unwrap_or_else(not_answered)));
                }
                renewed = renew => renewed,
            };
            match renewed {
                Ok(()) => end = asked + self.lease_for,
                Err(QueueError::LeaseLost) => return Err(IngestError::LeaseLost),
                Err(error) => {
                    tracing::warn!(image = %lease.image(), %error, "a lease could not be renewed");
                    failed = Some(error);
                    beat.reset_after(RENEW_AGAIN.min(self.heartbeat));
                }
            }
        }
    }

    async fn make(
        &self,
        image: &Image,
        generation: Generation,
        token: LeaseToken,
    ) -> Result<Success, IngestError> {
        let Processing {
            derivative,
            keeps_original,
        } = self.processing(image).await?;
        let quota = self.storage.of(image.id.customer()).quota;
        let mut success = Success {
            quota,
            ..Success::NOTHING
        };
        if derivative.is_none() && !keeps_original {
            return Ok(success);
        }
        self.refuse_when_full(image, quota).await?;
        let (mut source, context) = self.open(image).await?;
        if keeps_original {
            let key = DerivativeKey::original(&image.id, generation, token);
            let store = self.derivatives.as_ref();
            let kept = keep(store, &key, image, source, self.processor).await;
            let kept = kept.map_err(|error| match error {
                KeepError::Origin(source) => IngestError::Fetch {
                    context: Box::new(context.clone()),
                    attempts: 1,
                    source,
                },
                KeepError::Store(error) => error.into(),
            })?;
            // It has been fetched once, and is not fetched again.
            source = stored_response(Arc::clone(self.derivatives), key, kept.source.size);
            success.original = Some(kept);
        }
        if let Some(options) = derivative {
            let key = DerivativeKey::pyramid(&image.id, generation, token);
            let stored = self.derive(&key, source, context, &options).await?;
            if let Some(original) = &mut success.original {
                // Of an image, the bytes themselves say what they are.
                original
                    .source
                    .media_type
                    .clone_from(&stored.source.media_type);
            }
            success.derivative = Some(stored);
        }
        Ok(success)
    }

    /// Fetches nothing for a customer who has all that it may; whether what is made may be stored is decided when it is.
    async fn refuse_when_full(&self, image: &Image, quota: Quota) -> Result<(), IngestError> {
        if quota.bytes.is_none() || image.fetched().is_some() {
            return Ok(());
        }
        let figures = self
            .fetcher
            .catalogue
            .find_storage(image.id.customer())
            .await?;
        let stored = figures.bytes.images;
        Ok(quota.admit_bytes(stored, stored.saturating_add(1))?)
    }

    /// What is to be made, by the defaults that the space has now.
    async fn processing(&self, image: &Image) -> Result<Processing, IngestError> {
        let (id, catalogue) = (&image.id, self.fetcher.catalogue);
        let Some(space) = catalogue.find_space(id.customer(), id.space()).await? else {
            // Only an empty space can be deleted: the image is gone too, and with it the lease.
            return Err(IngestError::LeaseLost);
        };
        let own = if image.names_own_policy() {
            channel_policies(catalogue, id.customer()).await?
        } else {
            Vec::new()
        };
        Ok(image.processing(&space, &own)?)
    }

    async fn derive(
        &self,
        key: &DerivativeKey,
        source: OriginResponse,
        context: FetchContext,
        options: &ProcessOptions,
    ) -> Result<StoredDerivative, IngestError> {
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
                    source => IngestError::Process {
                        context: Box::new(context),
                        attempts: 1,
                        source,
                    },
                })?;
        let Processed {
            source,
            derivative,
            body,
        } = processed;
        self.derivatives.put(key, body).await?;
        Ok(StoredDerivative { source, derivative })
    }

    async fn open(&self, image: &Image) -> Result<(OriginResponse, FetchContext), IngestError> {
        match image.fetch_source() {
            ImageSource::Origin(origin) => {
                let fetched = self.fetcher.open(image.id.customer(), &origin);
                fetched.await
            }
            ImageSource::Upload(upload) => {
                let context = FetchContext {
                    address: format!("the bytes sent for `{}`", image.id.model()),
                    strategy: None,
                    pattern: None,
                    kind: OriginStrategyKind::Default,
                    is_upload: true,
                    held_back: false,
                };
                let key = DerivativeKey::Upload(upload);
                match self.derivatives.length(&key).await {
                    Ok(length) => {
                        let store = Arc::clone(self.derivatives);
                        Ok((stored_response(store, key, length), context))
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
}

/// Why a lease has ended of which no renewal was answered.
fn not_answered() -> QueueError {
    QueueError::Unavailable {
        backend: "silent",
        source: "it has not answered".into(),
    }
}

/// Reads a stored source piece by piece.
fn stored_response(
    store: Arc<dyn DerivativeStore>,
    key: DerivativeKey,
    length: u64,
) -> OriginResponse {
    let chunk = if store.is_remote() {
        REMOTE_CHUNK
    } else {
        STORED_CHUNK
    };
    let body = futures_util::stream::try_unfold(0, move |at| {
        let (store, key) = (Arc::clone(&store), key.clone());
        async move {
            if at >= length {
                return Ok(None);
            }
            let end = length.min(at + chunk);
            match store.get_range(&key, at..end).await {
                Ok(bytes) => Ok(Some((bytes, end))),
                Err(DerivativeError::NotFound { .. }) => Err(OriginError::UploadGone),
                Err(error) => Err(OriginError::Connection {
                    reason: "the stored source could not be read",
                    source: Box::new(error),
                }),
            }
        }
    });
    OriginResponse::new(Box::pin(body)).with_length(length)
}
