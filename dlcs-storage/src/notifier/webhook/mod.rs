//! Notices by webhook: a finished batch is posted to its customer's URL, signed.
//!
//! | Header | Holds |
//! |---|---|
//! | `Content-Type` | `application/json` |
//! | [`NOTICE`] | the number of the notice: the same however often it is sent, another for every run of a batch |
//! | [`TIMESTAMP`] | when it was sent, in seconds since 1970 |
//! | [`SIGNATURE`] | `sha256=` and the HMAC-SHA256 of the timestamp, a dot and the body, in hexadecimal digits |
//!
//! An answer of the 200s says that it was heard, 410 that nobody wants to hear of it. Everything else, a redirect included, says neither:
//! the notice is sent again later.

mod config;
mod error;
mod signature;
mod targets;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use dlcs_core::batch::Batch;
use dlcs_core::notifier::{BatchNotifier, NotifyError, Result};
use dlcs_core::origin::Secret;
use dlcs_core::queue::BatchNotice;
use dlcs_core::time::Clock;
use reqwest::header::{CONTENT_TYPE, HeaderName};
use reqwest::{Client, ClientBuilder, StatusCode, redirect};

pub use config::WebhookNotifierConfig;
pub use error::WebhookError;
pub use targets::{TargetError, WebhookTargets};

use crate::origin::wait::asked_wait;

/// The header with the number of the notice.
pub const NOTICE: HeaderName = HeaderName::from_static("dlcs-notice");
/// The header with the time of sending.
pub const TIMESTAMP: HeaderName = HeaderName::from_static("dlcs-timestamp");
/// The header with the signature.
pub const SIGNATURE: HeaderName = HeaderName::from_static("dlcs-signature");

/// Writes the body of a notice.
type Document = dyn Fn(&Batch) -> Vec<u8> + Send + Sync;

/// Posts finished batches to the URLs of their customers.
///
/// The URLs are the operator's: no guard keeps them from private networks.
///
/// ```
/// use dlcs_core::origin::Secret;
/// use dlcs_storage::notifier::webhook::{WebhookNotifier, WebhookNotifierConfig, WebhookTargets};
///
/// let targets = WebhookTargets::parse(["2=https://example.org/batches"])?;
/// let config = WebhookNotifierConfig::new(targets, Secret::new("known to both sides"));
/// let notifier = WebhookNotifier::new(config, |batch| format!("{{\"batch\": {}}}", batch.id).into_bytes())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct WebhookNotifier {
    client: Client,
    targets: WebhookTargets,
    secret: Secret,
    clock: Arc<dyn Clock>,
    document: Arc<Document>,
}

impl WebhookNotifier {
    /// Posts what `document` makes of a batch: JSON.
    ///
    /// # Errors
    /// [`WebhookError`]: an https URL on a machine that knows no certificate authority.
    pub fn new(
        config: WebhookNotifierConfig,
        document: impl Fn(&Batch) -> Vec<u8> + Send + Sync + 'static,
    ) -> Result<Self, WebhookError> {
        let client = match builder(&config).build() {
            Ok(client) => client,
            // Plain http must work on such a machine, as it does for origins.
            Err(_) if !config.targets.need_encryption() => {
                builder(&config).tls_certs_only([]).build()?
            }
            Err(error) => return Err(error.into()),
        };
        Ok(Self {
            client,
            targets: config.targets,
            secret: config.secret,
            clock: config.clock,
            document: Arc::new(document),
        })
    }
}

fn builder(config: &WebhookNotifierConfig) -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("dlcs/", env!("CARGO_PKG_VERSION")))
        // A signed notice is for the one URL that the operator wrote.
        .redirect(redirect::Policy::none())
        .no_proxy()
        .referer(false)
        .timeout(config.timeout)
}

impl fmt::Debug for WebhookNotifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookNotifier")
            .field("targets", &self.targets)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl BatchNotifier for WebhookNotifier {
    async fn notify(&self, notice: &BatchNotice) -> Result<()> {
        let batch = &notice.batch;
        let Some(url) = self.targets.of(batch.customer) else {
            return Ok(());
        };
        let body = (self.document)(batch);
        let timestamp = (self.clock.now().as_micros() / 1_000_000).to_string();
        let signature = signature::of(&self.secret, &timestamp, &body);
        let request = self
            .client
            .post(url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(NOTICE, notice.id.get())
            .header(TIMESTAMP, timestamp)
            .header(SIGNATURE, signature)
            .body(body);
        let answer = request.send().await.map_err(error::unanswered)?;
        let status = answer.status();
        if status == StatusCode::GONE {
            tracing::warn!(customer = %batch.customer, batch = %batch.id, "the webhook is gone: it is not told of this batch");
            return Ok(());
        }
        if status.is_success() {
            return Ok(());
        }
        Err(NotifyError::Refused {
            status: status.as_u16(),
            retry_after: asked_wait(answer.headers(), self.clock.as_ref()),
        })
    }
}
