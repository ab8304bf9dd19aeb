//! A bucket: a server of the S3 protocol over a directory, in this process.

use std::path::Path;

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tokio::net::TcpListener;

use crate::Result;

const KEY_ID: &str = "chaos-key";
const SECRET: &str = "chaos-secret";

/// The credentials, as variables of the environment.
pub(crate) const VARIABLES: [(&str, &str); 2] = [
    ("AWS_ACCESS_KEY_ID", KEY_ID),
    ("AWS_SECRET_ACCESS_KEY", SECRET),
];

/// Serves a directory as long as this process lives, and returns what `--store-url` takes.
pub(crate) async fn serve(directory: &Path) -> Result<String> {
    std::fs::create_dir_all(directory.join("images"))?;
    let files =
        FileSystem::new(directory).map_err(|error| format!("cannot serve a bucket: {error:?}"))?;
    let mut builder = S3ServiceBuilder::new(files);
    builder.set_auth(SimpleAuth::from_single(KEY_ID, SECRET));
    let service = builder.build();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service.clone();
            tokio::spawn(async move {
                let connection =
                    http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                // A client that is killed is what this is about.
                let _ = connection.await;
            });
        }
    });
    Ok(format!(
        "s3://images/chaos?endpoint=http://{address}&region=us-east-1"
    ))
}
