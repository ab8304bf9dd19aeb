//! `file`: the bytes of a master as base64, in JSON.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dlcs_core::dlcs::Settings;
use serde_json::json;

use crate::app::{Answer, App, text};

const IMAGE: &str = "/customers/1/spaces/1/images/a";

#[tokio::test]
async fn a_file_that_holds_no_bytes_is_400_and_one_that_holds_too_many_413() {
    let app = App::with(Settings::default(), |builder| builder.with_body_limit(200)).await;
    app.picture("https://example.org/a.jpg");
    let made = app.send("PUT", IMAGE, r#"{"origin":"https://example.org/a.jpg"}"#);
    made.await.json(201);
    let whole = STANDARD.encode("IMAGE 600 450");
    assert!(whole.ends_with("=="), "{whole}");
    for (file, said) in [
        (String::new(), "`file` has no bytes"),
        ("*".repeat(8), "`file` is not base64"),
        (
            whole.trim_end_matches('=').to_owned(),
            "`file` is not base64",
        ),
        (format!("{whole}="), "`file` is not base64"),
        (whole.replace("==", "="), "`file` is not base64"),
        ("=".to_owned(), "`file` is not base64"),
        (whole.replacen('M', "-", 1), "`file` is not base64"),
        (format!("{whole}\n"), "`file` is not base64"),
    ] {
        let said_of = |answer: Answer, pointer: &str| {
            assert_eq!(answer.pointers(400), [pointer], "{file}");
            let detail = text(&answer.json(400)["detail"]);
            assert!(detail.starts_with(said), "{file}: {detail}");
        };
        let body = json!({ "file": file }).to_string();
        for method in ["PUT", "POST", "PATCH"] {
            said_of(app.send(method, IMAGE, body.clone()).await, "/file");
        }
        let image = json!({ "space": 1, "id": "a", "file": file });
        let batch = json!({ "member": [image] }).to_string();
        said_of(
            app.send("POST", "/customers/1/queue", batch).await,
            "/member/0/file",
        );
    }
    for (length, status) in [(100, 422), (200, 413)] {
        let body = json!({ "file": STANDARD.encode(vec![b'x'; length]) }).to_string();
        let error = app.send("PUT", IMAGE, body).await.json(status);
        let names_limit = text(&error["detail"]).contains("200 bytes");
        assert_eq!(names_limit, status == 413, "{error}");
    }
    let image = app.get(IMAGE).await.json(200);
    assert_eq!(image["width"], 1200, "what is served is what it was");
    let body = json!({ "file": whole }).to_string();
    assert_eq!(app.send("PUT", IMAGE, body).await.json(200)["width"], 600);
}

#[tokio::test]
async fn a_file_that_is_no_image_is_accepted_and_fails_whatever_it_is_said_to_be() {
    let app = App::new().await;
    let body = json!({ "file": STANDARD.encode("<html>"), "mediaType": "image/png" });
    let error = app.send("PUT", IMAGE, body.to_string()).await.json(422);
    let detail = text(&error["detail"]);
    assert!(detail.contains("is not an image"), "{detail}");
    assert_eq!(app.get(IMAGE).await.json(200)["error"], detail);
}
