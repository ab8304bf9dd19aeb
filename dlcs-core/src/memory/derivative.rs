//! Derivatives in memory.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_core::stream::BoxStream;
use futures_util::{StreamExt, stream};

use crate::derivative::{
    DerivativeBody, DerivativeError, DerivativeKey, DerivativeStore, Result, StoredObject,
};
use crate::time::{Clock, SystemClock, Timestamp};

/// A derivative store in memory.
#[derive(Default)]
pub struct MemoryDerivatives {
    objects: Mutex<BTreeMap<DerivativeKey, (Bytes, Timestamp)>>,
}

impl MemoryDerivatives {
    /// Returns an empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<DerivativeKey, (Bytes, Timestamp)>> {
        self.objects
            .lock()
            .expect("no operation panics while it holds the lock")
    }

    fn get(&self, key: &DerivativeKey) -> Result<Bytes> {
        self.lock()
            .get(key)
            .map(|(bytes, _)| bytes.clone())
            .ok_or_else(|| DerivativeError::NotFound { key: key.clone() })
    }
}

impl fmt::Debug for MemoryDerivatives {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryDerivatives").finish_non_exhaustive()
    }
}

#[async_trait]
impl DerivativeStore for MemoryDerivatives {
    async fn put(&self, key: &DerivativeKey, mut body: DerivativeBody) -> Result<u64> {
        let mut bytes = BytesMut::new();
        while let Some(part) = body.next().await {
            bytes.extend_from_slice(&part?);
        }
        let length = bytes.len() as u64;
        let object = (bytes.freeze(), SystemClock.now());
        self.lock().insert(key.clone(), object);
        Ok(length)
    }

    async fn get_range(&self, key: &DerivativeKey, range: Range<u64>) -> Result<Bytes> {
        let bytes = self.get(key)?;
        let place =
            |offset: u64| usize::try_from(offset).map_or(bytes.len(), |at| at.min(bytes.len()));
        let (start, end) = (place(range.start), place(range.end));
        Ok(bytes.slice(start..end.max(start)))
    }

    async fn length(&self, key: &DerivativeKey) -> Result<u64> {
        Ok(self.get(key)?.len() as u64)
    }

    async fn delete(&self, key: &DerivativeKey) -> Result<()> {
        self.lock().remove(key);
        Ok(())
    }

    fn scan(&self) -> BoxStream<'_, Result<StoredObject>> {
        let objects: Vec<_> = self
            .lock()
            .iter()
            .map(|(key, (bytes, stored))| {
                Ok(StoredObject {
                    key: key.clone(),
                    length: bytes.len() as u64,
                    stored: *stored,
                })
            })
            .collect();
        stream::iter(objects).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::derivative::UploadId;

    fn body(parts: Vec<Result<&'static str>>) -> DerivativeBody {
        let parts = parts
            .into_iter()
            .map(|part| part.map(|text| Bytes::from_static(text.as_bytes())));
        stream::iter(parts.collect::<Vec<_>>()).boxed()
    }

    #[tokio::test]
    async fn a_range_is_cut_at_the_end() {
        let (store, key) = (
            MemoryDerivatives::new(),
            DerivativeKey::Upload(UploadId::assign()),
        );
        let length = store.put(&key, body(vec![Ok("abc"), Ok("de")])).await;
        assert_eq!(length.unwrap(), 5);
        for (range, bytes) in [(1..3, "bc"), (3..u64::MAX, "de"), (5..9, ""), (7..9, "")] {
            let got = store.get_range(&key, range.clone()).await.unwrap();
            assert_eq!(got, bytes.as_bytes(), "{range:?}");
        }
    }

    #[tokio::test]
    async fn a_body_that_fails_leaves_nothing() {
        let (store, key) = (
            MemoryDerivatives::new(),
            DerivativeKey::Upload(UploadId::assign()),
        );
        let cut_off = DerivativeError::Body {
            source: "cut off".into(),
        };
        let outcome = store.put(&key, body(vec![Ok("abc"), Err(cut_off)])).await;
        assert!(matches!(outcome, Err(DerivativeError::Body { .. })));
        assert!(store.list().await.unwrap().is_empty());
        let missing = store.length(&key).await;
        assert!(matches!(missing, Err(DerivativeError::NotFound { .. })));
    }
}
