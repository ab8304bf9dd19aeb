//! The contract of [`DerivativeStore`], clause by clause.
//!
//! Hand an async function that makes a guard and a store to [`derivative_contract!`](crate::derivative_contract). Clauses touch only keys
//! of their own, so that a store may be shared.

mod given;

use std::time::Duration;

use bytes::Bytes;
use dlcs_core::derivative::{DerivativeError, DerivativeKey, DerivativeStore};
use dlcs_core::queue::{Generation, LeaseToken};
use dlcs_core::time::{Clock, SystemClock};
use futures_util::future::join_all;
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::gate::Gate;
use crate::verdict::{broken, require, soon};
use given::{
    body, clean, done, failing, halting, image, letters, pyramid, require_absent, require_missing,
    require_range, require_whole, summary, upload, usize_of,
};

/// Expands to one test per clause of the contract of a derivative store; give an async constructor of a guard and a store.
///
/// ```
/// use dlcs_core::memory::MemoryDerivatives;
///
/// async fn new() -> ((), MemoryDerivatives) {
///     ((), MemoryDerivatives::new())
/// }
///
/// dlcs_testkit::derivative_contract!(new());
/// ```
#[macro_export]
macro_rules! derivative_contract {
    ($new:expr $(,)?) => {
        $crate::clause_tests! {
            (_guard, store) = $new, &store;
            $crate::derivative {
                put_object_is_read_whole,
                large_object_is_read_whole,
                unfinished_put_cannot_be_seen,
                failing_body_leaves_nothing,
                dropped_put_leaves_nothing,
                overwriting_is_atomic,
                failing_overwrite_keeps_the_old_bytes,
                ranges_give_the_bytes,
                ranges_are_cut_at_the_end,
                ranges_come_behind_what_is_given,
                missing_is_not_found,
                deleted_is_gone_and_others_are_not,
                deleting_what_is_not_there_succeeds,
                list_is_exact,
                scan_knows_length_and_age,
                many_at_once,
            }
        }
    };
}

/// When a put returns, the object can be read whole, and its length was returned.
pub async fn put_object_is_read_whole(store: &dyn DerivativeStore) {
    const WHY: &str = "the catalogue points to the object as soon as the put has returned";
    for (key, length) in [pyramid(1), upload(), pyramid(2)]
        .into_iter()
        .zip([0, 1, 70_001])
    {
        let bytes = letters(b'a', length);
        let put = store.put(&key, body(&bytes, 1000)).await;
        require(
            matches!(put, Ok(put) if put == length as u64),
            format_args!("a length of {length}"),
            put,
            WHY,
        );
        require_whole(store, &key, &bytes, WHY).await;
        clean(store, &[key]).await;
    }
}

/// When it returns, the object can be read whole; also one that comes in many parts.
pub async fn large_object_is_read_whole(store: &dyn DerivativeStore) {
    const WHY: &str = "pyramids of large images have many megabytes";
    let key = pyramid(3);
    let parts: Vec<Bytes> = (0..33u8)
        .map(|part| letters(b'A' + part, 1 << 20))
        .collect();
    let whole = Bytes::from(parts.concat());
    let put = store
        .put(&key, stream::iter(parts.into_iter().map(Ok)).boxed())
        .await;
    let length = whole.len() as u64;
    require(
        matches!(put, Ok(put) if put == length),
        format_args!("a length of {length}"),
        put,
        WHY,
    );
    require_whole(store, &key, &whole, WHY).await;
    clean(store, &[key]).await;
}

/// Until it returns, the object cannot be seen.
pub async fn unfinished_put_cannot_be_seen(store: &dyn DerivativeStore) {
    for length in SIZES {
        let (key, gate) = (pyramid(4), Gate::new());
        let bytes = letters(b'a', length);
        let put = store.put(&key, halting(&bytes, &gate));
        let watch = async {
            gate.reached().await;
            require_absent(store, &key, "a reader would get half an image").await;
            gate.open();
        };
        let (put, ()) = soon(
            async { tokio::join!(put, watch) },
            "a put that ends once its body does",
            "a put must not wait for anything but its body",
        )
        .await;
        done(put);
        require_whole(store, &key, &bytes, "the put has returned").await;
        clean(store, &[key]).await;
    }
}

/// A body that fails leaves nothing, and its error is the put's.
pub async fn failing_body_leaves_nothing(store: &dyn DerivativeStore) {
    const WHY: &str = "half an image must never be taken for an image";
    for length in SIZES {
        let key = pyramid(5);
        let put = store.put(&key, failing(&letters(b'a', length))).await;
        require(
            matches!(put, Err(DerivativeError::Body { .. })),
            "the body's own error",
            put,
            "the caller must learn that the source was at fault, not the store",
        );
        require_absent(store, &key, WHY).await;
    }
}

/// A dropped put leaves nothing that can be seen.
pub async fn dropped_put_leaves_nothing(store: &dyn DerivativeStore) {
    for length in SIZES {
        let (key, gate) = (pyramid(6), Gate::new());
        tokio::select! {
            put = store.put(&key, halting(&letters(b'a', length), &gate)) => {
                broken("a put that waits for its body", put, "its body has not ended")
            }
            () = gate.reached() => {}
        }
        require_absent(store, &key, "a put is dropped when its lease is lost").await;
    }
}

/// Putting to a key that exists replaces the object at once: a reader gets the old bytes or the new ones.
pub async fn overwriting_is_atomic(store: &dyn DerivativeStore) {
    const WHY: &str = "a reader would mix two images, or find none";
    let key = pyramid(7);
    let sizes = [70_000, 50_000, 90_000];
    let contents: Vec<Bytes> = (b'a'..=b'h')
        .zip(sizes.into_iter().cycle())
        .map(|(letter, size)| letters(letter, size))
        .collect();
    done(store.put(&key, body(&contents[0], 1000)).await);
    let write = async {
        for content in &contents[1..] {
            done(store.put(&key, body(content, 9000)).await);
            tokio::task::yield_now().await;
        }
    };
    let read = async {
        loop {
            let got = store.get_range(&key, 0..u64::MAX).await;
            let known = matches!(&got, Ok(bytes) if contents.contains(bytes));
            require(
                known,
                "one of the objects that were put, whole",
                summary(&got),
                WHY,
            );
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        () = write => {}
        () = read => {}
    }
    require_whole(store, &key, &contents[contents.len() - 1], WHY).await;
    clean(store, &[key]).await;
}

/// A body that fails leaves nothing: what was there before stays.
pub async fn failing_overwrite_keeps_the_old_bytes(store: &dyn DerivativeStore) {
    let (key, old) = (pyramid(8), letters(b'o', 5000));
    done(store.put(&key, body(&old, 1000)).await);
    for length in SIZES {
        let put = store.put(&key, failing(&letters(b'n', length))).await;
        require(
            put.is_err(),
            "the body's own error",
            put,
            "a failure must not look like success",
        );
        require_whole(
            store,
            &key,
            &old,
            "a failed attempt must not cost what is served",
        )
        .await;
    }
    clean(store, &[key]).await;
}

/// The bytes of a range are those that were put.
pub async fn ranges_give_the_bytes(store: &dyn DerivativeStore) {
    let key = pyramid(9);
    let bytes: Bytes = (0..30_000u32).flat_map(u32::to_le_bytes).collect();
    done(store.put(&key, body(&bytes, 777)).await);
    for range in [
        0..1,
        0..120_000,
        1..2,
        4095..4097,
        119_999..120_000,
        50_000..70_000,
        5..5,
    ] {
        let expected = bytes.slice(usize_of(range.start)..usize_of(range.end));
        require_range(
            store,
            &key,
            range,
            &expected,
            "a tile is a range of its pyramid",
        )
        .await;
    }
    clean(store, &[key]).await;
}

/// A range that reaches past the end is cut at the end; one that starts there or later is empty.
pub async fn ranges_are_cut_at_the_end(store: &dyn DerivativeStore) {
    const WHY: &str = "readers ask for a first block of fixed size, also of small objects";
    let (key, bytes) = (pyramid(10), letters(b'a', 1000));
    done(store.put(&key, body(&bytes, 100)).await);
    for (range, length) in [
        (0..1001, 1000),
        (999..5000, 1),
        (0..u64::MAX, 1000),
        (1000..1001, 0),
        (1000..u64::MAX, 0),
        (5000..6000, 0),
        (u64::MAX - 1..u64::MAX, 0),
        (7000..7000, 0),
    ] {
        require_range(store, &key, range, &bytes.slice(..length), WHY).await;
    }
    clean(store, &[key]).await;
}

/// The given bytes come first, also when the range is empty; the rest is as for a range alone.
pub async fn ranges_come_behind_what_is_given(store: &dyn DerivativeStore) {
    const WHY: &str = "a tile is sent as its tables and its own bytes";
    let (key, bytes) = (pyramid(16), letters(b'a', 1000));
    done(store.put(&key, body(&bytes, 100)).await);
    for (range, rest) in [(7..19, 7..19), (990..5000, 990..1000), (1000..1001, 0..0)] {
        for before in [&b"the tables"[..], b""] {
            let expected = [before, &bytes[rest.clone()]].concat();
            let got = store.get_range_after(&key, range.clone(), before).await;
            require(
                matches!(&got, Ok(got) if *got == expected),
                format_args!("{} bytes and those of {rest:?}", before.len()),
                summary(&got),
                WHY,
            );
        }
    }
    clean(store, std::slice::from_ref(&key)).await;
    let got = store.get_range_after(&key, 0..10, b"the tables").await;
    require(
        matches!(&got, Err(DerivativeError::NotFound { key: said }) if *said == key),
        "no bytes, but NotFound",
        summary(&got),
        WHY,
    );
}

/// A missing object is [`DerivativeError::NotFound`], for its bytes and for its length.
pub async fn missing_is_not_found(store: &dyn DerivativeStore) {
    for key in [pyramid(11), upload()] {
        require_missing(
            store,
            &key,
            "NotFound leads to a new registration, other errors to another try",
        )
        .await;
    }
}

/// After a delete the object is gone; others are untouched.
pub async fn deleted_is_gone_and_others_are_not(store: &dyn DerivativeStore) {
    let image = image();
    let keys: Vec<_> = (1..4)
        .map(|token| DerivativeKey::pyramid(&image, Generation::new(1), LeaseToken::new(token)))
        .chain([upload()])
        .collect();
    let bytes = letters(b'a', 100);
    for key in &keys {
        done(store.put(key, body(&bytes, 10)).await);
    }
    done(store.delete(&keys[1]).await);
    require_absent(store, &keys[1], "a deleted image must not come back").await;
    for key in [&keys[0], &keys[2], &keys[3]] {
        require_whole(store, key, &bytes, "its neighbour was deleted, not it").await;
    }
    done(store.put(&keys[1], body(&bytes, 10)).await);
    require_whole(
        store,
        &keys[1],
        &bytes,
        "a key can be used again after a delete",
    )
    .await;
    clean(store, &keys).await;
}

/// Deleting what is not there succeeds.
pub async fn deleting_what_is_not_there_succeeds(store: &dyn DerivativeStore) {
    const WHY: &str = "a collector that was interrupted begins again";
    let key = pyramid(12);
    for _ in 0..2 {
        let deleted = store.delete(&key).await;
        require(deleted.is_ok(), "success", deleted, WHY);
    }
}

/// Lists exactly the objects that can be read; half-written ones are not among them.
pub async fn list_is_exact(store: &dyn DerivativeStore) {
    const WHY: &str = "collectors delete what is listed and not known, and miss what is not listed";
    let keys = [pyramid(13), pyramid(14), upload(), upload()];
    for key in &keys {
        done(store.put(key, body(&letters(b'a', 10), 10)).await);
    }
    let (unfinished, gate) = (pyramid(15), Gate::new());
    let listed = tokio::select! {
        put = store.put(&unfinished, halting(&letters(b'a', 9 << 20), &gate)) => {
            broken("a put that waits for its body", put, WHY)
        }
        listed = async { gate.reached().await; store.list().await } => done(listed),
    };
    for key in &keys {
        let times = listed.iter().filter(|listed| *listed == key).count();
        require(times == 1, format_args!("`{key}` once"), times, WHY);
    }
    require(
        !listed.contains(&unfinished),
        "no half-written object",
        &unfinished,
        WHY,
    );
    clean(store, &keys).await;
    let listed = done(store.list().await);
    let left: Vec<_> = keys.iter().filter(|key| listed.contains(key)).collect();
    require(left.is_empty(), "no deleted object", left, WHY);
}

/// The length is that of the object, and the time that of its put.
pub async fn scan_knows_length_and_age(store: &dyn DerivativeStore) {
    const WHY: &str = "by their age, checks tell what is nobody's from what is nobody's yet";
    const HOUR: Duration = Duration::from_secs(60 * 60);
    let (key, earlier) = (pyramid(16), SystemClock.now());
    done(store.put(&key, body(&letters(b'a', 70_001), 1000)).await);
    let later = SystemClock.now();
    let objects: Vec<_> = done(store.scan().try_collect().await);
    let object = objects.iter().find(|object| object.key == key);
    require(
        object.is_some_and(|object| object.length == 70_001),
        "an object of 70001 bytes",
        object,
        WHY,
    );
    // Its clock may be another one.
    let (earlier, later) = (earlier.before(HOUR), later.after(HOUR));
    require(
        object.is_some_and(|object| earlier < object.stored && object.stored < later),
        format_args!("a time between {earlier} and {later}"),
        object,
        WHY,
    );
    clean(store, &[key]).await;
}

/// Any number of readers and writers work at once.
pub async fn many_at_once(store: &dyn DerivativeStore) {
    const WHY: &str = "many workers and readers share one store";
    let image = image();
    let tasks = (1..=64u8).map(|n| {
        let key = DerivativeKey::pyramid(&image, Generation::new(1), LeaseToken::new(n.into()));
        let bytes = letters(n, 20_000 + usize::from(n));
        async move {
            done(store.put(&key, body(&bytes, 5000)).await);
            require_whole(store, &key, &bytes, WHY).await;
            done(store.delete(&key).await);
        }
    });
    soon(join_all(tasks), "64 objects at once", WHY).await;
}

/// The lengths of bodies that do not end: one that a store may hold in memory, and one that it has begun to write.
const SIZES: [usize; 2] = [3000, 20 << 20];

#[cfg(test)]
mod tests {
    #[test]
    fn every_clause_is_in_the_macro() {
        let text = include_str!("mod.rs");
        assert_eq!(crate::contract::unlisted(text, text), Vec::<&str>::new());
    }
}
