//! Changes to several images at once: all of them, or none.

use std::collections::HashSet;

use crate::id::ImageId;
use crate::image::{Image, ImageChanges, LIST_MAX_ITEMS};
use crate::merge::set;

/// Changes to one image that take effect without processing it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageUpdate {
    /// The image.
    pub image: ImageId,
    /// What is merged onto it.
    pub changes: ImageChanges,
    /// What then becomes of its manifests.
    pub manifests: Option<ListEdit>,
}

/// An edit of a list, whatever it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListEdit {
    /// These come to its end, but for those that it has.
    Add(Vec<String>),
    /// These leave it.
    Remove(Vec<String>),
}

/// One of several changes that cannot be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateProblem {
    /// Its place among them, from 0.
    pub index: usize,
    /// What is wrong with it.
    pub kind: UpdateProblemKind,
}

/// Why a change cannot be made.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum UpdateProblemKind {
    /// There is no such image.
    NotFound,
    /// One before it changes the same image.
    Duplicate,
    /// It takes effect only by processing the image again.
    NeedsProcessing {
        /// The fields that do, as the API calls them.
        fields: Vec<&'static str>,
    },
    /// The image would be in more manifests than one can be.
    TooManyManifests {
        /// In how many.
        count: usize,
    },
}

impl ImageUpdate {
    /// Changes without an edit of the manifests.
    #[must_use]
    pub const fn new(image: ImageId, changes: ImageChanges) -> Self {
        Self {
            image,
            changes,
            manifests: None,
        }
    }

    /// Makes the changes.
    pub fn apply(self, image: &mut Image) {
        image.merge(self.changes);
        if let Some(edit) = self.manifests {
            edit.apply(&mut image.metadata.manifests);
        }
    }

    /// Everything for which changes are refused; `find` gives an image as it is.
    pub fn problems<'i>(
        updates: &[Self],
        find: impl Fn(&ImageId) -> Option<&'i Image>,
    ) -> Vec<UpdateProblem> {
        let mut seen = HashSet::new();
        let mut problems = Vec::new();
        for (index, update) in updates.iter().enumerate() {
            let kind = if seen.insert(&update.image) {
                update.problem(find(&update.image))
            } else {
                Some(UpdateProblemKind::Duplicate)
            };
            problems.extend(kind.map(|kind| UpdateProblem { index, kind }));
        }
        problems
    }

    fn problem(&self, image: Option<&Image>) -> Option<UpdateProblemKind> {
        let Some(image) = image else {
            return Some(UpdateProblemKind::NotFound);
        };
        let fields = self.changes.fields_that_need_processing(image);
        if !fields.is_empty() {
            return Some(UpdateProblemKind::NeedsProcessing { fields });
        }
        let mut manifests = image.metadata.manifests.clone();
        set(&mut manifests, self.changes.manifests.clone());
        if let Some(edit) = self.manifests.clone() {
            edit.apply(&mut manifests);
        }
        let count = manifests.len();
        (count > LIST_MAX_ITEMS).then_some(UpdateProblemKind::TooManyManifests { count })
    }
}

impl ListEdit {
    /// What it adds or removes.
    #[must_use]
    pub fn items(&self) -> &[String] {
        match self {
            Self::Add(items) | Self::Remove(items) => items,
        }
    }

    fn apply(self, list: &mut Vec<String>) {
        match self {
            Self::Add(items) => {
                for item in items {
                    if !list.contains(&item) {
                        list.push(item);
                    }
                }
            }
            Self::Remove(items) => list.retain(|item| !items.contains(item)),
        }
    }
}
