//! Batches.

use dlcs_core::batch::{Batch, BatchFilter};
use dlcs_core::image::ImageQuery;
use dlcs_core::time::Timestamp;
use dlcs_core::{BatchId, CustomerId};
use http::StatusCode;
use serde::Serialize;

use super::{Outcome, image};
use crate::context::Context;
use crate::hydra::{Header, collection};
use crate::query::Query;

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
    completed_images: String,
    error_images: String,
}

/// A batch as it is sent.
pub(crate) fn resource(context: &Context, batch: &Batch) -> BatchResource {
    let link = context.batch_link(batch.customer, batch.id);
    BatchResource {
        submitted: batch.submitted.to_string(),
        count: batch.count,
        completed: batch.completed,
        errors: batch.errors,
        finished: batch.finished.map(|at| at.to_string()),
        superseded: batch.superseded,
        est_completion: estimate(batch, context.dlcs.clock().now()).map(|at| at.to_string()),
        images: format!("{link}/images"),
        completed_images: format!("{link}/completedImages"),
        error_images: format!("{link}/errorImages"),
        header: Header::new(link, "vocab:Batch"),
    }
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
    let page = query.page()?;
    query.check_order(&["submitted"], true)?;
    let listed = context
        .dlcs
        .catalogue()
        .list_batches(customer, filter, page)
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
    /// Those that have ended well.
    Completed,
    /// Those that have failed.
    Failed,
}

/// `GET /customers/{customer}/queue/batches/{batch}/images`, `…/completedImages` and `…/errorImages`
pub(crate) async fn list_images(
    context: &Context,
    customer: CustomerId,
    id: BatchId,
    members: Members,
    query: &Query,
) -> Outcome {
    context.dlcs.batch(customer, id).await?;
    let mut images = ImageQuery::of(customer).in_batch(id);
    let name = match members {
        Members::All => "images",
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
