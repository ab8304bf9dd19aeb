//! The metadata of a space: the DLCS has an address for it, and has not said yet what is there.

use dlcs_core::{CustomerId, SpaceId};
use http::StatusCode;
use serde::Serialize;

use super::Outcome;
use crate::context::Context;
use crate::describe::{Class, Type, ro};
use crate::hydra::Header;

#[rustfmt::skip]
pub(crate) static METADATA: Class = Class {
    type_: "vocab:Metadata",
    text: "What else is said of a space: nothing yet.",
    known: &[],
    properties: &[
        ro("customer", Type::Natural, "The number of its customer."),
        ro("space", Type::Natural, "The number of the space."),
    ],
};

#[derive(Serialize)]
struct MetadataResource {
    #[serde(flatten)]
    header: Header,
    customer: u32,
    space: u32,
}

/// `GET /customers/{customer}/spaces/{space}/metadata`
pub(crate) async fn of_space(context: &Context, customer: CustomerId, space: SpaceId) -> Outcome {
    context.dlcs.spaces_of(customer).get(space).await?;
    let link = format!("{}/metadata", context.space_link(customer, space));
    let resource = MetadataResource {
        header: Header::new(&context.api, &METADATA, link),
        customer: customer.get(),
        space: space.get(),
    };
    Ok(context.json(StatusCode::OK, &resource))
}
