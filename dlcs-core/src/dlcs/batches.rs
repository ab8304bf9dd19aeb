//! Batches: how far they have come, and what to do about their failures.

use std::time::Duration;

use super::Dlcs;
use crate::batch::Batch;
use crate::catalogue::Subject;
use crate::error::{Error, Result};
use crate::id::{BatchId, CustomerId};
use crate::image::{Image, ImageCursor, ImageQuery};
use crate::page::{PageRequest, PageSize};
use crate::queue::QueueError;

/// How often a batch is looked at while it is waited for.
const WAIT_STEP: Duration = Duration::from_millis(100);

/// How a batch ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchReport {
    /// The finished batch.
    pub batch: Batch,
    /// The images that failed and have not been submitted elsewhere since.
    pub failed: Vec<Image>,
}

impl Dlcs {
    /// Waits until a batch is finished.
    ///
    /// # Errors
    /// The catalogue's, [`CatalogueError::NotFound`](crate::catalogue::CatalogueError::NotFound) for a missing batch included.
    pub async fn wait(&self, customer: CustomerId, batch: BatchId) -> Result<BatchReport> {
        let mut batch = self.batch(customer, batch).await?;
        while batch.finished.is_none() {
            batch = self.batch_changed(&batch).await?;
        }
        let mut query = ImageQuery::of(customer).in_batch(batch.id);
        query.failed = Some(true);
        let mut failed = Vec::new();
        let page = PageRequest {
            index: 0,
            size: PageSize::new(PageSize::MAX),
        };
        loop {
            let listed = self.0.catalogue.list_images(&query, page).await?;
            let Some(last) = listed.items.last() else {
                break;
            };
            query.after = Some(ImageCursor::behind(last, &query.order));
            failed.extend(listed.items);
        }
        Ok(BatchReport { batch, failed })
    }

    /// Returns a batch.
    ///
    /// # Errors
    /// The catalogue's, [`CatalogueError::NotFound`](crate::catalogue::CatalogueError::NotFound) for a missing batch included.
    pub async fn batch(&self, customer: CustomerId, batch: BatchId) -> Result<Batch> {
        self.0
            .catalogue
            .find_batch(customer, batch)
            .await?
            .ok_or(Error::not_found(Subject::Batch))
    }

    /// Waits until a batch is not as it was seen any more, and returns it as it is.
    ///
    /// # Errors
    /// The catalogue's, [`CatalogueError::NotFound`](crate::catalogue::CatalogueError::NotFound) for a missing batch included.
    pub async fn batch_changed(&self, seen: &Batch) -> Result<Batch> {
        loop {
            let batch = self.batch(seen.customer, seen.id).await?;
            if batch != *seen {
                return Ok(batch);
            }
            tokio::time::sleep(WAIT_STEP).await;
        }
    }

    /// Puts the failures of a batch into the queue again; returns how many.
    ///
    /// # Errors
    /// The queue's, [`CatalogueError::NotFound`](crate::catalogue::CatalogueError::NotFound) for a missing batch included.
    pub async fn retry_batch(&self, customer: CustomerId, batch: BatchId) -> Result<u64> {
        let retried = self.0.queue.retry_batch(customer, batch).await;
        retried.map_err(about_batch)
    }

    /// Finds out again whether a batch is superseded; returns whether that was known wrongly.
    ///
    /// # Errors
    /// The queue's, [`CatalogueError::NotFound`](crate::catalogue::CatalogueError::NotFound) for a missing batch included.
    pub async fn test_batch(&self, customer: CustomerId, batch: BatchId) -> Result<bool> {
        let changed = self.0.queue.test_batch(customer, batch).await;
        changed.map_err(about_batch)
    }
}

fn about_batch(error: QueueError) -> Error {
    match error {
        QueueError::BatchNotFound => Error::not_found(Subject::Batch),
        error => error.into(),
    }
}
