//! From a URL scheme to the origin that serves it.

use std::collections::BTreeMap;
use std::sync::Arc;

use url::Url;

use super::{
    OriginAccess, OriginError, OriginListing, OriginRequest, OriginResponse, OriginStrategy, Result,
};

/// The features of `dlcs-storage` that serve a scheme, so that a backend left out of a build explains itself.
const FEATURES: [(&str, &str); 7] = [
    ("http", "origin-http"),
    ("https", "origin-http"),
    ("s3", "origin-s3"),
    ("ftp", "origin-ftp"),
    ("ftps", "origin-ftp"),
    ("sftp", "origin-sftp"),
    ("file", "origin-file"),
];

/// The origins of one program, by URL scheme.
#[derive(Debug, Clone, Default)]
pub struct OriginRegistry {
    by_scheme: BTreeMap<&'static str, Arc<dyn OriginStrategy>>,
}

impl OriginRegistry {
    /// An empty registry.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an origin for each of its schemes; a later one replaces an earlier one.
    #[must_use]
    pub fn with_origin(mut self, origin: impl OriginStrategy) -> Self {
        let origin: Arc<dyn OriginStrategy> = Arc::new(origin);
        for scheme in origin.schemes() {
            self.by_scheme.insert(scheme, Arc::clone(&origin));
        }
        self
    }

    /// Returns the origin that serves a scheme (in lower case).
    ///
    /// # Errors
    /// [`OriginError::UnsupportedScheme`], with the feature that would serve it.
    pub fn get(&self, scheme: &str) -> Result<&Arc<dyn OriginStrategy>> {
        self.by_scheme
            .get(scheme)
            .ok_or_else(|| OriginError::UnsupportedScheme {
                scheme: scheme.to_owned(),
                feature: FEATURES
                    .iter()
                    .find(|(known, _)| *known == scheme)
                    .map(|(_, feature)| *feature),
            })
    }

    /// Checks what can be told from an address alone with the origin of its scheme.
    ///
    /// # Errors
    /// As [`OriginStrategy::check`] and [`Self::get`].
    pub fn check(&self, url: &Url) -> Result<()> {
        self.get(url.scheme())?.check(url)
    }

    /// Opens an address with the origin that serves it.
    ///
    /// That is the one of its scheme; but an S3 address may be written with `https`, too, and the access then says that it is one.
    ///
    /// # Errors
    /// As [`OriginStrategy::open`] and [`Self::get`].
    pub async fn open(&self, request: OriginRequest<'_>) -> Result<OriginResponse> {
        self.get(protocol(&request))?.open(request).await
    }

    /// Lists a folder with the origin that serves it, as [`Self::open`] does.
    ///
    /// # Errors
    /// As [`OriginStrategy::list`] and [`Self::get`].
    pub async fn list(&self, request: OriginRequest<'_>) -> Result<OriginListing> {
        self.get(protocol(&request))?.list(request).await
    }
}

/// The scheme of the origin that serves an address.
fn protocol<'a>(request: &OriginRequest<'a>) -> &'a str {
    match (request.access(), request.url().scheme()) {
        (OriginAccess::S3Ambient(_), "http" | "https") => "s3",
        (_, scheme) => scheme,
    }
}
