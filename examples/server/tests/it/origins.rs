//! Origins that are not http: what the program lets in, and what it says of the rest.

use dlcs_testkit::server::{FtpObject, FtpServer};
use reqwest::Client;
use serde_json::{Value, json};

use crate::photograph;
use crate::program::Program;

async fn put(program: &Program, id: &str, origin: &str) -> (u16, Value) {
    let (key, secret) = program.key.as_ref().unwrap();
    let answer = Client::new()
        .put(program.at(&format!("/customers/1/spaces/1/images/{id}")))
        .basic_auth(key, Some(secret))
        .body(json!({ "origin": origin }).to_string())
        .send()
        .await
        .unwrap();
    let status = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap())
}

#[tokio::test]
async fn files_and_ftp_are_served_and_nothing_outside_is() {
    let (data, masters) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let photo = &photograph::all()[0];
    std::fs::write(masters.path().join("master"), &photo.file).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", masters.path().join("leaves")).unwrap();
    let server = FtpServer::start().await;
    let url = server.serve("a folder/master", FtpObject::new(photo.file.clone()));
    let masters = masters.path().display().to_string();
    let flags = [
        "--allow-file-origin",
        &masters,
        "--allow-private",
        "127.0.0.0/8",
    ];
    let program = Program::start(data.path(), &flags);
    let said = format!("Origins allowed, too: files below `{masters}`, for every customer.");
    assert!(program.banner.contains(&said), "{}", program.banner);
    for (id, origin) in [
        ("file", format!("file://{masters}/master")),
        ("ftp", url.to_string()),
    ] {
        let (status, image) = put(&program, id, &origin).await;
        assert_eq!(status, 201, "{image}");
        assert_eq!(image["width"], json!(photo.pixels.width()));
    }
    let outside = "it is not below a directory that is open to origins; ask the operator to open it with `allow-file-origin`";
    for (id, origin, status, said) in [
        ("outside", "file:///etc/passwd", 400, outside),
        ("link", &format!("file://{masters}/leaves"), 502, outside),
        (
            "control",
            "ftp://127.0.0.1/x%0d%0aDELE%20y",
            400,
            "control character",
        ),
        (
            "stranger",
            "sftp://127.0.0.1:1/x",
            502,
            "need an origin strategy `sftp` with credentials",
        ),
    ] {
        let (got, answer) = put(&program, id, origin).await;
        assert_eq!(got, status, "{id}: {answer}");
        assert!(answer.to_string().contains(said), "{id}: {answer}");
    }
}
