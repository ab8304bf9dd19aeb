//! Opening: the lock, the schema, the key, the leases of the dead.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;

use super::cache::Caches;
use super::changes::Changes;
use super::config::{Location, SqliteCatalogueConfig};
use super::error::{OpenError, Result};
use super::reader::Readers;
use super::seal::{Sealer, SealingKey};
use super::writer::Writer;
use super::{Sequence, SqliteCatalogue, claim, connection, migrate, origin_strategy};
use crate::durable;

/// The file of the sealing key, beside the database.
const KEY_FILE: &str = "credentials.key";
/// Versions before this one have a fault in the write-ahead log that can damage the database.
const OLDEST_LIBRARY: i32 = 3_051_003;

/// More claims than a loss of power can have taken back: their tokens name objects, and are not given out again.
const LOST_TOKENS: u32 = 1_000_000;

/// Opens a catalogue; takes its time.
pub(super) fn open(config: SqliteCatalogueConfig) -> Result<SqliteCatalogue, OpenError> {
    if rusqlite::version_number() < OLDEST_LIBRARY {
        return Err(OpenError::OldLibrary {
            found: rusqlite::version(),
        });
    }
    let (path, folder) = match config.location {
        Location::File(path) => (path, None),
        Location::Temporary => {
            let folder = tempfile::tempdir().map_err(|source| OpenError::File {
                path: std::env::temp_dir(),
                source,
            })?;
            (folder.path().join("dlcs.db"), Some(folder))
        }
    };
    let parent = parent(&path);
    make(&parent, &path).map_err(failed(&parent))?;
    let lock = lock(&path)?;
    create_private(&path).map_err(failed(&path))?;

    let database = |source: Box<dyn std::error::Error + Send + Sync>| OpenError::Database {
        path: path.clone(),
        source,
    };
    let writing =
        connection::open_writer(&path).map_err(|error| match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::NotADatabase) => OpenError::Foreign { path: path.clone() },
            _ => database(error.into()),
        })?;
    migrate::migrate(&writing, &path)?;
    let key = match config.sealing_key {
        Some(key) => key,
        None => {
            let may_be_new = !config.old_sealing_keys.is_empty();
            sealing_key(&writing, &parent.join(KEY_FILE), &path, may_be_new)?
        }
    };
    let sealer = Sealer::new(&key);
    let old: Vec<_> = config.old_sealing_keys.iter().map(Sealer::new).collect();
    let resealed = in_transaction(&writing, || {
        origin_strategy::reseal(&writing, &sealer, &old)
    })
    .map_err(|error| database(error.into()))?;
    if resealed > 0 {
        tracing::info!(strategies = resealed, "sealed credentials with the new key");
    }
    let reclaimed = in_transaction(&writing, || {
        Sequence::LeaseToken.skip(&writing, LOST_TOKENS)?;
        claim::reclaim(&writing, None, config.clock.now())
    })
    .map_err(|error| database(error.into()))?;
    if reclaimed > 0 {
        tracing::info!(
            images = reclaimed,
            "gave back what a process held that has died"
        );
    }
    let caches = Arc::new(Caches::new());
    let changes =
        Changes::watch(&writing, Arc::clone(&caches)).map_err(|error| database(error.into()))?;
    let writer = Writer::start(writing, changes, Arc::clone(&config.clock))
        .map_err(|error| database(error.into()))?;
    Ok(SqliteCatalogue {
        writer,
        readers: Readers::new(path),
        caches,
        sealer: Arc::new(sealer),
        clock: config.clock,
        _lock: lock,
        _folder: folder,
    })
}

fn failed(path: &Path) -> impl Fn(io::Error) -> OpenError {
    let path = path.to_owned();
    move |source| OpenError::File {
        path: path.clone(),
        source,
    }
}

fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Makes the directory of a database; durably as long as there is no database, because it may be new then, whoever has made it.
fn make(directory: &Path, database: &Path) -> io::Result<()> {
    if database.try_exists()? {
        return Ok(());
    }
    durable::create_directory(directory)
}

/// Locks the database for this process; the lock ends with the file that is returned, whatever happens to the process.
fn lock(path: &Path) -> Result<File, OpenError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let lock_path = PathBuf::from(name);
    let file = create_private(&lock_path).map_err(failed(&lock_path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse {
            path: path.to_owned(),
        }),
        Err(TryLockError::Error(error)) => Err(failed(&lock_path)(error)),
    }
}

/// Opens a file, and makes it for its owner only when it is missing.
pub(super) fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn sealing_key(
    connection: &Connection,
    key_path: &Path,
    path: &Path,
    may_be_new: bool,
) -> Result<SealingKey, OpenError> {
    if let Some(key) = SealingKey::read(key_path)? {
        return Ok(key);
    }
    let sealed = origin_strategy::any_sealed(connection).map_err(|error| OpenError::Database {
        path: path.to_owned(),
        source: error.into(),
    })?;
    if sealed && !may_be_new {
        return Err(OpenError::MissingKey {
            path: key_path.to_owned(),
        });
    }
    Ok(SealingKey::create(key_path)?)
}

fn in_transaction<T>(connection: &Connection, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let transaction = connection.unchecked_transaction()?;
    let outcome = work()?;
    transaction.commit()?;
    Ok(outcome)
}
