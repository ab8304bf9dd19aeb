//! A large object on its way: parts, and an end that publishes them or takes them away.

use std::sync::Arc;

use dlcs_core::derivative::Result;
use futures_util::{TryStreamExt, stream};
use object_store::aws::AmazonS3;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{MultipartId, PutPayload};
use tokio::runtime::Handle;

use super::error::{S3Fault, failed};
use super::parts::Parts;

/// Parts of one object that are held in memory, and sent at the same time.
const PARTS_AT_ONCE: usize = 2;

/// An object that has been begun; dropped before its end, it is given up.
pub(super) struct Upload {
    store: Arc<AmazonS3>,
    path: Path,
    id: MultipartId,
    parts: Vec<PartId>,
    /// Whether the service knows it no more.
    is_over: bool,
}

impl Upload {
    /// Begins an object.
    pub(super) async fn begin(store: Arc<AmazonS3>, path: Path) -> Result<Self> {
        let id = store.create_multipart(&path).await.map_err(failed)?;
        Ok(Self {
            store,
            path,
            id,
            parts: Vec::new(),
            is_over: false,
        })
    }

    /// Puts all parts, and returns the length of the whole.
    pub(super) async fn put_parts(&mut self, first: PutPayload, parts: Parts) -> Result<u64> {
        let mut length = 0;
        let (store, path, id) = (&self.store, &self.path, &self.id);
        let payloads = stream::try_unfold(
            (Some(first), parts, 0),
            |(first, mut parts, number)| async move {
                let part = match first {
                    Some(first) => first,
                    None => parts.next().await?,
                };
                let is_part = part.content_length() > 0;
                Ok(is_part.then_some(((number, part), (None, parts, number + 1))))
            },
        );
        self.parts = payloads
            .map_ok(|(number, part)| {
                length += part.content_length() as u64;
                async move {
                    let put = store.put_part(path, id, number, part).await;
                    put.map_err(failed)
                }
            })
            .try_buffered(PARTS_AT_ONCE)
            .try_collect()
            .await?;
        Ok(length)
    }

    /// Publishes the object; after a failure it is not known whether that has happened.
    pub(super) async fn complete(&mut self) -> Result<()> {
        let parts = std::mem::take(&mut self.parts);
        let completed = self.store.complete_multipart(&self.path, &self.id, parts);
        completed.await.map_err(failed)?;
        self.is_over = true;
        Ok(())
    }

    /// Takes note that it has been published all the same.
    pub(super) fn published(mut self) {
        self.is_over = true;
    }

    /// Gives it up: its parts are removed.
    pub(super) async fn abort(mut self) {
        // Nothing of this is left to the drop, unless this is dropped itself.
        give_up(&self.store, &self.path, &self.id).await;
        self.is_over = true;
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let Ok(runtime) = Handle::try_current() else {
            tracing::warn!(path = %self.path, "{LEFT}");
            return;
        };
        let (store, path) = (Arc::clone(&self.store), self.path.clone());
        let id = std::mem::take(&mut self.id);
        // Nobody waits for it, and nothing depends on it.
        runtime.spawn(async move { give_up(&store, &path, &id).await });
    }
}

const LEFT: &str =
    "parts of an unfinished object are left over until a rule of the bucket removes them";

async fn give_up(store: &AmazonS3, path: &Path, id: &MultipartId) {
    if let Err(error) = store.abort_multipart(path, id).await {
        if matches!(S3Fault::behind(&error), Some(S3Fault::NoUpload)) {
            return;
        }
        let error = failed(error);
        tracing::warn!(error = &error as &dyn std::error::Error, %path, "{LEFT}");
    }
}
