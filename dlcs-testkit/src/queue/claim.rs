//! Clauses about claims and leases.

use std::time::Duration;

use dlcs_core::image::ImageState;
use dlcs_core::queue::QueueError;
use dlcs_core::time::Clock;
use futures_util::FutureExt;

use super::QueueContext;
use crate::contract::race;
use crate::fixture::{LEASE, claim};
use crate::verdict::{matching, same};

const SECOND: Duration = Duration::from_secs(1);

/// Two claims never get one image.
pub async fn two_claims_never_get_one_image(on: &QueueContext<'_>) {
    let space = on.space().await;
    on.submit(&space, &["a", "b", "c", "d", "e"]).await;
    let claims = race((0..8).map(|_| on.queue.claim(claim())));
    let claimed: Vec<_> = claims.into_iter().filter_map(Result::unwrap).collect();
    let why = "two workers would do one work, and one of them in vain";
    for property in [
        claimed.iter().map(|c| c.image.id.to_string()).collect(),
        claimed
            .iter()
            .map(|c| c.lease.token().to_string())
            .collect::<Vec<_>>(),
    ] {
        let mut distinct = property;
        distinct.sort_unstable();
        distinct.dedup();
        same((claimed.len(), distinct.len()), (5, 5), why);
    }
}

/// A job is held by at most one lease that has not expired.
pub async fn live_lease_cannot_be_claimed(on: &QueueContext<'_>) {
    let space = on.space().await;
    on.submit(&space, &["a"]).await;
    let claimed = on.claimed().await;
    let state = ImageState::Ingesting {
        since: on.clock.now(),
        previous: None,
    };
    same(
        &claimed.image.state,
        &state,
        "people see that it is being processed",
    );
    same(
        claimed.image.dequeued,
        Some(on.clock.now()),
        "and since when",
    );
    let stored = on.image(&claimed.image.id).await;
    same(
        stored,
        claimed.image,
        "the catalogue knows what the worker knows",
    );
    let until = on.clock.now().after(LEASE);
    same(
        claimed.lease.until(),
        until,
        "a lease lasts as long as was asked",
    );
    on.clock.advance(LEASE - SECOND);
    on.assert_nothing_due("the holder is still at work").await;
}

/// A lease that has expired can be claimed again, under a new token.
pub async fn expired_lease_can_be_claimed_again_under_a_new_token(on: &QueueContext<'_>) {
    let space = on.space().await;
    on.submit(&space, &["a"]).await;
    let first = on.claimed().await.lease;
    on.clock.advance(LEASE);
    let second = on.claimed().await.lease;
    same(
        second.image(),
        first.image(),
        "a worker that died must not hold its image",
    );
    let why = "results are told apart by their token";
    same(second.token() > first.token(), true, why);
    let why = "it is the same registration";
    same(second.generation(), first.generation(), why);
    let why = "a worker that dies is not the image's fault, and not an answer of its origin";
    same((first.attempt(), second.attempt()), (1, 1), why);
}

/// Two claims never get one image, whose lease has expired either.
pub async fn two_claims_never_get_one_expired_lease(on: &QueueContext<'_>) {
    let space = on.space().await;
    on.submit(&space, &["a"]).await;
    let dead = on.claimed().await;
    on.clock.advance(LEASE);
    let claims = race((0..6).map(|_| on.queue.claim(claim())));
    let claimed = claims.into_iter().filter_map(Result::unwrap).count();
    let why = "one worker goes on where another died";
    same((claimed, dead.lease.attempt()), (1, 1), why);
}

/// Customers take turns.
pub async fn customers_take_turns(on: &QueueContext<'_>) {
    let (large, small) = (on.space().await, on.space().await);
    on.submit(&large, &["1", "2", "3", "4", "5", "6"]).await;
    on.clock.advance(SECOND);
    on.submit(&small, &["1", "2"]).await;
    let mut customers = Vec::new();
    for _ in 0..8 {
        customers.push(on.claimed().await.image.id.customer());
    }
    let (a, b) = (large.customer, small.customer);
    let why = "a customer with few images must not wait for one with many";
    let second = if customers[0] == a { b } else { a };
    let turns = [customers[0], second, customers[0], second];
    same(&customers[..4], &turns[..], why);
    let why = "nobody waits for a customer without work";
    same(&customers[4..], &[a; 4][..], why);
}

/// Within a customer, what waits longest comes first.
pub async fn what_waits_longest_comes_first(on: &QueueContext<'_>) {
    let space = on.space().await;
    for batch in [["z", "m"], ["b", "y"], ["a", "c"]] {
        on.submit(&space, &batch).await;
        on.clock.advance(SECOND);
    }
    let mut models = Vec::new();
    for _ in 0..6 {
        models.push(on.claimed().await.image.id.model().to_string());
    }
    let expected = ["z", "m", "b", "y", "a", "c"].map(str::to_owned).to_vec();
    same(models, expected, "nothing may wait for ever");
}

/// A renewed lease does not expire at its old end.
pub async fn renewed_lease_does_not_expire_at_its_old_end(on: &QueueContext<'_>) {
    let space = on.space().await;
    on.submit(&space, &["a"]).await;
    let mut lease = on.claimed().await.lease;
    on.clock.advance(LEASE / 2);
    on.queue.renew(&mut lease, LEASE).await.unwrap();
    let until = on.clock.now().after(LEASE);
    same(lease.until(), until, "the holder must know how long it has");
    on.clock.advance(LEASE - SECOND);
    on.assert_nothing_due("large images take longer than one lease")
        .await;
    on.clock.advance(SECOND);
    let again = on.claimed().await.lease;
    same(
        again.image(),
        lease.image(),
        "counted from the renewal, it ends",
    );
}

/// A lease that has been lost cannot be renewed.
pub async fn lost_lease_cannot_be_renewed(on: &QueueContext<'_>) {
    let space = on.space().await;
    on.submit(&space, &["reclaimed"]).await;
    let mut reclaimed = on.claimed().await.lease;
    on.clock.advance(LEASE);
    let holder = on.claimed().await.lease;
    let mut overtaken = on.begun(&space, "overtaken").await.lease;
    on.submit(&space, &["overtaken"]).await;
    let mut deleted = on.begun(&space, "deleted").await.lease;
    on.catalogue.delete_image(deleted.image()).await.unwrap();
    for lease in [&mut reclaimed, &mut overtaken, &mut deleted] {
        let until = lease.until();
        matching!(
            on.queue.renew(lease, LEASE).await,
            Err(QueueError::LeaseLost),
            "a worker learns by this that it should stop"
        );
        same(lease.until(), until, "a refusal changes nothing");
    }
    on.complete(holder, 100).await;
}

/// A claim that is dropped leaves a lease that expires.
pub async fn dropped_claim_leaves_a_lease_that_expires(on: &QueueContext<'_>) {
    let space = on.space().await;
    on.submit(&space, &["a"]).await;
    let _ = on.queue.claim(claim()).now_or_never();
    let mut claimed = false;
    // The first of these may still find the lease of the claim that was dropped.
    for _ in 0..2 {
        on.clock.advance(LEASE);
        claimed |= on.queue.claim(claim()).await.unwrap().is_some();
    }
    same(
        claimed,
        true,
        "workers stop at any moment, and nothing may be lost",
    );
}
