//! Clauses about failures, retries, releases, and waking workers.

use std::time::Duration;

use dlcs_core::image::ImageState;
use dlcs_core::queue::{Completion, Failure, QueueError};
use dlcs_core::time::Clock;

use super::QueueContext;
use crate::fixture::LEASE;
use crate::verdict::{matching, same};

const WAIT: Duration = Duration::from_secs(30);
const SECOND: Duration = Duration::from_secs(1);

fn retry() -> Failure {
    Failure::Retry {
        after: WAIT,
        error: "the origin does not answer".to_owned(),
    }
}

/// A final failure ends the job, counts as an error of its batch and keeps what was served before.
pub async fn final_failure_ends_the_job_and_keeps_what_was_served(on: &QueueContext<'_>) {
    let space = on.space().await;
    let served = on.served(&space, "a", 100).await;
    let batch = on.submit(&space, &["a"]).await;
    let lease = on.claimed().await.lease;
    let failed = on.fail(lease).await;
    let state = ImageState::Failed {
        error: "the origin has no such image".to_owned(),
        finished: on.clock.now(),
        previous: served.service().cloned(),
    };
    same(&failed.state, &state, "readers still see what they saw");
    let stored = on.image(&failed.id).await;
    same(stored, failed, "what is returned is what is stored");
    let why = "people look for errors in the batch";
    same(on.tally(&batch).await, (0, 1, true, false), why);
    on.clock.advance(LEASE * 2);
    on.assert_nothing_due("it was final").await;
}

/// A retry puts the image back, not due before its time.
pub async fn retry_is_not_due_before_its_time(on: &QueueContext<'_>) {
    let space = on.space().await;
    let batch = on.submit(&space, &["a"]).await;
    let first = on.claimed().await.lease;
    let token = first.token();
    let outcome = on.queue.fail(first, retry()).await.unwrap();
    let Completion::Recorded(image) = outcome else {
        panic!("expected: recorded\n     got: superseded\n     why: the lease was held");
    };
    let state = ImageState::Waiting { previous: None };
    same(&image.state, &state, "it waits again");
    same(on.image(&image.id).await, *image, "and readers see that");
    let why = "nothing of the batch has ended";
    same(on.tally(&batch).await, (0, 0, false, false), why);
    on.clock.advance(WAIT - SECOND);
    on.assert_nothing_due("an origin in trouble must be left alone")
        .await;
    on.clock.advance(SECOND);
    let second = on.claimed().await.lease;
    same(
        second.attempt(),
        2,
        "attempts are limited, so they are counted",
    );
    same(second.token() > token, true, "each claim has its token");
    on.complete(second, 100).await;
    same(
        on.tally(&batch).await,
        (1, 0, true, false),
        "the batch goes on",
    );
}

/// A postponed image is not due before its time either, lets others go first, and is charged no attempt; it is counted how often.
pub async fn postponed_image_lets_others_go_first_uncharged(on: &QueueContext<'_>) {
    let space = on.space().await;
    let batch = on.submit(&space, &["a", "b"]).await;
    let first = on.claimed().await.lease;
    let postponed = first.image().clone();
    let failure = Failure::Postpone {
        after: WAIT,
        error: "the store is full".to_owned(),
    };
    let outcome = on.queue.fail(first, failure).await.unwrap();
    let Completion::Recorded(image) = outcome else {
        panic!("expected: recorded\n     got: superseded\n     why: the lease was held");
    };
    let state = ImageState::Waiting { previous: None };
    same(&image.state, &state, "it waits again");
    same(on.image(&image.id).await, *image, "and readers see that");
    let other = on.claimed().await.lease;
    let why = "one image must not hold up all others";
    same(*other.image() == postponed, false, why);
    on.complete(other, 100).await;
    on.clock.advance(WAIT - SECOND);
    on.assert_nothing_due("it would fail again at once").await;
    on.clock.advance(SECOND);
    let again = on.claimed().await.lease;
    let why = "what it waited for is not its fault";
    same((again.image(), again.attempt()), (&postponed, 1), why);
    let why = "each time it may be put off for longer";
    same(again.postponed(), 1, why);
    let failure = Failure::Postpone {
        after: WAIT,
        error: "the store is full".to_owned(),
    };
    let put_off = on.queue.fail(again, failure).await.unwrap();
    matching!(put_off, Completion::Recorded(_), "it was held");
    on.clock.advance(WAIT);
    let again = on.claimed().await.lease;
    same(again.postponed(), 2, why);
    let put_back = on.queue.fail(again, retry()).await.unwrap();
    matching!(put_back, Completion::Recorded(_), "it was held");
    on.clock.advance(WAIT);
    let again = on.claimed().await.lease;
    same(
        (again.postponed(), again.attempt()),
        (2, 2),
        "each counts for itself",
    );
    on.complete(again, 100).await;
    same(
        on.tally(&batch).await,
        (2, 0, true, false),
        "the batch goes on",
    );
}

/// A lost lease changes nothing.
pub async fn lost_lease_fails_nothing(on: &QueueContext<'_>) {
    let space = on.space().await;
    let batch = on.submit(&space, &["a"]).await;
    let why = "somebody else is at work on it";
    for failure in [
        retry(),
        Failure::Postpone {
            after: WAIT,
            error: "too late".to_owned(),
        },
        Failure::Final {
            error: "too late".to_owned(),
        },
    ] {
        let lost = on.claimed().await.lease;
        on.clock.advance(LEASE);
        let holder = on.claimed().await;
        matching!(
            on.queue.fail(lost, failure).await,
            Err(QueueError::LeaseLost),
            why
        );
        same(on.image(&holder.image.id).await, holder.image, why);
        same(on.tally(&batch).await, (0, 0, false, false), why);
        on.queue.release(holder.lease).await.unwrap();
    }
    let overtaken = on.claimed().await.lease;
    on.submit(&space, &["a"]).await;
    let outcome = on.queue.fail(overtaken, retry()).await.unwrap();
    same(outcome, Completion::Superseded, "a later registration is");
    let size = on.queue.size(space.customer).await.unwrap();
    same(
        (size.images, size.images_waiting),
        (1, 1),
        "one job is left",
    );
}

/// The image can be claimed at once, and no attempt is charged.
pub async fn released_image_can_be_claimed_at_once_uncharged(on: &QueueContext<'_>) {
    let space = on.space().await;
    let batch = on.submit(&space, &["a"]).await;
    let lease = on.claimed().await.lease;
    let (id, token) = (lease.image().clone(), lease.token());
    on.queue.release(lease).await.unwrap();
    let state = ImageState::Waiting { previous: None };
    same(on.image(&id).await.state, state, "it waits again");
    let again = on.claimed().await.lease;
    let why = "a restart of the program is not the image's fault";
    same((again.image(), again.attempt()), (&id, 1), why);
    same(again.token() > token, true, "each claim has its token");
    same(on.tally(&batch).await, (0, 0, false, false), why);
}

/// A lease that has been lost cannot be released.
pub async fn lost_lease_cannot_be_released(on: &QueueContext<'_>) {
    let space = on.space().await;
    on.submit(&space, &["a"]).await;
    let lost = on.claimed().await.lease;
    on.clock.advance(LEASE);
    let holder = on.claimed().await;
    let why = "somebody else is at work on it";
    matching!(
        on.queue.release(lost).await,
        Err(QueueError::LeaseLost),
        why
    );
    on.assert_nothing_due(why).await;
    on.complete(holder.lease, 100).await;
}

/// It changes after each submission, retry and release in this process, and when leases are taken back.
pub async fn workers_are_woken_when_there_is_work(on: &QueueContext<'_>) {
    let space = on.space().await;
    let mut wakeups = on.queue.wakeups();
    let why = "an idle worker would start only at its next poll";
    wakeups.mark_unchanged();
    on.submit(&space, &["a"]).await;
    same(wakeups.has_changed().unwrap(), true, why);
    let lease = on.claimed().await.lease;
    wakeups.mark_unchanged();
    let _ = on.queue.fail(lease, retry()).await.unwrap();
    same(wakeups.has_changed().unwrap(), true, why);
    on.clock.advance(WAIT);
    let lease = on.claimed().await.lease;
    wakeups.mark_unchanged();
    on.queue.release(lease).await.unwrap();
    same(wakeups.has_changed().unwrap(), true, why);
    on.submit(&space, &["b"]).await;
    for _ in ["a", "b"] {
        drop(on.claimed().await);
    }
    on.clock.advance(LEASE);
    wakeups.mark_unchanged();
    drop(on.claimed().await);
    same(
        wakeups.has_changed().unwrap(),
        true,
        "the other one waits, too",
    );
}
