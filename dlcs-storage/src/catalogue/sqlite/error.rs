//! What can go wrong in SQLite, and what it is to the ports.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use dlcs_core::catalogue::{CatalogueError, Subject, UpdateProblem};
use dlcs_core::queue::{QueueError, SubmissionProblem};
use dlcs_core::storage::OverQuota;
use rusqlite::ErrorCode;
use thiserror::Error;

use super::record::Unreadable;
use super::seal::KeyFileError;

const BACKEND: &str = "sqlite";

/// The result of an operation inside this backend.
pub(super) type Result<T, E = SqliteError> = std::result::Result<T, E>;

/// Why an operation failed.
#[derive(Debug, Error)]
pub(super) enum SqliteError {
    #[error("the database engine failed")]
    Engine(#[from] rusqlite::Error),
    #[error("the transaction was rolled back")]
    RolledBack(#[source] Arc<rusqlite::Error>),
    #[error("the database is closed")]
    Closed,
    #[error("an operation panicked")]
    Panicked,
    #[error("the stored `{what}` cannot be read")]
    Unreadable { what: &'static str },
    #[error("the number `{what}` is too large to be stored")]
    TooLarge { what: &'static str },
    #[error(transparent)]
    Seal(#[from] super::seal::SealError),
    #[error("there is no such {0}")]
    NotFound(Subject),
    #[error("a {subject} with this {property} exists already")]
    AlreadyExists {
        subject: Subject,
        property: &'static str,
    },
    #[error("the space holds {0} images")]
    SpaceNotEmpty(u64),
    #[error("this is the last key of an administrator")]
    LastKey,
    #[error("the {0} is in use")]
    InUse(Subject),
    #[error("some of the changes cannot be made")]
    UpdateRefused(Vec<UpdateProblem>),
    #[error("the submission is refused")]
    Refused(Vec<SubmissionProblem>),
    #[error("the customer would have more than it may")]
    OverQuota(#[from] OverQuota),
    #[error("the lease has been lost")]
    LeaseLost,
    #[error("there is no such batch")]
    BatchNotFound,
}

impl From<Unreadable> for SqliteError {
    fn from(Unreadable(what): Unreadable) -> Self {
        Self::Unreadable { what }
    }
}

impl SqliteError {
    /// Whether the same operation may succeed later.
    fn may_pass(&self) -> bool {
        let engine = match self {
            Self::Engine(error) => error,
            Self::RolledBack(error) => error.as_ref(),
            Self::Closed => return true,
            _ => return false,
        };
        matches!(
            engine.sqlite_error_code(),
            Some(
                ErrorCode::DatabaseBusy
                    | ErrorCode::DatabaseLocked
                    | ErrorCode::DiskFull
                    | ErrorCode::SystemIoFailure
                    | ErrorCode::CannotOpen
            )
        )
    }
}

impl From<SqliteError> for CatalogueError {
    fn from(error: SqliteError) -> Self {
        match error {
            SqliteError::NotFound(subject) => Self::NotFound { subject },
            SqliteError::AlreadyExists { subject, property } => {
                Self::AlreadyExists { subject, property }
            }
            SqliteError::SpaceNotEmpty(images) => Self::SpaceNotEmpty { images },
            SqliteError::LastKey => Self::LastKey,
            SqliteError::InUse(subject) => Self::InUse { subject },
            SqliteError::UpdateRefused(problems) => Self::Refused { problems },
            error if error.may_pass() => Self::Unavailable {
                backend: BACKEND,
                source: Box::new(error),
            },
            error => Self::Backend {
                backend: BACKEND,
                source: Box::new(error),
            },
        }
    }
}

impl From<SqliteError> for QueueError {
    fn from(error: SqliteError) -> Self {
        match error {
            SqliteError::Refused(problems) => Self::Refused { problems },
            SqliteError::OverQuota(over) => Self::OverQuota(over),
            SqliteError::LeaseLost => Self::LeaseLost,
            SqliteError::BatchNotFound => Self::BatchNotFound,
            error if error.may_pass() => Self::Unavailable {
                backend: BACKEND,
                source: Box::new(error),
            },
            error => Self::Backend {
                backend: BACKEND,
                source: Box::new(error),
            },
        }
    }
}

/// Why a database was not opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process has it open.
    #[error(
        "the database `{}` is in use by another process: stop that one, or choose another place", .path.display()
    )]
    InUse {
        /// The database.
        path: PathBuf,
    },
    /// A later version of the program has written it.
    #[error(
        "the database has schema version {found}, and this program knows versions up to {known}: use a newer program"
    )]
    NewerSchema {
        /// The version of the database.
        found: u32,
        /// The last version that this program knows.
        known: u32,
    },
    /// It belongs to another program.
    #[error("the file `{}` is not a database of this program: choose another place", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The key that credentials are sealed with is not usable.
    #[error("the key file `{}` does not hold exactly 32 bytes: restore it from a backup", .path.display())]
    BadKey {
        /// The key file.
        path: PathBuf,
    },
    /// The database holds sealed credentials, and their key is gone.
    #[error(
        "the key file `{}` is missing, and the database holds credentials sealed with it: restore it from a backup", .path.display()
    )]
    MissingKey {
        /// The key file.
        path: PathBuf,
    },
    /// The SQLite library has known faults that lose data.
    #[error(
        "the SQLite library has version {found}, and at least 3.51.3 is needed: use the bundled one"
    )]
    OldLibrary {
        /// Its version.
        found: &'static str,
    },
    /// A file or a folder could not be read or written.
    #[error("the file `{}` cannot be opened: check that it can be read and written", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The database failed.
    #[error("the database `{}` cannot be opened: check the file and the free space", .path.display())]
    Database {
        /// The database.
        path: PathBuf,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl From<KeyFileError> for OpenError {
    fn from(error: KeyFileError) -> Self {
        match error {
            KeyFileError::BadKey { path } => Self::BadKey { path },
            KeyFileError::File { path, source } => Self::File { path, source },
        }
    }
}
