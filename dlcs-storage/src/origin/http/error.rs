//! What a failed fetch means to the caller.

use std::io;
use std::io::ErrorKind;

use dlcs_core::origin::OriginError;

use crate::origin::unanswered::TOO_MANY_HEADERS;

/// Why an origin is of no use as it is: a whole sentence for the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    TooManyRedirects,
    RedirectWithoutAddress,
    RedirectToPlainText,
    RedirectToOtherScheme,
    Compressed,
    PartOnly,
    TooManyHeaders,
}

impl Failure {
    const fn reason(self) -> &'static str {
        match self {
            Self::TooManyRedirects => "it redirects more than 8 times",
            Self::RedirectWithoutAddress => "it redirects without a usable address",
            Self::RedirectToPlainText => "it redirects from https to http",
            Self::RedirectToOtherScheme => "it redirects to an address that is not http or https",
            Self::Compressed => "it compresses its bytes although asked not to",
            Self::PartOnly => "it sent a part although asked for the whole",
            Self::TooManyHeaders => TOO_MANY_HEADERS,
        }
    }
}

impl From<Failure> for OriginError {
    fn from(failure: Failure) -> Self {
        Self::Backend {
            backend: "http",
            reason: failure.reason(),
            source: Box::new(io::Error::from(ErrorKind::InvalidData)),
        }
    }
}
