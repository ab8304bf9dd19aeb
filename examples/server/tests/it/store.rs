//! Derivatives in a bucket, as an operator sees them.

use std::net::TcpListener;
use std::path::Path;

use dlcs_testkit::server::{HttpServer, Moto};
use reqwest::{Client, StatusCode};

use crate::photograph;
use crate::program::Program;

const KEYS: [(&str, &str); 2] = [
    ("AWS_ACCESS_KEY_ID", "canary-id"),
    ("AWS_SECRET_ACCESS_KEY", "canary-secret"),
];

/// The sentence of a start that the store stops, and that leaves nothing behind.
fn refusal(store: &str, variables: &[(&str, &str)]) -> String {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let data = data.to_str().unwrap();
    let flags = ["serve", "--listen", "127.0.0.1:0", "--data-dir", data];
    let flags = [&flags[..], &["--store-url", store, "--log", "error"]].concat();
    let output = Program::run_in(&flags, variables);
    let sentence = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{sentence}");
    assert_eq!(sentence.lines().count(), 1, "{sentence}");
    assert!(!sentence.contains("canary"), "{sentence}");
    assert!(output.stdout.is_empty());
    assert!(!Path::new(data).try_exists().unwrap(), "{sentence}");
    sentence.trim_end().to_owned()
}

fn closed_port() -> String {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", free.local_addr().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_cannot_be_used_stops_the_start_with_a_sentence() {
    let closed = closed_port();
    assert_eq!(
        refusal(&format!("s3://bucket?endpoint={closed}"), &KEYS),
        format!(
            "dlcs: cannot use --store-url: the `s3` derivative store failed: no answer from {closed}: nothing listens at that address"
        )
    );
    // Something that is no S3 at all.
    let server = HttpServer::start().await;
    let endpoint = server.url("/");
    assert_eq!(
        refusal(&format!("s3://bucket/prefix?endpoint={endpoint}"), &KEYS),
        "dlcs: cannot use --store-url: the `s3` derivative store failed: there is no bucket `bucket` (status 404): make it, or correct the address of the store"
    );
    let nobody = [("AWS_METADATA_ENDPOINT", closed.as_str())];
    assert_eq!(
        refusal(&format!("s3://bucket?endpoint={endpoint}"), &nobody),
        "dlcs: cannot use --store-url: the `s3` derivative store failed: there are no credentials for the bucket `bucket`: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    );
    assert_eq!(
        refusal("s3://bucket", &KEYS[..1]),
        "dlcs: cannot use --store-url: the AWS_* variables of the environment are incomplete: set both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or neither"
    );
}

#[tokio::test]
async fn everything_but_the_catalogue_is_in_the_bucket() {
    let Some(mut moto) = Moto::start("everything_but_the_catalogue_is_in_the_bucket").await else {
        return;
    };
    let client = Client::builder().no_proxy().build().unwrap();
    let in_moto = |request: reqwest::RequestBuilder| {
        let request = request.header("authorization", Moto::AUTHORIZATION);
        async { request.send().await.unwrap().text().await.unwrap() }
    };
    in_moto(client.put(moto.url("bucket"))).await;
    let data = tempfile::tempdir().unwrap();
    let endpoint = moto.url("").to_string();
    let variables = [&KEYS[..], &[("AWS_ENDPOINT_URL", endpoint.as_str())]].concat();
    let flags = ["--store-url", "s3://bucket/iiif"];
    // Left over from a time without a bucket.
    std::fs::create_dir_all(data.path().join("derivatives/images")).unwrap();
    let program = Program::start_in(data.path(), &flags, &variables);
    assert!(
        program.banner.contains("\n  Store    s3://bucket/iiif\n"),
        "{}",
        program.banner
    );
    let photo = photograph::small(1);
    let (key, secret) = program.key.clone().unwrap();
    let image = program.at("/customers/1/spaces/1/images/a");
    let put = client.put(&image).basic_auth(&key, Some(&secret));
    let put = put.header("content-type", "image/jpeg").body(photo.file);
    assert_eq!(put.send().await.unwrap().status(), StatusCode::CREATED);
    let tile = program.at("/iiif-img/1/1/a/0,0,512,256/512,256/0/default.jpg");
    let get = async |url: &str| client.get(url).send().await.unwrap().status();
    assert_eq!(get(&tile).await, StatusCode::OK);
    assert_eq!(get(&program.at("/ready")).await, StatusCode::OK);

    let listed = in_moto(client.get(moto.url("bucket?list-type=2"))).await;
    let keys: Vec<_> = listed.split("<Key>").skip(1).collect();
    let images = keys
        .iter()
        .filter(|key| key.starts_with("iiif/images/1/1/"));
    assert_eq!(images.count(), 1, "{listed}");
    // What was sent is there until somebody deletes it.
    let uploads = keys.iter().filter(|key| key.starts_with("iiif/uploads/"));
    assert!(uploads.count() == keys.len() - 1, "{listed}");
    let files = std::fs::read_dir(data.path().join("derivatives/images")).unwrap();
    assert_eq!(files.count(), 0);
    program.until_said("are not used: copy them to the bucket");

    moto.stop();
    assert_eq!(get(&tile).await, StatusCode::OK, "it was read before");
    assert_eq!(get(&program.at("/health")).await, StatusCode::OK);
    let ready = get(&program.at("/ready")).await;
    assert_eq!(ready, StatusCode::SERVICE_UNAVAILABLE);
    let other = program.at("/iiif-img/1/1/a/10,10,300,300/200,200/0/default.png");
    assert!(
        matches!(
            get(&other).await,
            StatusCode::OK | StatusCode::SERVICE_UNAVAILABLE
        ),
        "either it was read ahead or it cannot be read"
    );
    assert!(!program.stderr().contains("canary-secret"));
}
