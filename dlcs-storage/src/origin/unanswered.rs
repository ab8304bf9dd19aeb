//! Why a request over HTTP got no answer. The causes that the client gives hold addresses, and texts of the origin, and are not kept.

use std::error::Error;
use std::io;
use std::io::ErrorKind;
use std::time::Duration;

use dlcs_core::origin::OriginError;

use super::guard::Refusal;
use super::unconnected::unconnected;
use super::untrusted::Untrusted;

/// What a request that got no answer means to the caller.
pub(super) fn unanswered(
    backend: &'static str,
    error: &reqwest::Error,
    connect_timeout: Duration,
) -> OriginError {
    let mut kind = ErrorKind::Other;
    let mut in_handshake = false;
    let mut long_head = false;
    for cause in causes(error) {
        if let Some(refusal) = cause.downcast_ref::<Refusal>() {
            return (*refusal).into();
        }
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            kind = io.kind();
            in_handshake |= kind == ErrorKind::InvalidData;
        }
        // The error of a crate that is not ours to name.
        long_head |= cause.to_string() == "message head is too large";
    }
    let permanent = |reason, kind: ErrorKind| OriginError::Backend {
        backend,
        reason,
        source: Box::new(io::Error::from(kind)),
    };
    if error.is_builder() {
        let reason = "the address does not fit into an HTTP request";
        return permanent(reason, ErrorKind::InvalidInput);
    }
    if error.is_timeout() {
        return OriginError::TimedOut {
            after: connect_timeout,
        };
    }
    if error.is_connect() && in_handshake {
        return untrusted(error).map_or_else(
            || {
                let reason = "no encrypted connection could be agreed on";
                permanent(reason, ErrorKind::InvalidData)
            },
            Into::into,
        );
    }
    if long_head {
        return permanent(TOO_MANY_HEADERS, ErrorKind::InvalidData);
    }
    let reason = match kind {
        _ if error.is_dns() => "the name of the host does not resolve",
        _ if error.is_connect() => unconnected(kind),
        _ => "it broke before the answer came",
    };
    OriginError::Connection {
        reason,
        source: Box::new(io::Error::from(kind)),
    }
}

/// What is wrong with an answer whose head is beyond all measure.
pub(super) const TOO_MANY_HEADERS: &str = "its answer has too many or too long header fields";

/// The handshake's errors belong to a crate that is not ours to name, so they are told apart by the text that they have; an unknown one is
/// still a failed handshake.
fn untrusted(error: &reqwest::Error) -> Option<Untrusted> {
    let texts: String = causes(error).map(|cause| cause.to_string()).collect();
    let (_, certificate) = texts.split_once("invalid peer certificate: ")?;
    let is = |marks: &[&str]| marks.iter().any(|mark| certificate.starts_with(mark));
    Some(
        if is(&[
            "certificate expired",
            "certificate not valid yet",
            "Expired",
            "NotValidYet",
        ]) {
            Untrusted::Date
        } else if is(&["certificate not valid for name", "NotValidForName"]) {
            Untrusted::Name
        } else if is(&["UnknownIssuer", "Other(OtherError(CaUsedAsEndEntity))"]) {
            Untrusted::Issuer
        } else {
            Untrusted::Certificate
        },
    )
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
