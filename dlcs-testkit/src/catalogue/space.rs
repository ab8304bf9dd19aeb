//! Clauses about spaces.

use dlcs_core::catalogue::{Catalogue, CatalogueError, Subject};
use dlcs_core::customer::Role;
use dlcs_core::id::SpaceId;
use dlcs_core::image::OpenAccess;
use dlcs_core::page::{PageRequest, PageSize};
use dlcs_core::space::{SpaceChanges, SpaceOrder, SpaceOrderBy};

use crate::fixture;
use crate::verdict::{matching, same};

/// Without an id, a number higher than any in use is assigned.
pub async fn assigned_space_number_is_higher_than_any(catalogue: &dyn Catalogue) {
    let customer = fixture::customer(catalogue, Role::Ordinary).await.id;
    let seven = SpaceId::new(7);
    let chosen = catalogue.create_space(customer, seven, SpaceChanges::named("seven"));
    same(
        Some(chosen.await.unwrap().id),
        seven,
        "a free number is given",
    );
    let assigned = fixture::space_of(catalogue, customer, "next").await;
    same(
        assigned.id.get() > 7,
        true,
        "an assigned number is nobody else's",
    );
    let found = catalogue.find_space(customer, assigned.id).await.unwrap();
    same(found, Some(assigned), "what was made can be found");
}

/// An id that the customer uses already is [`CatalogueError::AlreadyExists`].
pub async fn taken_space_number_is_refused(catalogue: &dyn Catalogue) {
    let space = fixture::space(catalogue).await;
    let changes = SpaceChanges::named("second");
    let rival = catalogue.create_space(space.customer, Some(space.id), changes);
    matching!(
        rival.await,
        Err(CatalogueError::AlreadyExists {
            subject: Subject::Space,
            property: "id"
        }),
        "a second space must not take over the images of the first"
    );
    let found = catalogue.find_space(space.customer, space.id).await;
    same(found.unwrap(), Some(space), "a refusal changes nothing");
}

/// A name that the customer uses already is [`CatalogueError::AlreadyExists`].
pub async fn taken_space_name_is_refused(catalogue: &dyn Catalogue) {
    let space = fixture::space(catalogue).await;
    let changes = SpaceChanges::named(&space.name);
    let rival = catalogue.create_space(space.customer, None, changes.clone());
    matching!(
        rival.await,
        Err(CatalogueError::AlreadyExists {
            subject: Subject::Space,
            property: "name"
        }),
        "a name leads to one space"
    );
    let other = fixture::customer(catalogue, Role::Ordinary).await;
    let elsewhere = catalogue.create_space(other.id, None, changes).await;
    same(
        elsewhere.is_ok(),
        true,
        "each customer has names of its own",
    );
}

/// A missing customer is [`CatalogueError::NotFound`].
pub async fn space_of_a_missing_customer_is_refused(catalogue: &dyn Catalogue) {
    let missing = fixture::missing_customer();
    let made = catalogue.create_space(missing, None, SpaceChanges::named("x"));
    matching!(
        made.await,
        Err(CatalogueError::NotFound {
            subject: Subject::Customer
        }),
        "a space is always somebody's"
    );
}

/// Lists a customer's spaces, and no other's.
pub async fn spaces_are_listed_in_pages(catalogue: &dyn Catalogue) {
    let customer = fixture::space(catalogue).await.customer;
    fixture::space(catalogue).await;
    for number in [20, 10] {
        let changes = SpaceChanges::named(number.to_string());
        let made = catalogue.create_space(customer, SpaceId::new(number), changes);
        made.await.unwrap();
    }
    let mut ids = Vec::new();
    for index in 0..3 {
        let size = PageSize::new(2);
        let page = catalogue.list_spaces(
            customer,
            SpaceOrder::ascending(SpaceOrderBy::Id),
            PageRequest { index, size },
        );
        let page = page.await.unwrap();
        same(
            page.total,
            3,
            "the total is of the customer's whole listing",
        );
        ids.extend(page.items.iter().map(|space| space.id.get()));
    }
    same(ids, vec![1, 10, 20], "pages go by number");
}

/// Spaces go by the order asked for; what is equal goes the same way by number.
pub async fn spaces_go_by_the_order_asked_for(catalogue: &dyn Catalogue) {
    let customer = fixture::customer(catalogue, Role::Ordinary).await.id;
    for (number, name, tag, wire, policy) in [
        (3, "b", "x", -1, ""),
        (1, "a", "a \"b\"", 400, "fast-lossy"),
        (2, "é", "a\nb", 400, ""),
        (4, "B", "x", 0, "lossless"),
    ] {
        let changes = SpaceChanges {
            default_tags: Some(vec![tag.to_owned()]),
            default_roles: Some(vec!["https://role.example/r".to_owned(); number % 2]),
            default_max_unauthorised: OpenAccess::from_wire(wire),
            image_optimisation_policy: Some(policy.to_owned()),
            ..SpaceChanges::named(name)
        };
        let number = SpaceId::new(u32::try_from(number).unwrap());
        let made = catalogue.create_space(customer, number, changes);
        made.await.unwrap();
    }
    for (by, expected) in [
        (SpaceOrderBy::Id, [1, 2, 3, 4]),
        (SpaceOrderBy::Name, [4, 1, 3, 2]),
        (SpaceOrderBy::DefaultTags, [1, 2, 3, 4]),
        (SpaceOrderBy::DefaultRoles, [1, 3, 2, 4]),
        (SpaceOrderBy::DefaultMaxUnauthorised, [3, 4, 1, 2]),
        (SpaceOrderBy::ImageOptimisationPolicy, [2, 3, 1, 4]),
        (SpaceOrderBy::ThumbnailPolicy, [1, 2, 3, 4]),
        (SpaceOrderBy::ImageCount, [1, 2, 3, 4]),
    ] {
        for descending in [false, true] {
            let order = SpaceOrder { by, descending };
            let listed = catalogue.list_spaces(customer, order, PageRequest::FIRST);
            let listed = listed.await.unwrap().items;
            let mut ids: Vec<_> = listed.iter().map(|space| space.id.get()).collect();
            if descending {
                ids.reverse();
            }
            let why = format!("this order was asked for: {order:?}");
            same(ids, expected.to_vec(), &why);
        }
    }
    let order = SpaceOrder::ascending(SpaceOrderBy::Created);
    let listed = catalogue.list_spaces(customer, order, PageRequest::FIRST);
    let listed = listed.await.unwrap().items;
    let keys: Vec<_> = listed
        .iter()
        .map(|space| (space.created, space.id))
        .collect();
    same(keys.is_sorted(), true, "the oldest comes first");
}

/// What the changes leave out keeps its value.
pub async fn space_keeps_what_changes_leave_out(catalogue: &dyn Catalogue) {
    let customer = fixture::customer(catalogue, Role::Ordinary).await.id;
    let first = SpaceChanges {
        name: Some("maps".to_owned()),
        default_tags: Some(vec!["a, b".to_owned(), "c".to_owned()]),
        default_roles: Some(vec!["https://role.example/r".to_owned()]),
        default_max_unauthorised: OpenAccess::from_wire(400),
        image_optimisation_policy: Some("fast-higher".to_owned()),
        thumbnail_policy: Some("default".to_owned()),
    };
    let mut expected = catalogue.create_space(customer, None, first).await.unwrap();
    let change = SpaceChanges {
        default_tags: Some(Vec::new()),
        ..SpaceChanges::default()
    };
    expected.merge(change.clone());
    let changed = catalogue.update_space(customer, expected.id, change).await;
    let why = "a change of one property must not erase the others";
    same(changed.unwrap(), expected.clone(), why);
    let found = catalogue.find_space(customer, expected.id).await.unwrap();
    same(found, Some(expected), why);
}

/// A name that another of the customer's spaces has is [`CatalogueError::AlreadyExists`].
pub async fn space_cannot_take_the_name_of_another(catalogue: &dyn Catalogue) {
    let first = fixture::space(catalogue).await;
    let second = fixture::space_of(catalogue, first.customer, "second").await;
    let change = SpaceChanges::named(&first.name);
    matching!(
        catalogue
            .update_space(first.customer, second.id, change.clone())
            .await,
        Err(CatalogueError::AlreadyExists {
            subject: Subject::Space,
            property: "name"
        }),
        "a name leads to one space"
    );
    let same_again = catalogue.update_space(first.customer, first.id, change);
    same(
        same_again.await.is_ok(),
        true,
        "its own name is no conflict",
    );
}

/// A missing space is [`CatalogueError::NotFound`].
pub async fn missing_space_cannot_be_changed(catalogue: &dyn Catalogue) {
    let space = fixture::space(catalogue).await;
    let missing = fixture::missing_space();
    matching!(
        catalogue
            .update_space(space.customer, missing, SpaceChanges::named("x"))
            .await,
        Err(CatalogueError::NotFound {
            subject: Subject::Space
        }),
        "the caller must learn that nothing was changed"
    );
}

/// Deletes an empty space.
pub async fn empty_space_can_be_deleted(catalogue: &dyn Catalogue) {
    let space = fixture::space(catalogue).await;
    let other = fixture::space_of(catalogue, space.customer, "other").await;
    let deleted = catalogue.delete_space(space.customer, space.id).await;
    deleted.unwrap();
    let found = catalogue.find_space(space.customer, space.id).await;
    same(found.unwrap(), None, "what was deleted is gone");
    let kept = catalogue.find_space(space.customer, other.id).await;
    same(kept.unwrap(), Some(other), "nothing else is");
}

/// A missing space is [`CatalogueError::NotFound`].
pub async fn missing_space_cannot_be_deleted(catalogue: &dyn Catalogue) {
    let space = fixture::space(catalogue).await;
    let missing = fixture::missing_space();
    matching!(
        catalogue.delete_space(space.customer, missing).await,
        Err(CatalogueError::NotFound {
            subject: Subject::Space
        }),
        "the caller must learn that nothing was deleted"
    );
}
