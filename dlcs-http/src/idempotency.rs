//! `Idempotency-Key`: a `POST` that is sent again is answered as it was, and takes effect once.

use std::future::Future;
use std::panic::AssertUnwindSafe;

use dlcs_core::derivative::Checksum;
use dlcs_core::request::{Fingerprint, GivenAnswer, Remembered, RequestKey};
use dlcs_core::{Customer, CustomerId};
use futures_util::FutureExt;
use http::header::{CONTENT_TYPE, LOCATION};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use sha2::{Digest, Sha256};

use crate::body::{ResponseBody, full};
use crate::context::Context;
use crate::error::{ApiError, Kind};
use crate::payload::{BodyHash, Payload};
use crate::resource::Outcome;

/// The header with which a client names a request.
const NAME: HeaderName = HeaderName::from_static("idempotency-key");
/// The header of an answer that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// The header with which a client asks for an id.
const SLUG: HeaderName = HeaderName::from_static("slug");
/// The longest name of a request, in bytes.
const NAME_MAX: usize = 255;
/// The longest body of an answer that is kept, in bytes: what is longer changes nothing, and can be asked again.
const BODY_MAX: usize = 1 << 20;

/// A request that its client has given a name, so that it takes effect once however often it is sent.
pub(crate) struct Named<'a> {
    context: &'a Context,
    parts: &'a Parts,
    key: RequestKey,
    /// What its body holds, once that has been read.
    body: BodyHash,
    /// An answer that shows a secret is not kept: instead it is said that it was given.
    shows_secret: bool,
}

impl<'a> Named<'a> {
    /// What is posted, where its client calls it something; and its body, to be read as any other.
    pub(crate) fn of(
        context: &'a Context,
        parts: &'a Parts,
        caller: Option<&Customer>,
        shows_secret: bool,
        payload: Payload,
    ) -> Result<(Option<Self>, Payload), ApiError> {
        let (Some(name), Some(caller)) = (parts.headers.get(NAME), caller) else {
            return Ok((None, payload));
        };
        if parts.method != Method::POST {
            return Ok((None, payload));
        }
        let (body, payload) = payload.hashed();
        let named = Self {
            context,
            parts,
            key: key(name, &parts.headers, caller.id)?,
            body,
            shows_secret,
        };
        Ok((Some(named), payload))
    }

    /// Runs the request unless it was run before. Its body has been read by now: that tells it from others.
    pub(crate) async fn once<F>(&self, run: impl FnOnce() -> F) -> Outcome
    where
        F: Future<Output = Outcome>,
    {
        let catalogue = self.context.dlcs.catalogue();
        match catalogue
            .remember_request(&self.key, self.fingerprint())
            .await?
        {
            Remembered::New => {}
            Remembered::Answered(answer) => return Ok(replay(answer)),
            Remembered::Running => {
                let detail = "this request is being run: ask again when it has come to an end";
                return Err(ApiError::new(Kind::RequestRunning, detail));
            }
            Remembered::Other => {
                let detail = "another request of this day has this `Idempotency-Key`: send a new one, or send the same request";
                return Err(ApiError::new(Kind::KeyReused, detail));
            }
        }
        let response = match AssertUnwindSafe(run()).catch_unwind().await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => error.into_response(self.context),
            Err(panic) => {
                // Whoever sends it again is not to wait for what has come to an end.
                self.note(None).await;
                std::panic::resume_unwind(panic);
            }
        };
        self.note(self.kept(&response)).await;
        Ok(response)
    }

    /// Everything that tells requests apart.
    fn fingerprint(&self) -> Fingerprint {
        let mut hash = Sha256::new();
        let header = |name| {
            let value: Option<&HeaderValue> = self.parts.headers.get(name);
            value.map(HeaderValue::as_bytes).unwrap_or_default()
        };
        let uri = self.parts.uri.path_and_query();
        let uri = uri.map_or("", |uri| uri.as_str()).as_bytes();
        let (content_type, slug) = (header(CONTENT_TYPE), header(SLUG));
        for part in [uri, content_type, slug, &self.body.value().0] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        Checksum(hash.finalize().into())
    }

    /// What the same request will be answered; `None` when it is to be run again.
    fn kept(&self, response: &Response<ResponseBody>) -> Option<GivenAnswer> {
        if self.shows_secret && response.status().is_success() {
            let detail = "this request was answered, with a secret that is shown once: make another, with a new `Idempotency-Key`";
            given(&ApiError::new(Kind::AlreadyExists, detail).into_response(self.context))
        } else {
            given(response)
        }
    }

    async fn note(&self, answer: Option<GivenAnswer>) {
        let catalogue = self.context.dlcs.catalogue();
        let noted = match answer {
            Some(answer) => catalogue.answer_request(&self.key, answer).await,
            None => catalogue.forget_request(&self.key).await,
        };
        // The request has come to its end, whatever is known of it: its client is told.
        if let Err(error) = noted {
            tracing::error!(%error, "the answer to a request with an `Idempotency-Key` could not be noted");
        }
    }
}

fn key(
    name: &HeaderValue,
    headers: &HeaderMap,
    customer: CustomerId,
) -> Result<RequestKey, ApiError> {
    let text = name.to_str().unwrap_or_default().trim();
    if text.is_empty() || text.len() > NAME_MAX || headers.get_all(NAME).iter().count() > 1 {
        let detail = format!(
            "the header `Idempotency-Key` is not one name of 1 to {NAME_MAX} visible ASCII characters: send a new UUID for each request"
        );
        return Err(ApiError::new(Kind::Invalid, detail));
    }
    Ok(RequestKey {
        customer,
        name: text.to_owned(),
    })
}

/// An answer that is to be given again; `None` for what may be otherwise the next time.
fn given(response: &Response<ResponseBody>) -> Option<GivenAnswer> {
    let status = response.status();
    let may_change = status.is_server_error()
        || matches!(
            status,
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS
        );
    if may_change {
        return None;
    }
    let body = response.body().held()?;
    if body.len() > BODY_MAX {
        return None;
    }
    let text = |name| {
        let value: Option<&HeaderValue> = response.headers().get(name);
        value
            .and_then(|value| value.to_str().ok())
            .map(ToOwned::to_owned)
    };
    Some(GivenAnswer {
        status: status.as_u16(),
        content_type: text(CONTENT_TYPE).unwrap_or_default(),
        location: text(LOCATION),
        body: body.to_vec(),
    })
}

fn replay(answer: GivenAnswer) -> Response<ResponseBody> {
    let mut response = Response::new(full(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let headers = response.headers_mut();
    let texts = [
        (CONTENT_TYPE, Some(answer.content_type)),
        (LOCATION, answer.location),
    ];
    for (name, text) in texts {
        let value = text.and_then(|text| HeaderValue::try_from(text).ok());
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            headers.insert(name, value);
        }
    }
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    response
}
