//! Batches, and how far they have come.

use dlcs_core::batch::{Batch, BatchFilter, BatchOrder};
use dlcs_core::id::{BatchId, CustomerId, ImageId};
use dlcs_core::page::{Page, PageRequest};
use dlcs_core::queue::Lane;
use dlcs_core::time::Timestamp;
use rusqlite::{Connection, params};

use super::error::{Result, SqliteError};
use super::row::{Columns, stored, unreadable};
use super::{Sequence, count, notice, order, page_bounds, query_all, query_one, share};

pub(super) const COLUMNS: &str =
    "id, customer, submitted, count, completed, errors, finished, superseded";

/// How one image of a batch has ended.
pub(super) enum Ending<'a> {
    Completed,
    Failed(&'a str),
    /// It was registered again, or deleted, before its turn.
    Overtaken,
}

/// Makes a batch that nothing of has ended yet.
pub(super) fn create(
    connection: &Connection,
    customer: CustomerId,
    lane: Lane,
    images: usize,
    now: Timestamp,
) -> Result<Batch> {
    let number = Sequence::Batch.next(connection)?;
    let batch = Batch {
        id: BatchId::new(number).ok_or(SqliteError::TooLarge { what: "batch" })?,
        customer,
        submitted: now,
        count: images as u64,
        completed: 0,
        errors: 0,
        finished: (images == 0).then_some(now),
        superseded: false,
    };
    connection
        .prepare_cached(
            "INSERT INTO batches (id, customer, submitted, count, completed, errors, finished, current, superseded, lane)
             VALUES (?1, ?2, ?3, ?4, 0, 0, ?5, ?4, 0, ?6)",
        )?
        .execute(params![
            stored("batch", number)?,
            customer.get(),
            now.as_micros(),
            stored("count", batch.count)?,
            batch.finished.map(Timestamp::as_micros),
            share::number(lane),
        ])?;
    Ok(batch)
}

/// Records that an image is one of a batch.
pub(super) fn add_image(connection: &Connection, batch: BatchId, image: &ImageId) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO batch_images (batch, space, model, state) VALUES (?1, ?2, ?3, 'pending')",
        )?
        .execute(params![
            stored("batch", batch.get())?,
            image.space().get(),
            image.model().as_str(),
        ])?;
    Ok(())
}

/// Ends one image of a batch, once; the last one finishes the batch.
pub(super) fn end_image(
    connection: &Connection,
    batch: BatchId,
    image: &ImageId,
    ending: &Ending<'_>,
    now: Timestamp,
) -> Result<()> {
    let (state, error, completed) = match ending {
        Ending::Completed | Ending::Overtaken => ("completed", None, 1),
        Ending::Failed(error) => ("failed", Some(*error), 0),
    };
    let row = stored("batch", batch.get())?;
    let ended = connection
        .prepare_cached(
            "UPDATE batch_images SET state = ?4, error = ?5, finished = ?6
             WHERE batch = ?1 AND space = ?2 AND model = ?3 AND state = 'pending'",
        )?
        .execute(params![
            row,
            image.space().get(),
            image.model().as_str(),
            state,
            error,
            now.as_micros(),
        ])?;
    if ended == 0 {
        return Ok(());
    }
    let is_finished: Option<bool> = query_one(
        connection,
        "UPDATE batches SET completed = completed + ?2, errors = errors + (1 - ?2),
             finished = iif(completed + errors + 1 = count, ?3, NULL)
         WHERE id = ?1 RETURNING finished IS NOT NULL",
        params![row, completed, now.as_micros()],
        |columns| columns.get(),
    )?;
    match is_finished {
        Some(true) => notice::add(connection, batch, now),
        _ => Ok(()),
    }
}

/// Records that an image is no longer of a batch; one that has lost all is superseded.
pub(super) fn lose_image(connection: &Connection, batch: BatchId) -> Result<()> {
    connection
        .prepare_cached(
            "UPDATE batches SET current = current - 1, superseded = (current = 1) WHERE id = ?1",
        )?
        .execute([stored("batch", batch.get())?])?;
    Ok(())
}

pub(super) fn find(
    connection: &Connection,
    customer: CustomerId,
    id: BatchId,
) -> Result<Option<Batch>> {
    query_one(
        connection,
        &format!("SELECT {COLUMNS} FROM batches WHERE id = ?1 AND customer = ?2"),
        params![stored("batch", id.get())?, customer.get()],
        read,
    )
}

/// The lane of a customer's batch.
pub(super) fn lane(connection: &Connection, customer: CustomerId, id: BatchId) -> Result<Lane> {
    let lane: Option<i64> = query_one(
        connection,
        "SELECT lane FROM batches WHERE id = ?1 AND customer = ?2",
        params![stored("batch", id.get())?, customer.get()],
        |columns| columns.get(),
    )?;
    match lane {
        Some(0) => Ok(Lane::Default),
        Some(1) => Ok(Lane::Priority),
        Some(_) => Err(unreadable("lane")),
        None => Err(SqliteError::BatchNotFound),
    }
}

/// The rows of images that failed in a batch and still belong to it.
pub(super) fn list_failed(connection: &Connection, id: BatchId) -> Result<Vec<i64>> {
    query_all(
        connection,
        "SELECT i.row_id FROM batches AS b
             JOIN batch_images AS m ON m.batch = b.id AND m.state = 'failed'
             JOIN images AS i ON i.customer = b.customer AND i.space = m.space AND i.model = m.model
         WHERE b.id = ?1 AND i.batch = b.id AND i.state = 'failed'
         ORDER BY m.space, m.model",
        [stored("batch", id.get())?],
        |columns| columns.get(),
    )
}

/// Takes a failure of a batch back, and with it that the batch has finished.
pub(super) fn reopen_image(connection: &Connection, batch: BatchId, image: &ImageId) -> Result<()> {
    let batch = stored("batch", batch.get())?;
    let (space, model) = (image.space().get(), image.model().as_str());
    connection
        .prepare_cached(
            "UPDATE batch_images SET state = 'pending', error = NULL, finished = NULL WHERE batch = ?1 AND space = ?2 AND model = ?3",
        )?
        .execute(params![batch, space, model])?;
    connection
        .prepare_cached("UPDATE batches SET errors = errors - 1, finished = NULL WHERE id = ?1")?
        .execute([batch])?;
    Ok(())
}

/// Counts again how many images belong to a batch; returns whether it was taken wrongly for superseded, or for not superseded.
pub(super) fn test(connection: &Connection, customer: CustomerId, id: BatchId) -> Result<bool> {
    let found = find(connection, customer, id)?.ok_or(SqliteError::BatchNotFound)?;
    let superseded: Option<bool> = query_one(
        connection,
        "UPDATE batches SET current = n, superseded = (n = 0 AND count > 0)
         FROM (SELECT count(*) AS n FROM images WHERE batch = ?1)
         WHERE id = ?1 RETURNING superseded",
        [stored("batch", id.get())?],
        |columns| columns.get(),
    )?;
    Ok(superseded.is_some_and(|superseded| superseded != found.superseded))
}

pub(super) fn list(
    connection: &Connection,
    customer: CustomerId,
    filter: BatchFilter,
    order: BatchOrder,
    page: PageRequest,
) -> Result<Page<Batch>> {
    let [limit, offset] = page_bounds(page);
    let (selected, order) = (selection(filter), order::batches(order));
    Ok(Page {
        items: query_all(
            connection,
            &format!(
                "SELECT {COLUMNS} FROM batches WHERE customer = ?1 AND {selected} ORDER BY {order} LIMIT ?2 OFFSET ?3"
            ),
            [i64::from(customer.get()), limit, offset],
            read,
        )?,
        total: count(
            connection,
            &format!("SELECT count(*) FROM batches WHERE customer = ?1 AND {selected}"),
            [customer.get()],
        )?,
    })
}

/// [`BatchFilter::selects`] in SQL, as the partial indexes say it.
const fn selection(filter: BatchFilter) -> &'static str {
    match filter {
        BatchFilter::All => "TRUE",
        BatchFilter::Active => "finished IS NULL",
        BatchFilter::Recent => "finished IS NOT NULL AND superseded = 0",
    }
}

/// How many batches of a customer are not finished, in one lane or in both.
pub(super) fn count_active(
    connection: &Connection,
    customer: CustomerId,
    lane: Option<Lane>,
) -> Result<u64> {
    count(
        connection,
        "SELECT count(*) FROM batches WHERE customer = ?1 AND finished IS NULL AND lane = coalesce(?2, lane)",
        params![customer.get(), lane.map(share::number)],
    )
}

pub(super) fn read(columns: &mut Columns<'_, '_>) -> Result<Batch> {
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
