//! Who may read which buckets with the credentials of this program.

use std::collections::BTreeSet;

use dlcs_core::id::CustomerId;
use thiserror::Error;

use crate::s3::is_bucket;

/// Why a grant cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum GrantError {
    /// Not a customer and a bucket.
    #[error("`{text}` is no grant: write a customer and a bucket as 2=masters")]
    NotAGrant {
        /// The text.
        text: String,
    },
    /// Not the name of a bucket.
    #[error("`{bucket}` is not the name of a bucket")]
    NotABucket {
        /// The text.
        bucket: String,
    },
}

/// The buckets that customers may read with the credentials of this program; without a grant, none.
///
/// ```
/// use dlcs_core::CustomerId;
/// use dlcs_storage::origin::s3::BucketGrants;
///
/// let second = CustomerId::new(2).expect("an id");
/// let grants = BucketGrants::none().with_bucket(second, "masters-of-2")?;
/// assert!(grants.allow(second, "masters-of-2"));
/// assert!(!grants.allow(CustomerId::FIRST, "masters-of-2"));
/// # Ok::<(), dlcs_storage::origin::s3::GrantError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BucketGrants(BTreeSet<(CustomerId, String)>);

impl BucketGrants {
    /// No grants.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Lets a customer read a bucket.
    ///
    /// # Errors
    /// [`GrantError::NotABucket`].
    pub fn with_bucket(
        mut self,
        customer: CustomerId,
        bucket: impl Into<String>,
    ) -> Result<Self, GrantError> {
        let bucket = bucket.into();
        if !is_bucket(&bucket) {
            return Err(GrantError::NotABucket { bucket });
        }
        self.0.insert((customer, bucket));
        Ok(self)
    }

    /// Parses grants, each as `2=masters`; a text may hold several, with commas between them.
    ///
    /// # Errors
    /// [`GrantError`]: the first text that is no grant.
    pub fn parse<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Result<Self, GrantError> {
        let mut grants = Self::none();
        for text in texts {
            let parts = text.as_ref().split(',').map(str::trim);
            for part in parts.filter(|part| !part.is_empty()) {
                let not_a_grant = || GrantError::NotAGrant {
                    text: part.to_owned(),
                };
                let (customer, bucket) = part.split_once('=').ok_or_else(not_a_grant)?;
                let customer = customer.trim().parse().map_err(|_| not_a_grant())?;
                grants = grants.with_bucket(customer, bucket.trim())?;
            }
        }
        Ok(grants)
    }

    /// Whether a customer may read a bucket.
    #[must_use]
    pub fn allow(&self, customer: CustomerId, bucket: &str) -> bool {
        self.0.contains(&(customer, bucket.to_owned()))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_are_customers_with_buckets() {
        let grants = BucketGrants::parse(["1=masters, 2=others", "", "2=masters"]).unwrap();
        let customer = |number| CustomerId::new(number).unwrap();
        for (number, bucket, granted) in [
            (1, "masters", true),
            (1, "others", false),
            (2, "others", true),
            (2, "masters", true),
            (3, "masters", false),
            (1, "Masters", false),
            (1, "", false),
        ] {
            assert_eq!(
                grants.allow(customer(number), bucket),
                granted,
                "{number} {bucket}"
            );
        }
        for text in ["masters", "0=masters", "x=masters", "1=", "1=a/b", "1=.."] {
            assert!(BucketGrants::parse([text]).is_err(), "{text}");
        }
    }
}
