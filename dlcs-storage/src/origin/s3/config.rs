//! Settings of [`S3Origin`](super::S3Origin).

use std::time::Duration;

use url::Url;

use super::ambient::AmbientS3;
use super::grants::BucketGrants;
use crate::origin::authorities::Authorities;
use crate::origin::bounds::Deadline;
use crate::origin::client::Dialling;
use crate::origin::opened::OpenedNetworks;

/// Settings of [`S3Origin`](super::S3Origin).
#[derive(Debug, Clone)]
pub struct S3OriginConfig {
    pub(super) dialling: Dialling,
    pub(super) total_timeout: Duration,
    pub(super) endpoint: Option<Url>,
    pub(super) ambient: Option<AmbientS3>,
    pub(super) grants: BucketGrants,
}

impl S3OriginConfig {
    /// How long a connection may take to be made, unless told otherwise.
    pub const DEFAULT_CONNECT_TIMEOUT: Duration = Dialling::DEFAULT_CONNECT_TIMEOUT;
    /// How long a whole fetch may take, unless told otherwise.
    pub const DEFAULT_TOTAL_TIMEOUT: Duration = Deadline::DEFAULT;

    /// Opens networks beyond the public ones, for all customers or for some.
    #[must_use]
    pub fn with_allowed_networks(mut self, opened: impl Into<OpenedNetworks>) -> Self {
        self.dialling.opened = opened.into();
        self
    }

    /// Trusts certificate authorities beyond those of the machine.
    #[must_use]
    pub fn with_authorities(mut self, authorities: Authorities) -> Self {
        self.dialling.authorities = authorities;
        self
    }

    /// Says where `s3` addresses are asked for instead of AWS, by scheme, host and port.
    #[must_use]
    pub fn with_endpoint(mut self, endpoint: Url) -> Self {
        self.endpoint = Some(endpoint);
        self
    }

    /// Gives the credentials of this program, for the buckets that are granted.
    #[must_use]
    pub fn with_ambient(mut self, ambient: AmbientS3) -> Self {
        self.ambient = Some(ambient);
        self
    }

    /// Says which customers may read which buckets with the credentials of this program.
    #[must_use]
    pub fn with_grants(mut self, grants: BucketGrants) -> Self {
        self.grants = grants;
        self
    }

    /// Says how long a connection may take to be made: name, transport and encryption together.
    #[must_use]
    pub const fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.dialling.connect_timeout = timeout;
        self
    }

    /// Says how long a whole fetch may take, from the first request to the last byte.
    #[must_use]
    pub const fn with_total_timeout(mut self, timeout: Duration) -> Self {
        self.total_timeout = timeout;
        self
    }
}

impl Default for S3OriginConfig {
    fn default() -> Self {
        Self {
            dialling: Dialling::default(),
            total_timeout: Self::DEFAULT_TOTAL_TIMEOUT,
            endpoint: None,
            ambient: None,
            grants: BucketGrants::none(),
        }
    }
}
