//! Clauses about images over which workers die.

use std::time::Duration;

use dlcs_core::queue::{Crashes, Lease, QueueError};
use dlcs_core::space::Space;
use dlcs_core::storage::Quota;

use super::QueueContext;
use crate::fixture::{LEASE, claim_by};
use crate::verdict::{matching, same};

const SECOND: Duration = Duration::from_secs(1);

/// Claims for an owner and returns the model with its lease.
async fn next(on: &QueueContext<'_>, owner: &str) -> Option<(String, Lease)> {
    let claimed = on.claim(claim_by(owner)).await?;
    Some((claimed.image.id.model().to_string(), claimed.lease))
}

/// Lets workers die over an image until it is set apart.
async fn set_apart(on: &QueueContext<'_>, space: &Space, model: &str) {
    on.submit(space, &[model]).await;
    for crash in 0..Crashes::ISOLATE {
        let claimed = next(on, &format!("victim {crash}")).await;
        same(claimed.map(|it| it.0).as_deref(), Some(model), "it is due");
        on.clock.advance(LEASE);
    }
}

/// What a dead process held can be claimed at once by its successor; what others hold is untouched.
pub async fn successor_takes_back_what_its_process_held(on: &QueueContext<'_>) {
    let space = on.space().await;
    on.submit(&space, &["a", "b", "c"]).await;
    let (_, mut dead) = next(on, "node 1").await.unwrap();
    let (_, mut alive) = next(on, "node 2").await.unwrap();
    let begun = on.begun(&space, "begun").await.lease;
    same(on.queue.reclaim("node 1").await.unwrap(), 1, "it held one");
    same(
        on.queue.reclaim("node 1").await.unwrap(),
        0,
        "it holds none",
    );
    matching!(
        on.queue.renew(&mut dead, LEASE).await,
        Err(QueueError::LeaseLost),
        "a process that was only thought to be dead can change nothing"
    );
    on.queue.renew(&mut alive, LEASE).await.unwrap();
    on.complete(begun, 100).await;
    let again = next(on, "node 1").await.map(|it| it.0);
    same(again.as_deref(), Some("a"), "it has kept its place");
    on.complete(alive, 100).await;
}

/// What a process holds that stops can be claimed at once; no attempt is charged and no crash counted, and what others hold is untouched.
pub async fn process_that_stops_gives_back_what_it_holds(on: &QueueContext<'_>) {
    let space = on.space().await;
    on.submit(&space, &["a", "b"]).await;
    for round in 0..Crashes::ISOLATE + 1 {
        let (model, lost) = next(on, "node 1").await.unwrap();
        same(model.as_str(), "a", "it has kept its place");
        same(lost.attempt(), 1, "a restart is not the image's fault");
        let (_, alive) = next(on, "node 2").await.unwrap();
        let item = crate::fixture::item(&space, "begun");
        let begun = on.queue.begin(item, Quota::NONE, claim_by("node 1")).await;
        let held = on.queue.release_all("node 1").await.unwrap();
        same(held, 2, "it held a queued image and an immediate one");
        let none = on.queue.release_all("node 1").await.unwrap();
        same(none, 0, "it holds none");
        matching!(
            on.queue.release(lost).await,
            Err(QueueError::LeaseLost),
            "what has been given back is not held"
        );
        let (model, lease) = next(on, "node 2").await.unwrap();
        let why = "nobody waits until its lease ends";
        same(model.as_str(), "begun", why);
        same(begun.unwrap().claimed.image.id, lease.image().clone(), why);
        on.complete(lease, 100 + round).await;
        on.queue.release(alive).await.unwrap();
    }
    let _dies = next(on, "node 1").await.unwrap();
    on.queue.reclaim("node 1").await.unwrap();
    let (_, first) = next(on, "node 1").await.unwrap();
    let other = next(on, "node 1").await;
    let why = "one crash sets nothing apart, and there was no other";
    same(other.is_some(), true, why);
    on.complete(first, 100).await;
}

/// An image over which workers have died waits until nothing else is due, and is claimed by a process that holds nothing else.
pub async fn image_over_which_workers_died_is_claimed_alone(on: &QueueContext<'_>) {
    let space = on.space().await;
    set_apart(on, &space, "poison").await;
    on.submit(&space, &["a", "b"]).await;
    let (first, lease) = next(on, "node").await.unwrap();
    let (second, other) = next(on, "node").await.unwrap();
    let why = "what is sound comes first";
    same([first.as_str(), second.as_str()], ["a", "b"], why);
    let none = next(on, "node").await.map(|it| it.0);
    same(none, None, "it would not be alone");
    on.complete(lease, 100).await;
    same(next(on, "node").await.map(|it| it.0), None, "not yet");
    on.complete(other, 100).await;
    let (apart, lease) = next(on, "node").await.unwrap();
    same(apart.as_str(), "poison", "now it is");
    on.submit(&space, &["c"]).await;
    let company = next(on, "node").await.map(|it| it.0);
    same(company, None, "nothing that is sound is to die with it");
    let elsewhere = next(on, "another").await.map(|it| it.0);
    same(elsewhere.as_deref(), Some("c"), "others go on");
    let image = on.complete(lease, 100).await;
    same(image.width(), 100, "it may be sound after all");
}

/// An image that is set apart is not passed over for ever, and only one process makes itself free for it.
pub async fn image_set_apart_is_not_starved(on: &QueueContext<'_>) {
    let space = on.space().await;
    set_apart(on, &space, "poison").await;
    // Noticed, and set apart, by this claim.
    same(
        next(on, "node").await.map(|it| it.0).as_deref(),
        Some("poison"),
        "nothing else is due",
    );
    on.clock.advance(LEASE);
    on.submit(&space, &["a", "b", "c", "d", "e"]).await;
    let (_, held) = next(on, "node").await.unwrap();
    on.clock.advance(Crashes::PATIENCE - SECOND);
    let mut held = held;
    on.queue.renew(&mut held, LEASE).await.unwrap();
    same(
        next(on, "node").await.map(|it| it.0).as_deref(),
        Some("b"),
        "there is time yet",
    );
    on.clock.advance(SECOND);
    same(
        next(on, "node").await.map(|it| it.0),
        None,
        "it makes itself free",
    );
    same(
        next(on, "another").await.map(|it| it.0).as_deref(),
        Some("c"),
        "others need not",
    );
    on.complete(held, 100).await;
    on.queue.reclaim("another").await.unwrap();
    on.clock.advance(SECOND);
    let lease = loop {
        match next(on, "node").await {
            Some((model, lease)) if model == "poison" => break lease,
            Some((_, lease)) => drop(on.complete(lease, 100).await),
            None => on.clock.advance(LEASE / 4),
        }
    };
    on.complete(lease, 100).await;
}

/// An image fails over which a process has died so often while it held nothing else; deaths in company never condemn one.
pub async fn image_is_given_up_after_crashes_alone_and_never_after_those_in_company(
    on: &QueueContext<'_>,
) {
    let space = on.space().await;
    let batch = on.submit(&space, &["poison"]).await;
    for _ in 0..Crashes::ISOLATE {
        let _dead = next(on, "node").await.unwrap();
        on.clock.advance(LEASE);
    }
    // An immediate registration takes its chance beside it: nobody knows who it was.
    for _ in 0..Crashes::GIVE_UP + 1 {
        let (apart, _dead) = next(on, "node").await.unwrap();
        same(apart.as_str(), "poison", "it is tried again");
        let item = crate::fixture::item(&space, "company");
        let begun = on
            .queue
            .begin(item, Quota::NONE, claim_by("node"))
            .await
            .unwrap();
        on.clock.advance(SECOND);
        on.fail(begun.claimed.lease).await;
        on.queue.reclaim("node").await.unwrap();
    }
    for _ in 0..Crashes::GIVE_UP {
        same(
            on.tally(&batch).await,
            (0, 0, false, false),
            "it has a chance left",
        );
        let (apart, _dead) = next(on, "node").await.unwrap();
        same(apart.as_str(), "poison", "it is tried again");
        on.clock.advance(LEASE);
        on.queue.reclaim("node").await.unwrap();
    }
    on.assert_nothing_due("it must not take down another worker")
        .await;
    let image = on.image(&crate::fixture::image_id(&space, "poison")).await;
    same(
        image.state.error(),
        Some(Crashes::SENTENCE),
        "people are told",
    );
    same(
        on.tally(&batch).await,
        (0, 1, true, false),
        "every job comes to an end",
    );
}

/// Registering an image again gives it all its chances back.
pub async fn registration_forgets_crashes(on: &QueueContext<'_>) {
    let space = on.space().await;
    set_apart(on, &space, "a").await;
    on.submit(&space, &["a"]).await;
    on.submit(&space, &["b"]).await;
    let models = [next(on, "node").await, next(on, "node").await];
    let models = models.map(|it| it.map(|it| it.0));
    let why = "it may be another file";
    same(models, ["a", "b"].map(|model| Some(model.to_owned())), why);
}
