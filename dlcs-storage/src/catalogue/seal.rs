//! Sealing: credentials are encrypted where they rest, and bound to the row that they rest in.
//!
//! A sealed text is the id of its key (8 bytes), a random nonce (24) and what XChaCha20-Poly1305 makes of the text. The key's id is there
//! so that keys can be changed one row at a time.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::io::Write;
use std::path::{Path, PathBuf};

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use dlcs_core::id::CustomerId;
use dlcs_core::origin::{OriginAccess, OriginStrategyId, OriginStrategyKind};
use thiserror::Error;
use zeroize::Zeroizing;

const KEY_LENGTH: usize = 32;
const KEY_ID_LENGTH: usize = 8;
const NONCE_LENGTH: usize = 24;

/// Why credentials were not sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(super) enum SealError {
    #[error("the credentials of origin strategy `{0}` are sealed with another key")]
    OtherKey(OriginStrategyId),
    #[error("the credentials of origin strategy `{0}` cannot be opened: they have been changed")]
    Broken(OriginStrategyId),
    #[error("the system gives no random numbers")]
    NoRandomness,
}

/// Why the file of a key was not read or made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// It does not hold a key.
    #[error("the key file `{}` does not hold exactly 32 bytes: restore it from a backup", .path.display())]
    BadKey {
        /// The key file.
        path: PathBuf,
    },
    /// It could not be read or written.
    #[error("the key file `{}` cannot be opened: check that it can be read and written", .path.display())]
    File {
        /// The key file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

/// The key that credentials are sealed with: 32 random bytes, wiped from memory when dropped, never printed.
#[derive(Clone)]
pub struct SealingKey(Zeroizing<[u8; KEY_LENGTH]>);

impl SealingKey {
    /// Takes a key.
    #[must_use]
    pub fn new(bytes: [u8; KEY_LENGTH]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Reads a key from 64 hexadecimal digits; `None` for anything else.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.len() != 2 * KEY_LENGTH {
            return None;
        }
        let mut key = Zeroizing::new([0; KEY_LENGTH]);
        for (place, byte) in key.iter_mut().enumerate() {
            let digits = text.get(2 * place..2 * place + 2)?;
            if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return None;
            }
            *byte = u8::from_str_radix(digits, 16).ok()?;
        }
        Some(Self(key))
    }

    /// Reads the file of a key: its 32 bytes.
    ///
    /// # Errors
    /// See [`KeyFileError`].
    pub fn from_file(path: &Path) -> Result<Self, KeyFileError> {
        Self::read(path)?.ok_or_else(|| KeyFileError::File {
            path: path.to_owned(),
            source: io::ErrorKind::NotFound.into(),
        })
    }

    fn random() -> Result<Self, getrandom::Error> {
        let mut key = Zeroizing::new([0; KEY_LENGTH]);
        getrandom::fill(key.as_mut_slice())?;
        Ok(Self(key))
    }

    /// Reads a key file; `None` when there is none.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, KeyFileError> {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => {
                return Err(KeyFileError::File {
                    path: path.to_owned(),
                    source,
                });
            }
        };
        let key = bytes
            .as_slice()
            .try_into()
            .map_err(|_| KeyFileError::BadKey {
                path: path.to_owned(),
            })?;
        Ok(Some(Self::new(key)))
    }

    /// Makes a key and its file, which only its owner may read and which is there whole or not at all.
    pub(super) fn create(path: &Path) -> Result<Self, KeyFileError> {
        let failed = |source: io::Error| KeyFileError::File {
            path: path.to_owned(),
            source,
        };
        let key = Self::random().map_err(|error| failed(io::Error::other(error)))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        file.write_all(key.0.as_slice()).map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        file.persist_noclobber(path)
            .map_err(|error| failed(error.error))?;
        #[cfg(unix)]
        std::fs::File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(failed)?;
        Ok(key)
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKey(..)")
    }
}

/// Credentials in clear, by the names of their parts: only ever inside a seal.
type Clear<'a> = BTreeMap<Cow<'a, str>, Cow<'a, str>>;

/// Seals and opens credentials.
pub(super) struct Sealer {
    cipher: XChaCha20Poly1305,
    key_id: [u8; KEY_ID_LENGTH],
}

impl Sealer {
    /// Works with a key.
    pub(super) fn new(key: &SealingKey) -> Self {
        let digest = blake3::derive_key("dlcs 2026 id of a sealing key", key.0.as_slice());
        let mut key_id = [0; KEY_ID_LENGTH];
        key_id.copy_from_slice(&digest[..KEY_ID_LENGTH]);
        Self {
            cipher: XChaCha20Poly1305::new(&Key::from(*key.0)),
            key_id,
        }
    }

    /// Names the key, and says nothing else about it.
    #[cfg(feature = "catalogue-postgres")]
    pub(super) const fn key_id(&self) -> &[u8] {
        &self.key_id
    }

    /// Seals the credentials of an origin strategy.
    pub(super) fn seal(
        &self,
        customer: CustomerId,
        id: OriginStrategyId,
        access: &OriginAccess,
    ) -> Result<Vec<u8>, SealError> {
        let fields = access.fields().into_iter();
        let clear: Clear<'_> = fields
            .map(|(name, text)| (name.into(), text.into()))
            .collect();
        let text = Zeroizing::new(serde_json::to_vec(&clear).map_err(|_| SealError::Broken(id))?);
        let mut nonce = [0; NONCE_LENGTH];
        getrandom::fill(&mut nonce).map_err(|_| SealError::NoRandomness)?;
        let place = self.place(customer, id);
        let payload = Payload {
            msg: &text,
            aad: place.as_bytes(),
        };
        let sealed = self
            .cipher
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| SealError::Broken(id))?;
        Ok([self.key_id.as_slice(), &nonce, &sealed].concat())
    }

    /// Whether something is sealed with this key.
    pub(super) fn has_sealed(&self, sealed: &[u8]) -> bool {
        sealed.starts_with(&self.key_id)
    }

    /// Opens the credentials of an origin strategy.
    pub(super) fn open(
        &self,
        customer: CustomerId,
        id: OriginStrategyId,
        kind: OriginStrategyKind,
        sealed: &[u8],
    ) -> Result<OriginAccess, SealError> {
        let broken = SealError::Broken(id);
        let (key_id, rest) = sealed.split_first_chunk::<KEY_ID_LENGTH>().ok_or(broken)?;
        let (nonce, text) = rest.split_first_chunk::<NONCE_LENGTH>().ok_or(broken)?;
        if *key_id != self.key_id {
            return Err(SealError::OtherKey(id));
        }
        let place = self.place(customer, id);
        let payload = Payload {
            msg: text,
            aad: place.as_bytes(),
        };
        let clear = self
            .cipher
            .decrypt(&XNonce::from(*nonce), payload)
            .map_err(|_| broken)?;
        let clear = Zeroizing::new(clear);
        let clear: Clear<'_> = serde_json::from_slice(&clear).map_err(|_| broken)?;
        let field = |name: &str| clear.get(name).map(AsRef::as_ref);
        OriginAccess::from_fields(kind, field).map_err(|_| broken)
    }

    /// What a seal is bound to: moved to another row, it does not open.
    fn place(&self, customer: CustomerId, id: OriginStrategyId) -> String {
        let key_id = u64::from_be_bytes(self.key_id);
        format!("origin_strategies|{customer}|{id}|{key_id:016x}")
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(..)")
    }
}

#[cfg(test)]
mod tests {
    use dlcs_core::origin::Credentials;

    use super::*;

    const BASIC: OriginStrategyKind = OriginStrategyKind::BasicHttp;

    fn access(password: &str) -> OriginAccess {
        OriginAccess::BasicHttp(Credentials::new("user", password))
    }

    fn strategy() -> (CustomerId, OriginStrategyId) {
        (CustomerId::FIRST, OriginStrategyId::assign())
    }

    #[test]
    fn what_is_sealed_opens_in_its_place_only() {
        let sealer = Sealer::new(&SealingKey::new([7; 32]));
        let (customer, id) = strategy();
        let credentials = access("pässword\"");
        let sealed = sealer.seal(customer, id, &credentials).unwrap();
        assert_eq!(sealer.open(customer, id, BASIC, &sealed), Ok(credentials));
        let (_, elsewhere) = strategy();
        assert_eq!(
            sealer.open(customer, elsewhere, BASIC, &sealed),
            Err(SealError::Broken(elsewhere))
        );
        let other_customer = CustomerId::new(2).unwrap();
        assert_eq!(
            sealer.open(other_customer, id, BASIC, &sealed),
            Err(SealError::Broken(id))
        );
    }

    #[test]
    fn changed_and_short_seals_are_refused_without_a_panic() {
        let sealer = Sealer::new(&SealingKey::new([7; 32]));
        let (customer, id) = strategy();
        let sealed = sealer.seal(customer, id, &access("p")).unwrap();
        for length in 0..sealed.len() {
            assert!(sealer.open(customer, id, BASIC, &sealed[..length]).is_err());
        }
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert!(
                sealer.open(customer, id, BASIC, &changed).is_err(),
                "{place}"
            );
        }
    }

    #[test]
    fn keys_are_written_in_hexadecimal_digits() {
        let text = "0123456789abcdefABCDEF00000000000000000000000000000000000000ff07";
        let key = SealingKey::from_hex(&format!(" {text}\n")).unwrap();
        assert_eq!((key.0[0], key.0[1], key.0[31]), (0x01, 0x23, 0x07));
        for wrong in [
            "",
            &text[1..],
            "+123456789abcdefABCDEF00000000000000000000000000000000000000ff07",
            &text.replace('f', "ä"),
        ] {
            assert!(SealingKey::from_hex(wrong).is_none(), "{wrong}");
        }
        assert_eq!(format!("{key:?}"), "SealingKey(..)");
    }

    #[test]
    fn another_key_is_named_as_the_reason() {
        let (customer, id) = strategy();
        let sealed = Sealer::new(&SealingKey::new([7; 32]))
            .seal(customer, id, &access("p"))
            .unwrap();
        assert_eq!(
            Sealer::new(&SealingKey::new([8; 32])).open(customer, id, BASIC, &sealed),
            Err(SealError::OtherKey(id))
        );
    }
}
