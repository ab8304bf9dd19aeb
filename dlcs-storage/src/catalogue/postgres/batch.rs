//! Batches, and how far they have come.

use std::collections::{BTreeMap, BTreeSet};

use dlcs_core::batch::{Batch, BatchFilter, BatchOrder};
use dlcs_core::id::{BatchId, CustomerId, ImageId};
use dlcs_core::page::{Page, PageRequest};
use dlcs_core::queue::Lane;

use super::error::{PgError, Result};
use super::image::{self, StoredImage};
use super::order;
use super::query::{count, page_bounds};
use super::row::{Columns, of_customer, of_space, read_all, read_one, stored, unreadable};
use super::session::Session;
use super::share;
use super::values::Values;

pub(super) const COLUMNS: &str =
    "id, customer, submitted, count, completed, errors, finished, superseded";

/// How one image of a batch has ended.
#[derive(Debug)]
pub(super) enum Ending {
    Completed,
    Failed(String),
    /// It was registered again, or deleted, before its turn.
    Overtaken,
}

/// Makes a batch that nothing of has ended yet.
pub(super) async fn create(
    session: &Session,
    customer: CustomerId,
    lane: Lane,
    images: usize,
) -> Result<Batch> {
    let now = session.now().as_micros();
    let count = stored("count", images as u64)?;
    let finished = (images == 0).then_some(now);
    let row = session
        .row(
            &format!(
                "INSERT INTO batches (customer, submitted, count, completed, errors, finished, current, superseded, lane)
                 VALUES ($1, $2, $3, 0, 0, $4, $3, FALSE, $5) RETURNING {COLUMNS}"
            ),
            &[&of_customer(customer), &now, &count, &finished, &share::number(lane)],
        )
        .await?;
    read_one(row, read)?.ok_or(unreadable("batches"))
}

/// Records of which images a batch is made.
pub(super) async fn add_images(
    session: &Session,
    batch: BatchId,
    images: &[&ImageId],
) -> Result<()> {
    let batch = stored("batch", batch.get())?;
    let mut values = Values::default();
    values.each(images, |image| of_space(image.space()));
    values.each(images, |image| image.model().as_str().to_owned());
    let mut params = values.params();
    params.push(&batch);
    session
        .execute(
            "INSERT INTO batch_images (batch, space, model, state)
             SELECT $3, space, model, 'pending' FROM unnest($1::bigint[], $2::text[]) AS given (space, model)",
            &params,
        )
        .await?;
    Ok(())
}

/// Holds batches in order; what changes several of them at once does this first.
async fn hold(session: &Session, batches: impl Iterator<Item = BatchId>) -> Result<()> {
    let batches: BTreeSet<u64> = batches.map(BatchId::get).collect();
    if batches.len() > 1 {
        let ids = batches.into_iter().map(|id| stored("batch", id));
        let ids = ids.collect::<Result<Vec<i64>>>()?;
        let sql = "SELECT id FROM batches WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE";
        session.rows(sql, &[&ids]).await?;
    }
    Ok(())
}

/// Ends images of batches, each once; the last one of a batch finishes it and leaves a notice.
pub(super) const END_IMAGES: &str = "
    WITH ended AS (
        UPDATE batch_images AS image SET state = given.state, error = given.error, finished = $6
        FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[]) AS given (batch, space, model, state, error)
        WHERE (image.batch, image.space, image.model) = (given.batch, given.space, given.model) AND image.state = 'pending'
        RETURNING image.batch, image.state
    ), tally AS (
        SELECT batch, count(*) FILTER (WHERE state = 'completed') AS completed, count(*) FILTER (WHERE state = 'failed') AS errors
        FROM ended GROUP BY batch
    ), counted AS (
        UPDATE batches AS b SET completed = b.completed + tally.completed, errors = b.errors + tally.errors,
            finished = CASE WHEN b.completed + b.errors + tally.completed + tally.errors = b.count THEN $6 END
        FROM tally WHERE b.id = tally.batch
        RETURNING b.*
    )
    INSERT INTO notices (due, attempts, batch, customer, submitted, count, completed, errors, finished, superseded)
    SELECT $6, 0, id, customer, submitted, count, completed, errors, finished, superseded FROM counted WHERE finished IS NOT NULL
    ORDER BY id";

pub(super) async fn end_images(
    session: &Session,
    endings: &[(BatchId, ImageId, Ending)],
) -> Result<()> {
    if endings.is_empty() {
        return Ok(());
    }
    hold(session, endings.iter().map(|(batch, ..)| *batch)).await?;
    let batches = endings.iter();
    let batches = batches.map(|(batch, ..)| stored("batch", batch.get()));
    let mut values = Values::default();
    values.push(batches.collect::<Result<Vec<i64>>>()?);
    values.each(endings, |(_, image, _)| of_space(image.space()));
    values.each(endings, |(_, image, _)| image.model().as_str().to_owned());
    values.each(endings, |(.., ending)| match ending {
        Ending::Completed | Ending::Overtaken => "completed",
        Ending::Failed(_) => "failed",
    });
    values.each(endings, |(.., ending)| match ending {
        Ending::Failed(error) => Some(error.clone()),
        Ending::Completed | Ending::Overtaken => None,
    });
    let now = session.now().as_micros();
    let mut params = values.params();
    params.push(&now);
    session.execute(END_IMAGES, &params).await?;
    Ok(())
}

/// Records how many images batches have no longer; one that has lost all is superseded.
pub(super) async fn lose_images(session: &Session, lost: &BTreeMap<BatchId, i64>) -> Result<()> {
    if lost.is_empty() {
        return Ok(());
    }
    hold(session, lost.keys().copied()).await?;
    let batches = lost.keys().map(|batch| stored("batch", batch.get()));
    let mut values = Values::default();
    values.push(batches.collect::<Result<Vec<i64>>>()?);
    values.push(lost.values().copied().collect());
    session
        .execute(
            "UPDATE batches AS b SET current = b.current - lost.images, superseded = (b.current = lost.images)
             FROM unnest($1::bigint[], $2::bigint[]) AS lost (batch, images) WHERE b.id = lost.batch",
            &values.params(),
        )
        .await?;
    Ok(())
}

pub(super) async fn find(
    session: &Session,
    customer: CustomerId,
    id: BatchId,
) -> Result<Option<Batch>> {
    let row = session
        .row(
            &format!("SELECT {COLUMNS} FROM batches WHERE id = $1 AND customer = $2"),
            &[&stored("batch", id.get())?, &of_customer(customer)],
        )
        .await?;
    read_one(row, read)
}

/// The lane of a customer's batch.
pub(super) async fn lane(session: &Session, customer: CustomerId, id: BatchId) -> Result<Lane> {
    let row = session
        .row(
            "SELECT lane FROM batches WHERE id = $1 AND customer = $2",
            &[&stored("batch", id.get())?, &of_customer(customer)],
        )
        .await?;
    match read_one(row, |columns| columns.get::<i64>())? {
        Some(0) => Ok(Lane::Default),
        Some(1) => Ok(Lane::Priority),
        Some(_) => Err(unreadable("lane")),
        None => Err(PgError::BatchNotFound),
    }
}

/// The images that failed in a batch and still belong to it, held.
pub(super) async fn hold_failed(session: &Session, id: BatchId) -> Result<Vec<StoredImage>> {
    let rows = session
        .rows(
            &format!(
                "SELECT {} FROM batches AS b
                     JOIN batch_images AS m ON m.batch = b.id AND m.state = 'failed'
                     JOIN images AS i ON i.customer = b.customer AND i.space = m.space AND i.model = m.model
                 WHERE b.id = $1 AND i.batch = b.id AND i.state = 'failed'
                 ORDER BY i.customer, i.space, i.model FOR NO KEY UPDATE OF i",
                *image::COLUMNS
            ),
            &[&stored("batch", id.get())?],
        )
        .await?;
    read_all(&rows, image::read)
}

/// Takes failures of a batch back, and with them that the batch has finished.
pub(super) async fn reopen_images(
    session: &Session,
    batch: BatchId,
    images: &[&ImageId],
) -> Result<()> {
    let batch = stored("batch", batch.get())?;
    let mut values = Values::default();
    values.each(images, |image| of_space(image.space()));
    values.each(images, |image| image.model().as_str().to_owned());
    let mut params = values.params();
    params.push(&batch);
    session
        .execute(
            "WITH reopened AS (
                 UPDATE batch_images AS m SET state = 'pending', error = NULL, finished = NULL
                 FROM unnest($1::bigint[], $2::text[]) AS given (space, model)
                 WHERE m.batch = $3 AND (m.space, m.model) = (given.space, given.model) AND m.state = 'failed'
                 RETURNING 1
             )
             UPDATE batches SET errors = errors - (SELECT count(*) FROM reopened), finished = NULL
             WHERE id = $3 AND EXISTS (SELECT 1 FROM reopened)",
            &params,
        )
        .await?;
    Ok(())
}

/// Counts again how many images belong to a batch; returns whether it was taken wrongly for superseded, or for not superseded.
pub(super) async fn test(session: &Session, customer: CustomerId, id: BatchId) -> Result<bool> {
    let number = stored("batch", id.get())?;
    let row = session
        .row(
            "SELECT superseded FROM batches WHERE id = $1 AND customer = $2 FOR NO KEY UPDATE",
            &[&number, &of_customer(customer)],
        )
        .await?;
    let before = read_one(row, |columns| columns.get::<bool>())?;
    let before = before.ok_or(PgError::BatchNotFound)?;
    let row = session
        .row(
            "UPDATE batches SET current = n, superseded = (n = 0 AND count > 0)
             FROM (SELECT count(*) AS n FROM images WHERE batch = $1) AS counted
             WHERE id = $1 RETURNING superseded",
            &[&number],
        )
        .await?;
    let after = read_one(row, |columns| columns.get::<bool>())?;
    Ok(after.is_some_and(|after| after != before))
}

pub(super) async fn list(
    session: &Session,
    customer: CustomerId,
    filter: BatchFilter,
    order: BatchOrder,
    page: PageRequest,
) -> Result<Page<Batch>> {
    let [limit, offset] = page_bounds(page);
    let (selected, order) = (selection(filter), order::batches(order));
    let customer = of_customer(customer);
    let rows = session
        .rows(
            &format!(
                "SELECT {COLUMNS} FROM batches WHERE customer = $1 AND {selected} ORDER BY {order} LIMIT $2 OFFSET $3"
            ),
            &[&customer, &limit, &offset],
        )
        .await?;
    let all = format!("SELECT count(*) FROM batches WHERE customer = $1 AND {selected}");
    Ok(Page {
        items: read_all(&rows, read)?,
        total: count(session, &all, &[&customer]).await?,
    })
}

/// [`BatchFilter::selects`] in SQL, as the partial indexes say it.
const fn selection(filter: BatchFilter) -> &'static str {
    match filter {
        BatchFilter::All => "TRUE",
        BatchFilter::Active => "finished IS NULL",
        BatchFilter::Recent => "finished IS NOT NULL AND NOT superseded",
    }
}

pub(super) fn read(columns: &mut Columns<'_>) -> Result<Batch> {
    Ok(Batch {
        id: columns.batch_or_none()?.ok_or(unreadable("batch"))?,
        customer: columns.customer()?,
        submitted: columns.time()?,
        count: columns.number("count")?,
        completed: columns.number("completed")?,
        errors: columns.number("errors")?,
        finished: columns.time_or_none()?,
        superseded: columns.get()?,
    })
}
