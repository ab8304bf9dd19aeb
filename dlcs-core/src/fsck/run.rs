//! A check from its beginning to its end.

use std::collections::BTreeMap;

use futures_util::{StreamExt, TryStreamExt, stream};

use super::fault::{Damage, Fault, Finding, Outcome};
use super::ledger::{Ledger, Miscount, Rule};
use super::names::KeySet;
use super::object::{find, inspect};
use super::{FsckMode, FsckOptions, Summary};
use crate::Result;
use crate::derivative::{DerivativeKey, DerivativeStore};
use crate::id::{CustomerId, ImageId};
use crate::image::{Image, ImageChanges, ImageSource, RegistrationMode};
use crate::queue::{Lane, QueueError, Submission, SubmissionItem};

/// Rows that are read at once.
const PAGE: usize = 500;
/// Objects that are read at once.
const AT_ONCE: usize = 8;
/// How often an image is looked at again that has changed meanwhile.
const LOOKS: usize = 4;
/// The most that is said about one rule.
const MISCOUNTS: usize = 1000;

pub(super) struct Run<'a> {
    ledger: &'a dyn Ledger,
    store: &'a dyn DerivativeStore,
    options: &'a FsckOptions,
    report: &'a mut (dyn FnMut(&Finding) + Send),
    summary: Summary,
    names: KeySet,
}

/// An image that has been looked at.
struct Seen {
    image: Image,
    /// The object, its length, and what is wrong with it, where something is served.
    derivative: Option<(DerivativeKey, u64, Option<Damage>)>,
    /// The bytes that it waits for.
    upload: Option<(DerivativeKey, Option<Damage>)>,
}

impl Seen {
    fn is_sound(&self) -> bool {
        let derivative = self.derivative.as_ref();
        let upload = self.upload.as_ref();
        derivative.is_none_or(|(_, _, damage)| damage.is_none())
            && upload.is_none_or(|(_, damage)| damage.is_none())
    }
}

impl<'a> Run<'a> {
    pub(super) fn new(
        ledger: &'a dyn Ledger,
        store: &'a dyn DerivativeStore,
        options: &'a FsckOptions,
        report: &'a mut (dyn FnMut(&Finding) + Send),
    ) -> Self {
        Self {
            ledger,
            store,
            options,
            report,
            summary: Summary::default(),
            names: KeySet::default(),
        }
    }

    /// In this order: whatever becomes nameless while the check runs was named by a row when that was read, or is younger than any orphan.
    pub(super) async fn all(mut self) -> Result<Summary> {
        let miscounts = self.ledger.miscounts(MISCOUNTS).await?;
        self.images().await?;
        self.collectable().await?;
        self.orphans().await?;
        self.settle(miscounts).await?;
        Ok(self.summary)
    }

    fn repairs(&self) -> bool {
        self.options.mode == FsckMode::Repair
    }

    fn found(&mut self, fault: Fault, outcome: Outcome) {
        self.summary.faults += 1;
        match outcome {
            Outcome::Repaired => self.summary.repaired += 1,
            Outcome::Queued => self.summary.queued += 1,
            Outcome::Reparable | Outcome::Pending | Outcome::Left { .. } => {}
        }
        (self.report)(&Finding { fault, outcome });
    }

    async fn images(&mut self) -> Result<()> {
        let mut last: Option<ImageId> = None;
        loop {
            let page = self.ledger.scan_images(last.as_ref(), PAGE).await?;
            let Some(image) = page.last() else {
                return Ok(());
            };
            last = Some(image.id.clone());
            self.summary.images += page.len() as u64;
            let (ledger, store) = (self.ledger, self.store);
            let mut looks = stream::iter(
                page.into_iter()
                    .map(|image| look_twice(ledger, store, image)),
            )
            .buffered(AT_ONCE);
            let mut unsound = Vec::new();
            while let Some(seen) = looks.try_next().await? {
                let Some(seen) = seen else { continue };
                if let Some((key, length, _)) = &seen.derivative {
                    self.names.add(key);
                    self.summary.read += 1;
                    self.summary.bytes += length;
                }
                if let Some((key, _)) = &seen.upload {
                    self.names.add(key);
                }
                if !seen.is_sound() {
                    unsound.push(seen);
                }
            }
            drop(looks);
            self.unsound(unsound).await?;
        }
    }

    async fn unsound(&mut self, unsound: Vec<Seen>) -> Result<()> {
        let mut again = Vec::new();
        for seen in unsound {
            let image = seen.image.id.clone();
            if let Some((key, Some(damage))) = seen.upload {
                let why = "it cannot be made again: send the bytes again".to_owned();
                let image = image.clone();
                self.found(Fault::Upload { image, key, damage }, Outcome::Left { why });
            }
            let Some((key, _, Some(damage))) = seen.derivative else {
                continue;
            };
            let fault = Fault::Derivative { image, key, damage };
            let outcome = match &seen.image.source {
                _ if seen.image.state.is_pending() => Outcome::Pending,
                ImageSource::Upload(_) => Outcome::Left {
                    why: "it cannot be made again, because its bytes were sent: send them again"
                        .to_owned(),
                },
                ImageSource::Origin(_) if self.repairs() => {
                    again.push((seen.image.id, fault));
                    continue;
                }
                ImageSource::Origin(_) => Outcome::Reparable,
            };
            self.found(fault, outcome);
        }
        self.make_again(again).await
    }

    /// Puts images into the queue, as one batch for each customer.
    async fn make_again(&mut self, images: Vec<(ImageId, Fault)>) -> Result<()> {
        let mut customers: BTreeMap<CustomerId, Vec<(ImageId, Fault)>> = BTreeMap::new();
        for (image, fault) in images {
            let customer = customers.entry(image.customer()).or_default();
            customer.push((image, fault));
        }
        for (customer, mut images) in customers {
            let refused = match submit(self.ledger, customer, &images).await {
                Err(QueueError::Refused { problems }) => problems,
                outcome => {
                    outcome?;
                    Vec::new()
                }
            };
            // They are gone, or need bytes, since they were looked at.
            for problem in refused.iter().rev() {
                let (_, fault) = images.remove(problem.index);
                let why = format!("it cannot be made again: {}", problem.kind);
                self.found(fault, Outcome::Left { why });
            }
            if !refused.is_empty() && !images.is_empty() {
                submit(self.ledger, customer, &images).await?;
            }
            for (_, fault) in images {
                self.found(fault, Outcome::Queued);
            }
        }
        Ok(())
    }

    async fn collectable(&mut self) -> Result<()> {
        for key in self.ledger.list_leased().await? {
            self.names.add(&key);
        }
        let mut last: Option<DerivativeKey> = None;
        let mut suspects = Vec::new();
        let mut collectable = KeySet::default();
        loop {
            let page = self.ledger.scan_collectable(last.as_ref(), PAGE).await?;
            let Some(key) = page.last() else { break };
            last = Some(key.clone());
            for key in page {
                if self.names.contains(&key) {
                    suspects.push(key);
                } else {
                    collectable.add(&key);
                }
            }
            if suspects.len() >= PAGE {
                self.condemned(std::mem::take(&mut suspects)).await?;
            }
        }
        self.condemned(suspects).await?;
        self.names.append(collectable);
        Ok(())
    }

    async fn condemned(&mut self, suspects: Vec<DerivativeKey>) -> Result<()> {
        if suspects.is_empty() {
            return Ok(());
        }
        let mut needed = self.ledger.find_named(&suspects).await?;
        needed.retain(|named| named.is_needed && named.is_collectable);
        let needed: Vec<_> = needed.into_iter().map(|named| named.key).collect();
        let outcome = if self.repairs() && !needed.is_empty() {
            self.ledger.forget_collectable(&needed).await?;
            Outcome::Repaired
        } else {
            Outcome::Reparable
        };
        for key in needed {
            self.found(Fault::Condemned { key }, outcome.clone());
        }
        Ok(())
    }

    async fn orphans(&mut self) -> Result<()> {
        let store = self.store;
        let (mut objects, mut suspects) = (store.scan(), Vec::new());
        while let Some(object) = objects.try_next().await? {
            self.summary.objects += 1;
            if object.stored < self.options.orphans_before && !self.names.contains(&object.key) {
                suspects.push((object.key, object.length));
            }
            if suspects.len() == PAGE {
                self.nameless(std::mem::take(&mut suspects)).await?;
            }
        }
        self.nameless(suspects).await
    }

    async fn nameless(&mut self, suspects: Vec<(DerivativeKey, u64)>) -> Result<()> {
        if suspects.is_empty() {
            return Ok(());
        }
        let keys: Vec<_> = suspects.iter().map(|(key, _)| key.clone()).collect();
        let named = self.ledger.find_named(&keys).await?;
        for (key, length) in suspects {
            let is_named = named.iter().any(|named| named.key == key);
            if is_named || matches!(find(self.store, &key).await?, Some(Damage::Missing)) {
                continue;
            }
            // A look whether the store works that was cut short.
            let is_probe = matches!(&key, DerivativeKey::Upload(id) if id.is_probe());
            if self.repairs() {
                self.store.delete(&key).await?;
            }
            if !is_probe {
                let outcome = if self.repairs() {
                    Outcome::Repaired
                } else {
                    Outcome::Reparable
                };
                self.found(Fault::Orphan { key, length }, outcome);
            }
        }
        Ok(())
    }

    /// Puts the catalogue right, once what was lost to the queue is in it again, and says what came of it.
    async fn settle(&mut self, before: Vec<Miscount>) -> Result<()> {
        if before.is_empty() {
            return Ok(());
        }
        if !self.repairs() {
            for miscount in before {
                let outcome = prospect(self.ledger, self.store, &miscount).await?;
                self.found(Fault::Miscount(miscount), outcome);
            }
            return Ok(());
        }
        let mut lost = Vec::new();
        let mut counted = Vec::new();
        for miscount in before {
            match (
                &miscount.image,
                prospect(self.ledger, self.store, &miscount).await?,
            ) {
                (Some(image), Outcome::Reparable) => {
                    lost.push((image.clone(), Fault::Miscount(miscount)));
                }
                _ => counted.push(miscount),
            }
        }
        self.make_again(lost).await?;
        self.ledger.recount().await?;
        let after = self.ledger.miscounts(MISCOUNTS).await?;
        for miscount in &counted {
            if !after.contains(miscount) {
                self.found(Fault::Miscount(miscount.clone()), Outcome::Repaired);
            }
        }
        for miscount in after {
            let why = match prospect(self.ledger, self.store, &miscount).await? {
                Outcome::Left { why } => why,
                _ => "it could not be put right".to_owned(),
            };
            self.found(Fault::Miscount(miscount), Outcome::Left { why });
        }
        Ok(())
    }
}

/// What a repair can do about the catalogue.
async fn prospect(
    ledger: &dyn Ledger,
    store: &dyn DerivativeStore,
    miscount: &Miscount,
) -> Result<Outcome> {
    let cannot = |why: &str| Outcome::Left {
        why: why.to_owned(),
    };
    Ok(match (miscount.rule, &miscount.image) {
        (Rule::Database, _) => cannot("restore the database from a backup"),
        (Rule::ImageHasSpace, _) => cannot("make the space again"),
        (Rule::ImageHasJob, Some(image)) => match ledger.find_image(image).await? {
            Some(image) if can_be_made(store, &image).await? => Outcome::Reparable,
            _ => cannot("register it again"),
        },
        (Rule::ImageHasJob, None) => cannot("delete the image, or register it again"),
        _ => Outcome::Reparable,
    })
}

/// Whether what an image is made from is still there.
async fn can_be_made(store: &dyn DerivativeStore, image: &Image) -> Result<bool> {
    match (&image.source, image.awaited_upload()) {
        (ImageSource::Origin(_), _) => Ok(true),
        (ImageSource::Upload(_), Some(key)) => Ok(find(store, &key).await?.is_none()),
        (ImageSource::Upload(_), None) => Ok(false),
    }
}

/// Puts images of a customer into the queue as one batch.
async fn submit(
    ledger: &dyn Ledger,
    customer: CustomerId,
    images: &[(ImageId, Fault)],
) -> Result<(), QueueError> {
    let items = images.iter().map(|(image, _)| SubmissionItem {
        image: image.clone(),
        changes: ImageChanges::default(),
        mode: RegistrationMode::UpdateOnly,
    });
    let submission = Submission {
        customer,
        // Somebody may be looking for them.
        lane: Lane::Priority,
        items: items.collect(),
    };
    ledger.submit(submission).await.map(drop)
}

/// Looks at an image, and again where something is wrong with it: meanwhile it may be another, or be gone.
async fn look_twice(
    ledger: &dyn Ledger,
    store: &dyn DerivativeStore,
    image: Image,
) -> Result<Option<Seen>> {
    let mut seen = look(store, image).await?;
    for _ in 0..LOOKS {
        if seen.is_sound() {
            break;
        }
        let Some(image) = ledger.find_image(&seen.image.id).await? else {
            return Ok(None);
        };
        let is_same = image == seen.image;
        seen = look(store, image).await?;
        if is_same {
            break;
        }
    }
    Ok(Some(seen))
}

async fn look(store: &dyn DerivativeStore, image: Image) -> Result<Seen> {
    let derivative = match image.service() {
        Some(service) => {
            let (key, facts) = (service.key(&image.id), &service.derivative);
            let damage = inspect(store, &key, facts).await?;
            Some((key, facts.length, damage))
        }
        None => None,
    };
    let upload = match image.awaited_upload() {
        Some(key) => {
            let damage = find(store, &key).await?;
            Some((key, damage))
        }
        None => None,
    };
    Ok(Seen {
        image,
        derivative,
        upload,
    })
}
