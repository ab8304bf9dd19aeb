//! The SQLite catalogue: what is its own besides the contract.
#![expect(clippy::unwrap_used, reason = "a test says by panicking that it fails")]

use std::path::Path;

use dlcs_core::batch::BatchOrderBy;
use dlcs_core::catalogue::Catalogue;
use dlcs_core::customer::{ApiKey, CustomerOrderBy, SecretHash};
use dlcs_core::id::{CustomerId, SpaceId};
use dlcs_core::image::{
    DeliveryChannel, ImageChanges, ImageQuery, ImageSource, OpenAccess, OriginUrl,
};
use dlcs_core::order::Order;
use dlcs_core::origin::{
    Credentials, CustomerOriginStrategy, OriginAccess, OriginPattern, OriginStrategyId,
    OriginStrategyKind, Secret,
};
use dlcs_core::page::PageRequest;
use dlcs_core::queue::IngestQueue;
use dlcs_core::space::{SpaceChanges, SpaceOrderBy};
use dlcs_core::time::Timestamp;
use dlcs_storage::catalogue::SqliteCatalogue;
use dlcs_storage::catalogue::sqlite::{OpenError, SealingKey};
use futures_util::future::join_all;

use crate::sqlite_fixture::{CLAIM, Place, derivative, item, submission};

mod contract {
    use dlcs_storage::catalogue::{SqliteCatalogue, SqliteCatalogueConfig};

    async fn new() -> ((), SqliteCatalogue) {
        let config = SqliteCatalogueConfig::temporary();
        ((), SqliteCatalogue::open(config).await.unwrap())
    }

    dlcs_testkit::catalogue_contract!(new());
}

const FIRST: CustomerId = CustomerId::FIRST;

fn strategy(pattern: &str, password: &str) -> CustomerOriginStrategy {
    CustomerOriginStrategy {
        id: OriginStrategyId::assign(),
        customer: FIRST,
        pattern: OriginPattern::compile(pattern).unwrap(),
        access: OriginAccess::BasicHttp(Credentials::new("canary-user", password)),
        order: 1,
        optimised: false,
        created: Timestamp::from_micros(1),
    }
}

#[tokio::test]
async fn concurrent_writes_succeed_and_fail_each_for_itself() {
    let place = Place::new();
    let catalogue = place.open_with_space().await;
    let outcomes = join_all((0..300_u32).map(|n| {
        // Every tenth and the one before it want the same name.
        let name = if n % 10 == 9 { n - 1 } else { n };
        let space = SpaceChanges::named(format!("space {name}"));
        catalogue.create_space(FIRST, SpaceId::new(1000 + n), space)
    }))
    .await;
    for ten in outcomes.chunks(10) {
        let (others, pair) = ten.split_at(8);
        assert!(others.iter().all(Result::is_ok), "{others:?}");
        assert_ne!(pair[0].is_ok(), pair[1].is_ok(), "{pair:?}");
    }
    drop(catalogue);
    let catalogue = place.open().await;
    let page = catalogue
        .list_spaces(
            FIRST,
            Order::ascending(SpaceOrderBy::Id),
            PageRequest::FIRST,
        )
        .await
        .unwrap();
    assert_eq!(page.total, 1 + 270);
}

#[tokio::test]
async fn reopening_keeps_everything() {
    let place = Place::new();
    let catalogue = place.open_with_space().await;
    let key = ApiKey {
        key: "key".to_owned(),
        customer: FIRST,
        secret_hash: SecretHash::of(&Secret::new("secret")),
        created: Timestamp::from_micros(1),
    };
    catalogue.create_key(key).await.unwrap();
    catalogue
        .create_origin_strategy(strategy("a", "password"))
        .await
        .unwrap();
    let mut full = item("full");
    full.changes = ImageChanges {
        initial_origin: Some(Some(
            OriginUrl::parse("https://example.org/initial.tif").unwrap(),
        )),
        media_type: Some("image/tiff".to_owned()),
        strings: ["a", "b'\"", "🗺"].map(|text| Some(text.to_owned())),
        numbers: [i64::MIN, 0, i64::MAX].map(Some),
        tags: Some(vec!["x".to_owned(), "y\",\"".to_owned()]),
        roles: Some(vec!["clickthrough".to_owned()]),
        manifests: Some(vec!["m".to_owned()]),
        max_unauthorised: OpenAccess::from_wire(400),
        delivery_channels: Some(vec![DeliveryChannel {
            channel: "iiif-img".to_owned(),
            policy: Some("default".to_owned()),
        }]),
        image_optimisation_policy: Some("fast-higher".to_owned()),
        thumbnail_policy: Some("default".to_owned()),
        source: full.changes.source,
        default_channels: Vec::new(),
    };
    let items = vec![full, item("failed"), item("waiting")];
    let batch = catalogue.submit(submission(items)).await.unwrap();
    let claimed = catalogue.claim(CLAIM).await.unwrap().unwrap();
    let _ = catalogue
        .complete(claimed.lease, derivative().into())
        .await
        .unwrap();
    let claimed = catalogue.claim(CLAIM).await.unwrap().unwrap();
    let failure = dlcs_core::queue::Failure::Final {
        error: "it is broken".to_owned(),
    };
    let _ = catalogue.fail(claimed.lease, failure).await.unwrap();

    let before = snapshot(&catalogue).await;
    for told in ["full", "failed", "waiting", "it is broken", "fast-higher"] {
        assert!(before.contains(told), "{told}: {before}");
    }
    drop(catalogue);
    let catalogue = place.open().await;
    assert_eq!(snapshot(&catalogue).await, before);
    let found = catalogue
        .find_batch(FIRST, batch.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (found.completed, found.errors, found.finished),
        (1, 1, None)
    );
    let (key, _) = catalogue.find_key("key").await.unwrap().unwrap();
    assert!(key.secret_hash.is_of(&Secret::new("secret")));
}

async fn snapshot(catalogue: &SqliteCatalogue) -> String {
    let page = PageRequest::FIRST;
    let query = ImageQuery::of(FIRST);
    let strategies = catalogue.list_origin_strategies(FIRST).await.unwrap();
    assert_eq!(strategies[0].access.fields()[1], ("password", "password"));
    format!(
        "{:#?}",
        (
            catalogue
                .list_customers(Order::ascending(CustomerOrderBy::Id), page)
                .await
                .unwrap(),
            catalogue
                .list_spaces(FIRST, Order::ascending(SpaceOrderBy::Id), page)
                .await
                .unwrap(),
            catalogue.list_images(&query, page).await.unwrap(),
            catalogue
                .list_batches(
                    FIRST,
                    Default::default(),
                    Order::ascending(BatchOrderBy::Id),
                    page
                )
                .await
                .unwrap(),
            catalogue.size(FIRST).await.unwrap(),
            strategies,
        )
    )
}

#[tokio::test]
async fn a_second_opening_is_refused_until_the_first_is_closed() {
    let place = Place::new();
    let first = place.open().await;
    let error = place.try_open().await.unwrap_err();
    assert!(matches!(error, OpenError::InUse { .. }), "{error:?}");
    assert!(error.to_string().contains("is in use by another process"));
    drop(first);
    place.open().await;
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_alone() {
    let place = Place::new();
    drop(place.open().await);
    place.raw().pragma_update(None, "user_version", 77).unwrap();
    let error = place.try_open().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the database has schema version 77, and this program knows versions up to 6: use a newer program"
    );
    let kept: u32 = place
        .raw()
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .unwrap();
    assert_eq!(kept, 77);
}

#[tokio::test]
async fn the_files_of_other_programs_are_refused_and_left_alone() {
    let place = Place::new();
    place
        .raw()
        .execute_batch("CREATE TABLE recipes (id)")
        .unwrap();
    let error = place.try_open().await.unwrap_err();
    assert!(matches!(error, OpenError::Foreign { .. }), "{error:?}");

    let place = Place::new();
    let text = "This is a letter to my grandmother, and no database at all.".repeat(20);
    std::fs::write(place.database(), &text).unwrap();
    let error = place.try_open().await.unwrap_err();
    assert!(matches!(error, OpenError::Foreign { .. }), "{error:?}");
    assert_eq!(std::fs::read_to_string(place.database()).unwrap(), text);
}

#[tokio::test]
async fn the_database_has_a_write_ahead_log_and_is_sound_when_closed() {
    let place = Place::new();
    let catalogue = place.open_with_space().await;
    let mode: String = place
        .raw()
        .query_row("PRAGMA journal_mode", [], |row| row.get(0))
        .unwrap();
    assert_eq!(mode, "wal");
    drop(catalogue);
    let check: String = place
        .raw()
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(check, "ok");
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let _catalogue = place.open_with_space().await;
    let mut names = Vec::new();
    for entry in std::fs::read_dir(place.folder.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{entry:?} {mode:o}");
        names.push(entry.file_name().into_string().unwrap());
    }
    assert!(names.contains(&"credentials.key".to_owned()), "{names:?}");
    assert!(names.contains(&"dlcs.db-wal".to_owned()), "{names:?}");
}

fn contains(path: &Path, needle: &str) -> bool {
    let bytes = std::fs::read(path).unwrap();
    bytes
        .windows(needle.len())
        .any(|window| window == needle.as_bytes())
}

#[tokio::test]
async fn credentials_are_nowhere_in_the_files() {
    let place = Place::new();
    let catalogue = place.open_with_space().await;
    catalogue
        .create_origin_strategy(strategy("pattern-in-clear", "canary-password"))
        .await
        .unwrap();
    let mut pattern_seen = false;
    let grep = |pattern_seen: &mut bool| {
        for entry in std::fs::read_dir(place.folder.path()).unwrap() {
            let path = entry.unwrap().path();
            assert!(!contains(&path, "canary"), "{path:?}");
            // What the search would look like if it found something.
            *pattern_seen |= contains(&path, "pattern-in-clear");
        }
    };
    grep(&mut pattern_seen);
    assert!(pattern_seen);
    drop(catalogue);
    grep(&mut pattern_seen);
}

#[tokio::test]
async fn credentials_that_were_moved_to_another_row_do_not_open() {
    let place = Place::new();
    let catalogue = place.open_with_space().await;
    for (pattern, password) in [("a", "canary-a"), ("b", "canary-b")] {
        catalogue
            .create_origin_strategy(strategy(pattern, password))
            .await
            .unwrap();
    }
    drop(catalogue);
    let swap = "UPDATE origin_strategies SET credentials = other.credentials
                FROM (SELECT pattern, credentials FROM origin_strategies) AS other
                WHERE other.pattern <> origin_strategies.pattern";
    assert_eq!(place.raw().execute(swap, []).unwrap(), 2);
    let catalogue = place.open().await;
    let found = catalogue.list_origin_strategies(FIRST).await.unwrap();
    let unreadable = OriginAccess::Unreadable(OriginStrategyKind::BasicHttp);
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|found| found.access == unreadable));
}

#[tokio::test]
async fn another_key_opens_the_catalogue_but_not_the_credentials() {
    let place = Place::new();
    let catalogue = place.open_with_space().await;
    let sealed = strategy("a", "canary-password");
    catalogue
        .create_origin_strategy(sealed.clone())
        .await
        .unwrap();
    drop(catalogue);
    let config = place.config().with_sealing_key(SealingKey::new([9; 32]));
    let catalogue = SqliteCatalogue::open(config).await.unwrap();
    let mut found = catalogue.list_origin_strategies(FIRST).await.unwrap();
    let unreadable = OriginAccess::Unreadable(OriginStrategyKind::BasicHttp);
    assert_eq!(found[0].access, unreadable);
    // Other changes leave them for the key that can read them.
    found[0].order = 7;
    catalogue
        .update_origin_strategy(found.remove(0))
        .await
        .unwrap();
    drop(catalogue);
    let catalogue = place.open().await;
    let found = catalogue.list_origin_strategies(FIRST).await.unwrap();
    assert_eq!((found[0].order, &found[0].access), (7, &sealed.access));
    drop(catalogue);
    let config = place.config().with_sealing_key(SealingKey::new([9; 32]));
    let catalogue = SqliteCatalogue::open(config).await.unwrap();
    // Given anew, they are sealed with the key of now.
    catalogue
        .update_origin_strategy(sealed.clone())
        .await
        .unwrap();
    assert_eq!(
        catalogue.list_origin_strategies(FIRST).await.unwrap(),
        [sealed]
    );
}

#[tokio::test]
async fn a_key_file_that_is_damaged_or_gone_is_refused_in_plain_words() {
    let place = Place::new();
    let key = place.folder.path().join("credentials.key");
    let catalogue = place.open_with_space().await;
    catalogue
        .create_origin_strategy(strategy("a", "password"))
        .await
        .unwrap();
    drop(catalogue);
    let bytes = std::fs::read(&key).unwrap();
    assert_eq!(bytes.len(), 32);
    std::fs::write(&key, &bytes[..31]).unwrap();
    let error = place.try_open().await.unwrap_err();
    assert!(matches!(error, OpenError::BadKey { .. }), "{error:?}");
    std::fs::remove_file(&key).unwrap();
    let error = place.try_open().await.unwrap_err();
    assert!(matches!(error, OpenError::MissingKey { .. }), "{error:?}");
    std::fs::write(&key, &bytes).unwrap();
    let catalogue = place.open().await;
    assert_eq!(
        catalogue.list_origin_strategies(FIRST).await.unwrap().len(),
        1
    );
}

#[tokio::test]
async fn an_upload_that_is_replaced_as_the_source_becomes_collectable() {
    let place = Place::new();
    let catalogue = place.open_with_space().await;
    let upload = dlcs_core::derivative::UploadId::assign();
    let mut sent = item("a");
    sent.changes.source = Some(ImageSource::Upload(upload));
    catalogue.submit(submission([sent])).await.unwrap();
    catalogue.submit(submission([item("a")])).await.unwrap();
    place.clock.advance(std::time::Duration::from_secs(60));
    let collectable = catalogue.list_collectable(10).await.unwrap();
    assert_eq!(
        collectable,
        [dlcs_core::derivative::DerivativeKey::Upload(upload)]
    );
    catalogue.forget_collectable(&collectable).await.unwrap();
    assert!(catalogue.list_collectable(10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_new_key_takes_the_place_of_an_old_one() {
    let place = Place::new();
    let catalogue = place.open_with_space().await;
    let sealed = strategy("a", "canary-password");
    catalogue
        .create_origin_strategy(sealed.clone())
        .await
        .unwrap();
    drop(catalogue);
    // The file of the old key is moved away, and a new one made.
    let (file, old) = (
        place.folder.path().join("credentials.key"),
        place.folder.path().join("old.key"),
    );
    std::fs::rename(&file, &old).unwrap();
    let error = place.try_open().await.unwrap_err();
    assert!(matches!(error, OpenError::MissingKey { .. }), "{error:?}");
    let old_key = SealingKey::from_file(&old).unwrap();
    let config = place.config().with_old_sealing_key(old_key);
    let catalogue = SqliteCatalogue::open(config).await.unwrap();
    let found = catalogue.list_origin_strategies(FIRST).await.unwrap();
    assert_eq!(found, std::slice::from_ref(&sealed));
    drop(catalogue);
    // From now on the new one is enough, and the old one opens nothing.
    let catalogue = place.open().await;
    let found = catalogue.list_origin_strategies(FIRST).await.unwrap();
    assert_eq!(found, [sealed]);
    drop(catalogue);
    let old_key = SealingKey::from_file(&old).unwrap();
    let config = place.config().with_sealing_key(old_key);
    let catalogue = SqliteCatalogue::open(config).await.unwrap();
    let found = catalogue.list_origin_strategies(FIRST).await.unwrap();
    assert!(matches!(found[0].access, OriginAccess::Unreadable(_)));
}
