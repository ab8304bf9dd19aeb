//! The resources of the API: how each looks on the wire, and its handlers.

pub(crate) mod batch;
pub(crate) mod batch_events;
pub(crate) mod csv_import;
pub(crate) mod customer;
pub(crate) mod entry_point;
pub(crate) mod image;
pub(crate) mod key;
pub(crate) mod metadata;
pub(crate) mod origin_strategy;
pub(crate) mod origin_trial;
pub(crate) mod policy;
pub(crate) mod queue;
pub(crate) mod setting;
pub(crate) mod space;
pub(crate) mod storage;

use http::Response;
use serde_json::{Map, Value};

use crate::body::ResponseBody;
use crate::error::ApiError;

/// What a handler answers.
pub(crate) type Outcome = Result<Response<ResponseBody>, ApiError>;

/// The body of a request.
pub(crate) type Object = Map<String, Value>;

/// A resource as it would be sent, to compare a request with.
fn as_value(resource: &impl serde::Serialize) -> Value {
    serde_json::to_value(resource).expect("resources have only text, numbers and lists")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    use crate::describe::{Class, Gives};
    use crate::route::ROUTES;

    #[track_caller]
    fn check<P>(class: &Class, orders: &[(&str, P)]) {
        let name = class.name();
        for it in class.properties {
            let is_order = orders.iter().any(|(order, _)| *order == it.name);
            assert_eq!(is_order, it.is_order, "{name}: `{}`", it.name);
        }
        for (order, _) in orders {
            // What the address of a batch or of a customer ends with is its id, although it has no such property.
            let is_one = *order == "id" || class.properties.iter().any(|it| it.name == *order);
            assert!(is_one, "{name}: `{order}`");
        }
    }

    #[test]
    fn listings_go_by_every_property_of_their_members() {
        check(&image::IMAGE, image::ORDERS);
        check(&space::SPACE, space::ORDERS);
        check(&batch::BATCH, batch::ORDERS);
        check(&customer::CUSTOMER, customer::ORDERS);
    }

    #[test]
    fn what_no_listing_goes_by_has_its_reason() {
        let listed = ROUTES
            .iter()
            .filter_map(|entry| match entry.operation.gives {
                Gives::Page(class) | Gives::Stubs(class) | Gives::Filtered(class) => Some(class),
                _ => None,
            });
        let properties = listed.flat_map(|class| {
            let unordered = class
                .properties
                .iter()
                .filter(|it| it.is_read && !it.is_order);
            unordered.map(|it| (class.name(), it.name))
        });
        let found: BTreeSet<_> = properties.collect();
        let expected = [
            // Guessed anew each time: pages would not fit together.
            ("Batch", "estCompletion"),
            // Shown once, and never in a listing.
            ("Key", "secret"),
        ];
        assert_eq!(found, BTreeSet::from(expected));
    }
}
