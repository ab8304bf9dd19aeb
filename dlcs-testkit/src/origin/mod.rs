//! The contract of [`OriginStrategy`], clause by clause.
//!
//! Write a fixture that can put objects where your origin finds them, and hand an async function that makes one to
//! [`origin_contract!`](crate::origin_contract).

mod reading;

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use dlcs_core::origin::{
    OriginAccess, OriginEntryKind, OriginError, OriginRequest, OriginStrategy,
};
use futures_util::StreamExt;
use futures_util::future::join_all;
use url::Url;

use self::reading::{collect, list, noise, read, require_bytes, summary, tell, unwrap};
use crate::gate::Gate;
use crate::verdict::{broken, require, skipped, soon};

/// How long a clause lets an origin be silent.
const PATIENCE: Duration = Duration::from_millis(250);

/// An object that may be read with some credentials only.
#[derive(Debug)]
pub struct Protected {
    /// Where it is.
    pub url: Url,
    /// What opens it.
    pub good: OriginAccess,
    /// What does not; put the text `canary` into its user and password.
    pub bad: OriginAccess,
}

/// An origin under test, and the means to put objects where it finds them.
///
/// What a kind of origin cannot do, its fixture leaves out: those clauses are skipped, and say so.
#[async_trait]
pub trait OriginFixture: Send + Sync {
    /// Returns the origin under test.
    fn origin(&self) -> Arc<dyn OriginStrategy>;

    /// Puts an object under a name, which may hold any character, and returns its address; percent-encode the name once, whole.
    async fn object(&self, name: &str, bytes: Bytes) -> Url;

    /// Returns an address that has nothing.
    async fn missing(&self) -> Url;

    /// Puts an object that only some credentials open.
    async fn protected(&self, _bytes: Bytes) -> Option<Protected> {
        None
    }

    /// Puts an object of which only the first `sent` bytes arrive.
    async fn truncated(&self, _bytes: Bytes, _sent: usize) -> Option<Url> {
        None
    }

    /// Puts an object that stops after its first `sent` bytes until the gate opens.
    async fn gated(&self, _bytes: Bytes, _sent: usize, _gate: Gate) -> Option<Url> {
        None
    }

    /// Makes a folder that holds these objects, and a folder with one more of each, and returns its address, which ends in `/`.
    async fn folder(&self, _objects: &[(&str, Bytes)]) -> Option<Url> {
        None
    }

    /// Returns an address where nothing at all is said until the gate opens.
    async fn silent(&self, _gate: Gate) -> Option<Url> {
        None
    }
}

/// Expands to one test per clause of the contract of an origin; give an async constructor of an [`OriginFixture`].
///
/// ```
/// # mod example { use dlcs_testkit::origin::OriginFixture; use dlcs_testkit::fake::FakeOrigin;
/// async fn fixture() -> impl OriginFixture {
/// #   struct Never;
/// #   #[async_trait::async_trait] impl OriginFixture for Never {
/// #       fn origin(&self) -> std::sync::Arc<dyn dlcs_core::origin::OriginStrategy> { FakeOrigin::new() }
/// #       async fn object(&self, _: &str, _: bytes::Bytes) -> url::Url { unreachable!() }
/// #       async fn missing(&self) -> url::Url { unreachable!() }
/// #   }
/// #   Never
///     // …
/// }
///
/// dlcs_testkit::origin_contract!(fixture());
/// # }
/// ```
#[macro_export]
macro_rules! origin_contract {
    ($fixture:expr $(,)?) => {
        $crate::clause_tests! {
            fixture = $fixture, &fixture;
            $crate::origin {
                schemes_are_lower_case,
                reads_whole_object,
                stream_is_lazy,
                declared_length_is_honest,
                truncated_body_is_an_error,
                missing_is_not_found,
                bad_credentials_are_denied,
                size_limit_is_obeyed,
                silence_is_timed_out,
                percent_encoded_and_unicode,
                listed_entries_can_be_opened,
                dropping_midway_releases,
                secrets_not_in_debug,
                concurrent_64,
            }
        }
    };
}

/// Returns the URL schemes in lower case.
pub async fn schemes_are_lower_case(fixture: &dyn OriginFixture) {
    let origin = fixture.origin();
    let schemes = origin.schemes();
    let good = |scheme: &&str| {
        scheme.starts_with(|c: char| c.is_ascii_lowercase())
            && scheme
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+-.".contains(&b))
    };
    require(
        !schemes.is_empty() && schemes.iter().all(good),
        "at least one scheme, each in lower case and without `:`",
        schemes,
        "the registry looks origins up by the scheme of a parsed URL, which is in lower case",
    );
}

/// The body carries the bytes unchanged and in order.
pub async fn reads_whole_object(fixture: &dyn OriginFixture) {
    for length in [0, 1, 4096, 1_000_003] {
        let bytes = noise(length);
        let url = fixture
            .object(&format!("whole-{length}"), bytes.clone())
            .await;
        let got = read(fixture, OriginRequest::new(&url)).await;
        require_bytes(
            &bytes,
            &got,
            "an image with one wrong byte is a wrong image",
        );
    }
}

/// The body is lazy: the response is there before the last byte has been read.
pub async fn stream_is_lazy(fixture: &dyn OriginFixture) {
    const WHY: &str = "sources of gigabytes are streamed to disk, never held in memory";
    let (bytes, gate) = (noise(1 << 20), Gate::new());
    let Some(url) = fixture.gated(bytes.clone(), 1 << 19, gate.clone()).await else {
        return skipped("stream_is_lazy", "object that stops midway");
    };
    let origin = fixture.origin();
    let opened = soon(
        origin.open(OriginRequest::new(&url)),
        "a response while the last bytes are still to come",
        WHY,
    );
    let mut body = unwrap(opened.await, WHY).into_body();
    let first = soon(
        body.next(),
        "a first chunk while the last bytes are still to come",
        WHY,
    )
    .await;
    let mut got = BytesMut::new();
    match first {
        Some(Ok(chunk)) => got.extend_from_slice(&chunk),
        other => broken("a first chunk", other, WHY),
    }
    gate.open();
    while let Some(chunk) = body.next().await {
        got.extend_from_slice(&unwrap(chunk, WHY));
    }
    require_bytes(&bytes, &Ok(got.freeze()), WHY);
}

/// A declared length is the number of bytes that follow.
pub async fn declared_length_is_honest(fixture: &dyn OriginFixture) {
    const WHY: &str =
        "the length decides whether a source is fetched at all, and whether it came whole";
    for length in [1, 70_001] {
        let url = fixture
            .object(&format!("length-{length}"), noise(length))
            .await;
        let response = unwrap(fixture.origin().open(OriginRequest::new(&url)).await, WHY);
        let declared = response.length();
        let got = unwrap(collect(response).await, WHY).len() as u64;
        require(
            declared.is_none_or(|declared| declared == got),
            format_args!("a declared length of {got}, or none"),
            declared,
            WHY,
        );
    }
}

/// A body that ends early is [`OriginError::Interrupted`].
pub async fn truncated_body_is_an_error(fixture: &dyn OriginFixture) {
    let Some(url) = fixture.truncated(noise(100_000), 60_000).await else {
        return skipped("truncated_body_is_an_error", "truncated object");
    };
    let got = read(fixture, OriginRequest::new(&url)).await;
    let honest = match &got {
        Err(OriginError::Interrupted { received, expected }) => {
            *received <= 60_000 && expected.is_none_or(|expected| expected == 100_000)
        }
        _ => false,
    };
    require(
        honest,
        "Interrupted, with at most 60000 bytes of 100000",
        summary(&got),
        "half an image that decodes would be published as the image; an interruption is tried again",
    );
}

/// What is not there is [`OriginError::NotFound`].
pub async fn missing_is_not_found(fixture: &dyn OriginFixture) {
    let url = fixture.missing().await;
    let got = read(fixture, OriginRequest::new(&url)).await;
    require(
        matches!(got, Err(OriginError::NotFound { .. })),
        "NotFound",
        summary(&got),
        "NotFound is never tried again, and tells the librarian to correct the address",
    );
}

/// What may not be read is [`OriginError::Denied`], and what may be read is read.
pub async fn bad_credentials_are_denied(fixture: &dyn OriginFixture) {
    const WHY: &str =
        "Denied is never tried again, and tells the librarian to check the origin strategy";
    let bytes = noise(5000);
    let Some(protected) = fixture.protected(bytes.clone()).await else {
        return skipped("bad_credentials_are_denied", "protected object");
    };
    let request = OriginRequest::new(&protected.url);
    let got = read(fixture, request.with_access(&protected.good)).await;
    require_bytes(&bytes, &got, WHY);
    for access in [&protected.bad, &OriginAccess::Default] {
        let got = read(fixture, request.with_access(access)).await;
        require(
            matches!(got, Err(OriginError::Denied { .. })),
            "Denied",
            summary(&got),
            WHY,
        );
    }
}

/// More than [`OriginRequest::limit`] bytes is [`OriginError::TooLarge`], before the rest is read.
pub async fn size_limit_is_obeyed(fixture: &dyn OriginFixture) {
    const WHY: &str = "without a limit one registration fills the disk";
    let bytes = noise(300_000);
    let url = fixture.object("limited", bytes.clone()).await;
    let request = OriginRequest::new(&url);
    let got = read(fixture, request.with_limit(300_000)).await;
    require_bytes(&bytes, &got, "a source of just the limit is allowed");
    for limit in [299_999, 1000, 0] {
        let got = read(fixture, request.with_limit(limit)).await;
        require(
            matches!(got, Err(OriginError::TooLarge { limit: said }) if said == limit),
            format_args!("TooLarge with a limit of {limit}"),
            summary(&got),
            WHY,
        );
    }
}

/// Nothing for longer than [`OriginRequest::patience`] is [`OriginError::TimedOut`], before the first byte and between bytes.
pub async fn silence_is_timed_out(fixture: &dyn OriginFixture) {
    const WHY: &str = "one silent host must not hold a worker for ever; a silence is tried again";
    let silent = fixture.silent(Gate::new()).await;
    let stops = fixture.gated(noise(100_000), 50_000, Gate::new()).await;
    if silent.is_none() && stops.is_none() {
        return skipped("silence_is_timed_out", "silent object");
    }
    for url in [silent, stops].iter().flatten() {
        let request = OriginRequest::new(url).with_patience(PATIENCE);
        let got = soon(read(fixture, request), "TimedOut after the patience", WHY).await;
        require(
            matches!(got, Err(OriginError::TimedOut { .. })),
            "TimedOut",
            summary(&got),
            WHY,
        );
    }
}

/// Percent-encoded and Unicode addresses reach the origin as they were given.
pub async fn percent_encoded_and_unicode(fixture: &dyn OriginFixture) {
    let names = [
        "plain.tif",
        "a space.tif",
        "a%20space.tif",
        "a+space.tif",
        "100%.tif",
        "ünïcode.tif",
        "图像.tif",
        "💾.tif",
        "semi;colon,comma.tif",
        "%2e%2e.tif",
        "it's (1) [x].tif",
        "#hash?query&a=b.tif",
        "a/b.tif",
        "a%2Fb.tif",
    ];
    let mut placed = Vec::new();
    for name in names {
        let bytes = Bytes::copy_from_slice(format!("the object {name}").as_bytes());
        placed.push((fixture.object(name, bytes.clone()).await, bytes));
    }
    for (url, bytes) in &placed {
        let got = read(fixture, OriginRequest::new(url)).await;
        require_bytes(
            bytes,
            &got,
            &format!(
                "files of collections have such names, and `{url}` must not become another one"
            ),
        );
    }
}

/// An entry's address, as it stands, can be opened or listed.
pub async fn listed_entries_can_be_opened(fixture: &dyn OriginFixture) {
    const WHY: &str = "an import registers the addresses that it is given";
    let objects: Vec<_> = ["plain.tif", "a space.tif", "100%.tif", "ünïcode.tif"]
        .iter()
        .map(|name| (*name, noise(1000 + name.len())))
        .collect();
    let Some(folder) = fixture.folder(&objects).await else {
        return skipped("listed_entries_can_be_opened", "folder");
    };
    let origin = fixture.origin();
    let entries = list(origin.as_ref(), &folder).await;
    let mut found = Vec::new();
    let mut folders = Vec::new();
    for entry in entries {
        match entry.kind {
            OriginEntryKind::Object { length, .. } => {
                let bytes = unwrap(read(fixture, OriginRequest::new(&entry.url)).await, WHY);
                let got = bytes.len() as u64;
                require(
                    length.is_none_or(|length| length == got),
                    format_args!("a length of {got}, or none"),
                    length,
                    WHY,
                );
                found.push(bytes);
            }
            OriginEntryKind::Folder => folders.push(entry.url),
            other => broken("an object or a folder", other, WHY),
        }
    }
    let mut expected: Vec<_> = objects.into_iter().map(|(_, bytes)| bytes).collect();
    expected.sort();
    found.sort();
    require(
        found == expected,
        "the objects of the folder, each once, and no others",
        found.iter().map(Bytes::len).collect::<Vec<_>>(),
        WHY,
    );
    let [inner] = folders.as_slice() else {
        broken("one folder within", folders, WHY)
    };
    let within = list(origin.as_ref(), inner).await.len();
    require(within == expected.len(), "the objects within", within, WHY);
}

/// Every method may be dropped at any await point and releases what it holds.
pub async fn dropping_midway_releases(fixture: &dyn OriginFixture) {
    const WHY: &str = "a fetch is dropped when its lease is lost; what it holds must not pile up";
    let origin = fixture.origin();
    let bytes = noise(200_000);
    let url = fixture.object("dropped", bytes.clone()).await;
    for _ in 0..100 {
        drop(unwrap(origin.open(OriginRequest::new(&url)).await, WHY));
    }
    require_bytes(&bytes, &read(fixture, OriginRequest::new(&url)).await, WHY);
    let gate = Gate::new();
    if let Some(url) = fixture.gated(bytes, 100_000, gate.clone()).await {
        let drain = async {
            let mut body = unwrap(origin.open(OriginRequest::new(&url)).await, WHY).into_body();
            while let Some(chunk) = body.next().await {
                unwrap(chunk, WHY);
            }
        };
        tokio::select! {
            () = gate.reached() => {}
            () = drain => broken("a body that stops midway", "its end", WHY),
        }
        soon(
            gate.abandoned(),
            "the connection of a dropped body to be given up",
            WHY,
        )
        .await;
    }
    let gate = Gate::new();
    if let Some(url) = fixture.silent(gate.clone()).await {
        tokio::select! {
            () = gate.reached() => {}
            got = origin.open(OriginRequest::new(&url)) => broken("silence", got, WHY),
        }
        soon(
            gate.abandoned(),
            "the connection of a dropped call to be given up",
            WHY,
        )
        .await;
    }
}

/// No error, and no `Debug` of the implementor, contains credentials or the text of a response.
pub async fn secrets_not_in_debug(fixture: &dyn OriginFixture) {
    let origin = fixture.origin();
    let mut said = String::new();
    let missing = fixture.missing().await;
    tell(&mut said, &origin.open(OriginRequest::new(&missing)).await);
    if let Some(protected) = fixture.protected(noise(10)).await {
        for access in [&protected.good, &protected.bad, &OriginAccess::Default] {
            let request = OriginRequest::new(&protected.url).with_access(access);
            tell(&mut said, &origin.open(request).await);
        }
    }
    let _ = write!(said, " {origin:?} {origin:#?}");
    let leak = said
        .find("canary")
        .map(|at| said[at..].chars().take(40).collect::<String>());
    require(
        leak.is_none(),
        "no canary in any Debug, error or cause",
        leak,
        "errors are stored with the image and shown to others than those who know the password",
    );
}

/// It can serve many fetches at once.
pub async fn concurrent_64(fixture: &dyn OriginFixture) {
    let objects = (0..64).map(|n| async move {
        let bytes = noise(20_000 + n);
        (
            fixture
                .object(&format!("concurrent-{n}"), bytes.clone())
                .await,
            bytes,
        )
    });
    let objects = join_all(objects).await;
    let reads = objects
        .iter()
        .map(|(url, bytes)| async move { (read(fixture, OriginRequest::new(url)).await, bytes) });
    let why = "many workers share one origin";
    for (got, bytes) in soon(join_all(reads), "64 objects at once", why).await {
        require_bytes(bytes, &got, why);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_clause_is_in_the_macro() {
        let text = include_str!("mod.rs");
        assert_eq!(crate::contract::unlisted(text, text), Vec::<&str>::new());
    }
}
