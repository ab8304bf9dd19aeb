//! FTP origins and the servers of others: `ProFTPD` and vsftpd, in the clear and encrypted.
#![expect(clippy::unwrap_used, reason = "a test stops at what goes wrong")]

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use dlcs_core::origin::{OriginAccess, OriginError, OriginRequest, OriginStrategy};
use dlcs_storage::origin::authorities::Authorities;
use dlcs_storage::origin::ftp::FtpOrigin;
use dlcs_testkit::origin::{OriginFixture, Protected};
use dlcs_testkit::program;
use dlcs_testkit::server::Inetd;
use tempfile::TempDir;
use url::Url;

use crate::absent::Perhaps;
use crate::certificate;
use crate::origin_ftp::{config, fail, failure, login, read, tree};

/// How a server encrypts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tls {
    Never,
    Implicit,
    Explicit,
}

/// `ProFTPD` with users of its own: everybody, whose files are in `open`, and one with a password, whose files are in `closed`.
struct ProFtpd {
    directory: TempDir,
    server: Inetd,
    scheme: &'static str,
}

/// Users of `ProFTPD`'s own, with their passwords and directories.
type Users<'a> = &'a [(&'a str, &'a str, &'a str)];

const EVERYBODY: Users<'_> = &[("anonymous", "anonymous@", "open"), CANARY];
const CANARY: (&str, &str, &str) = ("canary-user", "canary password", "closed");

impl ProFtpd {
    fn start(proftpd: PathBuf, tls: Tls, users: Users<'_>) -> Self {
        let (directory, program) = Self::prepare(proftpd, tls, users);
        Self {
            directory,
            server: Inetd::start(program),
            scheme: if tls == Tls::Never { "ftp" } else { "ftps" },
        }
    }

    fn prepare(
        proftpd: PathBuf,
        tls: Tls,
        users: Users<'_>,
    ) -> (TempDir, impl Fn() -> Command + Send + 'static) {
        let directory = tempfile::tempdir().unwrap();
        let files = directory.path();
        let at = |name: &str| files.join(name).display().to_string();
        let owner = fs::metadata(files).unwrap();
        let mut passwords = String::new();
        for (user, password, home) in users {
            fs::create_dir_all(files.join(home)).unwrap();
            let hash = Command::new("openssl")
                .args(["passwd", "-6", password])
                .output()
                .unwrap();
            let hash = String::from_utf8(hash.stdout).unwrap();
            let (uid, gid) = (owner.uid(), owner.gid());
            let (hash, home) = (hash.trim(), at(home));
            passwords += &format!("{user}:{hash}:{uid}:{gid}::{home}:/bin/false\n");
        }
        fs::write(files.join("users"), passwords).unwrap();
        fs::set_permissions(files.join("users"), fs::Permissions::from_mode(0o600)).unwrap();
        let mut settings = format!(
            "ServerType inetd\nServerName test\nUseIPv6 off\nScoreboardFile none\nDelayEngine off\nWtmpLog off\n\
             TransferLog none\nSystemLog {}\nAuthUserFile {}\nAuthOrder mod_auth_file.c\nRequireValidShell off\n\
             RootLogin on\nUseReverseDNS off\nRootRevoke off\n",
            at("log"),
            at("users"),
        );
        if tls != Tls::Never {
            certificate::make(files);
            let (key, certificate) = (at("key.pem"), at("certificate.pem"));
            settings += &format!(
                "LoadModule mod_tls.c\nTLSEngine on\nTLSRequired on\nTLSECCertificateFile {certificate}\n\
                 TLSECCertificateKeyFile {key}\nTLSProtocol TLSv1.2 TLSv1.3\n"
            );
            if tls == Tls::Implicit {
                settings += "TLSOptions UseImplicitSSL\n";
            }
        }
        let settings_file = files.join("proftpd.conf");
        fs::write(&settings_file, settings).unwrap();
        let program = move || {
            let mut command = Command::new(&proftpd);
            command.arg("-c").arg(&settings_file);
            command
        };
        (directory, program)
    }

    fn origin(&self) -> FtpOrigin {
        origin(self.directory.path())
    }

    fn url(&self, name: &str) -> Url {
        let port = self.server.address().port();
        Url::parse(&format!("{}://localhost:{port}/{name}", self.scheme)).unwrap()
    }
}

/// An origin that trusts the certificate in a directory, if there is one.
fn origin(files: &Path) -> FtpOrigin {
    match fs::read(files.join("certificate.pem")) {
        Ok(pem) => FtpOrigin::new(config().with_authorities(Authorities::from_pem(&pem).unwrap())),
        Err(_) => FtpOrigin::new(config()),
    }
}

struct Fixture {
    open: ProFtpd,
    guarded: ProFtpd,
    origin: Arc<FtpOrigin>,
}

#[async_trait]
impl OriginFixture for Fixture {
    fn origin(&self) -> Arc<dyn OriginStrategy> {
        Arc::clone(&self.origin) as _
    }

    async fn object(&self, name: &str, bytes: Bytes) -> Url {
        let path = self.open.directory.path().join("open").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        let mut url = self.open.url("");
        url.path_segments_mut().unwrap().clear().push(name);
        url
    }

    async fn missing(&self) -> Url {
        self.open.url("missing")
    }

    async fn folder(&self, objects: &[(&str, Bytes)]) -> Option<Url> {
        for folder in ["folder", "folder/within"] {
            let folder = self.open.directory.path().join("open").join(folder);
            fs::create_dir_all(&folder).unwrap();
            for (name, bytes) in objects {
                fs::write(folder.join(name), bytes).unwrap();
            }
        }
        Some(self.open.url("folder/"))
    }

    async fn protected(&self, bytes: Bytes) -> Option<Protected> {
        let closed = self.guarded.directory.path().join("closed");
        fs::write(closed.join("protected"), bytes).unwrap();
        Some(Protected {
            url: self.guarded.url("protected"),
            good: login(CANARY.0, CANARY.1),
            bad: login(CANARY.0, "canary-guess"),
        })
    }
}

fn fixture(tls: Tls) -> Perhaps<Fixture> {
    let Some([proftpd, _]) = program::find("origin_ftp_servers", ["proftpd", "openssl"]) else {
        return Perhaps::new(None);
    };
    let open = ProFtpd::start(proftpd.clone(), tls, EVERYBODY);
    let guarded = ProFtpd::start(proftpd, tls, &[CANARY]);
    // Both have made the same certificate, or none.
    let both = [&open, &guarded].map(|it| fs::read(it.directory.path().join("certificate.pem")));
    let mut settings = config();
    let pem = both.into_iter().flatten().collect::<Vec<_>>().concat();
    if !pem.is_empty() {
        settings = settings.with_authorities(Authorities::from_pem(&pem).unwrap());
    }
    Perhaps::new(Some(Fixture {
        open,
        guarded,
        origin: Arc::new(FtpOrigin::new(settings)),
    }))
}

mod clear {
    use super::{Tls, fixture};

    dlcs_testkit::origin_contract!(async { fixture(Tls::Never) });
}

mod encrypted {
    use super::{Tls, fixture};

    dlcs_testkit::origin_contract!(async { fixture(Tls::Implicit) });
}

fn plant(folder: &Path) {
    fs::create_dir_all(folder.join("a folder/below")).unwrap();
    for name in ["a b.tif", "100%.tif", "a folder/ü.tif", "a folder/below/x"] {
        fs::write(folder.join(name), name).unwrap();
    }
    symlink("/etc", folder.join("a folder/link")).unwrap();
}

const PLANTED: [(&str, &str); 4] = [
    ("/100%25.tif", "100%.tif"),
    ("/a%20b.tif", "a b.tif"),
    ("/a%20folder/%C3%BC.tif", "a folder/ü.tif"),
    ("/a%20folder/below/x", "a folder/below/x"),
];

fn owned(entries: &[(&str, &str)]) -> Vec<(String, String)> {
    entries
        .iter()
        .map(|(path, bytes)| ((*path).to_owned(), (*bytes).to_owned()))
        .collect()
}

#[tokio::test]
async fn proftpd_lists_its_folders() {
    let test = "proftpd_lists_its_folders";
    let Some([proftpd, _]) = program::find(test, ["proftpd", "openssl"]) else {
        return;
    };
    for tls in [Tls::Never, Tls::Implicit] {
        let server = ProFtpd::start(proftpd.clone(), tls, &[CANARY]);
        plant(&server.directory.path().join("closed"));
        let access = login(CANARY.0, CANARY.1);
        let found = tree(&server.origin(), server.url(""), &access).await;
        assert_eq!(found, owned(&PLANTED), "{tls:?}");
        let missing = server.url("missing/");
        let request = OriginRequest::new(&missing).with_access(&access);
        let got = server.origin().list(request).await;
        assert!(matches!(got.err(), Some(OriginError::NotFound { .. })));
    }
}

#[tokio::test]
async fn encryption_is_agreed_on_at_the_port_of_the_clear() {
    let test = "encryption_is_agreed_on_at_the_port_of_the_clear";
    let Some([proftpd, _]) = program::find(test, ["proftpd", "openssl"]) else {
        return;
    };
    let at = SocketAddr::from(([127, 0, 0, 1], 21));
    for tls in [Tls::Explicit, Tls::Never] {
        let (directory, program) = ProFtpd::prepare(proftpd.clone(), tls, EVERYBODY);
        let Ok(_server) = Inetd::start_at(at, program) else {
            return program::skip(test, "port 21");
        };
        fs::write(directory.path().join("open/a"), "bytes").unwrap();
        let origin = origin(directory.path());
        let url = Url::parse("ftps://localhost:21/a").unwrap();
        if tls == Tls::Explicit {
            let got = read(&origin, OriginRequest::new(&url)).await;
            assert_eq!(got.unwrap(), b"bytes");
        } else {
            let reason = "it does not offer encryption, which an `ftps` address needs";
            assert_eq!(failure(&origin, &url).await, reason);
        }
    }
}

#[tokio::test]
async fn servers_must_prove_who_they_are() {
    let test = "servers_must_prove_who_they_are";
    let Some([proftpd, _]) = program::find(test, ["proftpd", "openssl"]) else {
        return;
    };
    let server = ProFtpd::start(proftpd, Tls::Implicit, EVERYBODY);
    fs::write(server.directory.path().join("open/a"), "bytes").unwrap();
    let mut url = server.url("a");
    let good = read(&server.origin(), OriginRequest::new(&url)).await;
    assert_eq!(good.unwrap(), b"bytes");
    let other = tempfile::tempdir().unwrap();
    certificate::make(other.path());
    let distrust =
        async |origin: FtpOrigin, url: &Url| match read(&origin, OriginRequest::new(url)).await {
            Err(OriginError::NotTrusted { reason }) => reason,
            other => panic!("{url} gave {other:?}"),
        };
    let reason = distrust(origin(other.path()), &url).await;
    assert!(
        reason.contains("a trusted authority; ask the operator to add"),
        "{reason}"
    );
    url.set_host(Some("127.0.0.2")).unwrap();
    let elsewhere = SocketAddr::from(([127, 0, 0, 2], server.server.address().port()));
    let (_directory, conf) = (
        &server.directory,
        server.directory.path().join("proftpd.conf"),
    );
    let Some([proftpd]) = program::find(test, ["proftpd"]) else {
        return;
    };
    let _again = Inetd::start_at(elsewhere, move || {
        let mut command = Command::new(&proftpd);
        command.arg("-c").arg(&conf);
        command
    })
    .unwrap();
    let reason = distrust(server.origin(), &url).await;
    assert!(
        reason.starts_with("its certificate is for another name; "),
        "{reason}"
    );
}

/// vsftpd, which serves everybody from one directory; encrypted, it wants the session of its commands resumed for its data.
fn vsftpd(test: &str, is_encrypted: bool) -> Option<(TempDir, Inetd)> {
    let [vsftpd, _] = program::find(test, ["vsftpd", "openssl"])?;
    let directory = tempfile::tempdir().unwrap();
    let files = directory.path();
    fs::set_permissions(files, fs::Permissions::from_mode(0o755)).unwrap();
    for name in ["open", "empty"] {
        fs::create_dir(files.join(name)).unwrap();
        fs::set_permissions(files.join(name), fs::Permissions::from_mode(0o555)).unwrap();
    }
    let at = |name: &str| files.join(name).display().to_string();
    let mut settings = format!(
        "listen=NO\nanonymous_enable=YES\nanon_root={}\nsecure_chroot_dir={}\nseccomp_sandbox=NO\nxferlog_enable=NO\n",
        at("open"),
        at("empty"),
    );
    if !is_root() {
        settings += "run_as_launching_user=YES\n";
    }
    if is_encrypted {
        certificate::make(files);
        settings += &format!(
            "ssl_enable=YES\nimplicit_ssl=YES\nallow_anon_ssl=YES\nforce_anon_logins_ssl=YES\nforce_anon_data_ssl=YES\n\
             require_ssl_reuse=YES\nssl_ciphers=HIGH\nrsa_cert_file={}\nrsa_private_key_file={}\n",
            at("certificate.pem"),
            at("key.pem"),
        );
    }
    let settings_file = files.join("vsftpd.conf");
    fs::write(&settings_file, settings).unwrap();
    let server = Inetd::start(move || {
        let mut command = Command::new(&vsftpd);
        command.arg(&settings_file);
        command
    });
    Some((directory, server))
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").stdout(Stdio::piped()).output();
    id.unwrap().stdout == b"0\n"
}

#[tokio::test]
async fn vsftpd_serves_and_lists_everybodys_files() {
    for is_encrypted in [false, true] {
        let test = "vsftpd_serves_and_lists_everybodys_files";
        let Some((directory, server)) = vsftpd(test, is_encrypted) else {
            return;
        };
        let open = directory.path().join("open");
        fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
        plant(&open);
        fs::write(open.join("a folder/large"), vec![b'x'; 3 << 20]).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o555)).unwrap();
        let scheme = if is_encrypted { "ftps" } else { "ftp" };
        let port = server.address().port();
        let url = |name: &str| Url::parse(&format!("{scheme}://localhost:{port}/{name}")).unwrap();
        let origin = origin(directory.path());
        let found = tree(&origin, url(""), &OriginAccess::Ftp(None)).await;
        let planted: Vec<_> = found
            .iter()
            .filter(|(path, _)| !path.ends_with("large"))
            .cloned()
            .collect();
        assert_eq!(planted, owned(&PLANTED), "encrypted: {is_encrypted}");
        let large = read(&origin, OriginRequest::new(&url("a%20folder/large"))).await;
        assert_eq!(large.unwrap(), vec![b'x'; 3 << 20]);
        let error = fail(&origin, &url("missing")).await;
        assert!(matches!(error, OriginError::NotFound { .. }), "{error:?}");
        let error = fail(&origin, &url("a%20folder")).await;
        assert!(matches!(error, OriginError::NotFound { .. }), "{error:?}");
        let request = url("100%25.tif");
        let access = login("nobody-of-that-name", "canary");
        let got = origin
            .open(OriginRequest::new(&request).with_access(&access))
            .await;
        assert!(matches!(got, Err(OriginError::Denied { .. })), "{got:?}");
    }
}
