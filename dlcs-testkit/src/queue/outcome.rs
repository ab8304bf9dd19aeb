//! Clauses about results.

use dlcs_core::image::ImageState;
use dlcs_core::queue::{Completion, Failure, QueueError};
use dlcs_core::time::Clock;
use futures_util::FutureExt;

use super::QueueContext;
use crate::contract::race;
use crate::fixture::{LEASE, derivative};
use crate::verdict::{matching, same};

/// Image, job and batch change in one transaction.
pub async fn image_job_and_batch_change_together(on: &QueueContext<'_>) {
    let space = on.space().await;
    let batch = on.submit(&space, &["a", "b"]).await;
    let lease = on.claimed().await.lease;
    let service = derivative(800).into_service(&lease, on.clock.now());
    let image = on.complete(lease, 800).await;
    let state = ImageState::Ready { service };
    same(
        &image.state,
        &state,
        "the image is served from this derivative",
    );
    let stored = on.image(&image.id).await;
    same(stored, image, "what is returned is what readers see");
    let tally = on.tally(&batch).await;
    same(tally, (1, 0, false, false), "the batch counts it");
    let size = on.queue.size(space.customer).await.unwrap();
    let size = (size.images, size.images_waiting);
    same(size, (1, 1), "its job is gone");
    on.clock.advance(LEASE * 2);
    let left = on.claimed().await.image.id.model().to_string();
    same(
        left,
        "b".to_owned(),
        "a job that has ended cannot be claimed",
    );
}

/// A batch whose last image ends is finished then.
pub async fn last_image_finishes_its_batch(on: &QueueContext<'_>) {
    let space = on.space().await;
    let batch = on.submit(&space, &["a", "b", "c"]).await;
    let leases = [
        on.claimed().await.lease,
        on.claimed().await.lease,
        on.claimed().await.lease,
    ];
    let [a, b, c] = leases;
    on.complete(a, 100).await;
    on.clock.advance(LEASE / 4);
    on.fail(b).await;
    same(
        on.tally(&batch).await,
        (1, 1, false, false),
        "`c` is on its way",
    );
    on.clock.advance(LEASE / 4);
    let end = on.clock.now();
    on.complete(c, 100).await;
    on.clock.advance(LEASE);
    let batch = on.batch(&batch).await;
    let why = "people wait for the end of a batch, and ask when it came";
    same((batch.completed, batch.errors), (2, 1), why);
    same(batch.finished, Some(end), why);
}

/// A lost lease changes nothing.
pub async fn lost_lease_completes_nothing(on: &QueueContext<'_>) {
    let space = on.space().await;
    let batch = on.submit(&space, &["a"]).await;
    let lost = on.claimed().await.lease;
    on.clock.advance(LEASE);
    let holder = on.claimed().await;
    let why = "two results of one registration would count twice";
    matching!(
        on.queue.complete(lost, derivative(111).into()).await,
        Err(QueueError::LeaseLost),
        why
    );
    same(on.image(&holder.image.id).await, holder.image, why);
    same(on.tally(&batch).await, (0, 0, false, false), why);
    let image = on.complete(holder.lease, 222).await;
    same(image.width(), 222, "the result of the holder counts");
    same(on.tally(&batch).await, (1, 0, true, false), why);
}

/// A result that was overtaken by a later registration changes nothing.
pub async fn result_overtaken_by_a_registration_changes_nothing(on: &QueueContext<'_>) {
    let space = on.space().await;
    let older = on.submit(&space, &["a"]).await;
    let overtaken = on.claimed().await.lease;
    let newer = on.submit(&space, &["a"]).await;
    let before = on.image(overtaken.image()).await;
    let why = "the image may have another source by now";
    let outcome = on.queue.complete(overtaken, derivative(111).into()).await;
    same(outcome.unwrap(), Completion::Superseded, why);
    same(on.image(&before.id).await, before.clone(), why);
    same(on.tally(&older).await, (1, 0, true, true), why);
    same(on.tally(&newer).await, (0, 0, false, false), why);
    let claimed = on.claimed().await;
    same(
        claimed.lease.generation(),
        before.generation,
        "its job is there",
    );
    on.complete(claimed.lease, 222).await;
    same(on.tally(&newer).await, (1, 0, true, false), why);
}

/// A result that was overtaken by a deletion changes nothing.
pub async fn result_overtaken_by_a_deletion_changes_nothing(on: &QueueContext<'_>) {
    let space = on.space().await;
    let batch = on.submit(&space, &["a"]).await;
    let lease = on.claimed().await.lease;
    let id = lease.image().clone();
    on.catalogue.delete_image(&id).await.unwrap();
    let why = "what was deleted must not come back";
    let outcome = on.queue.complete(lease, derivative(111).into()).await;
    same(outcome.unwrap(), Completion::Superseded, why);
    let found = on.catalogue.find_image(&id).await.unwrap();
    same(found, None, why);
    same(on.tally(&batch).await, (1, 0, true, true), why);
}

/// A result that was overtaken by a deletion changes nothing, also when the image has been made again since.
pub async fn result_for_an_image_deleted_and_made_again_changes_nothing(on: &QueueContext<'_>) {
    let space = on.space().await;
    let why = "the new image is another one, whatever its generation";
    for late_is_a_failure in [false, true] {
        on.submit(&space, &["a"]).await;
        let lease = on.claimed().await.lease;
        on.catalogue.delete_image(lease.image()).await.unwrap();
        let made_again = on.served(&space, "a", 222).await;
        let outcome = if late_is_a_failure {
            let error = "too late".to_owned();
            on.queue.fail(lease, Failure::Final { error }).await
        } else {
            on.queue.complete(lease, derivative(111).into()).await
        };
        matching!(
            outcome,
            Ok(Completion::Superseded) | Err(QueueError::LeaseLost),
            why
        );
        same(on.image(&made_again.id).await, made_again, why);
    }
}

/// Image, job and batch change in one transaction: no reader sees them between.
pub async fn counts_add_up_in_every_snapshot_while_results_race(on: &QueueContext<'_>) {
    let space = on.space().await;
    let batch = on.submit(&space, &["a", "b", "c", "d", "e", "f"]).await;
    let mut leases = Vec::new();
    for _ in 0..batch.count {
        leases.push(on.claimed().await.lease);
    }
    let finish = |lease| async move {
        on.queue
            .complete(lease, derivative(100).into())
            .await
            .map(drop)
            .unwrap();
    };
    let watch = || async {
        let mut last = 0;
        for _ in 0..40 {
            let seen = on.catalogue.find_batch(space.customer, batch.id).await;
            let seen = seen.unwrap().expect("the batch is there");
            let ended = seen.completed + seen.errors;
            let why = "clients poll these numbers and stop when they are told to";
            let sound = last <= ended
                && ended <= seen.count
                && seen.finished.is_some() == (ended == seen.count);
            same((sound, &seen), (true, &seen), why);
            last = ended;
        }
    };
    let racers = leases.into_iter().map(|lease| finish(lease).boxed());
    race(racers.chain((0..2).map(|_| watch().boxed())));
    same(
        on.tally(&batch).await,
        (6, 0, true, false),
        "all have ended",
    );
}

/// A lost lease changes nothing; one that has expired is lost only once somebody else has claimed.
pub async fn expired_lease_that_nobody_took_still_counts(on: &QueueContext<'_>) {
    let space = on.space().await;
    on.submit(&space, &["a"]).await;
    let mut lease = on.claimed().await.lease;
    on.clock.advance(LEASE * 2);
    let why = "finished work that harms nobody is not thrown away";
    let renewed = on.queue.renew(&mut lease, LEASE).await;
    same(renewed.is_ok(), true, why);
    on.clock.advance(LEASE * 2);
    same(on.complete(lease, 100).await.width(), 100, why);
}

/// A lost lease changes nothing, also when the results come at once.
pub async fn one_of_racing_results_counts(on: &QueueContext<'_>) {
    let space = on.space().await;
    let batch = on.submit(&space, &["a"]).await;
    let mut leases = Vec::new();
    for _ in 0..4 {
        leases.push(on.claimed().await.lease);
        on.clock.advance(LEASE);
    }
    let results = leases.into_iter().zip(1..);
    let outcomes =
        race(results.map(|(lease, width)| on.queue.complete(lease, derivative(width).into())));
    let counted = outcomes.iter().map(Result::is_ok).collect::<Vec<_>>();
    let why = "only the last lease holds";
    same(counted, vec![false, false, false, true], why);
    same(on.tally(&batch).await, (1, 0, true, false), why);
}
