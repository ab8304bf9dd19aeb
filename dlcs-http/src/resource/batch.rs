//! Batches.

use dlcs_core::batch::{Batch, BatchFilter, BatchOrder, BatchOrderBy};
use dlcs_core::image::ImageQuery;
use dlcs_core::time::Timestamp;
use dlcs_core::{BatchId, CustomerId};
use http::StatusCode;
use serde::Serialize;
use serde_json::json;
use url::Url;

use super::{Outcome, image};
use crate::context::Context;
use crate::describe::{Class, Type, ro};
use crate::hydra::{Header, base, batch_link, collection};
use crate::query::Query;

/// What batches can be ordered by; links go by number.
pub(super) const ORDERS: &[(&str, BatchOrderBy)] = &[
    ("submitted", BatchOrderBy::Submitted),
    ("count", BatchOrderBy::Count),
    ("completed", BatchOrderBy::Completed),
    ("errors", BatchOrderBy::Errors),
    ("finished", BatchOrderBy::Finished),
    ("superseded", BatchOrderBy::Superseded),
    ("id", BatchOrderBy::Id),
    ("images", BatchOrderBy::Id),
    ("assets", BatchOrderBy::Id),
    ("completedImages", BatchOrderBy::Id),
    ("errorImages", BatchOrderBy::Id),
    ("retry", BatchOrderBy::Id),
    ("test", BatchOrderBy::Id),
    ("events", BatchOrderBy::Id),
];

#[rustfmt::skip]
pub(crate) static BATCH: Class = Class {
    type_: "vocab:Batch",
    text: "Images that were submitted together.",
    known: &[],
    properties: &[
        ro("submitted", Type::Date, "When it was submitted."),
        ro("count", Type::Natural, "How many images it has."),
        ro("completed", Type::Natural, "How many have ended well."),
        ro("errors", Type::Natural, "How many have failed."),
        ro("finished", Type::Date, "When the last of them ended.").optional(),
        ro("superseded", Type::Boolean, "Whether all its images belong to later batches now."),
        ro("estCompletion", Type::Date, "When it may be finished.").optional().unordered(),
        ro("images", Type::Link, "Those of its images that belong to no later batch."),
        ro("assets", Type::Link, "All that it was made of."),
        ro("completedImages", Type::Link, "Those that have ended well."),
        ro("errorImages", Type::Link, "Those that have failed."),
        ro("retry", Type::Link, "Queues its failures again."),
        ro("test", Type::Link, "Finds out again whether it is superseded."),
        ro("events", Type::Link, "What it comes to, as it comes."),
    ],
};

#[rustfmt::skip]
pub(crate) static RETRY: Class = Class {
    type_: "Retry",
    text: "What came of trying the failures of a batch again.",
    known: &[],
    properties: &[ro("retried", Type::Natural, "How many images are queued again.")],
};

#[rustfmt::skip]
pub(crate) static TEST: Class = Class {
    type_: "BatchTest",
    text: "What came of testing a batch.",
    known: &[],
    properties: &[ro("success", Type::Boolean, "Whether something was known wrongly.")],
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BatchResource {
    #[serde(flatten)]
    header: Header,
    submitted: String,
    count: u64,
    completed: u64,
    errors: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished: Option<String>,
    superseded: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    est_completion: Option<String>,
    images: String,
    assets: String,
    completed_images: String,
    error_images: String,
    retry: String,
    test: String,
    events: String,
}

/// A batch as it is sent.
pub(crate) fn resource(context: &Context, batch: &Batch) -> BatchResource {
    document(&context.api, batch, Some(context.dlcs.clock().now()))
}

/// A batch as an API sends it; without the time, it is not estimated when it will be finished.
pub(crate) fn document(api: &str, batch: &Batch, now: Option<Timestamp>) -> BatchResource {
    let link = batch_link(api, batch.customer, batch.id);
    BatchResource {
        submitted: batch.submitted.to_string(),
        count: batch.count,
        completed: batch.completed,
        errors: batch.errors,
        finished: batch.finished.map(|at| at.to_string()),
        superseded: batch.superseded,
        est_completion: now
            .and_then(|now| estimate(batch, now))
            .map(|at| at.to_string()),
        images: format!("{link}/images"),
        assets: format!("{link}/assets"),
        completed_images: format!("{link}/completedImages"),
        error_images: format!("{link}/errorImages"),
        retry: format!("{link}/retry"),
        test: format!("{link}/test"),
        events: format!("{link}/events"),
        header: Header::new(api, &BATCH, link),
    }
}

/// A finished batch as JSON, byte for byte as `GET` answers at its address on the API with this public URL.
///
/// For whoever tells others of it: see [`BatchNotifier`](dlcs_core::BatchNotifier). Of a batch that is not finished, `estCompletion` is
/// left out.
///
/// # Panics
/// Never: a batch has only text and numbers.
#[must_use]
pub fn batch_document(public_url: &Url, batch: &Batch) -> Vec<u8> {
    serde_json::to_vec(&document(&base(public_url), batch, None))
        .expect("a batch has only text and numbers")
}

/// When the batch will be finished if it goes on as it has; `None` before the first image has ended, and once it is finished.
fn estimate(batch: &Batch, now: Timestamp) -> Option<Timestamp> {
    let ended = batch.completed + batch.errors;
    if batch.finished.is_some() || ended == 0 {
        return None;
    }
    let left = batch.count.saturating_sub(ended);
    let per_image = now.since(batch.submitted) / u32::try_from(ended).ok()?;
    Some(now.after(per_image.saturating_mul(u32::try_from(left).unwrap_or(u32::MAX))))
}

/// `GET /customers/{customer}/queue/batches`, `…/active` and `…/recent`
pub(crate) async fn list(
    context: &Context,
    customer: CustomerId,
    filter: BatchFilter,
    query: &Query,
) -> Outcome {
    let (page, order) = query.listing(ORDERS)?;
    let order = order.unwrap_or(BatchOrder::descending(BatchOrderBy::Id));
    let listed = context
        .dlcs
        .catalogue()
        .list_batches(customer, filter, order, page)
        .await?;
    let listed = listed.map(|batch| resource(context, &batch));
    let name = match filter {
        BatchFilter::All => "batches",
        BatchFilter::Active => "active",
        BatchFilter::Recent => "recent",
    };
    let address = format!("{}/{name}", context.queue_link(customer));
    Ok(context.json(StatusCode::OK, &collection(address, query, page, listed)))
}

/// `GET /customers/{customer}/queue/batches/{batch}`
pub(crate) async fn get(context: &Context, customer: CustomerId, id: BatchId) -> Outcome {
    let batch = context.dlcs.batch(customer, id).await?;
    Ok(context.json(StatusCode::OK, &resource(context, &batch)))
}

/// Which images of a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Members {
    /// All whose current batch it is.
    All,
    /// All that it was made of.
    Made,
    /// Those that have ended well.
    Completed,
    /// Those that have failed.
    Failed,
}

/// `GET /customers/{customer}/queue/batches/{batch}/images`, `…/assets`, `…/completedImages` and `…/errorImages`
pub(crate) async fn list_images(
    context: &Context,
    customer: CustomerId,
    id: BatchId,
    members: Members,
    query: &Query,
) -> Outcome {
    context.dlcs.batch(customer, id).await?;
    let mut images = ImageQuery::of(customer);
    match members {
        Members::Made => images.made_of = Some(id),
        Members::All | Members::Completed | Members::Failed => images.batches = Some(vec![id]),
    }
    let name = match members {
        Members::All => "images",
        Members::Made => "assets",
        Members::Completed => {
            (images.failed, images.pending) = (Some(false), Some(false));
            "completedImages"
        }
        Members::Failed => {
            images.failed = Some(true);
            "errorImages"
        }
    };
    let address = format!("{}/{name}", context.batch_link(customer, id));
    image::list_matching(context, images, address, query).await
}

/// `POST /customers/{customer}/queue/batches/{batch}/retry`
pub(crate) async fn retry(context: &Context, customer: CustomerId, id: BatchId) -> Outcome {
    let retried = context.dlcs.retry_batch(customer, id).await?;
    Ok(context.json(StatusCode::OK, &json!({"retried": retried})))
}

/// `POST /customers/{customer}/queue/batches/{batch}/test`
pub(crate) async fn test(context: &Context, customer: CustomerId, id: BatchId) -> Outcome {
    let success = context.dlcs.test_batch(customer, id).await?;
    Ok(context.json(StatusCode::OK, &json!({"success": success})))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_estimate_follows_the_pace_so_far() {
        let second = |n: i64| Timestamp::from_micros(n * 1_000_000);
        let mut batch = Batch {
            id: BatchId::new(1).unwrap(),
            customer: CustomerId::FIRST,
            submitted: second(0),
            count: 10,
            completed: 0,
            errors: 0,
            finished: None,
            superseded: false,
        };
        assert_eq!(estimate(&batch, second(5)), None);
        (batch.completed, batch.errors) = (1, 1);
        assert_eq!(estimate(&batch, second(4)), Some(second(20)));
        batch.finished = Some(second(4));
        assert_eq!(estimate(&batch, second(4)), None);
    }
}
