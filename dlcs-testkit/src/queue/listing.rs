//! Clauses about listings of images.

use std::time::Duration;

use dlcs_core::id::BatchId;
use dlcs_core::image::{
    DeliveryChannel, ImageChanges, ImageCursor, ImageOrder, ImageOrderBy, ImageQuery, OpenAccess,
    OriginUrl, Third,
};
use dlcs_core::page::{PageRequest, PageSize};
use dlcs_core::space::Space;

use super::QueueContext;
use crate::fixture;
use crate::verdict::same;

async fn models(on: &QueueContext<'_>, query: &ImageQuery) -> String {
    let page = on.catalogue.list_images(query, PageRequest::FIRST).await;
    let page = page.unwrap();
    let why = "the total is that of the listing";
    same(page.total, page.items.len() as u64, why);
    let models: Vec<_> = page.items.iter().map(|i| i.id.model().as_str()).collect();
    models.join(" ")
}

/// Registers an image with a string, a number and tags, a second after the one before.
async fn register(
    on: &QueueContext<'_>,
    space: &Space,
    model: &str,
    string: &str,
    number: i64,
) -> BatchId {
    let mut item = fixture::item(space, model);
    item.changes = ImageChanges {
        strings: [Some(string.to_owned()), Some("100%_x".to_owned()), None],
        numbers: [Some(number), None, Some(-number)],
        tags: Some(vec![format!("tag{number}"), "a, b".to_owned()]),
        ..item.changes
    };
    let submission = fixture::submission(space, [item]);
    let batch = on.queue.submit(submission).await.unwrap();
    on.clock.advance(Duration::from_secs(1));
    batch.id
}

/// Every condition that is set must hold.
pub async fn every_condition_must_hold(on: &QueueContext<'_>) {
    let (space, theirs) = (on.space().await, on.space().await);
    let second = fixture::space_of(on.catalogue, space.customer, "second").await;
    register(on, &space, "a", "x", 1).await;
    let before = register(on, &space, "b", "x", 2).await;
    let ready = on.claimed().await.lease;
    on.complete(ready, 100).await;
    let failed = on.claimed().await.lease;
    on.fail(failed).await;
    register(on, &space, "c", "X", 3).await;
    register(on, &second, "a", "", 1).await;
    register(on, &theirs, "t", "x", 1).await;
    let batch = on.submit(&space, &["c"]).await.id;

    let all = ImageQuery::of(space.customer);
    let is = |text: &str| Some(vec![text.to_owned()]);
    let model = |text: &str| fixture::image_id(&space, text).model().clone();
    let with = |change: &dyn Fn(&mut ImageQuery)| {
        let mut query = all.clone();
        change(&mut query);
        query
    };
    for (query, expected) in [
        (all.clone(), "a b c a"),
        (all.clone().in_space(second.id), "a"),
        (all.clone().in_batch(batch), "c"),
        (with(&|q| q.batches = Some(vec![batch, before])), "b c"),
        (with(&|q| q.batches = Some(Vec::new())), ""),
        (with(&|q| q.models = Some(vec![model("a")])), "a a"),
        (
            with(&|q| q.models = Some(vec![model("c"), model("missing"), model("b")])),
            "b c",
        ),
        (with(&|q| q.models = Some(Vec::new())), ""),
        (with(&|q| q.strings[0] = is("x")), "a b"),
        (with(&|q| q.strings[0] = is("")), "a"),
        (
            with(&|q| q.strings[0] = Some(vec!["X".to_owned(), String::new()])),
            "c a",
        ),
        (with(&|q| q.strings[0] = Some(Vec::new())), ""),
        (with(&|q| q.strings[1] = is("100%_x")), "a b c a"),
        (with(&|q| q.strings[1] = is("100%")), ""),
        (with(&|q| q.strings[2] = is("")), "a b c a"),
        (with(&|q| q.numbers[0] = Some(vec![2, 3, 9])), "b c"),
        (with(&|q| q.numbers[1] = Some(vec![0])), "a b c a"),
        (with(&|q| q.numbers[2] = Some(vec![-2])), "b"),
        (
            with(&|q| q.tags = Some(vec!["tag1".to_owned(), "tag3".to_owned()])),
            "a c a",
        ),
        (with(&|q| q.tags = is("a, b")), "a b c a"),
        (with(&|q| q.tags = is("tag")), ""),
        (with(&|q| q.failed = Some(true)), "b"),
        (with(&|q| q.failed = Some(false)), "a c a"),
        (with(&|q| q.pending = Some(true)), "c a"),
        (with(&|q| q.pending = Some(false)), "a b"),
        (
            with(&|q| (q.strings[0], q.numbers[0]) = (is("x"), Some(vec![2, 3]))),
            "b",
        ),
        (with(&|q| (q.failed, q.tags) = (Some(true), is("tag1"))), ""),
    ] {
        let listed = models(on, &query).await;
        let why = format!("this was asked for: {query:?}");
        same(listed.as_str(), expected, &why);
    }
}

/// Images that differ in everything that they can be ordered by, or are alike in it; some are served, one has failed and two wait.
async fn register_all(on: &QueueContext<'_>) -> Space {
    let space = on.space().await;
    for (model, string, number, width) in [
        ("c", "b", 10, 300),
        ("B", "B", 9, 100),
        ("a", "a", 10, 200),
        ("é", "b", -1, 100),
    ] {
        register(on, &space, model, string, number).await;
        let lease = on.claimed().await.lease;
        on.complete(lease, width).await;
    }
    let mut item = fixture::item(&space, "d");
    item.changes = ImageChanges {
        initial_origin: Some(OriginUrl::parse("https://origin.example/first").ok()),
        media_type: Some("image/tiff".to_owned()),
        tags: Some(vec![
            "\"quoted\" \\ \u{1}\n\u{7f}".to_owned(),
            "é".to_owned(),
        ]),
        roles: Some(vec!["https://role.example/r".to_owned()]),
        manifests: Some(vec!["m".to_owned()]),
        max_unauthorised: OpenAccess::from_wire(400),
        delivery_channels: Some(vec![DeliveryChannel {
            channel: "thumbs".to_owned(),
            policy: Some("default".to_owned()),
        }]),
        image_optimisation_policy: Some("lossless".to_owned()),
        thumbnail_policy: Some("default".to_owned()),
        ..item.changes
    };
    let submission = fixture::submission(&space, [item]);
    on.queue.submit(submission).await.unwrap();
    let failed = on.claimed().await.lease;
    on.fail(failed).await;
    let second = fixture::space_of(on.catalogue, space.customer, "second").await;
    on.submit(&second, &["a", "A"]).await;
    space
}

fn by_every_property() -> Vec<ImageOrderBy> {
    let thirds = [Third::First, Third::Second, Third::Third];
    let mut all = vec![
        ImageOrderBy::Created,
        ImageOrderBy::Id,
        ImageOrderBy::Space,
        ImageOrderBy::Origin,
        ImageOrderBy::InitialOrigin,
        ImageOrderBy::MediaType,
        ImageOrderBy::Tags,
        ImageOrderBy::Roles,
        ImageOrderBy::Manifests,
        ImageOrderBy::MaxUnauthorised,
        ImageOrderBy::DeliveryChannels,
        ImageOrderBy::ImageOptimisationPolicy,
        ImageOrderBy::ThumbnailPolicy,
        ImageOrderBy::Width,
        ImageOrderBy::Height,
        ImageOrderBy::Queued,
        ImageOrderBy::Dequeued,
        ImageOrderBy::Finished,
        ImageOrderBy::Ingesting,
        ImageOrderBy::Error,
        ImageOrderBy::Batch,
        ImageOrderBy::SourceChecksum,
        ImageOrderBy::SourceSize,
    ];
    all.extend(thirds.map(ImageOrderBy::String));
    all.extend(thirds.map(ImageOrderBy::Number));
    all
}

/// The order of a listing; ties go by creation, then by space and model id, in the direction of the order.
pub async fn listing_goes_by_the_order_asked_for(on: &QueueContext<'_>) {
    let space = register_all(on).await;
    for (by, expected) in [
        (ImageOrderBy::Created, "c B a é d A a"),
        (ImageOrderBy::Id, "A B a a c d é"),
        (ImageOrderBy::Width, "d A a B é a c"),
        (ImageOrderBy::Height, "d A a c B a é"),
        (ImageOrderBy::String(Third::First), "d A a B a c é"),
        (ImageOrderBy::Number(Third::First), "é d A a B c a"),
        (ImageOrderBy::Number(Third::Third), "c a B d A a é"),
        (ImageOrderBy::MediaType, "A a c B a é d"),
        (ImageOrderBy::Error, "c B a é A a d"),
        (ImageOrderBy::Finished, "A a c B a é d"),
    ] {
        for descending in [false, true] {
            let mut query = ImageQuery::of(space.customer);
            query.order = vec![ImageOrder { by, descending }];
            let listed = models(on, &query).await;
            let mut expected: Vec<_> = expected.split(' ').collect();
            if descending {
                expected.reverse();
            }
            let why = format!("this order was asked for: {:?}", query.order);
            same(listed, expected.join(" "), &why);
        }
    }
    for by in by_every_property() {
        for descending in [false, true] {
            let mut query = ImageQuery::of(space.customer);
            query.order = vec![ImageOrder { by, descending }];
            is_sorted(on, &query).await;
        }
    }
}

/// The order of a listing: by each property in turn, then by creation, by space and by model id, in the direction of the last.
pub async fn listing_goes_by_several_properties_in_turn(on: &QueueContext<'_>) {
    let space = register_all(on).await;
    let (string, number) = (
        ImageOrderBy::String(Third::First),
        ImageOrderBy::Number(Third::First),
    );
    for first in [false, true].map(|descending| ImageOrder {
        by: string,
        descending,
    }) {
        for last in [false, true].map(|descending| ImageOrder {
            by: number,
            descending,
        }) {
            let mut query = ImageQuery::of(space.customer);
            query.order = vec![first, last];
            is_sorted(on, &query).await;
        }
    }
}

/// Checks a listing by what its images have.
async fn is_sorted(on: &QueueContext<'_>, query: &ImageQuery) {
    let listed = on.catalogue.list_images(query, PageRequest::FIRST).await;
    let images = listed.unwrap().items;
    let places = images
        .iter()
        .map(|image| ImageCursor::behind(image, &query.order));
    let places: Vec<_> = places.collect();
    let sorted = places
        .windows(2)
        .all(|pair| pair[0].compare(&pair[1], &query.order).is_lt());
    let why = format!("this order was asked for: {:?}", query.order);
    same((sorted, images.len()), (true, 7), &why);
}

/// Behind a place in the listing comes what offsets give, also when the image that the place was taken from has gone.
pub async fn behind_a_place_comes_what_offsets_give(on: &QueueContext<'_>) {
    let space = register_all(on).await;
    let mut orders: Vec<Vec<ImageOrder>> = vec![Vec::new()];
    for by in by_every_property() {
        orders.push(vec![ImageOrder::ascending(by)]);
        orders.push(vec![ImageOrder::descending(by)]);
    }
    let string = ImageOrderBy::String(Third::First);
    let number = ImageOrderBy::Number(Third::First);
    orders.push(vec![
        ImageOrder::descending(string),
        ImageOrder::ascending(number),
    ]);
    for order in orders {
        for scope in [None, Some(space.id)] {
            let mut query = ImageQuery::of(space.customer);
            (query.order, query.space) = (order.clone(), scope);
            let whole = on.catalogue.list_images(&query, PageRequest::FIRST).await;
            let whole = whole.unwrap();
            for (place, image) in whole.items.iter().enumerate() {
                query.after = Some(ImageCursor::behind(image, &query.order));
                let size = PageSize::new(2);
                let request = PageRequest { index: 0, size };
                let page = on.catalogue.list_images(&query, request).await.unwrap();
                let expected = whole.items.iter().skip(place + 1).take(2);
                let why = format!("this was asked for: {query:?}");
                same(page.total, whole.total, "the total is of all");
                same(page.items, expected.cloned().collect(), &why);
            }
        }
    }
    let mut query = ImageQuery::of(space.customer).in_space(space.id);
    let gone = fixture::image_id(&space, "B");
    let found = on.catalogue.find_image(&gone).await.unwrap();
    query.after = found.map(|image| ImageCursor::behind(&image, &query.order));
    on.catalogue.delete_image(&gone).await.unwrap();
    let page = on.catalogue.list_images(&query, PageRequest::FIRST).await;
    let page = page.unwrap();
    let left: Vec<_> = page.items.iter().map(|i| i.id.model().as_str()).collect();
    let why = "the place is where the image was";
    same((left.join(" ").as_str(), page.total), ("a é d", 4), why);
}

/// The order is total: pages neither repeat nor miss an image while images are added.
pub async fn pages_neither_repeat_nor_miss_while_images_are_added(on: &QueueContext<'_>) {
    let space = on.space().await;
    on.submit(&space, &["g", "c", "f", "a", "e", "b", "d"])
        .await;
    let query = ImageQuery::of(space.customer);
    let mut seen = Vec::new();
    for index in 0..4 {
        let size = PageSize::new(2);
        let request = PageRequest { index, size };
        let page = on.catalogue.list_images(&query, request).await.unwrap();
        same(page.total, 7 + index, "the total is of this instant");
        let models = page.items.iter().map(|image| image.id.model().to_string());
        seen.extend(models);
        on.clock.advance(Duration::from_secs(1));
        on.submit(&space, &[&format!("A{index}")]).await;
    }
    let expected = ["a", "b", "c", "d", "e", "f", "g", "A0"].map(str::to_owned);
    let why = "somebody who walks through the pages must see every image once";
    same(seen, expected.to_vec(), why);
}
