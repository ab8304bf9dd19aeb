//! Submissions and immediate registrations.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::num::NonZeroUsize;

use dlcs_core::batch::Batch;
use dlcs_core::id::{BatchId, CustomerId, ImageId, SpaceId};
use dlcs_core::image::{Image, RegistrationMode};
use dlcs_core::queue::{
    Begun, Claim, Lane, Submission, SubmissionItem, SubmissionProblem, SubmissionProblemKind,
};
use dlcs_core::space::Space;
use dlcs_core::storage::Quota;

use super::batch::Ending;
use super::error::{PgError, Result};
use super::image::StoredImage;
use super::row::unreadable;
use super::session::Session;
use super::tally::Tally;
use super::{batch, claim, collectable, customer, image, job, space};

/// Puts images into the queue as one batch.
pub(super) async fn submit(session: &Session, submission: &Submission) -> Result<Batch> {
    let whole = NonZeroUsize::new(submission.items.len());
    match whole {
        Some(whole) => {
            let batches = submit_in_batches(session, submission, whole).await?;
            batches.into_iter().next().ok_or(unreadable("batches"))
        }
        None => batch::create(session, submission.customer, submission.lane, 0).await,
    }
}

/// Puts images into the queue as batches of so many.
pub(super) async fn submit_in_batches(
    session: &Session,
    submission: &Submission,
    batch_size: NonZeroUsize,
) -> Result<Vec<Batch>> {
    let Submission {
        customer,
        lane,
        items,
        quota,
    } = submission;
    let checked = check(session, *customer, *quota, items).await?;
    let mut batches = Vec::new();
    let mut batch_of = Vec::with_capacity(items.len());
    for part in items.chunks(batch_size.get()) {
        let batch = batch::create(session, *customer, *lane, part.len()).await?;
        batch_of.extend(part.iter().map(|_| Some(batch.id)));
        batches.push(batch);
    }
    let mut tally = Tally::default();
    let registered = register(session, &mut tally, items, checked, &batch_of).await?;
    // In the order of submission.
    let images = items.iter().filter_map(|item| registered.get(&item.image));
    let images: Vec<_> = images.collect();
    for job in job::add(session, &images, *lane).await? {
        tally.arrive(&job);
    }
    for (batch, part) in batches.iter().zip(images.chunks(batch_size.get())) {
        let ids: Vec<_> = part.iter().map(|stored| &stored.image.id).collect();
        batch::add_images(session, batch.id, &ids).await?;
    }
    tally.write(session).await?;
    session.wakes_workers();
    Ok(batches)
}

/// Registers one image and claims it.
pub(super) async fn begin(
    session: &Session,
    item: &SubmissionItem,
    quota: Quota,
    claim: Claim<'_>,
    token: u64,
) -> Result<Begun> {
    let items = std::slice::from_ref(item);
    let checked = check(session, item.image.customer(), quota, items).await?;
    let created = checked.existing.is_empty();
    let mut tally = Tally::default();
    let mut registered = register(session, &mut tally, items, checked, &[None]).await?;
    let stored = registered.remove(&item.image);
    let stored = stored.ok_or(unreadable("row_id"))?;
    let job = job::add(session, &[&stored], Lane::Priority).await?;
    let job = job.into_iter().next().ok_or(unreadable("jobs"))?;
    tally.begin(&job);
    job::join(session, claim.owner).await?;
    let claimed = claim::take(session, tally, (job, stored), claim, token, false).await?;
    Ok(Begun { claimed, created })
}

/// Items without a fault, and what they meet in the catalogue.
struct Checked {
    new: Vec<Image>,
    existing: HashMap<ImageId, StoredImage>,
}

/// Checks every item; what exists of them is held until the transaction ends, and so are their spaces.
async fn check(
    session: &Session,
    customer: CustomerId,
    quota: Quota,
    items: &[SubmissionItem],
) -> Result<Checked> {
    if quota.images.is_some() {
        customer::hold_for_counting(session, customer).await?;
    }
    let own = || items.iter().map(|item| &item.image);
    let own = || own().filter(|id| id.customer() == customer);
    let spaces: BTreeSet<SpaceId> = own().map(ImageId::space).collect();
    let spaces: Vec<_> = spaces.into_iter().collect();
    let spaces: BTreeMap<SpaceId, Space> = space::keep(session, customer, &spaces)
        .await?
        .into_iter()
        .map(|space| (space.id, space))
        .collect();
    let ids: BTreeSet<&ImageId> = own()
        .filter(|id| spaces.contains_key(&id.space()))
        .collect();
    let ids: Vec<_> = ids.into_iter().collect();
    let existing = image::hold_many(session, &ids).await?;
    let mut new = Vec::new();
    let mut problems = Vec::new();
    let mut seen = BTreeSet::new();
    for (index, item) in items.iter().enumerate() {
        let outcome = if item.image.customer() != customer {
            Err(SubmissionProblemKind::OtherCustomer)
        } else if !seen.insert(&item.image) {
            Err(SubmissionProblemKind::Duplicate)
        } else {
            check_item(session, item, spaces.get(&item.image.space()), &existing)
        };
        match outcome {
            Ok(image) => new.extend(image),
            Err(kind) => problems.push(SubmissionProblem { index, kind }),
        }
    }
    if !problems.is_empty() {
        return Err(PgError::Refused(problems));
    }
    if quota.images.is_some() {
        let stored = space::storage(session, customer).await?.images;
        quota.admit_images(stored, new.len() as u64)?;
    }
    Ok(Checked { new, existing })
}

/// The image, where it is a new one.
fn check_item(
    session: &Session,
    item: &SubmissionItem,
    space: Option<&Space>,
    existing: &HashMap<ImageId, StoredImage>,
) -> std::result::Result<Option<Image>, SubmissionProblemKind> {
    let space = space.ok_or(SubmissionProblemKind::SpaceNotFound)?;
    match (existing.get(&item.image), item.mode) {
        (Some(_), RegistrationMode::CreateOnly) => Err(SubmissionProblemKind::AlreadyExists),
        (Some(stored), _) if stored.image.needs_bytes_again(&item.changes) => {
            Err(SubmissionProblemKind::BytesGone)
        }
        (Some(_), _) => Ok(None),
        (None, RegistrationMode::UpdateOnly) => Err(SubmissionProblemKind::NotFound),
        (None, _) => {
            let (id, changes) = (item.image.clone(), item.changes.clone());
            let image = Image::first(id, space, changes, session.now());
            image.map(Some).ok_or(SubmissionProblemKind::SourceMissing)
        }
    }
}

/// Registers images, each in its batch; their jobs end if they have any.
async fn register(
    session: &Session,
    tally: &mut Tally,
    items: &[SubmissionItem],
    checked: Checked,
    batches: &[Option<BatchId>],
) -> Result<HashMap<ImageId, StoredImage>> {
    let now = session.now();
    let Checked {
        mut new,
        mut existing,
    } = checked;
    overtake(session, tally, &existing.values().collect::<Vec<_>>()).await?;
    let mut batch_of_new = HashMap::new();
    for (item, batch) in items.iter().zip(batches) {
        if let Some(stored) = existing.get_mut(&item.image) {
            let image = &mut stored.image;
            tally.lose(image.batch);
            let before = image.source.clone();
            image.merge(item.changes.clone());
            if image.source != before {
                tally.collect(collectable::upload(&before, now));
            }
            image.begin(*batch, now);
        } else {
            batch_of_new.insert(&item.image, *batch);
        }
    }
    image::save(session, &existing.values().collect::<Vec<_>>()).await?;
    for image in &mut new {
        image.begin(batch_of_new.get(&image.id).copied().flatten(), now);
        tally.count_image(&image.id, 1);
    }
    // In order, so that two who make the same images do not wait for each other.
    new.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    if !new.is_empty() {
        let inserted = image::insert(session, new).await?.into_iter();
        existing.extend(inserted.map(|stored| (stored.image.id.clone(), stored)));
    }
    for stored in existing.values() {
        tally.need(collectable::claimed(&stored.image.source));
    }
    Ok(existing)
}

/// Ends the jobs of images that are held without results, because they are registered again or deleted.
pub(super) async fn overtake(
    session: &Session,
    tally: &mut Tally,
    images: &[&StoredImage],
) -> Result<()> {
    let rows: HashMap<i64, &StoredImage> =
        images.iter().map(|stored| (stored.row, *stored)).collect();
    for job in job::remove(session, images).await? {
        let Some(stored) = rows.get(&job.image) else {
            continue;
        };
        let id = &stored.image.id;
        if let Some(held) = job.held {
            let lease = collectable::lease(id, job.generation, held.token, session.now());
            tally.collect(lease);
        }
        tally.end(session, &job, id, Ending::Overtaken);
    }
    Ok(())
}
