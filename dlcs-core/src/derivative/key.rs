//! The one place that knows how a stored object is named.

use std::fmt;
use std::fmt::Write;
use std::str::FromStr;
use std::time::Duration;

use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::id::{CustomerId, ImageId, SpaceId};
use crate::queue::{Generation, LeaseToken};

/// Names the bytes that came with a registration, until the image is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UploadId(uuid::Uuid);

impl UploadId {
    /// Returns a new id.
    #[must_use]
    pub fn assign() -> Self {
        Self(uuid::Uuid::new_v4())
    }

    /// Returns a new id for bytes that only try a store out: what is left of them, when that is cut short, is of no use to anybody.
    #[must_use]
    pub(super) fn assign_probe() -> Self {
        Self(uuid::Uuid::from_u64_pair(
            0,
            uuid::Uuid::new_v4().as_u64_pair().1,
        ))
    }

    /// Whether the bytes only try a store out.
    #[must_use]
    pub const fn is_probe(&self) -> bool {
        self.0.as_u64_pair().0 == 0
    }
}

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.simple().fmt(f)
    }
}

impl FromStr for UploadId {
    type Err = DerivativeKeyError;

    fn from_str(text: &str) -> Result<Self, DerivativeKeyError> {
        uuid::Uuid::try_parse(text)
            .map(Self)
            .map_err(|_| DerivativeKeyError)
    }
}

/// A path that names no stored object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("this path names no stored object")]
pub struct DerivativeKeyError;

/// Names a stored object.
///
/// Invariants:
/// * the path is made of ASCII digits, lower-case letters, `-`, `.` and `/` only, whatever the image is called, so that it means the same on
///   every file system;
/// * two runs never share a key: the generation counts registrations, the lease token counts claims.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DerivativeKey {
    /// The pyramid of one generation of an image, made under one lease.
    Pyramid {
        /// The image's customer.
        customer: CustomerId,
        /// The image's space.
        space: SpaceId,
        /// The SHA-256 of the model id, its first 16 bytes.
        model_hash: [u8; 16],
        /// Which registration of the image.
        generation: Generation,
        /// Which claim of that registration.
        token: LeaseToken,
    },
    /// The source of one generation of an image as it came, fetched under one lease.
    Original {
        /// The image's customer.
        customer: CustomerId,
        /// The image's space.
        space: SpaceId,
        /// The SHA-256 of the model id, its first 16 bytes.
        model_hash: [u8; 16],
        /// Which registration of the image.
        generation: Generation,
        /// Which claim of that registration.
        token: LeaseToken,
    },
    /// The bytes that came with a registration.
    Upload(UploadId),
}

/// What the paths of pyramids and of originals end with.
const PYRAMID: &str = ".tif";
const ORIGINAL: &str = ".original";

impl DerivativeKey {
    /// The key of an image's pyramid.
    #[must_use]
    pub fn pyramid(image: &ImageId, generation: Generation, token: LeaseToken) -> Self {
        Self::Pyramid {
            customer: image.customer(),
            space: image.space(),
            model_hash: model_hash(image),
            generation,
            token,
        }
    }

    /// The key of an image's source as it came.
    #[must_use]
    pub fn original(image: &ImageId, generation: Generation, token: LeaseToken) -> Self {
        Self::Original {
            customer: image.customer(),
            space: image.space(),
            model_hash: model_hash(image),
            generation,
            token,
        }
    }

    /// The keys of everything that the holder of a lease may store.
    #[must_use]
    pub fn of_lease(image: &ImageId, generation: Generation, token: LeaseToken) -> [Self; 2] {
        [
            Self::pyramid(image, generation, token),
            Self::original(image, generation, token),
        ]
    }

    /// How long a reader may still hold it once it is not served any more: tiles are short, sources may be long.
    #[must_use]
    pub const fn grace_of_served(&self) -> Duration {
        match self {
            Self::Original { .. } => Duration::from_secs(2 * 60 * 60),
            Self::Pyramid { .. } | Self::Upload(_) => Duration::from_secs(60),
        }
    }

    /// The path of the object, relative to the root of the store.
    ///
    /// * pyramids: `images/{customer}/{space}/{hh}/{hash}/{generation}-{token}.tif`, with `hh` the first two digits of the hash;
    /// * originals: the same with `.original` at the end;
    /// * uploads: `uploads/{id}`.
    #[must_use]
    pub fn path(&self) -> String {
        match self {
            Self::Pyramid {
                customer,
                space,
                model_hash,
                generation,
                token,
            }
            | Self::Original {
                customer,
                space,
                model_hash,
                generation,
                token,
            } => {
                let hash = model_hash
                    .iter()
                    .fold(String::with_capacity(32), |mut hex, byte| {
                        let _ = write!(hex, "{byte:02x}");
                        hex
                    });
                let end = match self {
                    Self::Original { .. } => ORIGINAL,
                    _ => PYRAMID,
                };
                format!(
                    "images/{customer}/{space}/{}/{hash}/{generation}-{token}{end}",
                    &hash[..2]
                )
            }
            Self::Upload(id) => format!("uploads/{id}"),
        }
    }
}

impl fmt::Display for DerivativeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path())
    }
}

impl FromStr for DerivativeKey {
    type Err = DerivativeKeyError;

    fn from_str(path: &str) -> Result<Self, DerivativeKeyError> {
        let parts: Vec<&str> = path.split('/').collect();
        let key = match parts.as_slice() {
            ["images", customer, space, _, hash, file] => {
                let original = file.strip_suffix(ORIGINAL);
                let stem = original.or_else(|| file.strip_suffix(PYRAMID));
                let (generation, token) = stem
                    .and_then(|stem| stem.split_once('-'))
                    .ok_or(DerivativeKeyError)?;
                let customer = customer.parse().map_err(|_| DerivativeKeyError)?;
                let space = space.parse().map_err(|_| DerivativeKeyError)?;
                let model_hash = parse_hash(hash).ok_or(DerivativeKeyError)?;
                let generation =
                    Generation::new(generation.parse().map_err(|_| DerivativeKeyError)?);
                let token = LeaseToken::new(token.parse().map_err(|_| DerivativeKeyError)?);
                if original.is_some() {
                    Self::Original {
                        customer,
                        space,
                        model_hash,
                        generation,
                        token,
                    }
                } else {
                    Self::Pyramid {
                        customer,
                        space,
                        model_hash,
                        generation,
                        token,
                    }
                }
            }
            ["uploads", id] => Self::Upload(id.parse()?),
            _ => return Err(DerivativeKeyError),
        };
        // One object has one spelling.
        if key.path() == path {
            Ok(key)
        } else {
            Err(DerivativeKeyError)
        }
    }
}

/// The SHA-256 of a model id, its first 16 bytes.
fn model_hash(image: &ImageId) -> [u8; 16] {
    let digest = Sha256::digest(image.model().as_str().as_bytes());
    let mut hash = [0; 16];
    hash.copy_from_slice(&digest[..16]);
    hash
}

fn parse_hash(text: &str) -> Option<[u8; 16]> {
    if text.len() != 32 || !text.is_ascii() {
        return None;
    }
    let mut hash = [0; 16];
    for (byte, pair) in hash.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(model: &str) -> DerivativeKey {
        let image: ImageId = format!("1/2/{model}").parse().unwrap();
        DerivativeKey::pyramid(&image, Generation::new(3), LeaseToken::new(44))
    }

    fn original(model: &str) -> DerivativeKey {
        let image: ImageId = format!("1/2/{model}").parse().unwrap();
        DerivativeKey::original(&image, Generation::new(3), LeaseToken::new(44))
    }

    #[test]
    fn paths_are_those_of_the_documentation() {
        let upload: UploadId = "67e55044-10b1-426f-9247-bb680e5fe0c8".parse().unwrap();
        let documented: Vec<_> = include_str!("../../../docs/storage-keys.md")
            .lines()
            .filter_map(|line| {
                line.strip_suffix("` |")?
                    .rsplit_once('`')
                    .map(|(_, example)| example)
            })
            .collect();
        assert_eq!(
            documented,
            [
                key("x").path(),
                original("x").path(),
                DerivativeKey::Upload(upload).path()
            ]
        );
    }

    #[test]
    fn paths_hold_nothing_of_the_id() {
        for model in ["..", "CON", "a b", "..;", "🗺", "A", "a"]
            .iter()
            .filter(|model| **model != "..")
        {
            let path = key(model).path();
            assert!(
                path.bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-./".contains(&b)),
                "{path}"
            );
        }
        assert_ne!(key("A"), key("a"));
    }

    #[test]
    fn paths_parse_back_and_nothing_else_does() {
        let key = key("x");
        assert_eq!(key.path().parse(), Ok(key.clone()));
        assert_eq!(original("x").path().parse(), Ok(original("x")));
        for bad in [
            "",
            "images",
            "uploads/../x",
            &key.path().replace("/3-44", "/03-44"),
            &key.path().to_uppercase(),
        ] {
            assert!(bad.parse::<DerivativeKey>().is_err(), "{bad}");
        }
    }
}
