//! Putting a [`Dlcs`] together.

use std::sync::Arc;
use std::time::Duration;

use super::stored::LastStored;
use super::{Dlcs, Inner};
use crate::catalogue::Catalogue;
use crate::derivative::{DerivativeStore, ImageProcessor, ImageRenderer};
use crate::error::{Error, Result};
use crate::iiif::{FormatSet, Limits};
use crate::memory::{MemoryCatalogue, MemoryDerivatives};
use crate::notifier::BatchNotifier;
use crate::origin::{OriginRegistry, OriginRequest, OriginStrategy};
use crate::queue::IngestQueue;
use crate::storage::StoragePolicies;
use crate::time::{Clock, SystemClock};

/// How a [`Dlcs`] works.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Settings {
    /// Images that are processed at once by [`Dlcs::run_workers`].
    pub workers: usize,
    /// The most images that are processed at once from one host, by all workers together.
    pub per_host: u32,
    /// How long a lease lasts unless it is renewed.
    pub lease_for: Duration,
    /// How often a lease is renewed.
    pub heartbeat: Duration,
    /// How long one attempt at an image may take, from its fetch to its derivative, waits for other images included; then it has failed with
    /// [`IngestError::TookTooLong`](crate::ingest::IngestError::TookTooLong), which may pass.
    pub attempt_limit: Duration,
    /// How often a registration is tried when its failures may pass.
    pub attempts: u32,
    /// How long an immediate registration waits in all between its attempts.
    pub immediate_patience: Duration,
    /// How long workers may finish what they hold when they are told to stop.
    pub drain: Duration,
    /// The most images of one batch.
    pub max_batch_size: usize,
    /// The largest source, in bytes.
    pub source_limit: u64,
    /// How long an origin may stay silent.
    pub origin_patience: Duration,
    /// The largest results of image requests.
    pub limits: Limits,
    /// The formats that are served, of those that the renderer can write.
    pub formats: FormatSet,
    /// How much customers may store.
    pub storage: StoragePolicies,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            workers: 2,
            per_host: 8,
            lease_for: Duration::from_secs(60),
            heartbeat: Duration::from_secs(15),
            attempt_limit: Duration::from_secs(1800),
            attempts: 5,
            immediate_patience: Duration::from_secs(5),
            drain: Duration::from_secs(25),
            max_batch_size: 1000,
            source_limit: OriginRequest::DEFAULT_LIMIT,
            origin_patience: OriginRequest::DEFAULT_PATIENCE,
            limits: Limits::default(),
            formats: FormatSet::ALL,
            storage: StoragePolicies::default(),
        }
    }
}

impl Settings {
    /// Says how many images are processed at once.
    #[must_use]
    pub const fn with_workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// Says how many images are processed at once from one host, by all workers together: so that one slow host does not hold them all.
    #[must_use]
    pub const fn with_per_host(mut self, images: u32) -> Self {
        self.per_host = images;
        self
    }

    /// Says how many images one batch may hold.
    #[must_use]
    pub const fn with_max_batch_size(mut self, images: usize) -> Self {
        self.max_batch_size = images;
        self
    }

    /// Says how much customers may store.
    #[must_use]
    pub fn with_storage(mut self, policies: StoragePolicies) -> Self {
        self.storage = policies;
        self
    }

    /// Says how long a lease lasts; it is renewed four times in that time.
    #[must_use]
    pub fn with_lease_for(mut self, lease_for: Duration) -> Self {
        self.lease_for = lease_for;
        self.heartbeat = lease_for / 4;
        self
    }

    /// Says how long one attempt at an image may take: see [`Self::attempt_limit`].
    #[must_use]
    pub const fn with_attempt_limit(mut self, limit: Duration) -> Self {
        self.attempt_limit = limit;
        self
    }

    /// Says how often a registration is tried when its failures may pass, and how long an immediate one waits in all.
    #[must_use]
    pub const fn with_attempts(mut self, attempts: u32, immediate_patience: Duration) -> Self {
        self.attempts = attempts;
        self.immediate_patience = immediate_patience;
        self
    }

    /// Says how long an origin may stay silent.
    #[must_use]
    pub const fn with_origin_patience(mut self, patience: Duration) -> Self {
        self.origin_patience = patience;
        self
    }

    /// Says how large a source may be, in bytes.
    #[must_use]
    pub const fn with_source_limit(mut self, bytes: u64) -> Self {
        self.source_limit = bytes;
        self
    }

    /// Says how long workers may finish what they hold when they are told to stop.
    #[must_use]
    pub const fn with_drain(mut self, drain: Duration) -> Self {
        self.drain = drain;
        self
    }

    /// Says how large the results of image requests may be.
    #[must_use]
    pub const fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Says which formats are served, of those that the renderer can write.
    ///
    /// Those of [`FormatSet::LEVEL_2`] belong to what information documents promise of every image.
    #[must_use]
    pub const fn with_formats(mut self, formats: FormatSet) -> Self {
        self.formats = formats;
        self
    }
}

/// Puts a [`Dlcs`] together: catalogue, queue and derivatives are in memory unless others are given; a processor and a renderer must be.
#[derive(Debug, Default)]
pub struct DlcsBuilder {
    backend: Option<(Arc<dyn Catalogue>, Arc<dyn IngestQueue>)>,
    derivatives: Option<Arc<dyn DerivativeStore>>,
    origins: OriginRegistry,
    processor: Option<Arc<dyn ImageProcessor>>,
    renderer: Option<Arc<dyn ImageRenderer>>,
    clock: Option<Arc<dyn Clock>>,
    notifier: Option<Arc<dyn BatchNotifier>>,
    owner: Option<String>,
    settings: Settings,
}

impl DlcsBuilder {
    /// Gives the catalogue and its queue, which are one object.
    #[must_use]
    pub fn with_catalogue<B: Catalogue + IngestQueue>(mut self, backend: B) -> Self {
        let backend = Arc::new(backend);
        self.backend = Some((Arc::clone(&backend) as Arc<dyn Catalogue>, backend));
        self
    }

    /// Gives the store of derivatives.
    #[must_use]
    pub fn with_derivatives(mut self, derivatives: impl DerivativeStore) -> Self {
        self.derivatives = Some(Arc::new(derivatives));
        self
    }

    /// Adds an origin for its URL schemes.
    #[must_use]
    pub fn with_origin(mut self, origin: impl OriginStrategy) -> Self {
        self.origins = self.origins.with_origin(origin);
        self
    }

    /// Gives what makes derivatives.
    #[must_use]
    pub fn with_processor(mut self, processor: impl ImageProcessor) -> Self {
        self.processor = Some(Arc::new(processor));
        self
    }

    /// Gives what serves derivatives.
    #[must_use]
    pub fn with_renderer(mut self, renderer: impl ImageRenderer) -> Self {
        self.renderer = Some(Arc::new(renderer));
        self
    }

    /// Gives what is told when batches have finished.
    #[must_use]
    pub fn with_notifier(mut self, notifier: impl BatchNotifier) -> Self {
        self.notifier = Some(Arc::new(notifier));
        self
    }

    /// Names this process as a holder of leases: one that starts again under its name takes back at once what it held.
    ///
    /// No two processes that run may have the same name. Without a name, leases of a process that has died end by themselves.
    #[must_use]
    pub fn with_owner(mut self, name: impl Into<String>) -> Self {
        self.owner = Some(name.into());
        self
    }

    /// Gives the clock that the facade tells the time by; a catalogue has its own.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// Gives the settings.
    #[must_use]
    pub fn with_settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Puts it together.
    ///
    /// # Errors
    /// [`Error::Incomplete`] when the processor or the renderer is missing.
    pub fn build(self) -> Result<Dlcs> {
        let processor = self.processor.ok_or(Error::Incomplete {
            missing: "with_processor",
        })?;
        let renderer = self.renderer.ok_or(Error::Incomplete {
            missing: "with_renderer",
        })?;
        let (catalogue, queue) = self.backend.unwrap_or_else(|| {
            let backend = Arc::new(MemoryCatalogue::new());
            (Arc::clone(&backend) as Arc<dyn Catalogue>, backend)
        });
        Ok(Dlcs(Arc::new(Inner {
            catalogue,
            queue,
            derivatives: self
                .derivatives
                .unwrap_or_else(|| Arc::new(MemoryDerivatives::new())),
            origins: self.origins,
            processor,
            renderer,
            clock: self.clock.unwrap_or_else(|| Arc::new(SystemClock)),
            settings: self.settings,
            owner: self
                .owner
                .unwrap_or_else(|| format!("dlcs-{}", uuid::Uuid::new_v4().simple())),
            notifier: self.notifier,
            stored: LastStored::default(),
        })))
    }
}
