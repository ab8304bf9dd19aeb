//! Why there is no backup.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::catalogue::sqlite::OpenError;

/// Why a backup was not made; nothing of it is left.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BackupError {
    /// There is something where it was to be.
    #[error("`{}` is there already: name a place where nothing is", .path.display())]
    Exists {
        /// The place.
        path: PathBuf,
    },
    /// The catalogue cannot be copied.
    #[error(transparent)]
    Catalogue(#[from] OpenError),
    /// A file or a folder could not be read or written.
    #[error("`{}` cannot be copied: check that it can be read, and the space where the copy goes", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

/// Says which file failed.
pub(super) fn failed(path: &Path) -> impl FnOnce(io::Error) -> BackupError {
    let path = path.to_owned();
    move |source| BackupError::File { path, source }
}
