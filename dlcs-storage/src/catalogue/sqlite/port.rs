//! The catalogue's port: each method is one read or one write.

use std::sync::Arc;

use async_trait::async_trait;
use dlcs_core::batch::{Batch, BatchFilter, BatchOrder};
use dlcs_core::catalogue::{Catalogue, ImageUpdate, Result};
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

use super::writer::Terms;
use super::{
    Sequence, SqliteCatalogue, SqliteError, batch, collectable, customer, image, list,
    origin_strategy, request, setting, space,
};

#[async_trait]
impl Catalogue for SqliteCatalogue {
    async fn check(&self) -> Result<()> {
        self.read(|c| customer::find(c, CustomerId::FIRST)).await?;
        self.write(|c, _| Sequence::Check.next(c)).await?;
        Ok(())
    }

    async fn create_customer(&self, new: NewCustomer) -> Result<Customer> {
        Ok(self.write(|c, now| customer::create(c, new, now)).await?)
    }

    async fn find_customer(&self, id: CustomerId) -> Result<Option<Customer>> {
        Ok(self.read(move |c| customer::find(c, id)).await?)
    }

    async fn find_customer_by_name(&self, name: &CustomerName) -> Result<Option<Customer>> {
        let key = name.as_str().to_ascii_lowercase();
        let name = name.clone();
        let read = self.read(move |c| customer::find_by_name(c, &name));
        Ok(self.caches.customers.get_or_read(&key, read).await?)
    }

    async fn list_customers(
        &self,
        order: CustomerOrder,
        page: PageRequest,
    ) -> Result<Page<Customer>> {
        Ok(self.read(move |c| customer::list(c, order, page)).await?)
    }

    async fn rename_customer(&self, id: CustomerId, display_name: &str) -> Result<Customer> {
        let name = display_name.to_owned();
        Ok(self
            .write(move |c, _| customer::rename(c, id, &name))
            .await?)
    }

    async fn create_key(&self, key: ApiKey) -> Result<()> {
        Ok(self
            .write(move |c, _| customer::create_key(c, &key))
            .await?)
    }

    async fn find_key(&self, key: &str) -> Result<Option<(ApiKey, Customer)>> {
        let key = key.to_owned();
        Ok(self.read(move |c| customer::find_key(c, &key)).await?)
    }

    async fn list_keys(&self, customer: CustomerId) -> Result<Vec<ApiKey>> {
        Ok(self.read(move |c| customer::list_keys(c, customer)).await?)
    }

    async fn delete_key(&self, customer: CustomerId, key: &str) -> Result<()> {
        let key = key.to_owned();
        Ok(self
            .write(move |c, _| customer::delete_key(c, customer, &key))
            .await?)
    }

    async fn create_space(
        &self,
        customer: CustomerId,
        id: Option<SpaceId>,
        changes: SpaceChanges,
    ) -> Result<Space> {
        Ok(self
            .write(move |c, now| space::create(c, customer, id, changes, now))
            .await?)
    }

    async fn find_space(&self, customer: CustomerId, id: SpaceId) -> Result<Option<Space>> {
        Ok(self.read(move |c| space::find(c, customer, id)).await?)
    }

    async fn list_spaces(
        &self,
        customer: CustomerId,
        order: SpaceOrder,
        page: PageRequest,
    ) -> Result<Page<Space>> {
        Ok(self
            .read(move |c| space::list(c, customer, order, page))
            .await?)
    }

    async fn find_storage(&self, customer: CustomerId) -> Result<StorageFigures> {
        Ok(self.read(move |c| space::storage(c, customer)).await?)
    }

    async fn update_space(
        &self,
        customer: CustomerId,
        id: SpaceId,
        changes: SpaceChanges,
    ) -> Result<Space> {
        Ok(self
            .write(move |c, _| space::update(c, customer, id, changes))
            .await?)
    }

    async fn delete_space(&self, customer: CustomerId, id: SpaceId) -> Result<()> {
        Ok(self
            .write(move |c, _| space::delete(c, customer, id))
            .await?)
    }

    async fn find_image(&self, id: &ImageId) -> Result<Option<Arc<Image>>> {
        let read = async {
            let id = id.clone();
            let found = self.read(move |c| image::find(c, &id)).await?;
            Ok::<_, SqliteError>(found.map(|stored| Arc::new(stored.image)))
        };
        Ok(self.caches.images.get_or_read(id, read).await?)
    }

    async fn find_images(&self, ids: &[ImageId]) -> Result<Vec<Option<Image>>> {
        let ids = ids.to_vec();
        Ok(self.read(move |c| image::find_many(c, &ids)).await?)
    }

    async fn list_images(&self, query: &ImageQuery, page: PageRequest) -> Result<Page<Image>> {
        let query = query.clone();
        Ok(self.read(move |c| list::list(c, &query, page)).await?)
    }

    async fn update_images(&self, updates: Vec<ImageUpdate>) -> Result<Vec<Image>> {
        let terms = Terms::DURABLE.about(updates.len());
        Ok(self
            .write_on(terms, move |c, _| image::update(c, updates))
            .await?)
    }

    async fn delete_images(&self, ids: &[ImageId]) -> Result<Vec<bool>> {
        let ids = ids.to_vec();
        Ok(self
            .write_on(Terms::DURABLE.about(ids.len()), move |c, now| {
                ids.iter().map(|id| image::delete(c, id, now)).collect()
            })
            .await?)
    }

    async fn find_batch(&self, customer: CustomerId, id: BatchId) -> Result<Option<Batch>> {
        Ok(self.read(move |c| batch::find(c, customer, id)).await?)
    }

    async fn list_batches(
        &self,
        customer: CustomerId,
        filter: BatchFilter,
        order: BatchOrder,
        page: PageRequest,
    ) -> Result<Page<Batch>> {
        Ok(self
            .read(move |c| batch::list(c, customer, filter, order, page))
            .await?)
    }

    async fn create_origin_strategy(&self, strategy: CustomerOriginStrategy) -> Result<()> {
        let sealer = Arc::clone(&self.sealer);
        Ok(self
            .write(move |c, _| origin_strategy::create(c, &sealer, &strategy))
            .await?)
    }

    async fn list_origin_strategies(
        &self,
        customer: CustomerId,
    ) -> Result<Vec<CustomerOriginStrategy>> {
        let (sealer, caches) = (Arc::clone(&self.sealer), Arc::clone(&self.caches));
        Ok(self
            .read(move |c| origin_strategy::list(c, &sealer, &caches.patterns, customer))
            .await?)
    }

    async fn update_origin_strategy(&self, strategy: CustomerOriginStrategy) -> Result<()> {
        let sealer = Arc::clone(&self.sealer);
        Ok(self
            .write(move |c, _| origin_strategy::update(c, &sealer, &strategy))
            .await?)
    }

    async fn delete_origin_strategy(
        &self,
        customer: CustomerId,
        id: OriginStrategyId,
    ) -> Result<()> {
        Ok(self
            .write(move |c, _| origin_strategy::delete(c, customer, id))
            .await?)
    }

    async fn create_setting(&self, setting: Setting) -> Result<()> {
        Ok(self.write(move |c, _| setting::create(c, &setting)).await?)
    }

    async fn list_settings(&self, customer: CustomerId, kind: SettingKind) -> Result<Vec<Setting>> {
        Ok(self.read(move |c| setting::list(c, customer, kind)).await?)
    }

    async fn update_setting(&self, setting: Setting) -> Result<()> {
        Ok(self.write(move |c, _| setting::update(c, &setting)).await?)
    }

    async fn delete_setting(
        &self,
        customer: CustomerId,
        kind: SettingKind,
        id: SettingId,
    ) -> Result<()> {
        Ok(self
            .write(move |c, _| setting::delete(c, customer, kind, id))
            .await?)
    }

    async fn remember_request(
        &self,
        key: &RequestKey,
        fingerprint: Fingerprint,
    ) -> Result<Remembered> {
        let key = key.clone();
        Ok(self
            .write(move |c, now| request::remember(c, &key, fingerprint, now))
            .await?)
    }

    async fn answer_request(&self, key: &RequestKey, answer: GivenAnswer) -> Result<()> {
        let key = key.clone();
        Ok(self
            .write(move |c, _| request::answer(c, &key, &answer))
            .await?)
    }

    async fn forget_request(&self, key: &RequestKey) -> Result<()> {
        let key = key.clone();
        Ok(self.write(move |c, _| request::forget(c, &key)).await?)
    }

    async fn expect_uploads(&self, uploads: &[UploadId]) -> Result<()> {
        let uploads = uploads.to_vec();
        Ok(self
            .write_on(Terms::DURABLE.about(uploads.len()), move |c, now| {
                let mut uploads = uploads.into_iter();
                uploads.try_for_each(|upload| collectable::expect_upload(c, upload, now))
            })
            .await?)
    }

    async fn list_collectable(&self, limit: usize) -> Result<Vec<DerivativeKey>> {
        let now = self.clock.now();
        Ok(self.read(move |c| collectable::list(c, limit, now)).await?)
    }

    async fn forget_collectable(&self, keys: &[DerivativeKey]) -> Result<()> {
        let keys = keys.to_vec();
        Ok(self
            .write(move |c, _| collectable::forget(c, &keys))
            .await?)
    }
}
