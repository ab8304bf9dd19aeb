//! How much is stored, and how much may be.

use dlcs_core::storage::{StorageFigures, StoragePolicy};
use dlcs_core::{CustomerId, ImageId, SpaceId};
use http::StatusCode;
use serde::Serialize;

use super::Outcome;
use crate::context::Context;
use crate::describe::{Class, Property, Type, ro};
use crate::error::{ApiError, Kind};
use crate::hydra::{Header, whole};
use crate::query::Query;

#[rustfmt::skip]
pub(crate) static STORAGE_POLICY: Class = Class {
    type_: "vocab:StoragePolicy",
    text: "How much customers may have.",
    known: &[],
    properties: &[
        ro("name", Type::Text, "Its name."),
        ro("maximumNumberOfStoredImages", Type::Natural, "The most images; 0: no limit."),
        ro("maximumTotalSizeOfStoredImages", Type::Natural, "The most bytes; 0: no limit."),
    ],
};

pub(crate) static CUSTOMER_STORAGE: Class = Class {
    type_: "vocab:CustomerStorage",
    text: "How much is stored of the images of a customer.",
    known: &[],
    properties: FIGURES,
};

pub(crate) static SPACE_STORAGE: Class = Class {
    type_: "vocab:SpaceStorage",
    text: "How much is stored of the images of a space.",
    known: &[],
    properties: FIGURES,
};

#[rustfmt::skip]
const FIGURES: &[Property] = &[
    ro("numberOfStoredImages", Type::Natural, "How many images there are."),
    ro("totalSizeOfStoredImages", Type::Natural, "How many bytes are stored of them, without thumbnails."),
    ro("totalSizeOfThumbnails", Type::Natural, "How many bytes their thumbnails have."),
    ro("lastCalculated", Type::Date, "When these figures were so: now."),
    ro("storagePolicy", Type::Link, "The policy that says how much there may be."),
];

#[rustfmt::skip]
pub(crate) static IMAGE_STORAGE: Class = Class {
    type_: "vocab:ImageStorage",
    text: "How much is stored of an image.",
    known: &[],
    properties: &[
        ro("id", Type::Text, "The id of the image in its space."),
        ro("customer", Type::Natural, "The number of its customer."),
        ro("space", Type::Natural, "The number of its space."),
        ro("size", Type::Natural, "How many bytes are stored of it, without thumbnails."),
        ro("thumbnailSize", Type::Natural, "How many bytes its thumbnails have."),
        ro("lastChecked", Type::Date, "When these figures were so: now."),
        ro("checkingInProgress", Type::Boolean, "Whether they are being found out: never, because they are kept."),
    ],
};

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
        header: Header::new(&context.api, &STORAGE_POLICY, policy_link(context, policy)),
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
    let listed = whole(address, query, &STORAGE_POLICY, all)?;
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
    Ok(answer(context, &home, &CUSTOMER_STORAGE, figures, policy))
}

/// `GET /customers/{customer}/spaces/{space}/storage`
pub(crate) async fn of_space(context: &Context, customer: CustomerId, space: SpaceId) -> Outcome {
    let found = context.dlcs.spaces_of(customer).get(space).await?;
    let home = context.space_link(customer, space);
    let policy = context.dlcs.settings().storage.of(customer);
    Ok(answer(
        context,
        &home,
        &SPACE_STORAGE,
        found.storage(),
        policy,
    ))
}

fn answer(
    context: &Context,
    home: &str,
    class: &Class,
    figures: StorageFigures,
    policy: &StoragePolicy,
) -> http::Response<crate::body::ResponseBody> {
    let resource = StorageResource {
        header: Header::new(&context.api, class, format!("{home}/storage")),
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
    let image = context.dlcs.image(id).await?;
    let stored = image.stored_bytes();
    let resource = ImageStorageResource {
        header: Header::new(
            &context.api,
            &IMAGE_STORAGE,
            format!("{}/storage", context.image_link(id)),
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
