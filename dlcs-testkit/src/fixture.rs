//! Customers, spaces, images and derivatives of their own for each test.

use std::time::Duration;

use dlcs_core::catalogue::Catalogue;
use dlcs_core::customer::{ApiKey, Customer, CustomerName, NewCustomer, Role, SecretHash};
use dlcs_core::derivative::{Checksum, DerivativeFacts, SourceFacts};
use dlcs_core::id::{CustomerId, ImageId, ModelId, SpaceId};
use dlcs_core::iiif::{Dimensions, Pyramid, TileSize};
use dlcs_core::image::{ImageChanges, ImageSource, OriginUrl, RegistrationMode};
use dlcs_core::origin::{
    Credentials, CustomerOriginStrategy, OriginAccess, OriginPattern, OriginStrategyId, Secret,
};
use dlcs_core::queue::{Claim, Lane, StoredDerivative, Submission, SubmissionItem};
use dlcs_core::space::{Space, SpaceChanges};
use dlcs_core::time::Timestamp;
use uuid::Uuid;

/// How long the leases of [`claim`] last.
pub const LEASE: Duration = Duration::from_secs(60);

/// A claim of [`LEASE`].
#[must_use]
pub const fn claim() -> Claim<'static> {
    Claim {
        owner: "a worker of the contract",
        lease_for: LEASE,
        per_host: u32::MAX,
    }
}

/// A claim of [`LEASE`] by this process.
#[must_use]
pub const fn claim_by(owner: &str) -> Claim<'_> {
    Claim { owner, ..claim() }
}

/// A name that no other customer has.
#[must_use]
pub fn name() -> CustomerName {
    CustomerName::parse(format!("Contract-{}", Uuid::new_v4().simple()))
        .expect("letters, digits and hyphens are a name")
}

/// A customer to be made, with a name of its own.
#[must_use]
pub fn new_customer(role: Role) -> NewCustomer {
    NewCustomer {
        id: None,
        name: name(),
        display_name: "A customer of the contract".to_owned(),
        role,
    }
}

/// Makes a customer.
pub async fn customer(catalogue: &dyn Catalogue, role: Role) -> Customer {
    let made = catalogue.create_customer(new_customer(role)).await;
    made.expect("a customer with a new name can be made")
}

/// Makes a space of a customer of its own.
pub async fn space(catalogue: &dyn Catalogue) -> Space {
    let customer = customer(catalogue, Role::Ordinary).await;
    space_of(catalogue, customer.id, "first").await
}

/// Makes a space of a customer.
pub async fn space_of(catalogue: &dyn Catalogue, customer: CustomerId, name: &str) -> Space {
    let changes = SpaceChanges::named(name);
    let made = catalogue.create_space(customer, None, changes).await;
    made.expect("a space with a new name can be made")
}

/// The number of a customer that does not exist: the largest.
#[must_use]
pub fn missing_customer() -> CustomerId {
    CustomerId::new(u32::MAX).expect("not zero")
}

/// The number of a space that does not exist: the largest.
#[must_use]
pub fn missing_space() -> SpaceId {
    SpaceId::new(u32::MAX).expect("not zero")
}

/// A key of a customer, made at this microsecond.
#[must_use]
pub fn key(customer: CustomerId, micros: i64) -> ApiKey {
    ApiKey {
        key: Uuid::new_v4().to_string(),
        customer,
        secret_hash: SecretHash::of(&Secret::new("a secret of the contract")),
        created: Timestamp::from_micros(micros),
    }
}

/// A customer's strategy with credentials.
#[must_use]
pub fn strategy(customer: CustomerId, pattern: &str, order: i64) -> CustomerOriginStrategy {
    CustomerOriginStrategy {
        id: OriginStrategyId::assign(),
        customer,
        pattern: OriginPattern::compile(pattern).expect("the pattern compiles"),
        access: OriginAccess::BasicHttp(Credentials::new("üser", "pass:wörd")),
        order,
        optimised: false,
        created: Timestamp::from_micros(1_462_353_630_000_000),
    }
}

/// The id of an image in a space.
#[must_use]
pub fn image_id(space: &Space, model: &str) -> ImageId {
    let model = ModelId::parse(model).expect("the text is a model id");
    ImageId::new(space.customer, space.id, model)
}

/// A master at an address that ends with this text.
#[must_use]
pub fn origin(name: &str) -> ImageSource {
    let url = format!("https://origin.example/{name}");
    ImageSource::Origin(OriginUrl::parse(&url).expect("the text is an origin"))
}

/// An image to be registered, with an origin.
#[must_use]
pub fn item(space: &Space, model: &str) -> SubmissionItem {
    changed(
        space,
        model,
        ImageChanges {
            source: Some(origin(model)),
            ..ImageChanges::default()
        },
    )
}

/// An image to be registered, with an origin at this host.
#[must_use]
pub fn item_at(space: &Space, host: &str, model: &str) -> SubmissionItem {
    let url = format!("https://{host}/{model}");
    let origin = OriginUrl::parse(&url).expect("the text is an origin");
    changed(
        space,
        model,
        ImageChanges {
            source: Some(ImageSource::Origin(origin)),
            ..ImageChanges::default()
        },
    )
}

/// An image to be registered, with exactly these changes.
#[must_use]
pub fn changed(space: &Space, model: &str, changes: ImageChanges) -> SubmissionItem {
    SubmissionItem {
        image: image_id(space, model),
        changes,
        mode: RegistrationMode::Merge,
    }
}

/// Images of a space's customer to be submitted to the default lane.
#[must_use]
pub fn submission(space: &Space, items: impl IntoIterator<Item = SubmissionItem>) -> Submission {
    Submission {
        quota: dlcs_core::storage::Quota::NONE,
        customer: space.customer,
        lane: Lane::Default,
        items: items.into_iter().collect(),
    }
}

/// A derivative, as if it were stored, of an image this wide.
#[must_use]
pub fn derivative(width: u32) -> StoredDerivative {
    let dimensions = Dimensions::new(width, 600).expect("the width is not zero");
    StoredDerivative {
        source: SourceFacts {
            media_type: "image/jpeg".to_owned(),
            size: 1_234_567,
            checksum: Checksum([1; 32]),
        },
        derivative: DerivativeFacts::new(
            Pyramid {
                dimensions,
                tile: TileSize::Px512,
            },
            0..1_000,
            2_345_678,
            Checksum([2; 32]),
        ),
    }
}
