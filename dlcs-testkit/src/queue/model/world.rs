//! A backend with what its users know of it.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use dlcs_core::batch::{Batch, QueueSize, QueueTotals};
use dlcs_core::catalogue::{Catalogue, CatalogueError};
use dlcs_core::customer::{CustomerName, NewCustomer, Role};
use dlcs_core::derivative::DerivativeKey;
use dlcs_core::id::ImageId;
use dlcs_core::image::Image;
use dlcs_core::queue::{
    BatchNotice, Begun, Claim, Claimed, Completion, Failure, IngestQueue, Lease, LeaseGrant,
    LeaseToken, NoticeId, QueueError, Submission, Success,
};
use dlcs_core::space::{Space, SpaceChanges};
use dlcs_core::storage::Quota;

use super::Step;
use crate::fixture::{self, LEASE, claim_by};

const OWNERS: [&str; 3] = ["one", "two", "three"];
const HOSTS: [&str; 3] = ["slow.example", "quick.example", "other.example"];
const IMAGES: usize = 6;

/// A backend, and what its users remember: leases, long lost ones among them, batches and notices.
pub(super) struct World<B> {
    backend: Option<B>,
    spaces: Vec<Space>,
    leases: Vec<LeaseGrant>,
    batches: Vec<Batch>,
    notices: Vec<NoticeId>,
}

/// Everything that can be seen, with claims by their order instead of their tokens, which every backend numbers its own way.
#[derive(Debug, PartialEq)]
pub(super) struct Observed {
    images: Vec<Answer>,
    batches: Vec<Option<Batch>>,
    sizes: Vec<QueueSize>,
    totals: QueueTotals,
    collectable: Vec<String>,
}

/// What a step is answered, in words that are the same for every backend.
pub(super) type Answer = String;

fn text(value: impl fmt::Debug) -> Answer {
    format!("{value:?}")
}

/// The so-manieth of the latest, or the first of all; `None` before there is one.
fn latest<T>(all: &[T], choice: usize) -> Option<&T> {
    all.iter().rev().nth(choice).or(all.first())
}

/// What an error is to its caller.
fn kind(error: &QueueError) -> Answer {
    match error {
        QueueError::Refused { problems } => format!("refused: {problems:?}"),
        QueueError::LeaseLost => "lost".to_owned(),
        QueueError::BatchNotFound => "no such batch".to_owned(),
        other => panic!("the backend failed: {other:?}"),
    }
}

impl<B: Catalogue + IngestQueue> World<B> {
    pub(super) const fn new(backend: B) -> Self {
        Self {
            backend: Some(backend),
            spaces: Vec::new(),
            leases: Vec::new(),
            batches: Vec::new(),
            notices: Vec::new(),
        }
    }

    /// Makes three customers with a space each; the same in every world.
    pub(super) async fn prepare(&mut self) {
        for name in ["alpha", "beta", "gamma"] {
            let new = NewCustomer {
                id: None,
                name: CustomerName::parse(name).expect("letters are a name"),
                display_name: name.to_owned(),
                role: Role::Ordinary,
            };
            let customer = self
                .backend()
                .create_customer(new)
                .await
                .expect("it is new");
            let space = SpaceChanges::named("first");
            let space = self.backend().create_space(customer.id, None, space).await;
            self.spaces.push(space.expect("it is new"));
        }
    }

    /// Closes the backend and opens it again; users remember what they knew.
    pub(super) async fn reopen<F: Future<Output = B>>(&mut self, open: &mut impl FnMut() -> F) {
        // The old one is gone before the new one is opened.
        drop(self.backend.take());
        self.backend = Some(open().await);
    }

    /// Every process has died and starts again.
    pub(super) async fn take_everything_back(&self) {
        for owner in OWNERS {
            let reclaimed = self.backend().reclaim(owner).await;
            reclaimed.expect("the backend works");
        }
    }

    const fn backend(&self) -> &B {
        self.backend
            .as_ref()
            .expect("it is open but while it is opened")
    }

    fn image_id(&self, customer: usize, image: usize) -> ImageId {
        fixture::image_id(&self.spaces[customer], &format!("image-{image}"))
    }

    /// Keeps what is needed to use a lease, now or when it is long lost.
    fn keep(&mut self, claimed: Claimed) -> Answer {
        let Claimed { image, lease } = claimed;
        let grant = LeaseGrant {
            image: lease.image().clone(),
            generation: lease.generation(),
            token: lease.token(),
            attempt: lease.attempt(),
            postponed: lease.postponed(),
            batch: lease.batch(),
            until: lease.until(),
        };
        let answer = text((&image, &grant));
        self.leases.push(grant);
        answer
    }

    /// A text in which claims are named by their order.
    fn in_order(&self, text: &str) -> Answer {
        let mut parts = text.split("LeaseToken(");
        let mut answer = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (token, rest) = part.split_once(')').expect("it is shown as a number");
            let token = LeaseToken::new(token.parse().expect("it is shown as a number"));
            answer.push_str(&format!("claim {}{rest}", self.place(token)));
        }
        answer
    }

    /// The paths of objects, with claims named by their order.
    fn paths(&self, keys: Vec<DerivativeKey>) -> Vec<String> {
        let in_order = |mut key| {
            if let DerivativeKey::Pyramid { token, .. } | DerivativeKey::Original { token, .. } =
                &mut key
            {
                *token = LeaseToken::new(self.place(*token));
            }
            key.path()
        };
        let mut paths: Vec<_> = keys.into_iter().map(in_order).collect();
        paths.sort_unstable();
        paths
    }

    /// The so-manieth claim had this token.
    fn place(&self, token: LeaseToken) -> u64 {
        let place = self.leases.iter().position(|lease| lease.token == token);
        place.expect("every token is of a claim") as u64 + 1
    }

    /// One of the latest leases; `None` before there is one.
    fn lease(&self, choice: usize) -> Option<Lease> {
        latest(&self.leases, choice).map(|grant| Lease::issue(grant.clone()))
    }

    async fn end(
        &self,
        choice: usize,
        end: impl AsyncFnOnce(Lease) -> Result<Completion, QueueError>,
    ) -> Answer {
        let Some(lease) = self.lease(choice) else {
            return "nothing to end".to_owned();
        };
        match end(lease).await {
            Ok(completion) => text(completion),
            Err(error) => kind(&error),
        }
    }

    /// Takes a step and returns what it is answered.
    pub(super) async fn take(&mut self, step: &Step) -> Answer {
        let answer = self.work(step).await;
        self.in_order(&answer)
    }

    /// Takes a step, of a worker or of anybody.
    async fn work(&mut self, step: &Step) -> Answer {
        match step {
            Step::Submit {
                customer,
                priority,
                images,
            } => self.submit(*customer, *priority, images).await,
            Step::Begin {
                customer,
                image,
                owner,
            } => {
                let model = format!("image-{image}");
                let host = HOSTS[image % HOSTS.len()];
                let item = fixture::item_at(&self.spaces[*customer], host, &model);
                match self
                    .backend()
                    .begin(item, Quota::NONE, claim_by(OWNERS[*owner]))
                    .await
                {
                    Ok(Begun { claimed, created }) => text((created, self.keep(claimed))),
                    Err(error) => kind(&error),
                }
            }
            Step::Claim { owner, per_host } => {
                let claim = Claim {
                    per_host: *per_host,
                    ..claim_by(OWNERS[*owner])
                };
                let claimed = self.backend().claim(claim).await;
                let claimed = claimed.expect("the backend works");
                claimed.map_or_else(String::new, |claimed| self.keep(claimed))
            }
            Step::Renew(choice) => match self.lease(*choice) {
                Some(mut lease) => match self.backend().renew(&mut lease, LEASE).await {
                    Ok(()) => text(lease.until()),
                    Err(error) => kind(&error),
                },
                None => "nothing to renew".to_owned(),
            },
            Step::Complete(choice) => {
                let success: Success = fixture::derivative(100).into();
                let end = async |lease| self.backend().complete(lease, success).await;
                self.end(*choice, end).await
            }
            Step::Settle(choice) => {
                let end = async |lease| self.backend().complete(lease, Success::NOTHING).await;
                self.end(*choice, end).await
            }
            Step::Fail(choice) => {
                let error = "it is no image".to_owned();
                let end = async |lease| self.backend().fail(lease, Failure::Final { error }).await;
                self.end(*choice, end).await
            }
            Step::Retry(choice, seconds) | Step::Postpone(choice, seconds) => {
                let after = Duration::from_secs(*seconds);
                let error = "nobody answers".to_owned();
                let failure = match step {
                    Step::Retry(..) => Failure::Retry { after, error },
                    _ => Failure::Postpone { after, error },
                };
                let end = async |lease| self.backend().fail(lease, failure).await;
                self.end(*choice, end).await
            }
            Step::Release(choice) => match self.lease(*choice) {
                Some(lease) => match self.backend().release(lease).await {
                    Ok(()) => "released".to_owned(),
                    Err(error) => kind(&error),
                },
                None => "nothing to release".to_owned(),
            },
            other => self.look_after(other).await,
        }
    }

    /// Takes a step that is no worker's.
    async fn look_after(&mut self, step: &Step) -> Answer {
        match step {
            Step::Delete { customer, image } => {
                let id = self.image_id(*customer, *image);
                match self.backend().delete_image(&id).await {
                    Ok(()) => "deleted".to_owned(),
                    Err(CatalogueError::NotFound { subject }) => text(subject),
                    Err(error) => panic!("the backend failed: {error:?}"),
                }
            }
            Step::Reclaim(owner) => {
                let reclaimed = self.backend().reclaim(OWNERS[*owner]).await;
                text(reclaimed.expect("the backend works"))
            }
            Step::ReleaseAll(owner) => {
                let released = self.backend().release_all(OWNERS[*owner]).await;
                text(released.expect("the backend works"))
            }
            Step::RetryBatch(choice) | Step::TestBatch(choice) => {
                let Some(batch) = latest(&self.batches, *choice) else {
                    return "no batch yet".to_owned();
                };
                let (customer, id) = (batch.customer, batch.id);
                let outcome = if matches!(step, Step::RetryBatch(_)) {
                    self.backend().retry_batch(customer, id).await.map(text)
                } else {
                    self.backend().test_batch(customer, id).await.map(text)
                };
                outcome.unwrap_or_else(|error| kind(&error))
            }
            Step::ClaimNotice(except) => {
                let except = except.map(|customer| self.spaces[customer].customer);
                let except = except.as_slice();
                let notice = self.backend().claim_notice(LEASE, except).await;
                let notice = notice.expect("the backend works");
                self.notices.extend(notice.as_ref().map(|notice| notice.id));
                text(notice.map(|BatchNotice { batch, attempt, .. }| (batch, attempt)))
            }
            Step::EndNotice(choice) | Step::DeferNotice(choice, _) => {
                let Some(id) = latest(&self.notices, *choice) else {
                    return "no notice yet".to_owned();
                };
                let outcome = match step {
                    Step::DeferNotice(_, seconds) => {
                        let after = Duration::from_secs(*seconds);
                        self.backend().defer_notice(*id, after).await
                    }
                    _ => self.backend().end_notice(*id).await,
                };
                outcome.expect("the backend works");
                "noted".to_owned()
            }
            Step::ForgetNotices(seconds) => {
                let age = Duration::from_secs(*seconds);
                let forgotten = self.backend().forget_notices(age).await;
                text(forgotten.expect("the backend works"))
            }
            Step::Collect => {
                let keys = self.backend().list_collectable(usize::MAX).await;
                let keys = keys.expect("the backend works");
                let forgotten = self.backend().forget_collectable(&keys).await;
                forgotten.expect("the backend works");
                text(self.paths(keys))
            }
            _ => String::new(),
        }
    }

    async fn submit(
        &mut self,
        customer: usize,
        priority: bool,
        images: &[(usize, usize)],
    ) -> Answer {
        let space = &self.spaces[customer];
        let items = images
            .iter()
            .map(|(image, host)| fixture::item_at(space, HOSTS[*host], &format!("image-{image}")));
        let submission = Submission {
            lane: Step::lane(priority),
            ..fixture::submission(space, items)
        };
        match self.backend().submit(submission).await {
            Ok(batch) => {
                let answer = text(&batch);
                self.batches.push(batch);
                answer
            }
            Err(error) => kind(&error),
        }
    }

    pub(super) async fn observe(&self) -> Observed {
        let backend = self.backend();
        let mut images = Vec::new();
        for customer in 0..self.spaces.len() {
            for image in 0..IMAGES {
                let found = backend.find_image(&self.image_id(customer, image)).await;
                let found = found.expect("the backend works");
                images.push(found.map(Arc::unwrap_or_clone));
            }
        }
        let mut batches = Vec::new();
        for batch in &self.batches {
            let found = backend.find_batch(batch.customer, batch.id).await;
            batches.push(found.expect("the backend works"));
        }
        let mut sizes = Vec::new();
        for space in &self.spaces {
            sizes.push(
                backend
                    .size(space.customer)
                    .await
                    .expect("the backend works"),
            );
        }
        let keys = backend.list_collectable(usize::MAX).await;
        let keys = keys.expect("the backend works");
        check(&images, &batches, &sizes, &keys);
        Observed {
            images: images
                .into_iter()
                .map(|image| self.in_order(&text(image)))
                .collect(),
            batches,
            sizes,
            totals: backend.totals().await.expect("the backend works"),
            collectable: self.paths(keys),
        }
    }
}

/// What holds of every backend at every moment.
fn check(
    images: &[Option<Image>],
    batches: &[Option<Batch>],
    sizes: &[QueueSize],
    collectable: &[DerivativeKey],
) {
    for batch in batches.iter().flatten() {
        let ended = batch.completed + batch.errors;
        assert!(ended <= batch.count, "{batch:?}");
        assert_eq!(batch.finished.is_some(), ended == batch.count, "{batch:?}");
    }
    let queued: u64 = sizes.iter().map(|size| size.images).sum();
    let pending = images.iter().flatten();
    let pending = pending.filter(|image| image.state.is_pending()).count() as u64;
    assert_eq!(queued, pending, "a job for every image that is on its way");
    for image in images.iter().flatten() {
        let key = image.service().map(|service| service.key(&image.id));
        let lost = key.filter(|key| collectable.contains(key));
        assert_eq!(lost, None, "what is served is never collected");
    }
}
