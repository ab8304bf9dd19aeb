//! Which customer is told at which URL.

use std::collections::BTreeMap;
use std::fmt;

use dlcs_core::id::CustomerId;
use thiserror::Error;
use url::{Position, Url};

/// Why a text is no webhook.
///
/// None shows anything of a text: it may hold a secret anywhere.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TargetError {
    /// Not a customer and a URL.
    #[error(
        "number {place} is no webhook: write a customer and a URL as 2=https://example.org/batches, and a comma in a URL as %2C"
    )]
    NotATarget {
        /// Its place among all, from 1.
        place: usize,
    },
    /// Not a URL that can be posted to.
    #[error(
        "the webhook of customer {customer} is no http or https URL: write one as 2=https://example.org/batches"
    )]
    NotAUrl {
        /// The customer.
        customer: CustomerId,
    },
    /// A URL with a user or a password.
    #[error(
        "the webhook of customer {customer} has a user or a password: leave them out, notices are signed"
    )]
    HasUser {
        /// The customer.
        customer: CustomerId,
    },
    /// Two URLs of one customer.
    #[error("customer {customer} has two webhooks: leave one out")]
    Twice {
        /// The customer.
        customer: CustomerId,
    },
}

/// The URL at which each customer is told; a customer without one is not.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct WebhookTargets(BTreeMap<CustomerId, Url>);

impl WebhookTargets {
    /// Nobody is told.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Tells a customer at a URL.
    ///
    /// # Errors
    /// [`TargetError`].
    pub fn with_url(mut self, customer: CustomerId, url: Url) -> Result<Self, TargetError> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(TargetError::NotAUrl { customer });
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(TargetError::HasUser { customer });
        }
        match self.0.insert(customer, url) {
            None => Ok(self),
            Some(_) => Err(TargetError::Twice { customer }),
        }
    }

    /// Parses webhooks, each as `2=https://example.org/batches`; a text may hold several, with commas between them.
    ///
    /// # Errors
    /// The [`TargetError`] of the first text that is no webhook.
    pub fn parse<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Result<Self, TargetError> {
        let mut targets = Self::none();
        let mut place = 0;
        for text in texts {
            let parts = text.as_ref().split(',').map(str::trim);
            for part in parts.filter(|part| !part.is_empty()) {
                place += 1;
                let not_a_target = || TargetError::NotATarget { place };
                let (customer, url) = part.split_once('=').ok_or_else(not_a_target)?;
                let customer = customer.trim().parse().map_err(|_| not_a_target())?;
                let url = url.trim().parse();
                let url = url.map_err(|_| TargetError::NotAUrl { customer })?;
                targets = targets.with_url(customer, url)?;
            }
        }
        Ok(targets)
    }

    /// Where a customer is told.
    #[must_use]
    pub fn of(&self, customer: CustomerId) -> Option<&Url> {
        self.0.get(&customer)
    }

    /// Whether nobody is told.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a certificate has to be verified.
    pub(super) fn need_encryption(&self) -> bool {
        self.0.values().any(|url| url.scheme() == "https")
    }
}

/// Shows no query strings: they may hold tokens.
impl fmt::Debug for WebhookTargets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.iter();
        let shown = shown.map(|(customer, url)| (customer.get(), &url[..Position::AfterPath]));
        f.debug_map().entries(shown).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(texts: &[&str]) -> Result<WebhookTargets, String> {
        WebhookTargets::parse(texts).map_err(|error| error.to_string())
    }

    #[test]
    fn webhooks_are_customers_with_urls() {
        let targets = parse(&[
            "1=https://a.example/x?token=b=c%2C, 2 = http://10.0.0.1:8000/",
            "3=https://c.example",
        ])
        .unwrap();
        let of = |number| {
            let url = targets.of(CustomerId::new(number).unwrap());
            url.map(Url::as_str)
        };
        assert_eq!(of(1), Some("https://a.example/x?token=b=c%2C"));
        assert_eq!(of(2), Some("http://10.0.0.1:8000/"));
        assert_eq!((of(3), of(4)), (Some("https://c.example/"), None));
        assert!(targets.need_encryption() && !targets.is_none());
        assert!(!parse(&["1=http://a.example"]).unwrap().need_encryption());
        assert!(parse(&[""]).unwrap().is_none());
    }

    #[test]
    fn what_is_no_webhook_is_refused_and_shows_no_secret() {
        for (text, sentence) in [
            (
                "https://u:canary@a.example/x?t=canary",
                "number 1 is no webhook: write a customer and a URL as 2=https://example.org/batches, and a comma in a URL as %2C",
            ),
            (
                "1=https://a.example/x?t=1,canary",
                "number 2 is no webhook: write a customer and a URL as 2=https://example.org/batches, and a comma in a URL as %2C",
            ),
            (
                "0=https://a.example/x",
                "number 1 is no webhook: write a customer and a URL as 2=https://example.org/batches, and a comma in a URL as %2C",
            ),
            (
                "1=a.example/canary",
                "the webhook of customer 1 is no http or https URL: write one as 2=https://example.org/batches",
            ),
            (
                "1=ftp://a.example/canary",
                "the webhook of customer 1 is no http or https URL: write one as 2=https://example.org/batches",
            ),
            (
                "7=https://u:canary@a.example/",
                "the webhook of customer 7 has a user or a password: leave them out, notices are signed",
            ),
            (
                "1=https://a.example/, 1=https://b.example/",
                "customer 1 has two webhooks: leave one out",
            ),
        ] {
            assert_eq!(parse(&[text]).unwrap_err(), sentence);
        }
        let targets = parse(&["1=https://a.example/x?t=canary"]).unwrap();
        assert_eq!(format!("{targets:?}"), r#"{1: "https://a.example/x"}"#);
    }
}
