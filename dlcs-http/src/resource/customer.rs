//! Customers.

use dlcs_core::catalogue::Subject;
use dlcs_core::customer::{
    Customer, CustomerName, CustomerOrder, CustomerOrderBy, NewCustomer, Role,
};
use dlcs_core::image::text_problem;
use dlcs_core::{CustomerId, catalogue::CatalogueError};
use http::StatusCode;
use serde::Serialize;

use super::{Object, Outcome, as_value};
use crate::context::Context;
use crate::describe::{Class, Type, ro, rw};
use crate::fields::{Fields, Problems};
use crate::hydra::{Header, collection, whole};
use crate::query::Query;

/// What customers can be ordered by; links go by number.
pub(super) const ORDERS: &[(&str, CustomerOrderBy)] = &[
    ("created", CustomerOrderBy::Created),
    ("id", CustomerOrderBy::Id),
    ("name", CustomerOrderBy::Name),
    ("displayName", CustomerOrderBy::DisplayName),
    ("administrator", CustomerOrderBy::Administrator),
    ("spaces", CustomerOrderBy::Id),
    ("allImages", CustomerOrderBy::Id),
    ("queue", CustomerOrderBy::Id),
    ("originStrategies", CustomerOrderBy::Id),
    ("defaultDeliveryChannels", CustomerOrderBy::Id),
    ("deliveryChannelPolicies", CustomerOrderBy::Id),
    ("namedQueries", CustomerOrderBy::Id),
    ("roles", CustomerOrderBy::Id),
    ("authServices", CustomerOrderBy::Id),
    ("storage", CustomerOrderBy::Id),
    ("keys", CustomerOrderBy::Id),
];

#[rustfmt::skip]
pub(crate) static CUSTOMER: Class = Class {
    type_: "vocab:Customer",
    text: "A customer: whoever has spaces and images.",
    known: &["name", "displayName", "administrator", "created"],
    properties: &[
        rw("name", Type::Text, "Its name in addresses, which never changes.").such_as("library").needed(),
        rw("displayName", Type::Text, "Its name for people."),
        ro("administrator", Type::Boolean, "Whether its keys open everything."),
        ro("created", Type::Date, "When it was made."),
        ro("spaces", Type::Link, "Its spaces."),
        ro("allImages", Type::Link, "The images of all its spaces."),
        ro("queue", Type::Link, "Its queue."),
        ro("originStrategies", Type::Link, "Its origin strategies."),
        ro("defaultDeliveryChannels", Type::Link, "The delivery channels of its images without channels of their own."),
        ro("deliveryChannelPolicies", Type::Link, "The delivery channels, with their policies."),
        ro("namedQueries", Type::Link, "Its named queries."),
        ro("roles", Type::Link, "Its roles."),
        ro("authServices", Type::Link, "Its authentication services."),
        ro("storage", Type::Link, "How much is stored of its images."),
        ro("keys", Type::Link, "Its API keys."),
    ],
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CustomerResource {
    #[serde(flatten)]
    header: Header,
    name: String,
    display_name: String,
    administrator: bool,
    created: String,
    spaces: String,
    all_images: String,
    queue: String,
    origin_strategies: String,
    default_delivery_channels: String,
    delivery_channel_policies: String,
    named_queries: String,
    roles: String,
    auth_services: String,
    storage: String,
    keys: String,
}

/// What a listing shows of a customer.
#[derive(Serialize)]
struct CustomerStub {
    #[serde(rename = "@id")]
    id: String,
    #[serde(rename = "@type")]
    type_: &'static str,
}

fn resource(context: &Context, customer: Customer) -> CustomerResource {
    let link = context.customer_link(customer.id);
    CustomerResource {
        header: Header::new(&context.api, &CUSTOMER, link.clone()),
        name: customer.name.as_str().to_owned(),
        display_name: customer.display_name,
        administrator: customer.role == Role::Administrator,
        created: customer.created.to_string(),
        spaces: format!("{link}/spaces"),
        all_images: context.all_images_link(customer.id),
        queue: format!("{link}/queue"),
        origin_strategies: format!("{link}/originStrategies"),
        default_delivery_channels: format!("{link}/defaultDeliveryChannels"),
        delivery_channel_policies: format!("{link}/deliveryChannelPolicies"),
        named_queries: format!("{link}/namedQueries"),
        roles: format!("{link}/roles"),
        auth_services: format!("{link}/authServices"),
        storage: format!("{link}/storage"),
        keys: format!("{link}/keys"),
    }
}

fn stub(context: &Context, customer: &Customer) -> CustomerStub {
    CustomerStub {
        id: context.customer_link(customer.id),
        type_: CUSTOMER.type_,
    }
}

/// `GET /customers`: those that the caller's key may see.
pub(crate) async fn list(context: &Context, caller: &Customer, query: &Query) -> Outcome {
    let (page, order) = query.listing(ORDERS)?;
    let address = format!("{}/customers", context.api);
    let order = order.unwrap_or(CustomerOrder::ascending(CustomerOrderBy::Created));
    let resource = if caller.role == Role::Administrator {
        let catalogue = context.dlcs.catalogue();
        let listed = catalogue.list_customers(order, page).await?;
        collection(
            address,
            query,
            page,
            listed.map(|customer| stub(context, &customer)),
        )
    } else {
        whole(address, query, &CUSTOMER, vec![stub(context, caller)])?
    };
    Ok(context.json(StatusCode::OK, &resource))
}

/// `POST /customers`
pub(crate) async fn create(context: &Context, body: &Object) -> Outcome {
    let mut problems = Problems::default();
    let fields = Fields::new(body, "", CUSTOMER.known, &mut problems);
    fields.check_read_only(&["administrator", "created"], None, &mut problems);
    let display_name = display_name(&fields, &mut problems);
    let name = match fields.text("name", &mut problems).map(CustomerName::parse) {
        Some(Ok(name)) => Some(name),
        Some(Err(error)) => {
            problems.add(fields.at("name"), format!("`name` {error}"));
            None
        }
        None if problems.is_at(&fields.at("name")) => None,
        None => {
            problems.add("/name", "`name` is missing: a customer needs one");
            None
        }
    };
    problems.check()?;
    let Some(name) = name else {
        return Err(problems.refuse());
    };
    let customer = NewCustomer {
        id: None,
        display_name: display_name.unwrap_or_else(|| name.as_str().to_owned()),
        name,
        role: Role::Ordinary,
    };
    let customer = context.dlcs.catalogue().create_customer(customer).await?;
    let link = context.customer_link(customer.id);
    Ok(context.created(&link, &resource(context, customer)))
}

/// `GET /customers/{customer}`
pub(crate) async fn get(context: &Context, id: CustomerId) -> Outcome {
    let customer = context.dlcs.customer(id).await?;
    Ok(context.json(StatusCode::OK, &resource(context, customer)))
}

/// `PATCH /customers/{customer}`: the name for people, and nothing else.
pub(crate) async fn patch(context: &Context, id: CustomerId, body: &Object) -> Outcome {
    let stored = resource(context, context.dlcs.customer(id).await?);
    let mut problems = Problems::default();
    let fields = Fields::new(body, "", CUSTOMER.known, &mut problems);
    fields.check_read_only(
        &["name", "administrator", "created"],
        Some(&as_value(&stored)),
        &mut problems,
    );
    let display_name = display_name(&fields, &mut problems);
    problems.check()?;
    let Some(display_name) = display_name else {
        return Ok(context.json(StatusCode::OK, &stored));
    };
    let customer = context
        .dlcs
        .catalogue()
        .rename_customer(id, &display_name)
        .await?;
    Ok(context.json(StatusCode::OK, &resource(context, customer)))
}

/// Checks that a customer that only an administrator can ask for is there.
pub(crate) async fn check_exists(context: &Context, id: CustomerId) -> Result<(), CatalogueError> {
    let found = context.dlcs.catalogue().find_customer(id).await?;
    found.map(drop).ok_or(CatalogueError::NotFound {
        subject: Subject::Customer,
    })
}

fn display_name(fields: &Fields<'_>, problems: &mut Problems) -> Option<String> {
    let name = fields.text("displayName", problems)?;
    if let Some(reason) = text_problem(&name) {
        problems.add(fields.at("displayName"), format!("`displayName` {reason}"));
    }
    Some(name)
}
