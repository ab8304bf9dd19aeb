//! A backend in memory that can be away, refuse operations, and lose answers.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::result::Result;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use dlcs_core::IngestQueue;
use dlcs_core::batch::*;
use dlcs_core::catalogue::*;
use dlcs_core::customer::*;
use dlcs_core::derivative::{DerivativeKey, UploadId};
use dlcs_core::id::*;
use dlcs_core::image::*;
use dlcs_core::memory::MemoryCatalogue;
use dlcs_core::origin::{CustomerOriginStrategy, OriginStrategyId};
use dlcs_core::page::*;
use dlcs_core::queue::*;
use dlcs_core::request::*;
use dlcs_core::setting::*;
use dlcs_core::space::*;
use dlcs_core::storage::{Quota, StorageFigures};
use tokio::sync::watch;

use crate::fake::Gate;

/// The backend, and what its tests tell it.
#[derive(Debug, Clone)]
pub(crate) struct Flaky {
    sound: Arc<MemoryCatalogue>,
    faults: Arc<Faults>,
}

/// What goes wrong.
#[derive(Debug, Default)]
struct Faults {
    away: AtomicBool,
    /// Operations that found nobody.
    refused: AtomicUsize,
    /// How often operations of these names are refused from now on.
    refusals: Mutex<HashMap<&'static str, usize>>,
    /// How many of their answers are lost.
    losses: Mutex<HashMap<&'static str, usize>>,
    /// Whose next answers wait to be let go.
    held: Mutex<HashMap<&'static str, Arc<Gate>>>,
}

impl Flaky {
    pub(crate) fn over(sound: MemoryCatalogue) -> Self {
        Self {
            sound: Arc::new(sound),
            faults: Arc::default(),
        }
    }

    /// Is away from now on, or back.
    pub(crate) fn be_away(&self, away: bool) {
        self.faults.away.store(away, Ordering::SeqCst);
    }

    /// How many operations have found nobody.
    pub(crate) fn refused(&self) -> usize {
        self.faults.refused.load(Ordering::SeqCst)
    }

    /// Refuses the next operations of this name.
    pub(crate) fn refuse(&self, operation: &'static str, times: usize) {
        let mut refusals = self.faults.refusals.lock().unwrap();
        refusals.insert(operation, times);
    }

    /// Does the next operations of this name, and does not say so.
    pub(crate) fn lose_answers(&self, operation: &'static str, times: usize) {
        let mut losses = self.faults.losses.lock().unwrap();
        losses.insert(operation, times);
    }

    /// Does the next operation of this name, says so to the gate, and answers when it is let go.
    pub(crate) fn hold_answer(&self, operation: &'static str) -> Arc<Gate> {
        let gate = Arc::new(Gate::default());
        let mut held = self.faults.held.lock().unwrap();
        held.insert(operation, Arc::clone(&gate));
        gate
    }

    fn held(&self, operation: &'static str) -> Option<Arc<Gate>> {
        self.faults.held.lock().unwrap().remove(operation)
    }

    /// Whether an operation does not reach the backend.
    fn refuses(&self, operation: &'static str) -> bool {
        let faults = &self.faults;
        let refused = faults.away.load(Ordering::SeqCst) || is_left(&faults.refusals, operation);
        faults.refused.fetch_add(refused.into(), Ordering::SeqCst);
        refused
    }

    fn loses_answer(&self, operation: &'static str) -> bool {
        is_left(&self.faults.losses, operation)
    }
}

fn is_left(counts: &Mutex<HashMap<&'static str, usize>>, operation: &'static str) -> bool {
    match counts.lock().unwrap().get_mut(operation) {
        Some(left) if *left > 0 => {
            *left -= 1;
            true
        }
        _ => false,
    }
}

macro_rules! pass_on {
    ($port:ident, $error:ident: $(async fn $name:ident($($arg:ident: $type:ty),*) -> $out:ty;)+ $(and $rest:item)?) => {
        #[async_trait]
        impl $port for Flaky {
            $(async fn $name(&self, $($arg: $type),*) -> Result<$out, $error> {
                let unavailable = || $error::Unavailable { backend: "flaky", source: "the test says so".into() };
                if self.refuses(stringify!($name)) {
                    return Err(unavailable());
                }
                let answer = self.sound.$name($($arg),*).await;
                if let Some(gate) = self.held(stringify!($name)) {
                    gate.opened.notify_one();
                    gate.open.notified().await;
                }
                if self.loses_answer(stringify!($name)) {
                    return Err(unavailable());
                }
                answer
            })+
            $($rest)?
        }
    };
}

pass_on! { IngestQueue, QueueError:
    async fn submit(submission: Submission) -> Batch;
    async fn submit_in_batches(submission: Submission, size: NonZeroUsize) -> Vec<Batch>;
    async fn begin(item: SubmissionItem, quota: Quota, claim: Claim<'_>) -> Begun;
    async fn claim(claim: Claim<'_>) -> Option<Claimed>;
    async fn renew(lease: &mut Lease, lease_for: Duration) -> ();
    async fn complete(lease: Lease, success: Success) -> Completion;
    async fn fail(lease: Lease, failure: Failure) -> Completion;
    async fn release(lease: Lease) -> ();
    async fn reclaim(owner: &str) -> u64;
    async fn release_all(owner: &str) -> u64;
    async fn retry_batch(customer: CustomerId, batch: BatchId) -> u64;
    async fn test_batch(customer: CustomerId, batch: BatchId) -> bool;
    async fn claim_notice(hold_for: Duration, except: &[CustomerId]) -> Option<BatchNotice>;
    async fn forget_notices(due_for: Duration) -> u64;
    async fn end_notice(id: NoticeId) -> ();
    async fn defer_notice(id: NoticeId, after: Duration) -> ();
    async fn totals() -> QueueTotals;
    async fn size(customer: CustomerId) -> QueueSize;
    async fn lane_size(customer: CustomerId, lane: Lane) -> QueueSize;
    and fn wakeups(&self) -> watch::Receiver<u64> {
        self.sound.wakeups()
    }
}

pass_on! { Catalogue, CatalogueError:
    async fn check() -> ();
    async fn create_customer(customer: NewCustomer) -> Customer;
    async fn find_customer(id: CustomerId) -> Option<Customer>;
    async fn find_customer_by_name(name: &CustomerName) -> Option<Customer>;
    async fn list_customers(order: CustomerOrder, page: PageRequest) -> Page<Customer>;
    async fn rename_customer(id: CustomerId, display_name: &str) -> Customer;
    async fn create_key(key: ApiKey) -> ();
    async fn find_key(key: &str) -> Option<(ApiKey, Customer)>;
    async fn list_keys(customer: CustomerId) -> Vec<ApiKey>;
    async fn delete_key(customer: CustomerId, key: &str) -> ();
    async fn create_space(customer: CustomerId, id: Option<SpaceId>, space: SpaceChanges) -> Space;
    async fn find_space(customer: CustomerId, id: SpaceId) -> Option<Space>;
    async fn list_spaces(customer: CustomerId, order: SpaceOrder, page: PageRequest) -> Page<Space>;
    async fn find_storage(customer: CustomerId) -> StorageFigures;
    async fn update_space(customer: CustomerId, id: SpaceId, changes: SpaceChanges) -> Space;
    async fn delete_space(customer: CustomerId, id: SpaceId) -> ();
    async fn find_image(id: &ImageId) -> Option<Arc<Image>>;
    async fn find_images(ids: &[ImageId]) -> Vec<Option<Image>>;
    async fn list_images(query: &ImageQuery, page: PageRequest) -> Page<Image>;
    async fn update_images(updates: Vec<ImageUpdate>) -> Vec<Image>;
    async fn delete_images(ids: &[ImageId]) -> Vec<bool>;
    async fn find_batch(customer: CustomerId, id: BatchId) -> Option<Batch>;
    async fn list_batches(customer: CustomerId, filter: BatchFilter, order: BatchOrder, page: PageRequest) -> Page<Batch>;
    async fn create_origin_strategy(strategy: CustomerOriginStrategy) -> ();
    async fn list_origin_strategies(customer: CustomerId) -> Vec<CustomerOriginStrategy>;
    async fn update_origin_strategy(strategy: CustomerOriginStrategy) -> ();
    async fn delete_origin_strategy(customer: CustomerId, id: OriginStrategyId) -> ();
    async fn create_setting(setting: Setting) -> ();
    async fn list_settings(customer: CustomerId, kind: SettingKind) -> Vec<Setting>;
    async fn update_setting(setting: Setting) -> ();
    async fn delete_setting(customer: CustomerId, kind: SettingKind, id: SettingId) -> ();
    async fn remember_request(key: &RequestKey, fingerprint: Fingerprint) -> Remembered;
    async fn answer_request(key: &RequestKey, answer: GivenAnswer) -> ();
    async fn forget_request(key: &RequestKey) -> ();
    async fn expect_uploads(uploads: &[UploadId]) -> ();
    async fn list_collectable(limit: usize) -> Vec<DerivativeKey>;
    async fn forget_collectable(keys: &[DerivativeKey]) -> ();
}
