//! Checks of everything at rest: what is found, and what becomes of it.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use dlcs_core::DerivativeStore;
use dlcs_core::catalogue::Catalogue;
use dlcs_core::customer::{CustomerName, NewCustomer, Role};
use dlcs_core::derivative::{
    Checksum, DerivativeBody, DerivativeFacts, DerivativeKey, Result, SourceFacts, StoredObject,
    UploadId,
};
use dlcs_core::fsck::{Finding, FsckMode, FsckOptions, Summary, fsck};
use dlcs_core::id::{CustomerId, ImageId};
use dlcs_core::iiif::{Dimensions, Pyramid, TileSize};
use dlcs_core::image::{Image, ImageChanges, ImageSource, OriginUrl, RegistrationMode};
use dlcs_core::memory::{MemoryCatalogue, MemoryDerivatives};
use dlcs_core::queue::{
    Claim, Completion, IngestQueue, Lane, Lease, StoredDerivative, Submission, SubmissionItem,
};
use dlcs_core::space::SpaceChanges;
use dlcs_core::storage::Quota;
use dlcs_core::time::Timestamp;
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, stream};

const CLAIM: Claim<'static> = Claim {
    owner: "a worker",
    lease_for: Duration::from_secs(60),
    per_host: u32::MAX,
};
/// What a look whether a store works leaves behind when it is cut short.
const PROBE: &str = "0000000000000000a76c1a2b3c4d5e6f";
const LATE: Timestamp = Timestamp::from_micros(i64::MAX);

/// A catalogue with customer 1 and space 1, and a store.
struct Place {
    catalogue: MemoryCatalogue,
    store: MemoryDerivatives,
}

impl Place {
    async fn new() -> Self {
        let catalogue = MemoryCatalogue::new();
        let new = NewCustomer {
            id: None,
            name: CustomerName::parse("default").unwrap(),
            display_name: "Default".to_owned(),
            role: Role::Administrator,
        };
        catalogue.create_customer(new).await.unwrap();
        let space = SpaceChanges::named("default");
        catalogue
            .create_space(CustomerId::FIRST, None, space)
            .await
            .unwrap();
        Self {
            catalogue,
            store: MemoryDerivatives::new(),
        }
    }

    async fn begin(&self, model: &str, source: ImageSource) -> Lease {
        let begun = self
            .catalogue
            .begin(item(model, source), Quota::NONE, CLAIM)
            .await;
        begun.unwrap().claimed.lease
    }

    /// Registers an image with an object of these bytes.
    async fn served(&self, model: &str, source: ImageSource, bytes: &'static str) -> Image {
        let lease = self.begin(model, source).await;
        self.complete(lease, bytes).await
    }

    async fn complete(&self, lease: Lease, bytes: &'static str) -> Image {
        let key = DerivativeKey::pyramid(lease.image(), lease.generation(), lease.token());
        self.put(&key, bytes).await;
        let stored = stored(bytes);
        match self.catalogue.complete(lease, stored.into()).await.unwrap() {
            Completion::Recorded(image) => *image,
            Completion::Superseded | Completion::OverQuota(..) => panic!("the lease is held"),
        }
    }

    async fn put(&self, key: &DerivativeKey, bytes: &'static str) {
        let body = stream::once(async move { Ok(Bytes::from_static(bytes.as_bytes())) });
        self.store.put(key, Box::pin(body)).await.unwrap();
    }

    async fn fsck(&self, mode: FsckMode) -> (Vec<String>, Summary) {
        self.fsck_of(&self.store, mode, LATE).await
    }

    async fn fsck_of(
        &self,
        store: &dyn DerivativeStore,
        mode: FsckMode,
        orphans_before: Timestamp,
    ) -> (Vec<String>, Summary) {
        let options = FsckOptions {
            mode,
            orphans_before,
        };
        let mut said = Vec::new();
        let mut report = |finding: &Finding| said.push(finding.to_string());
        let summary = fsck(&self.catalogue, store, &options, &mut report).await;
        let summary = summary.unwrap();
        (said, summary)
    }

    async fn assert_sound(&self) {
        let (said, summary) = self.fsck(FsckMode::Look).await;
        assert_eq!(said, Vec::<String>::new());
        assert!(summary.is_sound(), "{summary}");
    }
}

fn origin() -> ImageSource {
    ImageSource::Origin(OriginUrl::parse("https://example.org/a.jpg").unwrap())
}

fn item(model: &str, source: ImageSource) -> SubmissionItem {
    SubmissionItem {
        image: format!("1/1/{model}").parse().unwrap(),
        changes: ImageChanges {
            source: Some(source),
            ..ImageChanges::default()
        },
        mode: RegistrationMode::Merge,
    }
}

fn stored(bytes: &str) -> StoredDerivative {
    let pyramid = Pyramid {
        dimensions: Dimensions::new(4, 3).unwrap(),
        tile: TileSize::Px512,
    };
    let checksum = Checksum(*blake3::hash(bytes.as_bytes()).as_bytes());
    StoredDerivative {
        source: SourceFacts {
            media_type: "image/jpeg".to_owned(),
            size: 1,
            checksum: Checksum([1; 32]),
        },
        derivative: DerivativeFacts::new(pyramid, 0..1, bytes.len() as u64, checksum),
    }
}

fn key_of(image: &Image) -> DerivativeKey {
    image.service().unwrap().key(&image.id)
}

#[tokio::test]
async fn what_is_damaged_is_named_and_made_again() {
    let place = Place::new().await;
    let mut keys = Vec::new();
    for model in ["a", "b", "c", "d"] {
        keys.push(key_of(&place.served(model, origin(), "pixels").await));
    }
    place.assert_sound().await;
    place.store.delete(&keys[0]).await.unwrap();
    place.put(&keys[1], "pixel").await;
    place.put(&keys[2], "pixelz").await;

    let (said, summary) = place.fsck(FsckMode::Look).await;
    assert_eq!(said.len(), 3, "{said:?}");
    let of =
        |key: &DerivativeKey, model: &str| format!("the object `{key}` of image `1/1/{model}`");
    assert_eq!(
        said[0],
        format!(
            "{} is missing: a repair has it made again",
            of(&keys[0], "a")
        )
    );
    assert!(
        said[1].starts_with(&format!("{} has 5 bytes instead of 6: ", of(&keys[1], "b"))),
        "{said:?}"
    );
    assert!(
        said[2].starts_with(&format!(
            "{} is damaged: its checksum is ",
            of(&keys[2], "c")
        )),
        "{said:?}"
    );
    assert!(!summary.is_sound());
    assert_eq!(
        summary.to_string(),
        "checked 4 images, 4 served from 24 bytes, 3 objects stored, and all counts: 3 faults, 3 left"
    );
    let size = place.catalogue.size(CustomerId::FIRST).await.unwrap();
    assert_eq!(size.images, 0, "nobody asked for a repair");

    let (said, summary) = place.fsck(FsckMode::Repair).await;
    assert!(said[0].ends_with("queued to be made again"), "{said:?}");
    assert_eq!((summary.faults, summary.queued, summary.left()), (3, 3, 3));
    let (said, _) = place.fsck(FsckMode::Repair).await;
    assert!(
        said[0].ends_with("it is in the queue to be made again"),
        "{said:?}"
    );
    let size = place.catalogue.size(CustomerId::FIRST).await.unwrap();
    assert_eq!(size.images, 3, "what is in the queue is not queued again");
    while let Some(claimed) = place.catalogue.claim(CLAIM).await.unwrap() {
        place.complete(claimed.lease, "pixels").await;
    }
    place.assert_sound().await;
}

#[tokio::test]
async fn what_was_sent_cannot_be_made_again() {
    let place = Place::new().await;
    let upload = UploadId::assign();
    let sent = place
        .served("a", ImageSource::Upload(upload), "pixels")
        .await;
    place.assert_sound().await;
    place.store.delete(&key_of(&sent)).await.unwrap();
    let (said, summary) = place.fsck(FsckMode::Repair).await;
    assert!(
        said[0].contains("is missing: it cannot be made again"),
        "{said:?}"
    );
    assert_eq!((summary.faults, summary.queued, summary.left()), (1, 0, 1));
}

#[tokio::test]
async fn bytes_that_an_image_waits_for_are_missed_and_never_condemned() {
    let place = Place::new().await;
    let upload = UploadId::assign();
    let submission = Submission {
        quota: Quota::NONE,
        customer: CustomerId::FIRST,
        lane: Lane::Default,
        items: vec![item("a", ImageSource::Upload(upload))],
    };
    place.catalogue.submit(submission).await.unwrap();
    let (said, _) = place.fsck(FsckMode::Look).await;
    assert_eq!(
        said,
        [format!(
            "the object `uploads/{upload}`, which was sent for image `1/1/a`, is missing: it cannot be made again: send the bytes again"
        )]
    );
    place.put(&DerivativeKey::Upload(upload), "sent").await;
    place.assert_sound().await;
    place.catalogue.expect_uploads(&[upload]).await.unwrap();
    let (said, _) = place.fsck(FsckMode::Look).await;
    assert_eq!(
        said,
        [format!(
            "the object `uploads/{upload}` is needed and to be deleted: a repair puts it right"
        )]
    );
    let (_, summary) = place.fsck(FsckMode::Repair).await;
    assert!(summary.is_sound() && summary.repaired == 1, "{summary}");
    place.assert_sound().await;
}

#[tokio::test]
async fn orphans_are_old_and_named_by_nothing() {
    let place = Place::new().await;
    let old = place.served("a", origin(), "pixels").await;
    let new = place.served("a", origin(), "pixels").await;
    let (leased, expected) = (place.begin("b", origin()).await, UploadId::assign());
    place.catalogue.expect_uploads(&[expected]).await.unwrap();
    let written = DerivativeKey::pyramid(leased.image(), leased.generation(), leased.token());
    for named in [written, DerivativeKey::Upload(expected)] {
        place.put(&named, "named").await;
    }
    let (served, replaced) = (key_of(&new), key_of(&old));
    let id: ImageId = "1/1/gone".parse().unwrap();
    let orphans = [
        DerivativeKey::pyramid(&id, leased.generation(), leased.token()),
        DerivativeKey::Upload(UploadId::assign()),
    ];
    let probe = DerivativeKey::Upload(PROBE.parse().unwrap());
    for nameless in orphans.iter().chain([&probe]) {
        place.put(nameless, "x").await;
    }
    let early = Timestamp::from_micros(0);
    let (said, _) = place.fsck_of(&place.store, FsckMode::Look, early).await;
    assert_eq!(said, Vec::<String>::new(), "they are too young");
    let (mut said, _) = place.fsck(FsckMode::Look).await;
    let mut expected: Vec<_> = orphans
        .iter()
        .map(|key| format!("no row names the object `{key}` of 1 bytes: a repair deletes it"))
        .collect();
    said.sort();
    expected.sort();
    assert_eq!(said, expected);
    let (_, summary) = place.fsck(FsckMode::Repair).await;
    assert!(summary.is_sound() && summary.repaired == 2, "{summary}");
    let left = place.store.list().await.unwrap();
    assert!(
        left.contains(&served) && left.contains(&replaced) && left.len() == 4,
        "{left:?}"
    );
    place.assert_sound().await;
}

#[tokio::test]
async fn a_store_of_which_nothing_is_named_is_left_alone() {
    let place = Place::new().await;
    let key = DerivativeKey::Upload(UploadId::assign());
    place.put(&key, "of another catalogue").await;
    let (said, summary) = place.fsck(FsckMode::Repair).await;
    assert!(
        said[0].contains("see that it is the catalogue's"),
        "{said:?}"
    );
    assert_eq!((summary.faults, summary.left()), (1, 1));
    assert_eq!(place.store.list().await.unwrap(), [key]);
}

/// A store in which something happens before the first look at an object.
struct Meanwhile {
    place: Arc<Place>,
    happens: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl fmt::Debug for Meanwhile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Meanwhile")
    }
}

#[async_trait]
impl DerivativeStore for Meanwhile {
    async fn put(&self, key: &DerivativeKey, body: DerivativeBody) -> Result<u64> {
        self.place.store.put(key, body).await
    }

    async fn get_range(&self, key: &DerivativeKey, range: Range<u64>) -> Result<Bytes> {
        self.place.store.get_range(key, range).await
    }

    async fn length(&self, key: &DerivativeKey) -> Result<u64> {
        let happens = self.happens.lock().unwrap().take();
        if let Some(happens) = happens {
            happens();
        }
        self.place.store.length(key).await
    }

    async fn delete(&self, key: &DerivativeKey) -> Result<()> {
        self.place.store.delete(key).await
    }

    fn scan(&self) -> BoxStream<'_, Result<StoredObject>> {
        self.place.store.scan()
    }
}

#[tokio::test]
async fn what_changes_during_the_look_is_no_fault() {
    let place = Arc::new(Place::new().await);
    for (is_replaced, model) in [(true, "a"), (false, "b")] {
        let image = place.served(model, origin(), "pixels").await;
        let there = Arc::clone(&place);
        let happens = move || {
            let happens = async {
                if is_replaced {
                    there.served(model, origin(), "other pixels").await;
                } else {
                    there.catalogue.delete_image(&image.id).await.unwrap();
                }
                there.store.delete(&key_of(&image)).await.unwrap();
            };
            happens.now_or_never().expect("memory never waits");
        };
        let store = Meanwhile {
            place: Arc::clone(&place),
            happens: Mutex::new(Some(Box::new(happens))),
        };
        let began = Timestamp::from_micros(0);
        let (said, summary) = place.fsck_of(&store, FsckMode::Look, began).await;
        assert_eq!(said, Vec::<String>::new(), "{model}");
        assert!(summary.is_sound());
    }
}

#[tokio::test]
async fn a_check_can_be_a_task() {
    let place = Place::new().await;
    place.served("a", origin(), "pixels").await;
    let check = tokio::spawn(async move {
        let options = FsckOptions::default();
        fsck(&place.catalogue, &place.store, &options, &mut |_| {}).await
    });
    assert!(check.await.unwrap().unwrap().is_sound());
}
