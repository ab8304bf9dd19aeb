//! Addresses of databases: `postgres://USER:PASSWORD@HOST:PORT/DATABASE?PARAMETERS`.

use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use thiserror::Error;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// After so much silence the other side is asked whether it is there.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_RETRIES: u32 = 3;
/// How long what was sent may stay without an answer of the other machine.
const USER_TIMEOUT: Duration = Duration::from_secs(20);

/// Why a text is not the address of a database. The text itself is never shown: there may be a password in it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AddressError {
    /// Another scheme, or none.
    #[error("the address of the database must begin with `postgres://`")]
    NotPostgres,
    /// It names no host.
    #[error("the address of the database names no host: write `postgres://HOST/DATABASE`")]
    NoHost,
    /// It names no user.
    #[error("the address of the database names no user: write `postgres://USER@HOST/DATABASE`")]
    NoUser,
    /// It names no database.
    #[error("the address of the database names no database: write `postgres://USER@HOST/DATABASE`")]
    NoDatabase,
    /// A mode of encryption that is not supported.
    #[error(
        "`sslmode={0}` is not supported: say `disable`, or `require` or `verify-full`, which both verify the certificate"
    )]
    UnsupportedMode(String),
    /// It cannot be read.
    #[error("the address of the database cannot be read ({0}): write special characters as %XX")]
    Malformed(String),
}

/// Whether the connection is encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Encryption {
    None,
    /// The certificate is verified, and must name the host.
    Verified {
        /// A PEM file of the authorities that are trusted besides those of the machine.
        authorities: Option<PathBuf>,
    },
}

/// Where a database is, and how it is spoken to.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) driver: tokio_postgres::Config,
    pub(super) encryption: Encryption,
}

impl Address {
    /// Reads an address; without a word about it, everything but this machine is spoken to through TLS.
    pub(super) fn parse(text: &str) -> Result<Self, AddressError> {
        if !["postgres://", "postgresql://"]
            .iter()
            .any(|scheme| text.starts_with(scheme))
        {
            return Err(AddressError::NotPostgres);
        }
        let (base, query) = text.split_once('?').unwrap_or((text, ""));
        let mut others = Vec::new();
        let (mut mode, mut authorities) = (None, None);
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let decoded = |value: &str| percent_decode_str(value).decode_utf8_lossy().into_owned();
            match parameter.split_once('=') {
                Some(("sslmode", value)) => mode = Some(decoded(value)),
                Some(("sslrootcert", "system")) => authorities = None,
                Some(("sslrootcert", path)) => authorities = Some(PathBuf::from(decoded(path))),
                _ => others.push(parameter),
            }
        }
        let mut driver: tokio_postgres::Config = format!("{base}?{}", others.join("&"))
            .parse()
            .map_err(|error| malformed(&error))?;
        if driver.get_hosts().is_empty() {
            return Err(AddressError::NoHost);
        }
        if driver.get_user().is_none_or(str::is_empty) {
            return Err(AddressError::NoUser);
        }
        if driver.get_dbname().is_none_or(str::is_empty) {
            return Err(AddressError::NoDatabase);
        }
        let verified = match mode.as_deref() {
            Some("disable") => false,
            Some("require" | "verify-ca" | "verify-full") => true,
            Some(other) => return Err(AddressError::UnsupportedMode(other.to_owned())),
            None => authorities.is_some() || !driver.get_hosts().iter().all(is_this_machine),
        };
        let encryption = if verified {
            driver.ssl_mode(SslMode::Require);
            Encryption::Verified { authorities }
        } else {
            driver.ssl_mode(SslMode::Disable);
            Encryption::None
        };
        set_defaults(&mut driver);
        Ok(Self { driver, encryption })
    }

    /// The first host, for people.
    pub(super) fn host(&self) -> String {
        let port = self.driver.get_ports().first().copied().unwrap_or(5432);
        match self.driver.get_hosts().first() {
            Some(Host::Tcp(name)) => format!("{name}:{port}"),
            #[cfg(unix)]
            Some(Host::Unix(path)) => path.display().to_string(),
            None => String::new(),
        }
    }

    pub(super) fn user(&self) -> String {
        self.driver.get_user().unwrap_or_default().to_owned()
    }

    pub(super) fn database(&self) -> String {
        self.driver.get_dbname().unwrap_or_default().to_owned()
    }
}

fn set_defaults(driver: &mut tokio_postgres::Config) {
    if driver.get_connect_timeout().is_none() {
        driver.connect_timeout(CONNECT_TIMEOUT);
    }
    if driver.get_application_name().is_none() {
        driver.application_name("dlcs");
    }
    if driver.get_hosts().len() > 1 {
        // Of several servers, the one that can be written to.
        driver.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
    driver
        .keepalives(true)
        .keepalives_idle(KEEPALIVE_IDLE)
        .keepalives_interval(KEEPALIVE_INTERVAL)
        .keepalives_retries(KEEPALIVE_RETRIES)
        .tcp_user_timeout(USER_TIMEOUT);
}

fn is_this_machine(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            let bare = name.trim_start_matches('[').trim_end_matches(']');
            name.eq_ignore_ascii_case("localhost")
                || bare
                    .parse()
                    .is_ok_and(|address: std::net::IpAddr| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

fn malformed(error: &tokio_postgres::Error) -> AddressError {
    // The cause names parameters, never values.
    let cause =
        std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
    AddressError::Malformed(cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    #[test]
    fn an_address_says_everything() {
        let address = parsed(
            "postgresql://anna:p%40ss@db.example.org:6432/dlcs?application_name=node%201&sslmode=verify-full",
        );
        assert_eq!(address.host(), "db.example.org:6432");
        assert_eq!(
            (address.user(), address.database()),
            ("anna".to_owned(), "dlcs".to_owned())
        );
        assert_eq!(address.driver.get_password(), Some(&b"p@ss"[..]));
        assert_eq!(address.driver.get_application_name(), Some("node 1"));
        assert_eq!(address.driver.get_ssl_mode(), SslMode::Require);
        let user_timeout = address.driver.get_tcp_user_timeout();
        assert_eq!(user_timeout, Some(&Duration::from_secs(20)));
        assert_eq!(
            address.driver.get_keepalives_idle(),
            Duration::from_secs(30)
        );
    }

    #[test]
    fn what_goes_over_a_network_is_encrypted_unless_the_address_says_otherwise() {
        let verified = |authorities: Option<&str>| Encryption::Verified {
            authorities: authorities.map(PathBuf::from),
        };
        for (text, encryption) in [
            ("postgres://u@127.0.0.1/d", Encryption::None),
            ("postgres://u@localhost:5433/d", Encryption::None),
            ("postgres://u@%2Frun%2Fpostgresql/d", Encryption::None),
            ("postgres://u@127.0.0.1/d?sslmode=require", verified(None)),
            (
                "postgres://u@localhost/d?sslrootcert=/ca.pem",
                verified(Some("/ca.pem")),
            ),
            ("postgres://u@10.0.0.1/d", verified(None)),
            ("postgres://u@db/d?sslmode=disable", Encryption::None),
            (
                "postgres://u@db/d?sslmode=verify-ca&sslrootcert=%2Fca.pem",
                verified(Some("/ca.pem")),
            ),
            ("postgres://u@localhost,db/d", verified(None)),
        ] {
            assert_eq!(parsed(text).encryption, encryption, "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_showing_it() {
        let unsupported = |mode: &str| AddressError::UnsupportedMode(mode.to_owned());
        for (text, error) in [
            ("", AddressError::NotPostgres),
            ("mysql://canary@db/d", AddressError::NotPostgres),
            ("host=canary", AddressError::NotPostgres),
            ("postgres:///d", AddressError::NoHost),
            ("postgres://db/d", AddressError::NoUser),
            ("postgres://u:canary@db", AddressError::NoDatabase),
            (
                "postgres://u:canary@db/d?sslmode=prefer",
                unsupported("prefer"),
            ),
            (
                "postgres://u:canary@db/d?sslmode=allow",
                unsupported("allow"),
            ),
        ] {
            assert_eq!(Address::parse(text).err(), Some(error), "{text}");
        }
        for text in [
            "postgres://u:canary@db:port/d",
            "postgres://u:canary@db/d?no_such_word=canary",
            "postgres://u:canary@db/d?connect_timeout=canary",
            "postgres://u:%FFcanary@db/d?x",
        ] {
            let error = Address::parse(text).err().unwrap();
            assert!(
                matches!(error, AddressError::Malformed(_)),
                "{text}: {error:?}"
            );
            assert!(!error.to_string().contains("canary"), "{error}");
        }
    }
}
