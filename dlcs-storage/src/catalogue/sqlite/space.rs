//! Spaces.

use dlcs_core::catalogue::Subject;
use dlcs_core::id::{CustomerId, ImageId, SpaceId};
use dlcs_core::page::{Page, PageRequest};
use dlcs_core::space::{Space, SpaceChanges, SpaceOrder};
use dlcs_core::storage::{StorageFigures, StoredBytes};
use dlcs_core::time::Timestamp;
use rusqlite::{Connection, params};

use super::error::{Result, SqliteError};
use super::row::{Columns, json, stored};
use super::{count, customer, order, page_bounds, query_all, query_one};

const COLUMNS: &str = "customer, id, name, default_tags, default_roles, default_max_unauthorised, \
                       image_optimisation_policy, thumbnail_policy, created, image_count, image_bytes, thumbnail_bytes";

pub(super) fn create(
    connection: &Connection,
    customer: CustomerId,
    id: Option<SpaceId>,
    changes: SpaceChanges,
    now: Timestamp,
) -> Result<Space> {
    customer::expect(connection, customer)?;
    let id = match id {
        Some(id) => id,
        None => next_id(connection, customer)?.ok_or(taken("id"))?,
    };
    if find(connection, customer, id)?.is_some() {
        return Err(taken("id"));
    }
    let space = Space::first(customer, id, changes, now);
    refuse_taken_name(connection, &space)?;
    connection
        .prepare_cached(&format!(
            "INSERT INTO spaces ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 0, 0, 0)"
        ))?
        .execute(params![
            space.customer.get(),
            space.id.get(),
            space.name,
            json(&space.default_tags),
            json(&space.default_roles),
            space.default_max_unauthorised.to_wire(),
            space.image_optimisation_policy,
            space.thumbnail_policy,
            space.created.as_micros(),
        ])?;
    Ok(space)
}

/// `None` when the highest number is in use.
fn next_id(connection: &Connection, customer: CustomerId) -> Result<Option<SpaceId>> {
    let last: u32 = connection
        .prepare_cached("SELECT coalesce(max(id), 0) FROM spaces WHERE customer = ?1")?
        .query_row([customer.get()], |row| row.get(0))?;
    Ok(last.checked_add(1).and_then(SpaceId::new))
}

fn taken(property: &'static str) -> SqliteError {
    SqliteError::AlreadyExists {
        subject: Subject::Space,
        property,
    }
}

fn refuse_taken_name(connection: &Connection, space: &Space) -> Result<()> {
    let others = count(
        connection,
        "SELECT count(*) FROM spaces WHERE customer = ?1 AND name = ?2 AND id <> ?3",
        params![space.customer.get(), space.name, space.id.get()],
    )?;
    if others == 0 {
        Ok(())
    } else {
        Err(taken("name"))
    }
}

pub(super) fn find(
    connection: &Connection,
    customer: CustomerId,
    id: SpaceId,
) -> Result<Option<Space>> {
    query_one(
        connection,
        &format!("SELECT {COLUMNS} FROM spaces WHERE customer = ?1 AND id = ?2"),
        [customer.get(), id.get()],
        read,
    )
}

fn expect(connection: &Connection, customer: CustomerId, id: SpaceId) -> Result<Space> {
    find(connection, customer, id)?.ok_or(SqliteError::NotFound(Subject::Space))
}

pub(super) fn list(
    connection: &Connection,
    customer: CustomerId,
    order: SpaceOrder,
    page: PageRequest,
) -> Result<Page<Space>> {
    let [limit, offset] = page_bounds(page);
    let order = order::spaces(order);
    Ok(Page {
        items: query_all(
            connection,
            &format!(
                "SELECT {COLUMNS} FROM spaces WHERE customer = ?1 ORDER BY {order} LIMIT ?2 OFFSET ?3"
            ),
            [i64::from(customer.get()), limit, offset],
            read,
        )?,
        total: count(
            connection,
            "SELECT count(*) FROM spaces WHERE customer = ?1",
            [customer.get()],
        )?,
    })
}

pub(super) fn update(
    connection: &Connection,
    customer: CustomerId,
    id: SpaceId,
    changes: SpaceChanges,
) -> Result<Space> {
    let mut space = expect(connection, customer, id)?;
    space.merge(changes);
    refuse_taken_name(connection, &space)?;
    connection
        .prepare_cached(
            "UPDATE spaces SET name = ?3, default_tags = ?4, default_roles = ?5, default_max_unauthorised = ?6,
                 image_optimisation_policy = ?7, thumbnail_policy = ?8
             WHERE customer = ?1 AND id = ?2",
        )?
        .execute(params![
            customer.get(),
            id.get(),
            space.name,
            json(&space.default_tags),
            json(&space.default_roles),
            space.default_max_unauthorised.to_wire(),
            space.image_optimisation_policy,
            space.thumbnail_policy,
        ])?;
    Ok(space)
}

pub(super) fn delete(connection: &Connection, customer: CustomerId, id: SpaceId) -> Result<()> {
    let space = expect(connection, customer, id)?;
    if space.image_count > 0 {
        return Err(SqliteError::SpaceNotEmpty(space.image_count));
    }
    connection
        .prepare_cached("DELETE FROM spaces WHERE customer = ?1 AND id = ?2")?
        .execute([customer.get(), id.get()])?;
    Ok(())
}

/// Keeps the count of a space's images.
pub(super) fn count_images(
    connection: &Connection,
    customer: CustomerId,
    id: SpaceId,
    change: i64,
) -> Result<()> {
    connection
        .prepare_cached(
            "UPDATE spaces SET image_count = image_count + ?3 WHERE customer = ?1 AND id = ?2",
        )?
        .execute(params![customer.get(), id.get(), change])?;
    Ok(())
}

/// Keeps the count of the bytes that are stored of a space's images.
pub(super) fn count_bytes(
    connection: &Connection,
    image: &ImageId,
    before: StoredBytes,
    after: StoredBytes,
) -> Result<()> {
    if before == after {
        return Ok(());
    }
    let change =
        |before, after| Ok::<_, SqliteError>(stored("bytes", after)? - stored("bytes", before)?);
    connection
        .prepare_cached(
            "UPDATE spaces SET image_bytes = image_bytes + ?3, thumbnail_bytes = thumbnail_bytes + ?4
             WHERE customer = ?1 AND id = ?2",
        )?
        .execute(params![
            image.customer().get(),
            image.space().get(),
            change(before.images, after.images)?,
            change(before.thumbnails, after.thumbnails)?,
        ])?;
    Ok(())
}

/// How much is stored of a customer.
pub(super) fn storage(connection: &Connection, customer: CustomerId) -> Result<StorageFigures> {
    let found = query_one(
        connection,
        "SELECT coalesce(sum(image_count), 0), coalesce(sum(image_bytes), 0), coalesce(sum(thumbnail_bytes), 0)
         FROM spaces WHERE customer = ?1",
        [customer.get()],
        |columns| {
            Ok(StorageFigures {
                images: columns.number("image_count")?,
                bytes: StoredBytes {
                    images: columns.number("image_bytes")?,
                    thumbnails: columns.number("thumbnail_bytes")?,
                },
            })
        },
    )?;
    Ok(found.unwrap_or_default())
}

fn read(columns: &mut Columns<'_, '_>) -> Result<Space> {
    Ok(Space {
        customer: columns.customer()?,
        id: columns.space()?,
        name: columns.get()?,
        default_tags: columns.json("default_tags")?,
        default_roles: columns.json("default_roles")?,
        default_max_unauthorised: columns.open_access()?,
        image_optimisation_policy: columns.get()?,
        thumbnail_policy: columns.get()?,
        created: columns.time()?,
        image_count: columns.number("image_count")?,
        stored: StoredBytes {
            images: columns.number("image_bytes")?,
            thumbnails: columns.number("thumbnail_bytes")?,
        },
    })
}
