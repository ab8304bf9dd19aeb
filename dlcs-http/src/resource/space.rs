//! Spaces.

use dlcs_core::catalogue::{CatalogueError, Subject};
use dlcs_core::image::{ImageChanges, OpenAccess, text_problem};
use dlcs_core::setting::ChannelRules;
use dlcs_core::space::{SPACE_NAME_MAX_CHARS, Space, SpaceChanges, SpaceOrder, SpaceOrderBy};
use dlcs_core::{CustomerId, SpaceId};
use http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};

use super::image::open_access;
use super::{Object, Outcome, as_value};
use crate::context::Context;
use crate::describe::{Class, Type, ro, rw};
use crate::error::ApiError;
use crate::fields::{Fields, Problems};
use crate::hydra::{Header, collection, no_content};
use crate::pair::Pair;
use crate::query::Query;

/// What spaces can be ordered by; links go by number.
pub(super) const ORDERS: &[(&str, SpaceOrderBy)] = &[
    ("created", SpaceOrderBy::Created),
    ("id", SpaceOrderBy::Id),
    ("name", SpaceOrderBy::Name),
    ("defaultTags", SpaceOrderBy::DefaultTags),
    ("defaultRoles", SpaceOrderBy::DefaultRoles),
    (
        "defaultMaxUnauthorised",
        SpaceOrderBy::DefaultMaxUnauthorised,
    ),
    ("maxUnauthorised", SpaceOrderBy::DefaultMaxUnauthorised),
    (
        "imageOptimisationPolicy",
        SpaceOrderBy::ImageOptimisationPolicy,
    ),
    ("thumbnailPolicy", SpaceOrderBy::ThumbnailPolicy),
    ("approximateNumberOfImages", SpaceOrderBy::ImageCount),
    ("images", SpaceOrderBy::Id),
    ("storage", SpaceOrderBy::Id),
    ("defaultDeliveryChannels", SpaceOrderBy::Id),
    ("metadata", SpaceOrderBy::Id),
];
/// How many names are tried for a space whose number is another's name.
const NAMES_TRIED: u32 = 100;
const READ_ONLY: &[&str] = &["id", "created", "approximateNumberOfImages"];
/// The access of images by default: as it is called here, and as images have it.
const MAX_UNAUTHORISED: Pair = Pair("defaultMaxUnauthorised", "maxUnauthorised");

#[rustfmt::skip]
pub(crate) static SPACE: Class = Class {
    type_: "vocab:Space",
    text: "A space: images with defaults in common.",
    known: &[
        "id", "name", "created", "defaultTags", "defaultRoles",
        "defaultMaxUnauthorised", "maxUnauthorised", "imageOptimisationPolicy", "thumbnailPolicy", "approximateNumberOfImages",
    ],
    properties: &[
        ro("id", Type::Natural, "Its number among the spaces of the customer."),
        rw("name", Type::Text, "Its name, which no other space of the customer has.").needed(),
        ro("created", Type::Date, "When it was made."),
        rw("defaultTags", Type::Texts, "The tags of images that have none of their own."),
        rw("defaultRoles", Type::Texts, "The roles of images that have none of their own."),
        rw("defaultMaxUnauthorised", Type::Integer, "The `maxUnauthorised` of images without one of their own."),
        rw("maxUnauthorised", Type::Integer, "The same, by its other name."),
        rw("imageOptimisationPolicy", Type::Text, "The policy of images without one of their own: its name or its address.").such_as("fast-higher"),
        rw("thumbnailPolicy", Type::Text, "The policy of images without one of their own: its name or its address.").such_as("standard"),
        ro("approximateNumberOfImages", Type::Natural, "How many images it holds."),
        ro("images", Type::Link, "Its images."),
        ro("storage", Type::Link, "How much is stored of its images."),
        ro("defaultDeliveryChannels", Type::Link, "The delivery channels of its images without channels of their own."),
        ro("metadata", Type::Link, "What else is said of it."),
    ],
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SpaceResource {
    #[serde(flatten)]
    header: Header,
    id: u32,
    name: String,
    created: String,
    default_tags: Vec<String>,
    default_roles: Vec<String>,
    default_max_unauthorised: i64,
    max_unauthorised: i64,
    image_optimisation_policy: String,
    thumbnail_policy: String,
    approximate_number_of_images: u64,
    images: String,
    storage: String,
    default_delivery_channels: String,
    metadata: String,
}

fn resource(context: &Context, space: Space) -> SpaceResource {
    let link = context.space_link(space.customer, space.id);
    let max_unauthorised = space.default_max_unauthorised.to_wire();
    SpaceResource {
        images: format!("{link}/images"),
        storage: format!("{link}/storage"),
        default_delivery_channels: format!("{link}/defaultDeliveryChannels"),
        metadata: format!("{link}/metadata"),
        header: Header::new(&context.api, &SPACE, link),
        id: space.id.get(),
        name: space.name,
        created: space.created.to_string(),
        default_tags: space.default_tags,
        default_roles: space.default_roles,
        default_max_unauthorised: max_unauthorised,
        max_unauthorised,
        image_optimisation_policy: space.image_optimisation_policy.unwrap_or_default(),
        thumbnail_policy: space.thumbnail_policy.unwrap_or_default(),
        approximate_number_of_images: space.image_count,
    }
}

/// `GET /customers/{customer}/spaces`
pub(crate) async fn list(context: &Context, customer: CustomerId, query: &Query) -> Outcome {
    let (page, order) = query.listing(ORDERS)?;
    let order = order.unwrap_or(SpaceOrder::ascending(SpaceOrderBy::Created));
    let listed = context.dlcs.spaces_of(customer).list(order, page).await?;
    let address = format!("{}/spaces", context.customer_link(customer));
    let listed = listed.map(|space| resource(context, space));
    Ok(context.json(StatusCode::OK, &collection(address, query, page, listed)))
}

/// `POST /customers/{customer}/spaces`: the program assigns the number.
pub(crate) async fn create(context: &Context, customer: CustomerId, body: &Object) -> Outcome {
    let changes = read(body, None)?;
    let space = context
        .dlcs
        .catalogue()
        .create_space(customer, None, changes)
        .await?;
    Ok(answer(context, space, true))
}

/// `GET /customers/{customer}/spaces/{space}`
pub(crate) async fn get(context: &Context, customer: CustomerId, id: SpaceId) -> Outcome {
    let space = context.dlcs.spaces_of(customer).get(id).await?;
    Ok(answer(context, space, false))
}

/// `PUT /customers/{customer}/spaces/{space}`: makes it with this number, or changes it.
pub(crate) async fn put(
    context: &Context,
    customer: CustomerId,
    id: SpaceId,
    body: &Object,
) -> Outcome {
    let catalogue = context.dlcs.catalogue();
    let stored = match catalogue.find_space(customer, id).await? {
        Some(space) => as_value(&resource(context, space)),
        None => json!({ "id": id.get() }),
    };
    let mut changes = read(body, Some(&stored))?;
    let is_named = changes.name.is_some();
    for attempt in 2..=NAMES_TRIED {
        let created = catalogue.create_space(customer, Some(id), changes.clone());
        let taken = match created.await {
            Ok(space) => return Ok(answer(context, space, true)),
            Err(taken @ CatalogueError::AlreadyExists { .. }) => taken,
            Err(error) => return Err(error.into()),
        };
        // The name may be taken by this very space: changing it tells.
        if !is_named {
            changes.name = None;
        }
        match catalogue.update_space(customer, id, changes.clone()).await {
            // Another space goes by the number of this one.
            Err(CatalogueError::NotFound { .. }) if !is_named => {
                changes.name = Some(format!("{id} ({attempt})"));
            }
            Err(CatalogueError::NotFound { .. }) => return Err(taken.into()),
            updated => return Ok(answer(context, updated?, false)),
        }
    }
    Err(CatalogueError::AlreadyExists {
        subject: Subject::Space,
        property: "name",
    }
    .into())
}

/// `PATCH /customers/{customer}/spaces/{space}`
pub(crate) async fn patch(
    context: &Context,
    customer: CustomerId,
    id: SpaceId,
    body: &Object,
) -> Outcome {
    let stored = context.dlcs.spaces_of(customer).get(id).await?;
    let stored = as_value(&resource(context, stored));
    let changes = read(body, Some(&stored))?;
    let space = context
        .dlcs
        .catalogue()
        .update_space(customer, id, changes)
        .await?;
    Ok(answer(context, space, false))
}

/// `DELETE /customers/{customer}/spaces/{space}`
pub(crate) async fn delete(context: &Context, customer: CustomerId, id: SpaceId) -> Outcome {
    context.dlcs.catalogue().delete_space(customer, id).await?;
    Ok(no_content())
}

fn answer(
    context: &Context,
    space: Space,
    created: bool,
) -> http::Response<crate::body::ResponseBody> {
    let link = context.space_link(space.customer, space.id);
    let resource = resource(context, space);
    if created {
        context.created(&link, &resource)
    } else {
        context.json(StatusCode::OK, &resource)
    }
}

/// Reads a space; one that is new and gets its number from the program must have a name.
fn read(body: &Object, stored: Option<&Value>) -> Result<SpaceChanges, ApiError> {
    let mut found = Problems::default();
    let problems = &mut found;
    let fields = Fields::new(body, "", SPACE.known, problems);
    fields.check_read_only(READ_ONLY, stored, problems);
    if stored.is_none() && fields.value("name").is_none() {
        problems.add("/name", "`name` is missing: a space needs a name");
    }
    let changes = SpaceChanges {
        name: fields.text("name", problems),
        default_tags: fields.texts("defaultTags", problems),
        default_roles: fields.texts("defaultRoles", problems),
        default_max_unauthorised: MAX_UNAUTHORISED.read(
            &fields,
            stored.and_then(max_unauthorised).as_ref(),
            problems,
            |name, problems| open_access(&fields, name, problems),
        ),
        image_optimisation_policy: fields.name_or_url("imageOptimisationPolicy", problems),
        thumbnail_policy: fields.name_or_url("thumbnailPolicy", problems),
    };
    if let Some(reason) = changes.name.as_deref().and_then(name_problem) {
        problems.add(fields.at("name"), format!("`name` {reason}"));
    }
    check_defaults(&changes, &fields, problems);
    found.check()?;
    Ok(changes)
}

/// The access by default of a space that is stored.
fn max_unauthorised(stored: &Value) -> Option<OpenAccess> {
    OpenAccess::from_wire(stored[MAX_UNAUTHORISED.0].as_i64()?)
}

fn name_problem(name: &str) -> Option<String> {
    let chars = name.chars().count();
    if name.trim().is_empty() {
        Some("is empty: a space needs a name".to_owned())
    } else if chars > SPACE_NAME_MAX_CHARS {
        Some(format!(
            "has {chars} characters; at most {SPACE_NAME_MAX_CHARS} are allowed"
        ))
    } else {
        text_problem(name)
    }
}

/// What no image may have, no space may have as a default.
fn check_defaults(changes: &SpaceChanges, fields: &Fields<'_>, problems: &mut Problems) {
    let as_image = ImageChanges {
        tags: changes.default_tags.clone(),
        roles: changes.default_roles.clone(),
        image_optimisation_policy: changes.image_optimisation_policy.clone(),
        thumbnail_policy: changes.thumbnail_policy.clone(),
        ..ImageChanges::default()
    };
    for problem in as_image.problems(0, &ChannelRules::default()) {
        let (name, place) = problem
            .field
            .split_once('/')
            .unwrap_or((&problem.field, ""));
        let name = match name {
            "tags" => "defaultTags",
            "roles" => "defaultRoles",
            "imageOptimisationPolicy" => "imageOptimisationPolicy",
            _ => "thumbnailPolicy",
        };
        let slash = if place.is_empty() { "" } else { "/" };
        problems.add(
            format!("{}{slash}{place}", fields.at(name)),
            format!("`{name}` {}", problem.reason),
        );
    }
}
