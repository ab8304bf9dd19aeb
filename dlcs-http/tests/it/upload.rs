//! Bytes instead of an origin: raw, in a form, as base64.

use std::convert::Infallible;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use dlcs_core::derivative::DerivativeKey;
use futures_util::stream;
use http::Request;
use http_body::Frame;
use http_body_util::{Full, StreamBody};
use serde_json::{Value, json};

use crate::app::{Answer, App, PICTURE, text};

const IMAGES: &str = "/customers/1/spaces/1/images";

/// A form with these parts: their headers, and their bytes.
fn form(parts: &[(&str, &str)]) -> (String, Bytes) {
    let mut body = String::new();
    for (head, bytes) in parts {
        body += &format!("--edge\r\nContent-Disposition: form-data; {head}\r\n\r\n{bytes}\r\n");
    }
    (
        "multipart/form-data; boundary=edge".to_owned(),
        (body + "--edge--\r\n").into(),
    )
}

async fn sent(
    app: &App,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Answer {
    let key = STANDARD.encode(&app.admin);
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Basic {key}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body: Bytes = body.into();
    app.call(request.body(Full::new(body)).expect("the request is whole"))
        .await
}

/// Sends a form in chunks of so many bytes.
async fn sent_in_chunks(app: &App, path: &str, kind: &str, body: Bytes, size: usize) -> Answer {
    let chunks: Vec<_> = body
        .chunks(size)
        .map(|chunk| Ok::<_, Infallible>(Frame::data(body.slice_ref(chunk))))
        .collect();
    let request = Request::put(path)
        .header(
            "authorization",
            format!("Basic {}", STANDARD.encode(&app.admin)),
        )
        .header("content-type", kind)
        .body(StreamBody::new(stream::iter(chunks)))
        .expect("the request is whole");
    app.call(request).await
}

/// The bytes of the only upload that the store holds.
async fn kept_bytes(app: &App) -> Bytes {
    let store = app.dlcs.derivatives();
    let keys = store.list().await.expect("memory does not fail");
    let [key] = keys.as_slice() else {
        panic!("{keys:?}");
    };
    let whole = store.get_range(key, 0..u64::MAX).await;
    whole.expect("memory does not fail")
}

/// How many uploads the store holds.
async fn kept(app: &App) -> usize {
    let keys = app.dlcs.derivatives().list().await;
    let keys = keys.expect("memory does not fail");
    let uploads = keys
        .iter()
        .filter(|key| matches!(key, DerivativeKey::Upload(_)));
    uploads.count()
}

#[tokio::test]
async fn raw_bytes_are_registered_under_the_id_of_the_address() {
    let app = App::new().await;
    let path = format!("{IMAGES}/sent?string1=bib343434&number1=7&tags=map,%20old&mediaType=");
    let answer = sent(
        &app,
        "PUT",
        &path,
        &[("content-type", "image/tiff")],
        PICTURE,
    )
    .await;
    let image = answer.json(201);
    assert_eq!(image["width"], 1200);
    assert_eq!(image["string1"], "bib343434");
    assert_eq!(image["number1"], 7);
    assert_eq!(image["tags"], json!(["map", "old"]));
    assert!(
        text(&image["origin"]).starts_with("dlcs-upload:"),
        "{image}"
    );
    let found = app.get(&format!("{IMAGES}/sent")).await.json(200);
    assert_eq!(found["origin"], image["origin"]);
    // Once the image is ready, the bytes go.
    app.clock.advance(std::time::Duration::from_secs(120));
    app.dlcs.collect().await.expect("memory does not fail");
    assert_eq!(kept(&app).await, 0);
}

#[tokio::test]
async fn raw_bytes_may_say_their_id_or_get_one() {
    let app = App::new().await;
    let binary = ("content-type", "application/octet-stream");
    let slug = ("slug", "caf%C3%A9");
    let made = sent(&app, "POST", IMAGES, &[binary, slug], PICTURE).await;
    assert_eq!(made.json(201)["id"], "café");
    let path = format!("{IMAGES}?id=second");
    let made = sent(&app, "POST", &path, &[binary, slug], PICTURE).await;
    assert_eq!(made.json(201)["id"], "second");
    assert_eq!(
        sent(&app, "POST", &path, &[binary], PICTURE).await.status,
        409
    );
    let made = sent(&app, "POST", IMAGES, &[binary], PICTURE)
        .await
        .json(201);
    assert_eq!(text(&made["id"]).len(), 36);
    assert_eq!(made["mediaType"], "image/jpeg");
}

#[tokio::test]
async fn a_form_sends_the_bytes_and_what_is_said_of_them() {
    let app = App::new().await;
    let file = (
        "name=\"file\"; filename=\"a.tif\"\r\nContent-Type: image/tiff",
        PICTURE,
    );
    let image = (
        "name=\"image\"\r\nContent-Type: application/json",
        r#"{"id":"f","string2":"x"}"#,
    );
    for (method, path, status, parts) in [
        ("POST", IMAGES.to_owned(), 201, [file, image]),
        ("PUT", format!("{IMAGES}/f"), 200, [image, file]),
    ] {
        let (kind, body) = form(&parts);
        let made = sent(&app, method, &path, &[("content-type", &kind)], body).await;
        let made = made.json(status);
        assert_eq!((&made["id"], &made["string2"]), (&json!("f"), &json!("x")));
        assert_eq!(
            (&made["width"], &made["mediaType"]),
            (&json!(1200), &json!("image/tiff"))
        );
    }
    let (kind, body) = form(&[file]);
    let path = format!("{IMAGES}/alone");
    let made = sent(&app, "PUT", &path, &[("content-type", &kind)], body).await;
    assert_eq!(made.json(201)["height"], 900);
}

#[tokio::test]
async fn base64_goes_into_the_json_of_one_image_or_of_a_batch() {
    let app = App::new().await;
    let file = STANDARD.encode(PICTURE);
    let body = json!({"file": file, "mediaType": "image/png"}).to_string();
    let path = format!("{IMAGES}/one");
    let made = app.send("PUT", &path, body).await.json(201);
    assert_eq!(made["width"], 1200);
    assert!(made.get("file").is_none(), "{made}");
    let members = json!({"member": [
        {"space": 1, "id": "two", "file": file},
        {"space": 1, "id": "three", "file": file},
    ]});
    let batch = app
        .send("POST", "/customers/1/queue", members.to_string())
        .await;
    assert_eq!(batch.json(201)["count"], 2);
    app.finish(1).await;
    for id in ["two", "three"] {
        let image = app.get(&format!("{IMAGES}/{id}")).await.json(200);
        assert_eq!(image["width"], 1200);
    }
}

#[tokio::test]
async fn faulty_uploads_are_refused_and_leave_nothing() {
    let app = App::with(Default::default(), |builder| builder.with_upload_limit(300)).await;
    let path = format!("{IMAGES}/bad");
    let tiff = ("content-type", "image/tiff");
    let problem = |answer: &Answer, status: u16| -> (Value, String) {
        let body = answer.json(status);
        let first = body["errors"][0].clone();
        (first["pointer"].clone(), text(&body["detail"]))
    };
    let large = sent(&app, "PUT", &path, &[tiff], vec![0; 301]).await;
    assert!(problem(&large, 413).1.contains("300 bytes"));
    let gzip = [tiff, ("content-encoding", "gzip")];
    assert_eq!(sent(&app, "PUT", &path, &gzip, PICTURE).await.status, 415);
    for (query, pointer) in [
        ("?number1=many", "/number1"),
        ("?origin=http://h/a.tif", "/origin"),
        ("?mediaType=text/html", "/mediaType"),
        ("?deliveryChannels=iiif-img,nonsense", "/deliveryChannels/1"),
        ("?id=another", "/id"),
    ] {
        let answer = sent(&app, "PUT", &format!("{path}{query}"), &[tiff], PICTURE).await;
        assert_eq!(problem(&answer, 400).0, pointer, "{query}");
    }
    let nowhere = "/customers/1/spaces/9/images/bad";
    assert_eq!(
        sent(&app, "PUT", nowhere, &[tiff], PICTURE).await.status,
        404
    );
    let file = ("name=\"file\"", PICTURE);
    let too_large = "x".repeat(400);
    for (parts, status, said) in [
        (&[][..], 400, "no part `file`"),
        (&[("name=\"image\"", "{}")][..], 400, "no part `file`"),
        (&[file, file][..], 400, "several parts `file`"),
        (
            &[file, ("name=\"other\"", "x")][..],
            400,
            "a part `other` too many",
        ),
        (&[file, ("name=\"image\"", "{")][..], 400, "is not JSON"),
        (
            &[file, ("name=\"image\"", r#"{"origin":"http://h/"}"#)][..],
            400,
            "leave one of them out",
        ),
        (
            &[("name=\"file\"", too_large.as_str())][..],
            413,
            "300 bytes",
        ),
    ] {
        let (kind, body) = form(parts);
        let answer = sent(&app, "PUT", &path, &[("content-type", &kind)], body).await;
        let detail = problem(&answer, status).1;
        assert!(detail.contains(said), "{detail}");
    }
    let broken = [("content-type", "multipart/form-data")];
    let answer = sent(&app, "PUT", &path, &broken, "").await;
    assert!(problem(&answer, 400).1.contains("`boundary`"));
    let (kind, body) = form(&[file]);
    let cut = body.slice(..body.len() - 12);
    let answer = sent(&app, "PUT", &path, &[("content-type", &kind)], cut).await;
    assert!(problem(&answer, 400).1.contains("ended early"));
    for (body, pointer) in [
        (json!({"file": "***"}), "/file"),
        (json!({"file": 7}), "/file"),
        (json!({"file": "AAAA", "origin": "http://h/a.tif"}), "/file"),
    ] {
        let answer = app.send("PUT", &path, body.to_string()).await;
        assert_eq!(problem(&answer, 400).0, pointer);
    }
    assert_eq!(kept(&app).await, 0, "nothing of what was refused is kept");
    assert_eq!(app.get(&path).await.status, 404);
}

#[tokio::test]
async fn bytes_that_are_no_image_are_kept_with_the_record() {
    let app = App::new().await;
    let path = format!("{IMAGES}/broken");
    let tiff = [("content-type", "image/tiff")];
    let failed = sent(&app, "PUT", &path, &tiff, "no picture").await;
    assert_eq!(failed.status, 422);
    assert_eq!(
        kept(&app).await,
        1,
        "what was accepted is not lost by a failure"
    );
    let image = app.get(&path).await.json(200);
    assert!(
        text(&image["origin"]).starts_with("dlcs-upload:"),
        "{image}"
    );
    // The same bytes can be tried again, and others take their place.
    assert_eq!(app.send("PUT", &path, "{}").await.status, 422);
    assert_eq!(
        sent(&app, "PUT", &path, &tiff, PICTURE).await.json(200)["width"],
        1200
    );
}

#[tokio::test]
async fn without_its_bytes_an_image_can_be_described_and_not_processed() {
    let app = App::new().await;
    let path = format!("{IMAGES}/sent");
    let tiff = [("content-type", "image/tiff")];
    let made = sent(&app, "PUT", &path, &tiff, PICTURE).await.json(201);
    let body = json!({"string1": "described", "origin": made["origin"]}).to_string();
    let described = app.send("PUT", &path, body).await.json(200);
    assert_eq!(described["string1"], "described");
    assert_eq!(described["finished"], made["finished"]);
    let closed = json!({"maxUnauthorised": 0}).to_string();
    let closed = app.send("PATCH", &path, closed).await.json(200);
    assert_eq!(closed["maxUnauthorised"], 0);
    let channels = json!({"deliveryChannels": ["none"]}).to_string();
    for method in ["PUT", "PATCH"] {
        let refused = app.send(method, &path, channels.clone()).await.json(400);
        assert!(
            text(&refused["detail"]).contains("send the bytes again"),
            "{refused}"
        );
    }
    let member = json!({"member": [{"space": 1, "id": "sent"}]}).to_string();
    let refused = app
        .send("POST", "/customers/1/queue", member)
        .await
        .json(400);
    assert_eq!(refused["errors"][0]["pointer"], "/member/0/file");
    assert_eq!(app.get(&path).await.json(200)["error"], "");
}

#[tokio::test]
async fn what_stands_before_the_parts_of_a_form_and_in_their_heads_is_bounded() {
    let app = App::new().await;
    let path = format!("{IMAGES}/bad");
    let (kind, body) = form(&[("name=\"file\"", PICTURE)]);
    let body = String::from_utf8(body.into()).expect("the form is text");
    let bounded = |length: usize| {
        let filler = "x".repeat(length);
        let head = format!("--edge\r\nX-Filler: {filler}\r\nContent");
        [
            (format!("{filler}\r\n{body}"), "before the first boundary"),
            (body.replacen("--edge\r\nContent", &head, 1), "the head of"),
            // Without an end, too.
            (filler.clone(), "before the first boundary"),
            (format!("--edge\r\nX-Filler: {filler}"), "the head of"),
            (format!("--edge{}", " ".repeat(length)), "the head of"),
        ]
    };
    for size in [10 << 20, 16 << 10] {
        for (body, said) in bounded(10 << 20) {
            let answer = sent_in_chunks(&app, &path, &kind, body.into(), size).await;
            let detail = text(&answer.json(400)["detail"]);
            assert!(detail.contains(said), "{size}: {detail}");
            assert!(detail.contains("65536 bytes"), "{detail}");
        }
    }
    assert_eq!(kept(&app).await, 0);
    for (body, _) in bounded(60 << 10).into_iter().take(2) {
        let answer = sent_in_chunks(&app, &path, &kind, body.into(), 1000).await;
        assert!([200, 201].contains(&answer.status.as_u16()));
    }
}

#[tokio::test]
async fn a_form_is_read_right_wherever_it_is_cut() {
    let near =
        "x\r\n--edg\r\n-edge--\n--edge\n\r--edge\r\r\n--edgf--edge\r\n\r\n--\r\n--EDGE\r\n\r";
    let (kind, body) = form(&[
        ("name=\"image\"", r#"{"string1":"x"}"#),
        ("name=\"file\"; filename=\"name=x; a.tif\"", near),
    ]);
    for size in [1, 2, 3, 7, 64, body.len()] {
        let app = App::new().await;
        let path = format!("{IMAGES}/cut");
        let answer = sent_in_chunks(&app, &path, &kind, body.clone(), size).await;
        // No image any more, so the bytes stay to be looked at.
        assert_eq!(answer.status, 422, "{size}");
        let image = app.get(&path).await.json(200);
        assert_eq!(image["string1"], "x", "{size}");
        assert_eq!(kept_bytes(&app).await, near, "{size}");
    }
}

#[tokio::test]
async fn only_an_origin_may_be_the_place_of_an_upload() {
    let app = App::new().await;
    app.picture("https://example.org/a.tif");
    let path = format!("{IMAGES}/first");
    let body = json!({
        "origin": "https://example.org/a.tif",
        "initialOrigin": "dlcs-upload:x",
    });
    let refused = app.send("PUT", &path, body.to_string()).await.json(400);
    assert_eq!(refused["errors"][0]["pointer"], "/initialOrigin");
    let said = text(&refused["detail"]);
    assert!(said.contains("give the address of the master"), "{said}");
    assert_eq!(app.get(&path).await.status, 404);
}

#[tokio::test]
async fn a_broken_form_is_not_called_broken_json() {
    let app = App::new().await;
    let (kind, body) = form(&[]);
    let path = format!("{IMAGES}/bad");
    let answer = sent(&app, "PUT", &path, &[("content-type", &kind)], body).await;
    let title = text(&answer.json(400)["title"]);
    assert_eq!(title, "The body cannot be read");
}
