//! How much is stored, and how much may be.

use dlcs_core::storage::{StorageFigures, StoragePolicy};
use dlcs_core::{CustomerId, Image, ImageId, SpaceId};
use http::StatusCode;
use serde::Serialize;

use super::Outcome;
use crate::context::Context;
use crate::error::{ApiError, Kind};
use crate::hydra::{Header, whole};
use crate::query::Query;

/// What policies can be ordered by.
const POLICY_ORDERS: &[&str] = &[
    "name",
    "maximumNumberOfStoredImages",
    "maximumTotalSizeOfStoredImages",
];

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PolicyResource {
    #[serde(flatten)]
    header: Header,
    name: String,
    /// 0: no limit.
    maximum_number_of_stored_images: u64,
    /// In bytes; 0: no limit.
    maximum_total_size_of_stored_images: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StorageResource {
    #[serde(flatten)]
    header: Header,
    number_of_stored_images: u64,
    total_size_of_stored_images: u64,
    total_size_of_thumbnails: u64,
    last_calculated: String,
    storage_policy: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ImageStorageResource {
    #[serde(flatten)]
    header: Header,
    id: String,
    customer: u32,
    space: u32,
    size: u64,
    thumbnail_size: u64,
    last_checked: String,
    checking_in_progress: bool,
}

/// The address of the policies of storage.
pub(crate) fn policies_link(context: &Context) -> String {
    format!("{}/storagePolicies", context.api)
}

fn policy_link(context: &Context, policy: &StoragePolicy) -> String {
    format!("{}/{}", policies_link(context), policy.name)
}

fn resource(context: &Context, policy: &StoragePolicy) -> PolicyResource {
    PolicyResource {
        header: Header::new(policy_link(context, policy), "vocab:StoragePolicy"),
        name: policy.name.clone(),
        maximum_number_of_stored_images: policy.quota.images.unwrap_or(0),
        maximum_total_size_of_stored_images: policy.quota.bytes.unwrap_or(0),
    }
}

/// `GET /storagePolicies`
pub(crate) fn list_policies(context: &Context, query: &Query) -> Outcome {
    let address = policies_link(context);
    let all = context.dlcs.settings().storage.all().iter();
    let all = all.map(|policy| resource(context, policy)).collect();
    let listed = whole(address, query, POLICY_ORDERS, all)?;
    Ok(context.json(StatusCode::OK, &listed))
}

/// `GET /storagePolicies/{name}`
pub(crate) fn get_policy(context: &Context, name: &str) -> Outcome {
    match context.dlcs.settings().storage.find(name) {
        Some(policy) => Ok(context.json(StatusCode::OK, &resource(context, policy))),
        None => {
            let detail = "there is no storage policy of this name";
            Err(ApiError::new(Kind::NotFound, detail))
        }
    }
}

/// `GET /customers/{customer}/storage`
pub(crate) async fn of_customer(context: &Context, customer: CustomerId) -> Outcome {
    let figures = context.dlcs.catalogue().find_storage(customer).await?;
    let home = context.customer_link(customer);
    let policy = context.dlcs.settings().storage.of(customer);
    Ok(answer(
        context,
        &home,
        "vocab:CustomerStorage",
        figures,
        policy,
    ))
}

/// `GET /customers/{customer}/spaces/{space}/storage`
pub(crate) async fn of_space(context: &Context, customer: CustomerId, space: SpaceId) -> Outcome {
    let found = context.dlcs.spaces_of(customer).get(space).await?;
    let home = context.space_link(customer, space);
    let policy = context.dlcs.settings().storage.of(customer);
    Ok(answer(
        context,
        &home,
        "vocab:SpaceStorage",
        found.storage(),
        policy,
    ))
}

fn answer(
    context: &Context,
    home: &str,
    type_: &'static str,
    figures: StorageFigures,
    policy: &StoragePolicy,
) -> http::Response<crate::body::ResponseBody> {
    let resource = StorageResource {
        header: Header::new(format!("{home}/storage"), type_),
        number_of_stored_images: figures.images,
        total_size_of_stored_images: figures.bytes.images,
        total_size_of_thumbnails: figures.bytes.thumbnails,
        // They are kept, and not calculated now and then.
        last_calculated: context.dlcs.clock().now().to_string(),
        storage_policy: policy_link(context, policy),
    };
    context.json(StatusCode::OK, &resource)
}

/// `GET /customers/{customer}/spaces/{space}/images/{image}/storage`
pub(crate) async fn of_image(context: &Context, id: &ImageId) -> Outcome {
    let image: Image = context.dlcs.image(id).await?;
    let stored = image.stored_bytes();
    let resource = ImageStorageResource {
        header: Header::new(
            format!("{}/storage", context.image_link(id)),
            "vocab:ImageStorage",
        ),
        id: id.model().to_string(),
        customer: id.customer().get(),
        space: id.space().get(),
        size: stored.images,
        thumbnail_size: stored.thumbnails,
        last_checked: context.dlcs.clock().now().to_string(),
        checking_in_progress: false,
    };
    Ok(context.json(StatusCode::OK, &resource))
}
