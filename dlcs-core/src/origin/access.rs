//! How to authenticate at an origin.

use std::fmt;
use std::str::FromStr;

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

/// The strategies of the DLCS by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OriginStrategyKind {
    /// Fetch without credentials.
    Default,
    /// HTTP Basic authentication.
    BasicHttp,
}

impl OriginStrategyKind {
    /// Every kind, in the order of the API's listing.
    pub const ALL: [Self; 2] = [Self::Default, Self::BasicHttp];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::BasicHttp => "basic-http-authentication",
        }
    }

    /// Whether a customer's strategy of this kind must have credentials.
    #[must_use]
    pub const fn requires_credentials(self) -> bool {
        matches!(self, Self::BasicHttp)
    }
}

impl fmt::Display for OriginStrategyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for OriginStrategyKind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "default" => Ok(Self::Default),
            "basic-http-authentication" | "basic_https" => Ok(Self::BasicHttp),
            _ => Err(()),
        }
    }
}

/// How to authenticate: a kind with exactly the credentials that it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum OriginAccess {
    /// Without credentials.
    Default,
    /// With HTTP Basic authentication.
    BasicHttp(Credentials),
}

impl OriginAccess {
    /// The kind.
    #[must_use]
    pub const fn kind(&self) -> OriginStrategyKind {
        match self {
            Self::Default => OriginStrategyKind::Default,
            Self::BasicHttp(_) => OriginStrategyKind::BasicHttp,
        }
    }

    /// The credentials, where the kind has some.
    #[must_use]
    pub const fn credentials(&self) -> Option<&Credentials> {
        match self {
            Self::Default => None,
            Self::BasicHttp(credentials) => Some(credentials),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_printed() {
        let access = OriginAccess::BasicHttp(Credentials::new("canary-user", "canary-password"));
        let text = format!("{access:?} {:#?} {:?}", access, Secret::new("canary-key"));
        assert!(!text.contains("canary"), "{text}");
    }

    #[test]
    fn wire_names_round_trip() {
        for kind in OriginStrategyKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
        assert_eq!("basic_https".parse(), Ok(OriginStrategyKind::BasicHttp));
        assert_eq!("Default".parse::<OriginStrategyKind>(), Err(()));
    }
}
