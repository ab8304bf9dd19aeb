//! Where the objects of [`ObjectDerivatives`](super::ObjectDerivatives) live.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use object_store::local::LocalFileSystem;

use super::error::OpenError;
use crate::durable;

/// How many files are kept open unless told otherwise.
const OPEN_FILES: usize = 512;

/// A directory of this machine that holds derivatives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectDerivativesConfig {
    root: PathBuf,
    pub(super) open_files: usize,
}

impl ObjectDerivativesConfig {
    /// A directory, which is made when it is not there.
    #[must_use]
    pub fn local(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            open_files: OPEN_FILES,
        }
    }

    /// Keeps at most so many files open, or as many as a quarter of what the process may open.
    #[must_use]
    pub const fn with_open_files(mut self, files: usize) -> Self {
        self.open_files = files;
        self
    }

    /// Makes the directory, durably, and the store in it; returns the store, and the directory as an absolute path without links.
    pub(super) fn open(&self) -> Result<(LocalFileSystem, PathBuf), OpenError> {
        let open_error = |source: Box<dyn std::error::Error + Send + Sync>| OpenError {
            root: self.root.clone(),
            source,
        };
        make(&self.root).map_err(|error| open_error(error.into()))?;
        let files = LocalFileSystem::new_with_prefix(&self.root)
            .map_err(|error| open_error(error.into()))?;
        // Files are synced before they are renamed into place, and the directories of that name after.
        let root = fs::canonicalize(&self.root).map_err(|error| open_error(error.into()))?;
        Ok((files.with_fsync(true), root))
    }
}

fn make(root: &Path) -> io::Result<()> {
    if root.try_exists()? {
        // Whatever is in its place: what is wrong with that is said where it is used.
        return fs::create_dir_all(root);
    }
    durable::create_directory(root)
}
