//! What the SQLite catalogue keeps in memory: never anything that a write has overtaken.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dlcs_core::catalogue::Catalogue;
use dlcs_core::customer::CustomerName;
use dlcs_core::image::ImageChanges;
use dlcs_core::queue::{Completion, IngestQueue};
use dlcs_core::storage::Quota;

use crate::sqlite_fixture::{CLAIM, Place, derivative, image, item};

/// Registers an image again and again, while readers ask for it; no reader sees less than what was acknowledged before it asked, nor less
/// than it has seen itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_reader_sees_an_image_as_it_was_before_an_acknowledged_write() {
    const WRITES: u64 = 200;
    let place = Place::new();
    let catalogue = Arc::new(place.open_with_space().await);
    let _begun = catalogue
        .begin(item("a"), Quota::NONE, CLAIM)
        .await
        .unwrap();
    let acknowledged = Arc::new(AtomicU64::new(1));
    let readers: Vec<_> = (0..8)
        .map(|_| {
            let (catalogue, acknowledged) = (Arc::clone(&catalogue), Arc::clone(&acknowledged));
            tokio::spawn(async move {
                let mut seen = 0;
                while seen < WRITES {
                    let least = acknowledged.load(Ordering::SeqCst);
                    let found = catalogue.find_image(&image("a")).await.unwrap().unwrap();
                    let generation = found.generation.get();
                    assert!(generation >= least, "{generation} after {least}");
                    assert!(generation >= seen, "{generation} after {seen}");
                    seen = generation;
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for expected in 2..=WRITES {
        let begun = catalogue
            .begin(item("a"), Quota::NONE, CLAIM)
            .await
            .unwrap();
        assert_eq!(begun.claimed.image.generation.get(), expected);
        acknowledged.store(expected, Ordering::SeqCst);
    }
    for reader in readers {
        reader.await.unwrap();
    }
}

#[tokio::test]
async fn what_is_kept_of_images_and_customers_follows_every_change() {
    let place = Place::new();
    let catalogue = place.open_with_space().await;
    let name = CustomerName::parse("DEFAULT").unwrap();
    assert_eq!(catalogue.find_image(&image("a")).await.unwrap(), None);
    let begun = catalogue
        .begin(item("a"), Quota::NONE, CLAIM)
        .await
        .unwrap();
    let found = catalogue.find_image(&image("a")).await.unwrap();
    assert_eq!(found.as_deref(), Some(&begun.claimed.image));
    let completed = catalogue.complete(begun.claimed.lease, derivative().into());
    assert!(matches!(completed.await.unwrap(), Completion::Recorded(_)));
    let found = catalogue.find_image(&image("a")).await.unwrap().unwrap();
    assert!(found.service().is_some());
    let changes = ImageChanges {
        strings: [Some("one".to_owned()), None, None],
        ..ImageChanges::default()
    };
    let changed = catalogue.update_image(&image("a"), changes).await.unwrap();
    let found = catalogue.find_image(&image("a")).await.unwrap();
    assert_eq!(found.as_deref(), Some(&changed));
    catalogue.delete_image(&image("a")).await.unwrap();
    assert_eq!(catalogue.find_image(&image("a")).await.unwrap(), None);

    let found = catalogue.find_customer_by_name(&name).await.unwrap();
    let id = found.unwrap().id;
    catalogue.rename_customer(id, "Another").await.unwrap();
    let found = catalogue.find_customer_by_name(&name).await.unwrap();
    assert_eq!(found.unwrap().display_name, "Another");
}
