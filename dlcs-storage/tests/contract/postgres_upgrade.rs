//! Databases of older versions of the PostgreSQL catalogue: they are brought up to date with everything that they hold.

use crate::older;
use crate::postgres_fixture::schema_or_return;
use crate::postgres_sound::assert_sound;

#[tokio::test]
async fn databases_of_older_schemas_keep_everything_and_go_on_where_they_were() {
    let steps = [
        (
            3,
            include_str!("../../migrations/postgres/0003_create-catalogue-and-queue.sql"),
        ),
        (
            4,
            include_str!("../../migrations/postgres/0004_list-in-order.sql"),
        ),
        (
            5,
            include_str!("../../migrations/postgres/0005_keep-settings-and-originals.sql"),
        ),
    ];
    for kept in 1..=steps.len() {
        let schema = schema_or_return!("databases_of_older_schemas_go_on");
        let raw = schema.raw_without_path().await;
        let make = format!(
            "CREATE SCHEMA \"{0}\"; SET search_path = \"{0}\";
             CREATE TABLE dlcs_migrations (number bigint PRIMARY KEY, applied bigint NOT NULL)",
            schema.name
        );
        raw.batch_execute(&make).await.unwrap();
        for (number, step) in &steps[..kept] {
            raw.batch_execute(step).await.unwrap();
            let applied = format!("INSERT INTO dlcs_migrations VALUES ({number}, 7)");
            raw.batch_execute(&applied).await.unwrap();
        }
        let digest = format!("'\\x{}'", "07".repeat(32));
        let rows = older::ROWS.replace("{numbered}", "OVERRIDING SYSTEM VALUE");
        let rows = rows.replace("{digest}", &digest);
        raw.batch_execute(&rows).await.unwrap();
        if steps[..kept].iter().any(|(number, _)| *number >= 5) {
            raw.batch_execute(older::SINCE_5).await.unwrap();
        }
        older::assert_goes_on(&schema.open().await).await;
        assert_sound(&raw, "after an upgrade").await;
    }
}
