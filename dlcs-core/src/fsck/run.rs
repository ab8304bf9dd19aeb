//! A check from its beginning to its end.

use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};

use super::fault::{Damage, Fault, Finding, Outcome};
use super::ledger::Ledger;
use super::names::KeySet;
use super::object::{find, inspect};
use super::{FsckMode, FsckOptions, Summary};
use crate::Result;
use crate::derivative::{DerivativeKey, DerivativeStore};
use crate::id::ImageId;
use crate::image::{Image, ImageSource, ServedObject};

/// Rows that are read at once.
const PAGE: usize = 500;
/// Objects that are read at once.
const AT_ONCE: usize = 8;
/// How often an image is looked at again that has changed meanwhile.
const LOOKS: usize = 4;
/// The most that is said about one rule.
pub(super) const MISCOUNTS: usize = 1000;

pub(super) struct Run<'a> {
    pub(super) ledger: &'a dyn Ledger,
    pub(super) store: &'a dyn DerivativeStore,
    options: &'a FsckOptions,
    report: &'a mut (dyn FnMut(&Finding) + Send),
    summary: Summary,
    names: KeySet,
}

/// An image that has been looked at.
struct Seen {
    image: Image,
    /// The objects that it is served from, each with what is wrong with it.
    objects: Vec<(ServedObject, Option<Damage>)>,
    /// The bytes that it waits for.
    upload: Option<(DerivativeKey, Option<Damage>)>,
}

impl Seen {
    fn is_sound(&self) -> bool {
        let upload = self.upload.as_ref();
        self.objects.iter().all(|(_, damage)| damage.is_none())
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

    pub(super) fn repairs(&self) -> bool {
        self.options.mode == FsckMode::Repair
    }

    pub(super) fn found(&mut self, fault: Fault, outcome: Outcome) {
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
                for (object, _) in &seen.objects {
                    self.names.add(&object.key);
                    self.summary.read += 1;
                    self.summary.bytes += object.length;
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
            let mut damaged = seen.objects.into_iter();
            let mut damaged = damaged.by_ref().filter_map(|(object, damage)| {
                Some(Fault::Derivative {
                    image: image.clone(),
                    key: object.key,
                    damage: damage?,
                })
            });
            let is_pending = seen.image.state.is_pending();
            match &seen.image.source {
                // Once, whatever is broken of it: all of it is made again.
                ImageSource::Origin(_) if self.repairs() && !is_pending => {
                    again.extend(damaged.next().map(|fault| (seen.image.id, fault)));
                }
                source => {
                    let outcome = match source {
                        _ if is_pending => Outcome::Pending,
                        ImageSource::Upload(_) => Outcome::Left {
                            why: "it cannot be made again, because its bytes were sent: send them again"
                                .to_owned(),
                        },
                        ImageSource::Origin(_) => Outcome::Reparable,
                    };
                    for fault in damaged {
                        self.found(fault, outcome.clone());
                    }
                }
            }
        }
        self.make_again(again).await
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
            let outcome = if self.names.is_empty() {
                // Perhaps the settings name another store than that of this catalogue: nothing may come of that.
                let why = "nothing in this store is named: see that it is the catalogue's, and delete it by hand".to_owned();
                Outcome::Left { why }
            } else if self.repairs() {
                self.store.delete(&key).await?;
                Outcome::Repaired
            } else {
                Outcome::Reparable
            };
            if !is_probe {
                self.found(Fault::Orphan { key, length }, outcome);
            }
        }
        Ok(())
    }
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
        let is_same = *image == seen.image;
        seen = look(store, Arc::unwrap_or_clone(image)).await?;
        if is_same {
            break;
        }
    }
    Ok(Some(seen))
}

async fn look(store: &dyn DerivativeStore, image: Image) -> Result<Seen> {
    let mut objects = Vec::new();
    for object in image.objects() {
        let damage = inspect(store, &object).await?;
        objects.push((object, damage));
    }
    let upload = match image.awaited_upload() {
        Some(key) => {
            let damage = find(store, &key).await?;
            Some((key, damage))
        }
        None => None,
    };
    Ok(Seen {
        image,
        objects,
        upload,
    })
}
