//! The catalogue in memory.

use std::sync::Arc;

use async_trait::async_trait;

use super::MemoryCatalogue;
use super::listing::{page, selects, sort, sort_by};
use super::state::{GRACE_OF_UNCLAIMED, State};
use crate::batch::{Batch, BatchFilter, BatchOrder};
use crate::catalogue::{Catalogue, CatalogueError, ImageUpdate, Result, Subject};
use crate::customer::{ApiKey, Customer, CustomerName, CustomerOrder, NewCustomer, Role};
use crate::derivative::{DerivativeKey, UploadId};
use crate::id::{BatchId, CustomerId, ImageId, SpaceId};
use crate::image::{Image, ImageQuery};
use crate::origin::{CustomerOriginStrategy, OriginStrategyId};
use crate::page::{Page, PageRequest};
use crate::request::{Fingerprint, GivenAnswer, Remembered, RequestKey};
use crate::setting::{Setting, SettingId, SettingKind};
use crate::space::{Space, SpaceChanges, SpaceOrder};
use crate::storage::StorageFigures;
use crate::time::Timestamp;

pub(super) const fn missing(subject: Subject) -> CatalogueError {
    CatalogueError::NotFound { subject }
}

pub(super) const fn taken(subject: Subject, property: &'static str) -> CatalogueError {
    CatalogueError::AlreadyExists { subject, property }
}

#[async_trait]
impl Catalogue for MemoryCatalogue {
    async fn check(&self) -> Result<()> {
        Ok(())
    }

    async fn create_customer(&self, customer: NewCustomer) -> Result<Customer> {
        let mut state = self.lock();
        let highest = state.customers.keys().last().map_or(0, |id| id.get());
        let id = customer
            .id
            .or_else(|| CustomerId::new(highest.checked_add(1)?))
            .ok_or(taken(Subject::Customer, "id"))?;
        if state.customers.contains_key(&id) {
            return Err(taken(Subject::Customer, "id"));
        }
        if state.customer_named(&customer.name).is_some() {
            return Err(taken(Subject::Customer, "name"));
        }
        let customer = Customer {
            id,
            name: customer.name,
            display_name: customer.display_name,
            role: customer.role,
            created: self.now(),
        };
        state.customers.insert(id, customer.clone());
        let first = Setting::first_of(id, customer.created);
        state.settings.extend(first);
        Ok(customer)
    }

    async fn find_customer(&self, id: CustomerId) -> Result<Option<Customer>> {
        Ok(self.lock().customers.get(&id).cloned())
    }

    async fn find_customer_by_name(&self, name: &CustomerName) -> Result<Option<Customer>> {
        Ok(self.lock().customer_named(name).cloned())
    }

    async fn list_customers(
        &self,
        order: CustomerOrder,
        request: PageRequest,
    ) -> Result<Page<Customer>> {
        let mut all: Vec<_> = self.lock().customers.values().cloned().collect();
        sort_by(&mut all, order.descending, |customer| {
            (order.by.key(customer), customer.id.get().into())
        });
        Ok(page(all, request))
    }

    async fn rename_customer(&self, id: CustomerId, display_name: &str) -> Result<Customer> {
        let mut state = self.lock();
        let customer = state.customers.get_mut(&id);
        let customer = customer.ok_or(missing(Subject::Customer))?;
        customer.display_name = display_name.to_owned();
        Ok(customer.clone())
    }

    async fn create_key(&self, key: ApiKey) -> Result<()> {
        let mut state = self.lock();
        state.check_customer(key.customer)?;
        if state.keys.iter().any(|other| other.key == key.key) {
            return Err(taken(Subject::Key, "id"));
        }
        state.keys.push(key);
        Ok(())
    }

    async fn find_key(&self, key: &str) -> Result<Option<(ApiKey, Customer)>> {
        let state = self.lock();
        let found = state.keys.iter().find(|other| other.key == key);
        Ok(found.map(|key| (key.clone(), state.customers[&key.customer].clone())))
    }

    async fn list_keys(&self, customer: CustomerId) -> Result<Vec<ApiKey>> {
        let state = self.lock();
        let keys = state.keys.iter().filter(|key| key.customer == customer);
        let mut keys: Vec<_> = keys.cloned().collect();
        keys.sort_by_key(|key| key.created);
        Ok(keys)
    }

    async fn delete_key(&self, customer: CustomerId, key: &str) -> Result<()> {
        let mut state = self.lock();
        let of_customer = |other: &&ApiKey| other.customer == customer;
        let count = state.keys.iter().filter(of_customer).count();
        let place = state
            .keys
            .iter()
            .position(|other| other.customer == customer && other.key == key)
            .ok_or(missing(Subject::Key))?;
        if count == 1 && state.customers[&customer].role == Role::Administrator {
            return Err(CatalogueError::LastKey);
        }
        state.keys.remove(place);
        Ok(())
    }

    async fn create_space(
        &self,
        customer: CustomerId,
        id: Option<SpaceId>,
        space: SpaceChanges,
    ) -> Result<Space> {
        let mut state = self.lock();
        state.check_customer(customer)?;
        let ids = state.spaces.keys().filter(|(owner, _)| *owner == customer);
        let highest = ids.map(|(_, id)| id.get()).max().unwrap_or(0);
        let id = id
            .or_else(|| SpaceId::new(highest.checked_add(1)?))
            .ok_or(taken(Subject::Space, "id"))?;
        if state.spaces.contains_key(&(customer, id)) {
            return Err(taken(Subject::Space, "id"));
        }
        let space = Space::first(customer, id, space, self.now());
        state.put_space(space.clone())?;
        Ok(space)
    }

    async fn find_space(&self, customer: CustomerId, id: SpaceId) -> Result<Option<Space>> {
        Ok(self.lock().space(customer, id))
    }

    async fn list_spaces(
        &self,
        customer: CustomerId,
        order: SpaceOrder,
        request: PageRequest,
    ) -> Result<Page<Space>> {
        let state = self.lock();
        let mut all: Vec<_> = state
            .spaces
            .keys()
            .filter(|(owner, _)| *owner == customer)
            .filter_map(|(owner, id)| state.space(*owner, *id))
            .collect();
        sort_by(&mut all, order.descending, |space| {
            (order.by.key(space), space.id.get().into())
        });
        Ok(page(all, request))
    }

    async fn find_storage(&self, customer: CustomerId) -> Result<StorageFigures> {
        Ok(self.lock().figures(customer))
    }

    async fn update_space(
        &self,
        customer: CustomerId,
        id: SpaceId,
        changes: SpaceChanges,
    ) -> Result<Space> {
        let mut state = self.lock();
        let mut space = state.space(customer, id).ok_or(missing(Subject::Space))?;
        space.merge(changes);
        state.put_space(space.clone())?;
        Ok(space)
    }

    async fn delete_space(&self, customer: CustomerId, id: SpaceId) -> Result<()> {
        let mut state = self.lock();
        match state.images_in(customer, id) {
            0 => {
                let of_space =
                    |it: &Setting| it.customer == customer && it.body.space() == Some(id);
                state.settings.retain(|setting| !of_space(setting));
                let removed = state.spaces.remove(&(customer, id));
                removed.map(drop).ok_or(missing(Subject::Space))
            }
            images => Err(CatalogueError::SpaceNotEmpty { images }),
        }
    }

    async fn find_image(&self, id: &ImageId) -> Result<Option<Arc<Image>>> {
        Ok(self.lock().images.get(id).cloned().map(Arc::new))
    }

    async fn find_images(&self, ids: &[ImageId]) -> Result<Vec<Option<Image>>> {
        let state = self.lock();
        Ok(ids.iter().map(|id| state.images.get(id).cloned()).collect())
    }

    async fn list_images(&self, query: &ImageQuery, request: PageRequest) -> Result<Page<Image>> {
        let state = self.lock();
        let images = state.images.values().filter(|image| selects(query, image));
        let images = images.filter(|image| {
            query
                .made_of
                .is_none_or(|id| state.is_made_of(id, &image.id))
        });
        let mut images: Vec<_> = images.cloned().collect();
        let total = sort(&mut images, query);
        let items = page(images, request).items;
        Ok(Page { items, total })
    }

    async fn update_images(&self, updates: Vec<ImageUpdate>) -> Result<Vec<Image>> {
        let mut state = self.lock();
        let problems = ImageUpdate::problems(&updates, |id| state.images.get(id));
        if !problems.is_empty() {
            return Err(CatalogueError::Refused { problems });
        }
        let mut updated = Vec::with_capacity(updates.len());
        for update in updates {
            if let Some(image) = state.images.get_mut(&update.image) {
                update.apply(image);
                updated.push(image.clone());
            }
        }
        Ok(updated)
    }

    async fn delete_images(&self, ids: &[ImageId]) -> Result<Vec<bool>> {
        let now = self.now();
        let mut state = self.lock();
        Ok(ids.iter().map(|id| state.delete_image(id, now)).collect())
    }

    async fn find_batch(&self, customer: CustomerId, id: BatchId) -> Result<Option<Batch>> {
        let state = self.lock();
        let record = state.batches.get(&id);
        let record = record.filter(|record| record.customer == customer);
        Ok(record.map(|record| record.to_batch(id)))
    }

    async fn list_batches(
        &self,
        customer: CustomerId,
        filter: BatchFilter,
        order: BatchOrder,
        request: PageRequest,
    ) -> Result<Page<Batch>> {
        let state = self.lock();
        let batches = state.batches.iter();
        let mut batches: Vec<_> = batches
            .filter(|(_, record)| record.customer == customer)
            .map(|(id, record)| record.to_batch(*id))
            .filter(|batch| filter.selects(batch))
            .collect();
        sort_by(&mut batches, order.descending, |batch| {
            (order.by.key(batch), batch.id.get())
        });
        Ok(page(batches, request))
    }

    async fn create_origin_strategy(&self, strategy: CustomerOriginStrategy) -> Result<()> {
        let mut state = self.lock();
        state.check_customer(strategy.customer)?;
        if state.strategies.contains_key(&strategy.id) {
            return Err(taken(Subject::OriginStrategy, "id"));
        }
        state.put_strategy(strategy)
    }

    async fn list_origin_strategies(
        &self,
        customer: CustomerId,
    ) -> Result<Vec<CustomerOriginStrategy>> {
        let state = self.lock();
        let strategies = state.strategies.values();
        let own = strategies.filter(|strategy| strategy.customer == customer);
        let mut own: Vec<_> = own.cloned().collect();
        own.sort_by_key(|strategy| (strategy.order, strategy.created, strategy.id));
        Ok(own)
    }

    async fn update_origin_strategy(&self, strategy: CustomerOriginStrategy) -> Result<()> {
        let mut state = self.lock();
        state.check_strategy(strategy.customer, strategy.id)?;
        state.put_strategy(strategy)
    }

    async fn delete_origin_strategy(
        &self,
        customer: CustomerId,
        id: OriginStrategyId,
    ) -> Result<()> {
        let mut state = self.lock();
        state.check_strategy(customer, id)?;
        state.strategies.remove(&id);
        Ok(())
    }

    async fn create_setting(&self, setting: Setting) -> Result<()> {
        self.lock().create_setting(setting)
    }

    async fn list_settings(&self, customer: CustomerId, kind: SettingKind) -> Result<Vec<Setting>> {
        let state = self.lock();
        let own = state.settings.iter();
        let own = own.filter(|it| it.customer == customer && it.body.kind() == kind);
        Ok(own.cloned().collect())
    }

    async fn update_setting(&self, setting: Setting) -> Result<()> {
        self.lock().update_setting(setting)
    }

    async fn delete_setting(
        &self,
        customer: CustomerId,
        kind: SettingKind,
        id: SettingId,
    ) -> Result<()> {
        self.lock().delete_setting(customer, kind, id)
    }

    async fn remember_request(
        &self,
        key: &RequestKey,
        fingerprint: Fingerprint,
    ) -> Result<Remembered> {
        let now = self.now();
        Ok(self.lock().remember_request(key, fingerprint, now))
    }

    async fn answer_request(&self, key: &RequestKey, answer: GivenAnswer) -> Result<()> {
        self.lock().answer_request(key, answer);
        Ok(())
    }

    async fn forget_request(&self, key: &RequestKey) -> Result<()> {
        self.lock().requests.remove(key);
        Ok(())
    }

    async fn expect_uploads(&self, uploads: &[UploadId]) -> Result<()> {
        let now = self.now();
        let mut state = self.lock();
        for upload in uploads {
            state.discard(DerivativeKey::Upload(*upload), now, GRACE_OF_UNCLAIMED);
        }
        Ok(())
    }

    async fn list_collectable(&self, limit: usize) -> Result<Vec<DerivativeKey>> {
        let now = self.now();
        let state = self.lock();
        let due = state.collectable.iter().filter(|(_, from)| **from <= now);
        Ok(due.map(|(key, _)| key.clone()).take(limit).collect())
    }

    async fn forget_collectable(&self, keys: &[DerivativeKey]) -> Result<()> {
        self.lock().collectable.retain(|key, _| !keys.contains(key));
        Ok(())
    }
}

impl State {
    fn customer_named(&self, name: &CustomerName) -> Option<&Customer> {
        let named = |customer: &&Customer| {
            let other = customer.name.as_str();
            other.eq_ignore_ascii_case(name.as_str())
        };
        self.customers.values().find(named)
    }

    /// Deletes an image with all that belongs to it; returns whether it was there.
    fn delete_image(&mut self, id: &ImageId, now: Timestamp) -> bool {
        let Some(image) = self.images.remove(id) else {
            return false;
        };
        self.drop_job(id, now);
        for object in image.objects() {
            let grace = object.key.grace_of_served();
            self.discard(object.key, now, grace);
        }
        self.discard_upload(&image.source, now);
        self.leave_batch(image.batch, id, now);
        true
    }

    pub(super) fn check_customer(&self, id: CustomerId) -> Result<()> {
        if self.customers.contains_key(&id) {
            Ok(())
        } else {
            Err(missing(Subject::Customer))
        }
    }

    /// Stores a space, unless another has its name.
    fn put_space(&mut self, space: Space) -> Result<()> {
        let rival = |other: &Space| {
            other.customer == space.customer && other.id != space.id && other.name == space.name
        };
        if self.spaces.values().any(rival) {
            return Err(taken(Subject::Space, "name"));
        }
        self.spaces.insert((space.customer, space.id), space);
        Ok(())
    }

    fn check_strategy(&self, customer: CustomerId, id: OriginStrategyId) -> Result<()> {
        match self.strategies.get(&id) {
            Some(strategy) if strategy.customer == customer => Ok(()),
            _ => Err(missing(Subject::OriginStrategy)),
        }
    }

    /// Stores an origin strategy, unless another has its pattern.
    fn put_strategy(&mut self, strategy: CustomerOriginStrategy) -> Result<()> {
        let rival = |other: &CustomerOriginStrategy| {
            other.customer == strategy.customer
                && other.id != strategy.id
                && other.pattern == strategy.pattern
        };
        if self.strategies.values().any(rival) {
            return Err(taken(Subject::OriginStrategy, "regex"));
        }
        self.strategies.insert(strategy.id, strategy);
        Ok(())
    }
}
