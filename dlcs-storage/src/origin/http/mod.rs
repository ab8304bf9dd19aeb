//! Origins at http and https addresses.
//!
//! ```
//! use std::sync::Arc;
//!
//! use dlcs_core::origin::OriginRegistry;
//! use dlcs_storage::origin::http::{HttpOrigin, HttpOriginConfig};
//! use dlcs_storage::origin::network::AllowedNetworks;
//!
//! let office: AllowedNetworks = "192.168.0.0/16".parse()?;
//! let config = HttpOriginConfig::default().with_allowed_networks(office);
//! let origins = OriginRegistry::new().with_origin(HttpOrigin::new(config));
//! # Ok::<(), dlcs_storage::origin::network::NetworkError>(())
//! ```

mod answer;
mod config;
mod error;
mod redirect;
#[cfg(test)]
mod ssrf;
mod transfer;

use std::sync::Arc;

use async_trait::async_trait;
use dlcs_core::id::CustomerId;
use dlcs_core::origin::{
    Credentials, OriginAccess, OriginError, OriginRequest, OriginResponse, OriginStrategy, Result,
};
use reqwest::Response;
use reqwest::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};
use tokio::sync::OwnedSemaphorePermit;
use url::{Position, Url};

pub use config::HttpOriginConfig;

use self::error::Failure;
use self::transfer::Transfer;
use crate::origin::bounds::Deadline;
use crate::origin::client::Clients;
use crate::origin::slots::HostSlots;
use crate::origin::unanswered::unanswered;

/// The most bytes of header fields that an answer may have.
const MAX_HEADER_BYTES: usize = 64 << 10;

/// Fetches master images over HTTP, from the addresses that the guard lets pass.
///
/// Invariants:
/// * no address is dialled, on any hop, that the [`guard`](crate::origin::guard) refuses, and a name is resolved once for the check and the
///   connection;
/// * no proxy of the environment is used.
#[derive(Debug)]
pub struct HttpOrigin {
    config: HttpOriginConfig,
    clients: Arc<Clients>,
    slots: HostSlots,
}

/// Where a request goes, on whose behalf, and what opens it.
#[derive(Debug, Clone)]
struct Hop {
    url: Url,
    customer: CustomerId,
    credentials: Option<Credentials>,
}

impl HttpOrigin {
    /// An origin with these settings.
    #[must_use]
    pub fn new(config: HttpOriginConfig) -> Self {
        Self {
            clients: Arc::new(Clients::new(config.dialling.clone())),
            slots: HostSlots::new(HostSlots::DEFAULT),
            config,
        }
    }

    /// Sends requests until an answer is not a redirect.
    async fn follow(
        &self,
        request: &OriginRequest<'_>,
        deadline: Deadline,
    ) -> Result<(Hop, Response, OwnedSemaphorePermit)> {
        let credentials = match request.access() {
            OriginAccess::Default => None,
            OriginAccess::BasicHttp(credentials) => Some(credentials.clone()),
            other => {
                return Err(OriginError::Strategy {
                    reason: format!("`{}` is not for http and https addresses", other.kind()),
                });
            }
        };
        let mut hop = Hop {
            url: redirect::without_userinfo(request.url().clone()),
            customer: request.customer(),
            credentials,
        };
        for _ in 0..=redirect::MAX_REDIRECTS {
            let host = &hop.url[Position::BeforeHost..Position::AfterPort];
            let turn = self.slots.turn(host, deadline).await?;
            let sent = send(&self.clients, &hop, HeaderMap::new());
            let response = deadline.wait(request.patience(), sent).await??;
            let (status, headers) = (response.status(), response.headers());
            let Some(next) = redirect::target(&hop.url, status, headers)? else {
                return Ok((hop, response, turn));
            };
            if !redirect::keeps_credentials(&hop.url, &next) {
                hop.credentials = None;
            }
            hop.url = next;
        }
        Err(Failure::TooManyRedirects.into())
    }
}

/// Sends one request, with further headers.
async fn send(clients: &Clients, hop: &Hop, further: HeaderMap) -> Result<Response> {
    let client = clients.admitted(&hop.url, hop.customer).await?;
    let mut request = client
        .get(hop.url.clone())
        .headers(further)
        .header(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    if let Some(credentials) = &hop.credentials {
        request = request.basic_auth(credentials.user(), Some(credentials.password().expose()));
    }
    let response = request
        .send()
        .await
        .map_err(|error| unanswered("http", &error, clients.connect_timeout()))?;
    let fields = response.headers().iter();
    let bytes: usize = fields
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if bytes > MAX_HEADER_BYTES {
        return Err(Failure::TooManyHeaders.into());
    }
    Ok(response)
}

#[async_trait]
impl OriginStrategy for HttpOrigin {
    fn schemes(&self) -> &'static [&'static str] {
        &["http", "https"]
    }

    async fn open(&self, request: OriginRequest<'_>) -> Result<OriginResponse> {
        let deadline = Deadline::after(self.config.total_timeout);
        let (hop, response, turn) = self.follow(&request, deadline).await?;
        let media_type = answer::check(&response, self.config.clock.as_ref())?;
        let transfer = Transfer::new(Arc::clone(&self.clients), hop, response, turn);
        transfer.into_answer(media_type, &request, deadline)
    }
}
