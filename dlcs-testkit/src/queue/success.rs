//! Clauses about what a registration that goes well makes: a derivative with all its facts, or nothing.

use std::time::Duration;

use dlcs_core::derivative::{Checksum, DerivativeFacts, DerivativeKey, SourceFacts, UploadId};
use dlcs_core::iiif::{Dimensions, Pyramid, TileSize};
use dlcs_core::image::{ImageQuery, ImageSource, ImageState};
use dlcs_core::page::PageRequest;
use dlcs_core::queue::{QueueError, StoredDerivative, Success};
use dlcs_core::storage::Quota;
use dlcs_core::time::Clock;

use super::QueueContext;
use crate::fixture::{self, LEASE};
use crate::verdict::{matching, same};

const MINUTE: Duration = Duration::from_secs(60);

/// A derivative of which no fact is zero, empty, or the same as another.
fn telling_derivative() -> StoredDerivative {
    let size = |width, height| Dimensions::new(width, height).expect("neither is zero");
    StoredDerivative {
        source: SourceFacts {
            media_type: "image/jp2".to_owned(),
            size: (1 << 40) + 1,
            checksum: Checksum([3; 32]),
        },
        derivative: DerivativeFacts {
            pyramid: Pyramid {
                dimensions: size(70_001, 50_003),
                tile: TileSize::Px1024,
            },
            thumbnails: vec![size(100, 71), size(200, 143), size(1024, 731)],
            thumbnail_bytes: 54_321,
            index: 17..(1 << 33) + 5,
            length: (1 << 42) + 7,
            checksum: Checksum([4; 32]),
        },
    }
}

/// Everything that is known of the derivative comes back as it was given.
pub async fn every_fact_of_a_derivative_comes_back(on: &QueueContext<'_>) {
    let space = on.space().await;
    let lease = on.begun(&space, "a").await.lease;
    let service = telling_derivative().into_service(&lease, on.clock.now());
    let image = on.succeed(lease, telling_derivative().into()).await;
    let why = "servers read the derivative by what is known of it";
    same(image.service(), Some(&service), why);
    same(on.image(&image.id).await.service(), Some(&service), why);
    let listed = on
        .catalogue
        .list_images(&ImageQuery::of(space.customer), PageRequest::FIRST)
        .await
        .unwrap();
    let listed = listed.items.first().and_then(|image| image.service());
    same(listed, Some(&service), why);
    on.submit(&space, &["a"]).await;
    let waiting = on.image(&image.id).await;
    let previous = Some(service);
    same(waiting.state, ImageState::Waiting { previous }, why);
}

/// Without a derivative, the image is registered, and its batch counts it as completed.
pub async fn image_without_a_derivative_is_registered(on: &QueueContext<'_>) {
    let space = on.space().await;
    let batch = on.submit(&space, &["a"]).await;
    let lease = on.claimed().await.lease;
    let finished = on.clock.now();
    let image = on.succeed(lease, Success::NOTHING).await;
    let why = "nothing went wrong, and nothing is served";
    same(&image.state, &ImageState::Registered { finished }, why);
    on.clock.advance(MINUTE);
    same(on.image(&image.id).await, image.clone(), why);
    same(on.tally(&batch).await, (1, 0, true, false), why);
    let size = on.queue.size(space.customer).await.unwrap();
    same((size.images, size.batches), (0, 0), "its job is gone");
    on.clock.advance(LEASE);
    on.assert_nothing_due("a job that has ended cannot be claimed")
        .await;
    for (failed, pending, total) in [
        (Some(false), Some(false), 1),
        (Some(true), None, 0),
        (None, Some(true), 0),
    ] {
        let mut query = ImageQuery::of(space.customer);
        (query.failed, query.pending) = (failed, pending);
        let listed = on.catalogue.list_images(&query, PageRequest::FIRST).await;
        let why = "it is neither an error nor on its way";
        same(listed.unwrap().total, total, why);
    }
}

/// Without a derivative, the one that was served before is served no more, and becomes collectable.
pub async fn registration_without_a_derivative_ends_what_was_served(on: &QueueContext<'_>) {
    let space = on.space().await;
    let before = on.served(&space, "a", 100).await;
    let service = before.service().expect("the image is served");
    let lease = on.begun(&space, "a").await.lease;
    let own = DerivativeKey::pyramid(lease.image(), lease.generation(), lease.token());
    let image = on.succeed(lease, Success::NOTHING).await;
    let why = "its owner has asked for it not to be processed";
    same(image.service(), None, why);
    same(on.image(&image.id).await.service(), None, why);
    let key = service.key(&before.id);
    on.assert_collectable_after(&key, MINUTE).await;
    let own = on.is_collectable(&own).await;
    same(own, false, "there is nothing under the lease's own key");
}

/// Without a derivative, the image is registered; it can be registered again, and then be processed or fail.
pub async fn image_that_is_registered_can_be_processed_later(on: &QueueContext<'_>) {
    let space = on.space().await;
    let lease = on.begun(&space, "a").await.lease;
    let image = on.succeed(lease, Success::NOTHING).await;
    let why = "an owner may change their mind";
    let lease = on.begun(&space, "a").await.lease;
    let failed = on.fail(lease).await;
    same(failed.state.error().is_some(), true, why);
    let lease = on.begun(&space, "a").await.lease;
    on.succeed(lease, Success::NOTHING).await;
    on.submit(&space, &["a"]).await;
    let waiting = on.image(&image.id).await.state;
    same(waiting, ImageState::Waiting { previous: None }, why);
    let lease = on.claimed().await.lease;
    same(on.complete(lease, 300).await.width(), 300, why);
}

/// Bytes that came with the registration become collectable once there is a derivative of them, and not without one.
pub async fn upload_is_kept_without_a_derivative_of_it(on: &QueueContext<'_>) {
    let space = on.space().await;
    let upload = UploadId::assign();
    let mut item = fixture::item(&space, "a");
    item.changes.source = Some(ImageSource::Upload(upload));
    let begun = on
        .queue
        .begin(item, Quota::NONE, fixture::claim())
        .await
        .unwrap();
    on.succeed(begun.claimed.lease, Success::NOTHING).await;
    on.clock.advance(MINUTE * 2);
    let key = DerivativeKey::Upload(upload);
    let why = "nothing else holds these bytes";
    same(on.is_collectable(&key).await, false, why);
    let item = fixture::changed(&space, "a", Default::default());
    let begun = on
        .queue
        .begin(item, Quota::NONE, fixture::claim())
        .await
        .unwrap();
    on.complete(begun.claimed.lease, 100).await;
    on.assert_collectable_after(&key, MINUTE).await;
}

/// A lost lease changes nothing.
pub async fn lost_lease_registers_nothing(on: &QueueContext<'_>) {
    let space = on.space().await;
    let batch = on.submit(&space, &["a"]).await;
    let lost = on.claimed().await.lease;
    on.clock.advance(LEASE);
    let holder = on.claimed().await;
    let why = "what the holder makes is what counts";
    matching!(
        on.queue.complete(lost, Success::NOTHING).await,
        Err(QueueError::LeaseLost),
        why
    );
    same(on.image(&holder.image.id).await, holder.image, why);
    same(on.tally(&batch).await, (0, 0, false, false), why);
    same(on.complete(holder.lease, 100).await.width(), 100, why);
}
