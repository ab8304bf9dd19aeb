//! Origins: where master images live, and how to fetch them.
//!
//! # Writing your own
//! 1. Make a type that knows your protocol, and implement [`OriginStrategy`] for it.
//! 2. Name the URL schemes it serves in [`OriginStrategy::schemes`].
//! 3. In [`OriginStrategy::open`], answer as soon as the first byte may be read; send the rest as a stream.
//! 4. Say with the right [`OriginError`] what went wrong: it decides whether the fetch is tried again.
//! 5. Run `dlcs_testkit::origin_contract!` on it; `examples/custom-origin` is a whole one, and `docs/writing-your-own-origin.md` explains it.

mod access;
mod credentials;
mod error;
mod listing;
mod pattern;
mod registry;
mod rule;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_core::stream::BoxStream;
use futures_util::StreamExt;
use url::Url;

pub use access::{CredentialsError, OriginAccess, OriginStrategyKind};
pub use credentials::{Credentials, S3Credentials, Secret, SftpCredentials, SftpProof};
pub use error::{OriginError, Result};
pub use listing::{OriginEntry, OriginEntryKind, OriginListing};
pub use pattern::{OriginPattern, PATTERN_MAX_CHARS, PatternError};
pub use registry::OriginRegistry;
pub use rule::{CustomerOriginStrategy, MatchedStrategy, OriginStrategyId, match_strategy};

use crate::id::CustomerId;

/// The bytes of an origin, in order; the stream may still fail.
pub type OriginBody = BoxStream<'static, Result<Bytes>>;

/// Fetches master images of some URL schemes.
///
/// # Contract
/// * Every method may be dropped at any await point and releases what it holds.
/// * No error, and no `Debug` of the implementor, contains credentials or the text of a response.
/// * It can serve many fetches at once.
#[async_trait]
pub trait OriginStrategy: fmt::Debug + Send + Sync + 'static {
    /// Returns the URL schemes that this origin serves, in lower case.
    fn schemes(&self) -> &'static [&'static str];

    /// Checks what can be told from an address alone; a registration that has it is refused otherwise.
    ///
    /// # Behaviour
    /// * Nobody is asked, and nothing is said of what is at the address.
    ///
    /// # Errors
    /// What [`Self::open`] would give, whatever the rest of the request.
    fn check(&self, _url: &Url) -> Result<()> {
        Ok(())
    }

    /// Opens an address for reading.
    ///
    /// # Behaviour
    /// * The body carries the bytes unchanged and in order.
    /// * The body is lazy: the response is there before the last byte has been read.
    /// * A declared length is the number of bytes that follow; a body that ends early is [`OriginError::Interrupted`].
    /// * What is not there is [`OriginError::NotFound`]; what may not be read is [`OriginError::Denied`].
    /// * More than [`OriginRequest::limit`] bytes is [`OriginError::TooLarge`], before the rest is read.
    /// * Nothing for longer than [`OriginRequest::patience`] is [`OriginError::TimedOut`].
    /// * Percent-encoded and Unicode addresses reach the origin as they were given.
    ///
    /// # Errors
    /// See [`OriginError`]: each variant says what the caller can do.
    async fn open(&self, request: OriginRequest<'_>) -> Result<OriginResponse>;

    /// Lists what lies directly below an address that ends in `/`.
    ///
    /// # Behaviour
    /// * An entry's address, as it stands, can be opened (or, of a folder, listed) with the same access.
    /// * What is neither an object nor a folder (a device, say) is left out.
    /// * [`OriginRequest::limit`] says nothing here; [`OriginRequest::patience`] holds between entries.
    ///
    /// # Errors
    /// [`OriginError::CannotList`] where the protocol has no listing, as long as this is not implemented; otherwise as [`Self::open`].
    async fn list(&self, request: OriginRequest<'_>) -> Result<OriginListing> {
        Err(OriginError::CannotList {
            scheme: request.url().scheme().to_owned(),
        })
    }
}

const _: fn(&dyn OriginStrategy) = |_| {};

/// What to fetch, how, and how much of it.
#[derive(Debug, Clone, Copy)]
pub struct OriginRequest<'a> {
    url: &'a Url,
    customer: CustomerId,
    access: &'a OriginAccess,
    limit: u64,
    patience: Duration,
}

impl<'a> OriginRequest<'a> {
    /// The largest source that is fetched unless told otherwise: 4 GiB.
    pub const DEFAULT_LIMIT: u64 = 4 << 30;
    /// How long an origin may stay silent unless told otherwise.
    pub const DEFAULT_PATIENCE: Duration = Duration::from_secs(30);

    /// A request without credentials and with the default limits.
    #[must_use]
    pub const fn new(url: &'a Url) -> Self {
        Self {
            url,
            customer: CustomerId::FIRST,
            access: &OriginAccess::Default,
            limit: Self::DEFAULT_LIMIT,
            patience: Self::DEFAULT_PATIENCE,
        }
    }

    /// Says on whose behalf the fetch is.
    #[must_use]
    pub const fn with_customer(mut self, customer: CustomerId) -> Self {
        self.customer = customer;
        self
    }

    /// Says how to authenticate.
    #[must_use]
    pub const fn with_access(mut self, access: &'a OriginAccess) -> Self {
        self.access = access;
        self
    }

    /// Says how many bytes the source may have.
    #[must_use]
    pub const fn with_limit(mut self, bytes: u64) -> Self {
        self.limit = bytes;
        self
    }

    /// Says how long the origin may stay silent, before the first byte and between bytes.
    #[must_use]
    pub const fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The address.
    #[must_use]
    pub const fn url(&self) -> &'a Url {
        self.url
    }

    /// The customer on whose behalf the fetch is.
    #[must_use]
    pub const fn customer(&self) -> CustomerId {
        self.customer
    }

    /// How to authenticate.
    #[must_use]
    pub const fn access(&self) -> &'a OriginAccess {
        self.access
    }

    /// The largest size of the source, in bytes.
    #[must_use]
    pub const fn limit(&self) -> u64 {
        self.limit
    }

    /// The longest silence of the origin.
    #[must_use]
    pub const fn patience(&self) -> Duration {
        self.patience
    }
}

/// An opened origin: what it says of itself, and its bytes.
pub struct OriginResponse {
    length: Option<u64>,
    media_type: Option<String>,
    host_key: Option<String>,
    body: OriginBody,
}

impl OriginResponse {
    /// A response whose bytes come from a stream.
    #[must_use]
    pub fn new(body: OriginBody) -> Self {
        Self {
            length: None,
            media_type: None,
            host_key: None,
            body,
        }
    }

    /// A response whose bytes are all here.
    #[must_use]
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let length = bytes.len() as u64;
        Self::new(futures_util::stream::once(async { Ok(bytes) }).boxed()).with_length(length)
    }

    /// Declares the number of bytes that follow.
    #[must_use]
    pub fn with_length(mut self, bytes: u64) -> Self {
        self.length = Some(bytes);
        self
    }

    /// Declares the media type, as the origin gave it.
    #[must_use]
    pub fn with_media_type(mut self, media_type: impl Into<String>) -> Self {
        self.media_type = Some(media_type.into());
        self
    }

    /// Says by which key the origin's host was known, as `SHA256:` and the digest in base64.
    #[must_use]
    pub fn with_host_key(mut self, fingerprint: impl Into<String>) -> Self {
        self.host_key = Some(fingerprint.into());
        self
    }

    /// The declared number of bytes.
    #[must_use]
    pub const fn length(&self) -> Option<u64> {
        self.length
    }

    /// The declared media type.
    #[must_use]
    pub fn media_type(&self) -> Option<&str> {
        self.media_type.as_deref()
    }

    /// The key by which the origin's host was known, where the protocol has one.
    #[must_use]
    pub fn host_key(&self) -> Option<&str> {
        self.host_key.as_deref()
    }

    /// The bytes.
    #[must_use]
    pub fn into_body(self) -> OriginBody {
        self.body
    }
}

impl fmt::Debug for OriginResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OriginResponse")
            .field("length", &self.length)
            .field("media_type", &self.media_type)
            .field("host_key", &self.host_key)
            .finish_non_exhaustive()
    }
}
