//! What a failed fetch means to the caller.

use std::io::{self, ErrorKind};

use dlcs_core::origin::OriginError;
use rustls::{CertificateError, Error as TlsError};

use crate::origin::dial::failed;
use crate::origin::untrusted::Untrusted;

/// Why an origin is of no use as it is: a whole sentence for the user, since what a server says must not be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    LongLine,
    LongReply,
    NotAReply,
    UnexpectedReply,
    AheadOfEncryption,
    NoEncryption,
    NoPassive,
    DataPort,
    LongListing,
    Command,
    HostName,
    Encryption,
}

impl Failure {
    const fn reason(self) -> &'static str {
        match self {
            Self::LongLine => "it answers with a line of more than 8 KiB",
            Self::LongReply => "it answers with more than 64 lines",
            Self::NotAReply => "it does not answer as FTP servers do",
            Self::UnexpectedReply => "it answers what was not asked",
            Self::AheadOfEncryption => {
                "it sends something ahead of the encryption that was agreed on"
            }
            Self::NoEncryption => "it does not offer encryption, which an `ftps` address needs",
            Self::NoPassive => "it does not offer the passive mode",
            Self::DataPort => "it offers its data at a port below 1024",
            Self::LongListing => "the folder has more than 100000 entries",
            Self::Command => "the user or the password has a control character in it",
            Self::HostName => "its host cannot be the name in a certificate",
            Self::Encryption => "no encrypted connection could be agreed on",
        }
    }
}

impl From<Failure> for OriginError {
    fn from(failure: Failure) -> Self {
        let kind = match failure {
            Failure::Command | Failure::HostName => ErrorKind::InvalidInput,
            _ => ErrorKind::InvalidData,
        };
        Self::Backend {
            backend: "ftp",
            reason: failure.reason(),
            source: Box::new(io::Error::from(kind)),
        }
    }
}

/// What a reply means that is not the one that was hoped for.
pub(super) const fn refusal(code: u16) -> OriginError {
    let status = None;
    match code {
        430 | 530..=534 => OriginError::Denied { status },
        400..=499 => OriginError::Unavailable {
            status,
            retry_after: None,
        },
        550 | 553 => OriginError::NotFound { status },
        _ => OriginError::Refused { status },
    }
}

/// A connection that broke.
pub(super) fn broken(error: &io::Error) -> OriginError {
    failed("it broke before the answer came", error.kind())
}

/// A connection that could not be encrypted.
pub(super) fn handshake(error: &io::Error) -> OriginError {
    let Some(cause) = error.get_ref().and_then(|it| it.downcast_ref::<TlsError>()) else {
        return broken(error);
    };
    let TlsError::InvalidCertificate(certificate) = cause else {
        return Failure::Encryption.into();
    };
    match certificate {
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => Untrusted::Date,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            Untrusted::Name
        }
        CertificateError::UnknownIssuer => Untrusted::Issuer,
        // The library has no name of its own for what a self-signed authority does wrong as a server.
        CertificateError::Other(other) if format!("{other:?}").contains("CaUsedAsEndEntity") => {
            Untrusted::Issuer
        }
        _ => Untrusted::Certificate,
    }
    .into()
}
