//! Clauses about how much a customer may have.

use std::time::Duration;

use dlcs_core::derivative::DerivativeKey;
use dlcs_core::queue::{Completion, Lease, QueueError, Submission, Success};
use dlcs_core::space::Space;
use dlcs_core::storage::{OverQuota, Quota};
use futures_util::future::join_all;

use super::QueueContext;
use crate::fixture;
use crate::verdict::{matching, same};

const TWO_HOURS: Duration = Duration::from_secs(2 * 60 * 60);

const fn images(limit: u64) -> Quota {
    Quota {
        images: Some(limit),
        bytes: None,
    }
}

fn submission(space: &Space, models: &[&str], quota: Quota) -> Submission {
    let items = models.iter().map(|model| fixture::item(space, model));
    Submission {
        quota,
        ..fixture::submission(space, items)
    }
}

/// A derivative of so many bytes, of which 100 are thumbnails.
fn made(bytes: u64, limit: u64) -> Success {
    let mut stored = fixture::derivative(100);
    (stored.derivative.length, stored.derivative.thumbnail_bytes) = (bytes + 100, 100);
    Success {
        quota: Quota {
            images: None,
            bytes: Some(limit),
        },
        ..stored.into()
    }
}

async fn lease(on: &QueueContext<'_>, space: &Space, model: &str) -> Lease {
    on.begun(space, model).await.lease
}

/// New images beyond what the quota allows are [`QueueError::OverQuota`], and nothing is stored.
pub async fn images_beyond_the_quota_are_refused_whole(on: &QueueContext<'_>) {
    let space = on.space().await;
    let submit = |models: &[&str]| on.queue.submit(submission(&space, models, images(3)));
    submit(&["a", "b"]).await.unwrap();
    matching!(
        submit(&["c", "a", "d"]).await,
        Err(QueueError::OverQuota(OverQuota::Images {
            limit: 3,
            stored: 2,
            added: 2
        })),
        "one would be too many, and what is there does not count again"
    );
    let figures = async || {
        on.catalogue
            .find_storage(space.customer)
            .await
            .unwrap()
            .images
    };
    same(figures().await, 2, "a refusal stores nothing");
    let item = fixture::item(&space, "c");
    let begun = on.queue.begin(item, images(2), fixture::claim()).await;
    matching!(
        begun,
        Err(QueueError::OverQuota(OverQuota::Images { .. })),
        "nor is one registered at once"
    );
    submit(&["c", "a", "b"]).await.unwrap();
    let item = fixture::item(&space, "a");
    let begun = on.queue.begin(item, images(1), fixture::claim()).await;
    same(begun.is_ok(), true, "what is there can be registered again");
    same(figures().await, 3, "as many as it may have");
}

/// The quota counts also for submissions that race.
pub async fn racing_submissions_do_not_exceed_the_quota(on: &QueueContext<'_>) {
    let space = on.space().await;
    let models: Vec<_> = (0..12).map(|place| format!("image-{place}")).collect();
    let outcomes = join_all(models.chunks(2).map(|pair| {
        let pair: Vec<&str> = pair.iter().map(String::as_str).collect();
        on.queue.submit(submission(&space, &pair, images(7)))
    }))
    .await;
    let accepted = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    same(accepted, 3, "of pairs, three are within seven");
    let refused = outcomes.iter().filter_map(|outcome| outcome.as_ref().err());
    for error in refused {
        matching!(
            Err::<(), _>(error),
            Err(QueueError::OverQuota(_)),
            "for that reason alone"
        );
    }
    let figures = on.catalogue.find_storage(space.customer).await.unwrap();
    same(figures.images, 6, "no more are there");
}

/// More bytes than the quota allows are [`Completion::OverQuota`].
pub async fn bytes_beyond_the_quota_fail_the_registration(on: &QueueContext<'_>) {
    let space = on.space().await;
    on.succeed(lease(on, &space, "a").await, made(600, 1000))
        .await;
    let batch = on.submit(&space, &["b"]).await;
    let held = on.claimed().await.lease;
    let key = DerivativeKey::pyramid(held.image(), held.generation(), held.token());
    let outcome = on.queue.complete(held, made(401, 1000)).await.unwrap();
    let Completion::OverQuota(image, over) = outcome else {
        panic!("a thousand and one bytes are too many: {outcome:?}");
    };
    let expected = OverQuota::Bytes {
        limit: 1000,
        total: 1001,
    };
    same(over, expected, "thumbnails do not count");
    same(
        image.state.error(),
        Some(expected.to_string().as_str()),
        "it says why",
    );
    same(on.image(&image.id).await, *image, "and so does its record");
    same(
        on.tally(&batch).await,
        (0, 1, true, false),
        "it is a failure of its batch",
    );
    on.assert_collectable_after(&key, TWO_HOURS).await;
    on.succeed(lease(on, &space, "b").await, made(400, 1000))
        .await;

    let held = lease(on, &space, "a").await;
    let outcome = on.queue.complete(held, made(601, 1000)).await.unwrap();
    let Completion::OverQuota(image, _) = outcome else {
        panic!("one byte more is one too many: {outcome:?}");
    };
    let served = image.service().map(|service| service.derivative.length);
    same(served, Some(700), "what was served before is served still");
    on.succeed(lease(on, &space, "a").await, made(500, 10))
        .await;
    let figures = on.catalogue.find_storage(space.customer).await.unwrap();
    same(
        figures.bytes.images,
        900,
        "less than before may always be stored",
    );
    let other = on.space().await;
    on.succeed(lease(on, &other, "a").await, made(1000, 1000))
        .await;
}

/// The quota counts also for registrations that end at once.
pub async fn racing_registrations_do_not_exceed_the_quota(on: &QueueContext<'_>) {
    let space = on.space().await;
    let mut leases = Vec::new();
    for place in 0..8 {
        leases.push(lease(on, &space, &format!("image-{place}")).await);
    }
    let outcomes = join_all(
        leases
            .into_iter()
            .map(|held| on.queue.complete(held, made(300, 1000))),
    )
    .await;
    let recorded =
        |outcome: &&Result<Completion, QueueError>| matches!(outcome, Ok(Completion::Recorded(_)));
    same(
        outcomes.iter().filter(recorded).count(),
        3,
        "three are within a thousand",
    );
    let figures = on.catalogue.find_storage(space.customer).await.unwrap();
    same(figures.bytes.images, 900, "no more is stored");
}
