//! SFTP origins and OpenSSH's server: the contract, the keys of hosts, and what is no file.
#![expect(clippy::unwrap_used, reason = "a test stops at what goes wrong")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use dlcs_core::origin::{
    OriginAccess, OriginEntryKind, OriginError, OriginListing, OriginRequest, OriginResponse,
    OriginStrategy, Result, Secret, SftpCredentials, SftpProof,
};
use dlcs_storage::origin::network::AllowedNetworks;
use dlcs_storage::origin::sftp::{SftpOrigin, SftpOriginConfig};
use dlcs_testkit::origin::OriginFixture;
use dlcs_testkit::program;
use dlcs_testkit::server::Inetd;
use futures_util::TryStreamExt;
use futures_util::future::join_all;
use tempfile::TempDir;
use url::Url;

use crate::absent::Perhaps;

/// OpenSSH's server, which lets in who runs it, by a key.
struct Sshd {
    directory: TempDir,
    server: Inetd,
    user: String,
}

impl Sshd {
    fn start(test: &str) -> Option<Self> {
        let [sshd, _] = program::find(test, ["sshd", "ssh-keygen"])?;
        let directory = tempfile::tempdir().unwrap();
        let files = directory.path();
        fs::create_dir(files.join("objects")).unwrap();
        make_key(&files.join("host"), "");
        make_key(&files.join("user"), "");
        fs::copy(files.join("user.pub"), files.join("authorized")).unwrap();
        let at = |name: &str| files.join(name).display().to_string();
        let settings = format!(
            "HostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n\
             KbdInteractiveAuthentication no\nPermitRootLogin yes\nSubsystem sftp internal-sftp\nPidFile none\n\
             UseDNS no\nLogLevel QUIET\n",
            at("host"),
            at("authorized"),
        );
        let settings_file = files.join("sshd_config");
        fs::write(&settings_file, settings).unwrap();
        let user = Command::new("id").arg("-un").output().unwrap().stdout;
        let user = String::from_utf8(user).unwrap().trim().to_owned();
        if user == "root" {
            // Where it shuts itself up, as its service would have made it.
            fs::create_dir_all("/run/sshd").unwrap();
        }
        let server = Inetd::start(move || {
            let mut command = Command::new(&sshd);
            command.arg("-i").arg("-f").arg(&settings_file);
            command
        });
        Some(Self {
            directory,
            server,
            user,
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The address of an object, by its path below the objects.
    fn url(&self, name: &str) -> Url {
        let port = self.server.address().port();
        let folder = self.path("objects");
        Url::parse(&format!(
            "sftp://localhost:{port}{}/{name}",
            folder.display()
        ))
        .unwrap()
    }

    fn config(&self) -> SftpOriginConfig {
        config().with_known_hosts(self.path("known_hosts"))
    }

    fn access(&self) -> OriginAccess {
        self.access_by("user", None)
    }

    fn access_by(&self, key: &str, passphrase: Option<&str>) -> OriginAccess {
        OriginAccess::Sftp(SftpCredentials {
            user: self.user.clone(),
            proof: SftpProof::PrivateKey {
                key: Secret::new(fs::read_to_string(self.path(key)).unwrap()),
                passphrase: passphrase.map(Secret::new),
            },
        })
    }

    async fn open(&self, origin: &SftpOrigin, name: &str) -> Result<OriginResponse> {
        let (url, access) = (self.url(name), self.access());
        origin
            .open(OriginRequest::new(&url).with_access(&access))
            .await
    }
}

fn make_key(file: &Path, passphrase: &str) {
    make_key_of("ed25519", &[], file, passphrase);
}

fn make_key_of(kind: &str, more: &[&str], file: &Path, passphrase: &str) {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", kind, "-C", "", "-N", passphrase])
        .args(more)
        .arg("-f")
        .arg(file)
        .stdin(Stdio::null())
        .status();
    assert!(made.unwrap().success(), "ssh-keygen makes a key");
}

pub(crate) fn config() -> SftpOriginConfig {
    let loopback = AllowedNetworks::parse(["127.0.0.0/8", "::1"]).unwrap();
    SftpOriginConfig::default().with_allowed_networks(loopback)
}

pub(crate) async fn bytes(response: OriginResponse) -> Result<Vec<u8>> {
    let chunks: Vec<Bytes> = response.into_body().try_collect().await?;
    Ok(chunks.concat())
}

/// An origin that logs in whoever does not say how, because nobody is let in otherwise.
#[derive(Debug)]
struct LoggedIn {
    origin: SftpOrigin,
    access: OriginAccess,
}

impl LoggedIn {
    fn request<'a>(&'a self, request: OriginRequest<'a>) -> OriginRequest<'a> {
        match request.access() {
            OriginAccess::Default => request.with_access(&self.access),
            _ => request,
        }
    }
}

#[async_trait]
impl OriginStrategy for LoggedIn {
    fn schemes(&self) -> &'static [&'static str] {
        self.origin.schemes()
    }

    async fn open(&self, request: OriginRequest<'_>) -> Result<OriginResponse> {
        self.origin.open(self.request(request)).await
    }

    async fn list(&self, request: OriginRequest<'_>) -> Result<OriginListing> {
        self.origin.list(self.request(request)).await
    }
}

struct Fixture {
    server: Sshd,
    origin: Arc<LoggedIn>,
}

async fn fixture() -> Perhaps<Fixture> {
    let server = Sshd::start("origin_sftp");
    Perhaps::new(server.map(|server| {
        let origin = Arc::new(LoggedIn {
            origin: SftpOrigin::new(server.config()),
            access: server.access(),
        });
        Fixture { server, origin }
    }))
}

#[async_trait]
impl OriginFixture for Fixture {
    fn origin(&self) -> Arc<dyn OriginStrategy> {
        Arc::clone(&self.origin) as _
    }

    async fn object(&self, name: &str, bytes: Bytes) -> Url {
        let path = self.server.path("objects").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        let mut url = self.server.url("");
        url.path_segments_mut().unwrap().pop_if_empty().push(name);
        url
    }

    async fn missing(&self) -> Url {
        self.server.url("missing")
    }

    async fn folder(&self, objects: &[(&str, Bytes)]) -> Option<Url> {
        for folder in ["folder", "folder/within"] {
            let folder = self.server.path("objects").join(folder);
            fs::create_dir_all(&folder).unwrap();
            for (name, bytes) in objects {
                fs::write(folder.join(name), bytes).unwrap();
            }
        }
        Some(self.server.url("folder/"))
    }
}

dlcs_testkit::origin_contract!(fixture());

#[tokio::test]
async fn a_host_is_known_by_the_key_of_its_first_fetch() {
    let test = "a_host_is_known_by_the_key_of_its_first_fetch";
    let Some(server) = Sshd::start(test) else {
        return;
    };
    fs::write(server.path("objects/a"), "bytes").unwrap();
    let origin = SftpOrigin::new(server.config());
    let first = join_all((0..8).map(|_| server.open(&origin, "a"))).await;
    let said = Command::new("ssh-keygen")
        .arg("-lf")
        .arg(server.path("host.pub"))
        .output();
    let said = String::from_utf8(said.unwrap().stdout).unwrap();
    let fingerprint = said.split(' ').nth(1).unwrap();
    for response in first {
        let response = response.unwrap();
        assert_eq!(response.host_key(), Some(fingerprint));
        assert_eq!(bytes(response).await.unwrap(), b"bytes");
    }
    let port = server.server.address().port();
    let key = fs::read_to_string(server.path("host.pub")).unwrap();
    let known = fs::read_to_string(server.path("known_hosts")).unwrap();
    assert_eq!(known, format!("[localhost]:{port} {}\n", key.trim()));
    // One more key of the host changes nothing, even if it is preferred.
    make_key(&server.path("another"), "");
    let settings = fs::read_to_string(server.path("sshd_config")).unwrap();
    let rsa = server.path("rsa");
    make_key_of("rsa", &["-b", "2048"], &rsa, "");
    let both = format!("HostKey {}\n{settings}", rsa.display());
    fs::write(server.path("sshd_config"), both).unwrap();
    assert!(server.open(&origin, "a").await.is_ok());
    // Another key, of the same kind or of another, does.
    for key in ["another", "rsa"] {
        let changed = settings.replace(
            &server.path("host").display().to_string(),
            &server.path(key).display().to_string(),
        );
        fs::write(server.path("sshd_config"), changed).unwrap();
        for origin in [&origin, &SftpOrigin::new(server.config())] {
            let error = server.open(origin, "a").await.unwrap_err();
            assert!(
                matches!(error, OriginError::NotTrusted { reason } if reason.contains("known-hosts")),
                "{error:?}"
            );
            assert!(!error.is_transient());
        }
    }
    let now = fs::read_to_string(server.path("known_hosts")).unwrap();
    assert_eq!(now, known);
    // What the sentence says to do.
    fs::write(server.path("known_hosts"), "").unwrap();
    assert!(server.open(&origin, "a").await.is_ok());
}

#[tokio::test]
async fn keys_open_a_host_and_others_do_not() {
    let test = "keys_open_a_host_and_others_do_not";
    let Some(server) = Sshd::start(test) else {
        return;
    };
    fs::write(server.path("objects/a"), "bytes").unwrap();
    make_key(&server.path("locked"), "canary-phrase");
    make_key_of("rsa", &["-b", "2048"], &server.path("rsa"), "");
    make_key_of("ecdsa", &["-m", "PEM"], &server.path("pem"), "");
    make_key_of("rsa", &["-b", "2048", "-m", "PEM"], &server.path("old"), "");
    let pkcs8 = ["-b", "2048", "-m", "PKCS8"];
    make_key_of("rsa", &pkcs8, &server.path("pkcs8"), "canary-phrase");
    make_key(&server.path("stranger"), "");
    let keys = ["user", "locked", "rsa", "pem", "old", "pkcs8"]
        .map(|key| fs::read_to_string(server.path(&format!("{key}.pub"))).unwrap());
    fs::write(server.path("authorized"), keys.concat()).unwrap();
    let (origin, url) = (SftpOrigin::new(server.config()), server.url("a"));
    for (key, passphrase) in [
        ("user", None),
        ("locked", Some("canary-phrase")),
        ("rsa", None),
        ("pem", None),
        ("old", None),
        ("pkcs8", Some("canary-phrase")),
    ] {
        let access = server.access_by(key, passphrase);
        let request = OriginRequest::new(&url).with_access(&access);
        let got = origin.open(request).await;
        assert_eq!(
            bytes(got.unwrap_or_else(|error| panic!("{key}: {error:?}")))
                .await
                .unwrap(),
            b"bytes"
        );
    }
    let request = OriginRequest::new(&url);
    let stranger = server.access_by("stranger", None);
    let got = origin.open(request.with_access(&stranger)).await;
    assert!(matches!(got, Err(OriginError::Denied { .. })), "{got:?}");
    for access in [
        server.access_by("locked", None),
        server.access_by("locked", Some("canary-guess")),
        server.access_by("sshd_config", None),
        OriginAccess::Default,
        OriginAccess::Ftp(None),
    ] {
        let got = origin.open(request.with_access(&access)).await;
        let text = format!("{got:?}");
        assert!(matches!(got, Err(OriginError::Strategy { .. })), "{text}");
        assert!(!text.contains("canary"), "{text}");
    }
}

#[tokio::test]
async fn nothing_but_regular_files_is_read() {
    let test = "nothing_but_regular_files_is_read";
    let Some(server) = Sshd::start(test) else {
        return;
    };
    let at = |name: &str| server.path("objects").join(name);
    fs::create_dir(at("folder")).unwrap();
    let made = Command::new("mkfifo").arg(at("fifo")).status();
    assert!(made.unwrap().success());
    symlink("fifo", at("link")).unwrap();
    fs::write(at("file"), "bytes").unwrap();
    symlink("file", at("good link")).unwrap();
    let origin = SftpOrigin::new(server.config());
    for name in ["folder", "folder/", "fifo", "link", ""] {
        let got = server.open(&origin, name).await;
        assert!(
            matches!(got, Err(OriginError::NotAFile)),
            "{name} gave {got:?}"
        );
    }
    let got = server.open(&origin, "good%20link").await.unwrap();
    assert_eq!(bytes(got).await.unwrap(), b"bytes");
    let got = server.open(&origin, "file/below").await;
    assert!(
        matches!(
            got,
            Err(OriginError::NotFound { .. } | OriginError::Refused { .. })
        ),
        "{got:?}"
    );
    let access = server.access();
    let port = server.server.address().port();
    let url = Url::parse(&format!("sftp://localhost:{port}/dev/null")).unwrap();
    let got = origin
        .open(OriginRequest::new(&url).with_access(&access))
        .await;
    assert!(matches!(got, Err(OriginError::NotAFile)), "{got:?}");
    let home = Url::parse(&format!("sftp://localhost:{port}/~/")).unwrap();
    let got = origin
        .list(OriginRequest::new(&home).with_access(&access))
        .await;
    assert!(got.is_ok());
    for path in ["x%0ay", "x%00"] {
        let url = Url::parse(&format!("sftp://localhost:{port}/{path}")).unwrap();
        assert!(origin.check(&url).is_err(), "{url}");
    }
}

#[tokio::test]
async fn a_file_that_changes_its_size_is_an_interruption() {
    let test = "a_file_that_changes_its_size_is_an_interruption";
    let Some(server) = Sshd::start(test) else {
        return;
    };
    let origin = SftpOrigin::new(server.config());
    for to in [100_000, 16 << 20] {
        let path = server.path("objects/a");
        fs::write(&path, vec![7; 8 << 20]).unwrap();
        let response = server.open(&origin, "a").await.unwrap();
        assert_eq!(response.length(), Some(8 << 20));
        let file = fs::OpenOptions::new().write(true).open(path).unwrap();
        file.set_len(to).unwrap();
        let got = bytes(response).await;
        assert!(
            matches!(got, Err(OriginError::Interrupted { .. })),
            "{to}: {:?}",
            got.map(|bytes| bytes.len())
        );
    }
}

#[tokio::test]
async fn a_folder_lists_what_can_be_opened() {
    let test = "a_folder_lists_what_can_be_opened";
    let Some(server) = Sshd::start(test) else {
        return;
    };
    let at = |name: &str| server.path("objects").join(name);
    fs::create_dir(at("a folder")).unwrap();
    for name in ["a b.tif", "100%.tif", "a folder/ü.tif"] {
        fs::write(at(name), name).unwrap();
    }
    for n in 0..250 {
        fs::write(at(&format!("a folder/{n}")), "n").unwrap();
    }
    symlink("a b.tif", at("link")).unwrap();
    symlink("nowhere", at("broken")).unwrap();
    symlink("/dev/null", at("device")).unwrap();
    let origin = SftpOrigin::new(server.config());
    let (access, mut folders, mut found) = (server.access(), vec![server.url("")], Vec::new());
    while let Some(folder) = folders.pop() {
        let listing = origin.list(OriginRequest::new(&folder).with_access(&access));
        let entries: Vec<_> = listing.await.unwrap().try_collect().await.unwrap();
        for entry in entries {
            match entry.kind {
                OriginEntryKind::Folder => folders.push(entry.url),
                OriginEntryKind::Object {
                    length: Some(1), ..
                } => found.push("n".to_owned()),
                OriginEntryKind::Object { length, modified } => {
                    let request = OriginRequest::new(&entry.url).with_access(&access);
                    let got = bytes(origin.open(request).await.unwrap()).await.unwrap();
                    assert_eq!(length, Some(got.len() as u64));
                    assert!(modified.is_some());
                    found.push(String::from_utf8(got).unwrap());
                }
                other => panic!("{other:?}"),
            }
        }
    }
    found.sort();
    let numbers = found.iter().filter(|it| *it == "n").count();
    found.dedup();
    assert_eq!(numbers, 250);
    // The link to one of them makes it twice.
    assert_eq!(found, ["100%.tif", "a b.tif", "a folder/ü.tif", "n"]);
    let missing = server.url("missing/");
    let got = origin
        .list(OriginRequest::new(&missing).with_access(&access))
        .await;
    assert!(matches!(got.err(), Some(OriginError::NotFound { .. })));
}

#[tokio::test]
async fn what_is_not_opened_is_not_dialled() {
    let Some(server) = Sshd::start("what_is_not_opened_is_not_dialled") else {
        return;
    };
    let origin = SftpOrigin::new(SftpOriginConfig::default());
    let got = server.open(&origin, "a").await;
    assert!(
        matches!(got, Err(OriginError::AddressNotAllowed { .. })),
        "{got:?}"
    );
    assert_eq!(server.server.served(), 0);
}
