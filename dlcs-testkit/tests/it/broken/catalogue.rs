//! The catalogue of a broken backend.

use std::sync::Arc;

use async_trait::async_trait;
use dlcs_core::batch::{Batch, BatchFilter, BatchOrder};
use dlcs_core::catalogue::{Catalogue, CatalogueError, ImageUpdate, Result};
use dlcs_core::customer::{ApiKey, Customer, CustomerName, CustomerOrder, NewCustomer};
use dlcs_core::derivative::{DerivativeKey, UploadId};
use dlcs_core::id::{BatchId, CustomerId, ImageId, SpaceId};
use dlcs_core::image::{Image, ImageQuery};
use dlcs_core::order::Key;
use dlcs_core::origin::{CustomerOriginStrategy, OriginStrategyId};
use dlcs_core::page::{Page, PageRequest};
use dlcs_core::request::{Fingerprint, GivenAnswer, Remembered, RequestKey};
use dlcs_core::setting::{Setting, SettingId, SettingKind};
use dlcs_core::space::{Space, SpaceChanges, SpaceOrder};
use dlcs_core::storage::StorageFigures;

use super::{Broken, Fault};

#[async_trait]
impl Catalogue for Broken {
    async fn check(&self) -> Result<()> {
        self.sound.check().await
    }

    async fn create_customer(&self, customer: NewCustomer) -> Result<Customer> {
        self.sound.create_customer(customer).await
    }

    async fn find_customer(&self, id: CustomerId) -> Result<Option<Customer>> {
        self.sound.find_customer(id).await
    }

    async fn find_customer_by_name(&self, name: &CustomerName) -> Result<Option<Customer>> {
        let found = self.sound.find_customer_by_name(name).await?;
        let as_written = |found: &Customer| found.name == *name;
        Ok(found.filter(|found| !self.has(Fault::CaseSensitiveNames) || as_written(found)))
    }

    async fn list_customers(
        &self,
        order: CustomerOrder,
        page: PageRequest,
    ) -> Result<Page<Customer>> {
        self.sound.list_customers(order, page).await
    }

    async fn rename_customer(&self, id: CustomerId, display_name: &str) -> Result<Customer> {
        self.sound.rename_customer(id, display_name).await
    }

    async fn create_key(&self, key: ApiKey) -> Result<()> {
        self.sound.create_key(key).await
    }

    async fn find_key(&self, key: &str) -> Result<Option<(ApiKey, Customer)>> {
        self.sound.find_key(key).await
    }

    async fn list_keys(&self, customer: CustomerId) -> Result<Vec<ApiKey>> {
        self.sound.list_keys(customer).await
    }

    async fn delete_key(&self, customer: CustomerId, key: &str) -> Result<()> {
        match self.sound.delete_key(customer, key).await {
            Err(CatalogueError::LastKey) if self.has(Fault::CarelessKeys) => Ok(()),
            outcome => outcome,
        }
    }

    async fn create_space(
        &self,
        customer: CustomerId,
        id: Option<SpaceId>,
        space: SpaceChanges,
    ) -> Result<Space> {
        self.sound.create_space(customer, id, space).await
    }

    async fn find_space(&self, customer: CustomerId, id: SpaceId) -> Result<Option<Space>> {
        self.sound.find_space(customer, id).await
    }

    async fn list_spaces(
        &self,
        customer: CustomerId,
        order: SpaceOrder,
        page: PageRequest,
    ) -> Result<Page<Space>> {
        self.sound.list_spaces(customer, order, page).await
    }

    async fn find_storage(&self, customer: CustomerId) -> Result<StorageFigures> {
        self.sound.find_storage(customer).await
    }

    async fn update_space(
        &self,
        customer: CustomerId,
        id: SpaceId,
        mut changes: SpaceChanges,
    ) -> Result<Space> {
        if self.has(Fault::ErasingSpace) {
            changes.default_roles.get_or_insert_default();
        }
        self.sound.update_space(customer, id, changes).await
    }

    async fn delete_space(&self, customer: CustomerId, id: SpaceId) -> Result<()> {
        self.sound.delete_space(customer, id).await
    }

    async fn find_image(&self, id: &ImageId) -> Result<Option<Arc<Image>>> {
        self.sound.find_image(id).await
    }

    async fn find_images(&self, ids: &[ImageId]) -> Result<Vec<Option<Image>>> {
        self.sound.find_images(ids).await
    }

    async fn list_images(&self, query: &ImageQuery, page: PageRequest) -> Result<Page<Image>> {
        let mut query = query.clone();
        if self.has(Fault::TaglessListing) {
            query.tags = None;
        }
        if self.has(Fault::WrongPlace)
            && let Some(after) = &mut query.after
        {
            after.keys.fill(Key::Number(i64::MIN));
        }
        self.sound.list_images(&query, page).await
    }

    async fn update_images(&self, mut updates: Vec<ImageUpdate>) -> Result<Vec<Image>> {
        if self.has(Fault::ErasingUpdate) {
            for string in updates.iter_mut().flat_map(|it| &mut it.changes.strings) {
                string.get_or_insert_default();
            }
        }
        if self.has(Fault::PartialUpdate) {
            for update in &updates {
                // Whatever comes of it.
                let _ = self.sound.update_images(vec![update.clone()]).await;
            }
        }
        self.sound.update_images(updates).await
    }

    async fn delete_images(&self, ids: &[ImageId]) -> Result<Vec<bool>> {
        if self.has(Fault::LeakyDelete) {
            let images = self.sound.find_images(ids).await?.into_iter().flatten();
            let keys = images.filter_map(|image| Some(image.service()?.key(&image.id)));
            self.leaked().extend(keys);
        }
        self.sound.delete_images(ids).await
    }

    async fn find_batch(&self, customer: CustomerId, id: BatchId) -> Result<Option<Batch>> {
        self.sound.find_batch(customer, id).await
    }

    async fn list_batches(
        &self,
        customer: CustomerId,
        filter: BatchFilter,
        order: BatchOrder,
        page: PageRequest,
    ) -> Result<Page<Batch>> {
        let page = self
            .sound
            .list_batches(customer, filter, order, page)
            .await?;
        Ok(page.map(|mut batch| {
            if self.has(Fault::HastyBatch) && batch.completed > 0 {
                batch.finished.get_or_insert(batch.submitted);
            }
            batch
        }))
    }

    async fn create_origin_strategy(&self, strategy: CustomerOriginStrategy) -> Result<()> {
        self.sound.create_origin_strategy(strategy).await
    }

    async fn list_origin_strategies(
        &self,
        customer: CustomerId,
    ) -> Result<Vec<CustomerOriginStrategy>> {
        self.sound.list_origin_strategies(customer).await
    }

    async fn update_origin_strategy(&self, strategy: CustomerOriginStrategy) -> Result<()> {
        self.sound.update_origin_strategy(strategy).await
    }

    async fn delete_origin_strategy(
        &self,
        customer: CustomerId,
        id: OriginStrategyId,
    ) -> Result<()> {
        self.sound.delete_origin_strategy(customer, id).await
    }

    async fn create_setting(&self, setting: Setting) -> Result<()> {
        self.sound.create_setting(setting).await
    }

    async fn list_settings(&self, customer: CustomerId, kind: SettingKind) -> Result<Vec<Setting>> {
        self.sound.list_settings(customer, kind).await
    }

    async fn update_setting(&self, setting: Setting) -> Result<()> {
        self.sound.update_setting(setting).await
    }

    async fn delete_setting(
        &self,
        customer: CustomerId,
        kind: SettingKind,
        id: SettingId,
    ) -> Result<()> {
        match self.sound.delete_setting(customer, kind, id).await {
            Err(CatalogueError::InUse { .. }) if self.has(Fault::CarelessPolicies) => Ok(()),
            outcome => outcome,
        }
    }

    async fn remember_request(
        &self,
        key: &RequestKey,
        fingerprint: Fingerprint,
    ) -> Result<Remembered> {
        if self.has(Fault::ForgetfulRequests) {
            self.sound.forget_request(key).await?;
        }
        self.sound.remember_request(key, fingerprint).await
    }

    async fn answer_request(&self, key: &RequestKey, answer: GivenAnswer) -> Result<()> {
        self.sound.answer_request(key, answer).await
    }

    async fn forget_request(&self, key: &RequestKey) -> Result<()> {
        self.sound.forget_request(key).await
    }

    async fn list_collectable(&self, limit: usize) -> Result<Vec<DerivativeKey>> {
        let mut keys = self.sound.list_collectable(limit).await?;
        match self.fault {
            Fault::LeakyDelete => keys.retain(|key| !self.leaked().contains(key)),
            Fault::EagerCollector => keys.extend(self.leaked().iter().cloned()),
            _ => {}
        }
        Ok(keys)
    }

    async fn expect_uploads(&self, uploads: &[UploadId]) -> Result<()> {
        if self.has(Fault::LeakyUploads) {
            return Ok(());
        }
        self.sound.expect_uploads(uploads).await
    }

    async fn forget_collectable(&self, keys: &[DerivativeKey]) -> Result<()> {
        self.sound.forget_collectable(keys).await
    }
}
