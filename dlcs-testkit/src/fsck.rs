//! The contract of a catalogue that can be checked, beside [`queue`](crate::queue)'s.

use std::collections::BTreeSet;

use dlcs_core::derivative::{DerivativeKey, UploadId};
use dlcs_core::fsck::{Ledger, Named};
use dlcs_core::id::ImageId;
use dlcs_core::image::{Image, ImageSource};
use dlcs_core::queue::{Failure, Lease};
use dlcs_core::storage::Quota;

use crate::fake::FakeClock;
use crate::fixture::{self, LEASE};
use crate::queue::QueueContext;
use crate::verdict::same;

/// Expands to one test per clause of the contract of a [`Ledger`].
///
/// Give it what [`queue_contract!`](crate::queue_contract) takes: an expression whose future is `(guard, backend, clock)`.
#[macro_export]
macro_rules! fsck_contract {
    ($new:expr) => {
        $crate::clause_tests! {
            (_guard, backend, clock) = $new,
            &{ use $crate::fsck::AsLedger as _; backend.ledger(&clock) };
            $crate::fsck {
                images_are_scanned_in_order_and_once,
                collectable_objects_are_scanned_in_order_and_once,
                what_leases_may_write_is_listed,
                needed_and_collectable_objects_are_named,
                nothing_is_miscounted_after_any_history,
                recounting_changes_nothing_that_is_right,
            }
        }
    };
}

/// A ledger, as the clauses use it.
#[derive(Debug, Clone, Copy)]
pub struct LedgerContext<'a> {
    /// The ledger.
    pub ledger: &'a dyn Ledger,
    /// It, and the clock that it goes by.
    pub queue: QueueContext<'a>,
}

/// Lets the macro take a backend itself or what points to one.
pub trait AsLedger {
    /// The backend with its clock.
    fn ledger<'a>(&'a self, clock: &'a FakeClock) -> LedgerContext<'a>;
}

impl<T: Ledger> AsLedger for T {
    fn ledger<'a>(&'a self, clock: &'a FakeClock) -> LedgerContext<'a> {
        LedgerContext {
            ledger: self,
            queue: QueueContext {
                catalogue: self,
                queue: self,
                clock,
            },
        }
    }
}

impl LedgerContext<'_> {
    /// Every image, in pages of two.
    async fn images(&self) -> Vec<ImageId> {
        let mut all: Vec<ImageId> = Vec::new();
        loop {
            let page = self.ledger.scan_images(all.last(), 2).await.unwrap();
            same(page.len() <= 2, true, "a page is as long as was asked for");
            if page.is_empty() {
                return all;
            }
            all.extend(page.into_iter().map(|image| image.id));
        }
    }

    async fn collectable(&self) -> Vec<DerivativeKey> {
        let mut all: Vec<DerivativeKey> = Vec::new();
        loop {
            let page = self.ledger.scan_collectable(all.last(), 2).await.unwrap();
            same(page.len() <= 2, true, "a page is as long as was asked for");
            if page.is_empty() {
                return all;
            }
            all.extend(page);
        }
    }

    async fn named(&self, keys: &[DerivativeKey]) -> Vec<Named> {
        let mut named = self.ledger.find_named(keys).await.unwrap();
        named.sort_by(|a, b| a.key.cmp(&b.key));
        named
    }

    async fn assert_sound(&self, when: &str) {
        let found = self.ledger.miscounts(100).await.unwrap();
        same(found, Vec::new(), when);
    }
}

fn key_of(image: &Image) -> DerivativeKey {
    let service = image.service().expect("the image is served");
    service.key(&image.id)
}

fn key_under(lease: &Lease) -> DerivativeKey {
    DerivativeKey::pyramid(lease.image(), lease.generation(), lease.token())
}

fn needed(key: DerivativeKey) -> Named {
    Named {
        key,
        is_needed: true,
        is_collectable: false,
    }
}

fn sorted<T: Ord>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    items
        .into_iter()
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

/// Images are returned in the order of their ids; pages neither repeat an image nor miss one.
pub async fn images_are_scanned_in_order_and_once(on: &LedgerContext<'_>) {
    let (first, second) = (on.queue.space().await, on.queue.space().await);
    let models = ["b", "a", "B", "ü", "a b", "z", "_", "10", "9"];
    for space in [&second, &first] {
        on.queue.submit(space, &models).await;
    }
    let expected = [&first, &second]
        .into_iter()
        .flat_map(|space| models.map(|model| fixture::image_id(space, model)));
    same(on.images().await, sorted(expected), "each once, in order");
}

/// Keys of what is to be deleted, at once or later, are returned in the order of their paths; pages neither repeat nor miss one.
pub async fn collectable_objects_are_scanned_in_order_and_once(on: &LedgerContext<'_>) {
    let space = on.queue.space().await;
    let uploads = [(); 5].map(|()| UploadId::assign());
    on.queue.catalogue.expect_uploads(&uploads).await.unwrap();
    let mut expected: Vec<_> = uploads.map(DerivativeKey::Upload).into();
    for _ in 0..4 {
        let image = on.queue.served(&space, "a", 100).await;
        expected.push(key_of(&image));
    }
    // What is served is not to be deleted.
    expected.pop();
    expected.sort_by_key(DerivativeKey::path);
    let why = "what is to be deleted later counts, too";
    same(on.collectable().await, expected, why);
}

/// The keys of what leases may be writing are listed, expired ones included, and no others.
pub async fn what_leases_may_write_is_listed(on: &LedgerContext<'_>) {
    let space = on.queue.space().await;
    on.queue.submit(&space, &["waits", "leased"]).await;
    let (one, other) = (on.queue.claimed().await, on.queue.begun(&space, "b").await);
    let all_of =
        |lease: &Lease| DerivativeKey::of_lease(lease.image(), lease.generation(), lease.token());
    let expected = sorted([all_of(&one.lease), all_of(&other.lease)].concat());
    on.queue.clock.advance(LEASE * 2);
    let listed = sorted(on.ledger.list_leased().await.unwrap());
    same(listed, expected, "its holder may be writing still");
    on.queue.complete(other.lease, 100).await;
    let expected = sorted(all_of(&one.lease));
    let why = "what has ended is written by nobody";
    same(
        sorted(on.ledger.list_leased().await.unwrap()),
        expected,
        why,
    );
}

/// Needed is what an image is served from, bytes that were sent and not processed yet, and what a lease may be writing.
pub async fn needed_and_collectable_objects_are_named(on: &LedgerContext<'_>) {
    let space = on.queue.space().await;
    let replaced = key_of(&on.queue.served(&space, "a", 100).await);
    let served = key_of(&on.queue.served(&space, "a", 200).await);
    let leased = on.queue.begun(&space, "b").await.lease;
    let (waiting, processed) = (UploadId::assign(), UploadId::assign());
    for (model, upload) in [("c", waiting), ("d", processed)] {
        let mut item = fixture::item(&space, model);
        item.changes.source = Some(ImageSource::Upload(upload));
        let begun = on
            .queue
            .queue
            .begin(item, Quota::NONE, fixture::claim())
            .await
            .unwrap();
        if upload == processed {
            on.queue.complete(begun.claimed.lease, 100).await;
        } else {
            on.queue.fail(begun.claimed.lease).await;
        }
    }
    let strangers = [
        DerivativeKey::Upload(UploadId::assign()),
        DerivativeKey::pyramid(
            &fixture::image_id(&space, "nobody"),
            leased.generation(),
            leased.token(),
        ),
    ];
    let collectable = |key| Named {
        key,
        is_needed: false,
        is_collectable: true,
    };
    let mut expected = vec![
        needed(served),
        needed(key_under(&leased)),
        needed(DerivativeKey::Upload(waiting)),
        collectable(replaced),
        collectable(DerivativeKey::Upload(processed)),
    ];
    expected.sort_by(|a, b| a.key.cmp(&b.key));
    let mut keys: Vec<_> = strangers.into();
    keys.extend(expected.iter().map(|named| named.key.clone()));
    same(
        on.named(&keys).await,
        expected,
        "whatever else is in the store is nobody's",
    );
    on.queue.catalogue.expect_uploads(&[waiting]).await.unwrap();
    let both = Named {
        key: DerivativeKey::Upload(waiting),
        is_needed: true,
        is_collectable: true,
    };
    let why = "an object that is needed must not be collectable, and it must be seen where it is";
    let key = DerivativeKey::Upload(waiting);
    same(on.named(&[key]).await, vec![both], why);
}

/// A history in which each of the things happens that are counted.
async fn history(on: &LedgerContext<'_>) {
    let queue = &on.queue;
    let space = queue.space().await;
    on.assert_sound("with nothing in it").await;
    let first = queue.submit(&space, &["a", "b", "c", "d", "e"]).await;
    on.assert_sound("after a submission").await;
    let lease = queue.claimed().await.lease;
    on.assert_sound("after a claim").await;
    queue.complete(lease, 100).await;
    queue.fail(queue.claimed().await.lease).await;
    on.assert_sound("after results").await;
    let retry = Failure::Retry {
        after: LEASE,
        error: "later".to_owned(),
    };
    let lease = queue.claimed().await.lease;
    let _ = queue.queue.fail(lease, retry).await.unwrap();
    queue
        .queue
        .release(queue.claimed().await.lease)
        .await
        .unwrap();
    on.assert_sound("after a retry and a release").await;
    let _lost = queue.claimed().await;
    queue.clock.advance(LEASE * 2);
    let _again = queue.claimed().await;
    on.assert_sound("after a lease that was lost").await;
    queue.submit(&space, &["a", "b", "x"]).await;
    on.assert_sound("after images went into another batch")
        .await;
    let _begun = queue.begun(&space, "x").await;
    on.assert_sound("after an immediate registration").await;
    let gone = fixture::image_id(&space, "c");
    queue.catalogue.delete_image(&gone).await.unwrap();
    on.assert_sound("after a deletion").await;
    queue.queue.reclaim(fixture::claim().owner).await.unwrap();
    on.assert_sound("after a process has died").await;
    queue
        .queue
        .retry_batch(first.customer, first.id)
        .await
        .unwrap();
    on.assert_sound("after a batch was tried again").await;
    while let Some(claimed) = queue.claim(fixture::claim()).await {
        queue.complete(claimed.lease, 100).await;
        on.assert_sound("after each of the last results").await;
    }
}

/// Whatever catalogue and queue are asked to do, nothing is miscounted.
pub async fn nothing_is_miscounted_after_any_history(on: &LedgerContext<'_>) {
    history(on).await;
}

/// Where everything was right, counting anew changes nothing.
pub async fn recounting_changes_nothing_that_is_right(on: &LedgerContext<'_>) {
    history(on).await;
    let space = on.queue.space().await;
    let batch = on.queue.submit(&space, &["p", "q", "r"]).await;
    let _held = on.queue.claimed().await;
    let before = (
        on.queue.batch(&batch).await,
        on.queue.queue.totals().await.unwrap(),
        on.queue.queue.size(space.customer).await.unwrap(),
    );
    on.ledger.recount().await.unwrap();
    let after = (
        on.queue.batch(&batch).await,
        on.queue.queue.totals().await.unwrap(),
        on.queue.queue.size(space.customer).await.unwrap(),
    );
    same(after, before, "nothing was wrong");
    on.assert_sound("after counting anew").await;
    let next = on.queue.claimed().await;
    same(next.image.id.space(), space.id, "the queue goes on");
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_clause_is_listed() {
        let text = include_str!("fsck.rs");
        assert_eq!(crate::contract::unlisted(text, text), Vec::<&str>::new());
    }
}
