//! The service: one request in, one response out.

use std::convert::Infallible;
use std::future::Future;
#[cfg(feature = "server")]
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use dlcs_core::Dlcs;
use dlcs_core::time::Timestamp;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::header::{ACCEPT, CONTENT_LENGTH, HOST};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderValue, Method, Request, Response};
use http_body::Body;
use tracing::Instrument;
use url::Url;

use crate::auth::Guard;
use crate::body::{BoxError, ResponseBody, empty};
use crate::context::Context;
use crate::delivery::{self, ReadyAnswers};
use crate::dispatch::dispatch;
use crate::error::{ApiError, Kind};
use crate::events::Streams;
use crate::hydra::base;
use crate::payload::{BodyLimits, Payload};
use crate::peer::TrustedProxies;
use crate::route::{Route, RouteError};

/// How many connections one address may have, unless something else is said.
const CONNECTIONS_PER_ADDRESS: usize = 200;

/// How many bytes of answers are kept, unless something else is said.
const ANSWER_CACHE: u64 = 64 << 20;

/// The DLCS API and IIIF delivery, as a service for hyper or tower.
///
/// It is cheap to clone and holds no state of its own, but for how many streams of events are open, how often authentication has failed, and
/// [answers that are kept](DlcsServiceBuilder::with_answer_cache).
#[derive(Debug, Clone)]
pub struct DlcsService(Arc<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    dlcs: Dlcs,
    public_url: Option<Arc<str>>,
    delivery_url: Option<Arc<str>>,
    limits: BodyLimits,
    streams: Streams,
    guard: Guard,
    connections: usize,
    started: Timestamp,
    answers: ReadyAnswers,
    has_api: bool,
    has_delivery: bool,
}

/// Puts a [`DlcsService`] together; made by [`DlcsService::builder`].
#[derive(Debug)]
pub struct DlcsServiceBuilder(Inner);

impl DlcsServiceBuilder {
    /// Gives the address of the API as clients see it; without it, links are made from each request's `Host`.
    ///
    /// Its path, if it has one, is for links only: whoever mounts the service there removes it from the requests.
    #[must_use]
    pub fn with_public_url(mut self, url: &Url) -> Self {
        self.0.public_url = Some(base(url));
        self
    }

    /// Gives the address of delivery as clients see it; without it, that of the API.
    #[must_use]
    pub fn with_delivery_url(mut self, url: &Url) -> Self {
        self.0.delivery_url = Some(base(url));
        self
    }

    /// Says how many bytes of JSON a request may have; they are held in memory.
    #[must_use]
    pub const fn with_body_limit(mut self, bytes: u64) -> Self {
        self.0.limits.json = bytes;
        self
    }

    /// Says how many bytes a master may have that is sent with its registration; they go to the derivative store as they come.
    #[must_use]
    pub const fn with_upload_limit(mut self, bytes: u64) -> Self {
        self.0.limits.upload = bytes;
        self
    }

    /// Leaves the API to other processes: of it, only health and readiness are answered here.
    #[must_use]
    pub const fn without_api(mut self) -> Self {
        self.0.has_api = false;
        self
    }

    /// Leaves the delivery of images to other processes.
    #[must_use]
    pub const fn without_delivery(mut self) -> Self {
        self.0.has_delivery = false;
        self
    }

    /// Says how many streams of events may be open at once, of one customer half of them; each looks at its batch ten times a second.
    #[must_use]
    pub fn with_event_streams(mut self, streams: usize) -> Self {
        self.0.streams = Streams::new(streams);
        self
    }

    /// Names the proxies that are believed about who asks and by which address; without them, `X-Forwarded-` headers are ignored.
    #[must_use]
    pub fn with_trusted_proxies(mut self, proxies: TrustedProxies) -> Self {
        self.0.guard.proxies = proxies;
        self
    }

    /// Says how many connections one address may have open at once to the listener of this crate, 200 unless this is said; of IPv6, the 64 bits
    /// of a subscriber count as one address, and trusted proxies may have any number.
    #[must_use]
    pub const fn with_connections_per_address(mut self, connections: usize) -> Self {
        self.0.connections = connections;
        self
    }

    /// Says how many bytes of pixels are kept as they were sent, with their headers, so that who asks for the same again gets them at once: 64 MiB
    /// unless this is said; 0: none.
    #[must_use]
    pub fn with_answer_cache(mut self, bytes: u64) -> Self {
        self.0.answers = ReadyAnswers::new(bytes);
        self
    }

    /// Puts it together.
    #[must_use]
    pub fn build(self) -> DlcsService {
        DlcsService(Arc::new(self.0))
    }
}

impl DlcsService {
    /// Starts putting a service together.
    #[must_use]
    pub fn builder(dlcs: Dlcs) -> DlcsServiceBuilder {
        DlcsServiceBuilder(Inner {
            started: dlcs.clock().now(),
            dlcs,
            public_url: None,
            delivery_url: None,
            limits: BodyLimits::default(),
            has_api: true,
            has_delivery: true,
            streams: Streams::new(Streams::DEFAULT_LIMIT),
            guard: Guard::default(),
            connections: CONNECTIONS_PER_ADDRESS,
            answers: ReadyAnswers::new(ANSWER_CACHE),
        })
    }

    /// The same service, whose streams of events end when this is ready, so that a listener can stop gracefully.
    ///
    /// The listener of this crate sees to that itself.
    #[must_use]
    pub fn until(&self, stopped: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(Arc::new(Inner {
            streams: self.0.streams.until(stopped),
            ..Inner::clone(&self.0)
        }))
    }

    /// Answers a request.
    pub async fn respond<B>(&self, request: Request<B>) -> Response<ResponseBody>
    where
        B: Body + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let (parts, body) = request.into_parts();
        let context = self.context(&parts);
        let is_delivery = is_delivery(&parts);
        let answered = if !self.is_here(&parts) {
            let detail = "this process does not answer such requests: ask one whose role it is";
            Ok(context
                .span(&parts)
                .in_scope(|| ApiError::new(Kind::NotFound, detail).into_response(&context)))
        } else if is_delivery {
            let answer = delivery::respond(&context, &parts);
            AssertUnwindSafe(answer).catch_unwind().await
        } else {
            let payload = Payload::new(&parts.headers, body, self.0.limits);
            let answer =
                AssertUnwindSafe(answer(&context, &parts, &self.0, payload)).catch_unwind();
            // In a box, because the many handlers of the API take more room than a tile should have to move.
            Box::pin(answer.instrument(context.span(&parts))).await
        };
        let mut response = answered.unwrap_or_else(|_| {
            let _entered = context.span(&parts).entered();
            let detail = "the server failed: give the `instance` to the operator, and try again";
            ApiError::new(Kind::Internal, detail)
                .with_cause("a handler panicked")
                .into_response(&context)
        });
        if !is_delivery {
            context.point_to_documentation(response.headers_mut());
        }
        if parts.method == Method::HEAD {
            strip(&mut response);
        }
        response
    }

    /// Whether requests like this one are answered by this process.
    fn is_here(&self, parts: &Parts) -> bool {
        let Inner {
            has_api,
            has_delivery,
            ..
        } = *self.0;
        if has_api && has_delivery {
            return true;
        }
        let (method, path) = (&parts.method, parts.uri.path());
        if is_delivery(parts) {
            return has_delivery;
        }
        has_api || matches!(Route::parse(method, path), Ok(Route::Health | Route::Ready))
    }

    /// Answers a request that cannot be understood, with what is wrong with its head.
    #[cfg(feature = "server")]
    pub(crate) fn refuse(&self, parts: &Parts, reason: &str) -> Response<ResponseBody> {
        let context = self.context(parts);
        let _entered = context.span(parts).entered();
        ApiError::new(Kind::MalformedHead, reason).into_response(&context)
    }

    #[cfg(feature = "server")]
    pub(crate) fn connections_per_address(&self) -> usize {
        self.0.connections
    }

    /// Whether an address is that of a proxy that is believed.
    #[cfg(feature = "server")]
    pub(crate) fn trusts(&self, peer: IpAddr) -> bool {
        self.0.guard.proxies.trust(peer)
    }

    fn context(&self, parts: &Parts) -> Context {
        let api = self
            .0
            .public_url
            .clone()
            .or_else(|| self.0.guard.proxies.base(parts).map(Into::into))
            .unwrap_or_else(|| from_host(parts));
        let delivery = self.0.delivery_url.as_ref().unwrap_or(&api);
        let delivery = Arc::clone(delivery);
        let accepts = parts
            .headers
            .get_all(ACCEPT)
            .iter()
            .filter_map(|value| value.to_str().ok());
        let wants_json_ld = accepts
            .into_iter()
            .any(|value| value.contains("application/ld+json"));
        let started = self.0.started;
        let answers = self.0.answers.clone();
        let dlcs = self.0.dlcs.clone();
        Context::new(dlcs, api, delivery, started, answers, wants_json_ld)
    }
}

/// Whether a request is answered by delivery, which makes its span only where there is something to say.
fn is_delivery(parts: &Parts) -> bool {
    Route::parse_delivery(&parts.method, parts.uri.path()).is_some()
}

/// The address that the client used, where no other is configured.
fn from_host(parts: &Parts) -> Arc<str> {
    let header = parts.headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = header.or_else(|| parts.uri.authority().map(Authority::as_str));
    let host = host.filter(|host| {
        host.parse::<Authority>()
            .is_ok_and(|authority| !authority.as_str().contains('@'))
    });
    format!("http://{}", host.unwrap_or("localhost")).into()
}

/// Takes the body out of the answer to a HEAD request; its length stays.
fn strip(response: &mut Response<ResponseBody>) {
    if let Some(length) = response.body().size_hint().exact() {
        response
            .headers_mut()
            .entry(CONTENT_LENGTH)
            .or_insert_with(|| HeaderValue::from(length));
    }
    *response.body_mut() = empty();
}

async fn answer(
    context: &Context,
    parts: &Parts,
    service: &Inner,
    payload: Payload,
) -> Response<ResponseBody> {
    match dispatch(context, parts, &service.guard, &service.streams, payload).await {
        Ok(response) => response,
        Err(error) => error.into_response(context),
    }
}

impl From<RouteError> for ApiError {
    fn from(error: RouteError) -> Self {
        match error {
            RouteError::NotFound => Self::new(Kind::NotFound, "there is nothing at this address"),
            RouteError::MethodNotAllowed { allow } => {
                let error = Self::new(
                    Kind::MethodNotAllowed,
                    format!("this address knows only {allow}"),
                );
                match HeaderValue::from_str(&allow) {
                    Ok(allow) => error.with_allow(allow),
                    Err(_) => error,
                }
            }
            RouteError::BadPath { reason } => Self::new(Kind::InvalidPath, reason),
            RouteError::BadId { of, reason } => Self::new(
                Kind::InvalidPath,
                format!("the id of the {of} in the address {reason}"),
            ),
        }
    }
}

impl<B> hyper::service::Service<Request<B>> for DlcsService
where
    B: Body + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn call(&self, request: Request<B>) -> Self::Future {
        let service = self.clone();
        async move { Ok(service.respond(request).await) }.boxed()
    }
}

impl<B> tower_service::Service<Request<B>> for DlcsService
where
    B: Body + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        hyper::service::Service::call(self, request)
    }
}
