//! HTTP origins at nginx, a server that others wrote.
#![expect(clippy::unwrap_used, reason = "a test stops at what goes wrong")]

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use dlcs_core::origin::{Credentials, OriginAccess, OriginError, OriginRequest, OriginStrategy};
use dlcs_storage::origin::http::HttpOrigin;
use dlcs_testkit::origin::{OriginFixture, Protected};
use url::Url;

use crate::origin_http::{failure, opened, read};

/// nginx on a free port over a directory, until it is dropped.
struct Nginx {
    directory: tempfile::TempDir,
    child: Child,
    root: Url,
}

impl Nginx {
    /// Starts nginx; `None` when the test has to be skipped.
    async fn start(test: &str) -> Option<Self> {
        let program = PathBuf::from("/usr/sbin/nginx");
        if !program.is_file() {
            dlcs_testkit::program::skip(test, "nginx");
            return None;
        }
        // Whoever takes the port between the look and the start makes the start fail, and another port is tried.
        for _ in 0..5 {
            if let Some(nginx) = Self::try_start(&program).await {
                return Some(nginx);
            }
        }
        panic!("nginx does not start");
    }

    async fn try_start(program: &Path) -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let home = directory.path();
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        for folder in ["files/objects", "files/protected"] {
            fs::create_dir_all(home.join(folder)).unwrap();
        }
        let token = Command::new("openssl")
            .args(["passwd", "-apr1", "canary-pässword"])
            .output()
            .unwrap();
        let token = String::from_utf8(token.stdout).unwrap();
        fs::write(home.join("users"), format!("canary-user:{token}")).unwrap();
        let text = CONFIG
            .replace("HOME", home.to_str().unwrap())
            .replace("PORT", &port.to_string());
        fs::write(home.join("nginx.conf"), text).unwrap();
        let mut child = Command::new(program)
            .arg("-p")
            .arg(home)
            .arg("-c")
            .arg(home.join("nginx.conf"))
            .arg("-e")
            .arg(home.join("error.log"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let root = Url::parse(&format!("http://127.0.0.1:{port}/")).unwrap();
        let origin = opened();
        let ready = root.join("ready").unwrap();
        for _ in 0..500 {
            if child.try_wait().unwrap().is_some() {
                return None;
            }
            if read(&origin, OriginRequest::new(&ready)).await.is_ok() {
                return Some(Self {
                    directory,
                    child,
                    root,
                });
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let _ = child.kill();
        None
    }

    fn put(&self, path: &str, bytes: &[u8]) {
        let file = self.directory.path().join("files").join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, bytes).unwrap();
    }

    fn url(&self, path: &str) -> Url {
        self.root.join(path).unwrap()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Asked to, the master takes its workers with it.
        let _ = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        let _ = self.child.wait();
    }
}

const CONFIG: &str = r#"
daemon off;
worker_processes 1;
pid HOME/pid;
error_log HOME/error.log;
events { worker_connections 256; }
http {
    access_log off;
    client_body_temp_path HOME/body;
    proxy_temp_path HOME/proxy;
    fastcgi_temp_path HOME/fastcgi;
    uwsgi_temp_path HOME/uwsgi;
    scgi_temp_path HOME/scgi;
    default_type image/tiff;
    server {
        listen 127.0.0.1:PORT;
        root HOME/files;
        location = /ready { return 200 "ready"; }
        location /protected/ {
            auth_basic "test";
            auth_basic_user_file HOME/users;
        }
        location /moved/ { rewrite ^/moved/(.*)$ /objects/$1 redirect; }
        location /packed/ {
            alias HOME/files/objects/;
            gzip on;
            gzip_types *;
            gzip_min_length 1;
        }
        location /slow/ {
            alias HOME/files/objects/;
            limit_rate 64k;
        }
        location /busy { return 503; }
        location /named/ {
            alias HOME/files/objects/;
            add_header Content-Disposition 'attachment; filename="../../x"';
        }
    }
}
"#;

struct Fixture {
    nginx: Option<Nginx>,
    origin: Arc<HttpOrigin>,
}

#[async_trait]
impl OriginFixture for Fixture {
    fn origin(&self) -> Arc<dyn OriginStrategy> {
        Arc::clone(&self.origin) as _
    }

    async fn object(&self, name: &str, bytes: Bytes) -> Url {
        let nginx = self.nginx.as_ref().unwrap();
        let mut url = nginx.url("objects");
        url.path_segments_mut().unwrap().push(name);
        nginx.put(&format!("objects/{name}"), &bytes);
        url
    }

    async fn missing(&self) -> Url {
        self.nginx.as_ref().unwrap().url("objects/missing")
    }

    async fn protected(&self, bytes: Bytes) -> Option<Protected> {
        let nginx = self.nginx.as_ref().unwrap();
        nginx.put("protected/a", &bytes);
        let basic =
            |password: &str| OriginAccess::BasicHttp(Credentials::new("canary-user", password));
        Some(Protected {
            url: nginx.url("protected/a"),
            good: basic("canary-pässword"),
            bad: basic("canary-guess"),
        })
    }
}

/// The clauses, where nginx is installed.
macro_rules! at_nginx {
    ($($clause:ident),* $(,)?) => {
        $(#[tokio::test]
        async fn $clause() {
            let nginx = Nginx::start(stringify!($clause)).await;
            if nginx.is_some() {
                let fixture = Fixture { nginx, origin: Arc::new(opened()) };
                dlcs_testkit::origin::$clause(&fixture).await;
            }
        })*
    };
}

at_nginx!(
    reads_whole_object,
    declared_length_is_honest,
    missing_is_not_found,
    bad_credentials_are_denied,
    size_limit_is_obeyed,
    percent_encoded_and_unicode,
    dropping_midway_releases,
    secrets_not_in_debug,
    concurrent_64,
);

#[tokio::test]
async fn nginx_redirects_refuses_and_says_what_it_sends() {
    let Some(nginx) = Nginx::start("nginx_redirects").await else {
        return;
    };
    let origin = opened();
    nginx.put("objects/a.tif", b"tiff");
    for path in ["moved/a.tif", "named/a.tif", "packed/a.tif"] {
        let url = nginx.url(path);
        let response = origin.open(OriginRequest::new(&url)).await.unwrap();
        assert_eq!(response.media_type(), Some("image/tiff"), "{path}");
        assert_eq!(
            read(&origin, OriginRequest::new(&url)).await.unwrap(),
            b"tiff"
        );
    }
    let url = nginx.url("busy");
    let error = read(&origin, OriginRequest::new(&url)).await.unwrap_err();
    assert!(
        matches!(
            error,
            OriginError::Unavailable {
                status: Some(503),
                ..
            }
        ),
        "{error:?}"
    );
    // A client of https at a port of http.
    let mut url = nginx.url("objects/a.tif");
    url.set_scheme("https").unwrap();
    assert_eq!(
        failure(&origin, &url).await,
        "no encrypted connection could be agreed on"
    );
}

#[tokio::test]
async fn nginx_is_slow_and_is_waited_for_as_long_as_it_sends() {
    let Some(nginx) = Nginx::start("nginx_is_slow").await else {
        return;
    };
    let origin = opened();
    nginx.put("objects/a.tif", &vec![7; 100_000]);
    let url = nginx.url("slow/a.tif");
    let request = OriginRequest::new(&url).with_patience(Duration::from_millis(1500));
    assert_eq!(read(&origin, request).await.unwrap().len(), 100_000);
}
