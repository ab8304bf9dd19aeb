//! The catalogue: customers, keys, spaces, images, batches, origin strategies, settings.
//!
//! # Writing your own
//! See [`queue`](crate::queue): a catalogue and its queue are one object.

mod error;
mod update;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

pub use error::{CatalogueError, Result, Subject};
pub use update::{ImageUpdate, ListEdit, UpdateProblem, UpdateProblemKind};

use crate::batch::{Batch, BatchFilter, BatchOrder};
use crate::customer::{ApiKey, Customer, CustomerName, CustomerOrder, NewCustomer};
use crate::derivative::{DerivativeKey, UploadId};
use crate::id::{BatchId, CustomerId, ImageId, SpaceId};
use crate::image::{Image, ImageChanges, ImageQuery};
use crate::origin::{CustomerOriginStrategy, OriginStrategyId};
use crate::page::{Page, PageRequest};
use crate::request::{Fingerprint, GivenAnswer, Remembered, RequestKey};
use crate::setting::{Setting, SettingId, SettingKind};
use crate::space::{Space, SpaceChanges, SpaceOrder};
use crate::storage::StorageFigures;

const MISSING_IMAGE: CatalogueError = CatalogueError::NotFound {
    subject: Subject::Image,
};

/// Keeps the records of everything but pixels.
///
/// # Contract
/// * When a method returns `Ok`, what it did is durable.
/// * Every method may be dropped at any await point: it then has happened whole or not at all.
/// * Reads see all writes that returned before they began.
#[async_trait]
pub trait Catalogue: fmt::Debug + Send + Sync + 'static {
    /// Checks that reads and writes are served: writes something that nobody reads.
    ///
    /// # Errors
    /// The backend's failure.
    async fn check(&self) -> Result<()>;

    /// Makes a customer.
    ///
    /// # Behaviour
    /// * Without an id, the next number is assigned.
    /// * An id or a name that is taken is [`CatalogueError::AlreadyExists`]; names differ by more than case.
    ///
    /// # Errors
    /// See [`CatalogueError`].
    async fn create_customer(&self, customer: NewCustomer) -> Result<Customer>;

    /// Returns a customer.
    ///
    /// # Errors
    /// The backend's failure.
    async fn find_customer(&self, id: CustomerId) -> Result<Option<Customer>>;

    /// Returns the customer with a name, ignoring case.
    ///
    /// # Errors
    /// The backend's failure.
    async fn find_customer_by_name(&self, name: &CustomerName) -> Result<Option<Customer>>;

    /// Lists customers.
    ///
    /// # Behaviour
    /// * Customers go by the order asked for; what is equal goes the same way by number.
    ///
    /// # Errors
    /// The backend's failure.
    async fn list_customers(
        &self,
        order: CustomerOrder,
        page: PageRequest,
    ) -> Result<Page<Customer>>;

    /// Changes the name that people see.
    ///
    /// # Behaviour
    /// * A missing customer is [`CatalogueError::NotFound`].
    ///
    /// # Errors
    /// See [`CatalogueError`].
    async fn rename_customer(&self, id: CustomerId, display_name: &str) -> Result<Customer>;

    /// Stores a key.
    ///
    /// # Behaviour
    /// * A key that exists is [`CatalogueError::AlreadyExists`]; a missing customer is [`CatalogueError::NotFound`].
    ///
    /// # Errors
    /// See [`CatalogueError`].
    async fn create_key(&self, key: ApiKey) -> Result<()>;

    /// Returns a key and its customer.
    ///
    /// # Behaviour
    /// * A deleted key is gone at once.
    ///
    /// # Errors
    /// The backend's failure.
    async fn find_key(&self, key: &str) -> Result<Option<(ApiKey, Customer)>>;

    /// Lists a customer's keys, oldest first.
    ///
    /// # Errors
    /// The backend's failure.
    async fn list_keys(&self, customer: CustomerId) -> Result<Vec<ApiKey>>;

    /// Deletes a key.
    ///
    /// # Behaviour
    /// * A missing key, or another customer's, is [`CatalogueError::NotFound`].
    /// * The last key of an administrator is [`CatalogueError::LastKey`] and stays.
    ///
    /// # Errors
    /// See [`CatalogueError`].
    async fn delete_key(&self, customer: CustomerId, key: &str) -> Result<()>;

    /// Makes a space.
    ///
    /// # Behaviour
    /// * Without an id, a number higher than any in use is assigned.
    /// * An id or a name that the customer uses already is [`CatalogueError::AlreadyExists`].
    /// * A missing customer is [`CatalogueError::NotFound`].
    ///
    /// # Errors
    /// See [`CatalogueError`].
    async fn create_space(
        &self,
        customer: CustomerId,
        id: Option<SpaceId>,
        space: SpaceChanges,
    ) -> Result<Space>;

    /// Returns a space.
    ///
    /// # Behaviour
    /// * The number of its images, and how many bytes are stored of them, are those of the same instant: to the byte what is served of
    ///   images, and kept of their sources.
    ///
    /// # Errors
    /// The backend's failure.
    async fn find_space(&self, customer: CustomerId, id: SpaceId) -> Result<Option<Space>>;

    /// Lists a customer's spaces.
    ///
    /// # Behaviour
    /// * Spaces go by the order asked for; what is equal goes the same way by number.
    ///
    /// # Errors
    /// The backend's failure.
    async fn list_spaces(
        &self,
        customer: CustomerId,
        order: SpaceOrder,
        page: PageRequest,
    ) -> Result<Page<Space>>;

    /// Returns how much is stored of a customer; nothing of a missing one.
    ///
    /// # Behaviour
    /// * It is the sum of what its spaces say at the same instant.
    ///
    /// # Errors
    /// The backend's failure.
    async fn find_storage(&self, customer: CustomerId) -> Result<StorageFigures>;

    /// Changes a space.
    ///
    /// # Behaviour
    /// * What the changes leave out keeps its value.
    /// * A name that another of the customer's spaces has is [`CatalogueError::AlreadyExists`].
    /// * A missing space is [`CatalogueError::NotFound`].
    ///
    /// # Errors
    /// See [`CatalogueError`].
    async fn update_space(
        &self,
        customer: CustomerId,
        id: SpaceId,
        changes: SpaceChanges,
    ) -> Result<Space>;

    /// Deletes an empty space.
    ///
    /// # Behaviour
    /// * A space that holds images is [`CatalogueError::SpaceNotEmpty`] and stays.
    /// * A missing space is [`CatalogueError::NotFound`].
    ///
    /// # Errors
    /// See [`CatalogueError`].
    async fn delete_space(&self, customer: CustomerId, id: SpaceId) -> Result<()>;

    /// Returns an image, which a backend may share with who asked before.
    ///
    /// # Errors
    /// The backend's failure.
    async fn find_image(&self, id: &ImageId) -> Result<Option<Arc<Image>>>;

    /// Returns images, each `None` where it does not exist.
    ///
    /// # Behaviour
    /// * They come in the order asked for, and one that is asked for twice comes twice.
    /// * All of them are as they were at one instant.
    ///
    /// # Errors
    /// The backend's failure.
    async fn find_images(&self, ids: &[ImageId]) -> Result<Vec<Option<Image>>>;

    /// Lists the images that a query selects.
    ///
    /// # Behaviour
    /// * Every condition that is set must hold.
    /// * What a batch was made of is found wherever it was submitted last, and not once it has been deleted.
    /// * The order is total: pages neither repeat nor miss an image while images are added.
    /// * Behind a place in the listing comes what offsets give, also when the image that the place was taken from has gone.
    ///
    /// # Errors
    /// The backend's failure.
    async fn list_images(&self, query: &ImageQuery, page: PageRequest) -> Result<Page<Image>>;

    /// Merges changes onto an image without processing it.
    ///
    /// # Behaviour
    /// * State, generation, batch and what is served stay as they are.
    /// * Changes that take effect only by processing the image again are [`CatalogueError::NeedsProcessing`], and nothing is merged.
    /// * A missing image is [`CatalogueError::NotFound`].
    ///
    /// # Errors
    /// See [`CatalogueError`].
    async fn update_image(&self, id: &ImageId, changes: ImageChanges) -> Result<Image> {
        let update = ImageUpdate::new(id.clone(), changes);
        match self.update_images(vec![update]).await {
            Ok(images) => images.into_iter().next().ok_or(MISSING_IMAGE),
            Err(CatalogueError::Refused { problems }) => {
                Err(match problems.first().map(|problem| &problem.kind) {
                    Some(UpdateProblemKind::NotFound) => MISSING_IMAGE,
                    Some(UpdateProblemKind::NeedsProcessing { .. }) => {
                        CatalogueError::NeedsProcessing
                    }
                    _ => CatalogueError::Refused { problems },
                })
            }
            Err(error) => Err(error),
        }
    }

    /// Merges changes onto images without processing them, all or none; returns them in the order given.
    ///
    /// # Behaviour
    /// * When one change cannot be made, none is: all that cannot are [`CatalogueError::Refused`], as [`ImageUpdate::problems`] finds them.
    /// * Manifests are edited as they are at that instant: of edits that race, none is lost.
    ///
    /// # Errors
    /// See [`CatalogueError`].
    async fn update_images(&self, updates: Vec<ImageUpdate>) -> Result<Vec<Image>>;

    /// Deletes an image, its job, and what is served of it.
    ///
    /// # Behaviour
    /// * Its derivative becomes collectable.
    /// * A batch in which it was pending counts it as completed; one that has lost all its images is superseded.
    /// * A missing image is [`CatalogueError::NotFound`].
    ///
    /// # Errors
    /// See [`CatalogueError`].
    async fn delete_image(&self, id: &ImageId) -> Result<()> {
        match self.delete_images(std::slice::from_ref(id)).await?[..] {
            [true] => Ok(()),
            _ => Err(MISSING_IMAGE),
        }
    }

    /// Deletes images as [`Self::delete_image`] does, at one instant; returns of each whether it was there.
    ///
    /// # Behaviour
    /// * A missing image hinders nothing; of one that is named twice, the second is missing.
    ///
    /// # Errors
    /// See [`CatalogueError`].
    async fn delete_images(&self, ids: &[ImageId]) -> Result<Vec<bool>>;

    /// Returns a customer's batch.
    ///
    /// # Errors
    /// The backend's failure.
    async fn find_batch(&self, customer: CustomerId, id: BatchId) -> Result<Option<Batch>>;

    /// Lists a customer's batches.
    ///
    /// # Behaviour
    /// * The filter selects as [`BatchFilter::selects`] says.
    /// * Batches go by the order asked for; what is equal goes the same way by number.
    ///
    /// # Errors
    /// The backend's failure.
    async fn list_batches(
        &self,
        customer: CustomerId,
        filter: BatchFilter,
        order: BatchOrder,
        page: PageRequest,
    ) -> Result<Page<Batch>>;

    /// Stores a new origin strategy.
    ///
    /// # Behaviour
    /// * A pattern that the customer uses already is [`CatalogueError::AlreadyExists`].
    ///
    /// # Errors
    /// See [`CatalogueError`].
    async fn create_origin_strategy(&self, strategy: CustomerOriginStrategy) -> Result<()>;

    /// Lists a customer's origin strategies, with their credentials, by ascending order.
    ///
    /// # Behaviour
    /// * Credentials come back as they were stored, and are not readable where they rest.
    ///
    /// # Errors
    /// The backend's failure.
    async fn list_origin_strategies(
        &self,
        customer: CustomerId,
    ) -> Result<Vec<CustomerOriginStrategy>>;

    /// Replaces an origin strategy, found by its customer and id.
    ///
    /// # Behaviour
    /// * A missing one, or another customer's, is [`CatalogueError::NotFound`].
    /// * A pattern that another of the customer's strategies has is [`CatalogueError::AlreadyExists`].
    ///
    /// # Errors
    /// See [`CatalogueError`].
    async fn update_origin_strategy(&self, strategy: CustomerOriginStrategy) -> Result<()>;

    /// Deletes an origin strategy.
    ///
    /// # Behaviour
    /// * A missing one, or another customer's, is [`CatalogueError::NotFound`].
    ///
    /// # Errors
    /// See [`CatalogueError`].
    async fn delete_origin_strategy(
        &self,
        customer: CustomerId,
        id: OriginStrategyId,
    ) -> Result<()>;

    /// Stores a new setting.
    ///
    /// # Behaviour
    /// * One whose [unique name](crate::setting::SettingBody::unique_name) another of its kind and customer has is
    ///   [`CatalogueError::AlreadyExists`].
    /// * A missing customer, and a missing space, is [`CatalogueError::NotFound`].
    ///
    /// # Errors
    /// See [`CatalogueError`].
    async fn create_setting(&self, setting: Setting) -> Result<()>;

    /// Lists a customer's settings of a kind, oldest first.
    ///
    /// # Behaviour
    /// * A customer begins with what [`Setting::first_of`] says.
    /// * The settings of a space end with it.
    ///
    /// # Errors
    /// The backend's failure.
    async fn list_settings(&self, customer: CustomerId, kind: SettingKind) -> Result<Vec<Setting>>;

    /// Replaces what a setting says, found by its customer, kind and id.
    ///
    /// # Behaviour
    /// * A missing one, or another customer's, is [`CatalogueError::NotFound`].
    /// * A unique name that another has is [`CatalogueError::AlreadyExists`].
    ///
    /// # Errors
    /// See [`CatalogueError`].
    async fn update_setting(&self, setting: Setting) -> Result<()>;

    /// Deletes a setting.
    ///
    /// # Behaviour
    /// * A missing one, or another customer's, is [`CatalogueError::NotFound`].
    /// * A channel policy that an image or a default delivery channel names is [`CatalogueError::InUse`] and stays.
    ///
    /// # Errors
    /// See [`CatalogueError`].
    async fn delete_setting(
        &self,
        customer: CustomerId,
        kind: SettingKind,
        id: SettingId,
    ) -> Result<()>;

    /// Finds out whether a request is to be run, and notes that it is where nobody has asked it before.
    ///
    /// # Behaviour
    /// * What was noted is forgotten after a day; what has been running for an hour is taken for abandoned, and may be run again.
    /// * Of those who ask at once, one runs it.
    ///
    /// # Errors
    /// The backend's failure.
    async fn remember_request(
        &self,
        key: &RequestKey,
        fingerprint: Fingerprint,
    ) -> Result<Remembered>;

    /// Notes how a request was answered.
    ///
    /// # Behaviour
    /// * The answer comes back as it was given.
    /// * What is not being run any more stays as it is.
    ///
    /// # Errors
    /// The backend's failure.
    async fn answer_request(&self, key: &RequestKey, answer: GivenAnswer) -> Result<()>;

    /// Forgets a request that has come to nothing, so that it can be run again.
    ///
    /// # Errors
    /// The backend's failure.
    async fn forget_request(&self, key: &RequestKey) -> Result<()>;

    /// Notes that bytes are about to be stored for registrations to come.
    ///
    /// # Behaviour
    /// * They become collectable after a day, unless a submission names them as the source of an image before.
    ///
    /// # Errors
    /// The backend's failure.
    async fn expect_uploads(&self, uploads: &[UploadId]) -> Result<()>;

    /// Returns keys of stored objects that nothing refers to any more and nobody may still read or write.
    ///
    /// # Behaviour
    /// * A key is returned only after its grace: one minute for what was served, two hours for a source that was, and for what a lost lease may still write.
    /// * A key of what is served is never among them.
    ///
    /// # Errors
    /// The backend's failure.
    async fn list_collectable(&self, limit: usize) -> Result<Vec<DerivativeKey>>;

    /// Forgets keys whose objects have been deleted.
    ///
    /// # Errors
    /// The backend's failure.
    async fn forget_collectable(&self, keys: &[DerivativeKey]) -> Result<()>;
}

const _: fn(&dyn Catalogue) = |_| {};
