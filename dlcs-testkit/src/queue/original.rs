//! Clauses about sources that are kept as they came, and about how much is stored.

use std::time::Duration;

use dlcs_core::derivative::{Checksum, DerivativeKey, SourceFacts, UploadId};
use dlcs_core::image::{ImageOrder, ImageOrderBy, ImageQuery, ImageSource, ImageState};
use dlcs_core::page::PageRequest;
use dlcs_core::queue::{StoredDerivative, StoredOriginal, Success};
use dlcs_core::space::Space;
use dlcs_core::storage::{Quota, StorageFigures, StoredBytes};
use dlcs_core::time::Clock;

use super::QueueContext;
use crate::fixture;
use crate::verdict::same;

const MINUTE: Duration = Duration::from_secs(60);
const TWO_HOURS: Duration = Duration::from_secs(2 * 60 * 60);

/// A source of which no fact is as that of any derivative.
fn original(size: u64) -> StoredOriginal {
    StoredOriginal {
        source: SourceFacts {
            media_type: "application/pdf".to_owned(),
            size,
            checksum: Checksum([7; 32]),
        },
        checksum: Checksum([8; 32]),
    }
}

fn with_original(derivative: Option<StoredDerivative>, size: u64) -> Success {
    Success {
        derivative,
        original: Some(original(size)),
        ..Success::NOTHING
    }
}

/// Everything that is known of a source that is kept comes back as it was given, with a derivative or without, and while the image is registered
/// again.
pub async fn every_fact_of_an_original_comes_back(on: &QueueContext<'_>) {
    let space = on.space().await;
    for (model, derivative) in [("alone", None), ("beside", Some(fixture::derivative(100)))] {
        let lease = on.begun(&space, model).await.lease;
        let expected = original(99).into_original(&lease, on.clock.now());
        let is_served = derivative.is_some();
        let image = on.succeed(lease, with_original(derivative, 99)).await;
        let why = "it is delivered by what is known of it";
        same(image.original.as_ref(), Some(&expected), why);
        same(image.service().is_some(), is_served, why);
        same(on.image(&image.id).await, image.clone(), why);
        on.submit(&space, &[model]).await;
        let waiting = on.image(&image.id).await;
        same(
            waiting.original.as_ref(),
            Some(&expected),
            "it is delivered meanwhile",
        );
        let failed = on.fail(on.claimed().await.lease).await;
        same(failed.original, Some(expected), "and when that fails");
    }
}

/// What a registration makes no more is delivered no more, and becomes collectable; so does what it replaces, and what is deleted.
pub async fn original_that_is_no_more_is_collectable_after_two_hours(on: &QueueContext<'_>) {
    let space = on.space().await;
    let lease = on.begun(&space, "a").await.lease;
    let first = on.succeed(lease, with_original(None, 99)).await;
    let key = |image: &dlcs_core::Image| {
        let original = image.original.as_ref().expect("it is kept");
        original.key(&image.id)
    };
    let lease = on.begun(&space, "a").await.lease;
    let second = on.succeed(lease, with_original(None, 98)).await;
    on.assert_collectable_after(&key(&first), TWO_HOURS).await;
    let lease = on.begun(&space, "a").await.lease;
    let third = on.complete(lease, 100).await;
    same(third.original.clone(), None, "it was not asked for");
    on.assert_collectable_after(&key(&second), TWO_HOURS).await;
    let lease = on.begun(&space, "a").await.lease;
    let fourth = on.succeed(lease, with_original(None, 97)).await;
    same(
        matches!(fourth.state, ImageState::Registered { .. }),
        true,
        "nothing else is served",
    );
    on.catalogue.delete_image(&fourth.id).await.unwrap();
    on.assert_collectable_after(&key(&fourth), TWO_HOURS).await;
}

/// A source that a lost lease may still store is collectable only after two hours.
pub async fn original_of_a_lost_lease_is_collectable_after_two_hours(on: &QueueContext<'_>) {
    let space = on.space().await;
    let lease = on.begun(&space, "a").await.lease;
    let key = DerivativeKey::original(lease.image(), lease.generation(), lease.token());
    on.fail(lease).await;
    on.assert_collectable_after(&key, TWO_HOURS).await;
}

/// Bytes that came with a registration become collectable once they are kept as the source.
pub async fn upload_is_collectable_once_it_is_kept(on: &QueueContext<'_>) {
    let space = on.space().await;
    let upload = UploadId::assign();
    let mut item = fixture::item(&space, "a");
    item.changes.source = Some(ImageSource::Upload(upload));
    let begun = on
        .queue
        .begin(item, Quota::NONE, fixture::claim())
        .await
        .unwrap();
    let image = on
        .succeed(begun.claimed.lease, with_original(None, 99))
        .await;
    same(
        image.awaited_upload(),
        None,
        "they are stored a second time",
    );
    on.assert_collectable_after(&DerivativeKey::Upload(upload), MINUTE)
        .await;
}

/// Images of which only the source is kept are listed by what is known of that.
pub async fn images_are_listed_by_what_was_fetched(on: &QueueContext<'_>) {
    let space = on.space().await;
    for (model, size) in [("b", 5), ("a", 4_000_000_000_000), ("c", 1)] {
        let lease = on.begun(&space, model).await.lease;
        on.succeed(lease, with_original(None, size)).await;
    }
    on.served(&space, "d", 100).await;
    for (by, expected) in [
        (ImageOrderBy::SourceSize, "c b d a"),
        (ImageOrderBy::MediaType, "a b c d"),
        (ImageOrderBy::SourceChecksum, "d a b c"),
    ] {
        let mut query = ImageQuery::of(space.customer);
        query.order = [by, ImageOrderBy::Id].map(ImageOrder::ascending).into();
        let listed = on.catalogue.list_images(&query, PageRequest::FIRST).await;
        let listed = listed.unwrap().items.into_iter();
        let models: Vec<_> = listed.map(|it| it.id.model().to_string()).collect();
        same(
            models.join(" "),
            expected.to_owned(),
            "the listing shows it",
        );
    }
}

/// To the byte what is served of images, and kept of their sources, of a space and of its customer.
pub async fn stored_bytes_are_counted_exactly(on: &QueueContext<'_>) {
    let space = on.space().await;
    let figures = async |expected: StorageFigures, why: &str| {
        let found = on.catalogue.find_space(space.customer, space.id).await;
        same(found.unwrap().map(|it| it.storage()), Some(expected), why);
        let all = on.catalogue.find_storage(space.customer).await.unwrap();
        same(all, expected, why);
    };
    let of = |images: u64, bytes: u64, thumbnails: u64| StorageFigures {
        images,
        bytes: StoredBytes {
            images: bytes,
            thumbnails,
        },
    };
    figures(of(0, 0, 0), "nothing is there").await;
    on.submit(&space, &["queued"]).await;
    figures(
        of(1, 0, 0),
        "what waits is registered, and nothing is stored of it",
    )
    .await;
    on.fail(on.claimed().await.lease).await;
    figures(of(1, 0, 0), "nor of what failed").await;
    let mut derivative = fixture::derivative(100);
    (
        derivative.derivative.length,
        derivative.derivative.thumbnail_bytes,
    ) = (1000, 300);
    let make = async |success: Success| {
        let lease = on.begun(&space, "a").await.lease;
        on.succeed(lease, success).await
    };
    make(derivative.clone().into()).await;
    figures(of(2, 700, 300), "thumbnails are counted apart").await;
    make(with_original(Some(derivative.clone()), 50)).await;
    figures(of(2, 750, 300), "a registration replaces what was there").await;
    let lease = on.begun(&space, "a").await.lease;
    on.fail(lease).await;
    figures(of(2, 750, 300), "what was there is served still").await;
    make(with_original(None, 60)).await;
    figures(of(2, 60, 0), "the derivative is not there any more").await;
    make(Success::NOTHING).await;
    figures(of(2, 0, 0), "nothing is stored").await;
    let image = make(with_original(Some(derivative), 70)).await;
    figures(of(2, 770, 300), "both are stored").await;
    on.catalogue.delete_image(&image.id).await.unwrap();
    figures(of(1, 0, 0), "a deletion takes everything away").await;
    let elsewhere: Space = on.space().await;
    let nothing = on.catalogue.find_storage(elsewhere.customer).await.unwrap();
    same(nothing, of(0, 0, 0), "each customer counts its own");
}
