//! Images that are refused, and those that fail.

use dlcs_core::origin::OriginError;
use dlcs_testkit::fake::FakeObject;
use serde_json::{Value, json};

use crate::app::App;

const IMAGES: &str = "/customers/1/spaces/1/images";

/// An app with a picture at the address of the seed.
async fn app() -> App {
    let app = App::new().await;
    app.picture("http://flickr.com/xxx/yyy.jpg");
    app
}

#[tokio::test]
async fn failures_have_their_status_and_keep_the_record() {
    let app = app().await;
    let faults: [(&str, FakeObject, u16); 6] = [
        ("text", FakeObject::new("<html>"), 422),
        (
            "missing",
            FakeObject::faulty(|| OriginError::NotFound { status: Some(404) }),
            502,
        ),
        (
            "denied",
            FakeObject::faulty(|| OriginError::Denied { status: Some(403) }),
            502,
        ),
        (
            "private",
            FakeObject::faulty(|| OriginError::AddressNotAllowed {
                reason: "it is private",
            }),
            502,
        ),
        (
            "slow",
            FakeObject::faulty(|| OriginError::TimedOut {
                after: std::time::Duration::from_secs(30),
            }),
            504,
        ),
        (
            "large",
            FakeObject::faulty(|| OriginError::TooLarge { limit: 10 }),
            413,
        ),
    ];
    for (id, object, status) in faults {
        let origin = app
            .origin
            .serve(&format!("http://example.org/{id}"), object);
        let path = format!("{IMAGES}/{id}");
        let error = app
            .send("PUT", &path, json!({"origin": origin.as_str()}).to_string())
            .await
            .json(status);
        assert_eq!(
            error["image"],
            format!("https://api.example.org{path}"),
            "{error}"
        );
        let image = app.get(&path).await.json(200);
        assert_eq!(
            (&image["error"], &image["ingesting"]),
            (&error["detail"], &json!(false))
        );
        assert!(image.get("infoJson").is_none() && image.get("finished").is_some());
        let again = app
            .send(
                "POST",
                IMAGES,
                json!({"origin": origin.as_str(), "id": id}).to_string(),
            )
            .await;
        assert_eq!(again.status, 409, "{id}");
    }
}

#[tokio::test]
async fn a_failed_registration_leaves_what_was_served_before() {
    let app = app().await;
    let path = format!("{IMAGES}/a");
    app.send(
        "PUT",
        &path,
        r#"{"origin":"http://flickr.com/xxx/yyy.jpg"}"#,
    )
    .await
    .json(201);
    app.origin
        .serve("http://flickr.com/xxx/yyy.jpg", FakeObject::new("text"));
    app.send("PUT", &path, "{}").await.json(422);
    let image = app.get(&path).await.json(200);
    assert_eq!(
        (&image["width"], image["error"].as_str().unwrap().is_empty()),
        (&json!(1200), false)
    );
    assert!(image.get("infoJson").is_some());
}

#[tokio::test]
async fn a_new_image_needs_an_origin_and_a_slip_of_the_pen_is_named() {
    let app = app().await;
    let answer = app
        .send(
            "PUT",
            &format!("{IMAGES}/a"),
            r#"{"orgin":"http://flickr.com/xxx/yyy.jpg"}"#,
        )
        .await;
    assert_eq!(answer.pointers(400), ["/origin", "/orgin"]);
    assert!(answer.text().contains("did you mean 'origin'?"));
    assert_eq!(app.get(&format!("{IMAGES}/a")).await.status, 404);
}

#[tokio::test]
async fn ids_must_agree_with_the_address() {
    let app = app().await;
    let put = |body: Value| {
        let app = &app;
        async move {
            let mut body = body;
            body["origin"] = json!("http://flickr.com/xxx/yyy.jpg");
            app.send("PUT", &format!("{IMAGES}/a"), body.to_string())
                .await
        }
    };
    assert_eq!(put(json!({"id": "b"})).await.pointers(400), ["/id"]);
    assert_eq!(put(json!({"space": 2})).await.pointers(400), ["/space"]);
    assert_eq!(
        put(json!({"@id": "https://x/customers/1/spaces/1/images/b"}))
            .await
            .pointers(400),
        ["/@id"]
    );
    assert_eq!(
        put(json!({"@id": "https://x/customers/2/spaces/1/images/a"}))
            .await
            .pointers(400),
        ["/@id"]
    );
    assert_eq!(put(json!({"@id": "a"})).await.pointers(400), ["/@id"]);
    let all = json!({"id": "a", "space": "1", "@id": "https://old.example/dlcs/customers/1/spaces/1/images/a"});
    assert_eq!(put(all).await.status, 201);
    let elsewhere = app
        .send(
            "POST",
            IMAGES,
            r#"{"origin":"http://flickr.com/xxx/yyy.jpg","space":2}"#,
        )
        .await;
    assert_eq!(elsewhere.pointers(400), ["/space"]);
}

#[tokio::test]
async fn a_missing_space_has_no_images() {
    let app = app().await;
    let body = r#"{"origin":"http://flickr.com/xxx/yyy.jpg"}"#;
    for (method, path) in [
        ("GET", "images"),
        ("POST", "images"),
        ("PUT", "images/a"),
        ("GET", "images/a"),
        ("PATCH", "images/a"),
        ("DELETE", "images/a"),
    ] {
        let answer = app
            .send(method, &format!("/customers/1/spaces/9/{path}"), body)
            .await;
        assert_eq!(answer.status, 404, "{method} {path}");
    }
    assert!(app.origin.opened().is_empty());
}
