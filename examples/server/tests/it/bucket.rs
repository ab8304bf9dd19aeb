//! A bucket: a server of the S3 protocol over a directory, in this process.

use std::path::PathBuf;

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tokio::net::TcpListener;

const KEY_ID: &str = "cluster-key";
const SECRET: &str = "cluster-secret";

/// A bucket, for as long as the value lives.
pub(crate) struct Bucket {
    directory: tempfile::TempDir,
    endpoint: String,
}

impl Bucket {
    pub(crate) async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("images")).unwrap();
        let mut builder = S3ServiceBuilder::new(FileSystem::new(directory.path()).unwrap());
        builder.set_auth(SimpleAuth::from_single(KEY_ID, SECRET));
        let service = builder.build();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let service = service.clone();
                tokio::spawn(async move {
                    let connection =
                        http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                    // A client that is killed is part of the test.
                    let _ = connection.await;
                });
            }
        });
        Self {
            directory,
            endpoint,
        }
    }

    /// The host and the port.
    pub(crate) fn address(&self) -> &str {
        self.endpoint.trim_start_matches("http://")
    }

    /// What `--store-url` takes.
    pub(crate) fn store_url(&self) -> String {
        format!(
            "s3://images/cluster?endpoint={}&region=us-east-1",
            self.endpoint
        )
    }

    /// Where its objects are files.
    pub(crate) fn objects(&self) -> PathBuf {
        self.directory.path().join("images/cluster")
    }

    /// The credentials, as variables of the environment.
    pub(crate) const fn variables() -> [(&'static str, &'static str); 2] {
        [
            ("AWS_ACCESS_KEY_ID", KEY_ID),
            ("AWS_SECRET_ACCESS_KEY", SECRET),
        ]
    }
}
