//! The SQLite queue: what is its own besides the contract.
#![expect(clippy::unwrap_used, reason = "a test says by panicking that it fails")]

use std::collections::BTreeSet;
use std::time::Duration;

use dlcs_core::catalogue::Catalogue;
use dlcs_core::derivative::DerivativeKey;
use dlcs_core::id::CustomerId;
use dlcs_core::image::ImageState;
use dlcs_core::queue::{Completion, IngestQueue, QueueError};
use dlcs_core::storage::Quota;
use futures_util::future::join_all;

use crate::sqlite_fixture::{CLAIM, Place, derivative, image, item, submission};

mod contract {
    use std::sync::Arc;

    use dlcs_core::time::Clock;
    use dlcs_storage::catalogue::{SqliteCatalogue, SqliteCatalogueConfig};
    use dlcs_testkit::fake::FakeClock;

    async fn new() -> ((), SqliteCatalogue, Arc<FakeClock>) {
        let clock = FakeClock::new();
        let shared: Arc<dyn Clock> = Arc::<FakeClock>::clone(&clock);
        let config = SqliteCatalogueConfig::temporary().with_clock(shared);
        ((), SqliteCatalogue::open(config).await.unwrap(), clock)
    }

    dlcs_testkit::queue_contract!(new());
}

const FIRST: CustomerId = CustomerId::FIRST;
const TWO_HOURS: Duration = Duration::from_secs(2 * 60 * 60);

#[tokio::test]
async fn the_leases_of_a_dead_process_are_given_back_at_once() {
    let place = Place::new();
    let catalogue = place.open_with_space().await;
    let batch = catalogue
        .submit(submission([item("a"), item("b")]))
        .await
        .unwrap();
    let lost = catalogue.claim(CLAIM).await.unwrap().unwrap().lease;
    assert_eq!(lost.image(), &image("a"));
    drop(catalogue);

    let catalogue = place.open().await;
    let size = catalogue.size(FIRST).await.unwrap();
    assert_eq!((size.images, size.images_waiting, size.batches), (2, 2, 1));
    let found = catalogue.find_image(&image("a")).await.unwrap().unwrap();
    assert!(matches!(found.state, ImageState::Waiting { .. }));
    let crashes: i64 = place
        .raw()
        .query_row("SELECT sum(crashes) FROM jobs", [], |row| row.get(0))
        .unwrap();
    assert_eq!(crashes, 1);

    let [pyramid, original] = DerivativeKey::of_lease(&image("a"), lost.generation(), lost.token());
    place.clock.advance(TWO_HOURS - Duration::from_secs(1));
    assert!(catalogue.list_collectable(10).await.unwrap().is_empty());
    place.clock.advance(Duration::from_secs(1));
    let orphans = [original, pyramid];
    assert_eq!(catalogue.list_collectable(10).await.unwrap(), orphans);

    let again = catalogue.claim(CLAIM).await.unwrap().unwrap().lease;
    let why = "a process that died is not the image's fault";
    assert_eq!((again.image(), again.attempt()), (&image("a"), 1), "{why}");
    assert!(again.token() > lost.token());
    let late = catalogue.complete(lost, derivative().into()).await;
    assert!(matches!(late, Err(QueueError::LeaseLost)), "{late:?}");
    let in_time = catalogue
        .complete(again, derivative().into())
        .await
        .unwrap();
    assert!(matches!(in_time, Completion::Recorded(_)));
    let found = catalogue
        .find_batch(FIRST, batch.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((found.completed, found.errors), (1, 0));
}

#[tokio::test]
async fn tokens_and_batches_do_not_repeat_after_a_restart() {
    let place = Place::new();
    let mut catalogue = place.open_with_space().await;
    let (mut tokens, mut batches) = (Vec::new(), Vec::new());
    for _ in 0..4 {
        let batch = catalogue.submit(submission([item("a")])).await.unwrap();
        batches.push(batch.id);
        for _ in 0..2 {
            let lease = catalogue.claim(CLAIM).await.unwrap().unwrap().lease;
            tokens.push(lease.token());
            catalogue.release(lease).await.unwrap();
        }
        catalogue.delete_image(&image("a")).await.unwrap();
        drop(catalogue);
        catalogue = place.open().await;
    }
    assert!(tokens.is_sorted_by(|a, b| a < b), "{tokens:?}");
    assert!(batches.is_sorted_by(|a, b| a < b), "{batches:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_workers_share_a_batch_and_its_numbers_hold_at_every_moment() {
    let place = Place::new();
    let catalogue = place.open_with_space().await;
    let items = (0..200).map(|n| item(&format!("image {n}")));
    let batch = catalogue.submit(submission(items)).await.unwrap();
    let worker = async |_: u32| {
        let mut done = Vec::new();
        while let Some(claimed) = catalogue.claim(CLAIM).await.unwrap() {
            done.push(claimed.image.id.clone());
            let _ = catalogue
                .complete(claimed.lease, derivative().into())
                .await
                .unwrap();
        }
        done
    };
    let observer = async {
        let mut last = 0;
        loop {
            let seen = catalogue
                .find_batch(FIRST, batch.id)
                .await
                .unwrap()
                .unwrap();
            let ended = seen.completed + seen.errors;
            assert!(
                last <= ended && ended <= seen.count,
                "{seen:?} after {last}"
            );
            assert_eq!(seen.finished.is_some(), ended == seen.count, "{seen:?}");
            last = ended;
            if seen.finished.is_some() {
                break;
            }
        }
    };
    let (done, ()) = tokio::join!(join_all((0..8).map(worker)), observer);
    let done: Vec<_> = done.into_iter().flatten().collect();
    assert_eq!(done.len(), 200);
    assert_eq!(done.iter().collect::<BTreeSet<_>>().len(), 200);
    let size = catalogue.size(FIRST).await.unwrap();
    assert_eq!((size.images, size.images_waiting, size.batches), (0, 0, 0));
}

#[tokio::test]
async fn an_image_that_is_overtaken_leaves_its_batch_and_its_lease() {
    let place = Place::new();
    let catalogue = place.open_with_space().await;
    let first = catalogue.submit(submission([item("a")])).await.unwrap();
    let overtaken = catalogue.claim(CLAIM).await.unwrap().unwrap().lease;
    let [pyramid, original] =
        DerivativeKey::of_lease(&image("a"), overtaken.generation(), overtaken.token());
    let begun = catalogue
        .begin(item("a"), Quota::NONE, CLAIM)
        .await
        .unwrap();
    assert!(!begun.created);
    let first = catalogue
        .find_batch(FIRST, first.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (first.completed, first.errors, first.superseded),
        (1, 0, true)
    );
    assert!(first.finished.is_some());
    let late = catalogue
        .complete(overtaken, derivative().into())
        .await
        .unwrap();
    assert_eq!(late, Completion::Superseded);
    assert!(
        catalogue
            .find_image(&image("a"))
            .await
            .unwrap()
            .unwrap()
            .service()
            .is_none()
    );

    let _ = catalogue
        .complete(begun.claimed.lease, derivative().into())
        .await
        .unwrap();
    let served = catalogue.find_image(&image("a")).await.unwrap().unwrap();
    let served_key = served.service().unwrap().key(&image("a"));
    let second = catalogue.submit(submission([item("a")])).await.unwrap();
    catalogue.delete_image(&image("a")).await.unwrap();
    let second = catalogue
        .find_batch(FIRST, second.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((second.completed, second.superseded), (1, true));
    place.clock.advance(Duration::from_secs(60));
    assert_eq!(
        catalogue.list_collectable(10).await.unwrap(),
        std::slice::from_ref(&served_key)
    );
    place.clock.advance(TWO_HOURS);
    assert_eq!(
        catalogue.list_collectable(10).await.unwrap(),
        [served_key, original, pyramid]
    );
}

#[tokio::test]
async fn a_full_walk_leaves_a_sound_database() {
    let place = Place::new();
    let catalogue = place.open_with_space().await;
    catalogue
        .submit(submission([item("a"), item("b")]))
        .await
        .unwrap();
    let lease = catalogue.claim(CLAIM).await.unwrap().unwrap().lease;
    place.clock.advance(Duration::from_secs(61));
    let again = catalogue.claim(CLAIM).await.unwrap().unwrap().lease;
    assert_eq!((again.image(), again.attempt()), (lease.image(), 1));
    drop(catalogue);
    let database = place.raw();
    let broken: i64 = database
        .query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(broken, 0);
    for drifted in [
        "SELECT count(*) FROM queue_shares AS s
         WHERE waiting <> (SELECT count(*) FROM jobs WHERE customer = s.customer AND iif(set_apart, 2, lane) = s.lane AND lease_token IS NULL)
            OR leased <> (SELECT count(*) FROM jobs WHERE customer = s.customer AND iif(set_apart, 2, lane) = s.lane AND lease_token IS NOT NULL)",
        "SELECT count(*) FROM queue_lines AS l
         WHERE job IS NOT (SELECT id FROM jobs WHERE customer = l.customer AND lane = l.lane AND host = l.host AND lease_token IS NULL
                           AND set_apart = 0 ORDER BY run_at, id LIMIT 1)",
        "SELECT count(*) FROM jobs AS j WHERE lease_token IS NULL AND set_apart = 0
           AND NOT EXISTS (SELECT 1 FROM queue_lines WHERE customer = j.customer AND lane = j.lane AND host = j.host)",
        "SELECT count(*) FROM queue_hosts AS h
         WHERE leased <> (SELECT count(*) FROM jobs WHERE host = h.host AND lease_token IS NOT NULL)",
    ] {
        let rows: i64 = database.query_row(drifted, [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 0, "{drifted}");
    }
}
