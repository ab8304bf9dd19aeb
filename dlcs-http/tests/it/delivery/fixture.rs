//! A service over the backends in memory, with images of any size and no pixels.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use dlcs_core::derivative::{
    Checksum, DerivativeError, DerivativeFacts, DerivativeKey, DerivativeStore, ImageProcessor,
    ImageRenderer, ProcessError, ProcessOptions, Processed, RenderError, Rendered, SourceFacts,
};
use dlcs_core::dlcs::{FirstKey, Settings};
use dlcs_core::iiif::{
    Dimensions, FormatSet, Limits, Plan, Pyramid, ResolvedRequest, Stored, TileSize, plan,
};
use dlcs_core::image::{ImageChanges, ImageService};
use dlcs_core::memory::MemoryCatalogue;
use dlcs_core::origin::{OriginResponse, Secret};
use dlcs_core::{CustomerId, Dlcs, Image, ImageId, ModelId, Registration, SpaceId};
use dlcs_http::{DlcsService, ResponseBody};
use dlcs_testkit::Gate;
use dlcs_testkit::fake::FakeClock;
use futures_util::{StreamExt, TryStreamExt, stream};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use serde_json::Value;

/// The size of every image that the fixture registers.
pub(crate) const SIZE: (u32, u32) = (3000, 2001);

/// What the renderer is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    Well,
    Overloaded,
    /// The derivative is missing this many times, and there after that.
    Missing(u32),
    Broken,
}

/// Renders names of requests, and remembers how many.
#[derive(Debug)]
pub(crate) struct Renderer {
    pub(crate) mood: Mutex<Mood>,
    pub(crate) rendered: Mutex<Vec<ResolvedRequest>>,
    /// How many of them are no thumbnail, so that something had to be decoded.
    pub(crate) decoded: Mutex<usize>,
}

#[async_trait]
impl ImageRenderer for Renderer {
    fn formats(&self) -> FormatSet {
        FormatSet::ALL
    }

    async fn render(
        &self,
        _: &dyn DerivativeStore,
        key: &DerivativeKey,
        service: &ImageService,
        request: &ResolvedRequest,
    ) -> Result<Rendered, RenderError> {
        let mut mood = self.mood.lock().expect("no test panics here");
        match *mood {
            Mood::Well | Mood::Missing(0) => {}
            Mood::Overloaded => return Err(RenderError::Overloaded),
            Mood::Missing(times) => {
                *mood = Mood::Missing(times - 1);
                return Err(DerivativeError::NotFound { key: key.clone() }.into());
            }
            Mood::Broken => {
                return Err(RenderError::Damaged {
                    reason: "canary".to_owned(),
                });
            }
        }
        let stored = Stored {
            pyramid: service.derivative.pyramid,
            is_grey: false,
            levels: &[],
            thumbnails: &service.derivative.thumbnails,
        };
        if let Plan::Render { .. } = plan(&stored, request) {
            *self.decoded.lock().expect("no test panics here") += 1;
        }
        self.rendered
            .lock()
            .expect("no test panics here")
            .push(request.clone());
        Ok(Rendered {
            format: request.format,
            bytes: Bytes::from(format!("{} of {key}", request.output())),
        })
    }
}

#[async_trait]
impl ImageRenderer for SharedRenderer {
    fn formats(&self) -> FormatSet {
        self.0.formats()
    }

    async fn render(
        &self,
        store: &dyn DerivativeStore,
        key: &DerivativeKey,
        service: &ImageService,
        request: &ResolvedRequest,
    ) -> Result<Rendered, RenderError> {
        self.0.render(store, key, service, request).await
    }
}

#[derive(Debug)]
struct SharedRenderer(Arc<Renderer>);

/// Makes a derivative out of any bytes: of the size that they name, such as `1000x600`, or else of [`SIZE`]. Out of `gated`, when the gate is open.
#[derive(Debug)]
struct Processor(Gate);

#[async_trait]
impl ImageProcessor for Processor {
    async fn process(
        &self,
        source: OriginResponse,
        options: &ProcessOptions,
    ) -> Result<Processed, ProcessError> {
        let chunks: Vec<Bytes> = source.into_body().try_collect().await?;
        let bytes = Bytes::from(chunks.concat());
        if bytes.as_ref() == b"broken" {
            return Err(ProcessError::Unrecognised {
                seen: "text".to_owned(),
            });
        }
        if bytes.as_ref() == b"gated" {
            self.0.pass().await;
        }
        let pyramid = Pyramid {
            dimensions: size_of(&bytes),
            tile: TileSize::Px512,
        };
        let (length, first) = (bytes.len() as u64, bytes.first().copied());
        let checksum = Checksum([first.unwrap_or_default(); 32]);
        Ok(Processed {
            source: SourceFacts {
                media_type: "image/jpeg".to_owned(),
                size: length,
                checksum: Checksum([1; 32]),
            },
            derivative: DerivativeFacts {
                thumbnails: thumbnails(pyramid.dimensions, options),
                ..DerivativeFacts::new(pyramid, 0..1, length, checksum)
            },
            body: stream::once(async { Ok(bytes) }).boxed(),
        })
    }
}

/// The sizes of the thumbnails of an image, ascending.
pub(crate) fn thumbnails(image: Dimensions, options: &ProcessOptions) -> Vec<Dimensions> {
    let sizes = options.thumbnails.iter();
    let mut sizes: Vec<_> = sizes.filter_map(|size| size.of(image)).collect();
    sizes.sort_by_key(|size| (size.width(), size.height()));
    sizes.dedup();
    sizes
}

fn size_of(bytes: &[u8]) -> Dimensions {
    let named = || -> Option<Dimensions> {
        let (width, height) = std::str::from_utf8(bytes).ok()?.split_once('x')?;
        Dimensions::new(width.parse().ok()?, height.parse().ok()?)
    };
    named().unwrap_or_else(|| Dimensions::new(SIZE.0, SIZE.1).expect("neither is zero"))
}

/// A service, and what a test may turn.
#[derive(Debug, Clone)]
pub(crate) struct Fixture {
    pub(crate) dlcs: Dlcs,
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) renderer: Arc<Renderer>,
    pub(crate) service: DlcsService,
    pub(crate) gate: Gate,
}

impl Fixture {
    /// A service without a configured address, with customer 1 (`default`), its space 1 and the key `key:secret`.
    pub(crate) async fn new() -> Self {
        Self::with_limits(Limits::default()).await
    }

    pub(crate) async fn with_limits(limits: Limits) -> Self {
        let settings = Settings::default().with_formats(FormatSet::LEVEL_2);
        Self::with_settings(settings.with_limits(limits)).await
    }

    pub(crate) async fn with_settings(settings: Settings) -> Self {
        let clock = FakeClock::new();
        let renderer = Arc::new(Renderer {
            mood: Mutex::new(Mood::Well),
            rendered: Mutex::default(),
            decoded: Mutex::default(),
        });
        let gate = Gate::new();
        let dlcs = Dlcs::builder()
            .with_catalogue(MemoryCatalogue::with_clock(Arc::clone(&clock) as _))
            .with_processor(Processor(gate.clone()))
            .with_renderer(SharedRenderer(Arc::clone(&renderer)))
            .with_clock(Arc::clone(&clock))
            .with_settings(settings)
            .build()
            .expect("every part is there");
        let first = FirstKey {
            key: "key".to_owned(),
            secret: Secret::new("secret"),
        };
        dlcs.bootstrap(Some(first))
            .await
            .expect("the catalogue is empty");
        let service = DlcsService::builder(dlcs.clone()).build();
        Self {
            dlcs,
            clock,
            renderer,
            service,
            gate,
        }
    }

    /// The same, with an image.
    pub(crate) async fn with_image(model: &str) -> Self {
        let fixture = Self::new().await;
        fixture.register(model, "bytes").await;
        fixture.clock.advance(Duration::from_secs(10));
        fixture
    }

    pub(crate) fn registration(model: &str) -> Registration {
        Registration::in_space(CustomerId::FIRST, SpaceId::FIRST)
            .with_id(ModelId::parse(model).expect("a model id"))
    }

    pub(crate) async fn register(&self, model: &str, bytes: &str) -> Image {
        let registration = Self::registration(model).with_bytes(bytes.to_owned());
        self.dlcs
            .register(registration)
            .await
            .expect("an image that can be registered")
            .image
    }

    /// Changes what is said of an image.
    pub(crate) async fn change(&self, model: &str, changes: ImageChanges) {
        let id: ImageId = format!("1/1/{model}").parse().expect("an id");
        let changed = self.dlcs.update_image(&id, changes).await;
        changed.expect("a registered image");
    }

    pub(crate) fn be(&self, mood: Mood) {
        *self.renderer.mood.lock().expect("no test panics here") = mood;
    }

    pub(crate) fn rendered(&self) -> usize {
        self.renderer
            .rendered
            .lock()
            .expect("no test panics here")
            .len()
    }

    /// How many requests were no thumbnails.
    pub(crate) fn decoded(&self) -> usize {
        *self.renderer.decoded.lock().expect("no test panics here")
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[]).await
    }

    pub(crate) async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.ask_at("dlcs.example.org", method, path, headers).await
    }

    /// Asks by a name of the host.
    pub(crate) async fn ask_at(
        &self,
        host: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", host);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request
            .body(Empty::<Bytes>::new())
            .expect("a request that can be sent");
        Answer::read(self.service.respond(request).await).await
    }
}

/// A response that has been read.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    async fn read(response: Response<ResponseBody>) -> Self {
        let (parts, body) = response.into_parts();
        Self {
            status: parts.status,
            headers: parts.headers,
            body: body
                .collect()
                .await
                .expect("a body that is here")
                .to_bytes(),
        }
    }

    /// A header, or nothing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("text"))
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {} {:?}", self.status, self.body))
    }

    #[track_caller]
    pub(crate) fn good(self) -> Self {
        assert_eq!(self.status, StatusCode::OK, "{:?}", self.body);
        self
    }
}
