//! Clauses about API keys.

use dlcs_core::catalogue::{Catalogue, CatalogueError, Subject};
use dlcs_core::customer::Role;
use dlcs_core::origin::Secret;

use crate::contract::race;
use crate::fixture;
use crate::verdict::{matching, same};

/// Returns a key and its customer.
pub async fn stored_key_is_found_with_its_customer(catalogue: &dyn Catalogue) {
    let customer = fixture::customer(catalogue, Role::Ordinary).await;
    let key = fixture::key(customer.id, 1);
    catalogue.create_key(key.clone()).await.unwrap();
    let (found, owner) = catalogue.find_key(&key.key).await.unwrap().unwrap();
    same(owner, customer, "a key opens its own customer");
    let secret = Secret::new("a secret of the contract");
    let opens = found.secret_hash.is_of(&secret);
    same(opens, true, "the stored hash is that of the secret");
    let unknown = catalogue.find_key("no such key").await.unwrap();
    same(unknown.is_none(), true, "an unknown key opens nothing");
}

/// A key that exists is [`CatalogueError::AlreadyExists`].
pub async fn taken_key_is_refused(catalogue: &dyn Catalogue) {
    let customer = fixture::customer(catalogue, Role::Ordinary).await;
    let rival = fixture::customer(catalogue, Role::Ordinary).await;
    let mut key = fixture::key(customer.id, 1);
    catalogue.create_key(key.clone()).await.unwrap();
    key.customer = rival.id;
    matching!(
        catalogue.create_key(key.clone()).await,
        Err(CatalogueError::AlreadyExists {
            subject: Subject::Key,
            ..
        }),
        "a key must not pass from one customer to another"
    );
    let (_, owner) = catalogue.find_key(&key.key).await.unwrap().unwrap();
    same(owner.id, customer.id, "a refusal changes nothing");
}

/// A missing customer is [`CatalogueError::NotFound`].
pub async fn key_of_a_missing_customer_is_refused(catalogue: &dyn Catalogue) {
    let key = fixture::key(fixture::missing_customer(), 1);
    matching!(
        catalogue.create_key(key).await,
        Err(CatalogueError::NotFound {
            subject: Subject::Customer
        }),
        "such a key would open a customer that is made later"
    );
}

/// Lists a customer's keys, oldest first.
pub async fn keys_are_listed_oldest_first(catalogue: &dyn Catalogue) {
    let customer = fixture::customer(catalogue, Role::Ordinary).await;
    let other = fixture::customer(catalogue, Role::Ordinary).await;
    for (owner, micros) in [(customer.id, 2), (other.id, 3), (customer.id, 1)] {
        let key = fixture::key(owner, micros);
        catalogue.create_key(key).await.unwrap();
    }
    let keys = catalogue.list_keys(customer.id).await.unwrap();
    let made: Vec<_> = keys.iter().map(|key| key.created.as_micros()).collect();
    same(
        made,
        vec![1, 2],
        "the listing shows whose keys and since when",
    );
}

/// A deleted key is gone at once.
pub async fn deleted_key_is_gone_at_once(catalogue: &dyn Catalogue) {
    let customer = fixture::customer(catalogue, Role::Ordinary).await;
    let key = fixture::key(customer.id, 1);
    catalogue.create_key(key.clone()).await.unwrap();
    catalogue.delete_key(customer.id, &key.key).await.unwrap();
    let found = catalogue.find_key(&key.key).await.unwrap();
    same(
        found.is_none(),
        true,
        "keys are deleted because they leaked",
    );
}

/// A missing key, or another customer's, is [`CatalogueError::NotFound`].
pub async fn missing_key_cannot_be_deleted(catalogue: &dyn Catalogue) {
    let customer = fixture::customer(catalogue, Role::Ordinary).await;
    let other = fixture::customer(catalogue, Role::Ordinary).await;
    let key = fixture::key(other.id, 1);
    catalogue.create_key(key.clone()).await.unwrap();
    for key in ["no such key", &key.key] {
        matching!(
            catalogue.delete_key(customer.id, key).await,
            Err(CatalogueError::NotFound {
                subject: Subject::Key
            }),
            "nobody may delete, or find out about, another customer's key"
        );
    }
    let found = catalogue.find_key(&key.key).await.unwrap();
    same(found.is_some(), true, "a refusal changes nothing");
}

/// The last key of an administrator is [`CatalogueError::LastKey`] and stays.
pub async fn last_key_of_an_administrator_stays(catalogue: &dyn Catalogue) {
    let customer = fixture::customer(catalogue, Role::Administrator).await;
    let (first, last) = (fixture::key(customer.id, 1), fixture::key(customer.id, 2));
    catalogue.create_key(first.clone()).await.unwrap();
    catalogue.create_key(last.clone()).await.unwrap();
    catalogue.delete_key(customer.id, &first.key).await.unwrap();
    matching!(
        catalogue.delete_key(customer.id, &last.key).await,
        Err(CatalogueError::LastKey),
        "without it nobody could administer any more"
    );
    let found = catalogue.find_key(&last.key).await.unwrap();
    same(found.is_some(), true, "the last key stays");
}

/// The last key of an administrator stays, also when two are deleted at once.
pub async fn racing_deletions_leave_an_administrator_one_key(catalogue: &dyn Catalogue) {
    let customer = fixture::customer(catalogue, Role::Administrator).await;
    let keys: Vec<_> = (1..=4).map(|at| fixture::key(customer.id, at)).collect();
    for key in &keys {
        catalogue.create_key(key.clone()).await.unwrap();
    }
    race(
        keys.iter()
            .map(|key| catalogue.delete_key(customer.id, &key.key)),
    );
    let left = catalogue.list_keys(customer.id).await.unwrap().len();
    same(left, 1, "checking and deleting are one step");
}
