//! HTTP origins and the certificates of hosts.
#![expect(clippy::unwrap_used, reason = "a test stops at what goes wrong")]

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use dlcs_core::origin::OriginRequest;
use dlcs_testkit::server::HttpServer;
use url::Url;

use crate::origin_http::{failure, opened, read};

/// Says to a test that it runs in a process of its own, and where its files are.
const MARK: &str = "DLCS_TEST_OWN_PROCESS";

/// Runs a test once more, in a process of its own where these are the certificate authorities: the verifier reads them from where the
/// environment says.
fn run_in_own_process(test: &str, files: &Path, authorities: &Path) {
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", &format!("origin_http_tls::{test}")])
        .env(MARK, files)
        .env("SSL_CERT_FILE", authorities)
        .env("SSL_CERT_DIR", "/nonexistent")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}"
    );
}

#[tokio::test]
async fn a_machine_without_authorities_still_fetches_over_plain_http() {
    if env::var_os(MARK).is_none() {
        let nowhere = Path::new("/nonexistent");
        let test = "a_machine_without_authorities_still_fetches_over_plain_http";
        return run_in_own_process(test, nowhere, nowhere);
    }
    let (server, origin) = (HttpServer::start().await, opened());
    let mut url = server.serve("/a", "ok");
    assert_eq!(
        read(&origin, OriginRequest::new(&url)).await.unwrap(),
        b"ok"
    );
    url.set_scheme("https").unwrap();
    let reason = failure(&origin, &url).await;
    assert!(reason.contains("no certificate authorities"), "{reason}");
}

/// The host of OpenSSL's test server, until it is dropped.
struct TlsServer(Child, Url);

impl TlsServer {
    fn start(files: &Path, certificate: &str) -> Self {
        let mut child = Command::new("openssl")
            .args(["s_server", "-www", "-accept", "127.0.0.1:0"])
            .arg("-cert")
            .arg(files.join(certificate))
            .arg("-key")
            .arg(files.join("key.pem"))
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

fn make_certificate(files: &Path, name: &str, host: &str) {
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-new",
            "-days",
            "1",
            "-subj",
            &format!("/CN={name}"),
        ])
        .args(["-addext", &format!("subjectAltName=DNS:{host}")])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-key")
        .arg(files.join("key.pem"))
        .arg("-out")
        .arg(files.join(name))
        .stderr(Stdio::null())
        .status();
    assert!(made.unwrap().success(), "openssl makes a certificate");
}

#[tokio::test]
async fn hosts_must_prove_who_they_are() {
    if env::var_os(MARK).is_none() {
        if dlcs_testkit::program::find("hosts_must_prove_who_they_are", ["openssl"]).is_none() {
            return;
        }
        let directory = tempfile::tempdir().unwrap();
        let files = directory.path();
        let key = [
            "genpkey",
            "-quiet",
            "-algorithm",
            "EC",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-out",
        ];
        let made = Command::new("openssl")
            .args(key)
            .arg(files.join("key.pem"))
            .status();
        assert!(made.unwrap().success(), "openssl makes a key");
        for (name, host) in [
            ("good", "localhost"),
            ("renamed", "canary.example"),
            ("unknown", "localhost"),
        ] {
            make_certificate(files, name, host);
        }
        let known = ["good", "renamed"]
            .map(|name| fs::read(files.join(name)).unwrap())
            .concat();
        fs::write(files.join("authorities"), known).unwrap();
        return run_in_own_process(
            "hosts_must_prove_who_they_are",
            files,
            &files.join("authorities"),
        );
    }
    let files = env::var_os(MARK).unwrap();
    let (files, origin) = (Path::new(&files), opened());
    let good = TlsServer::start(files, "good");
    let page = read(&origin, OriginRequest::new(&good.1)).await.unwrap();
    assert!(!page.is_empty());
    let renamed = TlsServer::start(files, "renamed");
    assert_eq!(
        failure(&origin, &renamed.1).await,
        "its certificate is for another name"
    );
    let unknown = TlsServer::start(files, "unknown");
    assert_eq!(
        failure(&origin, &unknown.1).await,
        "its certificate is not from a trusted authority"
    );
}
