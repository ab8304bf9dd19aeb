//! API keys: making them, checking them, and the first one.

use super::Dlcs;
use super::spaces::ensure_first_customer;
use crate::catalogue::CatalogueError;
use crate::customer::{ApiKey, Customer, NewApiKey, SecretHash};
use crate::error::Result;
use crate::id::{CustomerId, SpaceId};
use crate::origin::Secret;
use crate::space::SpaceChanges;

/// The first key, when it is chosen and not made.
#[derive(Debug, Clone)]
pub struct FirstKey {
    /// The public half.
    pub key: String,
    /// The secret half.
    pub secret: Secret,
}

/// What a start found or made.
#[derive(Debug)]
#[non_exhaustive]
pub enum Bootstrap {
    /// The first customer is new: its key, for the only time.
    Created(NewApiKey),
    /// The first customer was there.
    Existing {
        /// Whether the chosen key is among its keys; `None` when none was chosen.
        chosen_key_exists: Option<bool>,
    },
}

impl Dlcs {
    /// Makes customer 1 (an administrator, called `default`) with space 1 (`default`) and a key, unless it has a key already.
    ///
    /// A start that was cut off half-way is continued by the next one.
    ///
    /// # Errors
    /// The catalogue's.
    pub async fn bootstrap(&self, chosen: Option<FirstKey>) -> Result<Bootstrap> {
        ensure_first_customer(self).await?;
        let keys = self.catalogue().list_keys(CustomerId::FIRST).await?;
        if !keys.is_empty() {
            let chosen_key_exists =
                chosen.map(|chosen| keys.iter().any(|key| key.key == chosen.key));
            return Ok(Bootstrap::Existing { chosen_key_exists });
        }
        // The key comes last: without one, this is still the first start.
        let space = SpaceChanges::named("default");
        let made = self
            .catalogue()
            .create_space(CustomerId::FIRST, Some(SpaceId::FIRST), space);
        match made.await {
            Ok(_) | Err(CatalogueError::AlreadyExists { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let key = chosen.map_or_else(make_key, |chosen| NewApiKey {
            key: chosen.key,
            secret: chosen.secret,
        });
        self.store_key(CustomerId::FIRST, &key).await?;
        Ok(Bootstrap::Created(key))
    }

    /// Makes a key for a customer; its secret is known this once.
    ///
    /// # Errors
    /// The catalogue's: there is no such customer.
    pub async fn create_key(&self, customer: CustomerId) -> Result<NewApiKey> {
        let key = make_key();
        self.store_key(customer, &key).await?;
        Ok(key)
    }

    /// Returns the customer whose key and secret these are; `None` for all others, in about the same time.
    ///
    /// # Errors
    /// The catalogue's.
    pub async fn authenticate(&self, key: &str, secret: &Secret) -> Result<Option<Customer>> {
        let found = self.catalogue().find_key(key).await?;
        // An unknown key costs a comparison too, so that time does not tell which half is wrong.
        let hash = found
            .as_ref()
            .map_or(SecretHash::from_bytes([0; 32]), |(key, _)| key.secret_hash);
        let matches = hash.is_of(secret);
        Ok(found.filter(|_| matches).map(|(_, customer)| customer))
    }

    async fn store_key(&self, customer: CustomerId, key: &NewApiKey) -> Result<()> {
        let stored = ApiKey {
            key: key.key.clone(),
            customer,
            secret_hash: SecretHash::of(&key.secret),
            created: self.clock().now(),
        };
        Ok(self.catalogue().create_key(stored).await?)
    }
}

/// Makes a key of 128 and a secret of 256 random bits, in hexadecimal digits.
fn make_key() -> NewApiKey {
    let digits = || uuid::Uuid::new_v4().simple().to_string();
    let mut random = zeroize::Zeroizing::new([0_u8; 32]);
    getrandom::fill(random.as_mut_slice())
        .expect("the operating system has a source of randomness");
    let secret = crate::derivative::Checksum(*random).to_string();
    NewApiKey {
        key: digits(),
        secret: Secret::new(secret),
    }
}
