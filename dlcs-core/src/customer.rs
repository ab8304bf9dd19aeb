//! Customers and their API keys.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use thiserror::Error;

use crate::id::CustomerId;
use crate::order::{Key, Order};
use crate::origin::Secret;
use crate::time::Timestamp;

/// The longest name of a customer, in characters.
pub const CUSTOMER_NAME_MAX_CHARS: usize = 60;

/// Why a text is not a customer's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "is not a customer name: 1 to {CUSTOMER_NAME_MAX_CHARS} of the letters a-z and A-Z, digits, `-`, `_`, `.` and `~`; \
     not digits only, not `v` and digits, not `admin`, not `.` or `..`"
)]
pub struct CustomerNameError;

/// The name of a customer, as it stands in public addresses.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CustomerName(String);

impl CustomerName {
    /// Parses a name.
    ///
    /// # Errors
    /// [`CustomerNameError`], which states the rules.
    pub fn parse(text: impl Into<String>) -> Result<Self, CustomerNameError> {
        let text = text.into();
        let unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-_.~".contains(&b);
        let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let bad = text.is_empty()
            || text.len() > CUSTOMER_NAME_MAX_CHARS
            || !text.bytes().all(unreserved)
            || all_digits(&text)
            || text.strip_prefix(['v', 'V']).is_some_and(all_digits)
            || matches!(text.to_ascii_lowercase().as_str(), "admin" | "." | "..");
        if bad {
            Err(CustomerNameError)
        } else {
            Ok(Self(text))
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a customer's keys open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Its own tree only.
    Ordinary,
    /// Everything.
    Administrator,
}

/// A customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// Its number.
    pub id: CustomerId,
    /// Its name in addresses.
    pub name: CustomerName,
    /// Its name for people.
    pub display_name: String,
    /// What its keys open.
    pub role: Role,
    /// When it was made.
    pub created: Timestamp,
}

/// An order of customers; what is equal goes by number.
pub type CustomerOrder = Order<CustomerOrderBy>;

/// A property to order customers by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CustomerOrderBy {
    /// The number.
    Id,
    /// The name in addresses, ignoring case.
    Name,
    /// The name for people.
    DisplayName,
    /// Whether it is an administrator.
    Administrator,
    /// When it was made.
    Created,
}

impl CustomerOrderBy {
    /// What a customer has of the property.
    #[must_use]
    pub fn key(self, customer: &Customer) -> Key {
        match self {
            Self::Id => i64::from(customer.id.get()).into(),
            Self::Name => Key::Text(customer.name.as_str().to_ascii_lowercase()),
            Self::DisplayName => customer.display_name.as_str().into(),
            Self::Administrator => (customer.role == Role::Administrator).into(),
            Self::Created => customer.created.into(),
        }
    }
}

/// A customer to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCustomer {
    /// Its number; assigned when `None`.
    pub id: Option<CustomerId>,
    /// Its name in addresses.
    pub name: CustomerName,
    /// Its name for people.
    pub display_name: String,
    /// What its keys open.
    pub role: Role,
}

/// The SHA-256 of an API secret.
///
/// A plain hash suffices because secrets that the program makes have 256 random bits.
#[derive(Clone, Copy)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// Hashes a secret.
    #[must_use]
    pub fn of(secret: &Secret) -> Self {
        Self(Sha256::digest(secret.expose().as_bytes()).into())
    }

    /// Restores a stored hash.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes to be stored.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether this is the hash of a secret; takes the same time either way.
    #[must_use]
    pub fn is_of(&self, secret: &Secret) -> bool {
        Self::of(secret).0.ct_eq(&self.0).into()
    }
}

impl std::fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretHash(..)")
    }
}

/// An API key as it is stored.
#[derive(Debug, Clone)]
pub struct ApiKey {
    /// The public half.
    pub key: String,
    /// Whose it is.
    pub customer: CustomerId,
    /// The hash of the other half.
    pub secret_hash: SecretHash,
    /// When it was made.
    pub created: Timestamp,
}

/// An API key that has just been made: the only time that its secret is known.
#[derive(Debug, Clone)]
pub struct NewApiKey {
    /// The public half.
    pub key: String,
    /// The secret half.
    pub secret: Secret,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart_from_numbers_and_versions() {
        for bad in [
            "",
            "3",
            "v2",
            "V3",
            "admin",
            "Admin",
            ".",
            "..",
            "a b",
            "a/b",
            "é",
            &"a".repeat(61),
        ] {
            assert!(CustomerName::parse(bad).is_err(), "{bad}");
        }
        for good in ["default", "vam", "v2a", "a.b-c_d~e", &"a".repeat(60)] {
            assert!(CustomerName::parse(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn hashes_know_their_secret_and_show_nothing() {
        let hash = SecretHash::of(&Secret::new("canary"));
        assert!(hash.is_of(&Secret::new("canary")));
        assert!(!hash.is_of(&Secret::new("canarz")));
        assert_eq!(format!("{hash:?}"), "SecretHash(..)");
    }
}
