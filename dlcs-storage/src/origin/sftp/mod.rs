//! Origins at sftp addresses.
//!
//! * A path begins at the root; `sftp://host/~/x` is below the directory of the login.
//! * The key of a host is taken at the first fetch and held to from then on.
//!
//! ```
//! use dlcs_core::origin::OriginRegistry;
//! use dlcs_storage::origin::network::AllowedNetworks;
//! use dlcs_storage::origin::sftp::{SftpOrigin, SftpOriginConfig};
//!
//! let office: AllowedNetworks = "192.168.0.0/16".parse()?;
//! let config = SftpOriginConfig::default()
//!     .with_allowed_networks(office)
//!     .with_known_hosts("/var/lib/dlcs/known_hosts");
//! let origins = OriginRegistry::new().with_origin(SftpOrigin::new(config));
//! # Ok::<(), dlcs_storage::origin::network::NetworkError>(())
//! ```

mod client;
mod config;
mod error;
mod key;
mod known;
mod leash;
mod packet;
mod session;

use async_trait::async_trait;
use dlcs_core::origin::{
    OriginAccess, OriginEntryKind, OriginError, OriginListing, OriginRequest, OriginResponse,
    OriginStrategy, Result,
};
use dlcs_core::time::Timestamp;
use futures_util::{StreamExt, stream};
use tokio::sync::OwnedSemaphorePermit;
use url::Url;

pub use config::SftpOriginConfig;

use self::client::Reader;
use self::error::Failure;
use self::known::{KnownHosts, Name};
use self::packet::{Attributes, Kind};
use self::session::{Session, Waits};
use crate::origin::bounds::{Bounds, Deadline};
use crate::origin::dial::Target;
use crate::origin::path::{Folder, MAX_ENTRIES, decoded, encoded};
use crate::origin::slots::HostSlots;

/// The port of SSH.
const SSH: u16 = 22;

/// Fetches master images over SFTP, from the addresses that the guard lets pass and the hosts that have kept their keys.
///
/// Invariants:
/// * no address is dialled that [`guard`](crate::origin::guard) refuses;
/// * no credentials are sent to a host whose key is not the one of its first fetch;
/// * nothing but regular files is read.
#[derive(Debug)]
pub struct SftpOrigin {
    config: SftpOriginConfig,
    hosts: KnownHosts,
    slots: HostSlots,
}

impl SftpOrigin {
    /// An origin with these settings.
    #[must_use]
    pub fn new(config: SftpOriginConfig) -> Self {
        Self {
            hosts: KnownHosts::new(config.known_hosts.clone()),
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
            OriginAccess::Sftp(credentials) => credentials,
            OriginAccess::Default => {
                return Err(OriginError::Strategy {
                    reason: "`sftp` addresses need an origin strategy `sftp` with credentials, whose pattern matches them".to_owned(),
                });
            }
            other => {
                return Err(OriginError::Strategy {
                    reason: format!("`{}` is not for sftp addresses", other.kind()),
                });
            }
        };
        let target = Target::of(request.url(), "sftp", SSH)?;
        let turn = self.slots.turn(&target.key(), deadline).await?;
        let allowed = self.config.opened.of(request.customer());
        let stream = target.dial(allowed, self.config.connect_timeout).await?;
        let waits = Waits {
            patience: request.patience(),
            deadline,
        };
        let name = Name::of(&target);
        let session = Session::start(stream, &self.hosts, name, credentials, waits).await?;
        Ok((session, turn))
    }
}

/// The name that a server knows a file by.
fn path(url: &Url) -> Result<Vec<u8>> {
    let path = decoded(encoded(url))?;
    match path.strip_prefix(b"~") {
        Some(b"" | b"/") => Ok(b".".to_vec()),
        Some([b'/', rest @ ..]) => Ok(rest.to_vec()),
        _ => Ok([b"/", path.as_slice()].concat()),
    }
}

#[async_trait]
impl OriginStrategy for SftpOrigin {
    fn schemes(&self) -> &'static [&'static str] {
        &["sftp"]
    }

    fn check(&self, url: &Url) -> Result<()> {
        path(url).map(drop)
    }

    async fn open(&self, request: OriginRequest<'_>) -> Result<OriginResponse> {
        let deadline = Deadline::after(self.config.total_timeout);
        let path = path(request.url())?;
        let (mut session, turn) = self.session(&request, deadline).await?;
        // To open a FIFO would hold up the server.
        require_file(session.client.stat(&path).await?)?;
        let (handle, attributes) = session.client.open(&path).await?;
        require_file(attributes)?;
        let expected = attributes.size;
        let bounds = Bounds::of(&request, expected, deadline)?;
        let reader = Reader::new(session.client, handle, expected);
        let state = (reader, session.held, turn);
        let body = stream::try_unfold(state, |(mut reader, held, turn)| async move {
            let bytes = reader.next().await?;
            Ok(bytes.map(|bytes| (bytes, (reader, held, turn))))
        });
        let response = OriginResponse::new(bounds.hold(body)).with_host_key(session.fingerprint);
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
        let handle = session.client.open_folder(&path).await?;
        let mut entries = Vec::new();
        while let Some(names) = session.client.read_folder(&handle).await? {
            for (name, mut attributes) in names {
                if matches!(attributes.kind(), Kind::Link | Kind::Unsaid) {
                    // Links that lead nowhere, and what may not be looked at, are left out.
                    let place = [path.as_slice(), b"/", &name].concat();
                    attributes = match session.client.stat(&place).await {
                        Err(error) if error.is_transient() => return Err(error),
                        found => found.unwrap_or_default(),
                    };
                }
                let kind = match attributes.kind() {
                    Kind::File => OriginEntryKind::Object {
                        length: attributes.size,
                        modified: modified(&attributes),
                    },
                    Kind::Folder => OriginEntryKind::Folder,
                    Kind::Link | Kind::Other | Kind::Unsaid => continue,
                };
                entries.extend(folder.entry(&name, kind));
            }
            if entries.len() > MAX_ENTRIES {
                return Err(Failure::LongListing.into());
            }
        }
        Ok(stream::iter(entries.into_iter().map(Ok)).boxed())
    }
}

fn require_file(attributes: Attributes) -> Result<()> {
    match attributes.kind() {
        // A server that does not say it has nothing but files and folders, and opens no folder.
        Kind::File | Kind::Unsaid => Ok(()),
        Kind::Folder | Kind::Link | Kind::Other => Err(OriginError::NotAFile),
    }
}

fn modified(attributes: &Attributes) -> Option<Timestamp> {
    let seconds = i64::from(attributes.modified?);
    Some(Timestamp::from_micros(seconds * 1_000_000))
}
