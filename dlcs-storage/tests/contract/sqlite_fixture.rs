//! What the tests of the SQLite backend share.
#![expect(clippy::unwrap_used, reason = "a test says by panicking that it fails")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dlcs_core::catalogue::Catalogue;
use dlcs_core::customer::{CustomerName, NewCustomer, Role};
use dlcs_core::derivative::{Checksum, DerivativeFacts, SourceFacts};
use dlcs_core::id::{CustomerId, ImageId, ModelId, SpaceId};
use dlcs_core::iiif::{Dimensions, Pyramid, TileSize};
use dlcs_core::image::{ImageChanges, ImageSource, OriginUrl, RegistrationMode};
use dlcs_core::queue::{Claim, Lane, StoredDerivative, Submission, SubmissionItem};
use dlcs_core::space::SpaceChanges;
use dlcs_core::time::Clock;
use dlcs_storage::catalogue::sqlite::OpenError;
use dlcs_storage::catalogue::{SqliteCatalogue, SqliteCatalogueConfig};
use dlcs_testkit::fake::FakeClock;
use tempfile::TempDir;

/// A folder with a database, which can be opened again and again.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
    pub(crate) clock: Arc<FakeClock>,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            clock: FakeClock::new(),
        }
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.folder.path().join("dlcs.db")
    }

    pub(crate) fn config(&self) -> SqliteCatalogueConfig {
        let clock: Arc<dyn Clock> = Arc::<FakeClock>::clone(&self.clock);
        SqliteCatalogueConfig::file(self.database()).with_clock(clock)
    }

    pub(crate) async fn try_open(&self) -> Result<SqliteCatalogue, OpenError> {
        SqliteCatalogue::open(self.config()).await
    }

    pub(crate) async fn open(&self) -> SqliteCatalogue {
        self.try_open().await.unwrap()
    }

    /// The database as somebody else would see it.
    pub(crate) fn raw(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.database()).unwrap()
    }

    /// Opens the database and makes customer 1 with space 1.
    pub(crate) async fn open_with_space(&self) -> SqliteCatalogue {
        let catalogue = self.open().await;
        let new = NewCustomer {
            id: None,
            name: CustomerName::parse("default").unwrap(),
            display_name: "Default".to_owned(),
            role: Role::Administrator,
        };
        let customer = catalogue.create_customer(new).await.unwrap();
        let space = SpaceChanges::named("default");
        catalogue
            .create_space(customer.id, None, space)
            .await
            .unwrap();
        catalogue
    }
}

pub(crate) fn image(model: &str) -> ImageId {
    let model = ModelId::parse(model).unwrap();
    ImageId::new(CustomerId::FIRST, SpaceId::FIRST, model)
}

pub(crate) fn item(model: &str) -> SubmissionItem {
    let origin = OriginUrl::parse(&format!("https://example.org/{model}.jpg")).unwrap();
    SubmissionItem {
        image: image(model),
        changes: ImageChanges {
            source: Some(ImageSource::Origin(origin)),
            ..ImageChanges::default()
        },
        mode: RegistrationMode::Merge,
    }
}

pub(crate) const CLAIM: Claim<'static> = Claim {
    owner: "a worker",
    lease_for: Duration::from_secs(60),
    per_host: u32::MAX,
};

pub(crate) fn submission(items: impl IntoIterator<Item = SubmissionItem>) -> Submission {
    Submission {
        quota: dlcs_core::storage::Quota::NONE,
        customer: CustomerId::FIRST,
        lane: Lane::Default,
        items: items.into_iter().collect(),
    }
}

pub(crate) fn derivative() -> StoredDerivative {
    StoredDerivative {
        source: SourceFacts {
            media_type: "image/jpeg".to_owned(),
            size: 12_345,
            checksum: Checksum([1; 32]),
        },
        derivative: DerivativeFacts::new(
            Pyramid {
                dimensions: Dimensions::new(4000, 3000).unwrap(),
                tile: TileSize::Px512,
            },
            0..4096,
            1_234_567,
            Checksum([2; 32]),
        ),
    }
}
