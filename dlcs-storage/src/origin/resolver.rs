//! Names: resolved once, checked, and dialled where they were checked.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::guard::{PortRule, Refusal, check_address};
use super::network::AllowedNetworks;

/// Who says which addresses a name has.
#[derive(Debug, Clone, Default)]
pub(super) enum Names {
    /// The machine.
    #[default]
    System,
    /// A test.
    #[cfg(test)]
    Scripted(Arc<dyn Script>),
}

/// The name server of a test.
#[cfg(test)]
pub(super) trait Script: std::fmt::Debug + Send + Sync {
    /// Answers as a resolver does that has followed all aliases.
    fn answer(&self, name: &str) -> Vec<IpAddr>;
}

impl Names {
    async fn look_up(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        match self {
            Self::System => Ok(tokio::net::lookup_host((name, 0))
                .await?
                .map(|address| address.ip())
                .collect()),
            #[cfg(test)]
            Self::Scripted(script) => Ok(script.answer(name)),
        }
    }
}

/// Resolves a name once, and passes its addresses on only when each of them may be dialled: what was checked is what is dialled.
#[derive(Debug, Clone)]
pub(super) struct GuardedResolver {
    names: Names,
    allowed: Arc<AllowedNetworks>,
    port: PortRule,
}

impl GuardedResolver {
    pub(super) fn new(names: Names, allowed: AllowedNetworks, port: PortRule) -> Self {
        Self {
            names,
            allowed: Arc::new(allowed),
            port,
        }
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let Self {
            names,
            allowed,
            port,
        } = self.clone();
        Box::pin(async move {
            let addresses = names.look_up(name.as_str()).await?;
            if addresses.is_empty() {
                return Err(io::Error::from(io::ErrorKind::NotFound).into());
            }
            for address in &addresses {
                check_address(*address, port, &allowed)
                    .inspect_err(|refusal: &Refusal| tracing::debug!(%refusal, "name refused"))?;
            }
            let addresses = addresses.into_iter();
            // The port is the client's to set.
            Ok(Box::new(addresses.map(|address| SocketAddr::new(address, 0))) as Addrs)
        })
    }
}
