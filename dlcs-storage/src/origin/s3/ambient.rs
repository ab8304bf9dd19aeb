//! The credentials of this program.

use std::fmt;
use std::sync::Arc;

use dlcs_core::origin::{OriginError, S3Credentials};
use object_store::StaticCredentialProvider;
use object_store::aws::{AwsCredential, AwsCredentialProvider};
use url::Url;

pub use crate::s3::EnvironmentError as AmbientError;
use crate::s3::{Environment, endpoint, fixed};

/// The credentials of this program for S3, with the region and the endpoint that belong to them.
#[derive(Clone)]
pub struct AmbientS3 {
    credentials: AwsCredentialProvider,
    pub(super) region: Option<String>,
    pub(super) endpoint: Option<Url>,
}

impl AmbientS3 {
    /// These credentials.
    ///
    /// # Errors
    /// [`AmbientError::Endpoint`].
    pub fn new(credentials: &S3Credentials) -> Result<Self, AmbientError> {
        Ok(Self {
            endpoint: endpoint(credentials.endpoint.as_deref())?,
            region: credentials.region.clone(),
            credentials: fixed(credentials),
        })
    }

    /// What the `AWS_*` variables of the environment say, as the tools of AWS read them: keys, a web identity, or the metadata service of
    /// the machine, which are only asked when they are needed.
    ///
    /// # Errors
    /// [`AmbientError`]: what is wrong with the variables.
    pub fn from_environment() -> Result<Self, AmbientError> {
        let Environment {
            credentials,
            region,
            endpoint,
        } = Environment::read()?;
        Ok(Self {
            credentials,
            region,
            endpoint,
        })
    }

    /// Returns what signs the requests of one fetch.
    ///
    /// # Errors
    /// [`OriginError::Connection`] when they cannot be had now.
    pub(super) async fn credentials(&self) -> Result<AwsCredentialProvider, OriginError> {
        let credential = self.credentials.get_credential().await.map_err(|_| {
            OriginError::Connection {
                reason: "the server could not get its own credentials for S3; ask the operator to set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
                source: Box::new(std::io::Error::from(std::io::ErrorKind::NotFound)),
            }
        })?;
        Ok(Arc::new(StaticCredentialProvider::new(AwsCredential {
            key_id: credential.key_id.clone(),
            secret_key: credential.secret_key.clone(),
            token: credential.token.clone(),
        })))
    }
}

impl fmt::Debug for AmbientS3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AmbientS3(..)")
    }
}
