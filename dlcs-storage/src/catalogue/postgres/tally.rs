//! What an operation changes of batches, of what is counted of the queue, and of what may be deleted: noted as it goes, and written at its end.
//!
//! These rows are everybody's. Whoever has changed one holds it until the transaction is durable, so they come last, and all in one order.

use std::collections::BTreeMap;

use dlcs_core::derivative::DerivativeKey;
use dlcs_core::id::{BatchId, CustomerId, ImageId, SpaceId};
use dlcs_core::storage::StoredBytes;

use super::batch::{self, Ending};
use super::collectable::{self, Collectable};
use super::error::{PgError, Result};
use super::job::Job;
use super::line::{self, Line, LineChange};
use super::row::stored;
use super::session::Session;
use super::share::{self, ShareChange};
use super::space::{self, SpaceChange};
use super::turn::{self, Lanes};

/// The changes of one operation.
#[derive(Default)]
pub(super) struct Tally {
    /// Images of batches that end.
    endings: Vec<(BatchId, ImageId, Ending)>,
    /// How many images batches lose.
    lost: BTreeMap<BatchId, i64>,
    collectable: Vec<Collectable>,
    needed: Vec<DerivativeKey>,
    lines: BTreeMap<Line, LineChange>,
    hosts: BTreeMap<String, i64>,
    shares: BTreeMap<(CustomerId, i64), ShareChange>,
    spaces: BTreeMap<(CustomerId, SpaceId), SpaceChange>,
    lanes: Option<Lanes>,
}

impl Tally {
    /// A job has ended, and with it the part of its image in its batch.
    pub(super) fn end(&mut self, session: &Session, job: &Job, image: &ImageId, ending: Ending) {
        let share = self.share(job.customer, job.counter());
        match &ending {
            Ending::Completed => share.succeeded += 1,
            Ending::Failed(_) => share.failed += 1,
            Ending::Overtaken => {}
        }
        if job.held.is_some() {
            self.free(session, job);
        } else {
            share.waiting_left += 1;
            self.leave_line(job);
        }
        if let Some(batch) = job.batch {
            self.endings.push((batch, image.clone(), ending));
        }
    }

    /// A job comes to wait that is new.
    pub(super) fn arrive(&mut self, job: &Job) {
        self.share(job.customer, job.counter()).arrived += 1;
        self.enter_line(job);
    }

    /// A waiting job is leased, which is charged.
    pub(super) fn start(&mut self, job: &Job) {
        self.leave_line(job);
        self.lease(job);
    }

    /// Turns between lanes have been taken.
    pub(super) fn take_turn(&mut self, lanes: Lanes) {
        self.lanes = Some(lanes);
    }

    /// A job is leased that is new and never waits.
    pub(super) fn begin(&mut self, job: &Job) {
        self.share(job.customer, job.counter()).arrived += 1;
        // Where its line is looked at because of the job that it overtakes, it is not to be found there.
        if let Some(line) = self.lines.get_mut(&job.line()) {
            line.leave(job);
        }
        self.lease(job);
    }

    fn lease(&mut self, job: &Job) {
        self.share(job.customer, job.counter()).started += 1;
        if !job.host.is_empty() {
            *self.hosts.entry(job.host.clone()).or_default() += 1;
        }
    }

    /// A leased job waits again, as it is given here; it was counted as `before`.
    pub(super) fn put_back(&mut self, session: &Session, before: &Job, job: &Job) {
        self.free(session, before);
        let share = self.share(job.customer, job.counter());
        if before.counter() == job.counter() {
            // Its customer was never idle.
            share.returned += 1;
        } else {
            share.arrived += 1;
        }
        self.enter_line(job);
    }

    /// A lease has ended: its host is free, and its customer pays what it took.
    fn free(&mut self, session: &Session, job: &Job) {
        let Some(held) = &job.held else { return };
        let took = session.now().since(held.since);
        let share = self.share(job.customer, job.counter());
        share.leased_left += 1;
        share.ended.push((held.charge, took));
        if !job.host.is_empty() {
            *self.hosts.entry(job.host.clone()).or_default() -= 1;
        }
    }

    fn enter_line(&mut self, job: &Job) {
        if !job.set_apart {
            self.lines.entry(job.line()).or_default().enter(job);
        }
    }

    fn leave_line(&mut self, job: &Job) {
        if !job.set_apart {
            self.lines.entry(job.line()).or_default().leave(job);
        }
    }

    fn share(&mut self, customer: CustomerId, counter: i64) -> &mut ShareChange {
        self.shares.entry((customer, counter)).or_default()
    }

    /// An image is no longer one of a batch.
    pub(super) fn lose(&mut self, batch: Option<BatchId>) {
        if let Some(batch) = batch {
            *self.lost.entry(batch).or_default() += 1;
        }
    }

    /// Objects may be deleted, each after a time.
    pub(super) fn collect(&mut self, objects: impl IntoIterator<Item = Collectable>) {
        self.collectable.extend(objects);
    }

    /// An object is needed after all.
    pub(super) fn need(&mut self, object: Option<DerivativeKey>) {
        self.needed.extend(object);
    }

    /// A space has more images now, or fewer.
    pub(super) fn count_image(&mut self, image: &ImageId, change: i64) {
        self.space(image).images += change;
    }

    /// Something else is stored of an image now.
    pub(super) fn count_bytes(
        &mut self,
        image: &ImageId,
        before: StoredBytes,
        after: StoredBytes,
    ) -> Result<()> {
        let change =
            |before, after| Ok::<_, PgError>(stored("bytes", after)? - stored("bytes", before)?);
        let space = self.space(image);
        space.image_bytes += change(before.images, after.images)?;
        space.thumbnail_bytes += change(before.thumbnails, after.thumbnails)?;
        Ok(())
    }

    fn space(&mut self, image: &ImageId) -> &mut SpaceChange {
        let space = (image.customer(), image.space());
        self.spaces.entry(space).or_default()
    }

    /// Writes everything; returns what was charged, where one job was leased.
    pub(super) async fn write(self, session: &Session) -> Result<i64> {
        // In this order, but without waiting for one answer before the next question.
        let (.., charged, (), ()) = tokio::try_join!(
            biased;
            batch::end_images(session, &self.endings),
            batch::lose_images(session, &self.lost),
            collectable::forget(session, self.needed),
            collectable::add(session, self.collectable),
            line::write(session, self.lines),
            line::write_hosts(session, &self.hosts),
            share::write(session, &self.shares),
            space::keep_counts(session, &self.spaces),
            turn::save_lanes(session, self.lanes),
        )?;
        Ok(charged)
    }
}
