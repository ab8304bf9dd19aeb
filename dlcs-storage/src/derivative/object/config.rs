//! Where the objects of [`ObjectDerivatives`](super::ObjectDerivatives) live.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use object_store::local::LocalFileSystem;

use super::error::OpenError;

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
        create_durably(&self.root).map_err(|error| open_error(error.into()))?;
        let files = LocalFileSystem::new_with_prefix(&self.root)
            .map_err(|error| open_error(error.into()))?;
        // Files are synced before they are renamed into place, and the directories of that name after.
        let root = fs::canonicalize(&self.root).map_err(|error| open_error(error.into()))?;
        Ok((files.with_fsync(true), root))
    }
}

/// Makes a directory and those above it, and syncs each directory that got an entry.
fn create_durably(root: &Path) -> io::Result<()> {
    let mut grown = Vec::new();
    for directory in root.ancestors() {
        if directory.as_os_str().is_empty() || directory.try_exists()? {
            break;
        }
        grown.extend(directory.parent().map(Path::to_owned));
    }
    fs::create_dir_all(root)?;
    for parent in grown {
        let parent = if parent.as_os_str().is_empty() {
            Path::new(".")
        } else {
            &parent
        };
        if cfg!(unix) {
            File::open(parent)?.sync_all()?;
        }
    }
    Ok(())
}
