//! A key and a certificate for `localhost`, made by OpenSSL.
#![expect(clippy::unwrap_used, reason = "a test stops at what goes wrong")]

use std::path::Path;
use std::process::{Command, Stdio};

/// Makes `key.pem` and `certificate.pem` in a directory.
pub(crate) fn make(directory: &Path) {
    let file_name = directory.file_name().unwrap();
    let made = Command::new("openssl")
        .args(["req", "-x509", "-new", "-days", "1", "-nodes"])
        .args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
        .args([
            "-subj",
            "/CN=test",
            "-addext",
            "subjectAltName=DNS:localhost",
        ])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        // Each has a name of its own, or one would be taken for the issuer of another.
        .args(["-subj", &format!("/CN={}", file_name.to_string_lossy())])
        .arg("-keyout")
        .arg(directory.join("key.pem"))
        .arg("-out")
        .arg(directory.join("certificate.pem"))
        .stderr(Stdio::null())
        .status();
    assert!(made.unwrap().success(), "openssl makes a certificate");
}
