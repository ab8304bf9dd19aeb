//! A whole DLCS in memory, and a client that talks to its service.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use dlcs_core::derivative::{
    Checksum, DerivativeFacts, DerivativeKey, DerivativeStore, ImageProcessor, ImageRenderer,
    ProcessError, ProcessOptions, Processed, RenderError, Rendered, SourceFacts,
};
use dlcs_core::dlcs::{Bootstrap, Settings};
use dlcs_core::iiif::{Dimensions, FormatSet, Pyramid, ResolvedRequest, TileSize};
use dlcs_core::image::ImageService;
use dlcs_core::memory::{MemoryCatalogue, MemoryDerivatives};
use dlcs_core::origin::{OriginError, OriginRequest, OriginResponse, OriginStrategy};
use dlcs_core::time::{Clock, Timestamp};
use dlcs_core::{BatchId, CustomerId, Dlcs};
use dlcs_http::{DlcsService, DlcsServiceBuilder};
use dlcs_testkit::fake::{FakeClock, FakeObject, FakeOrigin};
use futures_util::{StreamExt, TryStreamExt};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use tokio::sync::OnceCell;
use url::Url;

use crate::delivery::thumbnails;
use crate::described::Description;

/// What the tests' processor takes for an image of 1200 by 900 pixels.
pub(crate) const PICTURE: &str = "IMAGE 1200 900";

/// A whole DLCS in memory, with its first customer.
pub(crate) struct App {
    pub(crate) dlcs: Dlcs,
    pub(crate) service: DlcsService,
    pub(crate) origin: Arc<FakeOrigin>,
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) asked: Arc<Mutex<Vec<ProcessOptions>>>,
    /// `key:secret` of the administrator.
    pub(crate) admin: String,
}

impl App {
    pub(crate) async fn new() -> Self {
        Self::with(Settings::default(), |builder| builder).await
    }

    /// One with settings of its own, whose service is put together as the test says.
    pub(crate) async fn with(
        settings: Settings,
        build: impl FnOnce(DlcsServiceBuilder) -> DlcsServiceBuilder,
    ) -> Self {
        Self::assemble(settings, build, MemoryDerivatives::new()).await
    }

    /// One with a store of its own.
    pub(crate) async fn on(store: impl DerivativeStore) -> Self {
        Self::assemble(Settings::default(), |builder| builder, store).await
    }

    /// One with settings, a service and a store of its own.
    pub(crate) async fn assemble(
        settings: Settings,
        build: impl FnOnce(DlcsServiceBuilder) -> DlcsServiceBuilder,
        store: impl DerivativeStore,
    ) -> Self {
        let (origin, clock) = (FakeOrigin::new(), FakeClock::new());
        let catalogue = MemoryCatalogue::with_clock(Arc::clone(&clock) as Arc<dyn Clock>);
        let asked = Arc::default();
        let dlcs = Dlcs::builder()
            .with_catalogue(catalogue)
            .with_derivatives(store)
            .with_origin(Shared(Arc::clone(&origin)))
            .with_processor(FakeProcessor(Arc::clone(&asked)))
            .with_renderer(FakeRenderer)
            .with_clock(Shared(Arc::clone(&clock)))
            .with_settings(settings.with_attempts(1, Duration::ZERO))
            .build()
            .expect("every part is there");
        let Ok(Bootstrap::Created(key)) = dlcs.bootstrap(None).await else {
            panic!("the catalogue was empty");
        };
        let builder =
            DlcsService::builder(dlcs.clone()).with_public_url(&url("https://api.example.org/"));
        Self {
            service: build(builder).build(),
            admin: format!("{}:{}", key.key, key.secret.expose()),
            dlcs,
            origin,
            clock,
            asked,
        }
    }

    /// What the processor was asked to make since it was last looked at.
    pub(crate) fn take_asked(&self) -> Vec<ProcessOptions> {
        std::mem::take(&mut *self.asked.lock().expect("no test panics under the lock"))
    }

    /// Serves a picture at an address of the origin.
    pub(crate) fn picture(&self, address: &str) {
        self.origin.serve(address, FakeObject::new(PICTURE));
    }

    /// Sends a request with the administrator's key.
    pub(crate) async fn send(&self, method: &str, path: &str, body: impl Into<Bytes>) -> Answer {
        self.send_as(Some(&self.admin), method, path, body).await
    }

    /// Sends a request with this `key:secret`, or none.
    pub(crate) async fn send_as(
        &self,
        key: Option<&str>,
        method: &str,
        path: &str,
        body: impl Into<Bytes>,
    ) -> Answer {
        let mut request = Request::new(Full::new(body.into()));
        *request.method_mut() =
            Method::from_bytes(method.as_bytes()).expect("a test gives a method");
        *request.uri_mut() = path.parse().expect("a test gives a path");
        if let Some(key) = key {
            request.headers_mut().insert(AUTHORIZATION, basic(key));
        }
        self.call(request).await
    }

    /// The header that lets the administrator in.
    pub(crate) fn authorization(&self) -> HeaderValue {
        basic(&self.admin)
    }

    /// Sends a request as it is.
    pub(crate) async fn call<B>(&self, request: Request<B>) -> Answer
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: std::error::Error + Send + Sync,
    {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let answer = answer_of(&self.service, request).await;
        self.description().await.check(&method, &path, &answer);
        answer
    }

    /// What the service says of itself, wherever it is mounted and whatever of it is switched off.
    async fn description(&self) -> &'static Description {
        static READ: OnceCell<Description> = OnceCell::const_new();
        let read = async {
            let service = DlcsService::builder(self.dlcs.clone()).build();
            let request = Request::get("/openapi.json").body(Full::<Bytes>::default());
            let request = request.expect("the request is one");
            Description::new(answer_of(&service, request).await.json(200))
        };
        READ.get_or_init(|| read).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, "").await
    }

    /// Makes a customer and a key of it; returns its number and `key:secret`.
    pub(crate) async fn customer(&self, name: &str) -> (u64, String) {
        let made = self
            .send("POST", "/customers", format!(r#"{{"name":"{name}"}}"#))
            .await
            .json(201);
        let id = made["@id"]
            .as_str()
            .and_then(|id| id.rsplit('/').next())
            .and_then(|id| id.parse().ok());
        let id = id.expect("the address ends in a number");
        let key = self
            .send("POST", &format!("/customers/{id}/keys"), "")
            .await
            .json(200);
        (
            id,
            format!("{}:{}", text(&key["key"]), text(&key["secret"])),
        )
    }

    /// Runs workers until a batch of customer 1 is finished.
    pub(crate) async fn finish(&self, batch: u64) {
        self.finish_of(1, batch).await;
    }

    /// Runs workers until a batch of a customer is finished.
    pub(crate) async fn finish_of(&self, customer: u64, batch: u64) {
        let customer = customer.to_string().parse::<CustomerId>();
        let customer = customer.expect("it is the number of a customer");
        let batch = BatchId::new(batch).expect("batches count from 1");
        tokio::select! {
            () = self.dlcs.clone().run_workers(std::future::pending()) => panic!("workers stop when they are told"),
            report = self.dlcs.wait(customer, batch) => drop(report.expect("the batch exists")),
        }
    }
}

/// What a service answers.
async fn answer_of<B>(service: &DlcsService, request: Request<B>) -> Answer
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: std::error::Error + Send + Sync,
{
    let response = hyper::service::Service::call(service, request).await;
    let (parts, body) = response.unwrap_or_else(|never| match never {}).into_parts();
    let body = body.collect().await.expect("the body is in memory");
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: body.to_bytes(),
    }
}

fn basic(key: &str) -> HeaderValue {
    let value = format!("Basic {}", STANDARD.encode(key));
    value.parse().expect("base64 is a header")
}

/// A response.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// The body as JSON, once the status is the expected one.
    #[track_caller]
    pub(crate) fn json(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("headers are text"))
    }

    /// The pointers of an error, once the status is the expected one.
    #[track_caller]
    pub(crate) fn pointers(&self, status: u16) -> Vec<String> {
        let error = self.json(status);
        let errors = error["errors"].as_array().expect("errors are a list");
        errors
            .iter()
            .map(|problem| text(&problem["pointer"]))
            .collect()
    }
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().expect("it is a text").to_owned()
}

pub(crate) fn url(text: &str) -> Url {
    Url::parse(text).expect("a test gives a URL")
}

/// JSON for a snapshot: what is random each time is masked.
pub(crate) fn masked(value: &Value) -> String {
    fn is_random(text: &str) -> bool {
        let digits = |length: usize| {
            text.len() == length && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
        };
        digits(32) || digits(36) || digits(64)
    }
    fn mask(value: &mut Value) {
        match value {
            Value::String(text) => {
                let parts = text
                    .split('/')
                    .map(|part| if is_random(part) { "[random]" } else { part });
                *text = parts.collect::<Vec<_>>().join("/");
            }
            Value::Array(items) => items.iter_mut().for_each(mask),
            Value::Object(entries) => entries.values_mut().for_each(mask),
            _ => {}
        }
    }
    let mut value = value.clone();
    mask(&mut value);
    serde_json::to_string_pretty(&value).expect("a value can be written")
}

/// Shares a fake with the test that directs it.
#[derive(Debug)]
struct Shared<T>(Arc<T>);

#[async_trait]
impl OriginStrategy for Shared<FakeOrigin> {
    fn schemes(&self) -> &'static [&'static str] {
        self.0.schemes()
    }

    fn check(&self, url: &Url) -> dlcs_core::origin::Result<()> {
        assert_ne!(url.path(), "/panic", "as the test asked");
        if url.path() == "/never" {
            return Err(OriginError::AddressNotAllowed {
                reason: "nothing is ever there",
            });
        }
        Ok(())
    }

    async fn open(&self, request: OriginRequest<'_>) -> dlcs_core::origin::Result<OriginResponse> {
        self.0.open(request).await
    }
}

impl Clock for Shared<FakeClock> {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

/// Takes `IMAGE width height` for an image, and panics at `PANIC`; remembers what it was asked to make.
#[derive(Debug)]
struct FakeProcessor(Arc<Mutex<Vec<ProcessOptions>>>);

#[async_trait]
impl ImageProcessor for FakeProcessor {
    async fn process(
        &self,
        source: OriginResponse,
        options: &ProcessOptions,
    ) -> Result<Processed, ProcessError> {
        self.0
            .lock()
            .expect("no test panics under the lock")
            .push(options.clone());
        let chunks: Vec<Bytes> = source.into_body().try_collect().await?;
        let bytes = chunks.concat();
        let seen = String::from_utf8_lossy(&bytes).into_owned();
        assert_ne!(seen, "PANIC", "as the test asked");
        let mut words = seen.split(' ');
        let kind = words.next().unwrap_or_default();
        let mut side = || words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
        let dimensions = Dimensions::new(side(), side());
        let (true, Some(dimensions)) = (kind == "IMAGE", dimensions) else {
            return Err(ProcessError::Unrecognised {
                seen: "plain text".to_owned(),
            });
        };
        let pyramid = Pyramid {
            dimensions,
            tile: TileSize::Px512,
        };
        let length = bytes.len() as u64;
        let body = futures_util::stream::once(async { Ok(Bytes::from(bytes)) }).boxed();
        Ok(Processed {
            source: SourceFacts {
                media_type: "image/jpeg".to_owned(),
                size: length,
                checksum: Checksum([7; 32]),
            },
            derivative: DerivativeFacts {
                thumbnails: thumbnails(dimensions, options),
                ..DerivativeFacts::new(pyramid, 0..length, length, Checksum([8; 32]))
            },
            body,
        })
    }
}

/// Answers with the request in words.
#[derive(Debug)]
struct FakeRenderer;

#[async_trait]
impl ImageRenderer for FakeRenderer {
    fn formats(&self) -> FormatSet {
        FormatSet::ALL
    }

    async fn render(
        &self,
        _: &dyn DerivativeStore,
        derivative: &DerivativeKey,
        _: &ImageService,
        request: &ResolvedRequest,
    ) -> Result<Rendered, RenderError> {
        let bytes = Bytes::from(format!("{derivative} {request:?}"));
        Ok(Rendered {
            format: request.format,
            bytes,
        })
    }
}
