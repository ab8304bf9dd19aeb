//! The record of an image: a row, and back.

use std::collections::HashMap;
use std::sync::LazyLock;

use dlcs_core::catalogue::ImageUpdate;
use dlcs_core::id::ImageId;
use dlcs_core::image::{Image, ImageState, Metadata};
use dlcs_core::queue::Generation;
use dlcs_core::storage::StoredBytes;
use dlcs_core::time::Timestamp;

use super::error::{PgError, Result};
use super::row::{Columns, json, of_customer, of_space, read_all, read_one, stored, unreadable};
use super::session::Session;
use super::tally::Tally;
use super::values::{Column, Values, given, names};
use super::{collectable, original, record, service, submit};

/// What an image is found by.
const ID_COLUMNS: [Column; 4] = [
    Column("customer", "bigint"),
    Column("space", "bigint"),
    Column("model", "text"),
    Column("created", "bigint"),
];

/// What one registration and every step after it changes, before [`service::COLUMNS`].
const STATE_COLUMNS: [Column; 6] = [
    Column("generation", "bigint"),
    Column("queued", "bigint"),
    Column("dequeued", "bigint"),
    Column("state", "text"),
    Column("state_since", "bigint"),
    Column("error", "text"),
];

/// What only a registration or a change touches; most of these are indexed.
const RECORD_COLUMNS: [Column; 18] = [
    Column("source_origin", "text"),
    Column("source_upload", "text"),
    Column("initial_origin", "text"),
    Column("media_type", "text"),
    Column("string1", "text"),
    Column("string2", "text"),
    Column("string3", "text"),
    Column("number1", "bigint"),
    Column("number2", "bigint"),
    Column("number3", "bigint"),
    Column("tags", "text"),
    Column("roles", "text"),
    Column("manifests", "text"),
    Column("max_unauthorised", "bigint"),
    Column("delivery_channels", "text"),
    Column("image_optimisation_policy", "text"),
    Column("thumbnail_policy", "text"),
    Column("batch", "bigint"),
];

/// An image and the number of its row.
pub(super) struct StoredImage {
    pub(super) row: i64,
    pub(super) image: Image,
}

/// The columns that [`read`] expects, of `images AS i`.
pub(super) static COLUMNS: LazyLock<String> = LazyLock::new(|| {
    let all = [
        ID_COLUMNS.as_slice(),
        RECORD_COLUMNS.as_slice(),
        STATE_COLUMNS.as_slice(),
        service::COLUMNS.as_slice(),
        original::COLUMNS.as_slice(),
    ]
    .concat();
    let names = all.iter().map(|Column(name, _)| format!(", i.{name}"));
    format!("i.row_id{}", names.collect::<String>())
});

pub(super) static FIND: LazyLock<String> = LazyLock::new(|| {
    let columns = &*COLUMNS;
    format!("SELECT {columns} FROM images AS i WHERE customer = $1 AND space = $2 AND model = $3")
});

pub(super) static FIND_MANY: LazyLock<String> = LazyLock::new(|| {
    let columns = &*COLUMNS;
    format!(
        "SELECT {columns} FROM images AS i
         WHERE (customer, space, model) IN (SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[]))"
    )
});

pub(super) static HOLD_MANY: LazyLock<String> = LazyLock::new(|| {
    let find = &*FIND_MANY;
    format!("{find} ORDER BY customer, space, model FOR NO KEY UPDATE OF i")
});

static HOLD: LazyLock<String> = LazyLock::new(|| format!("{} FOR NO KEY UPDATE", *FIND));

pub(super) async fn find(session: &Session, id: &ImageId) -> Result<Option<StoredImage>> {
    find_by(session, &FIND, id).await
}

/// An image that nobody else changes until the transaction ends.
pub(super) async fn hold(session: &Session, id: &ImageId) -> Result<Option<StoredImage>> {
    find_by(session, &HOLD, id).await
}

async fn find_by(session: &Session, sql: &str, id: &ImageId) -> Result<Option<StoredImage>> {
    let (customer, space) = (of_customer(id.customer()), of_space(id.space()));
    let model = id.model().as_str();
    let row = session.row(sql, &[&customer, &space, &model]).await?;
    read_one(row, read)
}

/// Images in the order asked for.
pub(super) async fn find_many(session: &Session, ids: &[ImageId]) -> Result<Vec<Option<Image>>> {
    let found = find_each(session, &FIND_MANY, &ids.iter().collect::<Vec<_>>()).await?;
    let image = |id| Some(found.get(id)?.image.clone());
    Ok(ids.iter().map(image).collect())
}

/// Those of these images that are there, held in the order of their ids.
pub(super) async fn hold_many(
    session: &Session,
    ids: &[&ImageId],
) -> Result<HashMap<ImageId, StoredImage>> {
    find_each(session, &HOLD_MANY, ids).await
}

async fn find_each(
    session: &Session,
    sql: &str,
    ids: &[&ImageId],
) -> Result<HashMap<ImageId, StoredImage>> {
    let mut values = Values::default();
    values.each(ids, |id| of_customer(id.customer()));
    values.each(ids, |id| of_space(id.space()));
    values.each(ids, |id| id.model().as_str().to_owned());
    let rows = session.rows(sql, &values.params()).await?;
    let found = read_all(&rows, read)?.into_iter();
    Ok(found
        .map(|stored| (stored.image.id.clone(), stored))
        .collect())
}

/// Stores new images; give them in the order of their ids, so that two who make the same ones do not wait for each other.
pub(super) async fn insert(session: &Session, images: Vec<Image>) -> Result<Vec<StoredImage>> {
    let new: Vec<_> = images.iter().collect();
    let mut values = Values::default();
    values.each(&new, |image| of_customer(image.id.customer()));
    values.each(&new, |image| of_space(image.id.space()));
    values.each(&new, |image| image.id.model().as_str().to_owned());
    values.each(&new, |image| image.created.as_micros());
    push_record_values(&mut values, &new)?;
    push_state_values(&mut values, &new)?;
    let columns = [
        ID_COLUMNS.as_slice(),
        RECORD_COLUMNS.as_slice(),
        STATE_COLUMNS.as_slice(),
    ]
    .concat();
    let rows = session
        .rows(
            &format!(
                "INSERT INTO images ({}) SELECT * FROM {} RETURNING row_id, customer, space, model",
                names(&columns),
                given(&columns)
            ),
            &values.params(),
        )
        .await?;
    let mut numbers: HashMap<ImageId, i64> = HashMap::with_capacity(images.len());
    for (row, id) in read_all(&rows, |columns| Ok((columns.get()?, columns.image()?)))? {
        numbers.insert(id, row);
    }
    images
        .into_iter()
        .map(|image| {
            session.changes_image(&image.id);
            let row = numbers.get(&image.id).copied();
            let row = row.ok_or(unreadable("row_id"))?;
            Ok(StoredImage { row, image })
        })
        .collect()
}

/// Stores everything that may have changed.
pub(super) async fn save(session: &Session, images: &[&StoredImage]) -> Result<()> {
    let changed: Vec<_> = images.iter().map(|stored| &stored.image).collect();
    let mut values = Values::default();
    values.each(images, |stored| stored.row);
    push_record_values(&mut values, &changed)?;
    push_state_values(&mut values, &changed)?;
    service::push_values(&mut values, &changed)?;
    original::push_values(&mut values, &changed)?;
    let columns = [
        RECORD_COLUMNS.as_slice(),
        STATE_COLUMNS.as_slice(),
        service::COLUMNS.as_slice(),
        original::COLUMNS.as_slice(),
    ];
    update_rows(session, images, &columns.concat(), &values).await
}

/// Stores where images are on their way; of the indexes, only the one of pending images may change.
pub(super) async fn save_state(session: &Session, images: &[&StoredImage]) -> Result<()> {
    let changed: Vec<_> = images.iter().map(|stored| &stored.image).collect();
    let mut values = Values::default();
    values.each(images, |stored| stored.row);
    push_state_values(&mut values, &changed)?;
    service::push_values(&mut values, &changed)?;
    original::push_values(&mut values, &changed)?;
    let columns = [
        STATE_COLUMNS.as_slice(),
        service::COLUMNS.as_slice(),
        original::COLUMNS.as_slice(),
    ];
    update_rows(session, images, &columns.concat(), &values).await
}

async fn update_rows(
    session: &Session,
    images: &[&StoredImage],
    columns: &[Column],
    values: &Values,
) -> Result<()> {
    if images.is_empty() {
        return Ok(());
    }
    let with_row = [&[Column("row_id", "bigint")], columns].concat();
    let set: Vec<_> = columns
        .iter()
        .map(|Column(name, _)| format!("{name} = given.{name}"))
        .collect();
    let sql = format!(
        "UPDATE images SET {} FROM {} AS given ({}) WHERE images.row_id = given.row_id",
        set.join(", "),
        given(&with_row),
        names(&with_row)
    );
    session.execute(&sql, &values.params()).await?;
    for stored in images {
        session.changes_image(&stored.image.id);
    }
    Ok(())
}

/// Makes changes that take effect without processing the images, all or none.
pub(super) async fn update(session: &Session, updates: &[ImageUpdate]) -> Result<Vec<Image>> {
    let ids: Vec<_> = updates.iter().map(|update| &update.image).collect();
    let mut found = hold_many(session, &ids).await?;
    let problems = ImageUpdate::problems(updates, |id| found.get(id).map(|it| &it.image));
    if !problems.is_empty() {
        return Err(PgError::UpdateRefused(problems));
    }
    let mut updated = Vec::with_capacity(updates.len());
    for update in updates {
        if let Some(mut stored) = found.remove(&update.image) {
            update.clone().apply(&mut stored.image);
            updated.push(stored);
        }
    }
    save(session, &updated.iter().collect::<Vec<_>>()).await?;
    Ok(updated.into_iter().map(|stored| stored.image).collect())
}

/// Deletes images, their jobs, and their places in their batches; returns of each whether it was there.
pub(super) async fn delete(session: &Session, ids: &[ImageId]) -> Result<Vec<bool>> {
    let mut found = hold_many(session, &ids.iter().collect::<Vec<_>>()).await?;
    let now = session.now();
    let mut tally = Tally::default();
    submit::overtake(session, &mut tally, &found.values().collect::<Vec<_>>()).await?;
    let rows: Vec<i64> = found.values().map(|stored| stored.row).collect();
    for StoredImage { image, .. } in found.values() {
        tally.lose(image.batch);
        tally.collect(collectable::upload(&image.source, now));
        let served = image.objects();
        tally.collect(served.map(|object| collectable::served(object.key, now)));
        tally.count_image(&image.id, -1);
        tally.count_bytes(&image.id, image.stored_bytes(), StoredBytes::default())?;
        session.changes_image(&image.id);
    }
    session
        .execute("DELETE FROM images WHERE row_id = ANY ($1)", &[&rows])
        .await?;
    tally.write(session).await?;
    Ok(ids.iter().map(|id| found.remove(id).is_some()).collect())
}

fn push_record_values(values: &mut Values, images: &[&Image]) -> Result<()> {
    values.each(images, |image| {
        record::source_columns(&image.source)[0].take()
    });
    values.each(images, |image| {
        record::source_columns(&image.source)[1].take()
    });
    values.each(images, |image| {
        let initial = image.initial_origin.as_ref();
        initial.map(|origin| origin.as_str().to_owned())
    });
    values.each(images, |image| image.media_type.clone());
    for place in 0..3 {
        values.each(images, |image| image.metadata.strings[place].clone());
    }
    for place in 0..3 {
        values.each(images, |image| image.metadata.numbers[place]);
    }
    values.each(images, |image| json(&image.metadata.tags));
    values.each(images, |image| json(&image.metadata.roles));
    values.each(images, |image| json(&image.metadata.manifests));
    values.each(images, |image| image.max_unauthorised.to_wire());
    values.each(images, |image| {
        record::channels_json(&image.delivery_channels)
    });
    values.each(images, |image| image.image_optimisation_policy.clone());
    values.each(images, |image| image.thumbnail_policy.clone());
    let batches = images.iter().map(|image| {
        let batch = image.batch.map(|batch| stored("batch", batch.get()));
        batch.transpose()
    });
    values.push(batches.collect::<Result<Vec<Option<i64>>>>()?);
    Ok(())
}

fn push_state_values(values: &mut Values, images: &[&Image]) -> Result<()> {
    let generations = images.iter();
    let generations = generations.map(|image| stored("generation", image.generation.get()));
    values.push(generations.collect::<Result<Vec<i64>>>()?);
    values.each(images, |image| image.queued.map(Timestamp::as_micros));
    values.each(images, |image| image.dequeued.map(Timestamp::as_micros));
    values.each(images, |image| record::state_columns(&image.state).0);
    values.each(images, |image| {
        record::state_columns(&image.state)
            .1
            .map(Timestamp::as_micros)
    });
    values.each(images, |image| {
        record::state_columns(&image.state).2.cloned()
    });
    Ok(())
}

/// Reads what [`COLUMNS`] names.
pub(super) fn read(columns: &mut Columns<'_>) -> Result<StoredImage> {
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

fn read_state(columns: &mut Columns<'_>) -> Result<ImageState> {
    let state: String = columns.get()?;
    let since = columns.time_or_none()?;
    let error: Option<String> = columns.get()?;
    let service = service::read(columns)?;
    Ok(record::read_state(&state, since, error, service)?)
}
