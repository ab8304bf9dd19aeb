//! Where requests come from, and which proxies are believed about it. Pure.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, HeaderName};
use ipnet::IpNet;
use thiserror::Error;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The address that a connection came from: who listens puts it into the extensions of its requests, as the listener of this crate does.
///
/// Without it, no proxy is believed, and failures of authentication are not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerAddress(pub IpAddr);

/// Networks of proxies that are believed: what they say in `X-Forwarded-For`, `-Proto`, `-Host` and `-Prefix`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

/// A text that is no network.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{text}` is no network: write an address such as 10.0.0.7, or a network such as 10.0.0.0/8"
)]
pub struct NetworkError {
    /// The text.
    pub text: String,
}

impl TrustedProxies {
    /// Reads addresses and networks in CIDR notation (RFC 4632).
    ///
    /// # Errors
    /// [`NetworkError`] for the first that is none.
    pub fn parse<T: AsRef<str>>(
        networks: impl IntoIterator<Item = T>,
    ) -> Result<Self, NetworkError> {
        let parse = |text: T| {
            let text = text.as_ref().trim();
            let address = IpAddr::from_str(text).map(IpNet::from);
            address
                .or_else(|_| IpNet::from_str(text))
                .map_err(|_| NetworkError {
                    text: text.to_owned(),
                })
        };
        networks
            .into_iter()
            .map(parse)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    pub(crate) fn trust(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Who sent a request: the last in the chain of proxies that is not believed itself.
    pub(crate) fn client(&self, parts: &Parts) -> Option<IpAddr> {
        let PeerAddress(peer) = *parts.extensions.get()?;
        let mut client = peer.to_canonical();
        let lists = parts.headers.get_all(FORWARDED_FOR);
        let chain = lists
            .iter()
            .flat_map(|list| list.as_bytes().split(|byte| *byte == b','));
        for hop in chain.collect::<Vec<_>>().into_iter().rev() {
            // What cannot be read is not passed over: before it, anybody may have written.
            match address_in(hop) {
                Some(address) if self.trust(client) => client = address.to_canonical(),
                _ => break,
            }
        }
        Some(client)
    }

    /// The address that the client of a proxy that is believed used for the service, as far as the proxy says.
    pub(crate) fn base(&self, parts: &Parts) -> Option<String> {
        let PeerAddress(peer) = *parts.extensions.get()?;
        if !self.trust(peer) {
            return None;
        }
        let host = first(&parts.headers, &FORWARDED_HOST).filter(|host| is_authority(host));
        let host = host.or_else(|| {
            first(&parts.headers, &http::header::HOST).filter(|host| is_authority(host))
        })?;
        let scheme = first(&parts.headers, &FORWARDED_PROTO);
        let scheme = scheme.filter(|scheme| matches!(*scheme, "http" | "https"));
        let prefix = first(&parts.headers, &FORWARDED_PREFIX).filter(|prefix| is_path(prefix));
        let prefix = prefix.unwrap_or_default().trim_end_matches('/');
        Some(format!("{}://{host}{prefix}", scheme.unwrap_or("http")))
    }
}

/// What counts as one address: of IPv6, the 64 bits that a subscriber has to itself (RFC 6177).
pub(crate) fn network(address: IpAddr) -> IpAddr {
    // As which IPv4 comes in where one socket listens for both.
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

/// The address of one hop; some proxies write its port, too.
fn address_in(hop: &[u8]) -> Option<IpAddr> {
    let hop = std::str::from_utf8(hop).ok()?.trim();
    let with_port = || hop.parse().map(|address: SocketAddr| address.ip()).ok();
    let in_brackets = || hop.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    hop.parse().ok().or_else(with_port).or_else(in_brackets)
}

/// The first value of a header that may be a list: what the client itself said to the outermost proxy.
fn first<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let value = headers.get(name)?.to_str().ok()?;
    value.split(',').next().map(str::trim)
}

fn is_authority(host: &str) -> bool {
    host.parse::<Authority>()
        .is_ok_and(|authority| !authority.as_str().contains('@'))
}

fn is_path(prefix: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
    prefix.starts_with('/') && !prefix.starts_with("//") && prefix.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn parts(peer: Option<&str>, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::get("/").header("host", "inside:8080");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        if let Some(peer) = peer {
            parts.extensions.insert(PeerAddress(peer.parse().unwrap()));
        }
        parts
    }

    fn proxies() -> TrustedProxies {
        TrustedProxies::parse(["10.0.0.0/8", " ::1 "]).unwrap()
    }

    #[test]
    fn addresses_of_one_subscriber_are_one_network() {
        let networks = |texts: [&str; 2]| {
            let [a, b] = texts.map(|text| network(text.parse().unwrap()));
            a == b
        };
        assert!(networks(["2001:db8::1", "2001:db8::2:0:0:1"]));
        assert!(!networks(["2001:db8::1", "2001:db8:0:1::1"]));
        // IPv4 through a socket that listens for both.
        assert!(networks(["::ffff:192.0.2.1", "192.0.2.1"]));
        assert!(!networks(["::ffff:192.0.2.1", "::ffff:192.0.2.2"]));
    }

    #[test]
    fn only_proxies_that_are_believed_say_who_the_client_is() {
        let client = |peer: &str, forwarded: &[&str]| {
            let headers: Vec<_> = forwarded
                .iter()
                .map(|list| ("x-forwarded-for", *list))
                .collect();
            proxies()
                .client(&parts(Some(peer), &headers))
                .unwrap()
                .to_string()
        };
        assert_eq!(client("192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
        assert_eq!(client("10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        // What the client itself has put in front is not believed.
        assert_eq!(
            client("10.0.0.1", &["203.0.113.9, 198.51.100.7", "10.1.1.1"]),
            "198.51.100.7"
        );
        assert_eq!(client("::ffff:10.0.0.1", &["10.2.2.2"]), "10.2.2.2");
        assert_eq!(client("::1", &["2001:db8::7"]), "2001:db8::7");
        assert_eq!(client("10.0.0.1", &["unknown"]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &["198.51.100.7:50123"]), "198.51.100.7");
        assert_eq!(client("10.0.0.1", &["[2001:db8::7]:443"]), "2001:db8::7");
        assert_eq!(client("10.0.0.1", &["[2001:db8::7]"]), "2001:db8::7");
        assert_eq!(
            client("10.0.0.1", &["203.0.113.9, ?", "10.1.1.1"]),
            "10.1.1.1"
        );
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(
            proxies().client(&parts(None, &[("x-forwarded-for", "198.51.100.7")])),
            None
        );
    }

    #[test]
    fn only_proxies_that_are_believed_say_where_the_service_is() {
        let all = [
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "api.example.org"),
            ("x-forwarded-prefix", "/dlcs/"),
        ];
        let base =
            |peer: &str, headers: &[(&str, &str)]| proxies().base(&parts(Some(peer), headers));
        assert_eq!(
            base("10.0.0.1", &all).unwrap(),
            "https://api.example.org/dlcs"
        );
        assert_eq!(base("192.0.2.1", &all), None);
        assert_eq!(proxies().base(&parts(None, &all)), None);
        assert_eq!(base("10.0.0.1", &[]).unwrap(), "http://inside:8080");
        for bad in [
            ("x-forwarded-proto", "javascript"),
            ("x-forwarded-host", "user@evil.example"),
            ("x-forwarded-host", "a b"),
            ("x-forwarded-prefix", "//evil.example"),
            ("x-forwarded-prefix", "/a\"b"),
            ("x-forwarded-prefix", "a"),
        ] {
            assert_eq!(
                base("10.0.0.1", &[bad]).unwrap(),
                "http://inside:8080",
                "{bad:?}"
            );
        }
        let several = ("x-forwarded-host", "api.example.org, inner.example");
        assert_eq!(
            base("10.0.0.1", &[several]).unwrap(),
            "http://api.example.org"
        );
    }

    #[test]
    fn what_is_no_network_is_said() {
        for bad in ["", "10.0.0.0/33", "proxy.example", "10.0.0"] {
            let error = TrustedProxies::parse([bad]).unwrap_err();
            assert_eq!(error.text, bad);
        }
    }
}
