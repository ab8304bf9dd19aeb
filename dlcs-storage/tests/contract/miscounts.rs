//! What somebody who writes into the tables by hand can break, and what becomes of it.
#![expect(clippy::unwrap_used, reason = "a test says by panicking that it fails")]

use std::collections::BTreeSet;

use dlcs_core::batch::Batch;
use dlcs_core::fsck::{Finding, FsckMode, FsckOptions, Ledger, Rule, fsck};
use dlcs_core::memory::MemoryDerivatives;
use dlcs_core::queue::{Failure, Lane, Submission};
use dlcs_testkit::fixture;

/// Statements, the rules that do not hold after them, and whether counting anew is enough.
pub(crate) const BREAKS: [(&str, &[Rule], bool); 17] = [
    (
        "UPDATE spaces SET image_count = image_count + 1",
        &[Rule::SpaceCounts],
        true,
    ),
    (
        "UPDATE spaces SET image_bytes = image_bytes + 1",
        &[Rule::SpaceCounts],
        true,
    ),
    (
        "UPDATE spaces SET thumbnail_bytes = thumbnail_bytes + 1",
        &[Rule::SpaceCounts],
        true,
    ),
    (
        "INSERT INTO notices (due, attempts, batch, customer, submitted, count, completed, errors, finished, superseded)
         SELECT 7, 0, id + 1, customer, submitted, 1, 1, 0, 7, FALSE FROM batches",
        &[Rule::NoticeHasBatch],
        true,
    ),
    (
        "UPDATE batches SET completed = completed + 1, errors = errors - 1",
        &[Rule::BatchCounts],
        true,
    ),
    (
        "UPDATE batches SET completed = count, errors = 0, finished = 7",
        &[Rule::BatchCounts],
        true,
    ),
    (
        "UPDATE batches SET current = current - 1",
        &[Rule::BatchCurrent],
        true,
    ),
    (
        "UPDATE queue_shares SET waiting = waiting + 3",
        &[Rule::QueueShares],
        true,
    ),
    (
        "UPDATE queue_shares SET leased = leased + 3",
        &[Rule::QueueShares],
        true,
    ),
    ("DELETE FROM queue_shares", &[Rule::QueueShares], true),
    (
        "UPDATE queue_lines SET run_at = run_at + 1",
        &[Rule::QueueLines],
        true,
    ),
    ("DELETE FROM queue_lines", &[Rule::QueueLines], true),
    (
        "UPDATE queue_hosts SET leased = leased + 1",
        &[Rule::QueueHosts],
        true,
    ),
    ("DELETE FROM queue_hosts", &[Rule::QueueHosts], true),
    (
        "UPDATE batch_images SET state = 'completed', finished = 7 WHERE state = 'pending'",
        &[Rule::BatchCounts, Rule::BatchAwaits],
        false,
    ),
    (
        "DELETE FROM jobs",
        &[
            Rule::ImageHasJob,
            Rule::BatchAwaits,
            Rule::QueueShares,
            Rule::QueueLines,
            Rule::QueueHosts,
        ],
        false,
    ),
    (
        "UPDATE jobs SET generation = generation + 1",
        &[Rule::ImageHasJob],
        false,
    ),
];

/// Images of one batch: one waits, one is leased, one has failed, one is done.
pub(crate) async fn fill(ledger: &dyn Ledger) -> Batch {
    let space = fixture::space(ledger).await;
    let submission = Submission {
        quota: dlcs_core::storage::Quota::NONE,
        lane: Lane::Default,
        ..fixture::submission(
            &space,
            ["a", "b", "c", "d"].map(|id| fixture::item(&space, id)),
        )
    };
    let batch = ledger.submit(submission).await.unwrap();
    let lease = async || ledger.claim(fixture::claim()).await.unwrap().unwrap().lease;
    let error = "no such image".to_owned();
    let _ = ledger
        .fail(lease().await, Failure::Final { error })
        .await
        .unwrap();
    let done = fixture::derivative(100).into();
    let _ = ledger.complete(lease().await, done).await.unwrap();
    let _held = lease().await;
    batch
}

async fn broken(ledger: &dyn Ledger) -> BTreeSet<String> {
    let found = ledger.miscounts(100).await.unwrap();
    found
        .iter()
        .map(|miscount| format!("{:?}", miscount.rule))
        .collect()
}

/// Looks what a statement has broken, and puts it right.
pub(crate) async fn assert_seen_and_mended(
    ledger: &dyn Ledger,
    (sql, rules, mended): (&str, &[Rule], bool),
) {
    let expected: BTreeSet<_> = rules.iter().map(|rule| format!("{rule:?}")).collect();
    assert_eq!(broken(ledger).await, expected, "{sql}");
    ledger.recount().await.unwrap();
    let left = broken(ledger).await;
    assert_eq!(left.is_empty(), mended, "{sql}: {left:?}");
}

/// Images whose jobs are gone are put into the queue again, and everything that waited for them ends.
pub(crate) async fn assert_lost_jobs_are_made_again(ledger: &dyn Ledger) {
    let (store, options) = (
        MemoryDerivatives::new(),
        FsckOptions {
            mode: FsckMode::Repair,
            ..FsckOptions::default()
        },
    );
    let mut said = Vec::new();
    let mut report = |finding: &Finding| said.push(finding.to_string());
    let summary = fsck(ledger, &store, &options, &mut report).await;
    let summary = summary.unwrap();
    let queued = said
        .iter()
        .filter(|line| line.ends_with("has no job: queued to be made again"));
    assert_eq!(queued.count(), 2, "{said:#?}");
    // The image that is done has no object in this store.
    assert_eq!(summary.queued, 3, "{said:#?}");
    assert_eq!(broken(ledger).await, BTreeSet::new());
    for _ in 0..3 {
        let claimed = ledger.claim(fixture::claim()).await.unwrap().unwrap();
        let _ = ledger
            .complete(claimed.lease, fixture::derivative(100).into())
            .await
            .unwrap();
    }
    assert_eq!(broken(ledger).await, BTreeSet::new());
    assert_eq!(ledger.totals().await.unwrap().waiting, 0);
}

/// What is known wrongly of the newest batch is found out by testing it, once.
pub(crate) const WRONGLY_SUPERSEDED: &str =
    "UPDATE batches SET superseded = TRUE, current = 0 WHERE id = (SELECT max(id) FROM batches)";

/// After [`WRONGLY_SUPERSEDED`], which was done to this batch.
pub(crate) async fn assert_found_out_once(ledger: &dyn Ledger, batch: &Batch) {
    let superseded = async || {
        let found = ledger.find_batch(batch.customer, batch.id).await.unwrap();
        found.unwrap().superseded
    };
    assert!(superseded().await);
    for changed in [true, false] {
        let tested = ledger.test_batch(batch.customer, batch.id).await.unwrap();
        assert_eq!(tested, changed);
        assert!(!superseded().await);
    }
}
