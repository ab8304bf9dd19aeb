//! Who may fetch from which networks.

use std::collections::BTreeMap;
use std::fmt;

use dlcs_core::id::CustomerId;

use super::network::{AllowedNetworks, NetworkError};

/// The networks beyond the public ones, for all customers and for some.
///
/// ```
/// use dlcs_core::CustomerId;
/// use dlcs_storage::origin::opened::OpenedNetworks;
///
/// let (first, second) = (CustomerId::FIRST, CustomerId::new(2).expect("an id"));
/// let opened = OpenedNetworks::for_all("10.0.0.0/8".parse()?)
///     .with_customer(second, &"192.168.0.0/16".parse()?);
/// let office = "192.168.7.1".parse().expect("an address");
/// assert!(opened.of(second).contains(office) && !opened.of(first).contains(office));
/// # Ok::<(), dlcs_storage::origin::network::NetworkError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenedNetworks {
    for_all: AllowedNetworks,
    for_customer: BTreeMap<CustomerId, Opened>,
}

/// What one customer has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Opened {
    own: AllowedNetworks,
    /// Those for all included.
    together: AllowedNetworks,
}

impl OpenedNetworks {
    /// No network beyond the public ones.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Opens networks for all customers.
    #[must_use]
    pub const fn for_all(networks: AllowedNetworks) -> Self {
        Self {
            for_all: networks,
            for_customer: BTreeMap::new(),
        }
    }

    /// Opens more networks for one customer.
    #[must_use]
    pub fn with_customer(mut self, customer: CustomerId, networks: &AllowedNetworks) -> Self {
        let opened = self.for_customer.entry(customer).or_default();
        opened.own = std::mem::take(&mut opened.own).and(networks);
        opened.together = self.for_all.clone().and(&opened.own);
        self
    }

    /// Parses networks as [`AllowedNetworks::parse`] does, for one customer where `CUSTOMER=` stands before the network.
    ///
    /// # Errors
    /// The [`NetworkError`] of the first text that names no network, or no customer.
    pub fn parse<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Result<Self, NetworkError> {
        let (mut for_all, mut for_some) = (AllowedNetworks::none(), Vec::new());
        for text in texts {
            for part in text.as_ref().split(',').map(str::trim) {
                let Some((customer, networks)) = part.split_once('=') else {
                    for_all = for_all.and(&part.parse()?);
                    continue;
                };
                let not_a_customer = |_| NetworkError::NotACustomer {
                    text: part.to_owned(),
                };
                let customer: CustomerId = customer.trim().parse().map_err(not_a_customer)?;
                let networks: AllowedNetworks = networks.trim().parse()?;
                if networks.is_none() {
                    return Err(NetworkError::NotANetwork {
                        text: part.to_owned(),
                    });
                }
                for_some.push((customer, networks));
            }
        }
        Ok(for_some
            .iter()
            .fold(Self::for_all(for_all), |opened, (customer, networks)| {
                opened.with_customer(*customer, networks)
            }))
    }

    /// Whether nothing is opened for anybody.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.for_all.is_none() && self.for_customer.is_empty()
    }

    /// Returns the networks that a customer's origins may live in.
    #[must_use]
    pub fn of(&self, customer: CustomerId) -> &AllowedNetworks {
        self.for_customer
            .get(&customer)
            .map_or(&self.for_all, |opened| &opened.together)
    }
}

impl From<AllowedNetworks> for OpenedNetworks {
    fn from(networks: AllowedNetworks) -> Self {
        Self::for_all(networks)
    }
}

impl fmt::Display for OpenedNetworks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let for_all = (!self.for_all.is_none()).then(|| self.for_all.to_string());
        let for_customers = self.for_customer.iter().map(|(customer, opened)| {
            let own = opened.own.to_string();
            format!(
                "{customer}={}",
                own.replace(", ", &format!(", {customer}="))
            )
        });
        let parts: Vec<_> = for_all.into_iter().chain(for_customers).collect();
        f.write_str(&parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_for_all_or_for_one_customer() {
        let opened =
            OpenedNetworks::parse(["2=192.168.0.0/16, 10.0.0.0/8", "2=fd00::/8", "3=all"]).unwrap();
        let customer = |number| CustomerId::new(number).unwrap();
        for (number, address, open) in [
            (1, "10.0.0.1", true),
            (1, "192.168.0.1", false),
            (1, "fd00::1", false),
            (2, "10.0.0.1", true),
            (2, "192.168.0.1", true),
            (2, "fd00::1", true),
            (2, "127.0.0.1", false),
            (3, "127.0.0.1", true),
        ] {
            let got = opened
                .of(customer(number))
                .contains(address.parse().unwrap());
            assert_eq!(got, open, "{number} {address}");
        }
        assert_eq!(
            opened.to_string(),
            "10.0.0.0/8, 2=192.168.0.0/16, 2=fd00::/8, 3=all"
        );
        assert_eq!(OpenedNetworks::parse([opened.to_string()]), Ok(opened));
        assert!(OpenedNetworks::parse(["", ","]).unwrap().is_none());
    }

    #[test]
    fn what_is_no_customer_or_no_network_is_refused() {
        for (text, said) in [
            (
                "0=10.0.0.0/8",
                "`0=10.0.0.0/8` names no customer: write one as 2=10.0.0.0/8",
            ),
            (
                "=10.0.0.0/8",
                "`=10.0.0.0/8` names no customer: write one as 2=10.0.0.0/8",
            ),
            (
                "2=",
                "`2=` is not a network: write one as 10.0.0.0/8 or fd00::/8, or `all`",
            ),
            (
                "2=x",
                "`x` is not a network: write one as 10.0.0.0/8 or fd00::/8, or `all`",
            ),
        ] {
            let error = OpenedNetworks::parse([text]).unwrap_err();
            assert_eq!(error.to_string(), said);
        }
    }
}
