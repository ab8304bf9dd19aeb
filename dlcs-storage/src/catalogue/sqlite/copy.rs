//! A copy of a database that others may be writing, and what is read out of it before anybody writes the copy.

use std::path::{Path, PathBuf};
use std::time::Duration;

use dlcs_core::derivative::DerivativeKey;
use dlcs_core::id::ImageId;
use rusqlite::{Connection, OpenFlags};

use super::error::OpenError;
use super::ledger::scan_images;
use super::open::create_private;

/// How long the copy waits for others that hold the whole database.
const PATIENCE: Duration = Duration::from_secs(30);
/// Images that are read at once.
const PAGE: usize = 500;

/// A copied database.
pub(crate) struct CopiedDatabase {
    connection: Connection,
    path: PathBuf,
}

impl CopiedDatabase {
    /// Copies a database as it is at one instant, to a place where nothing is; takes no lock that others would wait for.
    pub(crate) fn make(from: &Path, to: &Path) -> Result<Self, OpenError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source: rusqlite::Error| OpenError::Database {
                path: path.clone(),
                source: source.into(),
            }
        };
        let file = |path: &Path| {
            let path = path.to_owned();
            move |source| OpenError::File {
                path: path.clone(),
                source,
            }
        };
        std::fs::metadata(from).map_err(file(from))?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let original = Connection::open_with_flags(from, flags).map_err(failed(from))?;
        original.busy_timeout(PATIENCE).map_err(failed(from))?;
        let written = create_private(to).map_err(file(to))?;
        let name = to.to_string_lossy();
        original
            .execute("VACUUM INTO ?1", [name])
            .map_err(failed(from))?;
        written.sync_all().map_err(file(to))?;
        let connection = Connection::open_with_flags(to, flags).map_err(failed(to))?;
        let found: String = connection
            .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
            .map_err(failed(to))?;
        if found != "ok" {
            return Err(OpenError::Database {
                path: from.to_owned(),
                source: found.into(),
            });
        }
        Ok(Self {
            connection,
            path: to.to_owned(),
        })
    }

    /// Gives the objects that each image needs, page by page; returns how many images there are.
    pub(crate) fn needed<E: From<OpenError>>(
        &self,
        mut visit: impl FnMut(DerivativeKey) -> Result<(), E>,
    ) -> Result<u64, E> {
        let mut images = 0;
        let mut last: Option<ImageId> = None;
        loop {
            let page = scan_images(&self.connection, last.as_ref(), PAGE);
            let page = page.map_err(|error| OpenError::Database {
                path: self.path.clone(),
                source: error.into(),
            })?;
            let Some(image) = page.last() else {
                return Ok(images);
            };
            last = Some(image.id.clone());
            images += page.len() as u64;
            for image in page {
                let served = image.objects().map(|object| object.key);
                for key in served.chain(image.awaited_upload()) {
                    visit(key)?;
                }
            }
        }
    }
}
