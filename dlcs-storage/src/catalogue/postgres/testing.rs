//! What the server means to do with the statements that everything waits for.

use dlcs_core::id::{CustomerId, ModelId, SpaceId};
use dlcs_core::image::{ImageCursor, ImageOrder, ImageOrderBy, ImageQuery};
use dlcs_core::order::Key;
use dlcs_core::page::PageRequest;
use dlcs_core::time::Timestamp;
use dlcs_testkit::program;

use super::connection::quoted;
use super::session::Session;
use super::{PostgresCatalogue, PostgresCatalogueConfig, batch, image, line, list, share, turn};
use crate::catalogue::SealingKey;

/// A catalogue in a schema of this name, which is empty; `None` when there is no database, which is said.
async fn open(test: &str) -> Option<(PostgresCatalogue, String)> {
    let address = std::env::var("DLCS_TEST_POSTGRES");
    let address = address.unwrap_or_else(|_| "postgres://postgres@127.0.0.1:5432/test".to_owned());
    let schema = format!("dlcs_test_{test}_{}", std::process::id());
    let config = PostgresCatalogueConfig::parse(&address)
        .unwrap()
        .with_schema(&schema)
        .with_connections(1)
        .with_sealing_key(SealingKey::new([7; 32]));
    match PostgresCatalogue::open(config).await {
        Ok(catalogue) => Some((catalogue, schema)),
        Err(super::OpenError::Unreachable { host, .. }) => {
            program::skip(
                test,
                &format!("PostgreSQL at `DLCS_TEST_POSTGRES` ({host})"),
            );
            None
        }
        Err(error) => panic!("{error:?}"),
    }
}

/// The plan that is made whatever the values are.
async fn plan(session: &Session, sql: &str) -> String {
    let places = (1..=9)
        .filter(|place| sql.contains(&format!("${place}")))
        .count();
    let values = vec!["NULL"; places].join(", ");
    let prepare = format!("SET plan_cache_mode = force_generic_plan; PREPARE planned AS {sql}");
    session.simple(&prepare).await.unwrap();
    let explain = format!("EXPLAIN EXECUTE planned ({values})");
    let lines = session.simple(&explain).await.unwrap();
    session.simple("DEALLOCATE planned").await.unwrap();
    lines.join("\n")
}

#[tokio::test]
async fn claiming_searches_indexes_and_sorts_nothing() {
    let Some((catalogue, schema)) = open("claiming").await else {
        return;
    };
    let statements: [(&str, &[&str]); 13] = [
        (turn::HELD, &["jobs_leased", "jobs_by_owner"]),
        (turn::APART, &["jobs_set_apart"]),
        (
            turn::NEXT,
            &[
                "queue_shares_in_turn",
                "queue_lines_in_turn",
                "queue_hosts_pkey",
            ],
        ),
        (&turn::TAKE, &["jobs_pkey", "images_pkey"]),
        (&turn::EXPIRED, &["jobs_leased", "images_pkey"]),
        (&turn::OF_OWNER, &["jobs_by_owner", "images_pkey"]),
        (line::HOLD, &["queue_lines_pkey"]),
        (line::FIND_FIRST, &["jobs_waiting", "queue_lines_pkey"]),
        (share::HOLD, &["queue_shares_pkey"]),
        (share::SAVE, &["queue_shares_pkey"]),
        (&image::FIND, &["images_by_id"]),
        (&image::FIND_MANY, &["images_by_id"]),
        (batch::END_IMAGES, &["batch_images_pkey", "batches_pkey"]),
    ];
    let statements = &statements;
    let look = |session: Session| async move {
        for (sql, indexes) in statements {
            let plan = plan(&session, sql).await;
            assert!(!plan.contains("Seq Scan"), "{plan}");
            for index in *indexes {
                assert!(plan.contains(index), "{index}: {plan}");
            }
            // What is locked in order is sorted: it is little.
            let is_little = plan.contains("LockRows") && plan.contains("unnest");
            let sorts = plan.contains("Sort") && !is_little && !sql.contains("GROUP BY");
            assert!(!sorts, "{plan}");
        }
        let many = plan(&session, &image::HOLD_MANY).await;
        assert!(
            many.contains("images_by_id") && !many.contains("Seq Scan"),
            "{many}"
        );
        session
            .simple(&format!(
                "DROP SCHEMA {} CASCADE",
                quoted(&schema_of(&session).await)
            ))
            .await
            .map(drop)
    };
    catalogue.database.read(look).await.unwrap();
    assert!(!schema.is_empty());
}

/// Listings that are to be walked, and the index of each.
fn listings() -> Vec<(ImageQuery, &'static str)> {
    let of_space = || ImageQuery::of(CustomerId::FIRST).in_space(SpaceId::FIRST);
    let ordered = |order: ImageOrder| {
        let mut query = of_space();
        query.order = vec![order];
        query
    };
    let mut by_string = of_space();
    by_string.strings[0] = Some(vec!["volume 3".to_owned()]);
    vec![
        (of_space(), "images_of_space"),
        (
            ordered(ImageOrder::descending(ImageOrderBy::Created)),
            "images_of_space",
        ),
        (
            ordered(ImageOrder::ascending(ImageOrderBy::Width)),
            "images_by_width",
        ),
        (
            ordered(ImageOrder::descending(ImageOrderBy::Width)),
            "images_by_width",
        ),
        (
            ordered(ImageOrder::descending(ImageOrderBy::Id)),
            "images_by_id",
        ),
        (ImageQuery::of(CustomerId::FIRST), "images_of_customer"),
        (by_string, "images_by_string1"),
    ]
}

#[tokio::test]
async fn listings_walk_an_index_in_order_and_begin_behind_a_place() {
    let Some((catalogue, _)) = open("listing").await else {
        return;
    };
    let place = |query: &ImageQuery| ImageCursor {
        keys: query
            .order
            .iter()
            .map(|order| match order.by {
                ImageOrderBy::Id => Key::from("model 100"),
                _ => Key::Number(100),
            })
            .collect(),
        created: Timestamp::from_micros(100),
        space: SpaceId::FIRST,
        model: ModelId::parse("model 100").unwrap(),
    };
    let look = |session: Session| async move {
        session
            .simple(
                "INSERT INTO images (customer, space, model, source_origin, string1, string2, string3, number1, number2, number3, tags, roles,
                     manifests, max_unauthorised, delivery_channels, created, generation, state)
                 SELECT 1, 1 + n % 2, 'model ' || n, 'https://example.org/' || n, 'volume ' || n / 1000, '', '', 0, 0, 0, '[]', '[]', '[]', -1, '[]', n / 100,
                     1, 'waiting' FROM generate_series(1, 20000) AS n;
                 ANALYZE images",
            )
            .await?;
        for (mut query, index) in listings() {
            for begins_behind in [false, true] {
                query.after = begins_behind.then(|| place(&query));
                let mut selection = list::Selection::of(&query)?;
                let sql = list::statement(&query, &mut selection, PageRequest::FIRST);
                let explain = format!("EXPLAIN {sql}");
                let rows = session.rows_once(&explain, &selection.params()).await?;
                let lines = rows.iter().map(|row| row.get::<_, String>(0));
                let plan = lines.collect::<Vec<_>>().join("\n");
                assert!(plan.contains(index), "{index}: {plan}");
                assert!(!plan.contains("Sort"), "{plan}");
                // The place is where the search begins, and not a filter of what is read.
                assert!(!begins_behind || !plan.contains("Filter: (ROW("), "{plan}");
            }
        }
        let drop = format!("DROP SCHEMA {} CASCADE", quoted(&schema_of(&session).await));
        session.simple(&drop).await.map(std::mem::drop)
    };
    catalogue.database.read(look).await.unwrap();
}

async fn schema_of(session: &Session) -> String {
    session
        .simple("SELECT current_schema()")
        .await
        .unwrap()
        .remove(0)
}

#[tokio::test]
async fn connections_have_the_settings_that_keep_them_from_going_on_for_ever() {
    let Some((catalogue, _)) = open("settings").await else {
        return;
    };
    let look = |session: Session| async move {
        for (name, value) in [
            ("statement_timeout", "30s"),
            ("lock_timeout", "5s"),
            ("idle_in_transaction_session_timeout", "10s"),
            ("synchronous_commit", "on"),
            ("default_transaction_isolation", "read committed"),
        ] {
            let found = session.simple(&format!("SHOW {name}")).await?;
            assert_eq!(found, [value], "{name}");
        }
        let drop = format!("DROP SCHEMA {} CASCADE", quoted(&schema_of(&session).await));
        session.simple(&drop).await.map(std::mem::drop)
    };
    catalogue.database.read(look).await.unwrap();
}
