//! The PostgreSQL catalogue: what is its own besides the contract.
#![expect(clippy::unwrap_used, reason = "a test says by panicking that it fails")]

use std::time::Duration;

use dlcs_core::catalogue::Catalogue;
use dlcs_core::customer::{CustomerName, NewCustomer, Role};
use dlcs_core::id::CustomerId;
use dlcs_core::origin::{
    Credentials, CustomerOriginStrategy, OriginAccess, OriginPattern, OriginStrategyId,
    OriginStrategyKind,
};
use dlcs_core::page::PageRequest;
use dlcs_core::space::{SpaceChanges, SpaceOrder, SpaceOrderBy};
use dlcs_core::time::Timestamp;
use dlcs_storage::catalogue::postgres::OpenError;
use dlcs_storage::catalogue::{PostgresCatalogue, PostgresCatalogueConfig, SealingKey};
use dlcs_testkit::program;
use futures_util::future::join_all;

use crate::postgres_fixture::{Schema, address, schema_or_return};

mod contract {
    use crate::postgres_fixture::{Backend, Schema};

    async fn new() -> (Option<Schema>, Backend) {
        let (schema, backend, _) = Backend::new("the contract of the PostgreSQL catalogue").await;
        (schema, backend)
    }

    dlcs_testkit::catalogue_contract!(new());
}

const FIRST: CustomerId = CustomerId::FIRST;

fn new_customer(name: &str) -> NewCustomer {
    NewCustomer {
        id: None,
        name: CustomerName::parse(name).unwrap(),
        display_name: "A customer".to_owned(),
        role: Role::Administrator,
    }
}

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
async fn nodes_may_start_at_once_and_share_everything() {
    let schema = schema_or_return!("nodes_may_start_at_once_and_share_everything");
    let nodes = join_all((0..6).map(|_| schema.open())).await;
    let spaces = nodes[0].create_customer(new_customer("default")).await;
    let customer = spaces.unwrap().id;
    let made = join_all(nodes.iter().flat_map(|node| {
        (0..5).map(move |_| node.create_space(customer, None, SpaceChanges::named("default")))
    }));
    let made = made.await;
    let why = "of those that want one name, one gets it";
    assert_eq!(
        made.iter().filter(|space| space.is_ok()).count(),
        1,
        "{why}"
    );
    let made = join_all(nodes.iter().zip(0..).map(|(node, n)| {
        let space = SpaceChanges::named(format!("space {n}"));
        node.create_space(customer, None, space)
    }));
    assert!(made.await.iter().all(Result::is_ok));
    for node in &nodes {
        let page = node
            .list_spaces(
                customer,
                SpaceOrder::ascending(SpaceOrderBy::Id),
                PageRequest::FIRST,
            )
            .await
            .unwrap();
        let numbers: Vec<_> = page.items.iter().map(|space| space.id.get()).collect();
        assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7]);
    }
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_alone() {
    let schema = schema_or_return!("a_newer_schema_is_refused_and_left_alone");
    let known = dlcs_storage::catalogue::postgres::SCHEMA_VERSION;
    drop(schema.open().await);
    let raw = schema.raw().await;
    raw.batch_execute("INSERT INTO dlcs_migrations VALUES (77, 0)")
        .await
        .unwrap();
    let error = PostgresCatalogue::open(schema.config()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "the database has schema version 77, and this program knows versions up to {known}: use a newer program"
        )
    );
}

#[tokio::test]
async fn the_tables_of_other_programs_are_refused_and_left_alone() {
    let schema = schema_or_return!("the_tables_of_other_programs_are_refused_and_left_alone");
    let raw = schema.raw().await;
    let sql = format!(
        "CREATE SCHEMA {}; CREATE TABLE images (id text)",
        schema.name
    );
    raw.batch_execute(&sql).await.unwrap();
    let error = PostgresCatalogue::open(schema.config()).await.unwrap_err();
    assert!(matches!(error, OpenError::Foreign { .. }), "{error:?}");
    let tables = "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace";
    let tables: i64 = raw.query_one(tables, &[]).await.unwrap().get(0);
    assert_eq!(tables, 1);
}

#[tokio::test]
async fn what_cannot_be_opened_says_why_in_a_sentence() {
    let schema = schema_or_return!("what_cannot_be_opened_says_why_in_a_sentence");
    let open = async |address: &str| {
        let config = PostgresCatalogueConfig::parse(address).unwrap();
        let config = config
            .with_schema(&schema.name)
            .with_sealing_key(SealingKey::new([7; 32]));
        PostgresCatalogue::open(config).await.unwrap_err()
    };
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = listener.local_addr().unwrap().port();
    drop(listener);
    let error = open(&format!("postgres://u:canary@127.0.0.1:{closed}/d")).await;
    assert!(matches!(error, OpenError::Unreachable { .. }), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("canary"));

    let (rest, database) = {
        let address = address();
        let (rest, database) = address.rsplit_once('/').unwrap();
        (rest.to_owned(), database.to_owned())
    };
    let error = open(&format!("{rest}/dlcs_no_such_database")).await;
    assert!(
        matches!(error, OpenError::NoSuchDatabase { .. }),
        "{error:?}"
    );
    let (_, host) = rest.rsplit_once('@').unwrap();
    let error = open(&format!("postgres://dlcs_nobody@{host}/{database}")).await;
    assert!(matches!(error, OpenError::Denied { .. }), "{error:?}");
    let error = open(&format!("{}?sslmode=require", address())).await;
    assert!(matches!(error, OpenError::NotEncrypted { .. }), "{error:?}");
    let error = open(&format!("{}?sslrootcert=/no/such/file", address())).await;
    assert!(matches!(error, OpenError::Authorities { .. }), "{error:?}");

    let raw = schema.raw().await;
    let role = format!("{}_role", schema.name);
    raw.batch_execute(&format!("CREATE ROLE {role} LOGIN"))
        .await
        .unwrap();
    let error = open(&format!("postgres://{role}@{host}/{database}")).await;
    raw.batch_execute(&format!("DROP ROLE {role}"))
        .await
        .unwrap();
    assert!(matches!(error, OpenError::NotAllowed { .. }), "{error:?}");

    let keyless = PostgresCatalogueConfig::parse(&address())
        .unwrap()
        .with_schema(&schema.name);
    let error = PostgresCatalogue::open(keyless).await.unwrap_err();
    assert!(matches!(error, OpenError::NoKey), "{error:?}");
}

/// Debian's server has a certificate of its own making, which names the machine.
#[tokio::test]
async fn encrypted_connections_verify_certificate_and_name() {
    const TEST: &str = "encrypted_connections_verify_certificate_and_name";
    let schema = schema_or_return!(TEST);
    let raw = schema.raw().await;
    let setting = async |name: &str| -> String {
        let row = raw.query_one(&format!("SHOW {name}"), &[]).await;
        row.unwrap().get(0)
    };
    let certificate = setting("ssl_cert_file").await;
    let readable = std::fs::read(&certificate).is_ok();
    if setting("ssl").await != "on" || !readable {
        return program::skip(TEST, "a PostgreSQL with TLS on this machine");
    }
    let Some([openssl]) = program::find(TEST, ["openssl"]) else {
        return;
    };
    let names = std::process::Command::new(openssl)
        .args([
            "x509",
            "-noout",
            "-ext",
            "subjectAltName",
            "-in",
            &certificate,
        ])
        .output()
        .unwrap();
    let names = String::from_utf8(names.stdout).unwrap();
    let (_, name) = names.split_once("DNS:").unwrap();
    let name = name.split([',', '\n']).next().unwrap().trim();
    let url = url::Url::parse(&address()).unwrap();
    let address = |host: &str| {
        format!(
            "postgres://{}@{host}:{}{}?hostaddr=127.0.0.1&sslmode=verify-full&sslrootcert={certificate}&application_name={}",
            url.username(),
            url.port().unwrap_or(5432),
            url.path(),
            schema.name
        )
    };
    let open = async |host: &str| {
        let config = PostgresCatalogueConfig::parse(&address(host)).unwrap();
        let config = config
            .with_schema(&schema.name)
            .with_sealing_key(SealingKey::new([7; 32]));
        PostgresCatalogue::open(config).await
    };
    let error = open("another.example.org").await.unwrap_err();
    assert!(matches!(error, OpenError::NotEncrypted { .. }), "{error:?}");
    let catalogue = open(name).await.unwrap();
    catalogue.check().await.unwrap();
    let encrypted = "SELECT count(*), count(*) FILTER (WHERE ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
                     WHERE application_name = $1";
    let row = raw.query_one(encrypted, &[&schema.name]).await.unwrap();
    let (all, encrypted): (i64, i64) = (row.get(0), row.get(1));
    assert!(all > 0 && all == encrypted, "{encrypted} of {all}");
}

#[tokio::test]
async fn credentials_are_nowhere_in_the_database() {
    let schema = schema_or_return!("credentials_are_nowhere_in_the_database");
    let catalogue = schema.open().await;
    catalogue
        .create_customer(new_customer("default"))
        .await
        .unwrap();
    catalogue
        .create_origin_strategy(strategy("pattern-in-clear", "canary-password"))
        .await
        .unwrap();
    let raw = schema.raw().await;
    let rows = "SELECT s::text || encode(credentials, 'escape') FROM origin_strategies AS s";
    let row: String = raw.query_one(rows, &[]).await.unwrap().get(0);
    assert!(
        row.contains("pattern-in-clear") && !row.contains("canary"),
        "{row}"
    );
}

#[tokio::test]
async fn credentials_that_were_moved_to_another_row_do_not_open() {
    let schema = schema_or_return!("credentials_that_were_moved_to_another_row_do_not_open");
    let catalogue = schema.open().await;
    catalogue
        .create_customer(new_customer("default"))
        .await
        .unwrap();
    for (pattern, password) in [("a", "canary-a"), ("b", "canary-b")] {
        catalogue
            .create_origin_strategy(strategy(pattern, password))
            .await
            .unwrap();
    }
    let swap = "UPDATE origin_strategies AS s SET credentials = o.credentials FROM origin_strategies AS o WHERE o.pattern <> s.pattern";
    assert_eq!(schema.raw().await.execute(swap, &[]).await.unwrap(), 2);
    let found = catalogue.list_origin_strategies(FIRST).await.unwrap();
    let unreadable = OriginAccess::Unreadable(OriginStrategyKind::BasicHttp);
    assert!(found.len() == 2 && found.iter().all(|found| found.access == unreadable));
}

#[tokio::test]
async fn every_node_needs_the_same_key_and_a_new_one_comes_with_the_old() {
    let schema =
        schema_or_return!("every_node_needs_the_same_key_and_a_new_one_comes_with_the_old");
    let folder = tempfile::tempdir().unwrap();
    let (file, copy) = (folder.path().join("a.key"), folder.path().join("b.key"));
    let config = || {
        PostgresCatalogueConfig::parse(&address())
            .unwrap()
            .with_schema(&schema.name)
    };
    let first = PostgresCatalogue::open(config().with_sealing_key_file(&file))
        .await
        .unwrap();
    first
        .create_customer(new_customer("default"))
        .await
        .unwrap();
    let sealed = strategy("a", "canary-password");
    first.create_origin_strategy(sealed.clone()).await.unwrap();

    let error = PostgresCatalogue::open(config().with_sealing_key_file(&copy))
        .await
        .unwrap_err();
    assert!(matches!(error, OpenError::MissingKey { .. }), "{error:?}");
    assert!(
        !copy.try_exists().unwrap(),
        "a key that only one node has is of no use"
    );
    let other = SealingKey::new([9; 32]);
    let error = PostgresCatalogue::open(config().with_sealing_key(other.clone()))
        .await
        .unwrap_err();
    assert!(matches!(error, OpenError::OtherKey), "{error:?}");
    std::fs::copy(&file, &copy).unwrap();
    let second = PostgresCatalogue::open(config().with_sealing_key_file(&copy))
        .await
        .unwrap();
    assert_eq!(
        second.list_origin_strategies(FIRST).await.unwrap(),
        std::slice::from_ref(&sealed)
    );

    let old = SealingKey::from_file(&file).unwrap();
    // First every node learns to open what the new key seals, then every node seals with it.
    let prepared = config()
        .with_sealing_key(old.clone())
        .with_old_sealing_key(other.clone());
    let prepared = PostgresCatalogue::open(prepared).await.unwrap();
    let rotated = config()
        .with_sealing_key(other.clone())
        .with_old_sealing_key(old.clone());
    let rotated = PostgresCatalogue::open(rotated).await.unwrap();
    for node in [&prepared, &rotated] {
        assert_eq!(
            node.list_origin_strategies(FIRST).await.unwrap(),
            std::slice::from_ref(&sealed)
        );
    }
    let unreadable = OriginAccess::Unreadable(OriginStrategyKind::BasicHttp);
    assert_eq!(
        first.list_origin_strategies(FIRST).await.unwrap()[0].access,
        unreadable
    );
    let error = PostgresCatalogue::open(config().with_sealing_key(old))
        .await
        .unwrap_err();
    assert!(matches!(error, OpenError::OtherKey), "{error:?}");
}

#[tokio::test]
async fn what_another_node_changes_is_seen_within_half_a_second() {
    let schema = schema_or_return!("what_another_node_changes_is_seen_within_half_a_second");
    let (here, there) = (schema.open().await, schema.open().await);
    let made = here.create_customer(new_customer("default")).await.unwrap();
    let seen = async |node: &PostgresCatalogue| {
        let found = node.find_customer_by_name(&made.name).await.unwrap();
        found.unwrap().display_name
    };
    assert_eq!(seen(&there).await, "A customer");
    here.rename_customer(made.id, "Another").await.unwrap();
    let changed = std::time::Instant::now();
    assert_eq!(seen(&here).await, "Another", "at once where it was changed");
    while seen(&there).await != "Another" {
        assert!(
            changed.elapsed() < Duration::from_millis(700),
            "{:?}",
            changed.elapsed()
        );
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn no_text_of_a_caller_breaks_a_statement() {
    let schema = schema_or_return!("no_text_of_a_caller_breaks_a_statement");
    let catalogue = schema.open().await;
    let customer = catalogue
        .create_customer(new_customer("default"))
        .await
        .unwrap()
        .id;
    for key in ["\0", "'", "a\0b", "\u{10ffff}", ""] {
        assert!(catalogue.find_key(key).await.unwrap().is_none(), "{key:?}");
    }
    let name = "'; DROP TABLE spaces; -- \u{202e}\\ \"";
    let space = catalogue
        .create_space(customer, None, SpaceChanges::named(name))
        .await
        .unwrap();
    assert_eq!(space.name, name);
}

/// Schemas that another name would let out of their quotes.
#[tokio::test]
async fn a_schema_may_have_any_name() {
    let mut schema: Schema = schema_or_return!("a_schema_may_have_any_name");
    schema.name = format!("{}\"; DROP TABLE x; --", schema.name);
    let quoted = format!("\"{}\"", schema.name.replace('"', "\"\""));
    let catalogue = schema.open().await;
    catalogue.check().await.unwrap();
    let raw = schema.raw_without_path().await;
    raw.batch_execute(&format!("DROP SCHEMA {quoted} CASCADE"))
        .await
        .unwrap();
}
