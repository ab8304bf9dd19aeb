//! Certificate authorities beyond those of the machine.

use std::fmt;

use reqwest::{Certificate, Client};
use thiserror::Error;

/// Why a text is no bundle of certificate authorities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AuthoritiesError {
    /// No certificate in it.
    #[error("holds no certificate: give a PEM file with at least one `BEGIN CERTIFICATE`")]
    Empty,
    /// Not PEM, or a certificate that cannot be read.
    #[error("holds a certificate that cannot be read: give a PEM file of X.509 certificates")]
    Unreadable,
}

/// Certificate authorities that are trusted in addition to those of the machine.
#[derive(Clone, Default)]
pub struct Authorities(Vec<Certificate>);

impl Authorities {
    /// None beyond those of the machine.
    #[must_use]
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// Reads a bundle in PEM.
    ///
    /// # Errors
    /// [`AuthoritiesError`]: nothing in it, or something that is not a certificate.
    pub fn from_pem(bundle: &[u8]) -> Result<Self, AuthoritiesError> {
        let certificates =
            Certificate::from_pem_bundle(bundle).map_err(|_| AuthoritiesError::Unreadable)?;
        if certificates.is_empty() {
            return Err(AuthoritiesError::Empty);
        }
        // The certificates themselves are only read when a client is made of them.
        Client::builder()
            .tls_certs_only(certificates.clone())
            .build()
            .map_err(|_| AuthoritiesError::Unreadable)?;
        Ok(Self(certificates))
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn certificates(&self) -> Vec<Certificate> {
        self.0.clone()
    }
}

impl fmt::Debug for Authorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authorities({})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_bundle_is_refused() {
        for (text, error) in [
            ("", AuthoritiesError::Empty),
            ("canary", AuthoritiesError::Empty),
            (
                "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
                AuthoritiesError::Unreadable,
            ),
            (
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                AuthoritiesError::Unreadable,
            ),
            (
                "-----BEGIN CERTIFICATE-----\nAAAA\n",
                AuthoritiesError::Unreadable,
            ),
        ] {
            assert_eq!(
                Authorities::from_pem(text.as_bytes()).unwrap_err(),
                error,
                "{text}"
            );
        }
    }
}
