//! How to authenticate at an origin.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;
use url::Url;

use super::credentials::{Credentials, S3Credentials, Secret, SftpCredentials, SftpProof};

/// The strategies of the DLCS by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OriginStrategyKind {
    /// Fetch without credentials.
    Default,
    /// HTTP Basic authentication.
    BasicHttp,
    /// S3, with its own credentials or with those of this program.
    S3Ambient,
    /// FTP and FTPS, with credentials or anonymous.
    Ftp,
    /// SFTP.
    Sftp,
}

impl OriginStrategyKind {
    /// Every kind, in the order of the API's listing.
    pub const ALL: [Self; 5] = [
        Self::Default,
        Self::BasicHttp,
        Self::S3Ambient,
        Self::Ftp,
        Self::Sftp,
    ];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::BasicHttp => "basic-http-authentication",
            Self::S3Ambient => "s3-ambient",
            Self::Ftp => "ftp",
            Self::Sftp => "sftp",
        }
    }

    /// Whether a customer's strategy of this kind must have credentials.
    #[must_use]
    pub const fn requires_credentials(self) -> bool {
        matches!(self, Self::BasicHttp | Self::Sftp)
    }

    /// What the credentials of this kind are made of, for people; `None` where there are none.
    #[must_use]
    pub const fn shape(self) -> Option<&'static str> {
        match self {
            Self::Default => None,
            Self::BasicHttp | Self::Ftp => Some("a `user` and a `password`"),
            Self::S3Ambient => Some(
                "an `accessKeyId` and a `secretAccessKey`, and may have a `sessionToken`, a `region` and an `endpoint`",
            ),
            Self::Sftp => Some(
                "a `user` with a `password`, or a `user` with a `privateKey` and, where the key is encrypted, its `passphrase`",
            ),
        }
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
            "s3-ambient" => Ok(Self::S3Ambient),
            "ftp" | "ftps_creds" => Ok(Self::Ftp),
            "sftp" => Ok(Self::Sftp),
            _ => Err(()),
        }
    }
}

/// Why credentials do not fit a strategy. Holds none of their text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// None were given.
    #[error("are missing: the strategy `{kind}` needs {}", shape(.kind))]
    Missing {
        /// The strategy.
        kind: OriginStrategyKind,
    },
    /// Some were given.
    #[error("are not used by the strategy `{kind}`: leave them out")]
    NotUsed {
        /// The strategy.
        kind: OriginStrategyKind,
    },
    /// Others were given.
    #[error("must have {}", shape(.kind))]
    Shape {
        /// The strategy.
        kind: OriginStrategyKind,
    },
    /// A user that the header cannot carry (RFC 7617 §2).
    #[error("have a `user` with a colon in it, which HTTP Basic authentication cannot send")]
    ColonInUser,
    /// A user or a password that would end the command that carries it.
    #[error("have a control character in them, which no server is sent")]
    Control,
    /// An endpoint that is no address.
    #[error("have an `endpoint` that is not an http or https address without a path")]
    Endpoint,
}

const fn shape(kind: &OriginStrategyKind) -> &'static str {
    match kind.shape() {
        Some(shape) => shape,
        None => "none",
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
    /// At S3, with its own credentials; without, with those of this program, as far as the operator grants that.
    S3Ambient(Option<S3Credentials>),
    /// At FTP and FTPS, with credentials; without, anonymous.
    Ftp(Option<Credentials>),
    /// At SFTP.
    Sftp(SftpCredentials),
    /// With credentials that are stored and cannot be read: they were sealed with another key, or changed.
    Unreadable(OriginStrategyKind),
}

impl OriginAccess {
    /// Reads an access by the names that its parts have on the wire; `field` returns a part, or `None`.
    ///
    /// # Errors
    /// [`CredentialsError`]: what is missing, or does not belong.
    pub fn from_fields<'a>(
        kind: OriginStrategyKind,
        field: impl Fn(&str) -> Option<&'a str>,
    ) -> Result<Self, CredentialsError> {
        let field = |name| field(name).filter(|text| !text.is_empty());
        let secret = |name| field(name).map(Secret::new);
        if NAMES.iter().all(|name| field(name).is_none()) {
            return match kind {
                OriginStrategyKind::Default => Ok(Self::Default),
                OriginStrategyKind::S3Ambient => Ok(Self::S3Ambient(None)),
                OriginStrategyKind::Ftp => Ok(Self::Ftp(None)),
                OriginStrategyKind::BasicHttp | OriginStrategyKind::Sftp => {
                    Err(CredentialsError::Missing { kind })
                }
            };
        }
        let misshapen = CredentialsError::Shape { kind };
        // A private key has lines.
        if NAMES
            .iter()
            .filter(|name| **name != PRIVATE_KEY)
            .filter_map(|name| field(name))
            .any(|text| text.contains(char::is_control))
        {
            return Err(CredentialsError::Control);
        }
        let user_and_password = || match (field(USER), field(PASSWORD)) {
            (Some(user), Some(password)) => Ok(Credentials::new(user, password)),
            _ => Err(misshapen),
        };
        match kind {
            OriginStrategyKind::Default => Err(CredentialsError::NotUsed { kind }),
            OriginStrategyKind::BasicHttp => match user_and_password()? {
                credentials if credentials.user().contains(':') => {
                    Err(CredentialsError::ColonInUser)
                }
                credentials => Ok(Self::BasicHttp(credentials)),
            },
            OriginStrategyKind::Ftp => Ok(Self::Ftp(Some(user_and_password()?))),
            OriginStrategyKind::Sftp => {
                let user = field(USER).ok_or(misshapen)?.to_owned();
                let proof = match (secret(PRIVATE_KEY), secret(PASSWORD)) {
                    (Some(key), None) => SftpProof::PrivateKey {
                        key,
                        passphrase: secret(PASSPHRASE),
                    },
                    (None, Some(password)) => SftpProof::Password(password),
                    _ => return Err(misshapen),
                };
                Ok(Self::Sftp(SftpCredentials { user, proof }))
            }
            OriginStrategyKind::S3Ambient => {
                let id = field(ACCESS_KEY_ID).ok_or(misshapen)?;
                let endpoint = field(ENDPOINT);
                if !endpoint.is_none_or(is_endpoint) {
                    return Err(CredentialsError::Endpoint);
                }
                Ok(Self::S3Ambient(Some(S3Credentials {
                    access_key_id: id.to_owned(),
                    secret_access_key: secret(SECRET_ACCESS_KEY).ok_or(misshapen)?,
                    session_token: secret(SESSION_TOKEN),
                    region: field(REGION).map(str::to_owned),
                    endpoint: endpoint.map(str::to_owned),
                })))
            }
        }
    }

    /// The parts of the credentials by their names on the wire, secrets and all: for the one place that seals them.
    #[must_use]
    pub fn fields(&self) -> Vec<(&'static str, &str)> {
        match self {
            Self::Default | Self::S3Ambient(None) | Self::Ftp(None) | Self::Unreadable(_) => {
                Vec::new()
            }
            Self::BasicHttp(credentials) | Self::Ftp(Some(credentials)) => vec![
                (USER, credentials.user()),
                (PASSWORD, credentials.password().expose()),
            ],
            Self::Sftp(SftpCredentials { user, proof }) => {
                let mut fields = vec![(USER, user.as_str())];
                match proof {
                    SftpProof::Password(password) => fields.push((PASSWORD, password.expose())),
                    SftpProof::PrivateKey { key, passphrase } => {
                        fields.push((PRIVATE_KEY, key.expose()));
                        fields.extend(passphrase.as_ref().map(|it| (PASSPHRASE, it.expose())));
                    }
                }
                fields
            }
            Self::S3Ambient(Some(credentials)) => {
                let mut fields = vec![
                    (ACCESS_KEY_ID, credentials.access_key_id.as_str()),
                    (SECRET_ACCESS_KEY, credentials.secret_access_key.expose()),
                ];
                let token = credentials.session_token.as_ref();
                fields.extend(token.map(|token| (SESSION_TOKEN, token.expose())));
                fields.extend(credentials.region.as_deref().map(|it| (REGION, it)));
                fields.extend(credentials.endpoint.as_deref().map(|it| (ENDPOINT, it)));
                fields
            }
        }
    }

    /// The kind.
    #[must_use]
    pub const fn kind(&self) -> OriginStrategyKind {
        match self {
            Self::Default => OriginStrategyKind::Default,
            Self::BasicHttp(_) => OriginStrategyKind::BasicHttp,
            Self::S3Ambient(_) => OriginStrategyKind::S3Ambient,
            Self::Ftp(_) => OriginStrategyKind::Ftp,
            Self::Sftp(_) => OriginStrategyKind::Sftp,
            Self::Unreadable(kind) => *kind,
        }
    }

    /// Whether it has credentials of its own.
    #[must_use]
    pub const fn has_credentials(&self) -> bool {
        !matches!(
            self,
            Self::Default | Self::S3Ambient(None) | Self::Ftp(None)
        )
    }

    /// Whether it opens more than anybody could: with credentials of its own, or of this program.
    #[must_use]
    pub const fn is_privileged(&self) -> bool {
        !matches!(self, Self::Default | Self::Ftp(None))
    }
}

const USER: &str = "user";
const PASSWORD: &str = "password";
const PRIVATE_KEY: &str = "privateKey";
const PASSPHRASE: &str = "passphrase";
const ACCESS_KEY_ID: &str = "accessKeyId";
const SECRET_ACCESS_KEY: &str = "secretAccessKey";
const SESSION_TOKEN: &str = "sessionToken";
const REGION: &str = "region";
const ENDPOINT: &str = "endpoint";

const NAMES: [&str; 9] = [
    USER,
    PASSWORD,
    PRIVATE_KEY,
    PASSPHRASE,
    ACCESS_KEY_ID,
    SECRET_ACCESS_KEY,
    SESSION_TOKEN,
    REGION,
    ENDPOINT,
];

fn is_endpoint(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.path() == "/"
            && url.query().is_none()
            && url.username().is_empty()
            && url.password().is_none()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: OriginStrategyKind, fields: &[(&str, &str)]) -> Result<OriginAccess, String> {
        let fields: Vec<(String, String)> = fields
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect();
        let field = |name: &str| {
            let found = fields.iter().find(|(own, _)| own == name);
            found.map(|(_, text)| text.as_str())
        };
        OriginAccess::from_fields(kind, field).map_err(|error| error.to_string())
    }

    const PRIVATE: [(&str, &str); 3] = [
        (USER, "canary-user"),
        (PRIVATE_KEY, "canary\nkey"),
        (PASSPHRASE, "canary-phrase"),
    ];
    const S3: [(&str, &str); 5] = [
        (ACCESS_KEY_ID, "canary-id"),
        (SECRET_ACCESS_KEY, "canary-key"),
        (SESSION_TOKEN, "canary-token"),
        (REGION, "eu-west-1"),
        (ENDPOINT, "http://localhost:9000"),
    ];
    const PAIR: [(&str, &str); 2] = [(USER, "canary-user"), (PASSWORD, "canary-password")];

    #[test]
    fn what_is_written_is_read_again_and_never_printed() {
        use OriginStrategyKind as Kind;
        for (kind, fields, privileged) in [
            (Kind::Default, &[][..], false),
            (Kind::BasicHttp, &PAIR[..], true),
            (Kind::S3Ambient, &[][..], true),
            (Kind::S3Ambient, &S3[..2], true),
            (Kind::S3Ambient, &S3[..], true),
            (Kind::Ftp, &[][..], false),
            (Kind::Ftp, &PAIR[..], true),
            (Kind::Sftp, &PAIR[..], true),
            (Kind::Sftp, &PRIVATE[..2], true),
            (Kind::Sftp, &PRIVATE[..], true),
        ] {
            let access = read(kind, fields).unwrap();
            assert_eq!(access.fields(), fields);
            assert_eq!(access.kind(), kind);
            assert_eq!(access.has_credentials(), !fields.is_empty());
            assert_eq!(access.is_privileged(), privileged);
            let text = format!("{access:?} {access:#?}");
            assert!(!text.contains("canary"), "{text}");
        }
        let text = format!("{:?}", Secret::new("canary-key"));
        assert!(!text.contains("canary"), "{text}");
    }

    #[test]
    fn what_does_not_fit_is_refused_with_what_would() {
        use OriginStrategyKind as Kind;
        for (kind, fields, sentence) in [
            (
                Kind::BasicHttp,
                &[][..],
                "are missing: the strategy `basic-http-authentication` needs a `user` and a `password`",
            ),
            (
                Kind::Default,
                &PAIR[..],
                "are not used by the strategy `default`: leave them out",
            ),
            (
                Kind::BasicHttp,
                &PAIR[..1],
                "must have a `user` and a `password`",
            ),
            (
                Kind::BasicHttp,
                &S3[..],
                "must have a `user` and a `password`",
            ),
            (
                Kind::BasicHttp,
                &[(USER, "a:b"), (PASSWORD, "c")][..],
                "have a `user` with a colon in it, which HTTP Basic authentication cannot send",
            ),
            (
                Kind::Ftp,
                &[(USER, "a\r\nDELE b"), (PASSWORD, "c")][..],
                "have a control character in them, which no server is sent",
            ),
            (
                Kind::S3Ambient,
                &[
                    (ACCESS_KEY_ID, "a"),
                    (SECRET_ACCESS_KEY, "b"),
                    (ENDPOINT, "ftp://h"),
                ][..],
                "have an `endpoint` that is not an http or https address without a path",
            ),
        ] {
            assert_eq!(read(kind, fields), Err(sentence.to_owned()));
        }
        let both = [PAIR[0], PAIR[1], PRIVATE[1]];
        assert!(read(Kind::Sftp, &both).is_err());
        assert!(read(Kind::Sftp, &[]).is_err());
        assert!(read(Kind::S3Ambient, &S3[..1]).is_err());
    }

    #[test]
    fn wire_names_round_trip() {
        for kind in OriginStrategyKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
        assert_eq!("basic_https".parse(), Ok(OriginStrategyKind::BasicHttp));
        assert_eq!("ftps_creds".parse(), Ok(OriginStrategyKind::Ftp));
        assert_eq!("Default".parse::<OriginStrategyKind>(), Err(()));
    }
}
