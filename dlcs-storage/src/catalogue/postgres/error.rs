//! What can go wrong in PostgreSQL, and what it is to the ports.

use std::path::PathBuf;

use deadpool_postgres::PoolError;
use dlcs_core::catalogue::{CatalogueError, Subject, UpdateProblem};
use dlcs_core::queue::{QueueError, SubmissionProblem};
use dlcs_core::storage::OverQuota;
use thiserror::Error;
use tokio_postgres::error::SqlState;

use super::record::Unreadable;
use super::seal::{KeyFileError, SealError};

const BACKEND: &str = "postgres";

/// The result of an operation inside this backend.
pub(super) type Result<T, E = PgError> = std::result::Result<T, E>;

/// Why an operation failed.
#[derive(Debug, Error)]
pub(super) enum PgError {
    #[error("the database failed")]
    Database(#[from] tokio_postgres::Error),
    #[error("there is no connection to the database")]
    Pool(#[from] PoolError),
    #[error("the database has not answered in time")]
    TimedOut,
    #[error("the connection does not answer")]
    Silent,
    #[error(
        "the connection was lost while the transaction was committed: nobody knows whether it was"
    )]
    OutcomeUnknown(#[source] tokio_postgres::Error),
    #[error("the stored `{what}` cannot be read")]
    Unreadable { what: &'static str },
    #[error("the number `{what}` is too large to be stored")]
    TooLarge { what: &'static str },
    #[error(transparent)]
    Seal(#[from] SealError),
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
    #[cfg(feature = "catalogue-sqlite")]
    #[error("what is to be taken over cannot be read")]
    Source(#[source] CatalogueError),
    #[cfg(feature = "catalogue-sqlite")]
    #[error("the rows of `{table}` are others than those that were taken over")]
    Differs { table: &'static str },
}

impl From<Unreadable> for PgError {
    fn from(Unreadable(what): Unreadable) -> Self {
        Self::Unreadable { what }
    }
}

impl PgError {
    /// Whether the transaction, of which nothing is left, may simply be run again: it met another one.
    ///
    /// Two that make the same thing at once meet in a unique index: when run again, the later one finds what the earlier one has made.
    /// Statements are sent without waiting for the answers to those before them: where one of these has failed, another one may be heard
    /// first, which says no more than that the transaction has failed. Run again, it says what was the matter, unless that has passed.
    pub(super) fn met_another(&self) -> bool {
        self.code().is_some_and(|code| {
            [
                SqlState::T_R_SERIALIZATION_FAILURE,
                SqlState::T_R_DEADLOCK_DETECTED,
                SqlState::UNIQUE_VIOLATION,
                SqlState::IN_FAILED_SQL_TRANSACTION,
            ]
            .contains(code)
        })
    }

    /// Whether the connection is of no more use, and another one may do better.
    pub(super) fn is_of_the_connection(&self) -> bool {
        match self {
            Self::Database(error) => match error.code() {
                // A statement that was prepared before the schema changed.
                Some(&SqlState::FEATURE_NOT_SUPPORTED | &SqlState::INVALID_SQL_STATEMENT_NAME) => {
                    true
                }
                Some(code) => class(code, &["57P", "08"]),
                None => is_broken(error),
            },
            Self::Silent => true,
            _ => false,
        }
    }

    fn code(&self) -> Option<&SqlState> {
        match self {
            Self::Database(error) | Self::OutcomeUnknown(error) => error.code(),
            _ => None,
        }
    }

    /// Whether the same operation may succeed later.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Database(error) => match error.code() {
                Some(code) => {
                    // Connections, conflicts, resources, the operator; a lock that was not had in time; a server that became a standby;
                    // a disk that failed.
                    class(
                        code,
                        &["08", "40", "53", "57", "55P03", "25006", "25P03", "58030"],
                    ) || self.met_another()
                }
                None => is_broken(error),
            },
            Self::Pool(_) | Self::TimedOut | Self::Silent | Self::OutcomeUnknown(_) => true,
            _ => false,
        }
    }
}

fn class(code: &SqlState, prefixes: &[&str]) -> bool {
    prefixes
        .iter()
        .any(|prefix| code.code().starts_with(prefix))
}

/// Whether an error that the server has not sent means that it cannot be heard.
pub(super) fn is_broken(error: &tokio_postgres::Error) -> bool {
    error.is_closed()
        || std::error::Error::source(error).is_some_and(|source| source.is::<std::io::Error>())
}

impl From<PgError> for CatalogueError {
    fn from(error: PgError) -> Self {
        match error {
            PgError::NotFound(subject) => Self::NotFound { subject },
            PgError::AlreadyExists { subject, property } => {
                Self::AlreadyExists { subject, property }
            }
            PgError::SpaceNotEmpty(images) => Self::SpaceNotEmpty { images },
            PgError::LastKey => Self::LastKey,
            PgError::InUse(subject) => Self::InUse { subject },
            PgError::UpdateRefused(problems) => Self::Refused { problems },
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

impl From<PgError> for QueueError {
    fn from(error: PgError) -> Self {
        match error {
            PgError::Refused(problems) => Self::Refused { problems },
            PgError::OverQuota(over) => Self::OverQuota(over),
            PgError::LeaseLost => Self::LeaseLost,
            PgError::BatchNotFound => Self::BatchNotFound,
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

/// The cause of another error.
type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a database was not opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Nobody answers there.
    #[error(
        "no database answers at `{host}`: check the host, the port, and that PostgreSQL runs there"
    )]
    Unreachable {
        /// Where it was looked for.
        host: String,
        /// The cause.
        source: Cause,
    },
    /// The connection could not be encrypted, or the certificate is not trusted.
    #[error(
        "the connection to `{host}` cannot be encrypted: name the authority of its certificate with `sslrootcert=`, or say `sslmode=disable` where the network is private"
    )]
    NotEncrypted {
        /// Where the database is.
        host: String,
        /// The cause.
        source: Cause,
    },
    /// The user is not let in.
    #[error("the database at `{host}` does not let the user `{user}` in: check user and password")]
    Denied {
        /// Where the database is.
        host: String,
        /// The user.
        user: String,
        /// The cause.
        source: Cause,
    },
    /// The server has no such database.
    #[error("the server at `{host}` has no database `{database}`: make it, or choose another")]
    NoSuchDatabase {
        /// Where the server is.
        host: String,
        /// The database.
        database: String,
    },
    /// The user may not do what is needed.
    #[error(
        "the user `{user}` may not connect to the database `{database}`, or make no tables there: grant it CONNECT on the database and CREATE on the schema"
    )]
    NotAllowed {
        /// The user.
        user: String,
        /// The database.
        database: String,
        /// The cause.
        source: Cause,
    },
    /// The server is a standby, or does not take writes.
    #[error("the database at `{host}` cannot be written to: connect to the primary server")]
    ReadOnly {
        /// Where the database is.
        host: String,
    },
    /// The server is too old.
    #[error(
        "the server has version {found}, and at least {OLDEST_SERVER} is needed: use a newer PostgreSQL"
    )]
    OldServer {
        /// Its version.
        found: String,
    },
    /// Texts would not be kept as they are.
    #[error(
        "the database has the encoding {found}, and UTF8 is needed: make one with `ENCODING 'UTF8'`"
    )]
    NotUtf8 {
        /// Its encoding.
        found: String,
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
    #[error(
        "the schema `{schema}` of the database holds a table `{table}` that is not of this program: choose another database or schema"
    )]
    Foreign {
        /// The schema.
        schema: String,
        /// The table.
        table: String,
    },
    /// There is no schema to keep tables in.
    #[error("the database has no schema to keep tables in: make `public`, or name one")]
    NoSchema,
    /// There is no key to seal credentials with.
    #[error("no key was given that credentials are sealed with: every node needs the same one")]
    NoKey,
    /// The key that credentials are sealed with is not usable.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// The database holds sealed credentials, and their key is gone.
    #[error(
        "the key file `{}` is missing, and the database holds credentials sealed with it: copy it from another node or from a backup", .path.display()
    )]
    MissingKey {
        /// The key file.
        path: PathBuf,
    },
    /// Other nodes have another key.
    #[error(
        "the database has another key for credentials than the one that was given: every node needs the same one, and a new one comes with the old"
    )]
    OtherKey,
    /// The file of trusted authorities is not usable.
    #[error("the file `{}` holds no certificates of authorities: give a PEM file", .path.display())]
    Authorities {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: Cause,
    },
    /// TLS cannot be set up on this machine.
    #[error("TLS cannot be set up: check the certificates of this machine")]
    Tls {
        /// The cause.
        source: Cause,
    },
    /// The database failed.
    #[error("the database at `{host}` cannot be opened: look at its log")]
    Database {
        /// Where the database is.
        host: String,
        /// The cause.
        source: Cause,
    },
}

/// The oldest server that is supported.
pub(super) const OLDEST_SERVER: i32 = 13;
