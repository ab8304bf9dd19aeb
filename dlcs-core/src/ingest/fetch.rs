//! Fetching from an origin, with what the customer's strategies say of it.

use std::time::Duration;

use tokio::task::spawn_blocking;
use url::Url;

use super::{FetchContext, IngestError};
use crate::catalogue::Catalogue;
use crate::id::CustomerId;
use crate::image::OriginUrl;
use crate::origin::{
    CustomerOriginStrategy, OriginAccess, OriginError, OriginRegistry, OriginRequest,
    OriginResponse, OriginStrategyKind, PatternError, match_strategy,
};

/// What a fetch needs, and its bounds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fetcher<'a> {
    pub(crate) catalogue: &'a dyn Catalogue,
    pub(crate) origins: &'a OriginRegistry,
    pub(crate) source_limit: u64,
    pub(crate) patience: Duration,
}

impl Fetcher<'_> {
    /// Opens an address on behalf of a customer, as the first of its strategies says that matches.
    pub(crate) async fn open(
        &self,
        customer: CustomerId,
        origin: &OriginUrl,
    ) -> Result<(OriginResponse, FetchContext), IngestError> {
        let strategies = self.catalogue.list_origin_strategies(customer).await?;
        let (context, opened) = self.try_open(customer, strategies, origin).await;
        match opened {
            Ok(response) => Ok((response, context)),
            Err(source) => Err(IngestError::Fetch {
                context: Box::new(context),
                attempts: 1,
                source,
            }),
        }
    }

    /// The same, with the strategies at hand; says what it was about whatever comes of it.
    pub(crate) async fn try_open(
        &self,
        customer: CustomerId,
        strategies: Vec<CustomerOriginStrategy>,
        origin: &OriginUrl,
    ) -> (FetchContext, Result<OriginResponse, OriginError>) {
        let mut context = FetchContext {
            address: without_query(origin.url()),
            strategy: None,
            pattern: None,
            kind: OriginStrategyKind::Default,
            is_upload: false,
            held_back: false,
        };
        let access = match matched(strategies, origin, &mut context).await {
            Ok(access) => access,
            Err(error) => return (context, Err(error)),
        };
        let request = OriginRequest::new(origin.url())
            .with_customer(customer)
            .with_access(&access)
            .with_limit(self.source_limit)
            .with_patience(self.patience);
        (context, self.origins.open(request).await)
    }
}

/// Finds the strategy that an address matches, says so in the context, and returns how to authenticate.
async fn matched(
    strategies: Vec<CustomerOriginStrategy>,
    origin: &OriginUrl,
    context: &mut FetchContext,
) -> Result<OriginAccess, OriginError> {
    if strategies.is_empty() {
        return Ok(OriginAccess::Default);
    }
    let url = origin.url().clone();
    // Patterns are customers' code, and may take their time.
    let found = spawn_blocking(move || {
        let matched = match_strategy(&strategies, &url)?;
        Ok((
            matched.strategy.cloned(),
            matched.access.clone(),
            matched.held_back,
        ))
    });
    let (strategy, access, held_back) = match found.await {
        Ok(Ok(found)) => found,
        Ok(Err((id, error))) => {
            let error: PatternError = error;
            let reason = format!("number `{id}`: {error}");
            return Err(OriginError::Strategy { reason });
        }
        Err(error) => {
            let reason = format!("its pattern could not be matched: {error}");
            return Err(OriginError::Strategy { reason });
        }
    };
    if let Some(strategy) = strategy {
        context.strategy = Some(strategy.id);
        context.pattern = Some(strategy.pattern.as_str().to_owned());
        context.kind = strategy.access.kind();
    }
    context.held_back = held_back;
    let refuse = |reason: &str| {
        Err(OriginError::Strategy {
            reason: reason.to_owned(),
        })
    };
    match &access {
        OriginAccess::Unreadable(_) => refuse(
            "its credentials cannot be read, because they were sealed with another key or have been changed: give them again",
        ),
        // Without its endpoint the same name is somebody else's bucket.
        OriginAccess::Default if held_back && context.kind == OriginStrategyKind::S3Ambient => {
            refuse("its pattern does not cover the scheme and the bucket of the address")
        }
        _ => Ok(access),
    }
}

/// An address for people: what comes after `?` may be a signature.
fn without_query(url: &Url) -> String {
    if url.query().is_none() {
        return url.to_string();
    }
    let mut shown = url.clone();
    shown.set_query(None);
    format!("{shown}?…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_shown_without_their_query() {
        let shown = |text: &str| without_query(&Url::parse(text).unwrap());
        assert_eq!(
            shown("https://h/a.tif?X-Amz-Signature=canary"),
            "https://h/a.tif?…"
        );
        assert_eq!(shown("https://h/a.tif"), "https://h/a.tif");
    }
}
