//! Checking what is in memory: what is counted is counted when it is asked for, so that counts are never wrong.

use std::collections::BTreeMap;
use std::ops::Bound;

use async_trait::async_trait;

use super::MemoryCatalogue;
use super::state::State;
use crate::catalogue::Result;
use crate::derivative::DerivativeKey;
use crate::fsck::{Ledger, Miscount, Named};
use crate::id::ImageId;
use crate::image::Image;

#[async_trait]
impl Ledger for MemoryCatalogue {
    async fn scan_images(&self, after: Option<&ImageId>, limit: usize) -> Result<Vec<Image>> {
        let state = self.lock();
        let images = state.images.range((behind(after), Bound::Unbounded));
        Ok(images.map(|(_, image)| image.clone()).take(limit).collect())
    }

    async fn scan_collectable(
        &self,
        after: Option<&DerivativeKey>,
        limit: usize,
    ) -> Result<Vec<DerivativeKey>> {
        let state = self.lock();
        let by_path: BTreeMap<_, _> = state
            .collectable
            .keys()
            .map(|key| (key.path(), key))
            .collect();
        let after = after.map(DerivativeKey::path);
        let keys = by_path.range::<String, _>((behind(after.as_ref()), Bound::Unbounded));
        Ok(keys.map(|(_, key)| (*key).clone()).take(limit).collect())
    }

    async fn list_leased(&self) -> Result<Vec<DerivativeKey>> {
        Ok(self.lock().leased().collect())
    }

    async fn find_named(&self, keys: &[DerivativeKey]) -> Result<Vec<Named>> {
        let state = self.lock();
        let images = state.images.values();
        let served = images.flat_map(|image| image.objects().map(|object| object.key));
        let awaited = state.images.values().filter_map(Image::awaited_upload);
        let needed: Vec<_> = served.chain(awaited).chain(state.leased()).collect();
        let named = keys.iter().map(|key| Named {
            key: key.clone(),
            is_needed: needed.contains(key),
            is_collectable: state.collectable.contains_key(key),
        });
        Ok(named
            .filter(|named| named.is_needed || named.is_collectable)
            .collect())
    }

    async fn miscounts(&self, _limit: usize) -> Result<Vec<Miscount>> {
        Ok(Vec::new())
    }

    async fn recount(&self) -> Result<()> {
        Ok(())
    }
}

impl State {
    fn leased(&self) -> impl Iterator<Item = DerivativeKey> {
        let leased = self.jobs.iter().filter_map(|(image, job)| {
            Some(DerivativeKey::of_lease(image, job.generation, job.token()?))
        });
        leased.flatten()
    }
}

fn behind<T>(after: Option<T>) -> Bound<T> {
    after.map_or(Bound::Unbounded, Bound::Excluded)
}
