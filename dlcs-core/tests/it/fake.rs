//! An origin that follows a script, and an image processor that knows one kind of image: `WIDTHxHEIGHT` as text.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use dlcs_core::derivative::{
    Checksum, DerivativeBody, DerivativeError, DerivativeFacts, DerivativeKey, ProcessError,
    ProcessOptions, Processed, RenderError, Rendered, SourceFacts, StoredObject,
};
use dlcs_core::dlcs::DlcsBuilder;
use dlcs_core::iiif::{Dimensions, FormatSet, Pyramid, ResolvedRequest, TileSize};
use dlcs_core::image::ImageService;
use dlcs_core::memory::{MemoryCatalogue, MemoryDerivatives};
use dlcs_core::origin::{OriginError, OriginRequest, OriginResponse};
use dlcs_core::time::{Clock, Timestamp};
use dlcs_core::{
    DerivativeStore, Dlcs, ImageId, ImageProcessor, ImageRenderer, OriginStrategy, Registration,
    Settings, Space,
};
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use tokio::sync::Notify;
use tokio::time::Instant;
use url::Url;

use crate::flaky::Flaky;

/// The name of the process that the tests are.
pub(crate) const OWNER: &str = "this node";

/// What an address of the fake origin does.
#[derive(Debug, Clone)]
pub(crate) enum Script {
    /// Gives these bytes.
    Bytes(&'static str),
    /// Is not there.
    Missing,
    /// Panics.
    Panic,
    /// Says nothing for as long as it may.
    Silent,
    /// Is out of order so many times, then gives the bytes.
    Unavailable(usize, &'static str),
    /// Is out of order, and asks to be left alone for so long.
    Busy(Duration),
    /// Says when it has been opened, then waits to be let go.
    Gate(Arc<Gate>, &'static str),
}

/// Two notifications: opened, and let go.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    pub(crate) opened: Notify,
    pub(crate) open: Notify,
}

/// An origin of `fake:` addresses.
#[derive(Debug, Clone, Default)]
pub(crate) struct FakeOrigin {
    scripts: Arc<Mutex<HashMap<String, Script>>>,
    pub(crate) opened: Arc<AtomicUsize>,
    times: Arc<Mutex<HashMap<String, Vec<Instant>>>>,
}

impl FakeOrigin {
    pub(crate) fn script(&self, name: &str, script: Script) {
        self.scripts.lock().unwrap().insert(address(name), script);
    }

    fn opened_now(&self, url: &str) {
        let mut times = self.times.lock().unwrap();
        times
            .entry(url.to_owned())
            .or_default()
            .push(Instant::now());
    }

    /// The seconds between the times at which a name was opened.
    pub(crate) fn gaps(&self, name: &str) -> Vec<f64> {
        let times = self.times.lock().unwrap();
        let times = times.get(&address(name)).map_or(&[][..], Vec::as_slice);
        let pairs = times.windows(2);
        pairs
            .map(|pair| (pair[1] - pair[0]).as_secs_f64())
            .collect()
    }
}

/// The address of a name at the fake origin.
pub(crate) fn address(name: &str) -> String {
    format!("fake://origin/{name}")
}

#[async_trait]
impl OriginStrategy for FakeOrigin {
    fn schemes(&self) -> &'static [&'static str] {
        &["fake"]
    }

    fn check(&self, url: &Url) -> Result<(), OriginError> {
        if url.path().ends_with("/impossible") {
            return Err(OriginError::AddressNotAllowed {
                reason: "nothing is ever there",
            });
        }
        Ok(())
    }

    async fn open(&self, request: OriginRequest<'_>) -> Result<OriginResponse, OriginError> {
        self.opened.fetch_add(1, Ordering::SeqCst);
        let url = request.url().to_string();
        self.opened_now(&url);
        let script = self
            .scripts
            .lock()
            .unwrap()
            .get(&url)
            .cloned()
            .unwrap_or(Script::Missing);
        match script {
            Script::Bytes(text) => Ok(OriginResponse::from_bytes(text)),
            Script::Silent => {
                tokio::time::sleep(request.patience()).await;
                Err(OriginError::TimedOut {
                    after: request.patience(),
                })
            }
            Script::Panic => panic!("the script says so"),
            Script::Missing => Err(OriginError::NotFound { status: Some(404) }),
            Script::Unavailable(0, text) => Ok(OriginResponse::from_bytes(text)),
            Script::Unavailable(left, text) => {
                self.scripts
                    .lock()
                    .unwrap()
                    .insert(url, Script::Unavailable(left - 1, text));
                Err(OriginError::Unavailable {
                    status: Some(503),
                    retry_after: None,
                })
            }
            Script::Busy(asked) => Err(OriginError::Unavailable {
                status: Some(503),
                retry_after: Some(asked),
            }),
            Script::Gate(gate, text) => {
                gate.opened.notify_one();
                gate.open.notified().await;
                Ok(OriginResponse::from_bytes(text))
            }
        }
    }
}

/// Remembers what it was asked to make.
#[derive(Debug, Clone, Default)]
pub(crate) struct FakePixels {
    asked: Arc<Mutex<Vec<ProcessOptions>>>,
}

impl FakePixels {
    /// What it was asked to make since it was last looked at.
    pub(crate) fn take_asked(&self) -> Vec<ProcessOptions> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

#[async_trait]
impl ImageProcessor for FakePixels {
    async fn process(
        &self,
        source: OriginResponse,
        options: &ProcessOptions,
    ) -> Result<Processed, ProcessError> {
        self.asked.lock().unwrap().push(options.clone());
        let chunks: Vec<Bytes> = source.into_body().try_collect().await?;
        let bytes = Bytes::from(chunks.concat());
        let dimensions = std::str::from_utf8(&bytes)
            .ok()
            .and_then(|text| text.split_once('x'))
            .and_then(|(w, h)| Dimensions::new(w.parse().ok()?, h.parse().ok()?))
            .ok_or_else(|| ProcessError::Unrecognised {
                seen: "text".into(),
            })?;
        Ok(Processed {
            source: SourceFacts {
                media_type: "image/fake".into(),
                size: bytes.len() as u64,
                checksum: Checksum([1; 32]),
            },
            derivative: DerivativeFacts::new(
                Pyramid {
                    dimensions,
                    tile: TileSize::Px512,
                },
                0..1,
                bytes.len() as u64,
                Checksum([2; 32]),
            ),
            body: futures_util::stream::once(async { Ok(bytes) }).boxed(),
        })
    }

    fn recognise(&self, start: &[u8]) -> Option<&'static str> {
        let (width, _) = std::str::from_utf8(start).ok()?.split_once('x')?;
        width.parse::<u32>().is_ok().then_some("image/fake")
    }
}

#[async_trait]
impl ImageRenderer for FakePixels {
    fn formats(&self) -> FormatSet {
        FormatSet::ALL
    }

    async fn render(
        &self,
        store: &dyn DerivativeStore,
        key: &DerivativeKey,
        service: &ImageService,
        request: &ResolvedRequest,
    ) -> Result<Rendered, RenderError> {
        let bytes = store.get_range(key, 0..service.derivative.length).await?;
        Ok(Rendered {
            format: request.format,
            bytes,
        })
    }
}

/// A store in memory that can be told to refuse.
#[derive(Debug, Clone, Default)]
pub(crate) struct FakeStore {
    objects: Arc<MemoryDerivatives>,
    refused_puts: Arc<AtomicUsize>,
    refused_deletes: Arc<AtomicUsize>,
    fault: Arc<Mutex<Option<StoreFault>>>,
}

/// What is wrong with a store for one image alone.
#[derive(Debug)]
pub(crate) enum StoreFault {
    /// The bytes that came with it cannot be read.
    Unreadable,
    /// There is no room for its derivative.
    TooLarge(ImageId),
}

impl FakeStore {
    pub(crate) fn refuse_puts(&self, times: usize) {
        self.refused_puts.store(times, Ordering::SeqCst);
    }

    pub(crate) fn set_fault(&self, fault: Option<StoreFault>) {
        *self.fault.lock().unwrap() = fault;
    }

    fn check_room(&self, key: &DerivativeKey) -> Result<(), DerivativeError> {
        let fault = self.fault.lock().unwrap();
        let is_of = |image: &ImageId, generation, token| {
            *key == DerivativeKey::pyramid(image, generation, token)
        };
        match (&*fault, key) {
            (
                Some(StoreFault::TooLarge(image)),
                DerivativeKey::Pyramid {
                    generation, token, ..
                },
            ) if is_of(image, *generation, *token) => Err(DerivativeError::Full {
                source: "the test says so".into(),
            }),
            _ => Ok(()),
        }
    }

    pub(crate) fn refuse_deletes(&self, times: usize) {
        self.refused_deletes.store(times, Ordering::SeqCst);
    }
}

fn refuse(left: &AtomicUsize) -> Result<(), DerivativeError> {
    let less = |left: usize| left.checked_sub(1);
    match left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less) {
        Ok(_) => Err(DerivativeError::Full {
            source: "the test says so".into(),
        }),
        Err(_) => Ok(()),
    }
}

#[async_trait]
impl DerivativeStore for FakeStore {
    async fn put(&self, key: &DerivativeKey, body: DerivativeBody) -> Result<u64, DerivativeError> {
        refuse(&self.refused_puts)?;
        self.check_room(key)?;
        self.objects.put(key, body).await
    }

    async fn get_range(
        &self,
        key: &DerivativeKey,
        range: Range<u64>,
    ) -> Result<Bytes, DerivativeError> {
        self.objects.get_range(key, range).await
    }

    async fn length(&self, key: &DerivativeKey) -> Result<u64, DerivativeError> {
        if let Some(StoreFault::Unreadable) = *self.fault.lock().unwrap() {
            return Err(DerivativeError::Backend {
                backend: "fake",
                source: "the test says so".into(),
            });
        }
        self.objects.length(key).await
    }

    async fn delete(&self, key: &DerivativeKey) -> Result<(), DerivativeError> {
        refuse(&self.refused_deletes)?;
        self.objects.delete(key).await
    }

    fn scan(&self) -> BoxStream<'_, Result<StoredObject, DerivativeError>> {
        self.objects.scan()
    }
}

/// A clock that stands still when tokio's does.
#[derive(Debug)]
struct TokioClock(Instant);

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(1_000_000).after(self.0.elapsed())
    }
}

/// A facade over memory, its origin, its pixels and its store, and a space.
pub(crate) struct Setting {
    pub(crate) dlcs: Dlcs,
    pub(crate) origin: FakeOrigin,
    pub(crate) pixels: FakePixels,
    pub(crate) store: FakeStore,
    pub(crate) backend: Flaky,
    pub(crate) space: Space,
}

impl Setting {
    pub(crate) async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    pub(crate) async fn with(settings: Settings) -> Self {
        Self::built(|builder| builder.with_settings(settings)).await
    }

    pub(crate) async fn built(finish: impl FnOnce(DlcsBuilder) -> DlcsBuilder) -> Self {
        let (origin, store) = (FakeOrigin::default(), FakeStore::default());
        let pixels = FakePixels::default();
        let clock = Arc::new(TokioClock(Instant::now()));
        let backend = Flaky::over(MemoryCatalogue::with_clock(clock));
        let builder = Dlcs::builder()
            .with_catalogue(backend.clone())
            .with_derivatives(store.clone())
            .with_origin(origin.clone())
            .with_processor(pixels.clone())
            .with_renderer(pixels.clone())
            .with_owner(OWNER);
        let dlcs = finish(builder).build().unwrap();
        let space = dlcs.spaces().create("maps").await.unwrap();
        Self {
            dlcs,
            origin,
            pixels,
            store,
            backend,
            space,
        }
    }

    /// A registration of the image with this name, at the origin's address of the same name.
    pub(crate) fn registration(&self, name: &str) -> Registration {
        Registration::new(&self.space)
            .with_id(name.parse().unwrap())
            .with_origin(&address(name))
            .unwrap()
    }

    pub(crate) fn id(&self, name: &str) -> ImageId {
        ImageId::new(self.space.customer, self.space.id, name.parse().unwrap())
    }
}
