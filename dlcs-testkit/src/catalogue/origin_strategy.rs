//! Clauses about customers' origin strategies.

use dlcs_core::catalogue::{Catalogue, CatalogueError, Subject};
use dlcs_core::customer::Role;
use dlcs_core::origin::{OriginAccess, OriginPattern};

use crate::fixture::{self, strategy};
use crate::verdict::{matching, same};

/// A pattern that the customer uses already is [`CatalogueError::AlreadyExists`].
pub async fn taken_pattern_is_refused(catalogue: &dyn Catalogue) {
    let customer = fixture::customer(catalogue, Role::Ordinary).await.id;
    let other = fixture::customer(catalogue, Role::Ordinary).await.id;
    let first = strategy(customer, "https://a/", 1);
    catalogue.create_origin_strategy(first).await.unwrap();
    let rival = strategy(customer, "https://a/", 2);
    matching!(
        catalogue.create_origin_strategy(rival).await,
        Err(CatalogueError::AlreadyExists {
            subject: Subject::OriginStrategy,
            property: "regex"
        }),
        "the second could never match"
    );
    let elsewhere = strategy(other, "https://a/", 1);
    let made = catalogue.create_origin_strategy(elsewhere).await;
    same(made.is_ok(), true, "each customer has patterns of its own");
}

/// Lists a customer's origin strategies by ascending order.
pub async fn strategies_are_listed_by_order(catalogue: &dyn Catalogue) {
    let customer = fixture::customer(catalogue, Role::Ordinary).await.id;
    let other = fixture::customer(catalogue, Role::Ordinary).await.id;
    for (owner, order) in [(customer, 5), (other, 2), (customer, -1), (customer, 3)] {
        let made = strategy(owner, &format!("https://{order}/"), order);
        catalogue.create_origin_strategy(made).await.unwrap();
    }
    let listed = catalogue.list_origin_strategies(customer).await.unwrap();
    let orders: Vec<_> = listed.iter().map(|strategy| strategy.order).collect();
    let why = "the first that matches is used: the order decides who is sent credentials";
    same(orders, vec![-1, 3, 5], why);
}

/// Credentials come back as they were stored.
pub async fn credentials_come_back_as_stored(catalogue: &dyn Catalogue) {
    let customer = fixture::customer(catalogue, Role::Ordinary).await.id;
    let stored = strategy(customer, r"(?<!x)https://ä\.example/", 1);
    let made = catalogue.create_origin_strategy(stored.clone()).await;
    made.unwrap();
    let listed = catalogue.list_origin_strategies(customer).await.unwrap();
    same(
        listed,
        vec![stored],
        "origins compare credentials byte by byte",
    );
}

/// Replaces an origin strategy, found by its customer and id.
pub async fn strategy_is_replaced_whole(catalogue: &dyn Catalogue) {
    let customer = fixture::customer(catalogue, Role::Ordinary).await.id;
    let mut changed = strategy(customer, "https://a/", 1);
    let made = catalogue.create_origin_strategy(changed.clone()).await;
    made.unwrap();
    changed.pattern = OriginPattern::compile("https://b/").unwrap();
    changed.access = OriginAccess::Default;
    (changed.order, changed.optimised) = (9, true);
    let replaced = catalogue.update_origin_strategy(changed.clone()).await;
    replaced.unwrap();
    let listed = catalogue.list_origin_strategies(customer).await.unwrap();
    let why = "credentials that were taken away must not be sent again";
    same(listed, vec![changed], why);
}

/// A pattern that another of the customer's strategies has is [`CatalogueError::AlreadyExists`].
pub async fn strategy_cannot_take_the_pattern_of_another(catalogue: &dyn Catalogue) {
    let customer = fixture::customer(catalogue, Role::Ordinary).await.id;
    let first = strategy(customer, "https://a/", 1);
    let mut second = strategy(customer, "https://b/", 2);
    for made in [&first, &second] {
        let made = catalogue.create_origin_strategy(made.clone()).await;
        made.unwrap();
    }
    second.pattern = first.pattern.clone();
    matching!(
        catalogue.update_origin_strategy(second).await,
        Err(CatalogueError::AlreadyExists {
            subject: Subject::OriginStrategy,
            property: "regex"
        }),
        "the second could never match"
    );
    let same_again = catalogue.update_origin_strategy(first).await;
    same(same_again.is_ok(), true, "its own pattern is no conflict");
}

/// A missing one, or another customer's, is [`CatalogueError::NotFound`].
pub async fn missing_strategy_cannot_be_replaced(catalogue: &dyn Catalogue) {
    let customer = fixture::customer(catalogue, Role::Ordinary).await.id;
    let other = fixture::customer(catalogue, Role::Ordinary).await.id;
    let theirs = strategy(other, "https://a/", 1);
    let made = catalogue.create_origin_strategy(theirs.clone()).await;
    made.unwrap();
    let mut stolen = theirs.clone();
    stolen.customer = customer;
    for attempt in [strategy(customer, "https://c/", 1), stolen] {
        matching!(
            catalogue.update_origin_strategy(attempt).await,
            Err(CatalogueError::NotFound {
                subject: Subject::OriginStrategy
            }),
            "nobody may change, or find out about, another customer's strategy"
        );
    }
    let listed = catalogue.list_origin_strategies(other).await.unwrap();
    same(listed, vec![theirs], "a refusal changes nothing");
}

/// A missing one, or another customer's, is [`CatalogueError::NotFound`].
pub async fn missing_strategy_cannot_be_deleted(catalogue: &dyn Catalogue) {
    let customer = fixture::customer(catalogue, Role::Ordinary).await.id;
    let own = strategy(customer, "https://a/", 1);
    let made = catalogue.create_origin_strategy(own.clone()).await;
    made.unwrap();
    let other = fixture::customer(catalogue, Role::Ordinary).await.id;
    matching!(
        catalogue.delete_origin_strategy(other, own.id).await,
        Err(CatalogueError::NotFound {
            subject: Subject::OriginStrategy
        }),
        "nobody may delete another customer's strategy"
    );
    let deleted = catalogue.delete_origin_strategy(customer, own.id).await;
    deleted.unwrap();
    let listed = catalogue.list_origin_strategies(customer).await.unwrap();
    same(listed, vec![], "what was deleted is gone");
    matching!(
        catalogue.delete_origin_strategy(customer, own.id).await,
        Err(CatalogueError::NotFound {
            subject: Subject::OriginStrategy
        }),
        "the caller must learn that nothing was deleted"
    );
}
