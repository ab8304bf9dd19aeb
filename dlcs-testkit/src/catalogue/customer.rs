//! Clauses about customers.

use dlcs_core::catalogue::{Catalogue, CatalogueError, Subject};
use dlcs_core::customer::{CustomerName, CustomerOrder, CustomerOrderBy, NewCustomer, Role};
use dlcs_core::page::{PageRequest, PageSize};

use crate::contract::race;
use crate::fixture;
use crate::verdict::{matching, same};

/// Without an id, the next number is assigned.
pub async fn assigned_number_is_new(catalogue: &dyn Catalogue) {
    let first = fixture::customer(catalogue, Role::Ordinary).await;
    let second = fixture::customer(catalogue, Role::Ordinary).await;
    let why = "numbers count upwards: a number that is given out again would open the old customer's addresses to the new";
    same(second.id > first.id, true, why);
    let found = catalogue.find_customer(second.id).await.unwrap();
    same(found, Some(second), "what was made can be found");
}

/// An id that is taken is [`CatalogueError::AlreadyExists`].
pub async fn taken_customer_number_is_refused(catalogue: &dyn Catalogue) {
    let customer = fixture::customer(catalogue, Role::Ordinary).await;
    let rival = NewCustomer {
        id: Some(customer.id),
        ..fixture::new_customer(Role::Administrator)
    };
    matching!(
        catalogue.create_customer(rival).await,
        Err(CatalogueError::AlreadyExists {
            subject: Subject::Customer,
            property: "id"
        }),
        "a second customer must not take over the first one's images"
    );
    let found = catalogue.find_customer(customer.id).await.unwrap();
    same(found, Some(customer), "a refusal changes nothing");
}

/// A name that is taken is [`CatalogueError::AlreadyExists`]; names differ by more than case.
pub async fn taken_customer_name_is_refused_ignoring_case(catalogue: &dyn Catalogue) {
    let customer = fixture::customer(catalogue, Role::Ordinary).await;
    let lower = customer.name.as_str().to_ascii_lowercase();
    let lower = CustomerName::parse(lower).unwrap();
    for name in [customer.name.clone(), lower] {
        let rival = NewCustomer {
            name: name.clone(),
            ..fixture::new_customer(Role::Ordinary)
        };
        matching!(
            catalogue.create_customer(rival).await,
            Err(CatalogueError::AlreadyExists {
                subject: Subject::Customer,
                property: "name"
            }),
            "names stand in public addresses, which people write in any case"
        );
        let found = catalogue.find_customer_by_name(&name).await.unwrap();
        same(found, Some(customer.clone()), "either spelling finds it");
    }
}

/// Without an id, the next number is assigned: to one customer only, also when many are made at once.
pub async fn racing_customers_get_numbers_of_their_own(catalogue: &dyn Catalogue) {
    let makers = (0..8).map(|_| fixture::customer(catalogue, Role::Ordinary));
    let mut ids: Vec<_> = race(makers).into_iter().map(|made| made.id).collect();
    ids.sort_unstable();
    ids.dedup();
    same(
        ids.len(),
        8,
        "two customers with one number would share everything",
    );
}

/// A name that is taken is [`CatalogueError::AlreadyExists`], also when two ask for it at once.
pub async fn one_of_two_racing_customer_names_wins(catalogue: &dyn Catalogue) {
    let new = fixture::new_customer(Role::Ordinary);
    let made = race((0..4).map(|_| catalogue.create_customer(new.clone())));
    let made = made.into_iter().filter(Result::is_ok).count();
    same(made, 1, "a name leads to one customer");
}

/// Customers go by the order asked for; what is equal goes the same way by number.
pub async fn customers_go_by_the_order_asked_for(catalogue: &dyn Catalogue) {
    for role in [Role::Ordinary, Role::Administrator, Role::Ordinary] {
        fixture::customer(catalogue, role).await;
    }
    for by in [
        CustomerOrderBy::Id,
        CustomerOrderBy::Name,
        CustomerOrderBy::DisplayName,
        CustomerOrderBy::Administrator,
        CustomerOrderBy::Created,
    ] {
        for descending in [false, true] {
            let order = CustomerOrder { by, descending };
            let mut listed = Vec::new();
            for index in 0.. {
                let size = PageSize::new(2);
                let request = PageRequest { index, size };
                let page = catalogue.list_customers(order, request).await.unwrap();
                if page.items.is_empty() {
                    break;
                }
                listed.extend(page.items);
            }
            same(listed.len() >= 3, true, "every customer is listed");
            let sorted = listed.windows(2).all(|pair| {
                let [a, b] = [&pair[0], &pair[1]].map(|customer| (by.key(customer), customer.id));
                if descending { a > b } else { a < b }
            });
            let why = format!("pages do not overlap and go by {order:?}");
            same(sorted, true, &why);
        }
    }
}

/// Returns a customer; `None` when there is none.
pub async fn missing_customer_is_none(catalogue: &dyn Catalogue) {
    let by_id = catalogue.find_customer(fixture::missing_customer()).await;
    same(by_id.unwrap(), None, "absence is no failure");
    let by_name = catalogue.find_customer_by_name(&fixture::name()).await;
    same(by_name.unwrap(), None, "absence is no failure");
}

/// Changes the name that people see.
pub async fn renaming_changes_only_the_name_for_people(catalogue: &dyn Catalogue) {
    let mut customer = fixture::customer(catalogue, Role::Administrator).await;
    let renamed = catalogue.rename_customer(customer.id, "Ménage").await;
    customer.display_name = "Ménage".to_owned();
    let why = "the name in addresses and the role are not for people to change";
    same(renamed.unwrap(), customer.clone(), why);
    let found = catalogue.find_customer(customer.id).await.unwrap();
    same(found, Some(customer), "the change lasts");
}

/// A missing customer is [`CatalogueError::NotFound`].
pub async fn missing_customer_cannot_be_renamed(catalogue: &dyn Catalogue) {
    let missing = fixture::missing_customer();
    matching!(
        catalogue.rename_customer(missing, "Nobody").await,
        Err(CatalogueError::NotFound {
            subject: Subject::Customer
        }),
        "the caller must learn that nothing was changed"
    );
}
