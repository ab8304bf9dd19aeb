//! Origins in any store of objects: what S3 is read with, and what an embedding program gives (Azure, Google, memory).

use std::fmt;
use std::io;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use dlcs_core::origin::{
    OriginAccess, OriginEntry, OriginEntryKind, OriginError, OriginListing, OriginRequest,
    OriginResponse, OriginStrategy, Result,
};
use dlcs_core::time::Timestamp;
use futures_util::{StreamExt, stream};
use object_store::path::Path;
use object_store::{Attribute, Error, GetOptions, GetResult, ListResult, ObjectMeta, ObjectStore};
use percent_encoding::percent_decode_str;
use url::Url;

use super::bounds::{Bounds, Deadline};

/// Why an address names nothing in a store of objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyProblem {
    Missing,
    Folder,
    Parts,
    NotUtf8,
    Query,
    Fragment,
}

impl KeyProblem {
    pub(super) const fn reason(self) -> &'static str {
        match self {
            Self::Missing => "the address names no object",
            Self::Folder => "the address is of a folder; give the address of an object",
            Self::Parts => {
                "the address has a part that is empty, `.` or `..`, or holds a control character"
            }
            Self::NotUtf8 => "the address is not UTF-8",
            Self::Query => "the address has a query; write a `?` in a key as `%3F`",
            Self::Fragment => "the address has a fragment; write a `#` in a key as `%23`",
        }
    }

    pub(super) fn into_error(self, backend: &'static str) -> OriginError {
        OriginError::Backend {
            backend,
            reason: self.reason(),
            source: Box::new(io::Error::from(ErrorKind::InvalidInput)),
        }
    }
}

/// Reads a key from a percent-encoded path without its first slash.
pub(super) fn decode(path: &str) -> Result<String, KeyProblem> {
    let decoded = percent_decode_str(path).decode_utf8();
    Ok(decoded.map_err(|_| KeyProblem::NotUtf8)?.into_owned())
}

/// The key of an object as the store takes it: no other key may come of it.
pub(super) fn object_path(key: &str) -> Result<Path, KeyProblem> {
    match key {
        "" => Err(KeyProblem::Missing),
        _ if key.ends_with('/') => Err(KeyProblem::Folder),
        _ => path(key),
    }
}

/// The prefix of a folder: empty, or with a slash at its end.
pub(super) fn folder_prefix(key: &str) -> Result<String, KeyProblem> {
    let folder = key.strip_suffix('/').unwrap_or(key);
    if folder.is_empty() && key.is_empty() {
        return Ok(String::new());
    }
    path(folder)?;
    Ok(format!("{folder}/"))
}

fn path(key: &str) -> Result<Path, KeyProblem> {
    // The store would forgive a slash at either end.
    if key.split('/').any(str::is_empty) {
        return Err(KeyProblem::Parts);
    }
    Path::parse(key).map_err(|_| KeyProblem::Parts)
}

/// Turns what a store gave into an answer within the bounds of a request; `held` lives as long as the body.
pub(super) fn answer(
    got: GetResult,
    held: impl Send + 'static,
    backend: &'static str,
    request: &OriginRequest<'_>,
    deadline: Deadline,
) -> Result<OriginResponse> {
    let coding = got.attributes.get(&Attribute::ContentEncoding);
    // What some uploaders leave behind of the way that the bytes came says nothing of the bytes.
    if coding.is_some_and(|coding| !matches!(coding.as_ref(), "" | "identity" | "aws-chunked")) {
        return Err(OriginError::Backend {
            backend,
            reason: "its bytes are stored compressed; store them as they are",
            source: Box::new(io::Error::from(ErrorKind::InvalidData)),
        });
    }
    let length = got.meta.size;
    let media_type = got
        .attributes
        .get(&Attribute::ContentType)
        .map(|value| value.as_ref().to_owned());
    let bounds = Bounds::of(request, Some(length), deadline)?;
    let state = (got.into_stream(), held, 0);
    let body = stream::try_unfold(state, move |(mut body, held, received)| async move {
        let chunk = body.next().await.transpose();
        // The cause is not kept: it may hold text of the origin, and the numbers say it all.
        let chunk = chunk.map_err(|_| OriginError::Interrupted {
            received,
            expected: Some(length),
        })?;
        Ok(chunk.map(|bytes| {
            let received = received + bytes.len() as u64;
            (bytes, (body, held, received))
        }))
    });
    let answer = OriginResponse::new(bounds.hold(body)).with_length(length);
    Ok(match media_type {
        Some(media_type) => answer.with_media_type(media_type),
        None => answer,
    })
}

/// What lies directly below a folder, with addresses below the folder's.
pub(super) fn entries(folder: &Url, prefix: &str, listed: &ListResult) -> Vec<OriginEntry> {
    let name = |path: &Path| {
        let name = path.as_ref().strip_prefix(prefix)?;
        (!name.is_empty()).then(|| name.to_owned())
    };
    let object = |meta: &ObjectMeta| {
        Some(OriginEntry {
            url: below(folder, &name(&meta.location)?, false)?,
            kind: OriginEntryKind::Object {
                length: Some(meta.size),
                modified: Some(Timestamp::from_micros(
                    meta.last_modified.timestamp_micros(),
                )),
            },
        })
    };
    let below_it = |path: &Path| {
        Some(OriginEntry {
            url: below(folder, &name(path)?, true)?,
            kind: OriginEntryKind::Folder,
        })
    };
    let folders = listed.common_prefixes.iter().filter_map(below_it);
    folders
        .chain(listed.objects.iter().filter_map(object))
        .collect()
}

fn below(folder: &Url, name: &str, is_folder: bool) -> Option<Url> {
    let mut url = folder.clone();
    url.set_query(None);
    url.set_fragment(None);
    let mut segments = url.path_segments_mut().ok()?;
    segments.pop_if_empty().push(name);
    if is_folder {
        segments.push("");
    }
    drop(segments);
    Some(url)
}

/// What a failure of a store means, by its type alone; its text may hold secrets and is not kept.
pub(super) fn meaning(error: &Error, backend: &'static str) -> OriginError {
    let permanent = |reason, kind: ErrorKind| OriginError::Backend {
        backend,
        reason,
        source: Box::new(io::Error::from(kind)),
    };
    match error {
        Error::NotFound { .. } => OriginError::NotFound { status: None },
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
            OriginError::Denied { status: None }
        }
        Error::InvalidPath { .. } => KeyProblem::Parts.into_error(backend),
        Error::NotSupported { .. } | Error::NotImplemented { .. } => {
            permanent("the store cannot do that", ErrorKind::Unsupported)
        }
        Error::UnknownConfigurationKey { .. } => {
            permanent("the store is not set up", ErrorKind::InvalidInput)
        }
        _ => OriginError::Unavailable {
            status: None,
            retry_after: None,
        },
    }
}

/// Fetches master images from a store that an embedding program opened, with the access that it has, for every customer.
///
/// The key of an object is the path of its address.
///
/// ```
/// use std::sync::Arc;
///
/// use dlcs_core::origin::OriginRegistry;
/// use dlcs_storage::origin::object::ObjectStoreOrigin;
/// use object_store::memory::InMemory;
///
/// let azure = ObjectStoreOrigin::new(&["az"], Arc::new(InMemory::new())).with_host("masters");
/// let origins = OriginRegistry::new().with_origin(azure);
/// assert!(origins.get("az").is_ok());
/// ```
pub struct ObjectStoreOrigin {
    schemes: &'static [&'static str],
    host: Option<String>,
    store: Arc<dyn ObjectStore>,
    total_timeout: Duration,
}

/// How this backend calls itself.
const OBJECT: &str = "object";

impl ObjectStoreOrigin {
    /// An origin of these schemes, in lower case, whose objects are in a store.
    #[must_use]
    pub fn new(schemes: &'static [&'static str], store: Arc<dyn ObjectStore>) -> Self {
        Self {
            schemes,
            host: None,
            store,
            total_timeout: Deadline::DEFAULT,
        }
    }

    /// Says which host (a bucket, a container) the store is; there is nothing at other hosts.
    #[must_use]
    pub fn with_host(mut self, host: impl Into<String>) -> Self {
        self.host = Some(host.into());
        self
    }

    /// Says how long a whole fetch may take, from the first request to the last byte.
    #[must_use]
    pub const fn with_total_timeout(mut self, timeout: Duration) -> Self {
        self.total_timeout = timeout;
        self
    }

    /// The key in an address, which must be of this store.
    fn key(&self, request: &OriginRequest<'_>) -> Result<String> {
        let OriginAccess::Default = request.access() else {
            let kind = request.access().kind();
            return Err(OriginError::Strategy {
                reason: format!("`{kind}` is not for these addresses"),
            });
        };
        let url = request.url();
        if self.host.is_some() && self.host.as_deref() != url.host_str() {
            return Err(OriginError::NotFound { status: None });
        }
        let problem = |problem: KeyProblem| problem.into_error(OBJECT);
        if url.query().is_some() {
            return Err(problem(KeyProblem::Query));
        }
        if url.fragment().is_some() {
            return Err(problem(KeyProblem::Fragment));
        }
        let path = url.path();
        decode(path.strip_prefix('/').unwrap_or(path)).map_err(problem)
    }
}

impl fmt::Debug for ObjectStoreOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A store may show what it was opened with.
        f.debug_struct("ObjectStoreOrigin")
            .field("schemes", &self.schemes)
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl OriginStrategy for ObjectStoreOrigin {
    fn schemes(&self) -> &'static [&'static str] {
        self.schemes
    }

    async fn open(&self, request: OriginRequest<'_>) -> Result<OriginResponse> {
        let deadline = Deadline::after(self.total_timeout);
        let key = self.key(&request)?;
        let path = object_path(&key).map_err(|problem| problem.into_error(OBJECT))?;
        let get = self.store.get_opts(&path, GetOptions::default());
        let got = deadline.wait(request.patience(), get).await?;
        let got = got.map_err(|error| meaning(&error, OBJECT))?;
        answer(got, (), OBJECT, &request, deadline)
    }

    async fn list(&self, request: OriginRequest<'_>) -> Result<OriginListing> {
        let deadline = Deadline::after(self.total_timeout);
        let key = self.key(&request)?;
        let prefix = folder_prefix(&key).map_err(|problem| problem.into_error(OBJECT))?;
        let folder = Path::parse(&prefix).map_err(|_| KeyProblem::Parts.into_error(OBJECT))?;
        let folder = (!prefix.is_empty()).then_some(folder);
        let list = self.store.list_with_delimiter(folder.as_ref());
        let listed = deadline.wait(request.patience(), list).await?;
        let listed = listed.map_err(|error| meaning(&error, OBJECT))?;
        let entries = entries(request.url(), &prefix, &listed);
        Ok(stream::iter(entries).map(Ok).boxed())
    }
}
