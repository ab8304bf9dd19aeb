//! Claims on PostgreSQL while somebody else has rows in hand.

use std::time::{Duration, Instant};

use dlcs_core::queue::{Claim, IngestQueue};
use dlcs_testkit::fixture;
use tokio::time::timeout;

use crate::postgres_fixture::schema_or_return;
use crate::queue_postgres::{items, nodes};

#[tokio::test]
async fn a_claim_passes_over_what_somebody_else_is_changing() {
    let schema = schema_or_return!("a_claim_passes_over_what_somebody_else_is_changing");
    let node = nodes(&schema, 1).await.remove(0);
    let space = fixture::space(&node).await;
    let first = fixture::item_at(&space, "a.example", "first");
    let second = fixture::item_at(&space, "b.example", "second");
    node.submit(fixture::submission(&space, [first, second]))
        .await
        .unwrap();
    let raw = schema.raw().await;
    raw.batch_execute("BEGIN; SELECT 1 FROM images WHERE model = 'first' FOR UPDATE")
        .await
        .unwrap();
    let begun = Instant::now();
    let claimed = node.claim(fixture::claim()).await.unwrap().unwrap();
    assert_eq!(claimed.image.id.model().as_str(), "second");
    assert!(node.claim(fixture::claim()).await.unwrap().is_none());
    assert!(
        begun.elapsed() < Duration::from_secs(2),
        "{:?}",
        begun.elapsed()
    );
    raw.batch_execute("ROLLBACK").await.unwrap();
    let claimed = node.claim(fixture::claim()).await.unwrap().unwrap();
    assert_eq!(claimed.image.id.model().as_str(), "first");
}

#[tokio::test]
async fn a_claim_passes_over_an_expired_lease_that_somebody_else_is_changing() {
    let schema = schema_or_return!("a_claim_passes_over_an_expired_lease");
    let node = nodes(&schema, 1).await.remove(0);
    let space = fixture::space(&node).await;
    node.submit(fixture::submission(&space, items(&space, 2)))
        .await
        .unwrap();
    let expired = Claim {
        lease_for: Duration::ZERO,
        ..fixture::claim_by("another")
    };
    let lost = node.claim(expired).await.unwrap().unwrap().lease;
    let raw = schema.raw().await;
    // A test that fails drops its schema, and must not wait for itself.
    let hold = "SET idle_in_transaction_session_timeout = '10s';
                BEGIN; SELECT 1 FROM jobs WHERE lease_token IS NOT NULL FOR UPDATE";
    raw.batch_execute(hold).await.unwrap();
    let claim = async || {
        let claimed = timeout(Duration::from_secs(5), node.claim(fixture::claim())).await;
        claimed.expect("it waits for nobody").unwrap()
    };
    let other = claim().await.expect("another image waits");
    assert_ne!(other.lease.image(), lost.image());
    assert!(claim().await.is_none(), "nothing else is due");
    raw.batch_execute("ROLLBACK").await.unwrap();
    let again = claim().await.expect("nobody holds it any more");
    assert_eq!(again.lease.image(), lost.image());
}

#[tokio::test]
async fn a_node_opens_although_another_one_stopped_while_it_opened() {
    let schema = schema_or_return!("a_node_opens_although_another_one_stopped");
    nodes(&schema, 1).await;
    let raw = schema.raw().await;
    // A test that fails drops its schema, and must not wait for itself.
    let hold = "SET idle_in_transaction_session_timeout = '10s';
                BEGIN; SELECT id FROM sealing_key FOR UPDATE";
    raw.batch_execute(hold).await.unwrap();
    let opened = timeout(Duration::from_secs(5), nodes(&schema, 1)).await;
    assert_eq!(opened.expect("it waits for nobody").len(), 1);
    raw.batch_execute("ROLLBACK").await.unwrap();
}
