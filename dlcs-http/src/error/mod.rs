//! The one shape of errors: a Hydra error that is also problem details (RFC 9457).

mod kind;
mod table;

use std::fmt;
use std::time::Duration;

use dlcs_core::ImageId;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response};
use serde::Serialize;

use crate::body::{BoxError, ResponseBody, full};
use crate::context::Context;
use crate::describe::{Class, Type, ro};

pub(crate) use kind::Kind;
pub(crate) use table::{at_field, refused};

use crate::hydra::HYDRA;

/// Seconds after which a client may try again.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("5");

/// One thing that is wrong with a body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Problem {
    /// Where in the body, as a JSON pointer.
    pub(crate) pointer: String,
    /// What is wrong and what to do: one sentence.
    pub(crate) detail: String,
}

/// An error on its way to the client.
#[derive(Debug)]
pub(crate) struct ApiError(Box<Occurrence>);

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.detail)
    }
}

/// For streams, in whose errors it comes along.
impl std::error::Error for ApiError {}

#[derive(Debug)]
struct Occurrence {
    kind: Kind,
    detail: String,
    problems: Vec<Problem>,
    image: Option<ImageId>,
    allow: Option<HeaderValue>,
    wait: Option<Duration>,
    cause: Option<BoxError>,
}

impl ApiError {
    /// An error of a kind, with one sentence about this occurrence.
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self(Box::new(Occurrence {
            kind,
            detail: detail.into(),
            problems: Vec::new(),
            image: None,
            allow: None,
            wait: None,
            cause: None,
        }))
    }

    /// Keeps the cause for the log; it is never sent.
    pub(crate) fn with_cause(mut self, cause: impl Into<BoxError>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    /// Refuses a request for everything that is wrong with it.
    pub(crate) fn invalid(problems: Vec<Problem>) -> Self {
        let mut error = Self::new(Kind::Invalid, summary(&problems));
        error.0.problems = problems;
        error
    }

    /// Names slips of the pen in the same body, where they may explain a refusal.
    pub(crate) fn with_slips(mut self, slips: Vec<Problem>) -> Self {
        if self.0.kind == Kind::Invalid && !slips.is_empty() {
            self.0.problems.extend(slips);
            self.0.detail = summary(&self.0.problems);
        }
        self
    }

    /// Links to the image whose record was kept.
    pub(crate) fn with_image(mut self, image: ImageId) -> Self {
        self.0.image = Some(image);
        self
    }

    /// Lists the methods that the address knows.
    pub(crate) fn with_allow(mut self, allow: HeaderValue) -> Self {
        self.0.allow = Some(allow);
        self
    }

    /// Says how long the client has to wait.
    pub(crate) fn with_wait(mut self, wait: Duration) -> Self {
        self.0.wait = Some(wait);
        self
    }

    /// The kind.
    #[cfg(test)]
    pub(crate) const fn kind(&self) -> Kind {
        self.0.kind
    }

    /// Logs the error, so that its request can be found: with the causes of a failure, loudly unless it is an origin's.
    fn log(&self, request: &str) {
        let status = self.0.kind.status();
        if !status.is_server_error() {
            let (status, slug) = (status.as_u16(), self.0.kind.text().slug);
            // The address is in the span of the request.
            tracing::info!(request, status, slug, "a request was refused");
            return;
        }
        let Occurrence {
            kind,
            detail,
            cause,
            ..
        } = self.0.as_ref();
        let cause = cause.as_deref().map(chain).unwrap_or_default();
        if matches!(kind, Kind::OriginFailed | Kind::OriginTimedOut) {
            tracing::info!(request, detail, cause, "an origin failed");
        } else {
            let status = status.as_u16();
            tracing::error!(request, status, detail, cause, "a request failed");
        }
    }

    /// The response; the error is logged here, once.
    pub(crate) fn into_response(self, context: &Context) -> Response<ResponseBody> {
        let status = self.0.kind.status();
        self.log(context.request_id());
        let text = self.0.kind.text();
        let body = ErrorBody {
            context: HYDRA,
            type_: "Error",
            problem_type: format!("{}/docs/errors/{}", context.api, text.slug),
            title: text.title,
            status: status.as_u16(),
            status_code: status.as_u16(),
            detail: &self.0.detail,
            description: &self.0.detail,
            instance: context.request_id(),
            errors: &self.0.problems,
            image: self.0.image.as_ref().map(|image| context.image_link(image)),
        };
        let json = serde_json::to_vec(&body).expect("an error has only text and numbers");
        let mut response = Response::new(full(json));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match self.0.kind {
            Kind::Unauthorised => {
                let challenge = HeaderValue::from_static("Basic realm=\"DLCS-API\"");
                headers.insert(WWW_AUTHENTICATE, challenge);
            }
            Kind::Unavailable | Kind::Overloaded => {
                headers.insert(RETRY_AFTER, RETRY_AFTER_SECONDS);
            }
            _ => {}
        }
        if let Some(wait) = self.0.wait {
            // Not a moment too early.
            headers.insert(RETRY_AFTER, (wait.as_secs() + 1).into());
        }
        if let Some(allow) = self.0.allow {
            headers.insert(ALLOW, allow);
        }
        response
    }
}

/// An error as it is described.
#[rustfmt::skip]
pub(crate) static ERROR: Class = Class {
    type_: "Error",
    text: "A Hydra error that is problem details (RFC 9457), too.",
    known: &[],
    properties: &[
        ro("@context", Type::Link, "The context of Hydra."),
        ro("@type", Type::Text, "`Error`."),
        ro("type", Type::Link, "A page that explains this kind of error."),
        ro("title", Type::Text, "The kind of error, for people."),
        ro("status", Type::Natural, "The status of the answer."),
        ro("statusCode", Type::Natural, "The same, as Hydra calls it."),
        ro("detail", Type::Text, "What is wrong, and what to do."),
        ro("description", Type::Text, "The same, as Hydra calls it."),
        ro("instance", Type::Text, "The id of the request, which is in the log."),
        ro("errors", Type::List(&PROBLEM), "Every problem of the body."),
        ro("image", Type::Link, "The record that was kept of the image.").optional(),
    ],
};

#[rustfmt::skip]
static PROBLEM: Class = Class {
    type_: "Problem",
    text: "One thing that is wrong with a body.",
    known: &[],
    properties: &[
        ro("pointer", Type::Text, "Where in the body: a JSON pointer."),
        ro("detail", Type::Text, "What is wrong, and what to do."),
    ],
};

#[derive(Serialize)]
struct ErrorBody<'a> {
    #[serde(rename = "@context")]
    context: &'static str,
    #[serde(rename = "@type")]
    type_: &'static str,
    #[serde(rename = "type")]
    problem_type: String,
    title: &'static str,
    status: u16,
    #[serde(rename = "statusCode")]
    status_code: u16,
    detail: &'a str,
    description: &'a str,
    instance: &'a str,
    errors: &'a [Problem],
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<String>,
}

/// All problems in one sentence, as far as it stays readable.
fn summary(problems: &[Problem]) -> String {
    const SHOWN: usize = 3;
    let [only] = problems else {
        let shown: Vec<_> = problems
            .iter()
            .take(SHOWN)
            .map(|Problem { pointer, detail }| match pointer.as_str() {
                // Of the query string, whose parameters the sentence names.
                "" => detail.clone(),
                pointer => format!("{pointer}: {detail}"),
            })
            .collect();
        let rest = problems.len().saturating_sub(SHOWN);
        let more = if rest == 0 {
            String::new()
        } else {
            format!("; and {rest} more")
        };
        return format!("{} problems: {}{more}", problems.len(), shown.join("; "));
    };
    only.detail.clone()
}

/// An error and its causes, joined.
fn chain(error: &(dyn std::error::Error + Send + Sync + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
