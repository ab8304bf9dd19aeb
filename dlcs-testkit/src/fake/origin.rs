//! An origin in memory that does what a test tells it.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use dlcs_core::origin::{
    OriginAccess, OriginEntry, OriginEntryKind, OriginError, OriginListing, OriginRequest,
    OriginResponse, OriginStrategy, Result,
};
use futures_util::{StreamExt, stream};
use tokio::time::timeout;
use url::Url;

use crate::gate::Gate;

/// The size of a chunk: small, so that objects have several.
const CHUNK: usize = 1 << 12;

/// What is at an address of a [`FakeOrigin`].
#[derive(Clone)]
#[must_use]
pub struct FakeObject {
    bytes: Bytes,
    media_type: Option<String>,
    has_length: bool,
    ends_at: Option<usize>,
    gate_before: Option<Gate>,
    gate_within: Option<(usize, Gate)>,
    access: OriginAccess,
    fault: Option<Arc<dyn Fn() -> OriginError + Send + Sync>>,
}

impl FakeObject {
    /// An object of these bytes.
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        Self {
            bytes: bytes.into(),
            media_type: None,
            has_length: true,
            ends_at: None,
            gate_before: None,
            gate_within: None,
            access: OriginAccess::Default,
            fault: None,
        }
    }

    /// An object that cannot be opened, for a reason that is made anew each time.
    pub fn faulty(fault: impl Fn() -> OriginError + Send + Sync + 'static) -> Self {
        Self {
            fault: Some(Arc::new(fault)),
            ..Self::new(Bytes::new())
        }
    }

    /// Declares a media type.
    pub fn with_media_type(mut self, media_type: &str) -> Self {
        self.media_type = Some(media_type.to_owned());
        self
    }

    /// Declares no length.
    pub fn without_length(mut self) -> Self {
        self.has_length = false;
        self
    }

    /// Ends after so many bytes, whatever was declared.
    pub fn truncated_at(mut self, bytes: usize) -> Self {
        self.ends_at = Some(bytes);
        self
    }

    /// Says nothing until the gate opens.
    pub fn gated(mut self, gate: Gate) -> Self {
        self.gate_before = Some(gate);
        self
    }

    /// Stops after so many bytes until the gate opens.
    pub fn gated_at(mut self, bytes: usize, gate: Gate) -> Self {
        self.gate_within = Some((bytes, gate));
        self
    }

    /// Opens for this access only.
    pub fn protected_by(mut self, access: OriginAccess) -> Self {
        self.access = access;
        self
    }
}

impl fmt::Debug for FakeObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeObject")
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

/// An origin in memory, for `fake`, `http` and `https` addresses.
///
/// ```
/// use dlcs_testkit::fake::{FakeObject, FakeOrigin};
///
/// let origin = FakeOrigin::new();
/// let near = origin.serve("a.jpg", FakeObject::new("bytes"));
/// let far = origin.serve("https://images.example/b.jpg", FakeObject::new("bytes").truncated_at(2));
/// assert_eq!(near.as_str(), "fake://origin/a.jpg");
/// ```
#[derive(Debug, Default)]
pub struct FakeOrigin {
    objects: Mutex<HashMap<Url, FakeObject>>,
    opened: Mutex<Vec<Url>>,
}

impl FakeOrigin {
    /// An origin that has nothing.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Puts an object at an address (or a path under `fake://origin/`), and returns the address.
    ///
    /// # Panics
    /// When it is neither.
    pub fn serve(&self, address: &str, object: FakeObject) -> Url {
        let url = Url::parse("fake://origin/")
            .and_then(|root| root.join(address))
            .expect("a test gives an address or a path");
        lock(&self.objects).insert(url.clone(), object);
        url
    }

    /// Returns the addresses that were opened so far, in order, also those that had nothing.
    #[must_use]
    pub fn opened(&self) -> Vec<Url> {
        lock(&self.opened).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl OriginStrategy for FakeOrigin {
    fn schemes(&self) -> &'static [&'static str] {
        &["fake", "http", "https"]
    }

    async fn open(&self, request: OriginRequest<'_>) -> Result<OriginResponse> {
        lock(&self.opened).push(request.url().clone());
        let object = lock(&self.objects).get(request.url()).cloned();
        let object = object.ok_or(OriginError::NotFound { status: None })?;
        if let Some(fault) = object.fault {
            return Err(fault());
        }
        if object.access != OriginAccess::Default && object.access != *request.access() {
            return Err(OriginError::Denied { status: None });
        }
        let (limit, patience) = (request.limit(), request.patience());
        let silent = OriginError::TimedOut { after: patience };
        if let Some(gate) = &object.gate_before {
            timeout(patience, gate.pass()).await.map_err(|_| silent)?;
        }
        let expected = object.has_length.then_some(object.bytes.len() as u64);
        if expected.is_some_and(|length| length > limit) {
            return Err(OriginError::TooLarge { limit });
        }
        let end = object.ends_at.unwrap_or(usize::MAX).min(object.bytes.len());
        let (bytes, gate) = (object.bytes, object.gate_within);
        let body = stream::try_unfold(0, move |at| {
            let (bytes, gate) = (bytes.clone(), gate.clone());
            async move {
                let mut next = end.min(at + CHUNK);
                match gate {
                    Some((stop, gate)) if stop == at => timeout(patience, gate.pass())
                        .await
                        .map_err(|_| OriginError::TimedOut { after: patience })?,
                    Some((stop, _)) if stop > at => next = next.min(stop),
                    _ => {}
                }
                if next as u64 > limit {
                    return Err(OriginError::TooLarge { limit });
                }
                match (at == end, end == bytes.len()) {
                    (true, true) => Ok(None),
                    (true, false) => Err(OriginError::Interrupted {
                        received: end as u64,
                        expected,
                    }),
                    (false, _) => Ok(Some((bytes.slice(at..next), next))),
                }
            }
        });
        let mut response = OriginResponse::new(body.boxed());
        if let Some(length) = expected {
            response = response.with_length(length);
        }
        if let Some(media_type) = object.media_type {
            response = response.with_media_type(media_type);
        }
        Ok(response)
    }

    async fn list(&self, request: OriginRequest<'_>) -> Result<OriginListing> {
        let folder = request.url();
        let mut entries = BTreeMap::new();
        for (url, object) in lock(&self.objects).iter() {
            let Some(rest) = url.as_str().strip_prefix(folder.as_str()) else {
                continue;
            };
            let (name, kind) = match rest.split_once('/') {
                Some((name, _)) => (format!("{name}/"), OriginEntryKind::Folder),
                None => {
                    let (length, modified) = (Some(object.bytes.len() as u64), None);
                    let kind = OriginEntryKind::Object { length, modified };
                    (rest.to_owned(), kind)
                }
            };
            let url = folder.join(&name).expect("a part of an address is one");
            entries.insert(name, OriginEntry { url, kind });
        }
        Ok(stream::iter(entries.into_values().map(Ok)).boxed())
    }
}
