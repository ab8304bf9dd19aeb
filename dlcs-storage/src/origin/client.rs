//! The clients: what dials over HTTP, and only what the guard lets pass.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use dlcs_core::id::CustomerId;
use dlcs_core::origin::Result;
use reqwest::{Certificate, Client, ClientBuilder, redirect};
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;
use url::Url;

use super::authorities::Authorities;
use super::bounds::CONNECT_TIMEOUT;
use super::guard::{self, PortRule};
use super::network::AllowedNetworks;
use super::opened::OpenedNetworks;
use super::resolver::{GuardedResolver, Names};
use super::untrusted::Untrusted;
use crate::lock::Lock;

/// The most header fields of an answer.
const MAX_HEADERS: usize = 200;

/// What clients are made of.
#[derive(Debug, Clone)]
pub(super) struct Dialling {
    pub(super) opened: OpenedNetworks,
    pub(super) authorities: Authorities,
    pub(super) connect_timeout: Duration,
    pub(super) names: Names,
}

impl Dialling {
    /// How long a connection may take to be made, unless told otherwise.
    pub(super) const DEFAULT_CONNECT_TIMEOUT: Duration = CONNECT_TIMEOUT;
}

impl Default for Dialling {
    fn default() -> Self {
        Self {
            opened: OpenedNetworks::none(),
            authorities: Authorities::none(),
            connect_timeout: Self::DEFAULT_CONNECT_TIMEOUT,
            names: Names::default(),
        }
    }
}

/// The clients of each set of opened networks, so that no pooled connection crosses to another set.
pub(super) struct Clients {
    dialling: Dialling,
    /// For each set two, because for ports of other services only addresses of opened networks pass.
    clients: Lock<HashMap<(AllowedNetworks, PortRule), Shared>>,
}

/// A client that is made when it is first wanted.
type Shared = Arc<OnceCell<Trusting>>;

/// A client, and whether it can verify anyone's certificate.
#[derive(Clone)]
struct Trusting {
    client: Client,
    has_authorities: bool,
}

impl Clients {
    pub(super) fn new(dialling: Dialling) -> Self {
        Self {
            dialling,
            clients: Lock::default(),
        }
    }

    /// How long a connection may take to be made.
    pub(super) const fn connect_timeout(&self) -> Duration {
        self.dialling.connect_timeout
    }

    /// Returns a client that may dial an address on behalf of a customer.
    ///
    /// # Errors
    /// What the guard says, and https on a machine that knows no certificate authority.
    pub(super) async fn admitted(&self, url: &Url, customer: CustomerId) -> Result<Client> {
        let allowed = self.dialling.opened.of(customer);
        // The client resolves names through the guard, but dials literal addresses unasked.
        guard::check_url(url, allowed)?;
        let port = url
            .port_or_known_default()
            .map_or(PortRule::Anywhere, PortRule::of);
        let cell = self.cell(allowed, port);
        let trusting = cell
            .get_or_init(|| async {
                let (dialling, allowed) = (self.dialling.clone(), allowed.clone());
                // Reading the authorities of the machine takes too long for the reactor.
                spawn_blocking(move || build(&dialling, &allowed, port))
                    .await
                    .expect("making a client does not panic")
            })
            .await;
        if url.scheme() == "https" && !trusting.has_authorities {
            return Err(Untrusted::NoAuthorities.into());
        }
        Ok(trusting.client.clone())
    }

    fn cell(&self, allowed: &AllowedNetworks, port: PortRule) -> Shared {
        let mut clients = self.clients.lock();
        Arc::clone(clients.entry((allowed.clone(), port)).or_default())
    }
}

impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clients").finish_non_exhaustive()
    }
}

fn build(dialling: &Dialling, allowed: &AllowedNetworks, port: PortRule) -> Trusting {
    let builder = || builder(dialling, allowed, port);
    let own: Vec<_> = dialling
        .authorities
        .certificates()
        .iter()
        .map(|certificate| {
            Certificate::from_der(certificate).expect("authorities are certificates")
        })
        .collect();
    match builder().tls_certs_merge(own.clone()).build() {
        Ok(client) => Trusting {
            client,
            has_authorities: true,
        },
        // The verifier refuses to be made on a machine without any certificate authority; plain http must work there, and the operator's
        // own authorities are enough.
        Err(error) => {
            let has_authorities = !own.is_empty();
            tracing::warn!(%error, "this machine has no certificate authorities");
            Trusting {
                client: builder().tls_certs_only(own).build().expect(
                    "a client takes nothing from the machine, and its own authorities were checked",
                ),
                has_authorities,
            }
        }
    }
}

fn builder(dialling: &Dialling, allowed: &AllowedNetworks, port: PortRule) -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("dlcs/", env!("CARGO_PKG_VERSION")))
        // Each hop is for the guard to judge, and a proxy would dial in its place.
        .redirect(redirect::Policy::none())
        .no_proxy()
        .referer(false)
        .http1_max_headers(MAX_HEADERS)
        .connect_timeout(dialling.connect_timeout)
        .dns_resolver(GuardedResolver::new(
            dialling.names.clone(),
            allowed.clone(),
            port,
        ))
}
