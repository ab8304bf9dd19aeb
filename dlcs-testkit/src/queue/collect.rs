//! Clauses about objects that nothing refers to any more.

use std::time::Duration;

use dlcs_core::derivative::{DerivativeKey, UploadId};
use dlcs_core::image::{Image, ImageChanges, ImageSource};
use dlcs_core::queue::{
    Lease, QueueError, SubmissionItem, SubmissionProblem, SubmissionProblemKind,
};
use dlcs_core::space::Space;
use dlcs_core::storage::Quota;

use super::QueueContext;
use crate::fixture::{self, LEASE};
use crate::verdict::same;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const TWO_HOURS: Duration = Duration::from_secs(2 * 60 * 60);

fn key_of(image: &Image) -> DerivativeKey {
    let service = image.service().expect("the image is served");
    service.key(&image.id)
}

fn key_under(lease: &Lease) -> DerivativeKey {
    DerivativeKey::pyramid(lease.image(), lease.generation(), lease.token())
}

/// The derivative that was served before becomes collectable, a minute after it was replaced.
pub async fn what_was_served_is_collectable_after_a_minute(on: &QueueContext<'_>) {
    let space = on.space().await;
    let before = on.served(&space, "a", 100).await;
    let lease = on.begun(&space, "a").await.lease;
    on.clock.advance(MINUTE * 2);
    let early = on.is_collectable(&key_of(&before)).await;
    same(early, false, "it is served until its successor is there");
    on.complete(lease, 200).await;
    on.assert_collectable_after(&key_of(&before), MINUTE).await;
}

/// The derivative of a deleted image becomes collectable, a minute after the deletion.
pub async fn deleted_derivative_is_collectable_after_a_minute(on: &QueueContext<'_>) {
    let space = on.space().await;
    let image = on.served(&space, "a", 100).await;
    on.catalogue.delete_image(&image.id).await.unwrap();
    on.assert_collectable_after(&key_of(&image), MINUTE).await;
}

/// A key that a lost lease may still write is returned only after two hours.
pub async fn what_a_lost_lease_may_write_is_collectable_after_two_hours(on: &QueueContext<'_>) {
    let space = on.space().await;
    on.submit(&space, &["reclaimed"]).await;
    let reclaimed = on.claimed().await.lease;
    on.clock.advance(LEASE);
    let holder = on.claimed().await.lease;
    on.assert_collectable_after(&key_under(&reclaimed), TWO_HOURS)
        .await;
    on.complete(holder, 100).await;

    on.submit(&space, &["overtaken"]).await;
    let overtaken = on.claimed().await.lease;
    on.submit(&space, &["overtaken"]).await;
    on.assert_collectable_after(&key_under(&overtaken), TWO_HOURS)
        .await;
    let holder = on.claimed().await.lease;
    on.complete(holder, 100).await;

    let deleted = on.begun(&space, "deleted").await.lease;
    on.catalogue.delete_image(deleted.image()).await.unwrap();
    on.assert_collectable_after(&key_under(&deleted), TWO_HOURS)
        .await;
}

/// Bytes that came with a registration become collectable a minute after the image is ready, or deleted.
pub async fn upload_is_collectable_once_it_has_been_processed(on: &QueueContext<'_>) {
    let space = on.space().await;
    for ends_by_deletion in [false, true] {
        let upload = UploadId::assign();
        let mut item = fixture::item(&space, "a");
        item.changes.source = Some(ImageSource::Upload(upload));
        let begun = on
            .queue
            .begin(item, Quota::NONE, fixture::claim())
            .await
            .unwrap();
        on.clock.advance(MINUTE * 2);
        let key = DerivativeKey::Upload(upload);
        let early = on.is_collectable(&key).await;
        same(early, false, "a worker is still to read it");
        if ends_by_deletion {
            let id = begun.claimed.lease.image();
            on.catalogue.delete_image(id).await.unwrap();
        } else {
            on.complete(begun.claimed.lease, 100).await;
        }
        on.assert_collectable_after(&key, MINUTE).await;
    }
}

fn sent(space: &Space, id: &str, upload: UploadId) -> SubmissionItem {
    let mut item = fixture::item(space, id);
    item.changes.source = Some(ImageSource::Upload(upload));
    item
}

/// Bytes that no registration names become collectable a day after they were announced.
pub async fn unclaimed_upload_is_collectable_after_a_day(on: &QueueContext<'_>) {
    let upload = UploadId::assign();
    on.catalogue.expect_uploads(&[upload]).await.unwrap();
    on.assert_collectable_after(&DerivativeKey::Upload(upload), DAY)
        .await;
}

/// Bytes that a submission names are kept until the image is ready, however long it waits.
pub async fn claimed_upload_is_not_collected(on: &QueueContext<'_>) {
    let space = on.space().await;
    let [now, later] = [UploadId::assign(), UploadId::assign()];
    on.catalogue.expect_uploads(&[now, later]).await.unwrap();
    let begun = on
        .queue
        .begin(sent(&space, "now", now), Quota::NONE, fixture::claim());
    let lease = begun.await.unwrap().claimed.lease;
    on.fail(lease).await;
    let items = vec![sent(&space, "later", later)];
    on.queue
        .submit(fixture::submission(&space, items))
        .await
        .unwrap();
    on.clock.advance(DAY * 2);
    for upload in [now, later] {
        let collectable = on.is_collectable(&DerivativeKey::Upload(upload)).await;
        same(collectable, false, "an accepted upload is never lost");
    }
}

/// An image whose bytes are gone is not processed again without new ones; nothing of it changes.
pub async fn processed_bytes_must_be_sent_again(on: &QueueContext<'_>) {
    let space = on.space().await;
    let item = sent(&space, "a", UploadId::assign());
    let begun = on
        .queue
        .begin(item, Quota::NONE, fixture::claim())
        .await
        .unwrap();
    let before = on.complete(begun.claimed.lease, 100).await;
    let item = fixture::changed(&space, "a", ImageChanges::default());
    let begun = on
        .queue
        .begin(item.clone(), Quota::NONE, fixture::claim())
        .await;
    let submitted = on.queue.submit(fixture::submission(&space, [item])).await;
    for refused in [begun.map(drop), submitted.map(drop)] {
        let problems = match refused {
            Err(QueueError::Refused { problems }) => problems,
            other => panic!("expected: a refusal\n     got: {other:?}"),
        };
        let kind = SubmissionProblemKind::BytesGone;
        let why = "it would fail, and the image would be said to be broken";
        same(problems, vec![SubmissionProblem { index: 0, kind }], why);
    }
    same(on.image(&before.id).await, before, "nothing was registered");
    let item = sent(&space, "a", UploadId::assign());
    let begun = on.queue.begin(item, Quota::NONE, fixture::claim()).await;
    drop(begun.unwrap());
}

/// A key of what is served is never among them.
pub async fn what_is_served_is_never_collectable(on: &QueueContext<'_>) {
    let space = on.space().await;
    let ready = on.served(&space, "ready", 100).await;
    let failed = on.served(&space, "failed", 100).await;
    let waiting = on.served(&space, "waiting", 100).await;
    let lease = on.begun(&space, "failed").await.lease;
    on.fail(lease).await;
    let late = on.begun(&space, "late").await.lease;
    on.clock.advance(LEASE * 2);
    let late = on.complete(late, 100).await;
    on.submit(&space, &["waiting"]).await;
    on.clock.advance(TWO_HOURS * 2);
    for image in [&ready, &failed, &waiting, &late] {
        let now = on.image(&image.id).await;
        same(now.service(), image.service(), "it is still served");
        let collectable = on.is_collectable(&key_of(image)).await;
        same(collectable, false, "readers would find nothing");
    }
}

/// Forgets keys whose objects have been deleted.
pub async fn forgotten_keys_do_not_come_back(on: &QueueContext<'_>) {
    let space = on.space().await;
    let (a, b) = (
        on.served(&space, "a", 100).await,
        on.served(&space, "b", 100).await,
    );
    for image in [&a, &b] {
        on.catalogue.delete_image(&image.id).await.unwrap();
    }
    on.clock.advance(MINUTE * 2);
    let one = on.catalogue.list_collectable(1).await.unwrap();
    same(one.len(), 1, "a collector takes as much as it asked for");
    let forgotten = on.catalogue.forget_collectable(&[key_of(&a)]).await;
    forgotten.unwrap();
    let left = (
        on.is_collectable(&key_of(&a)).await,
        on.is_collectable(&key_of(&b)).await,
    );
    same(
        left,
        (false, true),
        "a collector comes to its end, and misses none",
    );
}
