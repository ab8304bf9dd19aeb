//! Origins at ftp and ftps addresses.
//!
//! * `ftp://` is not encrypted; neither are its credentials.
//! * `ftps://` is encrypted from the first byte, at port 990 unless another is given; at port 21, where that cannot be, it is agreed on after
//!   the greeting (`AUTH TLS`), and required.
//! * A path is below the directory of the login; `ftp://host/%2Fetc/x` and `ftp://host//etc/x` begin at the root.
//!
//! ```
//! use dlcs_core::origin::OriginRegistry;
//! use dlcs_storage::origin::ftp::{FtpOrigin, FtpOriginConfig};
//! use dlcs_storage::origin::network::AllowedNetworks;
//!
//! let office: AllowedNetworks = "192.168.0.0/16".parse()?;
//! let config = FtpOriginConfig::default().with_allowed_networks(office);
//! let origins = OriginRegistry::new().with_origin(FtpOrigin::new(config));
//! # Ok::<(), dlcs_storage::origin::network::NetworkError>(())
//! ```

mod config;
mod control;
mod error;
mod listing;
mod passive;
mod session;
mod tls;
mod transfer;

use std::time::Duration;

use async_trait::async_trait;
use dlcs_core::origin::{
    OriginAccess, OriginEntry, OriginError, OriginListing, OriginRequest, OriginResponse,
    OriginStrategy, Result,
};
use futures_util::{StreamExt, stream};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::sync::OwnedSemaphorePermit;
use url::{Host, Url};

pub use config::FtpOriginConfig;

use self::control::{Control, Waits};
use self::error::Failure;
use self::session::{Mode, Session};
use self::tls::{Encryption, Trust, Wire};
use self::transfer::Transfer;
use crate::origin::bounds::{Bounds, Deadline};
use crate::origin::dial::Target;
use crate::origin::path::{Folder, MAX_ENTRIES, decoded, encoded};
use crate::origin::slots::HostSlots;

/// The port of FTP.
const FTP: u16 = 21;
/// The port of FTP that is encrypted from the first byte.
const FTPS: u16 = 990;
/// The most bytes of a line of a listing.
const LISTING_LINE: u64 = 8 << 10;

/// Fetches master images over FTP, encrypted or not, from the addresses that the guard lets pass.
///
/// Invariants:
/// * no address is dialled that [`guard`](crate::origin::guard) refuses, and data comes from the host of the commands or not at all;
/// * whatever a server sends, no more than a line or a chunk of it is held.
#[derive(Debug)]
pub struct FtpOrigin {
    config: FtpOriginConfig,
    trust: Trust,
    slots: HostSlots,
}

impl FtpOrigin {
    /// An origin with these settings.
    #[must_use]
    pub fn new(config: FtpOriginConfig) -> Self {
        Self {
            trust: Trust::new(config.authorities.clone()),
            config,
            slots: HostSlots::new(HostSlots::DEFAULT),
        }
    }

    /// Waits for a turn at the host, connects and logs in.
    async fn session(
        &self,
        request: &OriginRequest<'_>,
        deadline: Deadline,
    ) -> Result<(Session, OwnedSemaphorePermit)> {
        let credentials = match request.access() {
            OriginAccess::Default | OriginAccess::Ftp(None) => None,
            OriginAccess::Ftp(Some(credentials)) => Some(credentials),
            other => {
                return Err(OriginError::Strategy {
                    reason: format!("`{}` is not for ftp and ftps addresses", other.kind()),
                });
            }
        };
        let (target, mode) = self.way(request.url()).await?;
        let turn = self.slots.turn(&target.key(), deadline).await?;
        let waits = Waits {
            patience: request.patience(),
            connecting: self.config.connect_timeout,
            deadline,
        };
        let allowed = self.config.opened.of(request.customer());
        let session = Session::start(&target, mode, allowed, credentials, waits).await?;
        Ok((session, turn))
    }

    /// Where an address leads, and how it is encrypted.
    async fn way(&self, url: &Url) -> Result<(Target, Mode)> {
        if url.scheme() == "ftp" {
            return Ok((Target::of(url, "ftp", FTP)?.or_port(FTPS), Mode::Plain));
        }
        let target = Target::of(url, "ftp", FTPS)?.or_port(FTP);
        let host = match target.host() {
            Host::Domain(name) => ServerName::try_from(name.trim_end_matches('.').to_owned())
                .map_err(|_| Failure::HostName)?,
            Host::Ipv4(address) => ServerName::from(std::net::IpAddr::from(*address)),
            Host::Ipv6(address) => ServerName::from(std::net::IpAddr::from(*address)),
        };
        let connector = self.trust.of_a_fetch().await?;
        let encryption = Encryption { connector, host };
        let mode = if target.port() == FTP {
            Mode::Explicit(encryption)
        } else {
            Mode::Implicit(encryption)
        };
        Ok((target, mode))
    }
}

/// The name that a server knows a file by.
fn path(url: &Url) -> Result<Vec<u8>> {
    let text = encoded(url);
    // RFC 1738 §3.2.2: how to transfer it, which is always as it is.
    let typed = text
        .len()
        .checked_sub(";type=i".len())
        .and_then(|at| text.split_at_checked(at))
        .filter(|(_, end)| end.eq_ignore_ascii_case(";type=i"));
    decoded(typed.map_or(text, |(start, _)| start))
}

#[async_trait]
impl OriginStrategy for FtpOrigin {
    fn schemes(&self) -> &'static [&'static str] {
        &["ftp", "ftps"]
    }

    fn check(&self, url: &Url) -> Result<()> {
        path(url).map(drop)
    }

    async fn open(&self, request: OriginRequest<'_>) -> Result<OriginResponse> {
        let deadline = Deadline::after(self.config.total_timeout);
        let path = path(request.url())?;
        if path.is_empty() || path.ends_with(b"/") {
            return Err(OriginError::NotAFile);
        }
        let (mut session, turn) = self.session(&request, deadline).await?;
        let size = session.command("SIZE", &path).await?;
        // Some servers have no SIZE, or not for everything: what is not there has no bytes to send either.
        let expected = if size.code == 213 {
            length(&size.text)
        } else {
            None
        };
        let bounds = Bounds::of(&request, expected, deadline)?;
        let wire = session.data("RETR", &path).await?;
        let wire = wire.ok_or(OriginError::Refused { status: None })?;
        let transfer = Transfer::new(session.into_control(), wire, expected);
        let response = OriginResponse::new(bounds.hold(transfer.into_stream(turn)));
        Ok(match expected {
            Some(length) => response.with_length(length),
            None => response,
        })
    }

    async fn list(&self, request: OriginRequest<'_>) -> Result<OriginListing> {
        let deadline = Deadline::after(self.config.total_timeout);
        let path = path(request.url())?;
        let folder = Folder::of(request.url());
        let (mut session, _turn) = self.session(&request, deadline).await?;
        if !path.is_empty() {
            // An argument of LIST may be taken for an option or a pattern.
            session.command("CWD", &path).await?.expect(&[200, 250])?;
        }
        let (wire, read): (_, Reader) = match session.data("MLSD", b"").await? {
            Some(wire) => (wire, listing::machine),
            None => {
                let wire = session.data("LIST", b"").await?;
                let unknown = OriginError::CannotList {
                    scheme: request.url().scheme().to_owned(),
                };
                (wire.ok_or(unknown)?, listing::human)
            }
        };
        let patience = request.patience();
        let entries = entries(wire, read, &folder, patience, deadline).await?;
        finished(session.control()).await?;
        Ok(stream::iter(entries.into_iter().map(Ok)).boxed())
    }
}

type Reader = fn(&[u8]) -> Option<(&[u8], dlcs_core::origin::OriginEntryKind)>;

/// Reads the length from a reply to SIZE.
fn length(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text.get(4..)?)
        .ok()?
        .trim()
        .parse()
        .ok()
}

/// Reads a listing to its end.
async fn entries(
    wire: Wire,
    read: Reader,
    folder: &Folder,
    patience: Duration,
    deadline: Deadline,
) -> Result<Vec<OriginEntry>> {
    let mut lines = BufReader::new(wire);
    let mut entries = Vec::new();
    let mut line = Vec::new();
    for count in 0.. {
        line.clear();
        let mut limited = (&mut lines).take(LISTING_LINE);
        let more = deadline
            .wait(patience, limited.read_until(b'\n', &mut line))
            .await?;
        match more {
            Ok(0) => break,
            Ok(_) => {}
            // As at the end of a file; the server's reply decides.
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(error::broken(&error)),
        }
        if line.last() != Some(&b'\n') && line.len() as u64 == LISTING_LINE {
            return Err(Failure::LongLine.into());
        }
        if count > 2 * MAX_ENTRIES || entries.len() > MAX_ENTRIES {
            return Err(Failure::LongListing.into());
        }
        while line.last().is_some_and(u8::is_ascii_control) {
            line.pop();
        }
        entries.extend(read(&line).and_then(|(name, kind)| folder.entry(name, kind)));
    }
    Ok(entries)
}

/// Waits for the server to say that a listing was whole: nothing else can tell.
async fn finished(control: &mut Control) -> Result<()> {
    control.reply().await?.expect(&[226, 250])?;
    Ok(())
}
