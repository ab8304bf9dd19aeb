//! Spaces.

use std::collections::BTreeMap;

use dlcs_core::catalogue::Subject;
use dlcs_core::id::{CustomerId, SpaceId};
use dlcs_core::page::{Page, PageRequest};
use dlcs_core::space::{Space, SpaceChanges, SpaceOrder};
use dlcs_core::storage::{StorageFigures, StoredBytes};

use super::customer;
use super::error::{PgError, Result};
use super::order;
use super::query::{count, page_bounds};
use super::row::{Columns, json, of_customer, of_space, read_all, read_one};
use super::session::Session;

const COLUMNS: &str = "customer, id, name, default_tags, default_roles, default_max_unauthorised, \
                       image_optimisation_policy, thumbnail_policy, created, image_count, image_bytes, thumbnail_bytes";

pub(super) async fn create(
    session: &Session,
    customer: CustomerId,
    id: Option<SpaceId>,
    changes: SpaceChanges,
) -> Result<Space> {
    customer::hold(session, customer).await?;
    let id = match id {
        Some(id) => id,
        None => next_id(session, customer).await?.ok_or(taken("id"))?,
    };
    if find(session, customer, id).await?.is_some() {
        return Err(taken("id"));
    }
    let space = Space::first(customer, id, changes, session.now());
    refuse_taken_name(session, &space).await?;
    session
        .execute(
            &format!(
                "INSERT INTO spaces ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, 0, 0)"
            ),
            &[
                &of_customer(customer),
                &of_space(id),
                &space.name,
                &json(&space.default_tags),
                &json(&space.default_roles),
                &space.default_max_unauthorised.to_wire(),
                &space.image_optimisation_policy,
                &space.thumbnail_policy,
                &space.created.as_micros(),
            ],
        )
        .await?;
    Ok(space)
}

/// `None` when the highest number is in use.
async fn next_id(session: &Session, customer: CustomerId) -> Result<Option<SpaceId>> {
    let last = "SELECT coalesce(max(id), 0) FROM spaces WHERE customer = $1";
    let last = count(session, last, &[&of_customer(customer)]).await?;
    Ok(u32::try_from(last + 1).ok().and_then(SpaceId::new))
}

fn taken(property: &'static str) -> PgError {
    PgError::AlreadyExists {
        subject: Subject::Space,
        property,
    }
}

async fn refuse_taken_name(session: &Session, space: &Space) -> Result<()> {
    let others = count(
        session,
        "SELECT count(*) FROM spaces WHERE customer = $1 AND name = $2 AND id <> $3",
        &[
            &of_customer(space.customer),
            &space.name,
            &of_space(space.id),
        ],
    )
    .await?;
    if others == 0 {
        Ok(())
    } else {
        Err(taken("name"))
    }
}

pub(super) async fn find(
    session: &Session,
    customer: CustomerId,
    id: SpaceId,
) -> Result<Option<Space>> {
    find_and(session, customer, id, "").await
}

async fn find_and(
    session: &Session,
    customer: CustomerId,
    id: SpaceId,
    lock: &str,
) -> Result<Option<Space>> {
    let row = session
        .row(
            &format!("SELECT {COLUMNS} FROM spaces WHERE customer = $1 AND id = $2 {lock}"),
            &[&of_customer(customer), &of_space(id)],
        )
        .await?;
    read_one(row, read)
}

/// Finds spaces of a customer that stay until the transaction ends; their counts are not to be believed.
pub(super) async fn keep(
    session: &Session,
    customer: CustomerId,
    ids: &[SpaceId],
) -> Result<Vec<Space>> {
    let ids: Vec<i64> = ids.iter().copied().map(of_space).collect();
    let rows = session
        .rows(
            &format!(
                "SELECT {COLUMNS} FROM spaces WHERE customer = $1 AND id = ANY ($2) ORDER BY id FOR KEY SHARE"
            ),
            &[&of_customer(customer), &ids],
        )
        .await?;
    read_all(&rows, read)
}

pub(super) async fn list(
    session: &Session,
    customer: CustomerId,
    order: SpaceOrder,
    page: PageRequest,
) -> Result<Page<Space>> {
    let [limit, offset] = page_bounds(page);
    let order = order::spaces(order);
    let number = of_customer(customer);
    let rows = session
        .rows(
            &format!(
                "SELECT {COLUMNS} FROM spaces WHERE customer = $1 ORDER BY {order} LIMIT $2 OFFSET $3"
            ),
            &[&number, &limit, &offset],
        )
        .await?;
    let all = "SELECT count(*) FROM spaces WHERE customer = $1";
    Ok(Page {
        items: read_all(&rows, read)?,
        total: count(session, all, &[&number]).await?,
    })
}

pub(super) async fn update(
    session: &Session,
    customer: CustomerId,
    id: SpaceId,
    changes: SpaceChanges,
) -> Result<Space> {
    let missing = PgError::NotFound(Subject::Space);
    let found = find_and(session, customer, id, "FOR NO KEY UPDATE").await?;
    let mut space = found.ok_or(missing)?;
    space.merge(changes);
    refuse_taken_name(session, &space).await?;
    session
        .execute(
            "UPDATE spaces SET name = $3, default_tags = $4, default_roles = $5, default_max_unauthorised = $6,
                 image_optimisation_policy = $7, thumbnail_policy = $8
             WHERE customer = $1 AND id = $2",
            &[
                &of_customer(customer),
                &of_space(id),
                &space.name,
                &json(&space.default_tags),
                &json(&space.default_roles),
                &space.default_max_unauthorised.to_wire(),
                &space.image_optimisation_policy,
                &space.thumbnail_policy,
            ],
        )
        .await?;
    Ok(space)
}

pub(super) async fn delete(session: &Session, customer: CustomerId, id: SpaceId) -> Result<()> {
    let missing = PgError::NotFound(Subject::Space);
    // Waits for the registrations that keep the space, and makes those to come wait.
    let found = find_and(session, customer, id, "FOR UPDATE").await?;
    let space = found.ok_or(missing)?;
    if space.image_count > 0 {
        return Err(PgError::SpaceNotEmpty(space.image_count));
    }
    session
        .execute(
            "DELETE FROM spaces WHERE customer = $1 AND id = $2",
            &[&of_customer(customer), &of_space(id)],
        )
        .await?;
    Ok(())
}

/// What changes of what a space counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct SpaceChange {
    pub(super) images: i64,
    pub(super) image_bytes: i64,
    pub(super) thumbnail_bytes: i64,
}

/// Keeps the counts of spaces.
pub(super) async fn keep_counts(
    session: &Session,
    spaces: &BTreeMap<(CustomerId, SpaceId), SpaceChange>,
) -> Result<()> {
    let changed = spaces.iter();
    for ((customer, id), change) in changed.filter(|(_, it)| **it != SpaceChange::default()) {
        session
            .execute(
                "UPDATE spaces SET image_count = image_count + $3, image_bytes = image_bytes + $4, thumbnail_bytes = thumbnail_bytes + $5
                 WHERE customer = $1 AND id = $2",
                &[
                    &of_customer(*customer),
                    &of_space(*id),
                    &change.images,
                    &change.image_bytes,
                    &change.thumbnail_bytes,
                ],
            )
            .await?;
    }
    Ok(())
}

/// How much is stored of a customer.
pub(super) async fn storage(session: &Session, customer: CustomerId) -> Result<StorageFigures> {
    let row = session
        .row(
            "SELECT coalesce(sum(image_count), 0)::bigint, coalesce(sum(image_bytes), 0)::bigint, coalesce(sum(thumbnail_bytes), 0)::bigint
             FROM spaces WHERE customer = $1",
            &[&of_customer(customer)],
        )
        .await?;
    let found = read_one(row, |columns| {
        Ok(StorageFigures {
            images: columns.number("image_count")?,
            bytes: StoredBytes {
                images: columns.number("image_bytes")?,
                thumbnails: columns.number("thumbnail_bytes")?,
            },
        })
    })?;
    Ok(found.unwrap_or_default())
}

fn read(columns: &mut Columns<'_>) -> Result<Space> {
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
