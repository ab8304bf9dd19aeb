//! What every handler knows: the facade, the addresses, the request's id.

use std::sync::{Arc, OnceLock};

use dlcs_core::Dlcs;
use dlcs_core::time::Timestamp;
use http::request::Parts;

use crate::delivery::ReadyAnswers;

/// What every handler knows.
#[derive(Debug)]
pub(crate) struct Context {
    /// The facade.
    pub(crate) dlcs: Dlcs,
    /// The public address of the API, without a trailing slash.
    pub(crate) api: Arc<str>,
    /// The public address of delivery, without a trailing slash.
    pub(crate) delivery: Arc<str>,
    /// When the service was put together.
    pub(crate) started: Timestamp,
    /// Answers that lie ready.
    pub(crate) answers: ReadyAnswers,
    /// Whether the client asked for `application/ld+json`.
    pub(crate) wants_json_ld: bool,
    request_id: OnceLock<String>,
}

impl Context {
    pub(crate) const fn new(
        dlcs: Dlcs,
        api: Arc<str>,
        delivery: Arc<str>,
        started: Timestamp,
        answers: ReadyAnswers,
        wants_json_ld: bool,
    ) -> Self {
        Self {
            dlcs,
            api,
            delivery,
            started,
            answers,
            wants_json_ld,
            request_id: OnceLock::new(),
        }
    }

    /// The id of the request, which is in the log too; made by who first needs it, because most tiles never do.
    pub(crate) fn request_id(&self) -> &str {
        self.request_id
            .get_or_init(|| uuid::Uuid::new_v4().to_string())
    }

    /// What every line of the log says of the request; never its query string, which may hold anything.
    pub(crate) fn span(&self, parts: &Parts) -> tracing::Span {
        let (id, method, path) = (self.request_id(), &parts.method, parts.uri.path());
        tracing::info_span!("request", id, %method, path)
    }
}
