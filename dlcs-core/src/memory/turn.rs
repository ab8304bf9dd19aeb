//! Whose turn it is, and what becomes of jobs whose holders have died.

use super::state::{BatchRecord, Held, Job, JobState, Member, State};
use crate::id::{BatchId, CustomerId, ImageId};
use crate::image::Image;
use crate::queue::{
    AfterCrash, Claim, Claimed, Crashes, Lane, Lease, LeaseGrant, QueueError, Result,
};
use crate::time::Timestamp;

impl State {
    /// Puts the job of a registration into a lane.
    pub(super) fn enqueue(&mut self, image: &Image, lane: Lane, now: Timestamp) {
        let customer = image.id.customer();
        let is_idle = !self
            .jobs
            .iter()
            .any(|(id, job)| id.customer() == customer && job.lane == lane && !job.set_apart);
        if is_idle {
            let floor = self.floors.get(&lane).copied().unwrap_or_default();
            self.shares.entry((lane, customer)).or_default().wake(floor);
        }
        let job = Job {
            generation: image.generation,
            batch: image.batch,
            lane,
            host: image.fetch_host(),
            crashes: Crashes::default(),
            set_apart: false,
            reserved: None,
            place: self.next_place(),
            attempts: 0,
            postponed: 0,
            due: now,
            state: JobState::Waiting,
        };
        self.jobs.insert(image.id.clone(), job);
    }

    /// Puts a job back that was claimed.
    pub(super) fn put_back(&mut self, id: &ImageId, mut job: Job, due: Timestamp) {
        job.due = due;
        job.state = JobState::Waiting;
        self.jobs.insert(id.clone(), job);
    }

    /// The image whose turn it is, and whether it is claimed alone.
    pub(super) fn next(&mut self, claim: Claim<'_>, now: Timestamp) -> Option<(ImageId, bool)> {
        let of_owner: Vec<_> = self
            .jobs
            .values()
            .filter_map(|job| job.held())
            .filter(|held| held.owner == claim.owner)
            .collect();
        if of_owner.iter().any(|held| held.alone) {
            return None;
        }
        let is_free = of_owner.is_empty();
        let apart = self.next_set_apart(claim.owner, now);
        let is_overdue = |(due, _): &(Timestamp, ImageId)| due.after(Crashes::PATIENCE) <= now;
        if !apart.as_ref().is_some_and(is_overdue)
            && let Some(id) = self.next_among_others(claim, now)
        {
            return Some((id, false));
        }
        let (_, id) = apart?;
        if is_free {
            return Some((id, true));
        }
        let until = now.after(claim.lease_for);
        let job = self.jobs.get_mut(&id).expect("it was found just now");
        job.reserved = Some((claim.owner.to_owned(), until));
        None
    }

    /// The image that is set apart and due longest, unless somebody else is about to be free for it.
    fn next_set_apart(&self, owner: &str, now: Timestamp) -> Option<(Timestamp, ImageId)> {
        let free = |job: &Job| match &job.reserved {
            Some((by, until)) => by == owner || *until <= now,
            None => true,
        };
        self.jobs
            .iter()
            .filter(|(_, job)| job.set_apart && job.token().is_none() && job.due <= now)
            .filter(|(_, job)| free(job))
            .map(|(id, job)| (job.due, job.place, id))
            .min()
            .map(|(due, _, id)| (due, id.clone()))
    }

    fn next_among_others(&mut self, claim: Claim<'_>, now: Timestamp) -> Option<ImageId> {
        let candidate = |lane| {
            self.jobs
                .iter()
                .filter(|(_, job)| job.lane == lane && job.is_due(now))
                .filter(|(_, job)| self.leased_from(&job.host) < claim.per_host)
                .map(|(id, job)| {
                    let share = self.shares.get(&(lane, id.customer()));
                    let served = share.map_or(0, |share| share.served);
                    (served, id.customer(), job.due, job.place, id.clone())
                })
                .min()
        };
        let [default, priority] = [Lane::Default, Lane::Priority].map(candidate);
        let lane = Lane::next(&mut self.streak, default.is_some(), priority.is_some())?;
        let chosen = match lane {
            Lane::Default => default,
            Lane::Priority => priority,
        };
        let (served, .., id) = chosen?;
        let floor = self.floors.entry(lane).or_default();
        *floor = served.max(*floor);
        Some(id)
    }

    /// How many images are leased that come from a host; none where there is no host.
    fn leased_from(&self, host: &str) -> u32 {
        let of_host = |job: &&Job| !host.is_empty() && job.host == host && job.held().is_some();
        self.jobs.values().filter(of_host).count() as u32
    }

    /// Leases an image's job, which waits.
    pub(super) fn lease(
        &mut self,
        id: &ImageId,
        now: Timestamp,
        claim: Claim<'_>,
        alone: bool,
    ) -> Claimed {
        let token = self.next_token();
        let until = now.after(claim.lease_for);
        let job = self.jobs.get_mut(id).expect("the image has a job");
        // What is set apart takes no turns.
        let charged = if job.set_apart {
            0
        } else {
            let share = self.shares.entry((job.lane, id.customer())).or_default();
            share.start()
        };
        job.reserved = None;
        job.state = JobState::Leased(Held {
            token,
            owner: claim.owner.to_owned(),
            since: now,
            until,
            charged,
            alone,
        });
        let lease = Lease::issue(LeaseGrant {
            image: id.clone(),
            generation: job.generation,
            token,
            attempt: job.attempts + 1,
            postponed: job.postponed,
            batch: job.batch,
            until,
        });
        let image = self.images.get_mut(id).expect("a job has its image");
        image.dequeue(now);
        Claimed {
            image: image.clone(),
            lease,
        }
    }

    /// Takes leases back whose holders have died; returns how many.
    pub(super) fn take_back(&mut self, now: Timestamp, is_dead: impl Fn(&Held) -> bool) -> u64 {
        let dead = |job: &Job| job.held().is_some_and(&is_dead);
        let mut dead: Vec<_> = self
            .jobs
            .iter()
            .filter(|(_, job)| dead(job))
            .map(|(id, job)| (job.held().map(|held| held.until), job.place, id.clone()))
            .collect();
        dead.sort();
        for (.., id) in &dead {
            self.crash(id, now);
        }
        dead.len() as u64
    }

    /// Gives back untried what a process holds; returns how many.
    pub(super) fn release_all(&mut self, owner: &str, now: Timestamp) -> u64 {
        let of_owner = |job: &Job| job.held().is_some_and(|held| held.owner == owner);
        let jobs = self.jobs.iter().filter(|(_, job)| of_owner(job));
        let held: Vec<_> = jobs.map(|(id, _)| id.clone()).collect();
        for id in &held {
            self.release(id, now);
        }
        held.len() as u64
    }

    /// Gives an image back untried that is leased.
    pub(super) fn release(&mut self, id: &ImageId, now: Timestamp) {
        let Some(job) = self.jobs.remove(id) else {
            return;
        };
        if let Some(held) = job.held() {
            self.charge(id, &job, held, now);
            self.discard_lost(id, job.generation, held.token, now);
        }
        let image = self.images.get_mut(id).expect("a job has its image");
        image.requeue();
        let due = job.due;
        self.put_back(id, job, due);
    }

    fn crash(&mut self, id: &ImageId, now: Timestamp) {
        let Some(mut job) = self.jobs.remove(id) else {
            return;
        };
        if let Some(held) = job.held() {
            let alone = held.alone;
            self.charge(id, &job, held, now);
            self.discard_lost(id, job.generation, held.token, now);
            job.crashes.count(alone);
        }
        let image = self.images.get_mut(id).expect("a job has its image");
        match job.crashes.verdict() {
            AfterCrash::GiveUp => {
                image.fail(Crashes::SENTENCE.to_owned(), now);
                self.end_member(job.batch, id, Member::Failed, now);
                self.ended[1] += 1;
            }
            AfterCrash::Isolate => {
                image.requeue();
                job.set_apart = true;
                self.put_back(id, job, now);
            }
            AfterCrash::Again => {
                image.requeue();
                let due = job.due;
                self.put_back(id, job, due);
            }
        }
    }

    pub(super) fn batch_of(
        &mut self,
        customer: CustomerId,
        batch: BatchId,
    ) -> Result<&mut BatchRecord> {
        let record = self.batches.get_mut(&batch);
        let record = record.filter(|record| record.customer == customer);
        record.ok_or(QueueError::BatchNotFound)
    }

    /// Puts the failures of a batch into the queue again.
    pub(super) fn retry(
        &mut self,
        customer: CustomerId,
        batch: BatchId,
        now: Timestamp,
    ) -> Result<u64> {
        let record = self.batch_of(customer, batch)?;
        let lane = record.lane;
        let failed: Vec<_> = record
            .members
            .iter()
            .filter(|(_, member)| **member == Member::Failed)
            .map(|(id, _)| id.clone())
            .collect();
        let mut count = 0;
        for id in failed {
            let Some(image) = self.images.get_mut(&id) else {
                continue;
            };
            if image.batch != Some(batch) || image.state.error().is_none() {
                continue;
            }
            image.begin(Some(batch), now);
            let image = image.clone();
            self.enqueue(&image, lane, now);
            let record = self.batch_of(customer, batch)?;
            record.members.insert(id, Member::Pending);
            record.finished = None;
            count += 1;
        }
        Ok(count)
    }
}
