//! How requests to S3 leave: through the guard, and with a note of why one failed, which the store's own errors do not say.

use std::fmt;
use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use dlcs_core::id::CustomerId;
use dlcs_core::origin::OriginError;
use dlcs_core::time::SystemClock;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};
use reqwest::Response;
use url::Url;

use super::error::{Failure, S3, refusal};
use crate::lock::Lock;
use crate::origin::client::Clients;
use crate::origin::unanswered::unanswered;
use crate::origin::wait::asked_wait;
use crate::s3::{MAX_ERROR_BYTES, element, incoming, is_region, outgoing};

/// What the last failed request came to.
#[derive(Debug)]
pub(super) enum Note {
    Failed(OriginError),
    /// The bucket is in this region; what the answer means where that is no news.
    Elsewhere(String, OriginError),
}

/// The way of the requests of one fetch.
#[derive(Clone)]
pub(super) struct Wire {
    clients: Arc<Clients>,
    customer: CustomerId,
    note: Arc<Lock<Option<Note>>>,
}

impl Wire {
    pub(super) fn new(clients: Arc<Clients>, customer: CustomerId) -> Self {
        Self {
            clients,
            customer,
            note: Arc::default(),
        }
    }

    /// Takes what the last failed request came to.
    pub(super) fn note(&self) -> Option<Note> {
        self.note.lock().take()
    }

    /// Notes a failure, and gives the store an error that it does not try again after.
    fn fail(&self, note: Note) -> HttpError {
        *self.note.lock() = Some(note);
        HttpError::new(
            HttpErrorKind::Unknown,
            io::Error::from(io::ErrorKind::Other),
        )
    }

    async fn send(&self, request: HttpRequest) -> Result<Response, OriginError> {
        let url = Url::parse(&request.uri().to_string()).map_err(|_| Failure::Setup)?;
        let client = self.clients.admitted(&url, self.customer).await?;
        client
            .execute(outgoing(request, url))
            .await
            .map_err(|error| unanswered(S3, &error, self.clients.connect_timeout()))
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
        let response = self
            .send(request)
            .await
            .map_err(|error| self.fail(Note::Failed(error)))?;
        if response.status().is_success() {
            return Ok(incoming(response));
        }
        Err(self.fail(judge(response).await))
    }
}

/// Says what an answer that is no success means.
async fn judge(mut response: Response) -> Note {
    let status = response.status();
    let retry_after = asked_wait(response.headers(), &SystemClock);
    let mut text = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        text.extend_from_slice(&chunk);
        if text.len() > MAX_ERROR_BYTES {
            break;
        }
    }
    let text = String::from_utf8_lossy(&text);
    let code = element(&text, "Code");
    let region = response
        .headers()
        .get("x-amz-bucket-region")
        .and_then(|region| region.to_str().ok())
        .or_else(|| element(&text, "Region"))
        .filter(|region| is_region(region));
    let refusal = refusal(status, code, retry_after);
    match region {
        Some(region) if matches!(status.as_u16(), 301 | 307 | 400) => {
            Note::Elsewhere(region.to_owned(), refusal)
        }
        _ => Note::Failed(refusal),
    }
}
