//! The record of an image: a row, and back.

use std::collections::HashMap;
use std::sync::LazyLock;

use dlcs_core::catalogue::{ImageUpdate, Subject};
use dlcs_core::id::ImageId;
use dlcs_core::image::{Image, ImageChanges, ImageState, Metadata};
use dlcs_core::queue::Generation;
use dlcs_core::storage::StoredBytes;
use dlcs_core::time::Timestamp;
use rusqlite::{Connection, ToSql, params_from_iter};

use super::error::{Result, SqliteError};
use super::row::{Columns, json, stored};
use super::{batch, collectable, job, original, query_one, record, service, space};

/// What one registration and every step after it changes, before [`service::COLUMNS`].
const STATE_COLUMNS: [&str; 6] = [
    "generation",
    "queued",
    "dequeued",
    "state",
    "state_since",
    "error",
];

/// What only a registration or a change touches; most of these are indexed.
const RECORD_COLUMNS: [&str; 18] = [
    "source_origin",
    "source_upload",
    "initial_origin",
    "media_type",
    "string1",
    "string2",
    "string3",
    "number1",
    "number2",
    "number3",
    "tags",
    "roles",
    "manifests",
    "max_unauthorised",
    "delivery_channels",
    "image_optimisation_policy",
    "thumbnail_policy",
    "batch",
];

/// An image and the number of its row.
pub(super) struct StoredImage {
    pub(super) row: i64,
    pub(super) image: Image,
}

/// The columns that [`read`] expects.
pub(super) static COLUMNS: LazyLock<String> = LazyLock::new(|| {
    format!(
        "row_id, customer, space, model, created, {}, {}, {}, {}",
        RECORD_COLUMNS.join(", "),
        STATE_COLUMNS.join(", "),
        service::COLUMNS.join(", "),
        original::COLUMNS.join(", ")
    )
});

static BY_ID: LazyLock<String> =
    LazyLock::new(|| select("customer = ?1 AND space = ?2 AND model = ?3"));
static BY_ROW: LazyLock<String> = LazyLock::new(|| select("row_id = ?1"));
static INSERT: LazyLock<String> = LazyLock::new(|| {
    let columns = [
        ["customer", "space", "model", "created"].as_slice(),
        &RECORD_COLUMNS,
        &STATE_COLUMNS,
        &service::COLUMNS,
        &original::COLUMNS,
    ]
    .concat();
    let marks = vec!["?"; columns.len()].join(", ");
    format!(
        "INSERT INTO images ({}) VALUES ({marks})",
        columns.join(", ")
    )
});
static SAVE: LazyLock<String> = LazyLock::new(|| {
    update_sql(&[
        &RECORD_COLUMNS,
        &STATE_COLUMNS,
        &service::COLUMNS,
        &original::COLUMNS,
    ])
});
static SAVE_STATE: LazyLock<String> =
    LazyLock::new(|| update_sql(&[&STATE_COLUMNS, &service::COLUMNS, &original::COLUMNS]));

fn select(which: &str) -> String {
    format!("SELECT {} FROM images WHERE {which}", *COLUMNS)
}

fn update_sql(columns: &[&[&str]]) -> String {
    let set = columns.concat().join(" = ?, ");
    format!("UPDATE images SET {set} = ? WHERE row_id = ?")
}

pub(super) fn find(connection: &Connection, id: &ImageId) -> Result<Option<StoredImage>> {
    query_one(
        connection,
        &BY_ID,
        rusqlite::params![id.customer().get(), id.space().get(), id.model().as_str()],
        read,
    )
}

/// Images in the order asked for; call it where nothing changes meanwhile.
pub(super) fn find_many(connection: &Connection, ids: &[ImageId]) -> Result<Vec<Option<Image>>> {
    let find = |id| Ok(find(connection, id)?.map(|stored| stored.image));
    ids.iter().map(find).collect()
}

pub(super) fn get_by_row(connection: &Connection, row: i64) -> Result<StoredImage> {
    let found = query_one(connection, &BY_ROW, [row], read)?;
    found.ok_or(SqliteError::NotFound(Subject::Image))
}

/// Stores a new image and returns the number of its row; its space does not count it yet.
pub(super) fn insert(connection: &Connection, image: &Image) -> Result<i64> {
    let mut values: Vec<Box<dyn ToSql>> = vec![
        Box::new(image.id.customer().get()),
        Box::new(image.id.space().get()),
        Box::new(image.id.model().as_str().to_owned()),
        Box::new(image.created.as_micros()),
    ];
    values.extend(record_values(image)?);
    values.extend(state_values(image)?);
    connection
        .prepare_cached(&INSERT)?
        .execute(params_from_iter(values))?;
    Ok(connection.last_insert_rowid())
}

/// Stores everything that may have changed.
pub(super) fn save(connection: &Connection, stored: &StoredImage) -> Result<()> {
    let mut values = record_values(&stored.image)?;
    values.extend(state_values(&stored.image)?);
    values.push(Box::new(stored.row));
    connection
        .prepare_cached(&SAVE)?
        .execute(params_from_iter(values))?;
    Ok(())
}

/// Stores where the image is on its way; of the indexes, only the one of pending images may change.
pub(super) fn save_state(connection: &Connection, stored: &StoredImage) -> Result<()> {
    let mut values = state_values(&stored.image)?;
    values.push(Box::new(stored.row));
    connection
        .prepare_cached(&SAVE_STATE)?
        .execute(params_from_iter(values))?;
    Ok(())
}

/// Makes changes that take effect without processing the images, all or none.
pub(super) fn update(connection: &Connection, updates: Vec<ImageUpdate>) -> Result<Vec<Image>> {
    let mut found = HashMap::with_capacity(updates.len());
    for ImageUpdate { image, .. } in &updates {
        if let Some(stored) = find(connection, image)? {
            found.insert(image.clone(), stored);
        }
    }
    let problems = ImageUpdate::problems(&updates, |id| found.get(id).map(|it| &it.image));
    if !problems.is_empty() {
        return Err(SqliteError::UpdateRefused(problems));
    }
    let mut updated = Vec::with_capacity(updates.len());
    for update in updates {
        if let Some(mut stored) = found.remove(&update.image) {
            update.apply(&mut stored.image);
            save(connection, &stored)?;
            updated.push(stored.image);
        }
    }
    Ok(updated)
}

/// Merges changes; bytes that came with a registration and are no longer the source may be deleted.
pub(super) fn merge(
    connection: &Connection,
    image: &mut Image,
    changes: ImageChanges,
    now: Timestamp,
) -> Result<()> {
    let before = image.source.clone();
    image.merge(changes);
    if image.source != before {
        collectable::add_upload(connection, &before, now)?;
    }
    Ok(())
}

/// Deletes an image, its job, and its place in its batches; returns whether it was there.
pub(super) fn delete(connection: &Connection, id: &ImageId, now: Timestamp) -> Result<bool> {
    let Some(StoredImage { row, image }) = find(connection, id)? else {
        return Ok(false);
    };
    job::overtake(connection, row, &image, now)?;
    if let Some(batch) = image.batch {
        batch::lose_image(connection, batch)?;
    }
    collectable::add_upload(connection, &image.source, now)?;
    for object in image.objects() {
        collectable::add_served(connection, &object.key, now)?;
    }
    connection
        .prepare_cached("DELETE FROM images WHERE row_id = ?1")?
        .execute([row])?;
    space::count_images(connection, id.customer(), id.space(), -1)?;
    space::count_bytes(connection, id, image.stored_bytes(), StoredBytes::default())?;
    Ok(true)
}

fn record_values(image: &Image) -> Result<Vec<Box<dyn ToSql>>> {
    let [origin, upload] = record::source_columns(&image.source);
    let Metadata {
        strings,
        numbers,
        tags,
        roles,
        manifests,
    } = &image.metadata;
    let initial = image.initial_origin.as_ref();
    let batch = image.batch.map(|batch| stored("batch", batch.get()));
    let mut values: Vec<Box<dyn ToSql>> = vec![
        Box::new(origin),
        Box::new(upload),
        Box::new(initial.map(|origin| origin.as_str().to_owned())),
        Box::new(image.media_type.clone()),
    ];
    for string in strings {
        values.push(Box::new(string.clone()));
    }
    for number in numbers {
        values.push(Box::new(*number));
    }
    for list in [tags, roles, manifests] {
        values.push(Box::new(json(list)));
    }
    values.push(Box::new(image.max_unauthorised.to_wire()));
    values.push(Box::new(record::channels_json(&image.delivery_channels)));
    values.push(Box::new(image.image_optimisation_policy.clone()));
    values.push(Box::new(image.thumbnail_policy.clone()));
    values.push(Box::new(batch.transpose()?));
    Ok(values)
}

fn state_values(image: &Image) -> Result<Vec<Box<dyn ToSql>>> {
    let (state, since, error) = record::state_columns(&image.state);
    let mut values: Vec<Box<dyn ToSql>> = vec![
        Box::new(stored("generation", image.generation.get())?),
        Box::new(image.queued.map(Timestamp::as_micros)),
        Box::new(image.dequeued.map(Timestamp::as_micros)),
        Box::new(state),
        Box::new(since.map(Timestamp::as_micros)),
        Box::new(error.cloned()),
    ];
    values.extend(service::values(image.service())?);
    values.extend(original::values(image.original.as_ref())?);
    Ok(values)
}

/// Reads what [`COLUMNS`] names.
pub(super) fn read(columns: &mut Columns<'_, '_>) -> Result<StoredImage> {
    let row = columns.get()?;
    let id = columns.image()?;
    let created = columns.time()?;
    let source = record::read_source([columns.get()?, columns.get()?])?;
    let initial_origin = columns
        .get::<Option<String>>()?
        .map(|origin| record::read_origin(&origin, "initial_origin"))
        .transpose()?;
    let media_type = columns.get()?;
    let metadata = Metadata {
        strings: [columns.get()?, columns.get()?, columns.get()?],
        numbers: [columns.get()?, columns.get()?, columns.get()?],
        tags: columns.json("tags")?,
        roles: columns.json("roles")?,
        manifests: columns.json("manifests")?,
    };
    let max_unauthorised = columns.open_access()?;
    let delivery_channels = record::read_channels(&columns.get::<String>()?)?;
    let image_optimisation_policy = columns.get()?;
    let thumbnail_policy = columns.get()?;
    let batch = columns.batch_or_none()?;
    let generation = Generation::new(columns.number("generation")?);
    let (queued, dequeued) = (columns.time_or_none()?, columns.time_or_none()?);
    let state = read_state(columns)?;
    let original = original::read(columns)?;
    let image = Image {
        id,
        source,
        initial_origin,
        media_type,
        metadata,
        max_unauthorised,
        delivery_channels,
        image_optimisation_policy,
        thumbnail_policy,
        created,
        queued,
        dequeued,
        batch,
        generation,
        state,
        original,
    };
    Ok(StoredImage { row, image })
}

fn read_state(columns: &mut Columns<'_, '_>) -> Result<ImageState> {
    let state: String = columns.get()?;
    let since = columns.time_or_none()?;
    let error: Option<String> = columns.get()?;
    let service = service::read(columns)?;
    Ok(record::read_state(&state, since, error, service)?)
}
