//! The credentials of this program, and what else the environment says of S3.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use dlcs_core::origin::S3Credentials;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, AwsCredential, AwsCredentialProvider};
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};
use object_store::{ClientOptions, RetryConfig, StaticCredentialProvider};
use reqwest::Client;
use thiserror::Error;
use url::Url;

use super::wire::{client, incoming, outgoing};

/// How long a metadata service of a cloud may take to be reached: it is on the same machine, or not there.
const METADATA_CONNECT: Duration = Duration::from_secs(1);

/// Why there are no credentials of this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EnvironmentError {
    /// Some variables contradict each other or are incomplete.
    #[error(
        "the AWS_* variables of the environment are incomplete: set both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or neither"
    )]
    Incomplete,
    /// The endpoint is no address.
    #[error("AWS_ENDPOINT_URL is not an http or https address")]
    Endpoint,
}

/// What the `AWS_*` variables of the environment say.
#[derive(Clone)]
pub(crate) struct Environment {
    pub(crate) credentials: AwsCredentialProvider,
    pub(crate) region: Option<String>,
    pub(crate) endpoint: Option<Url>,
}

impl Environment {
    /// Reads them as the tools of AWS do: keys, a web identity, or the metadata service of the machine, which are only asked when they are
    /// needed.
    ///
    /// # Errors
    /// [`EnvironmentError`]: what is wrong with the variables.
    pub(crate) fn read() -> Result<Self, EnvironmentError> {
        let client = client(|builder| builder.connect_timeout(METADATA_CONNECT))
            .map_err(|_| EnvironmentError::Incomplete)?;
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
            .map_err(|_| EnvironmentError::Incomplete)?;
        Ok(Self {
            credentials: Arc::clone(store.credentials()),
            region,
            endpoint,
        })
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Environment(..)")
    }
}

/// What signs with credentials that do not change.
pub(crate) fn fixed(credentials: &S3Credentials) -> AwsCredentialProvider {
    let token = credentials.session_token.as_ref();
    Arc::new(StaticCredentialProvider::new(AwsCredential {
        key_id: credentials.access_key_id.clone(),
        secret_key: credentials.secret_access_key.expose().to_owned(),
        token: token.map(|token| token.expose().to_owned()),
    }))
}

/// The address of a service; `None` where none is given.
///
/// # Errors
/// [`EnvironmentError::Endpoint`].
pub(crate) fn endpoint(given: Option<&str>) -> Result<Option<Url>, EnvironmentError> {
    let Some(text) = given else { return Ok(None) };
    Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"))
        .map(Some)
        .ok_or(EnvironmentError::Endpoint)
}

/// How the requests leave that fetch this program's own credentials: where the environment says, which no customer has a say in.
#[derive(Debug, Clone)]
struct OwnWire(Client);

impl HttpConnector for OwnWire {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait]
impl HttpService for OwnWire {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let failed = || {
            HttpError::new(
                HttpErrorKind::Connect,
                io::Error::from(io::ErrorKind::Other),
            )
        };
        let url = Url::parse(&request.uri().to_string()).map_err(|_| failed())?;
        let sent = self.0.execute(outgoing(request, url)).await;
        Ok(incoming(sent.map_err(|_| failed())?))
    }
}
