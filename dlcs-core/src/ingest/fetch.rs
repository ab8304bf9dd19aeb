//! Fetching from an origin, with what the customer's strategies say of it.

use std::time::Duration;

use url::Url;

use super::{FetchContext, IngestError};
use crate::catalogue::Catalogue;
use crate::id::CustomerId;
use crate::image::OriginUrl;
use crate::origin::{
    CustomerOriginStrategy, OriginError, OriginRegistry, OriginRequest, OriginResponse,
    OriginStrategyKind, match_strategy,
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
        let (context, opened) = self.try_open(customer, &strategies, origin).await;
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
        strategies: &[CustomerOriginStrategy],
        origin: &OriginUrl,
    ) -> (FetchContext, Result<OriginResponse, OriginError>) {
        let mut context = FetchContext {
            address: without_query(origin.url()),
            strategy: None,
            pattern: None,
            kind: OriginStrategyKind::Default,
            held_back: false,
        };
        let matched = match match_strategy(strategies, origin.url()) {
            Ok(matched) => matched,
            Err((id, error)) => {
                let reason = format!("number `{id}`: {error}");
                return (context, Err(OriginError::Strategy { reason }));
            }
        };
        if let Some(strategy) = matched.strategy {
            context.strategy = Some(strategy.id);
            context.pattern = Some(strategy.pattern.as_str().to_owned());
            context.kind = strategy.access.kind();
        }
        context.held_back = matched.held_back;
        let request = OriginRequest::new(origin.url())
            .with_customer(customer)
            .with_access(matched.access)
            .with_limit(self.source_limit)
            .with_patience(self.patience);
        (context, self.origins.open(request).await)
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
