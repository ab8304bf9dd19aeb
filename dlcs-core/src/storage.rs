//! How much is stored, and how much may be.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use thiserror::Error;

use crate::derivative::{DerivativeFacts, SourceFacts};
use crate::id::CustomerId;

/// How many bytes are stored of images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StoredBytes {
    /// Of derivatives without their thumbnails, and of sources that are kept as they came.
    pub images: u64,
    /// Of thumbnails.
    pub thumbnails: u64,
}

/// How much is stored of a customer, or of one of its spaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StorageFigures {
    /// How many images are registered.
    pub images: u64,
    /// How many bytes are stored of them.
    pub bytes: StoredBytes,
}

impl StoredBytes {
    /// Those of a derivative, and of a source that is kept.
    #[must_use]
    pub fn of(derivative: Option<&DerivativeFacts>, original: Option<&SourceFacts>) -> Self {
        let thumbnails = derivative.map_or(0, |facts| facts.thumbnail_bytes);
        let pyramid = derivative.map_or(0, |facts| facts.length.saturating_sub(thumbnails));
        Self {
            images: pyramid + original.map_or(0, |original| original.size),
            thumbnails,
        }
    }
}

impl AddAssign for StoredBytes {
    fn add_assign(&mut self, other: Self) {
        self.images += other.images;
        self.thumbnails += other.thumbnails;
    }
}

/// How much a customer may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quota {
    /// How many images; `None`: as many as it likes.
    pub images: Option<u64>,
    /// How many bytes of images, thumbnails not counted; `None`: as many as it likes.
    pub bytes: Option<u64>,
}

/// What a customer may not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum OverQuota {
    /// So many images.
    #[error(
        "the customer may have {limit} images, has {stored}, and would get {added} more: delete some, or ask the operator for more"
    )]
    Images {
        /// How many it may have.
        limit: u64,
        /// How many it has.
        stored: u64,
        /// How many there would be besides.
        added: u64,
    },
    /// So many bytes.
    #[error(
        "the customer may store {limit} bytes of images, and with this one it would be {total}: delete some, or ask the operator for more"
    )]
    Bytes {
        /// How many it may store.
        limit: u64,
        /// How many it would be.
        total: u64,
    },
}

impl Quota {
    /// Without limits.
    pub const NONE: Self = Self {
        images: None,
        bytes: None,
    };

    /// Whether a customer that has so many images may have so many more.
    ///
    /// # Errors
    /// [`OverQuota`] where it may not.
    pub fn admit_images(self, stored: u64, added: u64) -> Result<(), OverQuota> {
        match self.images {
            Some(limit) if added > 0 && stored.saturating_add(added) > limit => {
                Err(OverQuota::Images {
                    limit,
                    stored,
                    added,
                })
            }
            _ => Ok(()),
        }
    }

    /// Whether so many bytes may become so many; fewer always may.
    ///
    /// # Errors
    /// [`OverQuota`] where they may not.
    pub fn admit_bytes(self, before: u64, total: u64) -> Result<(), OverQuota> {
        match self.bytes {
            Some(limit) if total > limit && total > before => {
                Err(OverQuota::Bytes { limit, total })
            }
            _ => Ok(()),
        }
    }
}

/// How much customers of a kind may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoragePolicy {
    /// Its name.
    pub name: String,
    /// How much that is.
    pub quota: Quota,
}

/// The storage policies of a program, and who has which.
///
/// There is always one called [`default`](Self::DEFAULT), which customers have for whom no other is named, and which has no limits unless it is
/// given some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoragePolicies {
    all: Vec<StoragePolicy>,
    of_customers: BTreeMap<CustomerId, String>,
}

impl Default for StoragePolicies {
    fn default() -> Self {
        Self {
            all: vec![StoragePolicy {
                name: Self::DEFAULT.to_owned(),
                quota: Quota::NONE,
            }],
            of_customers: BTreeMap::new(),
        }
    }
}

impl StoragePolicies {
    /// The name of the policy of customers for whom no other is named.
    pub const DEFAULT: &'static str = "default";

    /// Adds a policy, or changes the one of this name.
    #[must_use]
    pub fn with_policy(mut self, policy: StoragePolicy) -> Self {
        self.all.retain(|other| other.name != policy.name);
        self.all.push(policy);
        self
    }

    /// Names the policy of a customer; one that is not known is the default one.
    #[must_use]
    pub fn with_customer(mut self, customer: CustomerId, policy: impl Into<String>) -> Self {
        self.of_customers.insert(customer, policy.into());
        self
    }

    /// Every policy.
    #[must_use]
    pub fn all(&self) -> &[StoragePolicy] {
        &self.all
    }

    /// The policy of this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&StoragePolicy> {
        self.all.iter().find(|policy| policy.name == name)
    }

    /// The policy of a customer.
    #[must_use]
    pub fn of(&self, customer: CustomerId) -> &StoragePolicy {
        let named = self.of_customers.get(&customer);
        let found = named.and_then(|name| self.find(name));
        found
            .or_else(|| self.find(Self::DEFAULT))
            .expect("the default policy is always there")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_admits_what_is_within_it_and_whatever_makes_less() {
        let quota = Quota {
            images: Some(10),
            bytes: Some(100),
        };
        assert_eq!(quota.admit_images(9, 1), Ok(()));
        assert!(quota.admit_images(9, 2).is_err());
        assert_eq!(
            quota.admit_images(12, 0),
            Ok(()),
            "what is there can be registered again"
        );
        assert_eq!(quota.admit_bytes(0, 100), Ok(()));
        assert!(quota.admit_bytes(100, 101).is_err());
        assert_eq!(quota.admit_bytes(300, 200), Ok(()), "it makes room");
        assert!(quota.admit_images(u64::MAX, 1).is_err());
        assert_eq!(Quota::NONE.admit_images(u64::MAX, 1), Ok(()));
    }

    #[test]
    fn customers_have_the_default_policy_unless_another_is_named() {
        let small = Quota {
            images: Some(1),
            bytes: None,
        };
        let policies = StoragePolicies::default()
            .with_policy(StoragePolicy {
                name: "small".to_owned(),
                quota: small,
            })
            .with_customer(CustomerId::FIRST, "small");
        let other = CustomerId::new(2).unwrap();
        assert_eq!(policies.of(CustomerId::FIRST).quota, small);
        assert_eq!(policies.of(other).name, StoragePolicies::DEFAULT);
        let nothing = policies.with_customer(other, "unknown");
        assert_eq!(nothing.of(other).quota, Quota::NONE);
    }
}
