//! Databases of older versions of the SQLite catalogue: they are brought up to date with everything that they hold.
#![expect(clippy::unwrap_used, reason = "a test says by panicking that it fails")]

use dlcs_core::catalogue::Catalogue;
use dlcs_core::derivative::{Checksum, DerivativeKey};
use dlcs_core::id::{BatchId, CustomerId};
use dlcs_core::iiif::{Dimensions, TileSize};
use dlcs_core::image::{ImageQuery, ImageState};
use dlcs_core::page::PageRequest;
use dlcs_core::queue::{Completion, IngestQueue, Success};
use dlcs_core::setting::{Setting, SettingKind};
use dlcs_core::time::Timestamp;
use dlcs_storage::catalogue::sqlite::OpenError;

use crate::older;
use crate::sqlite_fixture::{CLAIM, Place, derivative, image, item, submission};

const FIRST_SCHEMA: &str =
    include_str!("../../migrations/sqlite/0001_create-catalogue-and-queue.sql");

/// What a program with the first schema left: an image in every state, two of them with what they serve, one of them leased.
const ROWS: &str = "
    INSERT INTO customers VALUES (1, 'default', 'Default', 'administrator', 10);
    INSERT INTO spaces VALUES (1, 1, 'default', '[]', '[]', -1, 'lossless', NULL, 11, 5);
    INSERT INTO batches (id, customer, submitted, count, completed, errors, finished, current, superseded)
        VALUES (7, 1, 20, 3, 0, 1, NULL, 3, 0);
    INSERT INTO batch_images (batch, space, model, state, error, finished) VALUES
        (7, 1, 'waiting', 'pending', NULL, NULL), (7, 1, 'leased', 'pending', NULL, NULL), (7, 1, 'failed', 'failed', 'it broke', 33);
    INSERT INTO images (row_id, customer, space, model, source_origin, string1, string2, string3, number1, number2, number3, tags, roles,
        manifests, max_unauthorised, delivery_channels, created, queued, dequeued, batch, generation, state, state_since, error)
    VALUES
        (3, 1, 1, 'waiting', 'https://example.org/w.jpg', 'a', '', '', 1, 0, -9, '[\"x, y\"]', '[]', '[]', 400,
            '[{\"channel\":\"iiif-img\",\"policy\":\"use-original\"}]', 30, 31, NULL, 7, 2, 'waiting', NULL, NULL),
        (4, 1, 1, 'leased', 'https://example.org/l.jpg', '', '', '', 0, 0, 0, '[]', '[]', '[]', -1, '[]', 30, 31, 32, 7, 1, 'ingesting', 32, NULL),
        (5, 1, 1, 'failed', 'https://example.org/f.jpg', '', '', '', 0, 0, 0, '[]', '[]', '[]', -1, '[]', 30, 31, 32, 7, 1, 'failed', 33, 'it broke'),
        (9, 1, 1, 'new', 'https://example.org/n.jpg', '', '', '', 0, 0, 0, '[]', '[]', '[]', -1, '[]', 30, 31, 32, NULL, 1, 'failed', 33, 'it broke too');
    INSERT INTO images (row_id, customer, space, model, source_origin, string1, string2, string3, number1, number2, number3, tags, roles,
        manifests, max_unauthorised, delivery_channels, created, queued, dequeued, batch, generation, state,
        service_generation, service_token, service_width, service_height, service_tile, service_index_length, service_length,
        service_checksum, service_finished, source_media_type, source_size, source_checksum)
    VALUES
        (6, 1, 1, 'ready', 'https://example.org/r.jpg', '', '', '', 0, 0, 0, '[]', '[]', '[]', -1, '[]', 30, 31, 32, NULL, 4, 'ready',
            4, 2, 4000, 3000, 512, 4096, 1234567, zeroblob(32), 40, 'image/jpeg', 99, zeroblob(32));
    UPDATE images SET (service_generation, service_token, service_width, service_height, service_tile, service_index_length, service_length,
        service_checksum, service_finished, source_media_type, source_size, source_checksum) = (1, 1, 10, 20, 256, 5, 6, zeroblob(32), 29, 'image/png', 7, zeroblob(32))
        WHERE model = 'waiting';
    INSERT INTO jobs (id, image, customer, lane, batch, generation, attempt, crashes, run_at, lease_token, lease_owner, lease_until) VALUES
        (50, 3, 1, 0, 7, 2, 0, 0, 31, NULL, NULL, NULL), (51, 4, 1, 0, 7, 1, 1, 0, 31, 3, 'a worker', 90);
    INSERT INTO queue_customers VALUES (1, 1, 1, 5);
    UPDATE sequences SET last = 7 WHERE name = 'batch';
    UPDATE sequences SET last = 3 WHERE name = 'lease_token';
    PRAGMA application_id = 1145848659;
    PRAGMA user_version = 1;
";

/// A place with a database of the first schema, and these rows in it.
fn place_with_first_schema(rows: &str) -> Place {
    let place = Place::new();
    let database = place.raw();
    database.execute_batch("PRAGMA foreign_keys = ON").unwrap();
    database.execute_batch(FIRST_SCHEMA).unwrap();
    database.execute_batch(rows).unwrap();
    place
}

#[tokio::test]
async fn a_database_of_the_first_schema_keeps_everything() {
    let place = place_with_first_schema(ROWS);
    let catalogue = place.open().await;
    let found = async |model: &str| catalogue.find_image(&image(model)).await.unwrap().unwrap();

    let ready = found("ready").await;
    let ImageState::Ready { service } = &ready.state else {
        panic!("{:?}", ready.state)
    };
    let facts = &service.derivative;
    assert_eq!(facts.dimensions(), Dimensions::new(4000, 3000).unwrap());
    assert_eq!(facts.pyramid.tile, TileSize::Px512);
    assert_eq!((facts.index.clone(), facts.length), (0..4096, 1_234_567));
    assert_eq!(
        (facts.thumbnails.as_slice(), facts.thumbnail_bytes),
        (&[][..], 0)
    );
    assert_eq!(facts.checksum, Checksum([0; 32]));
    assert_eq!(
        (service.source.size, service.finished),
        (99, Timestamp::from_micros(40))
    );

    let waiting = found("waiting").await;
    assert!(
        matches!(&waiting.state, ImageState::Waiting { previous: Some(service) } if service.dimensions().width() == 10)
    );
    assert_eq!(
        (waiting.metadata.tags.as_slice(), waiting.metadata.numbers),
        (&["x, y".to_owned()][..], [1, 0, -9])
    );
    assert_eq!(
        waiting.delivery_channels[0].policy.as_deref(),
        Some("use-original")
    );
    let leased = found("leased").await;
    let why = "what a dead process held is given back";
    assert_eq!(
        leased.state,
        ImageState::Waiting { previous: None },
        "{why}"
    );
    assert_eq!(found("failed").await.state.error(), Some("it broke"));
    let all = ImageQuery::of(CustomerId::FIRST);
    let listed = catalogue.list_images(&all, PageRequest::FIRST);
    assert_eq!(listed.await.unwrap().total, 5);
    let size = catalogue.size(CustomerId::FIRST).await.unwrap();
    assert_eq!((size.images, size.images_waiting, size.batches), (2, 2, 1));
}

#[tokio::test]
async fn a_database_of_the_first_schema_goes_on_where_it_was() {
    let place = place_with_first_schema(ROWS);
    let catalogue = place.open().await;
    let waiting = catalogue.claim(CLAIM).await.unwrap().unwrap();
    assert_eq!(waiting.image.id, image("waiting"));
    let old = waiting.image.service().unwrap().key(&waiting.image.id);
    let done = catalogue.complete(waiting.lease, derivative().into()).await;
    assert!(matches!(done, Ok(Completion::Recorded(_))), "{done:?}");
    let leased = catalogue.claim(CLAIM).await.unwrap().unwrap();
    let why = "numbers of claims never repeat";
    assert!(leased.lease.token().get() > 3, "{why}");
    let done = catalogue.complete(leased.lease, Success::NOTHING).await;
    assert!(matches!(done, Ok(Completion::Recorded(_))), "{done:?}");
    let batch = catalogue
        .find_batch(CustomerId::FIRST, BatchId::new(7).unwrap())
        .await
        .unwrap()
        .unwrap();
    assert_eq!((batch.completed, batch.errors), (2, 1));
    assert!(batch.finished.is_some());

    catalogue
        .submit(submission([item("ready"), item("added")]))
        .await
        .unwrap();
    catalogue.delete_image(&image("ready")).await.unwrap();
    place
        .clock
        .advance(std::time::Duration::from_secs(3 * 60 * 60));
    let defaults = catalogue.list_settings(CustomerId::FIRST, SettingKind::DefaultChannel);
    let defaults = defaults.await.unwrap();
    let names =
        |all: &[Setting]| -> Vec<_> { all.iter().map(|it| it.body.unique_name()).collect() };
    let first = Setting::first_of(CustomerId::FIRST, Timestamp::from_micros(0));
    assert_eq!(
        names(&defaults),
        names(&first),
        "as of a customer that is new"
    );
    let keys = catalogue.list_collectable(10).await.unwrap();
    assert!(keys.contains(&old) && keys.len() == 4, "{keys:?}");
    assert!(
        keys.iter()
            .all(|key| !matches!(key, DerivativeKey::Upload(_))),
        "{keys:?}"
    );
    drop(catalogue);

    let database = place.raw();
    let number = |sql: &str| -> i64 { database.query_row(sql, [], |row| row.get(0)).unwrap() };
    assert_eq!(number("SELECT count(*) FROM pragma_foreign_key_check"), 0);
    assert_eq!(number("PRAGMA user_version"), 6);
    database.execute_batch("PRAGMA foreign_keys = ON").unwrap();
    let orphan = "INSERT INTO jobs (image, customer, lane, host, generation, attempt, crashes, crashes_alone, set_apart, run_at)
        VALUES (999, 1, 0, '', 1, 0, 0, 0, 0, 0)";
    let error = database.execute(orphan, []).unwrap_err();
    assert!(error.to_string().contains("FOREIGN KEY"), "{error}");
}

#[tokio::test]
async fn databases_of_later_schemas_keep_everything_and_go_on_where_they_were() {
    let steps = [
        FIRST_SCHEMA,
        include_str!("../../migrations/sqlite/0002_register-without-processing.sql"),
        include_str!("../../migrations/sqlite/0003_share-the-queue.sql"),
        include_str!("../../migrations/sqlite/0004_list-in-order.sql"),
        include_str!("../../migrations/sqlite/0005_keep-settings-and-originals.sql"),
    ];
    for version in 3..=steps.len() {
        let place = Place::new();
        let database = place.raw();
        for step in &steps[..version] {
            database.execute_batch(step).unwrap();
        }
        let digest = format!("X'{}'", "07".repeat(32));
        let rows = older::ROWS
            .replace("{numbered}", "")
            .replace("{digest}", &digest);
        database.execute_batch(&rows).unwrap();
        if version >= 5 {
            database.execute_batch(older::SINCE_5).unwrap();
        }
        let marks = format!("PRAGMA application_id = 1145848659; PRAGMA user_version = {version}");
        database.execute_batch(&marks).unwrap();
        older::assert_goes_on(&place.open().await).await;
        let check: String = database
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .unwrap();
        assert_eq!(check, "ok");
    }
}

#[tokio::test]
async fn a_database_with_a_broken_reference_is_refused_and_left_alone() {
    let place = place_with_first_schema(ROWS);
    let database = place.raw();
    database
        .execute_batch("PRAGMA foreign_keys = OFF; DELETE FROM images WHERE model = 'leased'")
        .unwrap();
    let error = place.try_open().await.unwrap_err();
    assert!(matches!(error, OpenError::Database { .. }), "{error:?}");
    let number = |sql: &str| -> i64 { database.query_row(sql, [], |row| row.get(0)).unwrap() };
    assert_eq!(number("PRAGMA user_version"), 1);
    assert_eq!(number("SELECT count(*) FROM images"), 4);
}

#[tokio::test]
async fn the_database_refuses_what_no_image_can_be() {
    let place = place_with_first_schema(ROWS);
    drop(place.open().await);
    let database = place.raw();
    for impossible in [
        "UPDATE images SET state = 'registered', state_since = 1 WHERE model = 'ready'",
        "UPDATE images SET state = 'registered', state_since = NULL, error = NULL WHERE model = 'new'",
        "UPDATE images SET state = 'registered' WHERE model = 'new'",
        "UPDATE images SET service_thumbnails = NULL WHERE model = 'ready'",
        "UPDATE images SET service_index_start = 0 WHERE model = 'new'",
        "UPDATE images SET state = 'unheard of' WHERE model = 'new'",
    ] {
        let error = database.execute(impossible, []).unwrap_err();
        assert!(error.to_string().contains("CHECK"), "{impossible}: {error}");
    }
    let possible = "UPDATE images SET state = 'registered', error = NULL WHERE model = 'new'";
    assert_eq!(database.execute(possible, []).unwrap(), 1);
}
