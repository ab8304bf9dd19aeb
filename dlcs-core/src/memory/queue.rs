//! The queue in memory.

use std::num::NonZeroUsize;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

use super::MemoryCatalogue;
use super::state::{BatchRecord, Job, JobState, Member, State};
use crate::batch::{Batch, QueueSize, QueueTotals};
use crate::derivative::DerivativeKey;
use crate::id::{BatchId, CustomerId};
use crate::image::{Image, ImageSource, RegistrationMode};
use crate::queue::{
    BatchNotice, Begun, Claim, Claimed, Completion, Failure, IngestQueue, Lane, Lease, NoticeId,
    QueueError, Result, Submission, SubmissionItem, SubmissionProblem, SubmissionProblemKind,
    Success,
};
use crate::storage::{OverQuota, Quota};
use crate::time::Timestamp;

#[async_trait]
impl IngestQueue for MemoryCatalogue {
    async fn submit(&self, submission: Submission) -> Result<Batch> {
        let now = self.now();
        let batch = {
            let mut state = self.lock();
            state.check(submission.customer, submission.quota, &submission.items)?;
            state.submit(submission, now)
        };
        self.wake_workers();
        Ok(batch)
    }

    async fn submit_in_batches(
        &self,
        submission: Submission,
        batch_size: NonZeroUsize,
    ) -> Result<Vec<Batch>> {
        let Submission {
            customer,
            lane,
            items,
            quota,
        } = submission;
        let now = self.now();
        let batches = {
            let mut state = self.lock();
            state.check(customer, quota, &items)?;
            let parts = items.chunks(batch_size.get()).map(|part| Submission {
                customer,
                lane,
                items: part.to_vec(),
                quota,
            });
            parts.map(|part| state.submit(part, now)).collect()
        };
        self.wake_workers();
        Ok(batches)
    }

    async fn begin(&self, item: SubmissionItem, quota: Quota, claim: Claim<'_>) -> Result<Begun> {
        let now = self.now();
        let mut state = self.lock();
        state.check(item.image.customer(), quota, std::slice::from_ref(&item))?;
        let id = item.image.clone();
        let created = !state.images.contains_key(&id);
        let image = state.register(item, None, now);
        state.enqueue(&image, Lane::Priority, now);
        for job in state.jobs.values_mut() {
            if let JobState::Leased(held) = &mut job.state {
                held.alone &= held.owner != claim.owner;
            }
        }
        let claimed = state.lease(&id, now, claim, false);
        Ok(Begun { claimed, created })
    }

    async fn claim(&self, claim: Claim<'_>) -> Result<Option<Claimed>> {
        let now = self.now();
        let mut state = self.lock();
        if state.take_back(now, |held| held.until <= now) > 0 {
            self.wake_workers();
        }
        let Some((id, alone)) = state.next(claim, now) else {
            return Ok(None);
        };
        Ok(Some(state.lease(&id, now, claim, alone)))
    }

    async fn renew(&self, lease: &mut Lease, lease_for: Duration) -> Result<()> {
        let end = self.now().after(lease_for);
        let mut state = self.lock();
        let job = state.held(lease).ok_or(QueueError::LeaseLost)?;
        if let JobState::Leased(held) = &mut job.state {
            held.until = end;
        }
        lease.prolong(end);
        Ok(())
    }

    async fn complete(&self, lease: Lease, success: Success) -> Result<Completion> {
        let now = self.now();
        let mut state = self.lock();
        let Some((job, mut image)) = state.end_lease(&lease, now) else {
            return state.late(&lease);
        };
        if let Err(over) = state.admit_bytes(&image, &success) {
            state.discard_lost(&image.id, lease.generation(), lease.token(), now);
            image.fail(over.to_string(), now);
            state.images.insert(image.id.clone(), image.clone());
            state.end_member(job.batch, &image.id, Member::Failed, now);
            state.ended[1] += 1;
            return Ok(Completion::OverQuota(Box::new(image), over));
        }
        for key in image.succeed(success, &lease, now) {
            let grace = key.grace_of_served();
            state.discard(key, now, grace);
        }
        if image.awaited_upload().is_none() {
            state.discard_upload(&image.source, now);
        }
        state.images.insert(image.id.clone(), image.clone());
        state.end_member(job.batch, &image.id, Member::Completed, now);
        state.ended[0] += 1;
        Ok(Completion::Recorded(Box::new(image)))
    }

    async fn fail(&self, lease: Lease, failure: Failure) -> Result<Completion> {
        let now = self.now();
        let outcome = {
            let mut state = self.lock();
            let Some((mut job, mut image)) = state.end_lease(&lease, now) else {
                return state.late(&lease);
            };
            // The derivative may have been stored all the same.
            state.discard_lost(&image.id, lease.generation(), lease.token(), now);
            match failure {
                Failure::Retry { after, .. } | Failure::Postpone { after, .. } => {
                    match failure {
                        Failure::Retry { .. } => job.attempts += 1,
                        _ => job.postponed += 1,
                    }
                    image.requeue();
                    state.put_back(&image.id, job, now.after(after));
                }
                Failure::Final { error } => {
                    image.fail(error, now);
                    state.end_member(job.batch, &image.id, Member::Failed, now);
                    state.ended[1] += 1;
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
            state.held(&lease).ok_or(QueueError::LeaseLost)?;
            state.release(lease.image(), now);
        }
        self.wake_workers();
        Ok(())
    }

    async fn reclaim(&self, owner: &str) -> Result<u64> {
        let now = self.now();
        let count = self.lock().take_back(now, |held| held.owner == owner);
        self.wake_workers();
        Ok(count)
    }

    async fn release_all(&self, owner: &str) -> Result<u64> {
        let now = self.now();
        let count = self.lock().release_all(owner, now);
        self.wake_workers();
        Ok(count)
    }

    async fn retry_batch(&self, customer: CustomerId, batch: BatchId) -> Result<u64> {
        let now = self.now();
        let count = self.lock().retry(customer, batch, now)?;
        self.wake_workers();
        Ok(count)
    }

    async fn test_batch(&self, customer: CustomerId, batch: BatchId) -> Result<bool> {
        let mut state = self.lock();
        let deserted = state
            .images
            .values()
            .all(|image| image.batch != Some(batch));
        let record = state.batch_of(customer, batch)?;
        Ok(std::mem::replace(&mut record.superseded, deserted) != deserted)
    }

    async fn claim_notice(
        &self,
        hold_for: Duration,
        except: &[CustomerId],
    ) -> Result<Option<BatchNotice>> {
        let now = self.now();
        let mut state = self.lock();
        let notices = state.notices.iter_mut();
        let due = notices.filter(|(_, it)| it.due <= now && !except.contains(&it.batch.customer));
        let first = due.min_by_key(|(id, notice)| (notice.due, notice.batch.id, **id));
        Ok(first.map(|(id, notice)| {
            notice.due = now.after(hold_for);
            notice.attempts += 1;
            BatchNotice {
                id: *id,
                batch: notice.batch.clone(),
                attempt: notice.attempts,
            }
        }))
    }

    async fn forget_notices(&self, due_for: Duration) -> Result<u64> {
        let now = self.now();
        let mut state = self.lock();
        let before = state.notices.len();
        state.notices.retain(|_, it| it.due.after(due_for) > now);
        Ok((before - state.notices.len()) as u64)
    }

    async fn end_notice(&self, id: NoticeId) -> Result<()> {
        self.lock().notices.remove(&id);
        Ok(())
    }

    async fn defer_notice(&self, id: NoticeId, after: Duration) -> Result<()> {
        let due = self.now().after(after);
        if let Some(notice) = self.lock().notices.get_mut(&id) {
            notice.due = due;
        }
        Ok(())
    }

    async fn totals(&self) -> Result<QueueTotals> {
        let state = self.lock();
        let waiting = |lane: Lane| {
            let jobs = state.jobs.values().filter(|job| job.token().is_none());
            jobs.filter(|job| job.counts_in() == lane).count() as u64
        };
        Ok(QueueTotals {
            waiting: waiting(Lane::Default),
            waiting_priority: waiting(Lane::Priority),
            succeeded: state.ended[0],
            failed: state.ended[1],
        })
    }

    async fn size(&self, customer: CustomerId) -> Result<QueueSize> {
        Ok(self.lock().size(customer, |_| true))
    }

    async fn lane_size(&self, customer: CustomerId, lane: Lane) -> Result<QueueSize> {
        Ok(self.lock().size(customer, |of| of == lane))
    }

    fn wakeups(&self) -> watch::Receiver<u64> {
        self.wakeups.subscribe()
    }
}

impl State {
    /// Stores a batch whose images have been checked.
    fn submit(&mut self, submission: Submission, now: Timestamp) -> Batch {
        let Submission {
            customer,
            lane,
            items,
            ..
        } = submission;
        let id = self.next_batch();
        let members = items.iter();
        let members = members.map(|item| (item.image.clone(), Member::Pending));
        let record = BatchRecord {
            customer,
            lane,
            submitted: now,
            members: members.collect(),
            finished: items.is_empty().then_some(now),
            superseded: false,
        };
        self.batches.insert(id, record);
        let images: Vec<_> = items
            .into_iter()
            .map(|item| self.register(item, Some(id), now))
            .collect();
        for image in &images {
            self.enqueue(image, lane, now);
        }
        self.batches[&id].to_batch(id)
    }

    /// What a customer has in the lanes that are chosen.
    fn size(&self, customer: CustomerId, chosen: impl Fn(Lane) -> bool) -> QueueSize {
        let jobs = || {
            let all = self.jobs.iter();
            let theirs = all.filter(|(image, _)| image.customer() == customer);
            theirs.filter(|(_, job)| chosen(job.counts_in()))
        };
        let batches = self.batches.values();
        let theirs = batches.filter(|batch| batch.customer == customer && chosen(batch.lane));
        QueueSize {
            images: jobs().count() as u64,
            images_waiting: jobs().filter(|(_, job)| job.token().is_none()).count() as u64,
            batches: theirs.filter(|batch| batch.finished.is_none()).count() as u64,
        }
    }

    fn check(&self, customer: CustomerId, quota: Quota, items: &[SubmissionItem]) -> Result<()> {
        let problems: Vec<_> = items
            .iter()
            .enumerate()
            .filter_map(|(index, item)| {
                let kind = self.problem(customer, item, &items[..index])?;
                Some(SubmissionProblem { index, kind })
            })
            .collect();
        if !problems.is_empty() {
            return Err(QueueError::Refused { problems });
        }
        let is_new = |item: &&SubmissionItem| !self.images.contains_key(&item.image);
        let added = items.iter().filter(is_new).count() as u64;
        quota.admit_images(self.figures(customer).images, added)?;
        Ok(())
    }

    /// Whether what a registration has made may be stored.
    fn admit_bytes(&self, image: &Image, success: &Success) -> Result<(), OverQuota> {
        let stored = self.figures(image.id.customer()).bytes.images;
        let before = image.stored_bytes().images;
        let total = stored - before + success.stored_bytes().images;
        success.quota.admit_bytes(stored, total)
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

    /// Registers an image of a submission that has been checked; what it had in the queue ends.
    fn register(&mut self, item: SubmissionItem, batch: Option<BatchId>, now: Timestamp) -> Image {
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
        self.images.insert(id.clone(), image.clone());
        self.leave_batch(left, &id, now);
        image
    }

    /// The job, where it is this lease's; an expired lease holds until somebody else claims.
    fn held(&mut self, lease: &Lease) -> Option<&mut Job> {
        let job = self.jobs.get_mut(lease.image())?;
        (job.token() == Some(lease.token())).then_some(job)
    }

    /// Takes the job away from its lease, with its image; `None` when the lease is lost.
    fn end_lease(&mut self, lease: &Lease, now: Timestamp) -> Option<(Job, Image)> {
        self.held(lease)?;
        let job = self.jobs.remove(lease.image())?;
        if let Some(held) = job.held() {
            self.charge(lease.image(), &job, held, now);
        }
        let image = self.images.get(lease.image())?;
        Some((job, image.clone()))
    }

    /// Says why a result does not count.
    fn late(&self, lease: &Lease) -> Result<Completion> {
        match self.images.get(lease.image()) {
            Some(image) if image.generation <= lease.generation() => Err(QueueError::LeaseLost),
            _ => Ok(Completion::Superseded),
        }
    }
}
