//! The catalogue's port: each method is one operation.

use std::sync::Arc;

use async_trait::async_trait;
use dlcs_core::batch::{Batch, BatchFilter, BatchOrder};
use dlcs_core::catalogue::{Catalogue, CatalogueError, ImageUpdate, Result, Subject};
use dlcs_core::customer::{ApiKey, Customer, CustomerName, CustomerOrder, NewCustomer};
use dlcs_core::derivative::{DerivativeKey, UploadId};
use dlcs_core::id::{BatchId, CustomerId, ImageId, SpaceId};
use dlcs_core::image::{Image, ImageQuery};
use dlcs_core::origin::{CustomerOriginStrategy, OriginStrategyId};
use dlcs_core::page::{Page, PageRequest};
use dlcs_core::request::{Fingerprint, GivenAnswer, Remembered, RequestKey};
use dlcs_core::setting::{Setting, SettingId, SettingKind};
use dlcs_core::space::{Space, SpaceChanges, SpaceOrder};
use dlcs_core::storage::StorageFigures;

use super::query::Sequence;
use super::{
    PostgresCatalogue, batch, collectable, customer, image, list, origin_strategy, request,
    setting, space,
};

#[async_trait]
impl Catalogue for PostgresCatalogue {
    async fn check(&self) -> Result<()> {
        let write = |session| async move { Sequence::Check.take(&session, 1).await };
        self.database.write(write).await?;
        Ok(())
    }

    async fn create_customer(&self, new: NewCustomer) -> Result<Customer> {
        let new = &new;
        let write = |session| async move { customer::create(&session, new).await };
        Ok(self.database.write(write).await?)
    }

    async fn find_customer(&self, id: CustomerId) -> Result<Option<Customer>> {
        let read = |session| async move { customer::find(&session, id).await };
        Ok(self.database.read(read).await?)
    }

    async fn find_customer_by_name(&self, name: &CustomerName) -> Result<Option<Customer>> {
        let key = name.as_str().to_ascii_lowercase();
        let read = |session| async move { customer::find_by_name(&session, name).await };
        let read = self.database.read(read);
        let customers = &self.database.caches.customers;
        Ok(customers.get_or_read(&key, read).await?)
    }

    async fn list_customers(
        &self,
        order: CustomerOrder,
        page: PageRequest,
    ) -> Result<Page<Customer>> {
        let read = |session| async move { customer::list(&session, order, page).await };
        Ok(self.database.snapshot(read).await?)
    }

    async fn rename_customer(&self, id: CustomerId, display_name: &str) -> Result<Customer> {
        let write = |session| async move { customer::rename(&session, id, display_name).await };
        Ok(self.database.write(write).await?)
    }

    async fn create_key(&self, key: ApiKey) -> Result<()> {
        let key = &key;
        let write = |session| async move { customer::create_key(&session, key).await };
        Ok(self.database.write(write).await?)
    }

    async fn find_key(&self, key: &str) -> Result<Option<(ApiKey, Customer)>> {
        if !is_storable(key) {
            return Ok(None);
        }
        let read = |session| async move { customer::find_key(&session, key).await };
        Ok(self.database.read(read).await?)
    }

    async fn list_keys(&self, customer: CustomerId) -> Result<Vec<ApiKey>> {
        let read = |session| async move { customer::list_keys(&session, customer).await };
        Ok(self.database.read(read).await?)
    }

    async fn delete_key(&self, customer: CustomerId, key: &str) -> Result<()> {
        if !is_storable(key) {
            let subject = Subject::Key;
            return Err(CatalogueError::NotFound { subject });
        }
        let write = |session| async move { customer::delete_key(&session, customer, key).await };
        Ok(self.database.write(write).await?)
    }

    async fn create_space(
        &self,
        customer: CustomerId,
        id: Option<SpaceId>,
        changes: SpaceChanges,
    ) -> Result<Space> {
        let write = |session| {
            let changes = changes.clone();
            async move { space::create(&session, customer, id, changes).await }
        };
        Ok(self.database.write(write).await?)
    }

    async fn find_space(&self, customer: CustomerId, id: SpaceId) -> Result<Option<Space>> {
        let read = |session| async move { space::find(&session, customer, id).await };
        Ok(self.database.read(read).await?)
    }

    async fn list_spaces(
        &self,
        customer: CustomerId,
        order: SpaceOrder,
        page: PageRequest,
    ) -> Result<Page<Space>> {
        let read = |session| async move { space::list(&session, customer, order, page).await };
        Ok(self.database.snapshot(read).await?)
    }

    async fn find_storage(&self, customer: CustomerId) -> Result<StorageFigures> {
        let read = |session| async move { space::storage(&session, customer).await };
        Ok(self.database.read(read).await?)
    }

    async fn update_space(
        &self,
        customer: CustomerId,
        id: SpaceId,
        changes: SpaceChanges,
    ) -> Result<Space> {
        let write = |session| {
            let changes = changes.clone();
            async move { space::update(&session, customer, id, changes).await }
        };
        Ok(self.database.write(write).await?)
    }

    async fn delete_space(&self, customer: CustomerId, id: SpaceId) -> Result<()> {
        let write = |session| async move { space::delete(&session, customer, id).await };
        Ok(self.database.write(write).await?)
    }

    async fn find_image(&self, id: &ImageId) -> Result<Option<Arc<Image>>> {
        let read = |session| async move {
            let found = image::find(&session, id).await?;
            Ok(found.map(|stored| Arc::new(stored.image)))
        };
        let read = self.database.read(read);
        Ok(self.database.caches.images.get_or_read(id, read).await?)
    }

    async fn find_images(&self, ids: &[ImageId]) -> Result<Vec<Option<Image>>> {
        let read = |session| async move { image::find_many(&session, ids).await };
        Ok(self.database.read(read).await?)
    }

    async fn list_images(&self, query: &ImageQuery, page: PageRequest) -> Result<Page<Image>> {
        let read = |session| async move { list::list(&session, query, page).await };
        Ok(self.database.snapshot(read).await?)
    }

    async fn update_images(&self, updates: Vec<ImageUpdate>) -> Result<Vec<Image>> {
        let updates = &updates;
        let write = |session| async move { image::update(&session, updates).await };
        Ok(self.database.write(write).await?)
    }

    async fn delete_images(&self, ids: &[ImageId]) -> Result<Vec<bool>> {
        let write = |session| async move { image::delete(&session, ids).await };
        Ok(self.database.write(write).await?)
    }

    async fn find_batch(&self, customer: CustomerId, id: BatchId) -> Result<Option<Batch>> {
        let read = |session| async move { batch::find(&session, customer, id).await };
        Ok(self.database.read(read).await?)
    }

    async fn list_batches(
        &self,
        customer: CustomerId,
        filter: BatchFilter,
        order: BatchOrder,
        page: PageRequest,
    ) -> Result<Page<Batch>> {
        let read =
            |session| async move { batch::list(&session, customer, filter, order, page).await };
        Ok(self.database.snapshot(read).await?)
    }

    async fn create_origin_strategy(&self, strategy: CustomerOriginStrategy) -> Result<()> {
        let (strategy, sealer) = (&strategy, &self.sealers[0]);
        let write =
            |session| async move { origin_strategy::create(&session, sealer, strategy).await };
        Ok(self.database.write(write).await?)
    }

    async fn list_origin_strategies(
        &self,
        customer: CustomerId,
    ) -> Result<Vec<CustomerOriginStrategy>> {
        let read = |session| {
            let caches = Arc::clone(&self.database.caches);
            async move {
                origin_strategy::list(&session, &self.sealers, &caches.patterns, customer).await
            }
        };
        Ok(self.database.read(read).await?)
    }

    async fn update_origin_strategy(&self, strategy: CustomerOriginStrategy) -> Result<()> {
        let (strategy, sealer) = (&strategy, &self.sealers[0]);
        let write =
            |session| async move { origin_strategy::update(&session, sealer, strategy).await };
        Ok(self.database.write(write).await?)
    }

    async fn delete_origin_strategy(
        &self,
        customer: CustomerId,
        id: OriginStrategyId,
    ) -> Result<()> {
        let write = |session| async move { origin_strategy::delete(&session, customer, id).await };
        Ok(self.database.write(write).await?)
    }

    async fn create_setting(&self, setting: Setting) -> Result<()> {
        let setting = &setting;
        let write = |session| async move { setting::create(&session, setting).await };
        Ok(self.database.write(write).await?)
    }

    async fn list_settings(&self, customer: CustomerId, kind: SettingKind) -> Result<Vec<Setting>> {
        let read = |session| async move { setting::list(&session, customer, kind).await };
        Ok(self.database.read(read).await?)
    }

    async fn update_setting(&self, setting: Setting) -> Result<()> {
        let setting = &setting;
        let write = |session| async move { setting::update(&session, setting).await };
        Ok(self.database.write(write).await?)
    }

    async fn delete_setting(
        &self,
        customer: CustomerId,
        kind: SettingKind,
        id: SettingId,
    ) -> Result<()> {
        let write = |session| async move { setting::delete(&session, customer, kind, id).await };
        Ok(self.database.write(write).await?)
    }

    async fn remember_request(
        &self,
        key: &RequestKey,
        fingerprint: Fingerprint,
    ) -> Result<Remembered> {
        let write = |session| async move { request::remember(&session, key, fingerprint).await };
        Ok(self.database.write(write).await?)
    }

    async fn answer_request(&self, key: &RequestKey, answer: GivenAnswer) -> Result<()> {
        let answer = &answer;
        let write = |session| async move { request::answer(&session, key, answer).await };
        Ok(self.database.write(write).await?)
    }

    async fn forget_request(&self, key: &RequestKey) -> Result<()> {
        let write = |session| async move { request::forget(&session, key).await };
        Ok(self.database.write(write).await?)
    }

    async fn expect_uploads(&self, uploads: &[UploadId]) -> Result<()> {
        let write = |session: super::session::Session| async move {
            let now = session.now();
            let expected = uploads
                .iter()
                .map(|upload| collectable::expected(*upload, now));
            collectable::add(&session, expected).await
        };
        Ok(self.database.write(write).await?)
    }

    async fn list_collectable(&self, limit: usize) -> Result<Vec<DerivativeKey>> {
        let read = |session| async move { collectable::list(&session, limit).await };
        Ok(self.database.snapshot(read).await?)
    }

    async fn forget_collectable(&self, keys: &[DerivativeKey]) -> Result<()> {
        let write =
            |session| async move { collectable::forget(&session, keys.iter().cloned()).await };
        Ok(self.database.write(write).await?)
    }
}

/// PostgreSQL keeps no text with this character, so there is none of it.
fn is_storable(text: &str) -> bool {
    !text.contains('\0')
}
