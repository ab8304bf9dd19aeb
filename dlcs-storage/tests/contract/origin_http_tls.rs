//! HTTP origins and the certificates of hosts.
#![expect(clippy::unwrap_used, reason = "a test stops at what goes wrong")]

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use dlcs_core::origin::{OriginError, OriginRequest};
use dlcs_storage::origin::authorities::Authorities;
use dlcs_storage::origin::http::HttpOrigin;
use dlcs_testkit::server::HttpServer;
use url::Url;

use crate::origin_http::{config, fail, failure, opened, read};

/// Says to a test that it runs in a process of its own.
const MARK: &str = "DLCS_TEST_OWN_PROCESS";

/// Runs a test once more, in a process of its own on a machine without certificate authorities: the verifier reads them from where the
/// environment says.
fn run_in_own_process(test: &str) {
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", &format!("origin_http_tls::{test}")])
        .env(MARK, "yes")
        .env("SSL_CERT_FILE", "/nonexistent")
        .env("SSL_CERT_DIR", "/nonexistent")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}"
    );
}

/// Why a host is not trusted.
async fn distrust(origin: &HttpOrigin, url: &Url) -> &'static str {
    match fail(origin, url).await {
        OriginError::NotTrusted { reason } => reason,
        error => panic!("{url} gave {error:?}"),
    }
}

#[tokio::test]
async fn a_machine_without_authorities_still_fetches_over_plain_http() {
    if env::var_os(MARK).is_none() {
        return run_in_own_process("a_machine_without_authorities_still_fetches_over_plain_http");
    }
    let (server, origin) = (HttpServer::start().await, opened());
    let mut url = server.serve("/a", "ok");
    assert_eq!(
        read(&origin, OriginRequest::new(&url)).await.unwrap(),
        b"ok"
    );
    url.set_scheme("https").unwrap();
    let reason = distrust(&origin, &url).await;
    assert!(reason.contains("no certificate authorities"), "{reason}");
    // Those of the operator are enough.
    if let Some(made) = Certificates::make("a_machine_without_authorities") {
        let origin = HttpOrigin::new(config().with_authorities(made.authority("authority")));
        let server = TlsServer::start(made.0.path(), "good", &[]);
        assert!(read(&origin, OriginRequest::new(&server.1)).await.is_ok());
    }
}

/// How OpenSSL's authority works.
const CA: &str = "
[ca]
default_ca = own
[own]
database = index.txt
new_certs_dir = .
rand_serial = yes
default_md = sha256
policy = any
x509_extensions = host
copy_extensions = copy
unique_subject = no
[any]
commonName = supplied
[host]
basicConstraints = critical,CA:FALSE
";

/// Keys and certificates, made by OpenSSL.
struct Certificates(tempfile::TempDir);

impl Certificates {
    /// An authority, another that nobody knows, and what they signed; `None` when the test has to be skipped.
    fn make(test: &str) -> Option<Self> {
        dlcs_testkit::program::find(test, ["openssl"])?;
        let made = Self(tempfile::tempdir().unwrap());
        made.openssl("genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem");
        for name in ["authority", "stranger"] {
            made.openssl(&format!(
                "req -x509 -new -key key.pem -days 2 -subj /CN={name} -addext basicConstraints=critical,CA:TRUE -out {name}"
            ));
        }
        fs::write(made.0.path().join("ca.cnf"), CA).unwrap();
        fs::write(made.0.path().join("index.txt"), "").unwrap();
        const NOW: &str = "-days 2";
        for (name, host, authority, dates) in [
            ("good", "localhost", "authority", NOW),
            ("renamed", "canary.example", "authority", NOW),
            ("unknown", "localhost", "stranger", NOW),
            (
                "expired",
                "localhost",
                "authority",
                "-startdate 20200101000000Z -enddate 20200201000000Z",
            ),
            (
                "early",
                "localhost",
                "authority",
                "-startdate 20900101000000Z -enddate 20910101000000Z",
            ),
        ] {
            made.openssl(&format!(
                "req -new -key key.pem -subj /CN={name} -addext subjectAltName=DNS:{host} -out request"
            ));
            made.openssl(&format!(
                "ca -batch -notext -config ca.cnf -cert {authority} -keyfile key.pem -in request {dates} -out {name}"
            ));
        }
        made.openssl(
            "req -x509 -new -key key.pem -days 2 -subj /CN=own -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE -out own",
        );
        Some(made)
    }

    fn openssl(&self, arguments: &str) {
        let made = Command::new("openssl")
            .args(arguments.split(' '))
            .current_dir(self.0.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "openssl {arguments}: {said}");
    }

    fn authority(&self, name: &str) -> Authorities {
        Authorities::from_pem(&fs::read(self.0.path().join(name)).unwrap()).unwrap()
    }
}

/// The host of OpenSSL's test server, until it is dropped.
struct TlsServer(Child, Url);

impl TlsServer {
    fn start(files: &Path, certificate: &str, further: &[&str]) -> Self {
        let mut child = Command::new("openssl")
            .args(["s_server", "-www", "-accept", "127.0.0.1:0"])
            .arg("-cert")
            .arg(files.join(certificate))
            .arg("-key")
            .arg(files.join("key.pem"))
            .args(further)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("ACCEPT 127.0.0.1:")?.parse::<u16>().ok())
            .unwrap();
        let url = Url::parse(&format!("https://localhost:{port}/")).unwrap();
        Self(child, url)
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn hosts_must_prove_who_they_are() {
    let Some(made) = Certificates::make("hosts_must_prove_who_they_are") else {
        return;
    };
    let files = made.0.path();
    let origin = HttpOrigin::new(config().with_authorities(made.authority("authority")));
    let good = TlsServer::start(files, "good", &[]);
    let page = read(&origin, OriginRequest::new(&good.1)).await.unwrap();
    assert!(!page.is_empty());
    for (certificate, start) in [
        ("renamed", "its certificate is for another name; "),
        (
            "unknown",
            "its certificate is not from a trusted authority; ",
        ),
        ("own", "its certificate is not from a trusted authority; "),
        (
            "expired",
            "its certificate is out of date or not yet valid; ",
        ),
        ("early", "its certificate is out of date or not yet valid; "),
    ] {
        let server = TlsServer::start(files, certificate, &[]);
        let reason = distrust(&origin, &server.1).await;
        assert!(reason.starts_with(start), "{certificate}: {reason}");
    }
    // Without the bundle of the operator the authority is a stranger, too.
    let reason = distrust(&opened(), &good.1).await;
    assert!(reason.contains("`origin-ca`"), "{reason}");
    // What is added does not take the place of what was there.
    let both = [
        fs::read(files.join("stranger")).unwrap(),
        fs::read(files.join("authority")).unwrap(),
    ];
    let both = Authorities::from_pem(&both.concat()).unwrap();
    let origin = HttpOrigin::new(config().with_authorities(both));
    let unknown = TlsServer::start(files, "unknown", &[]);
    assert!(read(&origin, OriginRequest::new(&unknown.1)).await.is_ok());
}

#[tokio::test]
async fn old_encryption_is_refused() {
    let Some(made) = Certificates::make("old_encryption_is_refused") else {
        return;
    };
    let origin = HttpOrigin::new(config().with_authorities(made.authority("authority")));
    for version in ["-tls1", "-tls1_1"] {
        let further = [version, "-cipher", "ALL:@SECLEVEL=0"];
        let server = TlsServer::start(made.0.path(), "good", &further);
        assert_eq!(
            failure(&origin, &server.1).await,
            "no encrypted connection could be agreed on",
            "{version}"
        );
    }
}
