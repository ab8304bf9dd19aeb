//! Trying origins: what would be fetched, how, and what the origin says to it.

use futures_util::StreamExt;

use super::Dlcs;
use crate::error::Result;
use crate::id::CustomerId;
use crate::image::OriginUrl;
use crate::ingest::{FetchContext, IngestError};
use crate::origin::{OriginError, OriginResponse};

/// What came of trying an origin.
#[derive(Debug)]
pub struct OriginTrial {
    /// What was tried, and which strategy matched.
    pub context: FetchContext,
    /// What the origin said, or why it could not be fetched.
    pub outcome: Result<OriginAnswer, IngestError>,
}

/// What an origin said of a source before its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginAnswer {
    /// Its length in bytes, where it says that.
    pub length: Option<u64>,
    /// Its media type, where it says that.
    pub media_type: Option<String>,
    /// The key by which the origin's host was known, as `SHA256:` and the digest in base64, where the protocol has one.
    pub host_key: Option<String>,
}

impl Dlcs {
    /// Opens an address as a registration by this customer would, reads the first of its bytes, and registers nothing.
    ///
    /// # Errors
    /// The catalogue's; what is wrong with the origin is in the outcome.
    pub async fn try_origin(
        &self,
        customer: CustomerId,
        origin: &OriginUrl,
    ) -> Result<OriginTrial> {
        let strategies = self.0.catalogue.list_origin_strategies(customer).await?;
        let fetcher = self.fetcher();
        let (context, opened) = fetcher.try_open(customer, strategies, origin).await;
        let outcome = match opened {
            Ok(response) => first_bytes(response).await,
            Err(error) => Err(error),
        };
        let outcome = outcome.map_err(|source| IngestError::Fetch {
            context: Box::new(context.clone()),
            attempts: 1,
            source,
        });
        Ok(OriginTrial { context, outcome })
    }
}

/// Some origins fail only when they are read.
async fn first_bytes(response: OriginResponse) -> Result<OriginAnswer, OriginError> {
    let answer = OriginAnswer {
        length: response.length(),
        media_type: response.media_type().map(str::to_owned),
        host_key: response.host_key().map(str::to_owned),
    };
    if let Some(first) = response.into_body().next().await {
        first?;
    }
    Ok(answer)
}
