//! A derivative store with one fault: for tests of what depends on a store, and of the contract itself.

use std::ops::Range;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use dlcs_core::derivative::{
    DerivativeBody, DerivativeError, DerivativeKey, DerivativeStore, Result, StoredObject,
};
use dlcs_core::memory::MemoryDerivatives;
use dlcs_core::time::Timestamp;
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};

/// What a [`FaultyStore`] does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreFault {
    /// Shows an object before it is whole.
    ShowsUnfinished,
    /// Keeps what came of a body that failed.
    KeepsFailed,
    /// Keeps what came of a body when the put is dropped.
    KeepsDropped,
    /// Takes the old object away before the new one is there.
    TearsOverwrites,
    /// Fails for ranges that reach past the end.
    RefusesLongRanges,
    /// Fails to delete what is not there.
    RefusesToDeleteNothing,
    /// Lists nothing that came with a registration.
    HidesUploads,
    /// Lists everything as if it had always been there.
    ForgetsAges,
    /// Has no room.
    Full,
}

/// A derivative store in memory with one fault.
#[derive(Debug)]
pub struct FaultyStore {
    store: MemoryDerivatives,
    fault: StoreFault,
}

/// A put that is under way, and what came so far.
struct Unfinished<'a> {
    store: &'a FaultyStore,
    key: &'a DerivativeKey,
    bytes: BytesMut,
    is_new: bool,
    finished: bool,
}

impl FaultyStore {
    /// An empty store with this fault.
    #[must_use]
    pub fn new(fault: StoreFault) -> Self {
        Self {
            store: MemoryDerivatives::new(),
            fault,
        }
    }

    async fn store(&self, key: &DerivativeKey, bytes: Bytes) -> Result<u64> {
        let body = stream::once(async { Ok(bytes) });
        self.store.put(key, body.boxed()).await
    }
}

impl Unfinished<'_> {
    async fn publish(&self) -> Result<u64> {
        let bytes = Bytes::copy_from_slice(&self.bytes);
        self.store.store(self.key, bytes).await
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if self.finished || !self.is_new {
            return;
        }
        // The store in memory never waits.
        let _ = match self.store.fault {
            StoreFault::KeepsDropped => self.publish().map(drop).now_or_never(),
            _ => self.store.store.delete(self.key).map(drop).now_or_never(),
        };
    }
}

#[async_trait]
impl DerivativeStore for FaultyStore {
    async fn put(&self, key: &DerivativeKey, mut body: DerivativeBody) -> Result<u64> {
        if self.fault == StoreFault::Full {
            return Err(DerivativeError::Full {
                source: "a fake is full".into(),
            });
        }
        let mut unfinished = Unfinished {
            store: self,
            key,
            bytes: BytesMut::new(),
            is_new: self.store.length(key).await.is_err(),
            finished: false,
        };
        while let Some(chunk) = body.next().await {
            match chunk {
                Ok(chunk) => unfinished.bytes.extend_from_slice(&chunk),
                Err(error) => {
                    unfinished.finished = true;
                    if unfinished.is_new {
                        match self.fault {
                            StoreFault::KeepsFailed => drop(unfinished.publish().await?),
                            _ => self.store.delete(key).await?,
                        }
                    }
                    return Err(error);
                }
            }
            if self.fault == StoreFault::ShowsUnfinished && self.store.length(key).await.is_err() {
                unfinished.publish().await?;
            }
        }
        unfinished.finished = true;
        if self.fault == StoreFault::TearsOverwrites {
            self.store.delete(key).await?;
            tokio::task::yield_now().await;
        }
        unfinished.publish().await
    }

    async fn get_range(&self, key: &DerivativeKey, range: Range<u64>) -> Result<Bytes> {
        let length = self.store.length(key).await?;
        let is_whole = range.start == 0 && range.end == u64::MAX;
        if self.fault == StoreFault::RefusesLongRanges && range.end > length && !is_whole {
            return Err(DerivativeError::Backend {
                backend: "faulty",
                source: "the range is too long".into(),
            });
        }
        self.store.get_range(key, range).await
    }

    async fn length(&self, key: &DerivativeKey) -> Result<u64> {
        self.store.length(key).await
    }

    async fn delete(&self, key: &DerivativeKey) -> Result<()> {
        if self.fault == StoreFault::RefusesToDeleteNothing {
            self.store.length(key).await?;
        }
        self.store.delete(key).await
    }

    fn scan(&self) -> BoxStream<'_, Result<StoredObject>> {
        let is_hidden = |object: &StoredObject| {
            self.fault == StoreFault::HidesUploads && matches!(object.key, DerivativeKey::Upload(_))
        };
        let objects = self.store.scan();
        objects
            .try_filter(move |object| std::future::ready(!is_hidden(object)))
            .map_ok(|object| match self.fault {
                StoreFault::ForgetsAges => StoredObject {
                    stored: Timestamp::from_micros(0),
                    ..object
                },
                _ => object,
            })
            .boxed()
    }
}
