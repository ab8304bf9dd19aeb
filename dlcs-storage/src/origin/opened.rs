//! Who may fetch from which networks.

use std::collections::BTreeMap;

use dlcs_core::id::CustomerId;

use super::network::AllowedNetworks;

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
    /// Those for all included.
    for_customer: BTreeMap<CustomerId, AllowedNetworks>,
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
        let own = self
            .for_customer
            .entry(customer)
            .or_insert_with(|| self.for_all.clone());
        *own = own.clone().and(networks);
        self
    }

    /// Returns the networks that a customer's origins may live in.
    #[must_use]
    pub fn of(&self, customer: CustomerId) -> &AllowedNetworks {
        self.for_customer.get(&customer).unwrap_or(&self.for_all)
    }
}

impl From<AllowedNetworks> for OpenedNetworks {
    fn from(networks: AllowedNetworks) -> Self {
        Self::for_all(networks)
    }
}
