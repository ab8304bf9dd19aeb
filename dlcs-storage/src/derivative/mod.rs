//! Derivative stores: the backends that keep pyramids and uploads.

pub mod object;
#[cfg(feature = "derivative-s3")]
pub mod s3;

use dlcs_core::derivative::StoredObject;
use dlcs_core::time::Timestamp;
use object_store::ObjectMeta;

/// What was listed at a path below the root of a store; `None` for what is not named like an object of ours.
fn stored_object(path: &str, meta: &ObjectMeta) -> Option<StoredObject> {
    Some(StoredObject {
        key: path.parse().ok()?,
        length: meta.size,
        stored: Timestamp::from_micros(meta.last_modified.timestamp_micros()),
    })
}
