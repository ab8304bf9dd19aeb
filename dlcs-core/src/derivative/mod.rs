//! Derivatives: what is stored of an image, how it is made, and how it is served.
//!
//! # Writing your own store
//! 1. Implement [`DerivativeStore`] for a type that is cheap to share.
//! 2. Take the place of an object from [`DerivativeKey::path`], and from nothing else.
//! 3. Make [`DerivativeStore::put`] atomic and durable: a reader sees the whole object or none.
//! 4. Say [`DerivativeError::NotFound`] for what is not there, and nothing else for it.
//! 5. Run `dlcs_testkit::derivative_contract!` on it.

mod error;
mod facts;
mod key;
mod processor;
mod renderer;

use std::fmt;
use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use futures_core::stream::BoxStream;
use futures_util::{TryStreamExt, stream};

pub use error::{DerivativeError, Result};
pub use facts::DerivativeFacts;
pub use key::{DerivativeKey, DerivativeKeyError, UploadId};
pub use processor::{
    Checksum, ImageProcessor, ProcessError, ProcessOptions, Processed, SourceFacts,
};
pub use renderer::{ImageRenderer, RenderError, Rendered};

use crate::time::Timestamp;

/// The bytes of an object on their way into a store, in order.
pub type DerivativeBody = BoxStream<'static, Result<Bytes>>;

/// What a store says of an object without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredObject {
    /// The object.
    pub key: DerivativeKey,
    /// Its length in bytes.
    pub length: u64,
    /// When it was stored, by the clock of the store.
    pub stored: Timestamp,
}

/// Keeps derivatives: objects that are written once and never changed.
///
/// # Contract
/// * Every method may be dropped at any await point: a dropped `put` leaves nothing that can be seen.
/// * Any number of readers and writers work at once.
#[async_trait]
pub trait DerivativeStore: fmt::Debug + Send + Sync + 'static {
    /// Stores a whole object and returns its length in bytes.
    ///
    /// # Behaviour
    /// * When it returns, the object is durable and can be read whole.
    /// * Until it returns, the object cannot be seen; a body that fails leaves nothing.
    /// * Putting to a key that exists replaces the object at once: a reader gets the old bytes or the new ones.
    ///
    /// # Errors
    /// The body's own error, or the store's.
    async fn put(&self, key: &DerivativeKey, body: DerivativeBody) -> Result<u64>;

    /// Reads a range of bytes.
    ///
    /// # Behaviour
    /// * The bytes are those that were put.
    /// * A range that reaches past the end is cut at the end; one that starts there or later is empty.
    /// * A missing object is [`DerivativeError::NotFound`].
    ///
    /// # Errors
    /// See [`DerivativeError`].
    async fn get_range(&self, key: &DerivativeKey, range: Range<u64>) -> Result<Bytes>;

    /// Reads a range of bytes behind others that are given, in one piece.
    ///
    /// For streams whose common beginning is stored once: a store that reads into memory of its own need not copy the range again.
    ///
    /// # Behaviour
    /// * The given bytes come first, also when the range is empty; the rest is as [`get_range`](Self::get_range) says.
    ///
    /// # Errors
    /// See [`DerivativeError`].
    async fn get_range_after(
        &self,
        key: &DerivativeKey,
        range: Range<u64>,
        before: &[u8],
    ) -> Result<Bytes> {
        let range = self.get_range(key, range).await?;
        Ok([before, &range].concat().into())
    }

    /// Returns the length of an object in bytes.
    ///
    /// # Behaviour
    /// * A missing object is [`DerivativeError::NotFound`].
    ///
    /// # Errors
    /// See [`DerivativeError`].
    async fn length(&self, key: &DerivativeKey) -> Result<u64>;

    /// Deletes an object.
    ///
    /// # Behaviour
    /// * Afterwards the object is gone; others are untouched.
    /// * Deleting what is not there succeeds.
    ///
    /// # Errors
    /// See [`DerivativeError`].
    async fn delete(&self, key: &DerivativeKey) -> Result<()>;

    /// Gives every object, in no order and as it is found; for checks and collectors, not for serving.
    ///
    /// # Behaviour
    /// * Gives exactly the objects that can be read; half-written ones are not among them.
    /// * The length is that of the object, and the time that of its put.
    ///
    /// # Errors
    /// See [`DerivativeError`]; the stream ends with the first.
    fn scan(&self) -> BoxStream<'_, Result<StoredObject>>;

    /// Returns every key that [`scan`](Self::scan) gives; for tests and small stores, because it keeps all of them in memory.
    ///
    /// # Errors
    /// See [`DerivativeError`].
    async fn list(&self) -> Result<Vec<DerivativeKey>> {
        self.scan().map_ok(|object| object.key).try_collect().await
    }

    /// Whether every read is a request to another machine: then readers keep what they have read, and read a bit more at once.
    fn is_remote(&self) -> bool {
        false
    }
}

/// Checks that a store can be used: stores a small object, reads it, and deletes it.
///
/// # Errors
/// The store's; [`DerivativeError::Backend`] when it gives other bytes than it was given.
pub async fn check(store: &dyn DerivativeStore) -> Result<()> {
    const PROBE: Bytes = Bytes::from_static(b"probe");
    let key = DerivativeKey::Upload(UploadId::assign_probe());
    store
        .put(&key, Box::pin(stream::once(async { Ok(PROBE) })))
        .await?;
    let read = store.get_range(&key, 0..PROBE.len() as u64).await;
    // Also where it cannot be read.
    let deleted = store.delete(&key).await;
    if read? != PROBE {
        return Err(DerivativeError::Backend {
            backend: "checked",
            source: "it gives other bytes than it was given".into(),
        });
    }
    deleted
}

const _: fn(&dyn DerivativeStore) = |_| {};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryDerivatives;

    /// A store that keeps something else than it is given.
    #[derive(Debug)]
    struct Liar(MemoryDerivatives);

    #[async_trait]
    impl DerivativeStore for Liar {
        async fn put(&self, key: &DerivativeKey, body: DerivativeBody) -> Result<u64> {
            self.0.put(key, body).await
        }

        async fn get_range(&self, key: &DerivativeKey, range: Range<u64>) -> Result<Bytes> {
            let bytes = self.0.get_range(key, range).await?;
            Ok(bytes.slice(1..))
        }

        async fn length(&self, key: &DerivativeKey) -> Result<u64> {
            self.0.length(key).await
        }

        async fn delete(&self, key: &DerivativeKey) -> Result<()> {
            self.0.delete(key).await
        }

        fn scan(&self) -> BoxStream<'_, Result<StoredObject>> {
            self.0.scan()
        }
    }

    #[tokio::test]
    async fn a_check_finds_what_is_wrong_and_leaves_nothing() {
        let store = MemoryDerivatives::new();
        check(&store).await.unwrap();
        assert_eq!(store.list().await.unwrap(), []);
        let store = Liar(store);
        let error = check(&store).await.unwrap_err();
        assert!(
            matches!(error, DerivativeError::Backend { .. }),
            "{error:?}"
        );
        assert_eq!(store.list().await.unwrap(), []);
    }
}
