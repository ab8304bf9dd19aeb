//! The PostgreSQL queue: what is its own besides the contract.
#![expect(clippy::unwrap_used, reason = "a test says by panicking that it fails")]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use dlcs_core::catalogue::{Catalogue, CatalogueError};
use dlcs_core::queue::{
    Claim, Completion, Failure, IngestQueue, Lane, QueueError, Submission, SubmissionItem,
};
use dlcs_core::space::Space;
use dlcs_core::storage::Quota;
use dlcs_storage::catalogue::PostgresCatalogue;
use dlcs_testkit::fixture;
use futures_util::future::join_all;
use tokio::time::timeout;

use crate::postgres_fixture::{Schema, schema_or_return};
use crate::postgres_session::drop_after;
use crate::postgres_sound::{assert_sound, assert_told};

mod contract {
    use std::sync::Arc;

    use dlcs_testkit::fake::FakeClock;

    use crate::postgres_fixture::{Backend, Schema};

    async fn new() -> (Option<Schema>, Backend, Arc<FakeClock>) {
        Backend::new("the contract of the PostgreSQL queue").await
    }

    dlcs_testkit::queue_contract!(new());
}

/// So many nodes on one schema, by the database's clock.
pub(crate) async fn nodes(schema: &Schema, count: usize) -> Vec<PostgresCatalogue> {
    let open = || PostgresCatalogue::open(schema.config_by_database_clock());
    let opened = join_all((0..count).map(|_| open())).await;
    opened.into_iter().map(Result::unwrap).collect()
}

pub(crate) fn items(space: &Space, count: u32) -> Vec<SubmissionItem> {
    let models = (0..count).map(|n| format!("image {n}"));
    models.map(|model| fixture::item(space, &model)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_of_many_nodes_share_a_batch_and_its_numbers_hold_at_every_moment() {
    let schema = schema_or_return!("workers_of_many_nodes_share_a_batch");
    let nodes = nodes(&schema, 3).await;
    let space = fixture::space(&nodes[0]).await;
    let submission = fixture::submission(&space, items(&space, 150));
    let batch = nodes[0].submit(submission).await.unwrap();
    let worker = async |n: usize| {
        let node = &nodes[n % nodes.len()];
        let mut done = Vec::new();
        while let Some(claimed) = node.claim(fixture::claim()).await.unwrap() {
            done.push((claimed.image.id.clone(), claimed.lease.token()));
            let result = node
                .complete(claimed.lease, fixture::derivative(100).into())
                .await;
            assert!(matches!(result, Ok(Completion::Recorded(_))), "{result:?}");
        }
        done
    };
    let raw = schema.raw().await;
    let observer = async {
        let mut last = 0;
        loop {
            let seen = nodes[1]
                .find_batch(space.customer, batch.id)
                .await
                .unwrap()
                .unwrap();
            let ended = seen.completed + seen.errors;
            assert!(
                last <= ended && ended <= seen.count,
                "{seen:?} after {last}"
            );
            assert_sound(&raw, "while workers work").await;
            last = ended;
            if seen.finished.is_some() {
                break;
            }
        }
    };
    let (done, ()) = tokio::join!(join_all((0..6).map(worker)), observer);
    let done: Vec<_> = done.into_iter().flatten().collect();
    assert_eq!(done.len(), 150);
    assert_eq!(
        done.iter().map(|(id, _)| id).collect::<BTreeSet<_>>().len(),
        150
    );
    assert_eq!(
        done.iter()
            .map(|(_, token)| token)
            .collect::<BTreeSet<_>>()
            .len(),
        150
    );
    assert_sound(&raw, "at the end").await;
}

/// Everything at once on a few images, so that everybody is in everybody's way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_at_once_leaves_sound_tables_and_no_unexpected_error() {
    let schema = schema_or_return!("everything_at_once_leaves_sound_tables");
    let nodes = nodes(&schema, 2).await;
    let space = fixture::space(&nodes[0]).await;
    let seed = std::env::var("SEED")
        .ok()
        .and_then(|text| text.parse().ok());
    let seed: u64 = seed.unwrap_or(0x5eed);
    dlcs_testkit::program::say(&format!("SEED={seed}"));
    let raw = schema.raw().await;
    let deadline = Instant::now() + Duration::from_secs(6);
    let actor = async |n: u64| {
        let node = &nodes[n as usize % nodes.len()];
        let mut random = Random(seed.wrapping_add(n));
        while Instant::now() < deadline {
            act(node, &space, &mut random).await;
        }
    };
    let observer = async {
        while Instant::now() < deadline {
            assert_sound(&raw, "while everything happens").await;
            tokio::task::yield_now().await;
        }
    };
    tokio::join!(join_all((0..8).map(actor)), observer);
    for node in &nodes {
        node.reclaim(fixture::claim().owner).await.unwrap();
    }
    while let Some(claimed) = nodes[0].claim(fixture::claim()).await.unwrap() {
        let result = nodes[0]
            .complete(claimed.lease, fixture::derivative(100).into())
            .await;
        assert!(matches!(result, Ok(Completion::Recorded(_))), "{result:?}");
    }
    assert_sound(&raw, "at the end").await;
    assert_told(&raw, "at the end").await;
    let totals = nodes[0].totals().await.unwrap();
    let left: i64 = raw
        .query_one("SELECT count(*) FROM jobs", &[])
        .await
        .unwrap()
        .get(0);
    let why = "what is not due yet waits for its retry, and nothing else waits";
    assert_eq!(
        totals.waiting + totals.waiting_priority,
        left as u64,
        "{why}"
    );
}

struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}

async fn act(node: &PostgresCatalogue, space: &Space, random: &mut Random) {
    let item = |random: &mut Random| {
        let host = format!("host{}.example", random.below(3));
        fixture::item_at(space, &host, &format!("image {}", random.below(12)))
    };
    match random.below(10) {
        0..3 => {
            let lane = [Lane::Default, Lane::Priority][random.below(2) as usize];
            let mut chosen: Vec<SubmissionItem> = Vec::new();
            for _ in 0..=random.below(6) {
                let next = item(random);
                if chosen.iter().all(|item| item.image != next.image) {
                    chosen.push(next);
                }
            }
            let submission = Submission {
                quota: Quota::NONE,
                customer: space.customer,
                lane,
                items: chosen,
            };
            node.submit(submission).await.unwrap();
        }
        3 => {
            let gone = node.delete_image(&item(random).image).await;
            assert!(
                matches!(gone, Ok(()) | Err(CatalogueError::NotFound { .. })),
                "{gone:?}"
            );
        }
        4 => {
            let begun = node
                .begin(item(random), Quota::NONE, fixture::claim())
                .await
                .unwrap();
            end(node, begun.claimed.lease, random).await;
        }
        5 => {
            let batch = 1 + random.below(20);
            let batch = dlcs_core::id::BatchId::new(batch).unwrap();
            let retried = node.retry_batch(space.customer, batch).await;
            assert!(
                matches!(retried, Ok(_) | Err(QueueError::BatchNotFound)),
                "{retried:?}"
            );
            let tested = node.test_batch(space.customer, batch).await;
            assert!(
                matches!(tested, Ok(false) | Err(QueueError::BatchNotFound)),
                "{tested:?}"
            );
        }
        _ => {
            let claim = Claim {
                per_host: 2,
                ..fixture::claim()
            };
            if let Some(claimed) = node.claim(claim).await.unwrap() {
                end(node, claimed.lease, random).await;
            }
        }
    }
}

/// Ends a lease in some way, unless it has been overtaken.
async fn end(node: &PostgresCatalogue, lease: dlcs_core::queue::Lease, random: &mut Random) {
    let error = "no luck".to_owned();
    let outcome = match random.below(6) {
        0 => node.fail(lease, Failure::Final { error }).await.map(drop),
        1 => {
            let after = Duration::from_millis(random.below(50));
            node.fail(lease, Failure::Retry { after, error })
                .await
                .map(drop)
        }
        2 => node.release(lease).await,
        // It dies.
        3 => return drop(lease),
        _ => node
            .complete(lease, fixture::derivative(100).into())
            .await
            .map(drop),
    };
    assert!(
        matches!(outcome, Ok(()) | Err(QueueError::LeaseLost)),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn work_wakes_the_workers_of_every_node() {
    let schema = schema_or_return!("work_wakes_the_workers_of_every_node");
    let nodes = nodes(&schema, 2).await;
    let space = fixture::space(&nodes[0]).await;
    let mut here = nodes[0].wakeups();
    let mut there = nodes[1].wakeups();
    let patience = Duration::from_secs(10);
    let woken = async |receiver: &mut tokio::sync::watch::Receiver<u64>| {
        timeout(patience, receiver.changed())
            .await
            .unwrap()
            .unwrap();
    };
    let raw = schema.raw().await;
    let listeners = async |what: &str| -> i64 {
        let sql = format!(
            "SELECT count({what}) FROM pg_stat_activity
             WHERE query ~ ('^(LISTEN|NOTIFY) \"dlcs_queue_' || (SELECT oid FROM pg_namespace WHERE nspname = $1) || '\"')"
        );
        raw.query_one(&sql, &[&schema.name]).await.unwrap().get(0)
    };
    while listeners("pid").await < 2 {
        tokio::task::yield_now().await;
    }
    for round in 0..3 {
        here.mark_unchanged();
        there.mark_unchanged();
        let item = fixture::item(&space, &format!("image {round}"));
        nodes[0]
            .submit(fixture::submission(&space, [item]))
            .await
            .unwrap();
        assert!(
            here.has_changed().unwrap(),
            "at once where it was submitted"
        );
        woken(&mut there).await;
        there.mark_unchanged();
        let lease = nodes[0]
            .claim(fixture::claim())
            .await
            .unwrap()
            .unwrap()
            .lease;
        nodes[0].release(lease).await.unwrap();
        woken(&mut there).await;
        if round == 1 {
            let ended = listeners("pg_terminate_backend(pid)").await;
            assert_eq!(ended, 2, "each node listens");
            // Whoever could not listen for a while looks.
            woken(&mut there).await;
        }
    }
}

#[tokio::test]
async fn every_node_sees_an_image_within_half_a_second_of_its_batch_saying_so() {
    let schema = schema_or_return!("every_node_sees_an_image_within_half_a_second");
    let nodes = nodes(&schema, 2).await;
    let space = fixture::space(&nodes[0]).await;
    let id = fixture::image_id(&space, "a");
    let width = async |node: &PostgresCatalogue| {
        let found = node.find_image(&id).await.unwrap();
        found.map(|image| image.width())
    };
    let seen_within = async |expected: Option<u32>| {
        let begun = Instant::now();
        assert_eq!(
            width(&nodes[0]).await,
            expected,
            "at once where it was changed"
        );
        while width(&nodes[1]).await != expected {
            assert!(
                begun.elapsed() < Duration::from_millis(700),
                "{:?}",
                begun.elapsed()
            );
            tokio::task::yield_now().await;
        }
    };
    for round in 1..4 {
        let item = fixture::item(&space, "a");
        nodes[0]
            .submit(fixture::submission(&space, [item]))
            .await
            .unwrap();
        // Kept in memory by both.
        for node in &nodes {
            width(node).await;
        }
        let lease = nodes[0]
            .claim(fixture::claim())
            .await
            .unwrap()
            .unwrap()
            .lease;
        let derivative = fixture::derivative(100 * round);
        assert!(nodes[0].complete(lease, derivative.into()).await.is_ok());
        seen_within(Some(100 * round)).await;
    }
    nodes[0].delete_image(&id).await.unwrap();
    seen_within(None).await;
}

#[tokio::test]
async fn leases_go_by_the_clock_of_the_database() {
    let schema = schema_or_return!("leases_go_by_the_clock_of_the_database");
    let node = nodes(&schema, 1).await.remove(0);
    let space = fixture::space(&node).await;
    node.submit(fixture::submission(&space, items(&space, 2)))
        .await
        .unwrap();
    let short = Claim {
        lease_for: Duration::from_millis(50),
        ..fixture::claim_by("another")
    };
    let lost = node.claim(short).await.unwrap().unwrap().lease;
    let raw = schema.raw().await;
    let gone = "SELECT min(lease_until) < (extract(epoch FROM clock_timestamp()) * 1000000)::bigint FROM jobs";
    while !raw.query_one(gone, &[]).await.unwrap().get::<_, bool>(0) {
        tokio::task::yield_now().await;
    }
    let again = node.claim(fixture::claim()).await.unwrap().unwrap().lease;
    assert_eq!(again.image(), lost.image(), "it has kept its place");
    let late = node.complete(lost, fixture::derivative(100).into()).await;
    assert!(matches!(late, Err(QueueError::LeaseLost)), "{late:?}");
    assert_sound(&raw, "after a lease has expired").await;
}

#[tokio::test]
async fn tokens_never_repeat_on_any_node_nor_after_a_restart() {
    let schema = schema_or_return!("tokens_never_repeat_on_any_node_nor_after_a_restart");
    let mut seen = BTreeSet::new();
    let mut space = None;
    for _ in 0..3 {
        let nodes = nodes(&schema, 2).await;
        if space.is_none() {
            space = Some(fixture::space(&nodes[0]).await);
        }
        let space = space.as_ref().unwrap();
        nodes[0]
            .submit(fixture::submission(space, items(space, 1)))
            .await
            .unwrap();
        for round in 0..6 {
            let node = &nodes[round % 2];
            let lease = node.claim(fixture::claim()).await.unwrap().unwrap().lease;
            assert!(seen.insert(lease.token()), "{:?} {seen:?}", lease.token());
            node.release(lease).await.unwrap();
            let none = node.claim(fixture::claim_by("another")).await.unwrap();
            let lease = none.unwrap().lease;
            assert!(seen.insert(lease.token()), "{:?} {seen:?}", lease.token());
            node.release(lease).await.unwrap();
        }
    }
}

/// Drops submissions, claims and results at each of their await points, one after another.
#[tokio::test]
async fn operations_of_the_queue_may_be_dropped_anywhere() {
    let schema = schema_or_return!("operations_of_the_queue_may_be_dropped_anywhere");
    let node = PostgresCatalogue::open(schema.config_by_database_clock().with_connections(2))
        .await
        .unwrap();
    let space = fixture::space(&node).await;
    let raw = schema.raw().await;
    for polls in 0..40_u32 {
        let submission = fixture::submission(&space, items(&space, 3));
        drop_after(polls, node.submit(submission)).await;
        drop_after(polls, node.claim(fixture::claim())).await;
        if let Some(claimed) = node.claim(fixture::claim()).await.unwrap() {
            drop_after(
                polls,
                node.complete(claimed.lease, fixture::derivative(100).into()),
            )
            .await;
        }
        drop_after(polls, node.reclaim(fixture::claim().owner)).await;
        assert_sound(&raw, "after operations were dropped").await;
    }
    node.reclaim(fixture::claim().owner).await.unwrap();
    node.submit(fixture::submission(&space, items(&space, 3)))
        .await
        .unwrap();
    let mut claimed = 0;
    while let Some(next) = node.claim(fixture::claim()).await.unwrap() {
        let _ = node
            .complete(next.lease, fixture::derivative(100).into())
            .await
            .unwrap();
        claimed += 1;
    }
    assert_eq!(claimed, 3);
}
