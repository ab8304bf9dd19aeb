//! Masters that are files, so that fetching them is nothing that could be in the way.

use std::path::{Path, PathBuf};

use crate::{Result, picture};

/// Versions that there are files of.
const VERSIONS: u32 = 40;

/// A directory with a picture for each version.
#[derive(Debug)]
pub(crate) struct Files(PathBuf);

impl Files {
    pub(crate) fn make(folder: &Path) -> Result<Self> {
        let files = Self(folder.join("masters"));
        std::fs::create_dir_all(&files.0)?;
        for version in 1..=VERSIONS {
            std::fs::write(
                files.0.join(format!("{version}.jpg")),
                picture::encode(version)?,
            )?;
        }
        Ok(files)
    }

    /// The address that is followed by the number of the version and `.jpg`.
    pub(crate) fn address(&self) -> String {
        format!("file://{}/", self.0.display())
    }

    /// What lets a server read them.
    pub(crate) fn arguments(&self) -> [String; 2] {
        [
            "--allow-file-origin".to_owned(),
            self.0.display().to_string(),
        ]
    }
}
