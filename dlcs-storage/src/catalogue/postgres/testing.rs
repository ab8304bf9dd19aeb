//! What the server means to do with the statements that everything waits for.

use dlcs_testkit::program;

use super::connection::quoted;
use super::session::Session;
use super::{PostgresCatalogue, PostgresCatalogueConfig, batch, image, line, share, turn};
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
