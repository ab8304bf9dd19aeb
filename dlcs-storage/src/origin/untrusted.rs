//! Why an origin did not prove to be the one that is meant, and what to do.

use dlcs_core::origin::OriginError;

/// Why the other side did not prove to be the one that is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Untrusted {
    NoAuthorities,
    Date,
    Name,
    Issuer,
    Certificate,
}

impl Untrusted {
    const fn reason(self) -> &'static str {
        match self {
            Self::NoAuthorities => {
                "this machine has no certificate authorities, which encryption needs; ask the operator to install them (`ca-certificates`) or to name some with `origin-ca`"
            }
            Self::Date => {
                "its certificate is out of date or not yet valid; ask who runs the origin to renew it"
            }
            Self::Name => {
                "its certificate is for another name; use the name that it was made for, or ask who runs the origin to correct it"
            }
            Self::Issuer => {
                "its certificate is not from a trusted authority; ask the operator to add the authority with `origin-ca`"
            }
            Self::Certificate => {
                "its certificate is not valid; ask who runs the origin to replace it"
            }
        }
    }
}

impl From<Untrusted> for OriginError {
    fn from(untrusted: Untrusted) -> Self {
        Self::NotTrusted {
            reason: untrusted.reason(),
        }
    }
}
