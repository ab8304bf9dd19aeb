//! Settings of [`FileOrigin`](super::FileOrigin).

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Settings of [`FileOrigin`](super::FileOrigin): the directories that it reads from, none unless named.
#[derive(Debug, Clone, Default)]
pub struct FileOriginConfig {
    pub(super) roots: Vec<Root>,
}

/// A directory that is open to origins, with all that lies below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Root {
    /// As it was named.
    pub(super) named: PathBuf,
    /// Without links in it.
    pub(super) real: PathBuf,
}

impl FileOriginConfig {
    /// Opens a directory, and all that lies below it, to the origins of every customer.
    ///
    /// # Errors
    /// What keeps it from being a directory.
    pub fn with_directory(mut self, directory: impl AsRef<Path>) -> io::Result<Self> {
        let named = std::path::absolute(directory)?;
        let real = std::fs::canonicalize(&named)?;
        if !std::fs::metadata(&real)?.is_dir() {
            return Err(ErrorKind::NotADirectory.into());
        }
        self.roots.push(Root { named, real });
        Ok(self)
    }

    /// The directories that are open, by the names that they were given, as absolute paths.
    pub fn directories(&self) -> impl Iterator<Item = &Path> {
        self.roots.iter().map(|root| root.named.as_path())
    }
}
