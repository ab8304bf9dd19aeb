//! Objects, each on its way and back.

use std::sync::Arc;

use bytes::Bytes;
use dlcs_core::derivative::{
    Checksum, DerivativeError, DerivativeKey, DerivativeStore, Result as StoreResult,
};
use dlcs_core::fsck::{KeySet, Ledger, digest};
use dlcs_core::id::ImageId;
use dlcs_core::image::Image;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::{TransferError, TransferSummary};
use crate::catalogue::SqliteCatalogue;

/// Rows that are read at once.
const PAGE: usize = 500;
/// Objects that are moved at once.
const AT_ONCE: usize = 8;
/// How much of an object is read at once.
const CHUNK: u64 = 1 << 20;

/// What is known of an object: its length, and the BLAKE3 of its bytes.
type Facts = (u64, Checksum);

/// An object that an image needs.
struct Needed {
    image: ImageId,
    key: DerivativeKey,
    /// The record; there is none of bytes that were sent.
    facts: Option<Facts>,
}

/// What became of an object.
struct Moved {
    length: u64,
    was_there: bool,
}

pub(super) async fn transfer(
    catalogue: &SqliteCatalogue,
    from: Arc<dyn DerivativeStore>,
    to: &dyn DerivativeStore,
) -> Result<TransferSummary, TransferError> {
    refuse_strangers(catalogue, to).await?;
    let mut summary = TransferSummary::default();
    let mut last = None;
    loop {
        let page = catalogue.scan_images(last.as_ref(), PAGE).await?;
        let Some(image) = page.last() else {
            return Ok(summary);
        };
        last = Some(image.id.clone());
        let needed = page.iter().flat_map(needed);
        let mut moves = stream::iter(needed.map(|needed| move_one(needed, Arc::clone(&from), to)))
            .buffer_unordered(AT_ONCE);
        while let Some(moved) = moves.try_next().await? {
            summary.objects += 1;
            summary.bytes += moved.length;
            summary.found += u64::from(moved.was_there);
        }
    }
}

fn needed(image: &Image) -> impl Iterator<Item = Needed> {
    let of = move |key, facts| Needed {
        image: image.id.clone(),
        key,
        facts,
    };
    let served = image.objects();
    let served = served.map(move |object| of(object.key, Some((object.length, object.checksum))));
    let awaited = image.awaited_upload().map(move |key| of(key, None));
    served.chain(awaited)
}

/// Refuses a store with objects that this catalogue does not name, before anything is put there.
async fn refuse_strangers(
    catalogue: &SqliteCatalogue,
    to: &dyn DerivativeStore,
) -> Result<(), TransferError> {
    let (mut names, mut last) = (KeySet::default(), None);
    loop {
        let page = catalogue.scan_images(last.as_ref(), PAGE).await?;
        let Some(image) = page.last() else { break };
        last = Some(image.id.clone());
        for needed in page.iter().flat_map(needed) {
            names.add(&needed.key);
        }
    }
    let mut last = None;
    loop {
        let page = catalogue.scan_collectable(last.as_ref(), PAGE).await?;
        let Some(key) = page.last() else { break };
        last = Some(key.clone());
        for key in &page {
            names.add(key);
        }
    }
    let mut objects = to.scan();
    while let Some(object) = objects.try_next().await? {
        let is_probe = matches!(&object.key, DerivativeKey::Upload(id) if id.is_probe());
        if !is_probe && !names.contains(&object.key) {
            return Err(TransferError::StoreOccupied { key: object.key });
        }
    }
    Ok(())
}

async fn move_one(
    needed: Needed,
    from: Arc<dyn DerivativeStore>,
    to: &dyn DerivativeStore,
) -> Result<Moved, TransferError> {
    let Needed { image, key, facts } = needed;
    let there = find(to, &key).await?;
    if let Some(facts) = facts
        && there == Some(facts)
    {
        return Ok(Moved {
            length: facts.0,
            was_there: true,
        });
    }
    let here = find(from.as_ref(), &key).await?;
    let sound = match (here, facts) {
        (Some(here), None) => Some(here),
        (Some(here), Some(facts)) if here == facts => Some(here),
        _ => None,
    };
    let Some(facts) = sound else {
        return Err(TransferError::Damaged { image, key });
    };
    let was_there = there == Some(facts);
    if !was_there {
        to.put(&key, body(from, key.clone())).await?;
        if find(to, &key).await? != Some(facts) {
            return Err(TransferError::Differs { key });
        }
    }
    Ok(Moved {
        length: facts.0,
        was_there,
    })
}

/// What is known of an object by reading it, where it is there.
async fn find(store: &dyn DerivativeStore, key: &DerivativeKey) -> StoreResult<Option<Facts>> {
    match digest(store, key).await {
        Ok(facts) => Ok(Some(facts)),
        Err(DerivativeError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The bytes of an object, as they are read.
fn body(
    from: Arc<dyn DerivativeStore>,
    key: DerivativeKey,
) -> stream::BoxStream<'static, StoreResult<Bytes>> {
    let parts = stream::try_unfold(0, move |start| {
        let (from, key) = (Arc::clone(&from), key.clone());
        async move {
            let bytes = from.get_range(&key, start..start + CHUNK).await?;
            let next = start + bytes.len() as u64;
            Ok((!bytes.is_empty()).then_some((bytes, next)))
        }
    });
    parts.boxed()
}
