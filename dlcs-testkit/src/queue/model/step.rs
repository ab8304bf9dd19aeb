//! The steps of a history.

use std::time::Duration;

use dlcs_core::queue::Lane;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_oneof};

use crate::fake::FakeClock;

/// One thing that somebody does, or that happens. Numbers choose among what there is.
#[derive(Debug, Clone)]
pub enum Step {
    /// Submits images of a customer, from these hosts.
    Submit {
        /// Which customer.
        customer: usize,
        /// Through which lane.
        priority: bool,
        /// Which images, and from which hosts.
        images: Vec<(usize, usize)>,
    },
    /// Registers an image immediately.
    Begin {
        /// Which customer.
        customer: usize,
        /// Which image.
        image: usize,
        /// Who holds it.
        owner: usize,
    },
    /// Claims the next image.
    Claim {
        /// For whom.
        owner: usize,
        /// How many may be leased from one host.
        per_host: u32,
    },
    /// Renews a lease that was given out, however long ago.
    Renew(usize),
    /// Completes one.
    Complete(usize),
    /// Ends one with nothing made.
    Settle(usize),
    /// Fails one for good.
    Fail(usize),
    /// Fails one for a while, in seconds.
    Retry(usize, u64),
    /// Puts one off, by seconds, that is not to blame.
    Postpone(usize, u64),
    /// Gives one back.
    Release(usize),
    /// Deletes an image.
    Delete {
        /// Of which customer.
        customer: usize,
        /// Which.
        image: usize,
    },
    /// A process of this name starts again.
    Reclaim(usize),
    /// A process of this name stops.
    ReleaseAll(usize),
    /// Retries the failures of a batch.
    RetryBatch(usize),
    /// Tests a batch.
    TestBatch(usize),
    /// Takes a notice, of other customers than this.
    ClaimNotice(Option<usize>),
    /// Forgets notices that are so old, in seconds.
    ForgetNotices(u64),
    /// Ends a notice that was taken.
    EndNotice(usize),
    /// Puts one off, by seconds.
    DeferNotice(usize, u64),
    /// Deletes what nothing refers to.
    Collect,
    /// Closes the backend and opens it again; whoever held something has died.
    Restart,
    /// Time passes, in seconds.
    Advance(u64),
    /// The clock is put back, by seconds.
    PutBack(u64),
}

impl Step {
    pub(super) fn pass_time(&self, clock: &FakeClock) {
        match self {
            Self::Advance(seconds) => clock.advance(Duration::from_secs(*seconds)),
            Self::PutBack(seconds) => clock.put_back(Duration::from_secs(*seconds)),
            // No two things happen at once.
            _ => clock.advance(Duration::from_millis(7)),
        }
    }

    pub(super) const fn lane(priority: bool) -> Lane {
        if priority {
            Lane::Priority
        } else {
            Lane::Default
        }
    }
}

/// Histories of so many steps at most.
pub fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    vec(step(), 1..most)
}

fn step() -> impl Strategy<Value = Step> {
    let any_lease = || 0..6_usize;
    prop_oneof![
        6 => (0..3_usize, any::<bool>(), vec((0..6_usize, 0..3_usize), 1..5))
            .prop_map(|(customer, priority, images)| Step::Submit { customer, priority, images }),
        2 => (0..3_usize, 0..6_usize, 0..3_usize)
            .prop_map(|(customer, image, owner)| Step::Begin { customer, image, owner }),
        12 => (0..3_usize, 1..4_u32).prop_map(|(owner, per_host)| Step::Claim { owner, per_host }),
        2 => any_lease().prop_map(Step::Renew),
        6 => any_lease().prop_map(Step::Complete),
        1 => any_lease().prop_map(Step::Settle),
        3 => any_lease().prop_map(Step::Fail),
        2 => (any_lease(), 1..90_u64).prop_map(|(lease, after)| Step::Retry(lease, after)),
        1 => (any_lease(), 1..90_u64).prop_map(|(lease, after)| Step::Postpone(lease, after)),
        1 => any_lease().prop_map(Step::Release),
        2 => (0..3_usize, 0..6_usize).prop_map(|(customer, image)| Step::Delete { customer, image }),
        1 => (0..3_usize).prop_map(Step::Reclaim),
        1 => (0..3_usize).prop_map(Step::ReleaseAll),
        2 => (0..4_usize).prop_map(Step::RetryBatch),
        1 => (0..4_usize).prop_map(Step::TestBatch),
        2 => option::of(0..3_usize).prop_map(Step::ClaimNotice),
        1 => Just(Step::ForgetNotices(60)),
        1 => (0..3_usize).prop_map(Step::EndNotice),
        1 => (0..3_usize, 1..90_u64).prop_map(|(notice, after)| Step::DeferNotice(notice, after)),
        1 => Just(Step::Collect),
        1 => Just(Step::Restart),
        3 => prop_oneof![Just(1), Just(14), Just(61), Just(3700), Just(7300)].prop_map(Step::Advance),
        1 => prop_oneof![Just(1), Just(3600)].prop_map(Step::PutBack),
    ]
}
