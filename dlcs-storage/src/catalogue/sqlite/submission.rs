//! Submissions: what is wrong with them, and what they make of the catalogue.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;

use dlcs_core::batch::Batch;
use dlcs_core::id::{BatchId, CustomerId, ImageId, SpaceId};
use dlcs_core::image::{Image, RegistrationMode};
use dlcs_core::queue::{Submission, SubmissionItem, SubmissionProblem, SubmissionProblemKind};
use dlcs_core::space::Space;
use dlcs_core::storage::Quota;
use dlcs_core::time::Timestamp;
use rusqlite::Connection;

use super::error::{Result, SqliteError};
use super::image::StoredImage;
use super::job::Arrivals;
use super::{batch, collectable, image, job, space};

/// An item without a fault, and what it meets in the catalogue.
pub(super) enum Checked {
    New(Image),
    Existing(StoredImage),
}

/// Spaces that have been looked up, so that each is once.
pub(super) type SpacesSeen = BTreeMap<(CustomerId, SpaceId), Option<Space>>;

pub(super) fn check(
    connection: &Connection,
    spaces: &mut SpacesSeen,
    item: &SubmissionItem,
    now: Timestamp,
) -> Result<std::result::Result<Checked, SubmissionProblemKind>> {
    let id = &item.image;
    let space = match spaces.entry((id.customer(), id.space())) {
        Entry::Occupied(seen) => seen.into_mut(),
        Entry::Vacant(place) => place.insert(space::find(connection, id.customer(), id.space())?),
    };
    let Some(space) = space else {
        return Ok(Err(SubmissionProblemKind::SpaceNotFound));
    };
    if let Some(existing) = image::find(connection, id)? {
        return Ok(match item.mode {
            RegistrationMode::Merge | RegistrationMode::UpdateOnly => {
                if existing.image.needs_bytes_again(&item.changes) {
                    Err(SubmissionProblemKind::BytesGone)
                } else {
                    Ok(Checked::Existing(existing))
                }
            }
            RegistrationMode::CreateOnly => Err(SubmissionProblemKind::AlreadyExists),
        });
    }
    if item.mode == RegistrationMode::UpdateOnly {
        return Ok(Err(SubmissionProblemKind::NotFound));
    }
    Ok(first(item, space, now).ok_or(SubmissionProblemKind::SourceMissing))
}

fn first(item: &SubmissionItem, space: &Space, now: Timestamp) -> Option<Checked> {
    Image::first(item.image.clone(), space, item.changes.clone(), now).map(Checked::New)
}

/// Stores a batch, or nothing.
pub(super) fn submit(
    connection: &Connection,
    submission: Submission,
    now: Timestamp,
) -> Result<Batch> {
    let checked = check_all(connection, &submission, now)?;
    store(connection, submission, checked, now)
}

/// Stores batches of so many, or nothing.
pub(super) fn submit_in_batches(
    connection: &Connection,
    submission: Submission,
    batch_size: NonZeroUsize,
    now: Timestamp,
) -> Result<Vec<Batch>> {
    let mut checked = check_all(connection, &submission, now)?.into_iter();
    let Submission {
        customer,
        lane,
        items,
        quota,
    } = submission;
    let parts = items.chunks(batch_size.get()).map(|part| {
        let (checked, items) = (checked.by_ref().take(part.len()).collect(), part.to_vec());
        let part = Submission {
            customer,
            lane,
            items,
            quota,
        };
        store(connection, part, checked, now)
    });
    parts.collect()
}

/// What each item of a submission meets, once none has a fault.
fn check_all(
    connection: &Connection,
    submission: &Submission,
    now: Timestamp,
) -> Result<Vec<Checked>> {
    let Submission {
        customer, items, ..
    } = submission;
    let mut spaces = SpacesSeen::new();
    let mut checked = Vec::with_capacity(items.len());
    let mut problems = Vec::new();
    let mut seen: BTreeSet<&ImageId> = BTreeSet::new();
    for (index, item) in items.iter().enumerate() {
        let outcome = if item.image.customer() != *customer {
            Err(SubmissionProblemKind::OtherCustomer)
        } else if !seen.insert(&item.image) {
            Err(SubmissionProblemKind::Duplicate)
        } else {
            check(connection, &mut spaces, item, now)?
        };
        match outcome {
            Ok(found) => checked.push(found),
            Err(kind) => problems.push(SubmissionProblem { index, kind }),
        }
    }
    if !problems.is_empty() {
        return Err(SqliteError::Refused(problems));
    }
    let is_new = |found: &&Checked| matches!(found, Checked::New(_));
    let added = checked.iter().filter(is_new).count() as u64;
    admit(connection, *customer, submission.quota, added)?;
    Ok(checked)
}

/// Refuses more new images than the customer may have.
pub(super) fn admit(
    connection: &Connection,
    customer: CustomerId,
    quota: Quota,
    added: u64,
) -> Result<()> {
    if quota.images.is_some() {
        let stored = space::storage(connection, customer)?.images;
        quota.admit_images(stored, added)?;
    }
    Ok(())
}

fn store(
    connection: &Connection,
    submission: Submission,
    checked: Vec<Checked>,
    now: Timestamp,
) -> Result<Batch> {
    let Submission {
        customer,
        lane,
        items,
        ..
    } = submission;
    let batch = batch::create(connection, customer, lane, items.len(), now)?;
    let mut arrivals = Arrivals::default();
    for (item, found) in items.into_iter().zip(checked) {
        let id = item.image.clone();
        let stored = register(connection, &mut arrivals, item, found, Some(batch.id), now)?;
        arrivals.add(connection, stored.row, &stored.image, lane, now)?;
        batch::add_image(connection, batch.id, &id)?;
    }
    arrivals.count(connection)?;
    Ok(batch)
}

/// Registers an image, whose job ends if it has one.
pub(super) fn register(
    connection: &Connection,
    arrivals: &mut Arrivals,
    item: SubmissionItem,
    found: Checked,
    batch: Option<BatchId>,
    now: Timestamp,
) -> Result<StoredImage> {
    let stored = match found {
        Checked::New(mut image) => {
            image.begin(batch, now);
            let row = image::insert(connection, &image)?;
            arrivals.create(&image.id);
            StoredImage { row, image }
        }
        Checked::Existing(mut stored) => {
            job::overtake(connection, stored.row, &stored.image, now)?;
            if let Some(old) = stored.image.batch {
                batch::lose_image(connection, old)?;
            }
            image::merge(connection, &mut stored.image, item.changes, now)?;
            stored.image.begin(batch, now);
            image::save(connection, &stored)?;
            stored
        }
    };
    collectable::claim_upload(connection, &stored.image.source)?;
    Ok(stored)
}
