//! Origins at file addresses, below directories that the operator names.
//!
//! ```
//! use dlcs_core::origin::OriginRegistry;
//! use dlcs_storage::origin::file::{FileOrigin, FileOriginConfig};
//!
//! let masters = std::env::temp_dir();
//! let config = FileOriginConfig::default().with_directory(masters)?;
//! let origins = OriginRegistry::new().with_origin(FileOrigin::new(config));
//! # Ok::<(), std::io::Error>(())
//! ```

mod beneath;
mod config;
mod error;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::BytesMut;
use dlcs_core::origin::{
    OriginAccess, OriginEntry, OriginEntryKind, OriginError, OriginListing, OriginRequest,
    OriginResponse, OriginStrategy, Result,
};
use dlcs_core::time::Timestamp;
use futures_util::{StreamExt, stream};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::{Dir, Stat};
use tokio::fs::File;
use tokio::io::AsyncReadExt;
use tokio::task::spawn_blocking;
use url::Url;

pub use config::FileOriginConfig;

use self::beneath::Wanted;
use self::config::Root;
use self::error::Failure;
use crate::origin::bounds::{Bounds, Deadline};
use crate::origin::path::{Folder, MAX_ENTRIES, decoded, encoded};

/// How much is read at once.
const CHUNK: usize = 256 << 10;

/// Reads master images from directories of this machine.
///
/// Invariants:
/// * nothing outside the directories of its settings is opened, and nothing is said of it: neither names nor links lead there;
/// * nothing but regular files is read.
#[derive(Debug)]
pub struct FileOrigin {
    roots: Arc<[Root]>,
}

impl FileOrigin {
    /// An origin with these settings.
    #[must_use]
    pub fn new(config: FileOriginConfig) -> Self {
        Self {
            roots: config.roots.into(),
        }
    }

    /// Does something with the name beneath an open directory that a request asks for.
    async fn look<T: Send + 'static>(
        &self,
        request: &OriginRequest<'_>,
        deadline: Deadline,
        work: impl Fn(BorrowedFd<'_>, &OsStr) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T> {
        let OriginAccess::Default = request.access() else {
            return Err(OriginError::Strategy {
                reason: format!("`{}` is not for file addresses", request.access().kind()),
            });
        };
        let places = places(&self.roots, request.url())?;
        let work = spawn_blocking(move || {
            // A link may lead out of one open directory and into another that holds it.
            for (root, name) in places {
                let root = beneath::root(&root)?;
                match work(root.as_fd(), name.as_os_str()) {
                    Err(Failure::Outside) => {}
                    found => return found,
                }
            }
            Err(Failure::Outside)
        });
        let found = deadline.wait(request.patience(), work).await?;
        Ok(found.expect("looking at files does not panic")?)
    }
}

/// Where an address may lie: an open directory, and the name beneath it.
fn places(roots: &[Root], url: &Url) -> Result<Vec<(PathBuf, PathBuf)>> {
    if !matches!(url.host_str(), None | Some("" | "localhost")) {
        return Err(Failure::OtherHost.into());
    }
    let mut path = vec![b'/'];
    path.extend(decoded(encoded(url))?);
    let path = Path::new(OsStr::from_bytes(&path));
    // What a part of the name would take back was never in the address's own path.
    let goes_up = path.components().any(|part| part == Component::ParentDir);
    let mut places = Vec::new();
    for root in roots {
        for prefix in [&root.named, &root.real] {
            if let Ok(name) = path.strip_prefix(prefix)
                && !goes_up
            {
                let place = (root.real.clone(), name.to_owned());
                if !places.contains(&place) {
                    places.push(place);
                }
            }
        }
    }
    if places.is_empty() {
        return Err(Failure::Outside.into());
    }
    Ok(places)
}

#[async_trait]
impl OriginStrategy for FileOrigin {
    fn schemes(&self) -> &'static [&'static str] {
        &["file"]
    }

    fn check(&self, url: &Url) -> Result<()> {
        places(&self.roots, url).map(drop)
    }

    async fn open(&self, request: OriginRequest<'_>) -> Result<OriginResponse> {
        let deadline = Deadline::after(Deadline::DEFAULT);
        let open = |root: BorrowedFd<'_>, name: &OsStr| beneath::open(root, name, Wanted::File);
        let (file, stat) = self.look(&request, deadline, open).await?;
        let length = length_of(&stat);
        let bounds = Bounds::of(&request, Some(length), deadline)?;
        let file = File::from_std(file.into());
        let body = stream::try_unfold((file, 0), move |(mut file, received)| async move {
            let mut chunk = BytesMut::with_capacity(CHUNK);
            // The cause is not kept: the numbers say what happened.
            let interrupted = OriginError::Interrupted {
                received,
                expected: Some(length),
            };
            let read = file.read_buf(&mut chunk).await.map_err(|_| interrupted)?;
            let received = received + read as u64;
            Ok((read > 0).then(|| (chunk.freeze(), (file, received))))
        });
        Ok(OriginResponse::new(bounds.hold(body)).with_length(length))
    }

    async fn list(&self, request: OriginRequest<'_>) -> Result<OriginListing> {
        let deadline = Deadline::after(Deadline::DEFAULT);
        let folder = Folder::of(request.url());
        let list = move |root: BorrowedFd<'_>, name: &OsStr| entries(root, name, &folder);
        let entries = self.look(&request, deadline, list).await?;
        Ok(stream::iter(entries.into_iter().map(Ok)).boxed())
    }
}

fn entries(
    root: BorrowedFd<'_>,
    name: &OsStr,
    folder: &Folder,
) -> Result<Vec<OriginEntry>, Failure> {
    let (opened, _) = beneath::open(root, name, Wanted::Folder)?;
    let mut entries = Vec::new();
    for entry in Dir::new(opened)? {
        let entry = entry?;
        let own = OsStr::from_bytes(entry.file_name().to_bytes());
        // Links that lead out of the root, and what has gone meanwhile, could not be opened.
        let Ok(stat) = beneath::stat(root, Path::new(name).join(own).as_os_str()) else {
            continue;
        };
        let kind = if beneath::is_folder(&stat) {
            OriginEntryKind::Folder
        } else if beneath::is_file(&stat) {
            OriginEntryKind::Object {
                length: Some(length_of(&stat)),
                modified: modified(&stat),
            }
        } else {
            continue;
        };
        entries.extend(folder.entry(own.as_bytes(), kind));
        if entries.len() > MAX_ENTRIES {
            return Err(Failure::TooManyEntries);
        }
    }
    Ok(entries)
}

fn length_of(stat: &Stat) -> u64 {
    u64::try_from(stat.st_size).unwrap_or_default()
}

fn modified(stat: &Stat) -> Option<Timestamp> {
    let micros = stat.st_mtime.checked_mul(1_000_000)?;
    Some(Timestamp::from_micros(micros))
}
