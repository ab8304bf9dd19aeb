//! The clients: what dials, and only what the guard lets pass.

use std::fmt;
use std::io;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, ClientBuilder, redirect};
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

use super::HttpOriginConfig;
use super::error::Failure;
use crate::origin::guard::{PortRule, Refusal, check_address};
use crate::origin::network::AllowedNetworks;

/// The clients of one set of opened networks, so that no pooled connection crosses to another set.
pub(super) struct Clients {
    anywhere: OnceCell<Trusting>,
    /// For ports of other services: its resolver passes addresses of opened networks only.
    opened_networks: OnceCell<Trusting>,
}

/// A client, and whether it can verify anyone's certificate.
#[derive(Clone)]
struct Trusting {
    client: Client,
    has_authorities: bool,
}

impl Clients {
    pub(super) const fn new() -> Self {
        Self {
            anywhere: OnceCell::const_new(),
            opened_networks: OnceCell::const_new(),
        }
    }

    /// Returns the client that may dial ports of this rule.
    pub(super) async fn get(
        &self,
        scheme: &str,
        port: PortRule,
        config: &HttpOriginConfig,
    ) -> Result<Client, Failure> {
        let slot = match port {
            PortRule::Anywhere => &self.anywhere,
            PortRule::OpenedNetworks => &self.opened_networks,
        };
        let trusting = slot
            .get_or_init(|| async {
                let config = config.clone();
                // Reading the authorities of the machine takes too long for the reactor.
                spawn_blocking(move || build(port, &config))
                    .await
                    .expect("making a client does not panic")
            })
            .await;
        if scheme == "https" && !trusting.has_authorities {
            return Err(Failure::NoAuthorities);
        }
        Ok(trusting.client.clone())
    }
}

impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clients").finish_non_exhaustive()
    }
}

fn build(port: PortRule, config: &HttpOriginConfig) -> Trusting {
    let builder = || builder(port, config);
    match builder().build() {
        Ok(client) => Trusting {
            client,
            has_authorities: true,
        },
        // The verifier refuses to be made on a machine without any certificate authority; plain http must work there.
        Err(error) => {
            tracing::warn!(%error, "no certificate authorities: https origins cannot be fetched");
            Trusting {
                client: builder()
                    .tls_certs_only([])
                    .build()
                    .expect("a client without authorities takes nothing from the machine"),
                has_authorities: false,
            }
        }
    }
}

fn builder(port: PortRule, config: &HttpOriginConfig) -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("dlcs/", env!("CARGO_PKG_VERSION")))
        // Each hop is for the guard to judge, and a proxy would dial in its place.
        .redirect(redirect::Policy::none())
        .no_proxy()
        .referer(false)
        .connect_timeout(config.connect_timeout)
        .dns_resolver(GuardedResolver {
            allowed: Arc::new(config.allowed.clone()),
            port,
        })
}

/// Resolves a name once, and passes its addresses on only when each of them may be dialled: what was checked is what is dialled.
#[derive(Debug, Clone)]
struct GuardedResolver {
    allowed: Arc<AllowedNetworks>,
    port: PortRule,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let Self { allowed, port } = self.clone();
        Box::pin(async move {
            let addresses: Vec<_> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            if addresses.is_empty() {
                return Err(io::Error::from(io::ErrorKind::NotFound).into());
            }
            for address in &addresses {
                check_address(address.ip(), port, &allowed)
                    .inspect_err(|refusal: &Refusal| tracing::debug!(%refusal, "name refused"))?;
            }
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}
