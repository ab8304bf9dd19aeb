//! Clauses about the records of images.

use dlcs_core::catalogue::{CatalogueError, Subject};
use dlcs_core::image::{DeliveryChannel, ImageChanges};
use dlcs_core::setting::{Setting, SettingKind};
use dlcs_core::storage::Quota;
use dlcs_core::time::Timestamp;

use super::QueueContext;
use crate::catalogue::setting::thumbnails;
use crate::fixture::{self, LEASE};
use crate::verdict::{matching, same};

/// State, generation, batch and what is served stay as they are.
pub async fn update_keeps_state_generation_and_batch(on: &QueueContext<'_>) {
    let space = on.space().await;
    on.served(&space, "waiting", 100).await;
    let first = ImageChanges {
        source: Some(fixture::origin("ready")),
        media_type: Some("image/tiff".to_owned()),
        strings: [Some("bib1".to_owned()), Some("sheet".to_owned()), None],
        numbers: [Some(1), Some(-2), None],
        manifests: Some(vec!["m1".to_owned()]),
        ..ImageChanges::default()
    };
    let item = fixture::changed(&space, "ready", first);
    let begun = on
        .queue
        .begin(item, Quota::NONE, fixture::claim())
        .await
        .unwrap();
    on.complete(begun.claimed.lease, 200).await;
    on.submit(&space, &["waiting"]).await;
    let changes = ImageChanges {
        strings: [None, Some(String::new()), Some("é, \"x\"".to_owned())],
        numbers: [Some(0), None, Some(i64::MAX)],
        tags: Some(vec!["a, b".to_owned(), "c".to_owned()]),
        ..ImageChanges::default()
    };
    for model in ["waiting", "ready"] {
        let mut expected = on.image(&fixture::image_id(&space, model)).await;
        expected.merge(changes.clone());
        let updated = on.catalogue.update_image(&expected.id, changes.clone());
        let why = "a change of metadata must not erase anything, and processes nothing";
        same(updated.await.unwrap(), expected.clone(), why);
        same(on.image(&expected.id).await, expected, why);
    }
    let size = on.queue.size(space.customer).await.unwrap();
    same(size.images, 1, "only what was submitted is in the queue");
}

/// A missing image is [`CatalogueError::NotFound`].
pub async fn missing_image_cannot_be_changed(on: &QueueContext<'_>) {
    let space = on.space().await;
    let id = fixture::image_id(&space, "missing");
    let changed = on.catalogue.update_image(&id, ImageChanges::default());
    matching!(
        changed.await,
        Err(CatalogueError::NotFound {
            subject: Subject::Image
        }),
        "the caller must learn that nothing was changed"
    );
    let found = on.catalogue.find_image(&id).await.unwrap();
    same(found, None, "a change makes no image");
}

/// Changes that take effect only by processing the image again are [`CatalogueError::NeedsProcessing`], and nothing is merged.
pub async fn change_that_needs_processing_is_refused_and_merges_nothing(on: &QueueContext<'_>) {
    let space = on.space().await;
    let image = on.served(&space, "a", 100).await;
    let changes = ImageChanges {
        source: Some(fixture::origin("elsewhere")),
        strings: [Some("changed".to_owned()), None, None],
        ..ImageChanges::default()
    };
    let why = "a record must not name a source that was never fetched";
    matching!(
        on.catalogue.update_image(&image.id, changes).await,
        Err(CatalogueError::NeedsProcessing),
        why
    );
    same(on.image(&image.id).await, image, why);
}

/// Deletes an image, its job, and what is served of it.
pub async fn deleted_image_is_gone_with_its_job(on: &QueueContext<'_>) {
    let space = on.space().await;
    let served = on.served(&space, "a", 100).await;
    let kept = on.served(&space, "b", 100).await;
    on.submit(&space, &["a"]).await;
    on.catalogue.delete_image(&served.id).await.unwrap();
    let found = on.catalogue.find_image(&served.id).await.unwrap();
    same(found, None, "what was deleted is gone");
    same(on.image(&kept.id).await, kept, "nothing else is");
    let size = on.queue.size(space.customer).await.unwrap();
    same(size.images, 0, "its job is gone too");
    on.clock.advance(LEASE);
    on.assert_nothing_due("nobody processes what is not there")
        .await;
}

/// A batch in which it was pending counts it as completed; one that has lost all its images is superseded.
pub async fn deletion_counts_as_completed_in_its_batch(on: &QueueContext<'_>) {
    let space = on.space().await;
    let batch = on.submit(&space, &["leased", "waiting", "failed"]).await;
    let _lease = on.claimed().await.lease;
    let waiting = on.claimed().await.lease;
    let failed = on.claimed().await.lease;
    on.queue.release(waiting).await.unwrap();
    on.fail(failed).await;
    let why = "a batch must come to its end although its images are gone";
    for (model, expected) in [
        ("leased", (1, 1, false, false)),
        ("waiting", (2, 1, true, false)),
        ("failed", (2, 1, true, true)),
    ] {
        let id = fixture::image_id(&space, model);
        on.catalogue.delete_image(&id).await.unwrap();
        same(on.tally(&batch).await, expected, why);
    }
}

/// A missing image is [`CatalogueError::NotFound`].
pub async fn missing_image_cannot_be_deleted(on: &QueueContext<'_>) {
    let space = on.space().await;
    let served = on.served(&space, "a", 100).await;
    on.catalogue.delete_image(&served.id).await.unwrap();
    for id in [served.id, fixture::image_id(&space, "missing")] {
        matching!(
            on.catalogue.delete_image(&id).await,
            Err(CatalogueError::NotFound {
                subject: Subject::Image
            }),
            "the caller must learn that nothing was deleted"
        );
    }
}

/// The number of its images is that of the same instant.
pub async fn space_counts_its_images(on: &QueueContext<'_>) {
    let space = on.space().await;
    let empty = fixture::space_of(on.catalogue, space.customer, "empty").await;
    let count = async || {
        let found = on.catalogue.find_space(space.customer, space.id).await;
        found.unwrap().unwrap().image_count
    };
    on.submit(&space, &["a", "b"]).await;
    same(count().await, 2, "images count from their registration on");
    on.submit(&space, &["b", "c"]).await;
    let _lease = on.begun(&space, "d").await.lease;
    same(
        count().await,
        4,
        "an image that is registered again counts once",
    );
    let id = fixture::image_id(&space, "a");
    on.catalogue.delete_image(&id).await.unwrap();
    same(count().await, 3, "a deleted image does not count");
    let found = on.catalogue.find_space(space.customer, empty.id).await;
    same(
        found.unwrap(),
        Some(empty),
        "images count in their own space",
    );
}

/// A space that holds images is [`CatalogueError::SpaceNotEmpty`] and stays.
pub async fn space_that_holds_images_stays(on: &QueueContext<'_>) {
    let space = on.space().await;
    let image = on.served(&space, "a", 100).await;
    matching!(
        on.catalogue.delete_space(space.customer, space.id).await,
        Err(CatalogueError::SpaceNotEmpty { images: 1 }),
        "nobody deletes thousands of images by mistake"
    );
    let found = on.catalogue.find_space(space.customer, space.id).await;
    same(found.unwrap().is_some(), true, "a refusal changes nothing");
    on.catalogue.delete_image(&image.id).await.unwrap();
    let deleted = on.catalogue.delete_space(space.customer, space.id).await;
    same(deleted.is_ok(), true, "it is empty now");
}

/// Default channels are those of an image of which nothing has been said; what has been said stays.
pub async fn image_without_channels_gets_the_default_ones(on: &QueueContext<'_>) {
    let space = on.space().await;
    let id = fixture::image_id(&space, "a");
    let channels = |name: &str| {
        vec![DeliveryChannel {
            channel: name.to_owned(),
            policy: Some("default".to_owned()),
        }]
    };
    let by_default = |name: &str| ImageChanges {
        source: Some(fixture::origin("a")),
        default_channels: channels(name),
        ..ImageChanges::default()
    };
    for (changes, expected, why) in [
        (by_default("thumbs"), "thumbs", "nothing had been said"),
        (
            by_default("iiif-img"),
            "thumbs",
            "what an image has, it keeps",
        ),
        (
            ImageChanges {
                delivery_channels: Some(channels("file")),
                ..by_default("iiif-img")
            },
            "file",
            "what is said counts",
        ),
    ] {
        let item = fixture::changed(&space, "a", changes);
        let begun = on
            .queue
            .begin(item, Quota::NONE, fixture::claim())
            .await
            .unwrap();
        on.complete(begun.claimed.lease, 100).await;
        same(
            on.image(&id).await.delivery_channels,
            channels(expected),
            why,
        );
    }
}

/// A channel policy that an image names is [`CatalogueError::InUse`] and stays.
pub async fn policy_that_an_image_names_stays(on: &QueueContext<'_>) {
    let (space, elsewhere) = (on.space().await, on.space().await);
    let changes = ImageChanges {
        source: Some(fixture::origin("a")),
        delivery_channels: Some(vec![DeliveryChannel {
            channel: "thumbs".to_owned(),
            policy: Some("mine".to_owned()),
        }]),
        ..ImageChanges::default()
    };
    let items = [fixture::changed(&space, "a", changes)];
    let submitted = on.queue.submit(fixture::submission(&space, items)).await;
    submitted.unwrap();
    let now = Timestamp::from_micros(1);
    let make = |customer, name| Setting::new(customer, thumbnails(name, &["200,"]), now);
    let policy = make(space.customer, "mine");
    let kind = SettingKind::ChannelPolicy;
    for free in [
        make(space.customer, "min"),
        make(space.customer, "other"),
        make(elsewhere.customer, "mine"),
    ] {
        on.catalogue.create_setting(free.clone()).await.unwrap();
        let deleted = on.catalogue.delete_setting(free.customer, kind, free.id);
        same(deleted.await.is_ok(), true, "nothing names this one");
    }
    on.catalogue.create_setting(policy.clone()).await.unwrap();
    let delete = || {
        on.catalogue
            .delete_setting(policy.customer, kind, policy.id)
    };
    matching!(
        delete().await,
        Err(CatalogueError::InUse {
            subject: Subject::ChannelPolicy
        }),
        "the image could not be processed again"
    );
    let image = fixture::image_id(&space, "a");
    on.catalogue.delete_image(&image).await.unwrap();
    same(delete().await.is_ok(), true, "nothing names it any more");
}
