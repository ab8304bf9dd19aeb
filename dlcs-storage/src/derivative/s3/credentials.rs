//! Credentials that say what is wrong when there are none.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use object_store::CredentialProvider;
use object_store::aws::{AwsCredential, AwsCredentialProvider};

use super::error::S3Fault;

/// The credentials for a bucket.
pub(super) struct Named {
    inner: AwsCredentialProvider,
    bucket: String,
}

impl Named {
    /// These credentials, for this bucket.
    pub(super) fn provide(inner: AwsCredentialProvider, bucket: &str) -> AwsCredentialProvider {
        Arc::new(Self {
            inner,
            bucket: bucket.to_owned(),
        })
    }
}

impl fmt::Debug for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Named(..)")
    }
}

#[async_trait]
impl CredentialProvider for Named {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let credential = self.inner.get_credential().await;
        // Why is not kept: it may hold what a metadata service said.
        credential.map_err(|_| object_store::Error::Generic {
            store: "S3",
            source: Box::new(S3Fault::NoCredentials {
                bucket: self.bucket.clone(),
            }),
        })
    }
}
