//! TLS to the database: with certificates that are verified, or not at all.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::address::Encryption;
use super::error::OpenError;

/// What encrypts connections; where they are not encrypted it is never asked.
pub(super) fn connector(encryption: &Encryption) -> Result<MakeRustlsConnect, OpenError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(failed)?;
    let config = match encryption {
        Encryption::None => builder
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth(),
        Encryption::Verified { authorities } => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier(authorities.as_deref(), provider)?))
            .with_no_client_auth(),
    };
    Ok(MakeRustlsConnect::new(config))
}

/// Trusts the authorities of the machine, and those in a file.
fn verifier(
    authorities: Option<&Path>,
    provider: Arc<CryptoProvider>,
) -> Result<Verifier, OpenError> {
    let extra = authorities.map_or(Ok(Vec::new()), read)?;
    Verifier::new_with_extra_roots(extra, provider).map_err(failed)
}

fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, OpenError> {
    let unreadable = |source: Box<dyn std::error::Error + Send + Sync>| OpenError::Authorities {
        path: path.to_owned(),
        source,
    };
    let bundle = std::fs::read(path).map_err(|error| unreadable(error.into()))?;
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&bundle)
        .collect::<Result<_, _>>()
        .map_err(|error| unreadable(Box::new(error)))?;
    if certificates.is_empty() {
        return Err(unreadable("there is no certificate in it".into()));
    }
    Ok(certificates)
}

fn failed(error: rustls::Error) -> OpenError {
    OpenError::Tls {
        source: Box::new(error),
    }
}
