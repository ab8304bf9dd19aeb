//! Connections of the origins that dial by themselves: a name is resolved once, and what was checked is what is dialled.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use dlcs_core::origin::{OriginError, Result};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use url::{Host, Url};

use super::guard::{PortRule, check_address, check_host};
use super::network::AllowedNetworks;
use super::unconnected::unconnected;

/// Where to dial, as an address of a protocol says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    host: Host,
    port: u16,
    rule: PortRule,
}

impl Target {
    /// The host and the port of a URL; without a port, that of its protocol, which may be dialled anywhere.
    ///
    /// # Errors
    /// [`OriginError::Backend`] for a host that is no name and no address.
    pub(super) fn of(url: &Url, backend: &'static str, default_port: u16) -> Result<Self> {
        // A host that the `url` crate has no rules for may still be an address in disguise, or be encoded.
        let host = url.host().map(|host| match host {
            Host::Domain(name) => Host::parse(name),
            Host::Ipv4(address) => Ok(Host::Ipv4(address)),
            Host::Ipv6(address) => Ok(Host::Ipv6(address)),
        });
        let Some(Ok(host)) = host else {
            return Err(OriginError::Backend {
                backend,
                reason: "its host is neither a name nor an address",
                source: Box::new(io::Error::from(ErrorKind::InvalidInput)),
            });
        };
        let port = url.port().unwrap_or(default_port);
        let rule = if port == default_port {
            PortRule::Anywhere
        } else {
            PortRule::of(port)
        };
        Ok(Self { host, port, rule })
    }

    /// Lets the port be dialled anywhere when it is this one, of the same protocol.
    #[cfg(any(feature = "origin-ftp", test))]
    pub(super) fn or_port(mut self, own: u16) -> Self {
        if self.port == own {
            self.rule = PortRule::Anywhere;
        }
        self
    }

    /// The host.
    pub(super) const fn host(&self) -> &Host {
        &self.host
    }

    /// The port.
    pub(super) const fn port(&self) -> u16 {
        self.port
    }

    /// Host and port, as turns at hosts are counted.
    pub(super) fn key(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Connects to the first address of the host that answers, if every one of them may be dialled.
    ///
    /// # Errors
    /// [`OriginError::AddressNotAllowed`]; [`OriginError::TimedOut`] after `patience` for name and connection together; otherwise
    /// [`OriginError::Connection`].
    pub(super) async fn dial(
        &self,
        allowed: &AllowedNetworks,
        patience: Duration,
    ) -> Result<TcpStream> {
        within(patience, async {
            let addresses = self.resolve(allowed).await?;
            connect(&addresses).await
        })
        .await
    }

    async fn resolve(&self, allowed: &AllowedNetworks) -> Result<Vec<SocketAddr>> {
        let host = match &self.host {
            Host::Domain(name) => Host::Domain(name.as_str()),
            Host::Ipv4(address) => Host::Ipv4(*address),
            Host::Ipv6(address) => Host::Ipv6(*address),
        };
        check_host(&host, self.rule, allowed)?;
        let addresses: Vec<_> = match host {
            Host::Domain(name) => lookup_host((name, self.port))
                .await
                .map_err(|error| failed("the name of the host does not resolve", error.kind()))?
                .collect(),
            Host::Ipv4(address) => vec![(address, self.port).into()],
            Host::Ipv6(address) => vec![(address, self.port).into()],
        };
        for address in &addresses {
            check_address(address.ip(), self.rule, allowed)
                .inspect_err(|refusal| tracing::debug!(%refusal, "host refused"))?;
        }
        Ok(addresses)
    }
}

/// Connects to a port of a host that has been dialled already: a second connection of the same fetch.
///
/// # Errors
/// As [`Target::dial`].
#[cfg(any(feature = "origin-ftp", test))]
pub(super) async fn dial_again(
    host: std::net::IpAddr,
    port: u16,
    allowed: &AllowedNetworks,
    patience: Duration,
) -> Result<TcpStream> {
    check_address(host, PortRule::of(port), allowed)?;
    within(patience, connect(&[(host, port).into()])).await
}

async fn within<T>(patience: Duration, work: impl Future<Output = Result<T>>) -> Result<T> {
    let late = OriginError::TimedOut { after: patience };
    timeout(patience, work).await.unwrap_or(Err(late))
}

async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream> {
    let mut kind = ErrorKind::NotFound;
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                // Small commands that wait for each other; without it they still arrive.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => kind = error.kind(),
        }
    }
    let reason = match kind {
        ErrorKind::NotFound => "the name of the host does not resolve",
        kind => unconnected(kind),
    };
    Err(failed(reason, kind))
}

/// A failed connection; the cause keeps nothing but its kind, because its text may hold addresses.
pub(super) fn failed(reason: &'static str, kind: ErrorKind) -> OriginError {
    OriginError::Connection {
        reason,
        source: Box::new(io::Error::from(kind)),
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    fn target(text: &str) -> Target {
        Target::of(&Url::parse(text).unwrap(), "test", 22).unwrap()
    }

    fn loopback() -> AllowedNetworks {
        AllowedNetworks::parse(["127.0.0.0/8", "::1"]).unwrap()
    }

    #[test]
    fn the_port_of_the_protocol_may_be_dialled_anywhere() {
        for (text, rule) in [
            ("sftp://h/", PortRule::Anywhere),
            ("sftp://h:22/", PortRule::Anywhere),
            ("sftp://h:2222/", PortRule::Anywhere),
            ("sftp://h:25/", PortRule::OpenedNetworks),
            ("sftp://h:6379/", PortRule::OpenedNetworks),
        ] {
            assert_eq!(target(text).rule, rule, "{text}");
        }
        assert_eq!(target("sftp://h:21/").or_port(21).rule, PortRule::Anywhere);
    }

    #[tokio::test]
    async fn addresses_in_every_disguise_are_refused_before_anything_is_dialled() {
        let canary = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = canary.local_addr().unwrap().port();
        for host in [
            "127.0.0.1",
            "127.0.0.1.",
            "2130706433",
            "0x7f.1",
            "017700000001",
            "127.1",
            "%31%32%37.0.0.1",
            "localhost",
            "LOCALHOST",
            "[::1]",
            "[::ffff:7f00:1]",
            "①②⑦.⓪.⓪.①",
            "169.254.169.254",
            "metadata.google.internal",
            "metadata.google.internal.",
        ] {
            for scheme in ["sftp", "ftp", "ftps"] {
                let target = target(&format!("{scheme}://{host}:{port}/"));
                let got = target.dial(&AllowedNetworks::none(), SOON).await;
                assert!(
                    matches!(got, Err(OriginError::AddressNotAllowed { .. })),
                    "{scheme}://{host} gave {got:?}"
                );
            }
        }
        let (host, nothing) = ("127.0.0.1".parse().unwrap(), AllowedNetworks::none());
        let got = dial_again(host, port, &nothing, SOON).await;
        assert!(
            matches!(got, Err(OriginError::AddressNotAllowed { .. })),
            "{got:?}"
        );
        let asked = futures_util::FutureExt::now_or_never(canary.accept());
        assert!(asked.is_none(), "something was dialled");
    }

    #[tokio::test]
    async fn what_is_opened_is_dialled_and_what_fails_says_no_address() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        for host in ["127.0.0.1", "2130706433", "localhost"] {
            let target = target(&format!("sftp://{host}:{port}/"));
            assert!(target.dial(&loopback(), SOON).await.is_ok(), "{host}");
        }
        drop(listener);
        let got = target(&format!("sftp://127.0.0.1:{port}/"));
        let error = got.dial(&loopback(), SOON).await.unwrap_err();
        assert!(error.is_transient());
        let text = format!("{error} {error:?}");
        assert!(
            text.contains("nothing listens") && !text.contains("127"),
            "{text}"
        );
    }

    #[test]
    fn hosts_that_are_none_are_refused() {
        for text in ["sftp://%00/", "sftp://a%20b/", "sftp:///path"] {
            let url = Url::parse(text);
            let refused = url.is_err() || Target::of(&url.unwrap(), "test", 22).is_err();
            assert!(refused, "{text}");
        }
    }
}
