//! `/file`: sources as they came, whole and in parts.

use dlcs_testkit::fake::FakeObject;
use http::{Method, Request};
use http_body_util::Full;
use serde_json::json;

use crate::app::{Answer, App, PICTURE};

const PDF: &str = "https://example.org/a.pdf";

/// A document under the name `a'b c`, and an image under the name `picture`, both of which are kept.
async fn app() -> App {
    let app = App::new().await;
    app.origin
        .serve(PDF, FakeObject::new("%PDF-1.7 0123456789"));
    let path = "/customers/1/spaces/1/images/a'b%20c";
    app.send("PUT", path, json!({ "origin": PDF }).to_string())
        .await
        .json(201);
    let origin = "https://example.org/picture";
    app.picture(origin);
    let body = json!({ "origin": origin, "deliveryChannels": ["iiif-img", "file"] });
    let path = "/customers/1/spaces/1/images/picture";
    app.send("PUT", path, body.to_string()).await.json(201);
    app
}

async fn ask(app: &App, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::<bytes::Bytes>::default());
    app.call(request.expect("a test gives a request")).await
}

async fn get(app: &App, headers: &[(&str, &str)]) -> Answer {
    ask(app, Method::GET, "/file/1/1/a'b%20c", headers).await
}

#[tokio::test]
async fn a_source_is_kept_as_it_came() {
    let app = app().await;
    let file = get(&app, &[]).await;
    assert_eq!(
        (file.status.as_u16(), file.text().as_str()),
        (200, "%PDF-1.7 0123456789")
    );
    for (name, expected) in [
        ("content-type", "application/pdf"),
        ("content-length", "19"),
        ("accept-ranges", "bytes"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; sandbox"),
        (
            "content-disposition",
            "attachment; filename*=UTF-8''a%27b%20c",
        ),
        ("access-control-allow-origin", "*"),
        ("cache-control", "public, max-age=0, must-revalidate"),
    ] {
        assert_eq!(file.header(name), expected, "{name}");
    }
    let record = app
        .get("/customers/1/spaces/1/images/a'b%20c")
        .await
        .json(200);
    let checksum = record["sourceChecksum"]
        .as_str()
        .unwrap()
        .replace("sha256:", "sha256-");
    assert_eq!(file.header("etag"), format!("\"{checksum}\""));
    assert_eq!(
        (&record["sourceSize"], &record["mediaType"]),
        (&json!(19), &json!("application/pdf"))
    );
    assert_eq!(
        (&record["width"], record.get("infoJson")),
        (&json!(0), None)
    );
    let picture = ask(&app, Method::GET, "/file/1/1/picture", &[]).await;
    assert_eq!(picture.text(), PICTURE);
    assert_eq!(
        picture.header("content-type"),
        "image/jpeg",
        "as its bytes say"
    );
    assert_eq!(
        picture.header("content-disposition"),
        "",
        "a picture can be looked at"
    );
    assert_eq!(app.origin.opened().len(), 2, "each is fetched once");
    assert_eq!(app.get("/iiif-img/1/1/picture/info.json").await.status, 200);
}

#[tokio::test]
async fn parts_are_served_as_they_are_asked_for() {
    let app = app().await;
    let whole = get(&app, &[]).await;
    let etag = whole.header("etag").to_owned();
    for (range, status, body, content_range) in [
        ("bytes=0-3", 206, "%PDF", "bytes 0-3/19"),
        ("bytes=9-", 206, "0123456789", "bytes 9-18/19"),
        ("bytes=-2", 206, "89", "bytes 17-18/19"),
        ("bytes=5-4", 200, "%PDF-1.7 0123456789", ""),
        ("bytes=0-1,3-4", 200, "%PDF-1.7 0123456789", ""),
    ] {
        for known in [None, Some(("if-range", etag.as_str()))] {
            let headers: Vec<_> = [("range", range)].into_iter().chain(known).collect();
            let part = get(&app, &headers).await;
            assert_eq!(
                (part.status.as_u16(), part.text().as_str()),
                (status, body),
                "{range}"
            );
            assert_eq!(part.header("content-range"), content_range, "{range}");
            assert_eq!(part.header("content-length"), body.len().to_string());
            assert_eq!(part.header("etag"), etag, "{range}");
        }
    }
    let beyond = get(&app, &[("range", "bytes=19-")]).await;
    assert_eq!(beyond.header("content-range"), "bytes */19");
    assert_eq!(beyond.json(416)["status"], 416);
    let other = get(&app, &[("range", "bytes=0-3"), ("if-range", "\"other\"")]).await;
    assert_eq!(other.status, 200, "the client has a part of something else");
    let known = get(&app, &[("if-none-match", &etag), ("range", "bytes=0-3")]).await;
    assert_eq!((known.status.as_u16(), known.body.len()), (304, 0));
    let ranged = [("range", "bytes=0-3")];
    let head = ask(&app, Method::HEAD, "/file/1/1/a'b%20c", &ranged).await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), "19");
}

#[tokio::test]
async fn what_is_not_kept_or_not_open_is_not_there() {
    let app = app().await;
    for path in [
        "/file/1/1/none",
        "/file/1/2/a",
        "/file/v2/1/1/picture",
        "/file/1/1/picture/x",
        "/file/1/1/picture/info.json",
    ] {
        assert_eq!(
            ask(&app, Method::GET, path, &[]).await.status,
            404,
            "{path}"
        );
    }
    let image = "/customers/1/spaces/1/images/picture";
    app.send("PATCH", image, r#"{"roles":["r"]}"#)
        .await
        .json(200);
    assert_eq!(
        ask(&app, Method::GET, "/file/1/1/picture", &[])
            .await
            .status,
        401
    );
    app.send(
        "PATCH",
        image,
        r#"{"roles":[],"deliveryChannels":["iiif-img"]}"#,
    )
    .await
    .json(200);
    assert_eq!(
        ask(&app, Method::GET, "/file/1/1/picture", &[])
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn bytes_that_were_sent_are_kept_and_gone_as_an_upload() {
    let app = App::new().await;
    let request = Request::builder()
        .method(Method::PUT)
        .uri("/customers/1/spaces/1/images/x?mediaType=text/plain&deliveryChannels=file")
        .header("content-type", "application/octet-stream")
        .header("authorization", app.authorization())
        .body(Full::new(bytes::Bytes::from_static(b"plain words")))
        .unwrap();
    app.call(request).await.json(201);
    let file = ask(&app, Method::GET, "/file/1/1/x", &[]).await;
    assert_eq!(
        (file.text().as_str(), file.header("content-type")),
        ("plain words", "text/plain")
    );
    let again = app
        .send("POST", "/customers/1/spaces/1/images/x/reingest", "")
        .await;
    assert_eq!(again.status, 400, "{}", again.text());
}

#[tokio::test]
async fn an_origin_that_breaks_off_leaves_nothing() {
    let app = App::new().await;
    app.origin
        .serve(PDF, FakeObject::new("0123456789").truncated_at(5));
    let path = "/customers/1/spaces/1/images/x";
    let broken = app
        .send("PUT", path, json!({ "origin": PDF }).to_string())
        .await;
    assert_eq!(broken.status, 502, "{}", broken.text());
    assert_eq!(ask(&app, Method::GET, "/file/1/1/x", &[]).await.status, 404);
}
