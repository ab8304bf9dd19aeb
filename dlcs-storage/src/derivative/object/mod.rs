//! Derivatives in an object store: files of this machine, or whatever else `object_store` speaks to.

mod config;
mod directories;
mod error;
mod local;
mod staged;

use std::fmt;
use std::ops::Range;
use std::path::Path as FilePath;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use dlcs_core::derivative::{
    DerivativeBody, DerivativeError, DerivativeKey, DerivativeStore, Result, StoredObject,
};
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    GetOptions, GetRange, MultipartUpload, ObjectStore, ObjectStoreExt, PutPayload,
};
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

pub use config::ObjectDerivativesConfig;
pub use error::OpenError;

use self::directories::Directories;
use self::error::{about, failed};
use self::local::{Forget, LocalFiles, in_background};
use self::staged::Staged;
use super::stored_object;

/// The size of a part of a large object; smaller objects are put at once. S3 wants at least 5 MiB.
const PART_BYTES: usize = 8 << 20;

/// Keeps derivatives in an object store.
///
/// A `put` that is dropped before the last byte was read leaves nothing. One that is dropped while the store publishes the object may find
/// it published: whole, or not at all. What a put of a killed process has left in a directory is removed after the next start, in the
/// background: so only one process at a time may have a directory open, and only once.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use dlcs_storage::derivative::object::ObjectDerivatives;
///
/// let directory = tempfile::tempdir()?;
/// let derivatives = ObjectDerivatives::local(&directory.path().join("derivatives"))?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct ObjectDerivatives {
    store: Arc<dyn ObjectStore>,
    /// Reads the same store, where it is a directory of this machine.
    local: Option<Arc<LocalFiles>>,
    /// What is staged in that directory.
    staged: Option<Arc<Staged>>,
    /// The directories in it.
    directories: Option<Arc<Directories>>,
}

impl ObjectDerivatives {
    /// Derivatives in an object store, which must make what it stored durable before it answers.
    #[must_use]
    pub fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self {
            store,
            local: None,
            staged: None,
            directories: None,
        }
    }

    /// Derivatives in a directory, which is made when it is not there, and which nothing else may have open.
    ///
    /// # Errors
    /// When the directory cannot be made or found.
    pub fn local(root: &FilePath) -> Result<Self, OpenError> {
        Self::open(&ObjectDerivativesConfig::local(root))
    }

    /// Derivatives where the settings say.
    ///
    /// # Errors
    /// When the place cannot be made or found.
    pub fn open(config: &ObjectDerivativesConfig) -> Result<Self, OpenError> {
        let (files, root) = config.open()?;
        let directories = Arc::new(Directories::new(root.clone()));
        let (files, staged) = (Arc::new(files), Arc::new(Staged::new(root)));
        staged.sweep();
        Ok(Self {
            directories: Some(directories),
            staged: Some(staged),
            store: Arc::<LocalFileSystem>::clone(&files),
            local: Some(Arc::new(LocalFiles::new(files, config.open_files))),
        })
    }

    async fn put_object(&self, key: &DerivativeKey, mut body: DerivativeBody) -> Result<u64> {
        let path = path(key);
        let first = next_part(&mut body).await?;
        let length = first.content_length();
        if length < PART_BYTES {
            self.store.put(&path, first).await.map_err(failed)?;
            return Ok(length as u64);
        }
        self.put_large(path, first, body).await
    }

    async fn put_large(&self, path: Path, first: PutPayload, body: DerivativeBody) -> Result<u64> {
        let mut upload = self.begin(path).await?;
        match put_parts(upload.as_mut(), first, body).await {
            Ok(length) => {
                // Syncs the staged file, renames it into place, and syncs the directory, in this order.
                upload.complete().await.map_err(failed)?;
                Ok(length)
            }
            Err(error) => {
                if let Err(left) = upload.abort().await {
                    tracing::warn!(error = %left, "parts of an unfinished object may be left over");
                }
                Err(error)
            }
        }
    }

    /// Begins a large object. Local files are made, and their directories synced, on the calling thread: so it is not one of the reactor's.
    async fn begin(&self, path: Path) -> Result<Box<dyn MultipartUpload>> {
        let (store, runtime) = (Arc::clone(&self.store), Handle::current());
        spawn_blocking(move || runtime.block_on(store.put_multipart(&path)))
            .await
            .map_err(|error| DerivativeError::Backend {
                backend: "object",
                source: Box::new(error),
            })?
            .map_err(failed)
    }
}

impl fmt::Debug for ObjectDerivatives {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectDerivatives").finish_non_exhaustive()
    }
}

#[async_trait]
impl DerivativeStore for ObjectDerivatives {
    async fn put(&self, key: &DerivativeKey, body: DerivativeBody) -> Result<u64> {
        let _forget = Forget(self.local.as_deref(), key);
        let _staged = self.staged.as_ref().map(|staged| staged.begin(key));
        let Some(directories) = self.directories.clone() else {
            return self.put_object(key, body).await;
        };
        let (before, object) = (Arc::clone(&directories), key.path());
        let putting = in_background(move || Ok(before.put(&object))).await?;
        let length = self.put_object(key, body).await?;
        let doubtful = putting.doubtful();
        if !doubtful.is_empty() {
            in_background(move || directories.sync(doubtful)).await?;
        }
        Ok(length)
    }

    async fn get_range(&self, key: &DerivativeKey, range: Range<u64>) -> Result<Bytes> {
        if let Some(local) = &self.local {
            return local.get_range_after(key, range, &[]).await;
        }
        if range.is_empty() {
            self.length(key).await?;
            return Ok(Bytes::new());
        }
        let (start, path) = (range.start, path(key));
        let options = GetOptions::new().with_range(Some(GetRange::Bounded(range)));
        let error = match self.store.get_opts(&path, options).await {
            Ok(found) => return found.bytes().await.map_err(about(key)),
            Err(error) => error,
        };
        // Stores refuse a range that starts at the end or later, each with an error of its own.
        if start >= self.length(key).await? {
            return Ok(Bytes::new());
        }
        Err(about(key)(error))
    }

    async fn get_range_after(
        &self,
        key: &DerivativeKey,
        range: Range<u64>,
        before: &[u8],
    ) -> Result<Bytes> {
        if let Some(local) = &self.local {
            return local.get_range_after(key, range, before).await;
        }
        let range = self.get_range(key, range).await?;
        Ok([before, &range].concat().into())
    }

    async fn length(&self, key: &DerivativeKey) -> Result<u64> {
        if let Some(local) = &self.local {
            return local.length(key).await;
        }
        let meta = self.store.head(&path(key)).await.map_err(about(key))?;
        Ok(meta.size)
    }

    async fn delete(&self, key: &DerivativeKey) -> Result<()> {
        let _forget = Forget(self.local.as_deref(), key);
        match self.store.delete(&path(key)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(failed(error)),
        }
        if let Some(staged) = self.staged.clone() {
            let key = key.clone();
            // The object is gone, whatever becomes of this.
            if let Err(error) = spawn_blocking(move || staged.remove_of(&key)).await {
                tracing::warn!(%error, "files of puts that were cut short may stay");
            }
        }
        if let Some(directories) = self.directories.clone() {
            let object = key.path();
            // Also where it is not there any more, but for a moment perhaps: whoever forgets it now relies on it that it does not come back when the
            // power fails.
            in_background(move || directories.removed(&object)).await?;
        }
        Ok(())
    }

    fn scan(&self) -> BoxStream<'_, Result<StoredObject>> {
        let objects = self.store.list(None).map_err(failed);
        // What is not named like an object of ours is not ours.
        objects
            .try_filter_map(|meta| async move { Ok(stored_object(meta.location.as_ref(), &meta)) })
            .boxed()
    }

    /// Whether it is no directory of this machine.
    fn is_remote(&self) -> bool {
        self.local.is_none()
    }
}

fn path(key: &DerivativeKey) -> Path {
    Path::from(key.path())
}

/// Puts the parts of a body in order and returns the length of the whole.
async fn put_parts(
    upload: &mut dyn MultipartUpload,
    first: PutPayload,
    mut body: DerivativeBody,
) -> Result<u64> {
    let mut length = 0;
    let mut part = first;
    while part.content_length() > 0 {
        length += part.content_length() as u64;
        let is_last = part.content_length() < PART_BYTES;
        upload.put_part(part).await.map_err(failed)?;
        if is_last {
            break;
        }
        part = next_part(&mut body).await?;
    }
    Ok(length)
}

/// Reads a part: at least [`PART_BYTES`], unless the body ends.
async fn next_part(body: &mut DerivativeBody) -> Result<PutPayload> {
    let (mut chunks, mut length) = (Vec::new(), 0);
    while length < PART_BYTES
        && let Some(chunk) = body.next().await
    {
        let chunk = chunk?;
        length += chunk.len();
        chunks.push(chunk);
    }
    Ok(chunks.into_iter().collect())
}
