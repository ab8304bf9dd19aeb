//! How requests to the store leave: anywhere, unlike those to origins, because the operator says where.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::Method;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};
use reqwest::{Client, Response};
use url::Url;

use super::error::{Asked, S3Fault};
use crate::s3::{MAX_ERROR_BYTES, client, element, incoming, is_region, outgoing};

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the service may be silent: also how long it may take to receive a part.
const SILENCE: Duration = Duration::from_secs(30);

/// The way to a store.
#[derive(Clone)]
pub(super) struct Wire {
    client: Client,
    bucket: Arc<str>,
}

impl Wire {
    /// The way to a bucket.
    ///
    /// # Errors
    /// When no client can be made on this machine.
    pub(super) fn new(bucket: &str) -> reqwest::Result<Self> {
        let client = client(|builder| {
            builder
                .connect_timeout(CONNECT_TIMEOUT)
                .read_timeout(SILENCE)
        })?;
        Ok(Self {
            client,
            bucket: bucket.into(),
        })
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, S3Fault> {
        let url = Url::parse(&request.uri().to_string()).map_err(|_| S3Fault::Unanswered {
            service: self.bucket.as_ref().to_owned(),
            reason: "its address does not fit into a request",
        })?;
        let is_write = matches!(*request.method(), Method::PUT | Method::POST);
        let service = url.origin().ascii_serialization();
        let sent = self.client.execute(outgoing(request, url)).await;
        let response = sent.map_err(|error| S3Fault::Unanswered {
            service,
            reason: unanswered(&error),
        })?;
        if response.status().is_success() {
            return Ok(incoming(response));
        }
        let bucket = &self.bucket;
        Err(judge(response, Asked { bucket, is_write }).await)
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").finish_non_exhaustive()
    }
}

impl HttpConnector for Wire {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait]
impl HttpService for Wire {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        self.send(request).await.map_err(|fault| {
            // The store tries again after the one kind and not after the other, whatever the request is: all of ours may come twice.
            let kind = if fault.is_transient() {
                HttpErrorKind::Request
            } else {
                HttpErrorKind::Unknown
            };
            HttpError::new(kind, fault)
        })
    }
}

/// Says what an answer that is no success means.
async fn judge(mut response: Response, asked: Asked<'_>) -> S3Fault {
    let status = response.status();
    let mut text = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        text.extend_from_slice(&chunk);
        if text.len() > MAX_ERROR_BYTES {
            break;
        }
    }
    let text = String::from_utf8_lossy(&text);
    let region = response
        .headers()
        .get("x-amz-bucket-region")
        .and_then(|region| region.to_str().ok())
        .or_else(|| element(&text, "Region"))
        .filter(|region| is_region(region));
    S3Fault::of(status, element(&text, "Code"), region, asked)
}

/// Why a request got no answer, by its causes; their texts hold addresses.
fn unanswered(error: &reqwest::Error) -> &'static str {
    let kinds = std::iter::successors(Some(error as &(dyn Error + 'static)), |&cause| match cause
        .downcast_ref::<io::Error>()
        .map(io::Error::get_ref)
    {
        Some(Some(wrapped)) => Some(wrapped as &(dyn Error + 'static)),
        _ => cause.source(),
    })
    .filter_map(|cause| Some(cause.downcast_ref::<io::Error>()?.kind()));
    let kinds: Vec<_> = kinds.collect();
    let is = |kind| kinds.contains(&kind);
    if error.is_timeout() && error.is_connect() {
        "no connection could be made in time"
    } else if error.is_timeout() {
        "it was silent for too long"
    } else if error.is_dns() {
        "the name of the host does not resolve"
    } else if !error.is_connect() {
        "the connection broke before the answer came"
    } else if is(io::ErrorKind::ConnectionRefused) {
        "nothing listens at that address"
    } else if is(io::ErrorKind::InvalidData) {
        "no encrypted connection could be agreed on; its certificate must be one that this machine trusts"
    } else {
        "no connection could be made"
    }
}
