//! Checks of a SQLite catalogue: the contract, and what somebody else has broken.
#![expect(clippy::unwrap_used, reason = "a test says by panicking that it fails")]

use std::collections::BTreeSet;

use dlcs_core::fsck::{Ledger, Rule};

use crate::miscounts::{
    BREAKS, WRONGLY_SUPERSEDED, assert_found_out_once, assert_lost_jobs_are_made_again,
    assert_seen_and_mended, fill,
};
use crate::sqlite_fixture::Place;

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

    dlcs_testkit::fsck_contract!(new());
}

#[tokio::test]
async fn what_is_broken_by_hand_is_seen_and_counted_anew() {
    for broken in BREAKS {
        let place = Place::new();
        let catalogue = place.open().await;
        fill(&catalogue).await;
        place.raw().execute_batch(broken.0).unwrap();
        assert_seen_and_mended(&catalogue, broken).await;
    }
}

#[tokio::test]
async fn a_batch_that_is_known_wrongly_is_put_right_by_a_test_of_it() {
    let place = Place::new();
    let catalogue = place.open().await;
    let batch = fill(&catalogue).await;
    let changed = place.raw().execute(WRONGLY_SUPERSEDED, []).unwrap();
    assert_eq!(changed, 1);
    assert_found_out_once(&catalogue, &batch).await;
    assert!(catalogue.miscounts(100).await.unwrap().is_empty());
}

#[tokio::test]
async fn images_that_are_lost_to_the_queue_come_back() {
    let place = Place::new();
    let catalogue = place.open().await;
    fill(&catalogue).await;
    place.raw().execute_batch("DELETE FROM jobs").unwrap();
    assert_lost_jobs_are_made_again(&catalogue).await;
}

#[tokio::test]
async fn a_row_that_refers_to_nothing_is_seen() {
    let place = Place::new();
    let catalogue = place.open().await;
    fill(&catalogue).await;
    let raw = place.raw();
    raw.execute_batch("PRAGMA foreign_keys = OFF; DELETE FROM spaces")
        .unwrap();
    let found = catalogue.miscounts(100).await.unwrap();
    let rules: BTreeSet<_> = found
        .iter()
        .map(|found| format!("{:?}", found.rule))
        .collect();
    assert_eq!(
        rules,
        BTreeSet::from(["Database".to_owned(), "ImageHasSpace".to_owned()])
    );
    let one = catalogue.miscounts(1).await.unwrap();
    let of = |rule| one.iter().filter(|found| found.rule == rule).count();
    assert_eq!((of(Rule::Database), of(Rule::ImageHasSpace)), (1, 1));
}
