//! The guard of addresses: which of them an origin may have. It does nothing but judge; every backend that dials asks it before it does.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

use dlcs_core::origin::OriginError;
use url::{Host, Url};

use super::network::{AllowedNetworks, Network};

/// IPv4 that is not globally routable unicast (IANA's special-purpose registry, multicast and reserved space).
const NOT_PUBLIC_V4: [Network; 16] = [
    Network::v4(0, 0, 0, 0, 8),
    Network::v4(10, 0, 0, 0, 8),
    Network::v4(100, 64, 0, 0, 10),
    Network::v4(127, 0, 0, 0, 8),
    Network::v4(169, 254, 0, 0, 16),
    Network::v4(172, 16, 0, 0, 12),
    Network::v4(192, 0, 0, 0, 24),
    Network::v4(192, 0, 2, 0, 24),
    Network::v4(192, 88, 99, 0, 24),
    Network::v4(192, 168, 0, 0, 16),
    Network::v4(198, 18, 0, 0, 15),
    Network::v4(198, 51, 100, 0, 24),
    Network::v4(203, 0, 113, 0, 24),
    Network::v4(224, 0, 0, 0, 4),
    Network::v4(240, 0, 0, 0, 4),
    Network::v4(255, 255, 255, 255, 32),
];

/// The only part of IPv6 that holds globally routable unicast addresses.
const GLOBAL_UNICAST_V6: Network = Network::v6([0x2000, 0, 0], 3);

/// What is not public within [`GLOBAL_UNICAST_V6`]: protocol assignments with Teredo and ORCHID, documentation, 6to4.
const NOT_PUBLIC_V6: [Network; 4] = [
    Network::v6([0x2001, 0, 0], 23),
    Network::v6([0x2001, 0x0db8, 0], 32),
    Network::v6([0x2002, 0, 0], 16),
    Network::v6([0x3fff, 0, 0], 20),
];

/// Where clouds hand credentials to the machine: AWS, GCP, Azure and others; AWS ECS and EKS; Azure's host; Oracle; Alibaba.
const METADATA_V4: [Ipv4Addr; 6] = [
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(169, 254, 170, 2),
    Ipv4Addr::new(169, 254, 170, 23),
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(192, 0, 0, 192),
    Ipv4Addr::new(100, 100, 100, 200),
];

/// The same over IPv6: AWS, EKS, GCP.
const METADATA_V6: [Ipv6Addr; 3] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
];

const METADATA_NAMES: [&str; 1] = ["metadata.google.internal"];

/// The ports that browsers refuse for http (the Fetch standard's "bad ports").
const REFUSED_BY_BROWSERS: [u16; 83] = [
    0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101,
    102, 103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427,
    465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990,
    993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667,
    6668, 6669, 6679, 6697, 10080,
];

/// Data services that browsers do not know of: databases, caches, message brokers, container engines.
const DATA_SERVICES: [u16; 16] = [
    1433, 1521, 2375, 2376, 2379, 2380, 3306, 3389, 5432, 5672, 5900, 6379, 9042, 9092, 11211,
    27017,
];

/// Why an address may not be dialled. Never says which address that was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// Not a public address, and in no opened network.
    NotPublic,
    /// Where a cloud hands out credentials.
    Metadata,
    /// This machine itself, and in no opened network.
    Own,
    /// The port of another service, outside the opened networks.
    Port,
}

impl Refusal {
    /// The sentence for the user: why, and what to do.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::NotPublic => {
                "it lies in a network that is not public; use a public address, or ask the operator to open the network with `allow-private`"
            }
            Self::Metadata => {
                "it is a cloud metadata service, which no setting opens; use another address"
            }
            Self::Own => {
                "it is this machine itself; use another address, or ask the operator to open it with `allow-private`"
            }
            Self::Port => {
                "its port belongs to another service; use another port, or ask the operator to open the network with `allow-private`, which opens every port in it"
            }
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

impl Error for Refusal {}

impl From<Refusal> for OriginError {
    fn from(refusal: Refusal) -> Self {
        Self::AddressNotAllowed {
            reason: refusal.reason(),
        }
    }
}

/// Whether a port may be used outside the networks that the operator opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PortRule {
    /// Everywhere.
    Anywhere,
    /// Only in opened networks: the port belongs to another service.
    OpenedNetworks,
}

impl PortRule {
    /// The rule for a port.
    #[must_use]
    pub fn of(port: u16) -> Self {
        if REFUSED_BY_BROWSERS.contains(&port) || DATA_SERVICES.contains(&port) {
            Self::OpenedNetworks
        } else {
            Self::Anywhere
        }
    }
}

/// Whether an address is globally routable unicast, in every form that ends at one.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(_) => !NOT_PUBLIC_V4.iter().any(|it| it.contains(address)),
        IpAddr::V6(v6) => {
            GLOBAL_UNICAST_V6.contains(address)
                && !NOT_PUBLIC_V6.iter().any(|it| it.contains(address))
                && !is_isatap(v6)
        }
    }
}

/// Whether an address is one of this machine's own, which may be public: only then is it where packets to it come from.
fn is_own(address: IpAddr) -> bool {
    let anywhere = match address {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    // Nothing is sent: to connect a datagram socket only asks for the way.
    let source = UdpSocket::bind((anywhere, 0)).and_then(|socket| {
        socket.connect((address, 9))?;
        socket.local_addr()
    });
    source.is_ok_and(|source| source.ip() == address)
}

/// Whether a cloud hands out credentials at an address, however the address is wrapped.
#[must_use]
pub fn is_metadata(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => METADATA_V4.contains(&v4),
        IpAddr::V6(v6) => {
            METADATA_V6.contains(&v6) || embedded_v4(v6).iter().any(|v4| METADATA_V4.contains(v4))
        }
    }
}

/// Checks an address that is about to be dialled.
///
/// # Errors
/// The [`Refusal`] that says which rule forbids it.
pub fn check_address(
    address: IpAddr,
    port: PortRule,
    allowed: &AllowedNetworks,
) -> Result<(), Refusal> {
    if is_metadata(address) {
        return Err(Refusal::Metadata);
    }
    if allowed.contains(address) {
        return Ok(());
    }
    if !is_public(address) {
        return Err(Refusal::NotPublic);
    }
    if is_own(address) {
        return Err(Refusal::Own);
    }
    match port {
        PortRule::Anywhere => Ok(()),
        PortRule::OpenedNetworks => Err(Refusal::Port),
    }
}

/// Checks what can be told from a URL alone: a literal address, a known name, the port. A name must still be checked by the addresses that
/// it resolves to.
///
/// # Errors
/// The [`Refusal`] that says which rule forbids it.
pub fn check_url(url: &Url, allowed: &AllowedNetworks) -> Result<(), Refusal> {
    let port = url
        .port_or_known_default()
        .map_or(PortRule::Anywhere, PortRule::of);
    url.host()
        .map_or(Ok(()), |host| check_host(&host, port, allowed))
}

/// Checks what can be told from a host and the rule for its port, as [`check_url`] does.
///
/// # Errors
/// The [`Refusal`] that says which rule forbids it.
pub fn check_host(
    host: &Host<&str>,
    port: PortRule,
    allowed: &AllowedNetworks,
) -> Result<(), Refusal> {
    let name = match host {
        Host::Ipv4(address) => return check_address((*address).into(), port, allowed),
        Host::Ipv6(address) => return check_address((*address).into(), port, allowed),
        Host::Domain(name) => name.trim_end_matches('.'),
    };
    if METADATA_NAMES
        .iter()
        .any(|metadata| name.eq_ignore_ascii_case(metadata))
    {
        return Err(Refusal::Metadata);
    }
    // Outside http the `url` crate leaves a literal as a name.
    if let Ok(address) = name.parse::<IpAddr>() {
        return check_address(address, port, allowed);
    }
    if port == PortRule::OpenedNetworks && allowed.is_none() {
        return Err(Refusal::Port);
    }
    Ok(())
}

/// An interface identifier that carries an IPv4 address (RFC 5214): a tunnel into that address, whatever the prefix.
const fn is_isatap(address: Ipv6Addr) -> bool {
    let [.., high, low, _, _] = address.segments();
    matches!(high, 0 | 0x0200) && low == 0x5efe
}

/// Every IPv4 address that an IPv6 address may end at, by the forms that exist: compatible, mapped, NAT64, ISATAP and Teredo's server and
/// client; 6to4; NAT64 with a prefix of 48 bits (RFC 6052). Reading an ordinary address so does no harm, since the result is only compared
/// with known ones.
fn embedded_v4(address: Ipv6Addr) -> [Ipv4Addr; 5] {
    let bits = address.to_bits();
    let at = |shift: u32| {
        let word = (bits >> shift) & u128::from(u32::MAX);
        Ipv4Addr::from_bits(u32::try_from(word).unwrap_or_default())
    };
    let teredo_client = Ipv4Addr::from_bits(!at(0).to_bits());
    let [high, low] = [at(64).to_bits() << 16, at(40).to_bits() & 0xffff];
    let nat64_of_48 = Ipv4Addr::from_bits(high | low);
    [at(0), at(80), at(64), teredo_client, nat64_of_48]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_knows_its_own_addresses() {
        for (text, own) in [
            ("127.0.0.1", true),
            ("127.77.0.1", false),
            ("192.0.2.1", false),
            ("8.8.8.8", false),
            ("2001:db8::1", false),
        ] {
            assert_eq!(is_own(text.parse().unwrap()), own, "{text}");
        }
    }
}
