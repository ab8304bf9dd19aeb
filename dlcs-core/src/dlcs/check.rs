//! What changes may not say, with the customer's rules and the origins that are served.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::Dlcs;
use crate::catalogue::ImageUpdate;
use crate::error::{Error, Result};
use crate::id::{CustomerId, ImageId, SpaceId};
use crate::image::{FieldProblem, Image, ImageChanges, ImageSource, OriginUrl, Registration};
use crate::setting::ChannelRules;

impl Dlcs {
    /// What a customer has said of delivery channels.
    ///
    /// # Errors
    /// The catalogue's.
    pub async fn channel_rules(&self, customer: CustomerId) -> Result<ChannelRules> {
        Ok(ChannelRules::of(self.catalogue(), customer).await?)
    }

    /// Changes several images of one customer without processing them, all or none; returns them in the order given.
    ///
    /// # Errors
    /// [`Error::Invalid`] with what [`Self::update_problems`] finds, and
    /// [`CatalogueError::Refused`](crate::catalogue::CatalogueError::Refused) with every change that cannot be made.
    pub async fn update_images(&self, updates: Vec<ImageUpdate>) -> Result<Vec<Image>> {
        let problems = self.update_problems(&updates).await?;
        if !problems.is_empty() {
            return Err(Error::Invalid { problems });
        }
        Ok(self.0.catalogue.update_images(updates).await?)
    }

    /// Everything in changes to images of one customer that cannot be, whatever the images are.
    ///
    /// # Errors
    /// The catalogue's.
    pub async fn update_problems(&self, updates: &[ImageUpdate]) -> Result<Vec<FieldProblem>> {
        let Some(first) = updates.first() else {
            return Ok(Vec::new());
        };
        let rules = self.channel_rules(first.image.customer()).await?;
        let edits = updates.iter().map(|update| ImageChanges {
            manifests: update.manifests.as_ref().map(|edit| edit.items().to_vec()),
            ..ImageChanges::default()
        });
        let changes = updates.iter().map(|it| &it.changes).enumerate();
        let mut problems = self.problems(changes, &rules);
        for (index, edit) in edits.enumerate() {
            problems.extend(edit.problems(index, &rules));
        }
        Ok(problems)
    }

    /// Settles which channels images have for which that is not said, and refuses what no image may have.
    pub(super) async fn settle_and_check(&self, registrations: &mut [Registration]) -> Result<()> {
        let mut rules = HashMap::new();
        let mut problems = Vec::new();
        for (index, registration) in registrations.iter_mut().enumerate() {
            let customer = registration.customer;
            if let Entry::Vacant(vacant) = rules.entry(customer) {
                vacant.insert(self.channel_rules(customer).await?);
            }
            let rules = &rules[&customer];
            let id = registration.model.clone();
            let id = id.map(|model| ImageId::new(customer, registration.space, model));
            let changes = &mut registration.changes;
            let settled = self.settle(rules, registration.space, id.as_ref(), changes);
            problems.extend(settled.await?.map(|it| FieldProblem { index, ..it }));
            problems.extend(self.problems([(index, &*changes)], rules));
        }
        refuse(problems)
    }

    /// Settles which channels an image has that is there already, and refuses what it may not have.
    pub(super) async fn settle_and_check_update(
        &self,
        id: &ImageId,
        changes: &mut ImageChanges,
    ) -> Result<()> {
        let rules = self.channel_rules(id.customer()).await?;
        let settled = self.settle(&rules, id.space(), Some(id), changes).await?;
        let mut problems: Vec<_> = settled.into_iter().collect();
        problems.extend(self.problems([(0, &*changes)], &rules));
        // It has its channels.
        changes.default_channels.clear();
        refuse(problems)
    }

    async fn settle(
        &self,
        rules: &ChannelRules,
        space: SpaceId,
        id: Option<&ImageId>,
        changes: &mut ImageChanges,
    ) -> Result<Option<FieldProblem>> {
        let stored = match id {
            Some(id) if ChannelRules::depend_on_stored(changes) => {
                self.0.catalogue.find_image(id).await?
            }
            _ => None,
        };
        let Err(unchannelled) = rules.settle(space, changes, stored.as_deref()) else {
            return Ok(None);
        };
        // An image that has channels keeps them, whatever its source looks like now.
        let keeps = match id {
            Some(id) if changes.delivery_channels.is_none() => {
                self.0.catalogue.find_image(id).await?.is_some()
            }
            _ => false,
        };
        Ok((!keeps).then(|| unchannelled.into()))
    }

    fn problems<'c>(
        &self,
        all: impl IntoIterator<Item = (usize, &'c ImageChanges)>,
        rules: &ChannelRules,
    ) -> Vec<FieldProblem> {
        let mut problems = Vec::new();
        for (index, changes) in all {
            problems.extend(changes.problems(index, rules));
            let origins = [
                (
                    "initialOrigin",
                    changes.initial_origin.as_ref().and_then(Option::as_ref),
                ),
                ("origin", origin_of(changes)),
            ];
            for (field, origin) in origins {
                if let Some(Err(error)) = origin.map(|origin| self.0.origins.check(origin.url())) {
                    problems.push(FieldProblem {
                        index,
                        field: field.to_owned(),
                        reason: error.to_string(),
                    });
                }
            }
        }
        problems
    }
}

fn refuse(problems: Vec<FieldProblem>) -> Result<()> {
    if problems.is_empty() {
        Ok(())
    } else {
        Err(Error::Invalid { problems })
    }
}

const fn origin_of(changes: &ImageChanges) -> Option<&OriginUrl> {
    match &changes.source {
        Some(ImageSource::Origin(origin)) => Some(origin),
        _ => None,
    }
}
