//! How notices are signed. Pure.

use std::fmt::Write;

use dlcs_core::origin::Secret;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The signature of a body that is sent at a time.
pub(super) fn of(secret: &Secret, timestamp: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes())
        .expect("a secret of any length can be a key");
    for part in [timestamp.as_bytes(), b".", body] {
        mac.update(part);
    }
    let mut signature = "sha256=".to_owned();
    for byte in mac.finalize().into_bytes() {
        let _ = write!(signature, "{byte:02x}");
    }
    signature
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_what_openssl_says() {
        // printf '1462353630.{"a":1}' | openssl dgst -sha256 -hmac 'known to both sides'
        assert_eq!(
            of(
                &Secret::new("known to both sides"),
                "1462353630",
                b"{\"a\":1}"
            ),
            "sha256=9012129dda1e988dae00ffeb92c2f7ef0e46a2cfcf7ad6da8bbad9b28b270619"
        );
    }
}
