//! File origins: the contract, and what must never be read.
#![expect(clippy::unwrap_used, reason = "a test stops at what goes wrong")]

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use dlcs_core::origin::{
    Credentials, OriginAccess, OriginEntryKind, OriginError, OriginRequest, OriginStrategy, Result,
};
use dlcs_storage::origin::file::{FileOrigin, FileOriginConfig};
use dlcs_testkit::origin::OriginFixture;
use futures_util::{StreamExt, TryStreamExt};
use tempfile::TempDir;
use url::Url;

/// A directory with one that is open in it.
struct Fixture {
    directory: TempDir,
    origin: Arc<FileOrigin>,
}

async fn fixture() -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("open")).unwrap();
    let config = FileOriginConfig::default()
        .with_directory(directory.path().join("open"))
        .unwrap();
    Fixture {
        directory,
        origin: Arc::new(FileOrigin::new(config)),
    }
}

impl Fixture {
    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn url(&self, name: &str) -> Url {
        Url::parse(&format!(
            "file://{}/{name}",
            self.directory.path().display()
        ))
        .unwrap()
    }

    async fn read(&self, name: &str) -> Result<Vec<u8>> {
        read(&self.origin, &self.url(name)).await
    }
}

async fn read(origin: &FileOrigin, url: &Url) -> Result<Vec<u8>> {
    let body = origin.open(OriginRequest::new(url)).await?.into_body();
    let chunks: Vec<Bytes> = body.try_collect().await?;
    Ok(chunks.concat())
}

#[async_trait]
impl OriginFixture for Fixture {
    fn origin(&self) -> Arc<dyn OriginStrategy> {
        Arc::clone(&self.origin) as _
    }

    async fn object(&self, name: &str, bytes: Bytes) -> Url {
        let path = self.path("open").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        let mut url = self.url("open");
        url.path_segments_mut().unwrap().push(name);
        url
    }

    async fn missing(&self) -> Url {
        self.url("open/missing")
    }

    async fn folder(&self, objects: &[(&str, Bytes)]) -> Option<Url> {
        for folder in ["folder", "folder/within"] {
            let folder = self.path("open").join(folder);
            fs::create_dir_all(&folder).unwrap();
            for (name, bytes) in objects {
                fs::write(folder.join(name), bytes).unwrap();
            }
        }
        Some(self.url("open/folder/"))
    }
}

dlcs_testkit::origin_contract!(fixture());

#[tokio::test]
async fn nothing_outside_is_read_or_told_of() {
    let fixture = fixture().await;
    fs::create_dir(fixture.path("open/below")).unwrap();
    fs::write(fixture.path("open/inside"), "inside").unwrap();
    fs::write(fixture.path("secret"), "canary").unwrap();
    fs::create_dir(fixture.path("opened-not")).unwrap();
    fs::write(fixture.path("opened-not/a"), "canary").unwrap();
    for (target, link) in [
        ("../secret", "relative"),
        ("../nothing", "relative-nothing"),
        ("/etc/passwd", "absolute"),
        ("/nothing/at/all", "absolute-nothing"),
        ("..", "up"),
        ("/proc/self/root/etc/passwd", "magic"),
        ("/proc/self/cwd", "magic-folder"),
    ] {
        symlink(target, fixture.path("open").join(link)).unwrap();
    }
    symlink("below/../inside", fixture.path("open/stays")).unwrap();
    symlink("../inside", fixture.path("open/below/stays")).unwrap();
    for name in ["open/inside", "open/stays", "open/below/stays"] {
        assert_eq!(fixture.read(name).await.unwrap(), b"inside", "{name}");
    }
    let mut told = Vec::new();
    for name in [
        "secret",
        "nothing",
        "opened-not/a",
        "open/../secret",
        "open/%2e%2e/secret",
        "open/..%2fsecret",
        "open/below%2f..%2f..%2fsecret",
        "open/..%2fnothing",
        "open/relative",
        "open/relative-nothing",
        "open/absolute",
        "open/absolute-nothing",
        "open/up/secret",
        "open/up/nothing",
        "open/magic",
        "open/magic-folder/Cargo.toml",
    ] {
        let error = fixture.read(name).await.unwrap_err();
        assert!(
            matches!(error, OriginError::AddressNotAllowed { .. }),
            "{name} gave {error:?}"
        );
        told.push(format!("{error} {error:?}"));
    }
    told.dedup();
    assert_eq!(told.len(), 1, "{told:#?}");
}

#[tokio::test]
async fn addresses_that_cannot_be_right_are_refused_unasked() {
    let fixture = fixture().await;
    let check = |url: &str| fixture.origin.check(&Url::parse(url).unwrap());
    let own = fixture.url("open/not/there");
    for url in [
        own.to_string(),
        own.as_str().replace("file://", "file://localhost"),
    ] {
        assert!(check(&url).is_ok(), "{url}");
    }
    for url in [
        "file:///etc/passwd".to_owned(),
        "file:///".to_owned(),
        own.as_str().replace("file://", "file://elsewhere"),
        own.as_str().replace("not/there", "..%2f..%2fetc%2fpasswd"),
        own.as_str().replace("not/there", "%00"),
    ] {
        assert!(check(&url).is_err(), "{url}");
    }
    let nothing = FileOrigin::new(FileOriginConfig::default());
    assert!(nothing.check(&own).is_err());
}

#[tokio::test]
async fn nothing_but_regular_files_is_read() {
    let fixture = fixture().await;
    fs::create_dir(fixture.path("open/folder")).unwrap();
    let made = Command::new("mkfifo")
        .arg(fixture.path("open/fifo"))
        .status();
    assert!(made.unwrap().success());
    let _socket = UnixListener::bind(fixture.path("open/socket")).unwrap();
    symlink("fifo", fixture.path("open/link")).unwrap();
    for name in ["folder", "folder/", "fifo", "socket", "link", ""] {
        let error = fixture.read(&format!("open/{name}")).await.unwrap_err();
        assert!(
            matches!(error, OriginError::NotAFile),
            "{name} gave {error:?}"
        );
    }
    // Where the directory of devices is opened by mistake.
    let config = FileOriginConfig::default().with_directory("/dev").unwrap();
    let url = Url::parse("file:///dev/zero").unwrap();
    let got = read(&FileOrigin::new(config), &url).await;
    assert!(matches!(got, Err(OriginError::NotAFile)), "{got:?}");
}

#[tokio::test]
async fn a_file_that_changes_its_size_is_an_interruption() {
    for (to, name) in [(1000, "shrinks"), (4 << 20, "grows")] {
        let fixture = fixture().await;
        let url = fixture.object(name, vec![7; 1 << 20].into()).await;
        let response = fixture.origin.open(OriginRequest::new(&url)).await.unwrap();
        assert_eq!(response.length(), Some(1 << 20));
        let mut body = response.into_body();
        assert!(body.next().await.unwrap().is_ok());
        let file = fs::OpenOptions::new()
            .write(true)
            .open(fixture.path("open").join(name))
            .unwrap();
        file.set_len(to).unwrap();
        let rest: Result<Vec<Bytes>> = body.try_collect().await;
        assert!(
            matches!(rest, Err(OriginError::Interrupted { .. })),
            "{name}: {rest:?}"
        );
    }
}

#[tokio::test]
async fn a_folder_lists_what_can_be_opened() {
    let fixture = fixture().await;
    for name in ["a b.tif", "100%.tif", "ü.tif"] {
        fs::write(fixture.path("open").join(name), name).unwrap();
    }
    fs::create_dir(fixture.path("open/folder")).unwrap();
    let mut below = fs::File::create(fixture.path("open/folder/below")).unwrap();
    below.write_all(b"below").unwrap();
    symlink("folder/below", fixture.path("open/stays")).unwrap();
    symlink("/etc/passwd", fixture.path("open/leaves")).unwrap();
    let made = Command::new("mkfifo")
        .arg(fixture.path("open/fifo"))
        .status();
    assert!(made.unwrap().success());
    let mut names = Vec::new();
    let mut folders = vec![fixture.url("open/")];
    while let Some(folder) = folders.pop() {
        let listing = fixture.origin.list(OriginRequest::new(&folder)).await;
        for entry in listing.unwrap().try_collect::<Vec<_>>().await.unwrap() {
            match entry.kind {
                OriginEntryKind::Folder => folders.push(entry.url),
                OriginEntryKind::Object { length, modified } => {
                    let bytes = read(&fixture.origin, &entry.url).await.unwrap();
                    assert_eq!(length, Some(bytes.len() as u64));
                    assert!(modified.is_some());
                    names.push(String::from_utf8(bytes).unwrap());
                }
                other => panic!("{other:?}"),
            }
        }
    }
    names.sort();
    assert_eq!(names, ["100%.tif", "a b.tif", "below", "below", "ü.tif"]);
    let missing = fixture.url("open/missing/");
    let got = fixture.origin.list(OriginRequest::new(&missing)).await;
    assert!(matches!(got.err(), Some(OriginError::NotFound { .. })));
    let outside = fixture.url("");
    let got = fixture.origin.list(OriginRequest::new(&outside)).await;
    assert!(matches!(
        got.err(),
        Some(OriginError::AddressNotAllowed { .. })
    ));
}

#[tokio::test]
async fn credentials_are_for_other_origins() {
    let fixture = fixture().await;
    let url = fixture.object("a", "a".into()).await;
    let access = OriginAccess::Ftp(Some(Credentials::new("canary", "canary")));
    let got = fixture
        .origin
        .open(OriginRequest::new(&url).with_access(&access))
        .await;
    assert!(matches!(got, Err(OriginError::Strategy { .. })), "{got:?}");
}
