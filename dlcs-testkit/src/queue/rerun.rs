//! Clauses about batches that have finished: notices, and another run of their failures.

use std::time::Duration;

use dlcs_core::batch::{Batch, QueueTotals};
use dlcs_core::id::{BatchId, CustomerId};
use dlcs_core::image::{ImageOrder, ImageOrderBy, ImageQuery};
use dlcs_core::page::{PageRequest, PageSize};
use dlcs_core::queue::{BatchNotice, Lane, QueueError};

use super::QueueContext;
use crate::contract::race;
use crate::fixture;
use crate::verdict::{matching, same};

const HOLD: Duration = Duration::from_secs(30);

async fn notice(on: &QueueContext<'_>) -> Option<BatchNotice> {
    on.queue.claim_notice(HOLD, &[]).await.unwrap()
}

/// Ends every image of a batch of these, badly where its name says so.
async fn run(on: &QueueContext<'_>, models: usize) {
    for _ in 0..models {
        let claimed = on.claimed().await;
        if claimed.image.id.model().as_str().starts_with("bad") {
            on.fail(claimed.lease).await;
        } else {
            on.complete(claimed.lease, 100).await;
        }
    }
}

/// The failures of a batch are put into the queue again, in this batch: they are errors no longer.
pub async fn retried_failures_run_again_in_their_batch(on: &QueueContext<'_>) {
    let space = on.space().await;
    let batch = on
        .submit_to(Lane::Priority, &space, &["bad1", "good", "bad2"])
        .await;
    run(on, 3).await;
    same(
        on.tally(&batch).await,
        (1, 2, true, false),
        "two have failed",
    );
    let retried = on
        .queue
        .retry_batch(batch.customer, batch.id)
        .await
        .unwrap();
    same(retried, 2, "both are tried again");
    let why = "it is finished no longer";
    same(on.tally(&batch).await, (1, 0, false, false), why);
    let size = on.queue.size(batch.customer).await.unwrap();
    same((size.images, size.batches), (2, 1), "and in the queue");
    on.submit(&space, &["other"]).await;
    for _ in 0..2 {
        let claimed = on.claimed().await;
        same(
            claimed.image.batch,
            Some(batch.id),
            "in the lane of its batch",
        );
        same(claimed.lease.batch(), Some(batch.id), "and for its batch");
        on.complete(claimed.lease, 100).await;
    }
    same(on.tally(&batch).await, (3, 0, true, false), "all is well");
}

/// Failures that have been registered elsewhere since, or deleted, are not tried again.
pub async fn failures_that_went_elsewhere_are_not_retried(on: &QueueContext<'_>) {
    let space = on.space().await;
    let batch = on.submit(&space, &["bad1", "bad2", "bad3"]).await;
    run(on, 3).await;
    let later = on.submit(&space, &["bad1"]).await;
    let id = fixture::image_id(&space, "bad2");
    on.catalogue.delete_image(&id).await.unwrap();
    let retried = on
        .queue
        .retry_batch(batch.customer, batch.id)
        .await
        .unwrap();
    same(retried, 1, "one is left");
    same(
        on.tally(&batch).await,
        (0, 2, false, false),
        "two stay as they were",
    );
    run(on, 2).await;
    same(
        on.tally(&batch).await,
        (0, 3, true, false),
        "it failed again",
    );
    same(
        on.tally(&later).await,
        (0, 1, true, false),
        "as it did elsewhere",
    );
}

/// Without failures nothing changes; a missing batch, or another customer's, is refused.
pub async fn batch_without_failures_has_nothing_to_retry(on: &QueueContext<'_>) {
    let (space, other) = (on.space().await, on.space().await);
    let batch = on.submit(&space, &["good", "waiting"]).await;
    run(on, 1).await;
    let before = on.batch(&batch).await;
    let retried = on
        .queue
        .retry_batch(batch.customer, batch.id)
        .await
        .unwrap();
    same(retried, 0, "nothing has failed");
    same(on.batch(&batch).await, before, "nothing has changed");
    let missing = BatchId::new(4_000_000).expect("not zero");
    for (customer, id) in [(other.customer, batch.id), (space.customer, missing)] {
        let why = "there is nothing to act on";
        matching!(
            on.queue.retry_batch(customer, id).await,
            Err(QueueError::BatchNotFound),
            why
        );
        matching!(
            on.queue.test_batch(customer, id).await,
            Err(QueueError::BatchNotFound),
            why
        );
    }
}

/// Whether a batch is superseded is found out again.
pub async fn tested_batch_knows_whether_it_is_superseded(on: &QueueContext<'_>) {
    let space = on.space().await;
    let older = on.submit(&space, &["a"]).await;
    let newer = on.submit(&space, &["a"]).await;
    for (batch, superseded) in [(&older, true), (&newer, false)] {
        let changed = on.queue.test_batch(batch.customer, batch.id).await.unwrap();
        same(changed, false, "it was known rightly");
        same(on.batch(batch).await.superseded, superseded, "and stays so");
    }
}

/// Each run of a batch that finishes leaves one notice, with the batch as it was then.
pub async fn each_run_leaves_one_notice(on: &QueueContext<'_>) {
    let space = on.space().await;
    let batch = on.submit(&space, &["bad", "good"]).await;
    run(on, 1).await;
    same(notice(on).await, None, "it has not finished");
    run(on, 1).await;
    let first = notice(on).await.expect("it has finished");
    let finished = on.batch(&batch).await;
    same(
        &first.batch,
        &finished,
        "who is told needs to know the counts",
    );
    same(first.attempt, 1, "nobody has been told yet");
    on.queue.end_notice(first.id).await.unwrap();
    on.clock.advance(HOLD);
    same(notice(on).await, None, "one is enough");
    on.queue
        .retry_batch(batch.customer, batch.id)
        .await
        .unwrap();
    same(notice(on).await, None, "the next run has not finished");
    run(on, 1).await;
    let second = notice(on).await.expect("it has finished again");
    same(second.id > first.id, true, "runs are told apart");
    same(
        (second.batch.completed, second.batch.errors),
        (1, 1),
        "it failed again",
    );
}

/// A notice that is held is nobody else's; it is due again when its holder has died or asks for it.
pub async fn held_notice_is_due_again_after_its_wait(on: &QueueContext<'_>) {
    let space = on.space().await;
    let (first, _) = (
        on.submit(&space, &["a"]).await,
        on.submit(&space, &["b"]).await,
    );
    run(on, 1).await;
    on.clock.advance(Duration::from_secs(1));
    run(on, 1).await;
    let claims = race((0..6).map(|_| on.queue.claim_notice(HOLD, &[])));
    let mut claimed: Vec<_> = claims.into_iter().filter_map(Result::unwrap).collect();
    claimed.sort_by_key(|notice| notice.id);
    same(claimed.len(), 2, "each is told once at a time");
    same(claimed[0].batch.id, first.id, "they are numbered in turn");
    let wait = Duration::from_secs(100);
    on.queue.defer_notice(claimed[0].id, wait).await.unwrap();
    on.clock.advance(HOLD);
    let again = notice(on).await.expect("its holder has died");
    same(
        (again.id, again.attempt),
        (claimed[1].id, 2),
        "it is counted",
    );
    same(notice(on).await, None, "the other has been put off");
    on.clock.advance(wait - HOLD);
    let deferred = notice(on).await.expect("its wait is over");
    same(
        deferred.id == claimed[0].id || deferred.id == claimed[1].id,
        true,
        "one is due",
    );
}

/// Notices of customers that are left out stay due; those that nobody wants to hear are forgotten, and none that is held or put off.
pub async fn notices_of_customers_that_are_left_out_stay_due(on: &QueueContext<'_>) {
    let (first, second) = (on.space().await, on.space().await);
    let batches = [
        on.submit(&first, &["a"]).await,
        on.submit(&second, &["a"]).await,
    ];
    run(on, 2).await;
    on.clock.advance(Duration::from_secs(1));
    let claim = async |except: &[CustomerId]| {
        let claimed = on.queue.claim_notice(HOLD, except).await.unwrap();
        claimed.map(|notice| (notice.batch.id, notice.id))
    };
    let both = [first.customer, second.customer];
    same(claim(&both).await, None, "there are no others");
    let held = claim(&both[..1]).await;
    let told = held.map(|it| it.0);
    same(told, Some(batches[1].id), "who is heard does not wait");
    same(claim(&both[..1]).await, None, "one at a time");
    let age = Duration::from_secs(3600);
    let forget = async || on.queue.forget_notices(age).await.unwrap();
    on.clock.advance(age - Duration::from_secs(2));
    same(forget().await, 0, "somebody may come yet");
    on.queue.defer_notice(held.unwrap().1, age).await.unwrap();
    on.clock.advance(Duration::from_secs(2));
    same(forget().await, 1, "nobody has come");
    same(claim(&[]).await, None, "it is forgotten");
    on.clock.advance(age);
    let told = claim(&[]).await.map(|it| it.0);
    same(told, Some(batches[1].id), "it was put off");
}

/// How often results race to be the last of their batch.
const RACES: u32 = 100;

/// Racing results finish a batch once.
pub async fn batch_whose_last_results_race_is_told_once(on: &QueueContext<'_>) {
    let space = on.space().await;
    for round in 0..RACES {
        let models = [
            format!("{round}-a"),
            format!("{round}-b"),
            format!("{round}-c"),
        ];
        let models: Vec<_> = models.iter().map(String::as_str).collect();
        let batch: Batch = on.submit(&space, &models).await;
        let mut leases = Vec::new();
        for _ in 0..3 {
            leases.push(on.claimed().await.lease);
        }
        let results = leases
            .into_iter()
            .map(|lease| on.queue.complete(lease, fixture::derivative(100).into()));
        for result in race(results) {
            let _ = result.unwrap();
        }
        let told = notice(on).await.map(|notice| notice.batch.id);
        same(told, Some(batch.id), "it has finished");
        same(notice(on).await, None, "and is told once");
        on.clock.advance(Duration::from_secs(1));
        if let Some(again) = on.queue.claim_notice(HOLD, &[]).await.unwrap() {
            panic!("expected: no other notice\n     got: {again:?}");
        }
        on.clock.advance(HOLD);
        let held = notice(on).await.expect("it was never ended");
        on.queue.end_notice(held.id).await.unwrap();
    }
}

/// The images that a batch was made of are listed wherever they were submitted last, under every other condition; those that are gone are not.
pub async fn what_a_batch_was_made_of_is_listed(on: &QueueContext<'_>) {
    let (space, other) = (on.space().await, on.space().await);
    let batch = on.submit(&space, &["a", "b", "c", "d"]).await;
    on.submit(&space, &["e"]).await;
    let later = on.submit(&space, &["b"]).await;
    let theirs = on.submit(&other, &["a", "b"]).await;
    let gone = fixture::image_id(&space, "c");
    on.catalogue.delete_image(&gone).await.unwrap();
    let made = ImageQuery::of(batch.customer).that_made(batch.id);
    let listed = async |query: &ImageQuery| {
        let mut models = Vec::new();
        for index in 0..3 {
            let page = PageRequest {
                index,
                size: PageSize::new(2),
            };
            let page = on.catalogue.list_images(query, page).await.unwrap();
            let of_page = page.items.iter().map(|image| image.id.model().to_string());
            models.extend(of_page);
        }
        models.join(" ")
    };
    let mut by_id = made.clone();
    by_id.order = vec![ImageOrder::ascending(ImageOrderBy::Id)];
    same(listed(&by_id).await, "a b d".to_owned(), "each once");
    by_id.order = vec![ImageOrder::descending(ImageOrderBy::Id)];
    same(listed(&by_id).await, "d b a".to_owned(), "in any order");
    let moved = made.clone().in_batch(later.id);
    same(listed(&moved).await, "b".to_owned(), "it went elsewhere");
    let second = fixture::space_of(on.catalogue, space.customer, "second").await;
    let elsewhere = made.clone().in_space(second.id);
    same(listed(&elsewhere).await, String::new(), "of its space");
    let foreign = ImageQuery::of(batch.customer).that_made(theirs.id);
    let why = "it is another customer's, whose spaces have the same numbers";
    same(listed(&foreign).await, String::new(), why);
}

/// Totals count what waits in each lane, and what has ended.
pub async fn totals_count_lanes_and_ends(on: &QueueContext<'_>) {
    let (space, other) = (on.space().await, on.space().await);
    on.submit(&space, &["bad", "a", "b"]).await;
    on.submit_to(Lane::Priority, &other, &["c", "d"]).await;
    let at_first = QueueTotals {
        waiting: 3,
        waiting_priority: 2,
        succeeded: 0,
        failed: 0,
    };
    same(
        on.queue.totals().await.unwrap(),
        at_first,
        "all customers count",
    );
    run(on, 4).await;
    let last = on.claimed().await;
    let then = QueueTotals {
        waiting: 0,
        waiting_priority: 0,
        succeeded: 3,
        failed: 1,
    };
    same(
        on.queue.totals().await.unwrap(),
        then,
        "what is leased does not wait",
    );
    on.queue.release(last.lease).await.unwrap();
    let back = QueueTotals { waiting: 1, ..then };
    same(on.queue.totals().await.unwrap(), back, "it waits again");
}
