//! Backends that are sound but for one fault.

mod catalogue;
mod queue;

use std::sync::{Arc, Mutex, MutexGuard};

use dlcs_core::derivative::DerivativeKey;
use dlcs_core::image::Image;
use dlcs_core::memory::MemoryCatalogue;
use dlcs_core::queue::LeaseGrant;
use dlcs_testkit::fake::FakeClock;
use tokio::sync::watch;

/// What is wrong with a backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// A late result is taken for recorded.
    ForgetfulLease,
    /// A refused submission stores its sound items.
    PartialSubmit,
    /// Stores the batches of a submission one by one.
    PartialParts,
    /// A submission is stored in two steps.
    TornSubmit,
    /// The first customer is served until it has nothing left.
    NoTurns,
    /// An image is claimed twice.
    DoubleClaim,
    /// The derivative of a deleted image is never collected.
    LeakyDelete,
    /// Bytes that no registration names are never collected.
    LeakyUploads,
    /// Bytes are collected a day after they came, whatever waits for them.
    EagerUploads,
    /// A change erases what it does not mention.
    ErasingUpdate,
    /// Of changes that are refused, those that can be made are made.
    PartialUpdate,
    /// What was served is collected at once.
    EagerCollector,
    /// Renewing a lease changes nothing.
    FrozenRenewal,
    /// An image that is given back is charged an attempt.
    ChargedRelease,
    /// A retry is due at once.
    ImpatientRetry,
    /// Workers are never woken.
    SilentQueue,
    /// What is known of thumbnails is forgotten.
    ForgottenThumbnails,
    /// An image that is not to be processed counts as failed.
    ReluctantRegistration,
    /// Everything goes through the default lane.
    OneLane,
    /// Nobody looks at hosts.
    CrowdedHosts,
    /// Nobody knows who holds what.
    Company,
    /// A successor takes nothing back.
    ForgetfulSuccessor,
    /// A retry is promised and not made.
    IdleRetry,
    /// A notice is told by several at once.
    LooseNotices,
    /// A notice comes back when it was told.
    EndlessNotices,
    /// A batch is finished with its first image.
    HastyBatch,
    /// A listing forgets to look at tags.
    TaglessListing,
    /// A listing does not begin where it was asked to.
    WrongPlace,
    /// Names of customers differ by case.
    CaseSensitiveNames,
    /// The last key of an administrator can be deleted.
    CarelessKeys,
    /// Nobody knows which requests were run.
    ForgetfulRequests,
    /// A policy that is in use can be deleted.
    CarelessPolicies,
    /// A change of a space erases what it does not mention.
    ErasingSpace,
}

/// A backend with a fault.
#[derive(Debug)]
pub(crate) struct Broken {
    sound: MemoryCatalogue,
    fault: Fault,
    last_claim: Mutex<Option<(Image, LeaseGrant)>>,
    leaked: Mutex<Vec<DerivativeKey>>,
    silence: watch::Sender<u64>,
}

impl Broken {
    pub(crate) fn with(fault: Fault, clock: &Arc<FakeClock>) -> Self {
        Self {
            sound: MemoryCatalogue::with_clock(Arc::<FakeClock>::clone(clock)),
            fault,
            last_claim: Mutex::default(),
            leaked: Mutex::default(),
            silence: watch::Sender::new(0),
        }
    }

    fn has(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn leaked(&self) -> MutexGuard<'_, Vec<DerivativeKey>> {
        self.leaked.lock().expect("nothing panics under the lock")
    }

    fn last_claim(&self) -> MutexGuard<'_, Option<(Image, LeaseGrant)>> {
        let claim = self.last_claim.lock();
        claim.expect("nothing panics under the lock")
    }
}
