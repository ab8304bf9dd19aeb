//! Backups of what one process keeps in files, made while it works: a copy that a program can be started on.
//!
//! The catalogue is copied first, as it is at one instant, and then the objects that the copy names. In this order, because objects are never
//! changed, and are there before a row names them: whatever the copy names was there when it was made. An object that is replaced or deleted
//! afterwards stays for its grace ([`Catalogue::list_collectable`](dlcs_core::Catalogue::list_collectable)); where copying takes longer than
//! that, the catalogue is copied again, and with it only what has come since, until nothing is missing.
//!
//! Objects are linked where the copy is on the same file system, and copied elsewhere. What is linked takes no room, and is lost with the disk.

mod error;
mod tree;

use std::fs;
use std::path::{Path, PathBuf};

use dlcs_core::derivative::DerivativeKey;
use tempfile::TempDir;

pub use error::BackupError;

use crate::catalogue::sqlite::CopiedDatabase;
use error::failed;
use tree::{Placed, copy, place, sync, sync_directory};

/// How often the catalogue is copied where objects are gone before they are copied.
const ROUNDS: usize = 8;

/// What is to be backed up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupConfig {
    catalogue: PathBuf,
    derivatives: PathBuf,
    files: Vec<PathBuf>,
}

impl BackupConfig {
    /// The database of a [`SqliteCatalogue`](crate::catalogue::SqliteCatalogue) and the directory of its
    /// [`ObjectDerivatives`](crate::derivative::object::ObjectDerivatives). In the copy they have the same names, side by side.
    #[must_use]
    pub fn new(catalogue: impl Into<PathBuf>, derivatives: impl Into<PathBuf>) -> Self {
        Self {
            catalogue: catalogue.into(),
            derivatives: derivatives.into(),
            files: Vec::new(),
        }
    }

    /// A file besides, such as that of the sealing key; it may be missing.
    #[must_use]
    pub fn with_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.files.push(path.into());
        self
    }
}

/// What is in a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackupSummary {
    /// Images of the catalogue.
    pub images: u64,
    /// Objects that they need.
    pub objects: u64,
    /// How many of these are links to the originals.
    pub linked: u64,
    /// Objects that are missing in the original, too.
    pub missing: Vec<DerivativeKey>,
}

/// Makes a backup, which appears at `target` when it is whole and durable; takes its time on the calling thread.
///
/// Whoever works on the original is not held up, and need not be.
///
/// # Errors
/// See [`BackupError`]. Nothing is left at `target` then; a backup that is killed leaves a folder `.dlcs-backup-…` beside it.
pub fn backup(config: &BackupConfig, target: &Path) -> Result<BackupSummary, BackupError> {
    if fs::symlink_metadata(target).is_ok() {
        return Err(BackupError::Exists {
            path: target.to_owned(),
        });
    }
    let around = match target.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(around).map_err(failed(around))?;
    let folder = tempfile::Builder::new()
        .prefix(".dlcs-backup-")
        .tempdir_in(around)
        .map_err(failed(around))?;
    let summary = fill(config, &folder)?;
    sync(folder.path()).map_err(failed(folder.path()))?;
    // Before it, nobody takes it for a backup; after it, it is one.
    fs::rename(folder.path(), target).map_err(failed(target))?;
    // It is not there any more.
    let _ = folder.keep();
    sync_directory(around).map_err(failed(around))?;
    Ok(summary)
}

fn fill(config: &BackupConfig, folder: &TempDir) -> Result<BackupSummary, BackupError> {
    let catalogue = folder.path().join(name(&config.catalogue));
    let derivatives = folder.path().join(name(&config.derivatives));
    let mut before: Option<(PathBuf, BackupSummary)> = None;
    for round in 0..ROUNDS {
        if round > 0 {
            fs::remove_file(&catalogue).map_err(failed(&catalogue))?;
        }
        let copied = CopiedDatabase::make(&config.catalogue, &catalogue)?;
        let objects = folder.path().join(format!("round-{round}"));
        fs::create_dir(&objects).map_err(failed(&objects))?;
        let last = before.as_ref().map(|(objects, _)| objects.as_path());
        let summary = collect(&copied, config, last, &objects)?;
        let known = before
            .take()
            .map(|(objects, summary)| (objects, summary.missing));
        let is_whole = summary.missing.is_empty();
        // What is missing again was not there before either.
        let is_damaged = matches!(&known, Some((_, missing)) if *missing == summary.missing);
        if let Some((objects, _)) = known {
            fs::remove_dir_all(&objects).map_err(failed(&objects))?;
        }
        before = Some((objects, summary));
        if is_whole || is_damaged {
            break;
        }
    }
    let (objects, summary) = before.expect("there is a round");
    fs::rename(&objects, &derivatives).map_err(failed(&derivatives))?;
    for file in &config.files {
        let to = folder.path().join(name(file));
        match copy(file, &to) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(file)(error)),
        }
    }
    Ok(summary)
}

/// Puts the objects that a copied catalogue names into a folder, from the folder before it or from the original.
fn collect(
    copied: &CopiedDatabase,
    config: &BackupConfig,
    last: Option<&Path>,
    into: &Path,
) -> Result<BackupSummary, BackupError> {
    let mut summary = BackupSummary {
        images: 0,
        objects: 0,
        linked: 0,
        missing: Vec::new(),
    };
    summary.images = copied.needed(|key| {
        let (path, to) = (key.path(), into.join(key.path()));
        let mut placed = Placed::Missing;
        for from in last.into_iter().chain([config.derivatives.as_path()]) {
            if placed == Placed::Missing {
                let from = from.join(&path);
                placed = place(&from, &to).map_err(failed(&from))?;
            }
        }
        match placed {
            Placed::Missing => summary.missing.push(key),
            Placed::Linked | Placed::Copied => summary.objects += 1,
        }
        summary.linked += u64::from(placed == Placed::Linked);
        Ok::<_, BackupError>(())
    })?;
    Ok(summary)
}

fn name(path: &Path) -> &Path {
    path.file_name().map_or(path, Path::new)
}
