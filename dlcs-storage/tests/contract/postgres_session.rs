//! Connections of the PostgreSQL catalogue that break, hang or are given up.
#![expect(clippy::unwrap_used, reason = "a test says by panicking that it fails")]

use std::task::Poll;
use std::time::{Duration, Instant};

use dlcs_core::catalogue::{Catalogue, CatalogueError};
use dlcs_core::customer::{CustomerName, NewCustomer, Role};
use dlcs_core::id::CustomerId;
use dlcs_core::space::{SpaceChanges, SpaceOrder, SpaceOrderBy};
use dlcs_storage::catalogue::{PostgresCatalogue, PostgresCatalogueConfig, SealingKey};

use crate::postgres_fixture::{Schema, address, schema_or_return};
use crate::postgres_proxy::{Fault, Proxy};

const FIRST: CustomerId = CustomerId::FIRST;

async fn with_customer(catalogue: &PostgresCatalogue) {
    let new = NewCustomer {
        id: None,
        name: CustomerName::parse("default").unwrap(),
        display_name: "Default".to_owned(),
        role: Role::Administrator,
    };
    catalogue.create_customer(new).await.unwrap();
}

/// A catalogue behind a network with faults, that connects as a program of this name.
async fn behind_proxy(schema: &Schema, connections: usize) -> (Proxy, PostgresCatalogue) {
    let address = address();
    let url = url::Url::parse(&address).unwrap();
    let target = (url.host_str().unwrap(), url.port().unwrap_or(5432));
    let target = tokio::net::lookup_host(target)
        .await
        .unwrap()
        .next()
        .unwrap();
    let proxy = Proxy::start(target).await;
    let mut url = url;
    url.set_host(Some("127.0.0.1")).unwrap();
    url.set_port(Some(proxy.port)).unwrap();
    let config = PostgresCatalogueConfig::parse(url.as_str())
        .unwrap()
        .with_schema(&schema.name)
        .with_connections(connections)
        .with_sealing_key(SealingKey::new([7; 32]));
    let catalogue = PostgresCatalogue::open(config).await.unwrap();
    (proxy, catalogue)
}

/// The connections of other programs in this schema's tests, by what they are doing.
async fn others(raw: &tokio_postgres::Client, condition: &str) -> i64 {
    let sql = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND {condition}"
    );
    raw.query_one(&sql, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn an_opening_whose_connection_the_server_ended_is_tried_again() {
    let test = "an_opening_whose_connection_the_server_ended_is_tried_again";
    let schema = schema_or_return!(test);
    let raw = schema.raw_without_path().await;
    // As another node holds it that migrates.
    let lock = format!(
        "BEGIN; SELECT pg_advisory_xact_lock(1145848659, hashtext('{}'))",
        schema.name
    );
    raw.batch_execute(&lock).await.unwrap();
    let opening = tokio::spawn(PostgresCatalogue::open(schema.config()));
    let waiting = format!(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
         WHERE wait_event_type = 'Lock' AND pid IN (
             SELECT pid FROM pg_locks
             WHERE locktype = 'advisory' AND NOT granted AND objid = hashtext('{}')::bigint & 4294967295
         )",
        schema.name
    );
    let watcher = schema.raw_without_path().await;
    let begun = Instant::now();
    while watcher
        .query_one(&waiting, &[])
        .await
        .unwrap()
        .get::<_, i64>(0)
        == 0
    {
        assert!(!opening.is_finished(), "it waits for the other node");
        assert!(begun.elapsed() < Duration::from_secs(60), "it never came");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    raw.batch_execute("COMMIT").await.unwrap();
    let catalogue = opening.await.unwrap().unwrap();
    with_customer(&catalogue).await;
}

#[tokio::test]
async fn a_node_does_nothing_in_a_schema_that_a_newer_one_has_changed() {
    let schema = schema_or_return!("a_node_does_nothing_in_a_newer_schema");
    let name = format!("{}?application_name={}", address(), schema.name);
    let config = PostgresCatalogueConfig::parse(&name)
        .unwrap()
        .with_schema(&schema.name)
        .with_sealing_key(SealingKey::new([7; 32]));
    let catalogue = PostgresCatalogue::open(config).await.unwrap();
    with_customer(&catalogue).await;
    let raw = schema.raw().await;
    let newer = "INSERT INTO dlcs_migrations (number, applied) VALUES (999, 0)";
    raw.batch_execute(newer).await.unwrap();
    let end =
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = $1";
    raw.query_one(end, &[&schema.name]).await.unwrap();
    let refused = catalogue.check().await.unwrap_err();
    let CatalogueError::Unavailable { source, .. } = &refused else {
        panic!("{refused:?}")
    };
    let causes = std::iter::successors(Some(source.as_ref() as &dyn std::error::Error), |it| {
        it.source()
    });
    let causes: Vec<_> = causes.map(ToString::to_string).collect();
    let told = causes
        .iter()
        .any(|cause| cause.contains("schema version 999"));
    assert!(told, "{causes:?}");
    raw.batch_execute("DELETE FROM dlcs_migrations WHERE number = 999")
        .await
        .unwrap();
    catalogue.check().await.unwrap();
}

#[tokio::test]
async fn connections_that_the_server_ended_are_replaced() {
    let schema = schema_or_return!("connections_that_the_server_ended_are_replaced");
    let name = format!("{}?application_name={}", address(), schema.name);
    let config = PostgresCatalogueConfig::parse(&name)
        .unwrap()
        .with_schema(&schema.name)
        .with_sealing_key(SealingKey::new([7; 32]));
    let catalogue = PostgresCatalogue::open(config).await.unwrap();
    with_customer(&catalogue).await;
    let raw = schema.raw().await;
    for round in 0..20 {
        let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = $1";
        let ended: i64 = raw.query_one(end, &[&schema.name]).await.unwrap().get(0);
        assert!(ended >= 1, "the catalogue has connections");
        // At once: the driver has hardly heard of it.
        let space = SpaceChanges::named(format!("space {round}"));
        catalogue.create_space(FIRST, None, space).await.unwrap();
        assert!(catalogue.find_customer(FIRST).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn a_database_that_is_away_is_unavailable_and_comes_back() {
    let schema = schema_or_return!("a_database_that_is_away_is_unavailable_and_comes_back");
    let (proxy, catalogue) = behind_proxy(&schema, 4).await;
    with_customer(&catalogue).await;
    proxy.set(Fault::Cut);
    let error = catalogue.find_customer(FIRST).await.unwrap_err();
    assert!(
        matches!(error, CatalogueError::Unavailable { .. }),
        "{error:?}"
    );
    let error = catalogue
        .create_space(FIRST, None, SpaceChanges::named("a"))
        .await
        .unwrap_err();
    assert!(
        matches!(error, CatalogueError::Unavailable { .. }),
        "{error:?}"
    );
    proxy.set(Fault::None);
    assert!(catalogue.find_customer(FIRST).await.unwrap().is_some());
    catalogue
        .create_space(FIRST, None, SpaceChanges::named("a"))
        .await
        .unwrap();
}

#[tokio::test]
async fn connections_that_fall_silent_are_given_up() {
    let schema = schema_or_return!("connections_that_fall_silent_are_given_up");
    let (proxy, catalogue) = behind_proxy(&schema, 2).await;
    with_customer(&catalogue).await;
    for _ in 0..2 {
        proxy.silence();
        let begun = Instant::now();
        assert!(catalogue.find_customer(FIRST).await.unwrap().is_some());
        catalogue.check().await.unwrap();
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(15), "{took:?}");
    }
}

#[tokio::test]
async fn a_commit_whose_reply_is_lost_is_no_success() {
    let schema = schema_or_return!("a_commit_whose_reply_is_lost_is_no_success");
    let (proxy, catalogue) = behind_proxy(&schema, 2).await;
    with_customer(&catalogue).await;
    proxy.set(Fault::LoseReplyToCommit);
    let outcome = catalogue
        .create_space(FIRST, None, SpaceChanges::named("a"))
        .await;
    assert!(!proxy.has(Fault::LoseReplyToCommit), "the commit was seen");
    let error = outcome.unwrap_err();
    assert!(
        matches!(error, CatalogueError::Unavailable { .. }),
        "{error:?}"
    );
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("nobody knows"), "{cause}");
    // It was done, and not twice.
    let raw = schema.raw().await;
    let spaces: i64 = raw
        .query_one("SELECT count(*) FROM spaces", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(spaces, 1);
}

#[tokio::test]
async fn an_operation_that_is_given_up_leaves_nothing_behind() {
    let schema = schema_or_return!("an_operation_that_is_given_up_leaves_nothing_behind");
    let name = format!("{}?application_name={}", address(), schema.name);
    let config = PostgresCatalogueConfig::parse(&name)
        .unwrap()
        .with_schema(&schema.name)
        .with_connections(1)
        .with_sealing_key(SealingKey::new([7; 32]));
    let catalogue = PostgresCatalogue::open(config).await.unwrap();
    with_customer(&catalogue).await;
    let (raw, watcher) = (schema.raw().await, schema.raw().await);
    let blocked = format!(
        "application_name = '{}' AND wait_event_type = 'Lock'",
        schema.name
    );
    let open = format!(
        "application_name = '{}' AND (state LIKE 'idle in transaction%' OR state = 'active')",
        schema.name
    );
    for _ in 0..5 {
        raw.batch_execute("BEGIN; SELECT 1 FROM customers WHERE id = 1 FOR UPDATE")
            .await
            .unwrap();
        {
            let waiting = catalogue.create_space(FIRST, None, SpaceChanges::named("a"));
            let mut waiting = std::pin::pin!(waiting);
            while others(&watcher, &blocked).await == 0 {
                assert!(futures_util::poll!(&mut waiting).is_pending());
            }
        }
        // There is one connection, and it is of use again although what it waited for is held still.
        let begun = Instant::now();
        catalogue.check().await.unwrap();
        assert!(
            begun.elapsed() < Duration::from_secs(2),
            "{:?}",
            begun.elapsed()
        );
        assert_eq!(others(&watcher, &open).await, 0);
        raw.batch_execute("ROLLBACK").await.unwrap();
    }
    let page = catalogue
        .list_spaces(
            FIRST,
            SpaceOrder::ascending(SpaceOrderBy::Id),
            dlcs_core::page::PageRequest::FIRST,
        )
        .await
        .unwrap();
    assert_eq!(page.total, 0);
}

/// Drops operations at each of their await points, one after another.
#[tokio::test]
async fn an_operation_may_be_dropped_anywhere() {
    let schema = schema_or_return!("an_operation_may_be_dropped_anywhere");
    let config = schema.config_by_database_clock().with_connections(1);
    let catalogue = PostgresCatalogue::open(config).await.unwrap();
    with_customer(&catalogue).await;
    let mut done = 0;
    for polls in 0..40_u32 {
        let space = SpaceChanges::named(format!("space {polls}"));
        let operation = catalogue.create_space(FIRST, None, space);
        if let Some(made) = drop_after(polls, operation).await {
            made.unwrap();
            done += 1;
        }
    }
    assert!(done > 0, "some had the time to end");
    let page = catalogue
        .list_spaces(
            FIRST,
            SpaceOrder::ascending(SpaceOrderBy::Id),
            dlcs_core::page::PageRequest::FIRST,
        )
        .await
        .unwrap();
    assert!(page.total >= done, "{} {done}", page.total);
    let raw = schema.raw().await;
    let path = "wait_event_type = 'Lock' OR state LIKE 'idle in transaction%'";
    let left = format!("({path}) AND query LIKE '%{}%'", schema.name);
    assert_eq!(others(&raw, &left).await, 0);
}

/// Drops a future when it has been woken so often; its output, if it was ready before.
pub(crate) async fn drop_after<T>(polls: u32, future: impl Future<Output = T>) -> Option<T> {
    let mut future = std::pin::pin!(future);
    let mut left = polls;
    std::future::poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}
