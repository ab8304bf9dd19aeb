//! Settings of the SQLite catalogue.

use std::path::PathBuf;
use std::sync::Arc;

use dlcs_core::time::{Clock, SystemClock};

use super::seal::SealingKey;

/// Where a catalogue is kept, and what it works with.
#[derive(Debug, Clone)]
pub struct SqliteCatalogueConfig {
    pub(super) location: Location,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) sealing_key: Option<SealingKey>,
    pub(super) old_sealing_keys: Vec<SealingKey>,
}

/// Where a catalogue is kept.
#[derive(Debug, Clone)]
pub(super) enum Location {
    File(PathBuf),
    Temporary,
}

impl SqliteCatalogueConfig {
    /// A catalogue in a file, which is made when it is missing, with its folder.
    #[must_use]
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self::at(Location::File(path.into()))
    }

    /// A catalogue that is gone once it is dropped; it lives in a private temporary folder.
    #[must_use]
    pub fn temporary() -> Self {
        Self::at(Location::Temporary)
    }

    fn at(location: Location) -> Self {
        Self {
            location,
            clock: Arc::new(SystemClock),
            sealing_key: None,
            old_sealing_keys: Vec::new(),
        }
    }

    /// Takes the time from this clock; leases know no other.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Seals credentials with this key, instead of one in the file `credentials.key` beside the database.
    #[must_use]
    pub fn with_sealing_key(mut self, key: SealingKey) -> Self {
        self.sealing_key = Some(key);
        self
    }

    /// Opens with this key, too, what is sealed; all of that is sealed anew with the present key when the catalogue is opened.
    #[must_use]
    pub fn with_old_sealing_key(mut self, key: SealingKey) -> Self {
        self.old_sealing_keys.push(key);
        self
    }
}
