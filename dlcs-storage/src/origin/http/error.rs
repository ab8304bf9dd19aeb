//! What a failed fetch means to the caller.

use std::error::Error;
use std::io;
use std::io::ErrorKind;
use std::time::Duration;

use dlcs_core::origin::OriginError;

use crate::origin::guard::Refusal;

/// Why an origin is of no use as it is: a whole sentence for the user, since the causes that the client gives hold addresses and texts of
/// the origin and must not be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    TooManyRedirects,
    RedirectWithoutAddress,
    RedirectToPlainText,
    RedirectToOtherScheme,
    Compressed,
    PartOnly,
    NotARequest,
    NoAuthorities,
    CertificateDate,
    CertificateName,
    CertificateIssuer,
    Certificate,
    Encryption,
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
            Self::NotARequest => "the address does not fit into an HTTP request",
            Self::NoAuthorities => {
                "this machine has no certificate authorities, which https needs; install them (`ca-certificates`) and start again"
            }
            Self::CertificateDate => "its certificate is out of date or not yet valid",
            Self::CertificateName => "its certificate is for another name",
            Self::CertificateIssuer => "its certificate is not from a trusted authority",
            Self::Certificate => "its certificate is not valid",
            Self::Encryption => "no encrypted connection could be agreed on",
        }
    }

    const fn kind(self) -> ErrorKind {
        match self {
            Self::NoAuthorities => ErrorKind::NotFound,
            Self::NotARequest => ErrorKind::InvalidInput,
            _ => ErrorKind::InvalidData,
        }
    }
}

impl From<Failure> for OriginError {
    fn from(failure: Failure) -> Self {
        Self::Backend {
            backend: "http",
            reason: failure.reason(),
            source: Box::new(io::Error::from(failure.kind())),
        }
    }
}

/// A request that got no answer.
pub(super) fn unanswered(error: &reqwest::Error, connect_timeout: Duration) -> OriginError {
    let mut kind = ErrorKind::Other;
    let mut in_handshake = false;
    for cause in causes(error) {
        if let Some(refusal) = cause.downcast_ref::<Refusal>() {
            return (*refusal).into();
        }
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            kind = io.kind();
            in_handshake |= kind == ErrorKind::InvalidData;
        }
    }
    if error.is_builder() {
        return Failure::NotARequest.into();
    }
    if error.is_timeout() {
        return OriginError::TimedOut {
            after: connect_timeout,
        };
    }
    if error.is_connect() && in_handshake {
        return handshake(error).into();
    }
    let reason = match kind {
        _ if error.is_dns() => "the name of the host does not resolve",
        ErrorKind::ConnectionRefused => "nothing listens at that address",
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => "the host cannot be reached",
        _ if error.is_connect() => "no connection could be made",
        _ => "it broke before the answer came",
    };
    OriginError::Connection {
        reason,
        source: Box::new(io::Error::from(kind)),
    }
}

/// The handshake's errors belong to a crate that is not ours to name, so they are told apart by the text that they have; an unknown one is
/// still a failed handshake.
fn handshake(error: &reqwest::Error) -> Failure {
    let texts: String = causes(error).map(|cause| cause.to_string()).collect();
    let Some((_, certificate)) = texts.split_once("invalid peer certificate: ") else {
        return Failure::Encryption;
    };
    let is = |marks: &[&str]| marks.iter().any(|mark| certificate.starts_with(mark));
    if is(&[
        "certificate expired",
        "certificate not valid yet",
        "Expired",
        "NotValidYet",
    ]) {
        Failure::CertificateDate
    } else if is(&["certificate not valid for name", "NotValidForName"]) {
        Failure::CertificateName
    } else if is(&["UnknownIssuer", "Other(OtherError(CaUsedAsEndEntity))"]) {
        Failure::CertificateIssuer
    } else {
        Failure::Certificate
    }
}

/// The error and its causes, also those that an [`io::Error`] wraps, which [`Error::source`] skips.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&cause| {
        match cause.downcast_ref::<io::Error>().map(io::Error::get_ref) {
            Some(Some(wrapped)) => Some(wrapped as &(dyn Error + 'static)),
            _ => cause.source(),
        }
    })
}
