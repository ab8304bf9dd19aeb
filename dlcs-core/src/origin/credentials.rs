//! Secrets that open an origin.

use std::fmt;

use zeroize::Zeroizing;

/// A secret text: wiped from memory when dropped, never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Wraps a secret.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The secret itself, for the one place that sends or seals it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// A user and a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    user: String,
    password: Secret,
}

impl Credentials {
    /// Joins a user and a password.
    #[must_use]
    pub fn new(user: impl Into<String>, password: impl Into<String>) -> Self {
        Self {
            user: user.into(),
            password: Secret::new(password),
        }
    }

    /// The user.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The password.
    #[must_use]
    pub const fn password(&self) -> &Secret {
        &self.password
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}

/// What signs requests to an S3 service.
#[derive(Clone, PartialEq, Eq)]
pub struct S3Credentials {
    /// The id of the key.
    pub access_key_id: String,
    /// The key.
    pub secret_access_key: Secret,
    /// What temporary credentials come with.
    pub session_token: Option<Secret>,
    /// The region that the bucket is in, where the address does not say it.
    pub region: Option<String>,
    /// Where the service is, if not at AWS: `https://minio.example.org`.
    pub endpoint: Option<String>,
}

impl fmt::Debug for S3Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("S3Credentials(..)")
    }
}

/// A user of an SFTP server, and what proves it.
#[derive(Clone, PartialEq, Eq)]
pub struct SftpCredentials {
    /// The user.
    pub user: String,
    /// What proves it.
    pub proof: SftpProof,
}

impl fmt::Debug for SftpCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SftpCredentials(..)")
    }
}

/// What proves a user to an SFTP server.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SftpProof {
    /// A password.
    Password(Secret),
    /// A private key, as OpenSSH or PEM writes it.
    PrivateKey {
        /// The text of the key's file.
        key: Secret,
        /// What the key is encrypted with, if it is.
        passphrase: Option<Secret>,
    },
}

impl fmt::Debug for SftpProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SftpProof(..)")
    }
}
