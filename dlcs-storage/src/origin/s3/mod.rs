//! Origins at S3, and at whatever else speaks its protocol.
//!
//! Addresses are `s3://BUCKET/KEY` and `s3://REGION/BUCKET/KEY`, and the https addresses of buckets; a strategy's own endpoint takes the place
//! of AWS.
//!
//! ```
//! use dlcs_core::CustomerId;
//! use dlcs_core::origin::OriginRegistry;
//! use dlcs_storage::origin::s3::{BucketGrants, S3Origin, S3OriginConfig};
//!
//! let grants = BucketGrants::none().with_bucket(CustomerId::FIRST, "masters")?;
//! let origin = S3Origin::new(S3OriginConfig::default().with_grants(grants));
//! let origins = OriginRegistry::new().with_origin(origin);
//! # Ok::<(), dlcs_storage::origin::s3::GrantError>(())
//! ```

mod address;
mod ambient;
mod config;
mod error;
mod grants;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use dlcs_core::origin::{
    OriginAccess, OriginError, OriginListing, OriginRequest, OriginResponse, OriginStrategy, Result,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::aws::{AmazonS3, AmazonS3Builder, AwsCredentialProvider};
use object_store::list::{PaginatedListOptions, PaginatedListStore};
use object_store::{BackoffConfig, GetOptions, ObjectStore, RetryConfig};
use url::Url;

pub use ambient::{AmbientError, AmbientS3};
pub use config::S3OriginConfig;
pub use grants::{BucketGrants, GrantError};

use self::address::{Place, S3Address};
use self::error::{Failure, S3};
use self::wire::{Note, Wire};
use crate::origin::bounds::Deadline;
use crate::origin::client::Clients;
use crate::origin::object::{KeyProblem, answer, entries, folder_prefix, meaning, object_path};
use crate::origin::slots::HostSlots;
use crate::s3::fixed;

/// Where S3 is asked for a bucket of which nobody says the region; it answers with the right one.
const FIRST_REGION: &str = "us-east-1";

/// How often a broken body is taken up again; failed requests are not tried again here, because the queue does that.
const MAX_RESUMES: usize = 4;

/// Fetches master images from S3, from the addresses that the guard lets pass.
///
/// Invariants:
/// * no address is dialled that the [`guard`](crate::origin::guard) refuses, and no redirect is followed;
/// * the credentials of this program sign requests for granted buckets only, and only to AWS or to the endpoint that belongs to them.
#[derive(Debug)]
pub struct S3Origin {
    config: S3OriginConfig,
    clients: Arc<Clients>,
    slots: HostSlots,
}

/// How the requests of one fetch are signed, and where.
struct Signing {
    credentials: Option<AwsCredentialProvider>,
    region: Option<String>,
    address: S3Address,
}

impl S3Origin {
    /// An origin with these settings.
    #[must_use]
    pub fn new(config: S3OriginConfig) -> Self {
        Self {
            clients: Arc::new(Clients::new(config.dialling.clone())),
            slots: HostSlots::new(HostSlots::DEFAULT),
            config,
        }
    }

    /// Finds out how a request is signed; what a customer may not read is refused here.
    async fn signing(&self, request: &OriginRequest<'_>, deadline: Deadline) -> Result<Signing> {
        let (url, default) = (request.url(), self.config.endpoint.as_ref());
        match request.access() {
            OriginAccess::Default => Ok(Signing {
                credentials: None,
                region: None,
                address: S3Address::parse(url, default)?,
            }),
            OriginAccess::S3Ambient(Some(own)) => {
                let endpoint = own.endpoint.as_deref().map(Url::parse).transpose();
                let endpoint = endpoint.map_err(|_| Failure::Setup)?;
                Ok(Signing {
                    credentials: Some(fixed(own)),
                    region: own.region.clone(),
                    address: S3Address::parse(url, endpoint.as_ref().or(default))?,
                })
            }
            OriginAccess::S3Ambient(None) => {
                let ambient = self.config.ambient.as_ref();
                let endpoint = ambient.and_then(|ambient| ambient.endpoint.as_ref());
                let address = S3Address::parse(url, endpoint.or(default))?;
                let granted = self
                    .config
                    .grants
                    .allow(request.customer(), &address.bucket);
                let Some(ambient) = ambient.filter(|_| granted) else {
                    return Err(not_granted(&address.bucket));
                };
                let credentials = ambient.credentials();
                Ok(Signing {
                    credentials: Some(deadline.wait(request.patience(), credentials).await??),
                    region: ambient.region.clone(),
                    address,
                })
            }
            other => Err(OriginError::Strategy {
                reason: format!("`{}` is not for S3 addresses", other.kind()),
            }),
        }
    }

    /// Asks a bucket for something; where the bucket says that it is in another region, once more there.
    async fn ask<T, F>(
        &self,
        request: &OriginRequest<'_>,
        deadline: Deadline,
        signing: &Signing,
        question: impl Fn(AmazonS3) -> F,
    ) -> Result<(T, Bucket)>
    where
        F: Future<Output = object_store::Result<T>> + Send,
    {
        let said = signing.address.region().or(signing.region.as_deref());
        let mut region = said.unwrap_or(FIRST_REGION).to_owned();
        let mut is_learnt = false;
        loop {
            let wire = Wire::new(Arc::clone(&self.clients), request.customer());
            let bucket = Bucket {
                store: store(signing, &region, is_learnt, &wire, request.patience())?,
                wire,
            };
            let answer = deadline.wait(request.patience(), question(bucket.store.clone()));
            let error = match answer.await? {
                Ok(answer) => return Ok((answer, bucket)),
                Err(error) => error,
            };
            match bucket.wire.note() {
                Some(Note::Failed(error)) => return Err(error),
                Some(Note::Elsewhere(there, _)) if !is_learnt && there != region => {
                    (region, is_learnt) = (there, true);
                }
                Some(Note::Elsewhere(_, error)) => return Err(error),
                None => return Err(meaning(&error, S3)),
            }
        }
    }
}

/// A bucket, and the way to it.
struct Bucket {
    store: AmazonS3,
    wire: Wire,
}

fn not_granted(bucket: &str) -> OriginError {
    OriginError::Strategy {
        reason: format!(
            "the bucket `{bucket}` is not granted to this customer; ask the operator to add it with `grant-bucket`, or give the strategy credentials of its own"
        ),
    }
}

/// Opens a bucket; what it said of its region itself counts more than what the address says.
fn store(
    signing: &Signing,
    region: &str,
    is_learnt: bool,
    wire: &Wire,
    patience: Duration,
) -> Result<AmazonS3> {
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&signing.address.bucket)
        .with_region(region)
        .with_http_connector(wire.clone())
        .with_retry(RetryConfig {
            backoff: BackoffConfig {
                init_backoff: Duration::from_millis(50),
                max_backoff: Duration::from_secs(1),
                base: 2.0,
            },
            max_retries: MAX_RESUMES,
            retry_timeout: patience,
        });
    let at_aws = |root: &str| {
        [".amazonaws.com", ".amazonaws.com.cn"]
            .iter()
            .any(|it| root.ends_with(it))
    };
    builder = match &signing.address.place {
        Place::Path { root, .. } if !(is_learnt && at_aws(root)) => builder.with_endpoint(root),
        Place::Host { root, .. } if !(is_learnt && at_aws(root)) => builder
            .with_endpoint(root)
            .with_virtual_hosted_style_request(true),
        // The names in China end differently.
        _ if region.starts_with("cn-") => {
            builder.with_endpoint(format!("https://s3.{region}.amazonaws.com.cn"))
        }
        _ => builder,
    };
    builder = match &signing.credentials {
        Some(credentials) => builder.with_credentials(Arc::clone(credentials)),
        None => builder.with_skip_signature(true),
    };
    builder.build().map_err(|_| Failure::Setup.into())
}

#[async_trait]
impl OriginStrategy for S3Origin {
    fn schemes(&self) -> &'static [&'static str] {
        &["s3"]
    }

    async fn open(&self, request: OriginRequest<'_>) -> Result<OriginResponse> {
        let deadline = Deadline::after(self.config.total_timeout);
        let signing = self.signing(&request, deadline).await?;
        let problem = |problem: KeyProblem| problem.into_error(S3);
        let path = object_path(&signing.address.key).map_err(problem)?;
        let turn = self.slots.turn(signing.address.turns(), deadline).await?;
        let version = signing.address.version.as_deref();
        let (got, _) = self
            .ask(&request, deadline, &signing, |bucket| {
                let options = GetOptions::default().with_version(version.map(str::to_owned));
                let path = path.clone();
                async move { bucket.get_opts(&path, options).await }
            })
            .await?;
        answer(got, turn, S3, &request, deadline)
    }

    async fn list(&self, request: OriginRequest<'_>) -> Result<OriginListing> {
        let deadline = Deadline::after(self.config.total_timeout);
        let signing = self.signing(&request, deadline).await?;
        let problem = |problem: KeyProblem| problem.into_error(S3);
        let prefix = folder_prefix(&signing.address.key).map_err(problem)?;
        let turn = self.slots.turn(signing.address.turns(), deadline).await?;
        let first = {
            let prefix = prefix.clone();
            move |bucket: AmazonS3| {
                let prefix = prefix.clone();
                async move { bucket.list_paginated(some(&prefix), page(None)).await }
            }
        };
        let (first, bucket) = self.ask(&request, deadline, &signing, first).await?;
        let (folder, patience) = (request.url().clone(), request.patience());
        let more = {
            let prefix = prefix.clone();
            stream::try_unfold(
                (first.page_token, bucket, turn),
                move |(token, bucket, turn)| {
                    let prefix = prefix.clone();
                    async move {
                        let Some(token) = token else { return Ok(None) };
                        let next = bucket
                            .store
                            .list_paginated(some(&prefix), page(Some(token)));
                        let next = deadline.wait(patience, next).await?;
                        let next = next.map_err(|error| match bucket.wire.note() {
                            Some(Note::Failed(error) | Note::Elsewhere(_, error)) => error,
                            None => meaning(&error, S3),
                        })?;
                        Ok(Some((next.result, (next.page_token, bucket, turn))))
                    }
                },
            )
        };
        Ok(stream::iter([Ok::<_, OriginError>(first.result)])
            .chain(more)
            .map_ok(move |listed| {
                stream::iter(entries(&folder, &prefix, &listed)).map(Ok::<_, OriginError>)
            })
            .try_flatten()
            .boxed())
    }
}

fn page(token: Option<String>) -> PaginatedListOptions {
    PaginatedListOptions {
        delimiter: Some("/".into()),
        page_token: token,
        ..PaginatedListOptions::default()
    }
}

fn some(prefix: &str) -> Option<&str> {
    (!prefix.is_empty()).then_some(prefix)
}
