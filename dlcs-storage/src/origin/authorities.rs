//! Certificate authorities beyond those of the machine.

use std::fmt;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
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
pub struct Authorities(Vec<CertificateDer<'static>>);

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
        let unreadable = AuthoritiesError::Unreadable;
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(bundle)
            .collect::<Result<_, _>>()
            .map_err(|_| unreadable)?;
        if certificates.is_empty() {
            return Err(AuthoritiesError::Empty);
        }
        // What is in them is read here, so that no client fails for it later.
        let mut roots = RootCertStore::empty();
        for certificate in &certificates {
            roots.add(certificate.clone()).map_err(|_| unreadable)?;
        }
        Ok(Self(certificates))
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The certificates, as DER.
    pub(super) fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.0
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
                "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n",
                AuthoritiesError::Unreadable,
            ),
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
