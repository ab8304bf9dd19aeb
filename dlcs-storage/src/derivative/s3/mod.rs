//! Derivatives in S3, and in whatever else speaks its protocol.
//!
//! Several processes may have the same bucket: what one puts, all can read.
//!
//! A read is one request and never more, unless it is tried again; an object up to 8 MiB is put by one request, a larger one part by part.
//! What a put leaves behind that failed or was dropped, parts of an unfinished object, is removed; what a killed process leaves is for a rule
//! of the bucket (`AbortIncompleteMultipartUpload`).

mod config;
mod credentials;
mod error;
mod parts;
mod upload;
mod wire;

use std::fmt;
use std::future::ready;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use dlcs_core::derivative::{DerivativeBody, DerivativeKey, DerivativeStore, Result, StoredObject};
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{
    BackoffConfig, GetOptions, GetRange, GetResult, ObjectStore, ObjectStoreExt, RetryConfig,
};

pub use config::S3DerivativesConfig;
pub use error::{Answer, OpenError, S3Fault, StoreUrlError};

pub use crate::s3::EnvironmentError;

use self::credentials::Named;
use self::error::{about, failed};
use self::parts::Parts;
use self::upload::Upload;
use self::wire::Wire;
use super::stored_object;
use crate::s3::{Environment, endpoint, fixed};

/// Where S3 is asked when nobody says the region.
const FIRST_REGION: &str = "us-east-1";
/// The size of a part of a large object, and of the largest that is put at once. S3 wants at least 5 MiB, and at most 10 000 parts.
const PART_BYTES: usize = 8 << 20;
/// The last byte that a request may name: some services count in signed numbers.
const LAST_BYTE: u64 = i64::MAX as u64;
/// Tries after the first one.
const MAX_RETRIES: usize = 4;
/// After so long nothing is tried again.
const RETRY_TIMEOUT: Duration = Duration::from_secs(30);
/// The places of objects: nothing else in a bucket is ours.
const PLACES: [&str; 2] = ["uploads", "images"];

/// Keeps derivatives in a bucket.
///
/// A `put` that is dropped before the last byte was read leaves nothing. One that is dropped, or fails for want of an answer, while the
/// service publishes the object may find it published: whole, or not at all.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use dlcs_core::origin::{S3Credentials, Secret};
/// use dlcs_storage::derivative::s3::{S3Derivatives, S3DerivativesConfig};
///
/// let config = S3DerivativesConfig::parse("s3://derivatives/iiif?endpoint=http://127.0.0.1:9000")?;
/// let derivatives = S3Derivatives::open(config.with_credentials(S3Credentials {
///     access_key_id: "id".to_owned(),
///     secret_access_key: Secret::new("secret"),
///     session_token: None,
///     region: None,
///     endpoint: None,
/// }))?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct S3Derivatives {
    store: Arc<AmazonS3>,
    prefix: Path,
}

impl S3Derivatives {
    /// Derivatives where the settings say; nothing is asked yet: [`dlcs_core::derivative::check`] does.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(config: S3DerivativesConfig) -> Result<Self, OpenError> {
        let around = match &config.credentials {
            Some(own) => Environment {
                credentials: fixed(own),
                region: own.region.clone(),
                endpoint: endpoint(own.endpoint.as_deref()).map_err(|_| OpenError::Endpoint)?,
            },
            None => Environment::read()?,
        };
        let client_error = |source| OpenError::Client { source };
        let wire = Wire::new(&config.bucket).map_err(|error| client_error(error.into()))?;
        let region = config.region.or(around.region);
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&config.bucket)
            .with_region(region.as_deref().unwrap_or(FIRST_REGION))
            .with_credentials(Named::provide(around.credentials, &config.bucket))
            .with_http_connector(wire)
            // Not every service can delete several at once.
            .with_disable_bulk_delete(true)
            .with_retry(RetryConfig {
                backoff: BackoffConfig {
                    init_backoff: Duration::from_millis(100),
                    max_backoff: Duration::from_secs(5),
                    base: 2.0,
                },
                max_retries: MAX_RETRIES,
                retry_timeout: RETRY_TIMEOUT,
            });
        if let Some(endpoint) = config.endpoint.or(around.endpoint) {
            builder = builder.with_endpoint(endpoint.as_str().trim_end_matches('/'));
        }
        let store = builder.build();
        Ok(Self {
            store: Arc::new(store.map_err(|error| client_error(error.into()))?),
            prefix: config.prefix,
        })
    }

    fn path(&self, key: &DerivativeKey) -> Path {
        below(&self.prefix, &key.path())
    }

    /// Asks for a range, which is not empty; the answer says the length of the whole. `None`: the object ends before it.
    async fn get(&self, key: &DerivativeKey, range: Range<u64>) -> Result<Option<GetResult>> {
        let options = GetOptions::new().with_range(Some(GetRange::Bounded(range)));
        match self.store.get_opts(&self.path(key), options).await {
            Ok(found) => Ok(Some(found)),
            Err(error) => match S3Fault::behind(&error) {
                Some(S3Fault::BeyondTheEnd) => Ok(None),
                _ => Err(about(key)(error)),
            },
        }
    }

    async fn put_large(
        &self,
        key: &DerivativeKey,
        first: object_store::PutPayload,
        parts: Parts,
    ) -> Result<u64> {
        let path = self.path(key);
        let mut upload = Upload::begin(Arc::clone(&self.store), path).await?;
        let length = match upload.put_parts(first, parts).await {
            Ok(length) => length,
            Err(error) => {
                upload.abort().await;
                return Err(error);
            }
        };
        let Err(error) = upload.complete().await else {
            return Ok(length);
        };
        // The answer may have been lost, and the upload with it. Keys never repeat: an object of this length is this one.
        if matches!(self.length(key).await, Ok(found) if found == length) {
            upload.published();
            return Ok(length);
        }
        upload.abort().await;
        Err(error)
    }
}

impl fmt::Debug for S3Derivatives {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Derivatives")
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl DerivativeStore for S3Derivatives {
    async fn put(&self, key: &DerivativeKey, body: DerivativeBody) -> Result<u64> {
        let mut parts = Parts::new(body, PART_BYTES);
        let first = parts.next().await?;
        let length = first.content_length();
        if length < PART_BYTES {
            let put = self.store.put(&self.path(key), first).await;
            put.map_err(failed)?;
            return Ok(length as u64);
        }
        self.put_large(key, first, parts).await
    }

    async fn get_range(&self, key: &DerivativeKey, range: Range<u64>) -> Result<Bytes> {
        let range = range.start..range.end.min(LAST_BYTE);
        if range.is_empty() {
            self.length(key).await?;
            return Ok(Bytes::new());
        }
        match self.get(key, range).await? {
            Some(found) => found.bytes().await.map_err(about(key)),
            None => Ok(Bytes::new()),
        }
    }

    /// By a read of the first byte, because the answer to a `HEAD` does not say whether the object or the bucket is missing.
    async fn length(&self, key: &DerivativeKey) -> Result<u64> {
        let Some(found) = self.get(key, 0..1).await? else {
            return Ok(0);
        };
        let length = found.meta.size;
        // Read to its end, so that the connection can be used again.
        found.bytes().await.map_err(about(key))?;
        Ok(length)
    }

    async fn delete(&self, key: &DerivativeKey) -> Result<()> {
        let Err(error) = self.store.delete(&self.path(key)).await else {
            return Ok(());
        };
        match S3Fault::behind(&error) {
            Some(S3Fault::NoObject) => Ok(()),
            _ => Err(failed(error)),
        }
    }

    fn scan(&self) -> BoxStream<'_, Result<StoredObject>> {
        let places = stream::iter(PLACES).map(|place| {
            let place = below(&self.prefix, place);
            self.store.list(Some(&place))
        });
        let objects = places.flatten().map_err(failed);
        objects
            .try_filter_map(|meta| {
                let parts = meta.location.prefix_match(&self.prefix);
                // What is not named like an object of ours is not ours.
                let object =
                    parts.and_then(|parts| stored_object(Path::from_iter(parts).as_ref(), &meta));
                ready(Ok(object))
            })
            .boxed()
    }

    fn is_remote(&self) -> bool {
        true
    }
}

fn below(prefix: &Path, path: &str) -> Path {
    prefix.parts().chain(Path::from(path).parts()).collect()
}
