//! Origins at http and https addresses.
//!
//! ```
//! use std::sync::Arc;
//!
//! use dlcs_core::origin::OriginRegistry;
//! use dlcs_storage::origin::http::{HttpOrigin, HttpOriginConfig};
//!
//! let config = HttpOriginConfig::default().with_allowed_networks("192.168.0.0/16".parse()?);
//! let origins = OriginRegistry::new().with_origin(HttpOrigin::new(config));
//! # Ok::<(), dlcs_storage::origin::network::NetworkError>(())
//! ```

mod answer;
mod client;
mod config;
mod error;
mod redirect;

use std::time::Duration;

use async_trait::async_trait;
use dlcs_core::origin::{
    Credentials, OriginAccess, OriginError, OriginRequest, OriginResponse, OriginStrategy, Result,
};
use reqwest::Response;
use reqwest::header::ACCEPT_ENCODING;
use tokio::sync::OwnedSemaphorePermit;
use url::{Position, Url};

pub use config::HttpOriginConfig;

use self::client::Clients;
use self::error::Failure;
use crate::origin::bounds::Deadline;
use crate::origin::guard::{self, PortRule};
use crate::origin::slots::HostSlots;

/// Fetches master images over HTTP, from the addresses that the guard lets pass.
///
/// Invariants:
/// * no address is dialled, on any hop, that [`guard`] refuses, and a name is resolved once for the check and the connection;
/// * no proxy of the environment is used.
#[derive(Debug)]
pub struct HttpOrigin {
    config: HttpOriginConfig,
    clients: Clients,
    slots: HostSlots,
}

impl HttpOrigin {
    /// An origin with these settings.
    #[must_use]
    pub fn new(config: HttpOriginConfig) -> Self {
        Self {
            config,
            clients: Clients::new(),
            slots: HostSlots::new(HostSlots::DEFAULT),
        }
    }

    /// Sends requests until an answer is not a redirect.
    async fn follow(
        &self,
        request: &OriginRequest<'_>,
        deadline: Deadline,
    ) -> Result<(Response, OwnedSemaphorePermit)> {
        let mut credentials = match request.access() {
            OriginAccess::Default => None,
            OriginAccess::BasicHttp(credentials) => Some(credentials),
            other => {
                return Err(OriginError::Strategy {
                    reason: format!("`{}` is not for http and https addresses", other.kind()),
                });
            }
        };
        let mut url = redirect::without_userinfo(request.url().clone());
        for _ in 0..=redirect::MAX_REDIRECTS {
            let turn = self
                .slots
                .acquire(&url[Position::BeforeHost..Position::AfterPort]);
            // A wait for others is no silence of the origin.
            let turn = deadline.wait(Duration::MAX, turn).await?;
            let patience = request.patience();
            let sent = self.send(&url, credentials);
            let response = deadline.wait(patience, sent).await??;
            let Some(next) = redirect::target(&url, response.status(), response.headers())? else {
                return Ok((response, turn));
            };
            if !redirect::keeps_credentials(&url, &next) {
                credentials = None;
            }
            url = next;
        }
        Err(Failure::TooManyRedirects.into())
    }

    async fn send(&self, url: &Url, credentials: Option<&Credentials>) -> Result<Response> {
        // The client resolves names through the guard, but dials literal addresses unasked.
        guard::check_url(url, &self.config.allowed)?;
        let port = url
            .port_or_known_default()
            .map_or(PortRule::Anywhere, PortRule::of);
        let mut request = self
            .clients
            .get(url.scheme(), port, &self.config)
            .await?
            .get(url.clone())
            .header(ACCEPT_ENCODING, "identity");
        if let Some(credentials) = credentials {
            request = request.basic_auth(credentials.user(), Some(credentials.password().expose()));
        }
        request
            .send()
            .await
            .map_err(|error| error::unanswered(&error, self.config.connect_timeout))
    }
}

#[async_trait]
impl OriginStrategy for HttpOrigin {
    fn schemes(&self) -> &'static [&'static str] {
        &["http", "https"]
    }

    async fn open(&self, request: OriginRequest<'_>) -> Result<OriginResponse> {
        let deadline = Deadline::after(self.config.total_timeout);
        let (response, turn) = self.follow(&request, deadline).await?;
        answer::accept(
            response,
            turn,
            &request,
            deadline,
            self.config.clock.as_ref(),
        )
    }
}
