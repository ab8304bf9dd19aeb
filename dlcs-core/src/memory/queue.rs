//! The queue in memory.

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

use super::MemoryCatalogue;
use super::state::{BatchRecord, GRACE_OF_SERVED, Job, JobState, Member, State};
use crate::batch::{Batch, QueueSize};
use crate::derivative::DerivativeKey;
use crate::id::{BatchId, CustomerId, ImageId};
use crate::image::{Image, ImageSource, RegistrationMode};
use crate::queue::{
    Begun, Claim, Claimed, Completion, Failure, IngestQueue, Lease, LeaseGrant, QueueError, Result,
    SubmissionItem, SubmissionProblem, SubmissionProblemKind, Success,
};
use crate::time::Timestamp;

#[async_trait]
impl IngestQueue for MemoryCatalogue {
    async fn submit(&self, customer: CustomerId, items: Vec<SubmissionItem>) -> Result<Batch> {
        let now = self.now();
        let batch = {
            let mut state = self.lock();
            state.check(customer, &items)?;
            let id = state.next_batch();
            state.batches.insert(
                id,
                BatchRecord {
                    customer,
                    submitted: now,
                    members: items
                        .iter()
                        .map(|item| (item.image.clone(), Member::Pending))
                        .collect(),
                    finished: items.is_empty().then_some(now),
                    superseded: false,
                },
            );
            for item in items {
                state.register(item, Some(id), now);
            }
            state.batches[&id].to_batch(id)
        };
        self.wake_workers();
        Ok(batch)
    }

    async fn begin(&self, item: SubmissionItem, claim: Claim<'_>) -> Result<Begun> {
        let now = self.now();
        let mut state = self.lock();
        state.check(item.image.customer(), std::slice::from_ref(&item))?;
        let id = item.image.clone();
        let created = !state.images.contains_key(&id);
        state.register(item, None, now);
        let claimed = state.lease(&id, now, claim.lease_for);
        Ok(Begun { claimed, created })
    }

    async fn claim(&self, claim: Claim<'_>) -> Result<Option<Claimed>> {
        let now = self.now();
        let mut state = self.lock();
        let Some(id) = state.next_due(now) else {
            return Ok(None);
        };
        let turn = state.turns.values().max().map_or(1, |last| last + 1);
        state.turns.insert(id.customer(), turn);
        Ok(Some(state.lease(&id, now, claim.lease_for)))
    }

    async fn renew(&self, lease: &mut Lease, lease_for: Duration) -> Result<()> {
        let end = self.now().after(lease_for);
        let mut state = self.lock();
        let job = state.held(lease).ok_or(QueueError::LeaseLost)?;
        job.state = JobState::Leased {
            token: lease.token(),
            until: end,
        };
        lease.prolong(end);
        Ok(())
    }

    async fn complete(&self, lease: Lease, success: Success) -> Result<Completion> {
        let now = self.now();
        let mut state = self.lock();
        let Some((job, mut image)) = state.end_job(&lease) else {
            return state.late(&lease);
        };
        let served_before = match success {
            Success::Derivative(derivative) => {
                state.discard_upload(&image.source, now);
                image.succeed(derivative.into_service(&lease, now))
            }
            Success::Nothing => image.settle(now),
        };
        if let Some(service) = served_before {
            state.discard(service.key(&image.id), now, GRACE_OF_SERVED);
        }
        state.images.insert(image.id.clone(), image.clone());
        state.end_member(job.batch, &image.id, Member::Completed, now);
        Ok(Completion::Recorded(Box::new(image)))
    }

    async fn fail(&self, lease: Lease, failure: Failure) -> Result<Completion> {
        let now = self.now();
        let outcome = {
            let mut state = self.lock();
            let Some((mut job, mut image)) = state.end_job(&lease) else {
                return state.late(&lease);
            };
            // The derivative may have been stored all the same.
            state.discard_lost(&image.id, lease.generation(), lease.token(), now);
            match failure {
                Failure::Retry { after, .. } => {
                    job.attempts += 1;
                    image.requeue();
                    state.put_back(&image.id, job, now.after(after));
                }
                Failure::Final { error } => {
                    image.fail(error, now);
                    state.end_member(job.batch, &image.id, Member::Failed, now);
                }
            }
            state.images.insert(image.id.clone(), image.clone());
            Completion::Recorded(Box::new(image))
        };
        self.wake_workers();
        Ok(outcome)
    }

    async fn release(&self, lease: Lease) -> Result<()> {
        let now = self.now();
        {
            let mut state = self.lock();
            let (job, mut image) = state.end_job(&lease).ok_or(QueueError::LeaseLost)?;
            state.discard_lost(&image.id, lease.generation(), lease.token(), now);
            image.requeue();
            state.put_back(&image.id, job, now);
            state.images.insert(image.id.clone(), image);
        }
        self.wake_workers();
        Ok(())
    }

    async fn size(&self, customer: CustomerId) -> Result<QueueSize> {
        let state = self.lock();
        let jobs = || {
            let all = state.jobs.iter();
            all.filter(|(image, _)| image.customer() == customer)
        };
        Ok(QueueSize {
            images: jobs().count() as u64,
            images_waiting: jobs().filter(|(_, job)| job.token().is_none()).count() as u64,
            batches: state
                .batches
                .values()
                .filter(|batch| batch.customer == customer && batch.finished.is_none())
                .count() as u64,
        })
    }

    fn wakeups(&self) -> watch::Receiver<u64> {
        self.wakeups.subscribe()
    }
}

impl State {
    fn check(&self, customer: CustomerId, items: &[SubmissionItem]) -> Result<()> {
        let problems: Vec<_> = items
            .iter()
            .enumerate()
            .filter_map(|(index, item)| {
                let kind = self.problem(customer, item, &items[..index])?;
                Some(SubmissionProblem { index, kind })
            })
            .collect();
        if problems.is_empty() {
            Ok(())
        } else {
            Err(QueueError::Refused { problems })
        }
    }

    fn problem(
        &self,
        customer: CustomerId,
        item: &SubmissionItem,
        before: &[SubmissionItem],
    ) -> Option<SubmissionProblemKind> {
        let id = &item.image;
        let exists = self.images.contains_key(id);
        if id.customer() != customer {
            Some(SubmissionProblemKind::OtherCustomer)
        } else if !self.spaces.contains_key(&(customer, id.space())) {
            Some(SubmissionProblemKind::SpaceNotFound)
        } else if before.iter().any(|earlier| earlier.image == *id) {
            Some(SubmissionProblemKind::Duplicate)
        } else if exists && item.mode == RegistrationMode::CreateOnly {
            Some(SubmissionProblemKind::AlreadyExists)
        } else if !exists && item.mode == RegistrationMode::UpdateOnly {
            Some(SubmissionProblemKind::NotFound)
        } else if !exists && item.changes.source.is_none() {
            Some(SubmissionProblemKind::SourceMissing)
        } else if (self.images.get(id)).is_some_and(|image| image.needs_bytes_again(&item.changes))
        {
            Some(SubmissionProblemKind::BytesGone)
        } else {
            None
        }
    }

    /// Registers an image of a submission that has been checked, and puts it into the queue.
    fn register(&mut self, item: SubmissionItem, batch: Option<BatchId>, now: Timestamp) {
        let id = item.image;
        self.drop_job(&id, now);
        let (mut image, left) = match self.images.remove(&id) {
            Some(mut image) => {
                let source = image.source.clone();
                image.merge(item.changes);
                if image.source != source {
                    self.discard_upload(&source, now);
                }
                let left = image.batch;
                (image, left)
            }
            None => {
                let space = &self.spaces[&(id.customer(), id.space())];
                let image = Image::first(id.clone(), space, item.changes, now)
                    .expect("a new image without a source has been refused");
                (image, None)
            }
        };
        if let ImageSource::Upload(id) = image.source {
            self.collectable.remove(&DerivativeKey::Upload(id));
        }
        image.begin(batch, now);
        let job = Job {
            generation: image.generation,
            batch,
            place: self.next_place(),
            attempts: 0,
            due: now,
            state: JobState::Waiting,
        };
        self.jobs.insert(id.clone(), job);
        self.images.insert(id.clone(), image);
        self.leave_batch(left, &id, now);
    }

    /// The image whose turn it is.
    fn next_due(&self, now: Timestamp) -> Option<ImageId> {
        self.jobs
            .iter()
            .filter_map(|(id, job)| {
                let last_turn = self.turns.get(&id.customer());
                Some((last_turn, job.due_since(now)?, job.place, id))
            })
            .min()
            .map(|(.., id)| id.clone())
    }

    /// Leases an image's job, whoever held it before.
    fn lease(&mut self, id: &ImageId, now: Timestamp, lease_for: Duration) -> Claimed {
        let token = self.next_token();
        let until = now.after(lease_for);
        let job = self.jobs.get_mut(id).expect("the image has a job");
        let lost = job.token();
        job.state = JobState::Leased { token, until };
        let lease = Lease::issue(LeaseGrant {
            image: id.clone(),
            generation: job.generation,
            token,
            attempt: job.attempts + 1,
            batch: job.batch,
            until,
        });
        if let Some(lost) = lost {
            self.discard_lost(id, lease.generation(), lost, now);
        }
        let image = self.images.get_mut(id).expect("a job has its image");
        image.dequeue(now);
        Claimed {
            image: image.clone(),
            lease,
        }
    }

    /// The job, where it is this lease's; an expired lease holds until somebody else claims.
    fn held(&mut self, lease: &Lease) -> Option<&mut Job> {
        let job = self.jobs.get_mut(lease.image())?;
        (job.token() == Some(lease.token())).then_some(job)
    }

    /// Takes the job away from its lease, with its image; `None` when the lease is lost.
    fn end_job(&mut self, lease: &Lease) -> Option<(Job, Image)> {
        self.held(lease)?;
        let job = self.jobs.remove(lease.image())?;
        let image = self.images.get(lease.image())?;
        Some((job, image.clone()))
    }

    fn put_back(&mut self, id: &ImageId, mut job: Job, due: Timestamp) {
        job.due = due;
        job.state = JobState::Waiting;
        self.jobs.insert(id.clone(), job);
    }

    /// Says why a result does not count.
    fn late(&self, lease: &Lease) -> Result<Completion> {
        match self.images.get(lease.image()) {
            Some(image) if image.generation <= lease.generation() => Err(QueueError::LeaseLost),
            _ => Ok(Completion::Superseded),
        }
    }
}
