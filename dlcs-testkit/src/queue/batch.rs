//! Clauses about batches and the size of the queue.

use std::collections::BTreeSet;
use std::time::Duration;

use dlcs_core::batch::{Batch, BatchFilter, BatchOrder, BatchOrderBy, QueueSize};
use dlcs_core::id::BatchId;
use dlcs_core::page::{PageRequest, PageSize};
use dlcs_core::queue::{Failure, Lane};
use dlcs_core::space::Space;

use super::QueueContext;
use crate::fixture::{self, LEASE};
use crate::verdict::same;

/// In every snapshot, `completed + errors <= count`, and `finished` is set exactly when they are equal.
pub async fn counts_add_up_at_every_step(on: &QueueContext<'_>) {
    let space = on.space().await;
    let observer = Observer { on, space: &space };
    let first = on.submit(&space, &["a", "b", "c", "d", "e"]).await;
    observer.look("a submission").await;
    let lease = on.claimed().await.lease;
    observer.look("a claim").await;
    on.queue.release(lease).await.unwrap();
    observer.look("a release").await;
    let lease = on.claimed().await.lease;
    on.complete(lease, 100).await;
    observer.look("a completion").await;
    let lease = on.claimed().await.lease;
    on.fail(lease).await;
    observer.look("a final failure").await;
    let lease = on.claimed().await.lease;
    let retry = Failure::Retry {
        after: LEASE,
        error: "the origin does not answer".to_owned(),
    };
    let _ = on.queue.fail(lease, retry).await.unwrap();
    observer.look("a retry").await;
    on.submit(&space, &["a", "b", "d"]).await;
    observer
        .look("a submission of images that have ended or wait")
        .await;
    let begun = on.begun(&space, "c").await.lease;
    observer.look("an immediate registration").await;
    let id = fixture::image_id(&space, "e");
    on.catalogue.delete_image(&id).await.unwrap();
    observer.look("a deletion").await;
    on.complete(begun, 100).await;
    observer.look("the end of an immediate registration").await;
    let last = on.batch(&first).await;
    same(
        (last.completed, last.errors),
        (4, 1),
        "each image ends once",
    );
    for _ in 0..3 {
        let lease = on.claimed().await.lease;
        on.complete(lease, 100).await;
        observer.look("a completion in the later batch").await;
    }
}

struct Observer<'a> {
    on: &'a QueueContext<'a>,
    space: &'a Space,
}

impl Observer<'_> {
    async fn look(&self, after: &str) {
        let newest = BatchOrder::descending(BatchOrderBy::Id);
        for batch in list(self.on, self.space, BatchFilter::All, newest).await {
            let ended = batch.completed + batch.errors;
            let (adds_up, finished) = (ended <= batch.count, batch.finished.is_some());
            assert!(
                adds_up && finished == (ended == batch.count),
                "expected: completed + errors <= count, and finished exactly when equal, after {after}\n     \
                 got: {batch:?}\n     why: whoever watches a batch waits for `finished`, and trusts it"
            );
        }
    }
}

/// The numbers are those of the same instant.
pub async fn size_counts_images_and_batches(on: &QueueContext<'_>) {
    let (space, other) = (on.space().await, on.space().await);
    on.submit(&space, &["a", "b"]).await;
    on.submit(&space, &["c"]).await;
    let size = |images, images_waiting, batches| QueueSize {
        images,
        images_waiting,
        batches,
    };
    let got = on.queue.size(space.customer).await.unwrap();
    same(got, size(3, 3, 2), "three images of two batches wait");
    let first = on.claimed().await.lease;
    let second = on.claimed().await.lease;
    let got = on.queue.size(space.customer).await.unwrap();
    same(got, size(3, 1, 2), "two are being processed");
    on.complete(first, 100).await;
    on.fail(second).await;
    let got = on.queue.size(space.customer).await.unwrap();
    same(got, size(1, 1, 1), "two have ended, and a batch with them");
    let got = on.queue.size(other.customer).await.unwrap();
    same(
        got,
        size(0, 0, 0),
        "another customer has nothing in the queue",
    );
}

/// The two lanes of a customer are the whole of its queue.
pub async fn lane_sizes_add_up_to_the_queue(on: &QueueContext<'_>) {
    let (space, other) = (on.space().await, on.space().await);
    on.submit(&space, &["a", "b"]).await;
    on.submit_to(Lane::Priority, &space, &["c", "d", "e"]).await;
    on.submit_to(Lane::Priority, &other, &["a"]).await;
    let size = |images, images_waiting, batches| QueueSize {
        images,
        images_waiting,
        batches,
    };
    let lanes = async || {
        let mut sizes = Vec::new();
        for lane in [Lane::Default, Lane::Priority] {
            sizes.push(on.queue.lane_size(space.customer, lane).await.unwrap());
        }
        sizes
    };
    let at_first = vec![size(2, 2, 1), size(3, 3, 1)];
    same(lanes().await, at_first, "each batch is in its lane");
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(on.claimed().await.lease);
    }
    let taken = vec![size(2, 2, 1), size(3, 0, 1)];
    same(lanes().await, taken, "the priority lane goes first");
    for lease in held {
        on.complete(lease, 100).await;
    }
    let ended = vec![size(2, 2, 1), size(0, 0, 0)];
    same(lanes().await, ended, "what has ended is in no lane");
}

/// Lists a customer's batches, newest first; the filter selects as [`BatchFilter::selects`] says.
pub async fn batches_are_listed_newest_first_by_filter(on: &QueueContext<'_>) {
    let (space, other) = (on.space().await, on.space().await);
    let deserted = on.submit(&space, &["a"]).await.id;
    let recent = on.submit(&space, &["a"]).await.id;
    let lease = on.claimed().await.lease;
    on.complete(lease, 100).await;
    let active = [
        on.submit(&space, &["b"]).await.id,
        on.submit(&space, &["c"]).await.id,
    ];
    on.submit(&other, &["a"]).await;
    let newest_first = |ids: &[BatchId]| ids.iter().rev().copied().collect::<Vec<_>>();
    for (filter, expected) in [
        (
            BatchFilter::All,
            vec![deserted, recent, active[0], active[1]],
        ),
        (BatchFilter::Active, active.to_vec()),
        (BatchFilter::Recent, vec![recent]),
    ] {
        let newest = BatchOrder::descending(BatchOrderBy::Id);
        let listed = list(on, &space, filter, newest).await;
        for batch in &listed {
            let selected = filter.selects(batch);
            same(selected, true, "a listing agrees with its filter");
        }
        let ids: Vec<_> = listed.iter().map(|batch| batch.id).collect();
        let why = "people look at the newest, and only at their own";
        same(ids, newest_first(&expected), why);
    }
    let distinct = BTreeSet::from([deserted, recent, active[0], active[1]]);
    same(distinct.len(), 4, "each batch has its number");
}

/// Batches go by the order asked for; what is equal goes the same way by number.
pub async fn batches_go_by_the_order_asked_for(on: &QueueContext<'_>) {
    let space = on.space().await;
    let mut ids = Vec::new();
    for models in [["a", "b"].as_slice(), &["c"], &["d", "e"], &["a"]] {
        ids.push(on.submit(&space, models).await.id);
        on.clock.advance(Duration::from_secs(1));
    }
    let (failed, ready) = (on.claimed().await.lease, on.claimed().await.lease);
    on.fail(failed).await;
    on.complete(ready, 100).await;
    for by in [
        BatchOrderBy::Id,
        BatchOrderBy::Submitted,
        BatchOrderBy::Count,
        BatchOrderBy::Completed,
        BatchOrderBy::Errors,
        BatchOrderBy::Finished,
        BatchOrderBy::Superseded,
    ] {
        for descending in [false, true] {
            let order = BatchOrder { by, descending };
            let listed = list(on, &space, BatchFilter::All, order).await;
            let keys: Vec<_> = listed
                .iter()
                .map(|batch| (by.key(batch), batch.id))
                .collect();
            let sorted = keys.windows(2).all(|pair| {
                if descending {
                    pair[0] > pair[1]
                } else {
                    pair[0] < pair[1]
                }
            });
            let why = format!("pages do not overlap and go by {order:?}");
            same((sorted, keys.len()), (true, ids.len()), &why);
        }
    }
}

/// Returns a customer's batch; `None` for another customer's.
pub async fn batch_is_its_customers_only(on: &QueueContext<'_>) {
    let (space, other) = (on.space().await, on.space().await);
    let batch = on.submit(&space, &["a"]).await;
    let found = on.catalogue.find_batch(space.customer, batch.id).await;
    let why = "what was returned is what is stored";
    same(found.unwrap(), Some(batch.clone()), why);
    let found = on.catalogue.find_batch(other.customer, batch.id).await;
    let why = "nobody may look at another customer's batch";
    same(found.unwrap(), None, why);
}

/// The whole listing, in pages of three.
async fn list(
    on: &QueueContext<'_>,
    space: &Space,
    filter: BatchFilter,
    order: BatchOrder,
) -> Vec<Batch> {
    let mut all = Vec::new();
    for index in 0.. {
        let size = PageSize::new(3);
        let request = PageRequest { index, size };
        let page = on
            .catalogue
            .list_batches(space.customer, filter, order, request);
        let page = page.await.unwrap();
        if page.items.is_empty() {
            same(page.total, all.len() as u64, "the total is of the listing");
            break;
        }
        all.extend(page.items);
    }
    all
}
