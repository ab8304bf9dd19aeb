//! Clauses about listings of images.

use std::time::Duration;

use dlcs_core::id::BatchId;
use dlcs_core::image::{ImageChanges, ImageOrder, ImageOrderBy, ImageQuery, Third};
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
async fn register(on: &QueueContext<'_>, space: &Space, model: &str, string: &str, number: i64) -> BatchId {
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
        (
            with(&|q| q.batches = Some(vec![batch, before])),
            "b c",
        ),
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

/// The order of a listing; ties go by creation, then by space and model id.
pub async fn listing_goes_by_the_order_asked_for(on: &QueueContext<'_>) {
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
    for (by, ascending, descending) in [
        (ImageOrderBy::Created, "c B a é", "é a B c"),
        (ImageOrderBy::Id, "B a c é", "é c a B"),
        (ImageOrderBy::Width, "B é a c", "c a B é"),
        (ImageOrderBy::Height, "c B a é", "c B a é"),
        (ImageOrderBy::String(Third::First), "B a c é", "c é a B"),
        (ImageOrderBy::Number(Third::First), "é B c a", "c a B é"),
        (ImageOrderBy::Number(Third::Third), "c a B é", "é B c a"),
    ] {
        for (descending, expected) in [(false, ascending), (true, descending)] {
            let mut query = ImageQuery::of(space.customer);
            query.order = ImageOrder { by, descending };
            let listed = models(on, &query).await;
            let why = format!("this order was asked for: {:?}", query.order);
            same(listed.as_str(), expected, &why);
        }
    }
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
