//! Checks of a PostgreSQL catalogue: the contract, and what somebody else has broken.

use dlcs_core::fsck::Ledger;
use dlcs_core::queue::IngestQueue;
use dlcs_testkit::fixture;
use futures_util::future::join_all;

use crate::miscounts::{
    BREAKS, WRONGLY_SUPERSEDED, assert_found_out_once, assert_lost_jobs_are_made_again,
    assert_seen_and_mended, fill,
};
use crate::postgres_fixture::schema_or_return;
use crate::postgres_sound::assert_sound;

mod contract {
    use std::sync::Arc;

    use dlcs_testkit::fake::FakeClock;

    use crate::postgres_fixture::{Backend, Schema};

    async fn new() -> (Option<Schema>, Backend, Arc<FakeClock>) {
        Backend::new("the contract of the PostgreSQL ledger").await
    }

    dlcs_testkit::fsck_contract!(new());
}

#[tokio::test]
async fn what_is_broken_by_hand_is_seen_and_counted_anew() {
    for broken in BREAKS {
        let schema = schema_or_return!("what_is_broken_by_hand_is_seen_and_counted_anew");
        let catalogue = schema.open().await;
        fill(&catalogue).await;
        let raw = schema.raw().await;
        raw.batch_execute(broken.0).await.unwrap();
        assert_seen_and_mended(&catalogue, broken).await;
        if broken.2 {
            // In the words of the tests themselves.
            assert_sound(&raw, broken.0).await;
        }
    }
}

#[tokio::test]
async fn a_batch_that_is_known_wrongly_is_put_right_by_a_test_of_it() {
    let schema = schema_or_return!("a_batch_that_is_known_wrongly_is_put_right");
    let catalogue = schema.open().await;
    let batch = fill(&catalogue).await;
    let raw = schema.raw().await;
    assert_eq!(raw.execute(WRONGLY_SUPERSEDED, &[]).await.unwrap(), 1);
    assert_found_out_once(&catalogue, &batch).await;
    assert_sound(&raw, "after a test of a batch").await;
}

#[tokio::test]
async fn images_that_are_lost_to_the_queue_come_back() {
    let schema = schema_or_return!("images_that_are_lost_to_the_queue_come_back");
    let catalogue = schema.open().await;
    fill(&catalogue).await;
    schema
        .raw()
        .await
        .batch_execute("DELETE FROM jobs")
        .await
        .unwrap();
    assert_lost_jobs_are_made_again(&catalogue).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counting_anew_while_others_work_breaks_nothing() {
    let schema = schema_or_return!("counting_anew_while_others_work_breaks_nothing");
    let nodes = [schema.open().await, schema.open().await];
    let space = fixture::space(&nodes[0]).await;
    let work = async |node: usize| {
        for round in 0..10 {
            let ids = (0..10).map(|id| format!("{node}-{round}-{id}"));
            let items: Vec<_> = ids.map(|id| fixture::item(&space, &id)).collect();
            nodes[node]
                .submit(fixture::submission(&space, items))
                .await
                .unwrap();
            while let Some(claimed) = nodes[node].claim(fixture::claim()).await.unwrap() {
                let done = fixture::derivative(100).into();
                let _ = nodes[node].complete(claimed.lease, done).await.unwrap();
            }
        }
    };
    let look = async {
        for _ in 0..10 {
            nodes[0].recount().await.unwrap();
            assert_eq!(nodes[1].miscounts(10).await.unwrap(), []);
        }
    };
    tokio::join!(join_all([work(0), work(1)]), look);
    assert_eq!(nodes[0].miscounts(10).await.unwrap(), []);
    assert_sound(&schema.raw().await, "in the end").await;
}
