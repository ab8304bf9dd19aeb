//! Settings of the PostgreSQL catalogue.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use dlcs_core::time::Clock;

use super::address::{Address, AddressError};
use crate::catalogue::SealingKey;

/// Connections of one process, unless it is said otherwise.
const CONNECTIONS: usize = 16;

/// Where a catalogue is kept, and what it works with.
#[derive(Clone)]
pub struct PostgresCatalogueConfig {
    pub(super) address: Address,
    pub(super) schema: Option<String>,
    pub(super) connections: usize,
    pub(super) clock: Option<Arc<dyn Clock>>,
    pub(super) sealing_key: Option<KeyPlace>,
    pub(super) old_sealing_keys: Vec<SealingKey>,
}

/// Where the sealing key is.
#[derive(Debug, Clone)]
pub(super) enum KeyPlace {
    Given(SealingKey),
    File(PathBuf),
}

impl PostgresCatalogueConfig {
    /// Reads the address of a database: `postgres://USER:PASSWORD@HOST:PORT/DATABASE`.
    ///
    /// `?sslmode=` may follow: `disable`, or `require` or `verify-full`, which both verify the certificate and the host's name in it.
    /// Without a word about it, connections to this machine are not encrypted and all others are. `sslrootcert=` names a PEM file of
    /// authorities that are trusted besides those of the machine.
    ///
    /// # Errors
    /// See [`AddressError`]; no error shows the address.
    pub fn parse(address: &str) -> Result<Self, AddressError> {
        Ok(Self {
            address: Address::parse(address)?,
            schema: None,
            connections: CONNECTIONS,
            clock: None,
            sealing_key: None,
            old_sealing_keys: Vec::new(),
        })
    }

    /// Keeps everything in this schema of the database, which is made when it is missing; otherwise in the first of the search path.
    #[must_use]
    pub fn with_schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = Some(schema.into());
        self
    }

    /// Opens at most so many connections, and one more that listens.
    #[must_use]
    pub fn with_connections(mut self, connections: usize) -> Self {
        self.connections = connections.max(1);
        self
    }

    /// Takes the time from this clock, for tests; otherwise the database's clock is the only one.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Seals credentials with this key, which must be the same on every node.
    #[must_use]
    pub fn with_sealing_key(mut self, key: SealingKey) -> Self {
        self.sealing_key = Some(KeyPlace::Given(key));
        self
    }

    /// Seals credentials with the key in this file, which must be the same on every node.
    ///
    /// The file is made when it is missing and the database holds nothing that is sealed.
    #[must_use]
    pub fn with_sealing_key_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.sealing_key = Some(KeyPlace::File(path.into()));
        self
    }

    /// Opens with this key, too, what is sealed; all of that is sealed anew with the present key when the catalogue is opened.
    #[must_use]
    pub fn with_old_sealing_key(mut self, key: SealingKey) -> Self {
        self.old_sealing_keys.push(key);
        self
    }
}

impl fmt::Debug for PostgresCatalogueConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresCatalogueConfig")
            .field("host", &self.address.host())
            .field("user", &self.address.user())
            .field("database", &self.address.database())
            .field("encryption", &self.address.encryption)
            .field("schema", &self.schema)
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_printed() {
        let config = PostgresCatalogueConfig::parse("postgres://anna:canary@localhost/dlcs")
            .unwrap()
            .with_sealing_key(SealingKey::new([0x77; 32]));
        let printed = format!("{config:?} {:?}", config.sealing_key);
        assert!(
            printed.contains("localhost:5432") && printed.contains("anna"),
            "{printed}"
        );
        assert!(
            !printed.contains("canary") && !printed.contains("119"),
            "{printed}"
        );
    }
}
