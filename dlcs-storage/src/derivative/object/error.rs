//! What an object store's failure means to the caller.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use dlcs_core::derivative::{DerivativeError, DerivativeKey};
use thiserror::Error;

/// A directory that cannot hold derivatives.
#[derive(Debug, Error)]
#[error("`{}` cannot hold derivatives: name a directory that this user may write to", root.display())]
pub struct OpenError {
    pub(super) root: PathBuf,
    pub(super) source: Box<dyn Error + Send + Sync>,
}

/// Says what a failure of the store means for an object.
pub(super) fn about(key: &DerivativeKey) -> impl FnOnce(object_store::Error) -> DerivativeError {
    |error| match error {
        object_store::Error::NotFound { .. } => DerivativeError::NotFound { key: key.clone() },
        error => failed(error),
    }
}

/// Says what a failure of the store means.
pub(super) fn failed(error: object_store::Error) -> DerivativeError {
    if is_full(&error) {
        return DerivativeError::Full {
            source: Box::new(error),
        };
    }
    DerivativeError::Backend {
        backend: "object",
        source: Box::new(error),
    }
}

fn is_full(error: &(dyn Error + 'static)) -> bool {
    std::iter::successors(Some(error), |&cause| cause.source())
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| {
            matches!(
                cause.kind(),
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_apart() {
        for (kind, full) in [
            (io::ErrorKind::StorageFull, true),
            (io::ErrorKind::QuotaExceeded, true),
            (io::ErrorKind::PermissionDenied, false),
        ] {
            let error = failed(object_store::Error::Generic {
                store: "LocalFileSystem",
                source: Box::new(io::Error::from(kind)),
            });
            assert_eq!(
                matches!(error, DerivativeError::Full { .. }),
                full,
                "{kind}"
            );
        }
    }
}
