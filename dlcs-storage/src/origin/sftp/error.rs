//! What a failed fetch means to the caller.

use std::io::{self, ErrorKind};

use dlcs_core::origin::OriginError;

use crate::origin::dial::failed;

/// Why an origin is of no use as it is: a whole sentence for the user, since what a server says must not be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    HostKeyChanged,
    HostCertificate,
    KnownHosts,
    NotSsh,
    NoAgreement,
    NoSubsystem,
    LongPacket,
    BadPacket,
    LongListing,
}

impl From<Failure> for OriginError {
    fn from(failure: Failure) -> Self {
        let reason = match failure {
            Failure::HostKeyChanged => {
                return Self::NotTrusted {
                    reason: "its host key is not the one of the first fetch; ask the operator to find out why, and, if the change is meant, to remove the line of the host from the `known-hosts` file: the next fetch takes the new key",
                };
            }
            Failure::HostCertificate => {
                return Self::NotTrusted {
                    reason: "it shows a certificate instead of a host key",
                };
            }
            Failure::KnownHosts => {
                "the file of known hosts cannot be read or written; ask the operator to look at the log"
            }
            Failure::NotSsh => "it does not answer as SSH servers do",
            Failure::NoAgreement => "no encrypted connection could be agreed on",
            Failure::NoSubsystem => "it does not offer SFTP",
            Failure::LongPacket => "it answers with a packet of more than 256 KiB",
            Failure::BadPacket => "it does not answer as SFTP servers do",
            Failure::LongListing => "the folder has more than 100000 entries",
        };
        Self::Backend {
            backend: "sftp",
            reason,
            source: Box::new(io::Error::from(ErrorKind::InvalidData)),
        }
    }
}

/// What a status means that is not the one that was hoped for (draft-ietf-secsh-filexfer-02 §7).
pub(super) const fn refusal(code: u32) -> OriginError {
    let status = None;
    match code {
        2 => OriginError::NotFound { status },
        3 => OriginError::Denied { status },
        6 | 7 => OriginError::Unavailable {
            status,
            retry_after: None,
        },
        _ => OriginError::Refused { status },
    }
}

/// A connection that broke.
pub(super) fn broken(kind: ErrorKind) -> OriginError {
    failed("it broke before the answer came", kind)
}

/// A connection that could not be agreed on, or broke.
pub(super) fn conversation(error: &russh::Error) -> OriginError {
    match error {
        russh::Error::IO(error) => broken(error.kind()),
        russh::Error::Disconnect
        | russh::Error::HUP
        | russh::Error::SendError
        | russh::Error::RecvError
        | russh::Error::InactivityTimeout
        | russh::Error::ConnectionTimeout
        | russh::Error::KeepaliveTimeout => broken(ErrorKind::UnexpectedEof),
        russh::Error::Version => Failure::NotSsh.into(),
        _ => Failure::NoAgreement.into(),
    }
}
