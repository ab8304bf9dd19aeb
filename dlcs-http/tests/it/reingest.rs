//! `/customers/{customer}/spaces/{space}/images/{image}/reingest`.

use bytes::Bytes;
use dlcs_testkit::fake::FakeObject;
use http::Request;
use http_body_util::Full;
use serde_json::json;

use crate::app::{App, PICTURE, text};

const ORIGIN: &str = "https://example.org/a.jpg";
const IMAGE: &str = "/customers/1/spaces/1/images/a";
const REINGEST: &str = "/customers/1/spaces/1/images/a/reingest";

/// An app with an image that has been registered.
async fn app() -> App {
    let app = App::new().await;
    app.picture(ORIGIN);
    let body = json!({"origin": ORIGIN, "string1": "kept", "tags": ["t"]});
    app.send("PUT", IMAGE, body.to_string()).await.json(201);
    app
}

#[tokio::test]
async fn an_image_is_fetched_again_and_keeps_what_is_said_of_it() {
    let app = app().await;
    let mut expected = app.get(IMAGE).await.json(200);
    app.origin.serve(ORIGIN, FakeObject::new("IMAGE 60 45"));
    app.clock.advance(std::time::Duration::from_secs(60));
    let again = app.send("POST", REINGEST, "").await.json(200);
    for name in [
        "queued",
        "dequeued",
        "finished",
        "sourceSize",
        "thumbnail400",
    ] {
        assert_ne!(again[name], expected[name], "{name}");
        expected[name] = again[name].clone();
    }
    (expected["width"], expected["height"]) = (json!(60), json!(45));
    assert_eq!(again, expected);
    assert_eq!(app.get(IMAGE).await.json(200), again);
    assert_eq!(app.origin.opened().len(), 2);
}

#[tokio::test]
async fn no_body_is_needed_whatever_the_content_type_says() {
    use base64::Engine;
    let app = app().await;
    let key = base64::engine::general_purpose::STANDARD.encode(&app.admin);
    for content_type in [
        "application/json",
        "image/jpeg",
        "multipart/form-data",
        "application/x-www-form-urlencoded",
    ] {
        let request = Request::post(REINGEST)
            .header("authorization", format!("Basic {key}"))
            .header("content-type", content_type)
            .body(Full::<Bytes>::default())
            .unwrap();
        assert_eq!(app.call(request).await.status, 200, "{content_type}");
    }
}

#[tokio::test]
async fn an_origin_that_fails_is_told_and_what_was_served_stays() {
    let app = app().await;
    let before = app.get(IMAGE).await.json(200);
    for (object, status) in [
        (FakeObject::new("text"), 422),
        (FakeObject::new(PICTURE), 200),
    ] {
        app.origin.serve(ORIGIN, object);
        let answer = app.send("POST", REINGEST, "").await;
        let image = app.get(IMAGE).await.json(200);
        assert_eq!(answer.status.as_u16(), status, "{}", answer.text());
        assert_eq!(
            (&image["width"], &image["infoJson"]),
            (&before["width"], &before["infoJson"])
        );
        if status == 422 {
            let error = answer.json(422);
            assert_eq!(error["image"], before["@id"]);
            assert_eq!(error["detail"], image["error"]);
        } else {
            assert_eq!(text(&image["error"]), "");
        }
    }
}

#[tokio::test]
async fn bytes_that_were_sent_must_be_sent_again_once_they_are_gone() {
    let app = App::new().await;
    // "IMAGE 1200 900"
    let sent = r#"{"file":"SU1BR0UgMTIwMCA5MDA=","string1":"kept"}"#;
    let made = app.send("PUT", IMAGE, sent).await.json(201);
    let answer = app.send("POST", REINGEST, "").await;
    assert_eq!(answer.pointers(400), ["/file"]);
    let detail = text(&answer.json(400)["detail"]);
    assert!(detail.ends_with("send the bytes again"), "{detail}");
    assert_eq!(app.get(IMAGE).await.json(200), made);
    // Those of an upload that failed are there still.
    let broken = r#"{"file":"dGV4dA=="}"#;
    app.send("PUT", IMAGE, broken).await.json(422);
    app.send("POST", REINGEST, "").await.json(422);
}

#[tokio::test]
async fn an_image_that_is_registered_now_leaves_its_batch() {
    let app = App::new().await;
    app.picture(ORIGIN);
    let body = json!({"member": [{"space": 1, "id": "a", "origin": ORIGIN}]});
    app.send("POST", "/customers/1/queue", body.to_string())
        .await
        .json(201);
    let image = app.send("POST", REINGEST, "").await.json(200);
    assert_eq!(image.get("batch"), None);
    let batch = app.get("/customers/1/queue/batches/1").await.json(200);
    assert_eq!(
        (&batch["completed"], &batch["superseded"]),
        (&json!(1), &json!(true))
    );
}

#[tokio::test]
async fn what_is_not_there_is_a_404_and_stays_so() {
    let app = app().await;
    for path in [
        "/customers/1/spaces/1/images/b/reingest",
        "/customers/1/spaces/9/images/a/reingest",
    ] {
        assert_eq!(app.send("POST", path, "").await.status, 404, "{path}");
    }
    assert_eq!(app.get("/customers/1/spaces/1/images/b").await.status, 404);
    let (_, other) = app.customer("vam").await;
    let refused = app.send_as(Some(&other), "POST", REINGEST, "").await;
    assert_eq!(refused.status, 401);
    let got = app.get(REINGEST).await;
    assert_eq!((got.status.as_u16(), got.header("allow")), (405, "POST"));
}
