//! The networks that an operator opens for origins.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use thiserror::Error;

/// Why a text names no network.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// Not an address, with or without a prefix length.
    #[error("`{text}` is not a network: write one as 10.0.0.0/8 or fd00::/8, or `all`")]
    NotANetwork {
        /// The text.
        text: String,
    },
    /// Something before an equals sign that is no customer.
    #[error("`{text}` names no customer: write one as 2=10.0.0.0/8")]
    NotACustomer {
        /// The text.
        text: String,
    },
    /// A prefix that is longer than an address.
    #[error("`{text}` has a prefix length that is not between 0 and {longest}")]
    PrefixLength {
        /// The text.
        text: String,
        /// The longest prefix of that kind of address.
        longest: u8,
    },
    /// Bits beyond the prefix.
    #[error("`{text}` is an address within a network: write `{network}`")]
    HostBits {
        /// The text.
        text: String,
        /// The network that holds the address.
        network: Network,
    },
}

/// A block of addresses, as `10.0.0.0/8`.
///
/// Invariants:
/// * no bit beyond the prefix is set;
/// * an IPv4 network is never spelled as an IPv4-mapped IPv6 one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// An IPv4 network; bits beyond the prefix are dropped.
    #[must_use]
    pub(crate) const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Self {
        let bits = Ipv4Addr::new(a, b, c, d).to_bits() & v4_mask(prefix);
        Self {
            address: IpAddr::V4(Ipv4Addr::from_bits(bits)),
            prefix,
        }
    }

    /// An IPv6 network by its first three groups; bits beyond the prefix are dropped.
    #[must_use]
    pub(crate) const fn v6(groups: [u16; 3], prefix: u8) -> Self {
        let [a, b, c] = groups;
        let bits = Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0).to_bits() & v6_mask(prefix);
        Self {
            address: IpAddr::V6(Ipv6Addr::from_bits(bits)),
            prefix,
        }
    }

    /// Whether an address lies in the network; an IPv4-mapped address counts as the IPv4 address.
    #[must_use]
    pub const fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                own.to_bits() == other.to_bits() & v4_mask(self.prefix)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                own.to_bits() == other.to_bits() & v6_mask(self.prefix)
            }
            _ => false,
        }
    }

    fn holding(address: IpAddr, prefix: u8) -> Self {
        let address = match address {
            IpAddr::V4(v4) => IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & v4_mask(prefix))),
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & v6_mask(prefix))),
        };
        Self { address, prefix }
    }
}

const fn v4_mask(prefix: u8) -> u32 {
    if prefix == 0 {
        0
    } else {
        u32::MAX << (32 - prefix)
    }
}

const fn v6_mask(prefix: u8) -> u128 {
    if prefix == 0 {
        0
    } else {
        u128::MAX << (128 - prefix)
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let not_a_network = || NetworkError::NotANetwork {
            text: text.to_owned(),
        };
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let written: IpAddr = address.parse().map_err(|_| not_a_network())?;
        let longest = if written.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => longest,
            Some(digits) if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) => {
                return Err(not_a_network());
            }
            Some(digits) => digits
                .parse::<u8>()
                .ok()
                .filter(|prefix| *prefix <= longest)
                .ok_or_else(|| NetworkError::PrefixLength {
                    text: text.to_owned(),
                    longest,
                })?,
        };
        // Mapped addresses are dialled as IPv4, so a network of them is one of IPv4.
        let (address, prefix) = match written.to_canonical() {
            IpAddr::V4(v4) if written.is_ipv6() && prefix >= 96 => (IpAddr::V4(v4), prefix - 96),
            _ => (written, prefix),
        };
        let network = Self::holding(address, prefix);
        if network.address != address {
            return Err(NetworkError::HostBits {
                text: text.to_owned(),
                network,
            });
        }
        Ok(network)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Network({self})")
    }
}

/// The networks beyond the public ones that origins may live in.
///
/// ```
/// use dlcs_storage::origin::network::AllowedNetworks;
///
/// let opened: AllowedNetworks = "192.168.0.0/16, fd12:3456::/32".parse()?;
/// assert!(opened.contains("192.168.7.1".parse().expect("an address")));
/// # Ok::<(), dlcs_storage::origin::network::NetworkError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct AllowedNetworks {
    all: bool,
    networks: Vec<Network>,
}

impl AllowedNetworks {
    /// No network beyond the public ones.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Every network; for machines whose users may read all that the machine can reach.
    #[must_use]
    pub const fn all() -> Self {
        Self {
            all: true,
            networks: Vec::new(),
        }
    }

    /// Opens one more network.
    #[must_use]
    pub fn with_network(mut self, network: Network) -> Self {
        self.networks.push(network);
        self
    }

    /// Opens the networks of another set as well.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.all |= other.all;
        self.networks.extend_from_slice(&other.networks);
        self
    }

    /// Parses networks, each as `10.0.0.0/8`, as a single address, or as `all`; a text may hold several, with commas between them.
    ///
    /// # Errors
    /// The [`NetworkError`] of the first text that names no network.
    pub fn parse<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Result<Self, NetworkError> {
        let mut allowed = Self::none();
        for text in texts {
            for part in text.as_ref().split(',').map(str::trim) {
                match part {
                    "" => {}
                    "all" => allowed.all = true,
                    network => allowed.networks.push(network.parse()?),
                }
            }
        }
        Ok(allowed)
    }

    /// Whether nothing is opened.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        !self.all && self.networks.is_empty()
    }

    /// Whether an address lies in a network that is opened.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.all || self.networks.iter().any(|it| it.contains(address))
    }
}

impl FromStr for AllowedNetworks {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        Self::parse([text])
    }
}

impl fmt::Display for AllowedNetworks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.all {
            return f.write_str("all");
        }
        for (index, network) in self.networks.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{network}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_parse_and_print() {
        for (text, printed) in [
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("127.0.0.1", "127.0.0.1/32"),
            ("::1", "::1/128"),
            ("fd00::/8", "fd00::/8"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("::/0", "::/0"),
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ] {
            assert_eq!(text.parse::<Network>().unwrap().to_string(), printed);
        }
    }

    #[test]
    fn what_is_no_network_is_refused_with_a_sentence() {
        for (text, sentence) in [
            (
                "localhost",
                "`localhost` is not a network: write one as 10.0.0.0/8 or fd00::/8, or `all`",
            ),
            (
                "10.0.0.0/33",
                "`10.0.0.0/33` has a prefix length that is not between 0 and 32",
            ),
            (
                "fd00::/129",
                "`fd00::/129` has a prefix length that is not between 0 and 128",
            ),
            (
                "10.1.2.3/8",
                "`10.1.2.3/8` is an address within a network: write `10.0.0.0/8`",
            ),
        ] {
            assert_eq!(text.parse::<Network>().unwrap_err().to_string(), sentence);
        }
        for text in ["", "/8", "10.0.0.0/", "10.0.0.0/+8", "10/8", "10.0.0.0/8/8"] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }

    #[test]
    fn several_texts_and_several_networks_in_one_add_up() {
        let allowed = AllowedNetworks::parse(["10.0.0.0/8,::1", "", "192.168.1.1"]).unwrap();
        assert_eq!(allowed.to_string(), "10.0.0.0/8, ::1/128, 192.168.1.1/32");
        assert!(allowed.contains("::ffff:10.9.9.9".parse().unwrap()));
        assert!(!allowed.contains("11.0.0.1".parse().unwrap()));
        assert!(AllowedNetworks::parse([""]).unwrap().is_none());
        assert!(AllowedNetworks::parse(["10.0.0.0/8, nowhere"]).is_err());
        assert!(
            "all"
                .parse::<AllowedNetworks>()
                .unwrap()
                .contains("::".parse().unwrap())
        );
    }
}
