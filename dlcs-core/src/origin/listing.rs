//! What lies in a folder of an origin.

use futures_core::stream::BoxStream;
use url::Url;

use super::Result;
use crate::time::Timestamp;

/// The entries of a folder, in no order; the stream may still fail.
pub type OriginListing = BoxStream<'static, Result<OriginEntry>>;

/// What lies directly in a folder of an origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginEntry {
    /// Its address: of an object, one to open; of a folder, one to list, which ends in `/`.
    pub url: Url,
    /// What it is.
    pub kind: OriginEntryKind,
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OriginEntryKind {
    /// What can be opened.
    Object {
        /// Its length in bytes, where the origin says it.
        length: Option<u64>,
        /// When it was last changed, where the origin says it.
        modified: Option<Timestamp>,
    },
    /// What can be listed.
    Folder,
}
