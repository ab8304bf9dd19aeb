//! The credentials of this program.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use dlcs_core::origin::{OriginError, S3Credentials};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, AwsCredential, AwsCredentialProvider};
use object_store::{RetryConfig, StaticCredentialProvider};
use reqwest::{Client, redirect};
use thiserror::Error;
use url::Url;

use super::wire::OwnWire;

/// How long a metadata service of a cloud may take to be reached: it is on the same machine, or not there.
const METADATA_CONNECT: Duration = Duration::from_secs(1);

/// Why there are no credentials of this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AmbientError {
    /// Some variables contradict each other or are incomplete.
    #[error(
        "the AWS_* variables of the environment are incomplete: set both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or neither"
    )]
    Incomplete,
    /// The endpoint is no address.
    #[error("AWS_ENDPOINT_URL is not an http or https address")]
    Endpoint,
}

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
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .connect_timeout(METADATA_CONNECT)
            .build()
            .map_err(|_| AmbientError::Incomplete)?;
        let builder = AmazonS3Builder::from_env();
        let value = |key| builder.get_config_value(&key);
        let region =
            value(AmazonS3ConfigKey::Region).or_else(|| value(AmazonS3ConfigKey::DefaultRegion));
        let given =
            value(AmazonS3ConfigKey::S3Endpoint).or_else(|| value(AmazonS3ConfigKey::Endpoint));
        let endpoint = endpoint(given.as_deref())?;
        let store = builder
            .with_bucket_name("none")
            .with_http_connector(OwnWire(client))
            .with_retry(RetryConfig {
                max_retries: 1,
                ..RetryConfig::default()
            })
            .build()
            .map_err(|_| AmbientError::Incomplete)?;
        Ok(Self {
            credentials: Arc::clone(store.credentials()),
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

/// What signs with credentials that do not change.
pub(super) fn fixed(credentials: &S3Credentials) -> AwsCredentialProvider {
    let token = credentials.session_token.as_ref();
    Arc::new(StaticCredentialProvider::new(AwsCredential {
        key_id: credentials.access_key_id.clone(),
        secret_key: credentials.secret_access_key.expose().to_owned(),
        token: token.map(|token| token.expose().to_owned()),
    }))
}

fn endpoint(given: Option<&str>) -> Result<Option<Url>, AmbientError> {
    let Some(text) = given else { return Ok(None) };
    Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"))
        .map(Some)
        .ok_or(AmbientError::Endpoint)
}
