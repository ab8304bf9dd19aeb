//! Clauses about lanes, and turns between customers.

use std::time::Duration;

use dlcs_core::queue::Lane;
use dlcs_core::storage::Quota;

use super::QueueContext;
use crate::fixture;
use crate::verdict::same;

/// The priority lane goes first, and leaves the default lane one claim of [`Lane::DEFAULT_EVERY`].
pub async fn priority_goes_first_and_leaves_the_other_lane_its_part(on: &QueueContext<'_>) {
    let space = on.space().await;
    let models = |lane: char| (0..12).map(|n| format!("{lane}{n}")).collect::<Vec<_>>();
    let (late, early) = (models('d'), models('p'));
    let texts = |models: &[String]| models.iter().map(String::clone).collect::<Vec<_>>();
    for (lane, models) in [
        (Lane::Default, texts(&late)),
        (Lane::Priority, texts(&early)),
    ] {
        let models: Vec<_> = models.iter().map(String::as_str).collect();
        on.submit_to(lane, &space, &models).await;
        on.clock.advance(Duration::from_secs(1));
    }
    let mut lanes = String::new();
    for _ in 0..16 {
        let claimed = on.claimed().await;
        lanes.extend(claimed.image.id.model().as_str().chars().next());
        on.complete(claimed.lease, 100).await;
    }
    let why = "what is urgent comes first, and what is not comes, too";
    same(lanes.as_str(), "pppppppdpppppddd", why);
}

/// An immediate registration whose process died is taken up in the priority lane.
pub async fn abandoned_immediate_registration_is_in_the_priority_lane(on: &QueueContext<'_>) {
    let space = on.space().await;
    let _dead = on.begun(&space, "urgent").await;
    on.submit(&space, &["a", "b"]).await;
    on.clock.advance(fixture::LEASE);
    let next = on.claimed().await.image.id;
    let why = "somebody was waiting for it";
    same(next.model().as_str(), "urgent", why);
}

/// The customer comes next that has had least of the workers' time.
pub async fn customers_share_the_time_of_workers_and_not_images(on: &QueueContext<'_>) {
    let (slow, quick) = (on.space().await, on.space().await);
    let models: Vec<_> = (0..60).map(|n| format!("{n}")).collect();
    let models: Vec<_> = models.iter().map(String::as_str).collect();
    on.submit(&slow, &models).await;
    on.submit(&quick, &models).await;
    let mut had = [0, 0];
    while had[1] < 40 {
        let claimed = on.claimed().await;
        let is_quick = claimed.image.id.customer() == quick.customer;
        let took = if is_quick { 1 } else { 10 };
        on.clock.advance(Duration::from_secs(took));
        on.complete(claimed.lease, 100).await;
        had[usize::from(is_quick)] += 1;
    }
    let why = "a customer whose images take ten times as long has a tenth of the turns";
    same((3..=7).contains(&had[0]), true, &format!("{why}: {had:?}"));
}

/// A customer that had nothing in the queue comes next, and has saved nothing up.
pub async fn customer_that_was_idle_comes_next_and_has_saved_nothing_up(on: &QueueContext<'_>) {
    let (busy, idle) = (on.space().await, on.space().await);
    let models: Vec<_> = (0..40).map(|n| format!("{n}")).collect();
    let models: Vec<_> = models.iter().map(String::as_str).collect();
    on.submit(&busy, &models).await;
    for _ in 0..20 {
        let lease = on.claimed().await.lease;
        on.clock.advance(Duration::from_secs(5));
        on.complete(lease, 100).await;
    }
    on.submit(&idle, &models[..10]).await;
    let mut customers = Vec::new();
    for _ in 0..8 {
        let claimed = on.claimed().await;
        customers.push(claimed.image.id.customer());
        on.clock.advance(Duration::from_secs(5));
        on.complete(claimed.lease, 100).await;
    }
    let first_two = customers[..2].contains(&idle.customer);
    let why = "who has few images does not wait for who has many";
    same(first_two, true, why);
    let of_busy = customers.iter().filter(|it| **it == busy.customer).count();
    let why = "nor the other way round";
    same((3..=5).contains(&of_busy), true, why);
}

/// Nothing is claimed from a host that is at the claim's limit; what waits longest of the others comes first.
pub async fn host_at_its_limit_leaves_workers_to_others(on: &QueueContext<'_>) {
    let space = on.space().await;
    let at = |host: &str, model: &str| fixture::item_at(&space, host, model);
    let items = [
        at("slow.example", "s1"),
        at("slow.example", "s2"),
        at("slow.example", "s3"),
        at("quick.example", "q1"),
        at("other.example", "o1"),
    ];
    let submission = fixture::submission(&space, items);
    on.queue.submit(submission).await.unwrap();
    let mut claim = fixture::claim();
    claim.per_host = 2;
    let mut leases = Vec::new();
    let mut models = Vec::new();
    while let Some(claimed) = on.claim(claim).await {
        models.push(claimed.image.id.model().to_string());
        leases.push(claimed.lease);
    }
    let why = "one slow host must not hold every worker";
    same(
        models,
        ["s1", "s2", "q1", "o1"].map(str::to_owned).to_vec(),
        why,
    );
    on.complete(leases.remove(0), 100).await;
    let next = on
        .claim(claim)
        .await
        .map(|claimed| claimed.image.id.model().to_string());
    same(next, Some("s3".to_owned()), "a place has become free");
}

/// An immediate registration does not wait for a host, and counts there.
pub async fn immediate_registration_counts_at_its_host_and_does_not_wait(on: &QueueContext<'_>) {
    let space = on.space().await;
    let mut claim = fixture::claim();
    claim.per_host = 1;
    let mut begun = Vec::new();
    for model in ["b1", "b2"] {
        let item = fixture::item_at(&space, "host.example", model);
        begun.push(
            on.queue
                .begin(item, Quota::NONE, claim)
                .await
                .unwrap()
                .claimed
                .lease,
        );
    }
    let item = fixture::item_at(&space, "host.example", "a");
    on.queue
        .submit(fixture::submission(&space, [item]))
        .await
        .unwrap();
    for lease in begun {
        let next = on.claim(claim).await.map(|claimed| claimed.image.id);
        same(next, None, "the host is at its limit");
        on.fail(lease).await;
    }
    let next = on
        .claim(claim)
        .await
        .map(|claimed| claimed.image.id.model().to_string());
    same(next, Some("a".to_owned()), "it is free again");
}

/// Somebody who registers much immediately, which waits for no turn, does not put off those who come into the queue.
pub async fn immediate_registrations_move_nobody_elses_turn(on: &QueueContext<'_>) {
    let (hasty, busy, quiet) = (on.space().await, on.space().await, on.space().await);
    on.submit_to(Lane::Priority, &busy, &["1", "2", "3", "4", "5", "6"])
        .await;
    let lease = on.claimed().await.lease;
    on.clock.advance(Duration::from_secs(1));
    on.complete(lease, 100).await;
    // One is always under way: this customer is never idle.
    let mut under_way = on.begun(&hasty, "0").await.lease;
    for number in 1..20 {
        on.clock.advance(Duration::from_secs(10));
        let next = on.begun(&hasty, &number.to_string()).await.lease;
        on.complete(under_way, 100).await;
        under_way = next;
    }
    on.submit_to(Lane::Priority, &quiet, &["only"]).await;
    let mut customers = Vec::new();
    for _ in 0..2 {
        let claimed = on.claimed().await;
        customers.push(claimed.image.id.customer());
        on.clock.advance(Duration::from_secs(1));
        on.complete(claimed.lease, 100).await;
    }
    let why = "who comes into the queue begins where those are who wait there";
    same(customers.contains(&quiet.customer), true, why);
    on.complete(under_way, 100).await;
}
