//! Putting right what can be put right.

use std::collections::BTreeMap;

use super::fault::{Fault, Outcome};
use super::ledger::{Ledger, Miscount, Rule};
use super::object::find;
use super::run::{MISCOUNTS, Run};
use crate::Result;
use crate::derivative::DerivativeStore;
use crate::id::{CustomerId, ImageId};
use crate::image::{Image, ImageChanges, ImageSource, RegistrationMode};
use crate::queue::{Lane, QueueError, Submission, SubmissionItem};
use crate::storage::Quota;

impl Run<'_> {
    /// Puts images into the queue, as one batch for each customer.
    pub(super) async fn make_again(&mut self, images: Vec<(ImageId, Fault)>) -> Result<()> {
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

    /// Puts the catalogue right, once what was lost to the queue is in it again, and says what came of it.
    pub(super) async fn settle(&mut self, before: Vec<Miscount>) -> Result<()> {
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
        // What is made again was there before.
        quota: Quota::NONE,
        customer,
        // Somebody may be looking for them.
        lane: Lane::Priority,
        items: items.collect(),
    };
    ledger.submit(submission).await.map(drop)
}
