//! The addresses of resources.

use std::borrow::Cow;
use std::iter;
use std::sync::Arc;

use dlcs_core::iiif::Version;
use dlcs_core::origin::OriginStrategyId;
use dlcs_core::{BatchId, CustomerId, ImageId, SpaceId};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::{Position, Url};

use crate::context::Context;
use crate::route::{Family, QueryFamily};

/// What stands in a segment of a path as it is: RFC 3986's `pchar`.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');

/// A text as one segment of a path.
pub(crate) fn encode_segment(text: &str) -> Cow<'_, str> {
    utf8_percent_encode(text, SEGMENT).into()
}

/// A URL as the start of links: without query, fragment and trailing slash.
pub(crate) fn base(url: &Url) -> Arc<str> {
    url[..Position::AfterPath].trim_end_matches('/').into()
}

/// The address of a batch on an API.
pub(crate) fn batch_link(api: &str, customer: CustomerId, batch: BatchId) -> String {
    format!("{api}/customers/{customer}/queue/batches/{batch}")
}

impl Context {
    /// The address of a customer.
    pub(crate) fn customer_link(&self, customer: CustomerId) -> String {
        format!("{}/customers/{customer}", self.api)
    }

    /// The address of the images of all spaces of a customer.
    pub(crate) fn all_images_link(&self, customer: CustomerId) -> String {
        format!("{}/allImages", self.customer_link(customer))
    }

    /// The address of a space.
    pub(crate) fn space_link(&self, customer: CustomerId, space: SpaceId) -> String {
        format!("{}/spaces/{space}", self.customer_link(customer))
    }

    /// The address of the record of an image.
    pub(crate) fn image_link(&self, image: &ImageId) -> String {
        let space = self.space_link(image.customer(), image.space());
        format!("{space}/images/{}", encode_segment(image.model().as_str()))
    }

    /// The address of the queue of a customer.
    pub(crate) fn queue_link(&self, customer: CustomerId) -> String {
        format!("{}/queue", self.customer_link(customer))
    }

    /// The address of a batch.
    pub(crate) fn batch_link(&self, customer: CustomerId, batch: BatchId) -> String {
        batch_link(&self.api, customer, batch)
    }

    /// The address of a customer's origin strategy.
    pub(crate) fn strategy_link(&self, customer: CustomerId, strategy: OriginStrategyId) -> String {
        format!(
            "{}/originStrategies/{strategy}",
            self.customer_link(customer)
        )
    }

    /// The address of what a family of delivery has of an image, in a version or, for handing out, in none.
    pub(crate) fn delivery_link(
        &self,
        family: Family,
        version: Option<Version>,
        image: &ImageId,
    ) -> String {
        format!(
            "{}/{}/{}{}/{}/{}",
            self.delivery,
            family.segment(),
            start(version),
            image.customer(),
            image.space(),
            encode_segment(image.model().as_str())
        )
    }

    /// The address of the manifest of what a named query selects with these arguments, in a version or in none.
    pub(crate) fn query_link(
        &self,
        version: Option<Version>,
        customer: CustomerId,
        query: &str,
        arguments: &[String],
    ) -> String {
        let family = QueryFamily::Manifest.segment();
        let mut link = format!("{}/{family}/{}{customer}", self.delivery, start(version));
        for segment in iter::once(query).chain(arguments.iter().map(String::as_str)) {
            link.push('/');
            link.push_str(&encode_segment(segment));
        }
        link
    }
}

/// Where a version stands in an address of delivery.
const fn start(version: Option<Version>) -> &'static str {
    match version {
        None => "",
        Some(Version::V2) => "v2/",
        Some(Version::V3) => "v3/",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_keep_what_a_path_may_hold() {
        assert_eq!(
            encode_segment("aZ09-._~!$&'()*+,;=:@"),
            "aZ09-._~!$&'()*+,;=:@"
        );
        assert_eq!(
            encode_segment("a b/c?d#e%2e[é]"),
            "a%20b%2Fc%3Fd%23e%252e%5B%C3%A9%5D"
        );
    }
}
