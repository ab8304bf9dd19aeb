//! Keys, bodies and checks that the clauses share.

use std::ops::Range;

use bytes::Bytes;
use dlcs_core::derivative::{
    DerivativeBody, DerivativeError, DerivativeKey, DerivativeStore, Result, UploadId,
};
use dlcs_core::id::{CustomerId, ImageId, ModelId, SpaceId};
use dlcs_core::queue::{Generation, LeaseToken};
use futures_util::{StreamExt, stream};

use crate::gate::Gate;
use crate::verdict::{Said, broken, require};

pub(super) fn image() -> ImageId {
    let model = ModelId::parse(UploadId::assign().to_string()).expect("a UUID is a model id");
    ImageId::new(CustomerId::FIRST, SpaceId::FIRST, model)
}

/// A key that nothing else uses.
pub(super) fn pyramid(generation: u32) -> DerivativeKey {
    DerivativeKey::pyramid(
        &image(),
        Generation::new(generation.into()),
        LeaseToken::new(1),
    )
}

pub(super) fn upload() -> DerivativeKey {
    DerivativeKey::Upload(UploadId::assign())
}

pub(super) fn letters(letter: u8, length: usize) -> Bytes {
    Bytes::from(vec![letter; length])
}

pub(super) fn chunks(bytes: &Bytes, size: usize) -> Vec<Result<Bytes>> {
    let starts = (0..bytes.len()).step_by(size);
    starts
        .map(|at| Ok(bytes.slice(at..bytes.len().min(at + size))))
        .collect()
}

pub(super) fn body(bytes: &Bytes, chunk: usize) -> DerivativeBody {
    stream::iter(chunks(bytes, chunk)).boxed()
}

/// A body that stops before its last byte until the gate opens.
pub(super) fn halting(bytes: &Bytes, gate: &Gate) -> DerivativeBody {
    let gate = gate.clone();
    let (most, last) = (
        bytes.slice(..bytes.len() - 1),
        bytes.slice(bytes.len() - 1..),
    );
    let end = stream::once(async move {
        gate.pass().await;
        Ok(last)
    });
    stream::iter(chunks(&most, 1 << 16)).chain(end).boxed()
}

/// A body that fails after these bytes.
pub(super) fn failing(bytes: &Bytes) -> DerivativeBody {
    let error = DerivativeError::Body {
        source: "the source broke off".into(),
    };
    stream::iter(chunks(bytes, 1 << 16))
        .chain(stream::iter([Err(error)]))
        .boxed()
}

#[track_caller]
pub(super) fn done<T>(result: Result<T>) -> T {
    result.unwrap_or_else(|error| broken("success", error, "nothing is wrong with this request"))
}

pub(super) async fn clean(store: &dyn DerivativeStore, keys: &[DerivativeKey]) {
    for key in keys {
        done(store.delete(key).await);
    }
}

pub(super) async fn require_range(
    store: &dyn DerivativeStore,
    key: &DerivativeKey,
    range: Range<u64>,
    expected: &Bytes,
    why: &str,
) {
    let got = store.get_range(key, range.clone()).await;
    let same = matches!(&got, Ok(bytes) if bytes == expected);
    let length = expected.len();
    require(
        same,
        format_args!("the {length} bytes of the range {range:?}"),
        summary(&got),
        why,
    );
}

pub(super) async fn require_whole(
    store: &dyn DerivativeStore,
    key: &DerivativeKey,
    bytes: &Bytes,
    why: &str,
) {
    let length = store.length(key).await;
    let expected = bytes.len() as u64;
    require(
        matches!(length, Ok(length) if length == expected),
        format_args!("a length of {expected}"),
        length,
        why,
    );
    require_range(store, key, 0..expected, bytes, why).await;
}

pub(super) async fn require_missing(store: &dyn DerivativeStore, key: &DerivativeKey, why: &str) {
    let length = store.length(key).await;
    require(
        matches!(&length, Err(DerivativeError::NotFound { key: said }) if said == key),
        "no length, but NotFound",
        length,
        why,
    );
    for range in [0..10, 0..0] {
        let got = store.get_range(key, range).await;
        require(
            matches!(&got, Err(DerivativeError::NotFound { key: said }) if said == key),
            "no bytes, but NotFound",
            summary(&got),
            why,
        );
    }
}

pub(super) async fn require_absent(store: &dyn DerivativeStore, key: &DerivativeKey, why: &str) {
    require_missing(store, key, why).await;
    let is_listed = done(store.list().await).contains(key);
    require(!is_listed, "nothing in the list", key, why);
}

pub(super) fn summary(got: &Result<Bytes>) -> Said {
    match got {
        Ok(bytes) => Said(format!("{} bytes", bytes.len())),
        Err(error) => Said(format!("{error:?}")),
    }
}

pub(super) fn usize_of(number: u64) -> usize {
    usize::try_from(number).expect("a clause uses small numbers")
}
