//! `PATCH /customers/{customer}/spaces/{space}/images`.

use dlcs_core::dlcs::Settings;
use serde_json::{Value, json};

use crate::app::{Answer, App, masked, text};

const IMAGES: &str = "/customers/1/spaces/1/images";
const ORIGIN: &str = "https://example.org/a.jpg";

async fn app_with(settings: Settings) -> App {
    let app = App::with(settings, |builder| builder).await;
    app.picture(ORIGIN);
    for id in ["a", "b", "c"] {
        let body = json!({"origin": ORIGIN, "string1": id, "tags": ["kept"]});
        let path = format!("{IMAGES}/{id}");
        app.send("PUT", &path, body.to_string()).await.json(201);
    }
    app
}

/// An app with the images `a`, `b` and `c`.
async fn app() -> App {
    app_with(Settings::default()).await
}

async fn patch(app: &App, member: Value) -> Answer {
    let body = json!({"@type": "hydra:Collection", "member": member});
    app.send("PATCH", IMAGES, body.to_string()).await
}

async fn all(app: &App) -> Value {
    app.get(IMAGES).await.json(200)["member"].clone()
}

#[tokio::test]
async fn what_is_said_of_several_images_is_changed_at_once() {
    let app = app().await;
    let member = json!([
        {"id": "1/1/c", "string2": "x", "number1": 5, "roles": []},
        {"id": "a", "tags": [], "mediaType": "image/png", "origin": ORIGIN},
    ]);
    let patched = patch(&app, member).await.json(200);
    let stored = all(&app).await;
    assert_eq!(patched["member"], json!([stored[2], stored[0]]));
    let said = |image: &Value| {
        ["string1", "string2", "number1", "tags", "mediaType"].map(|name| image[name].clone())
    };
    assert_eq!(
        said(&stored[2]),
        [
            json!("c"),
            json!("x"),
            json!(5),
            json!(["kept"]),
            json!("image/jpeg")
        ]
    );
    assert_eq!(
        said(&stored[0]),
        [
            json!("a"),
            json!(""),
            json!(0),
            json!([]),
            json!("image/png")
        ]
    );
    assert_eq!(app.origin.opened().len(), 3, "nothing is fetched");
    let mut shape = patched;
    shape["member"] = json!([]);
    insta::assert_snapshot!("patched_images", masked(&shape));
}

#[tokio::test]
async fn a_page_of_images_can_be_edited_and_sent_back() {
    let app = app().await;
    let mut page = app.get(IMAGES).await.json(200);
    for image in page["member"].as_array_mut().unwrap() {
        image["string3"] = json!("edited");
    }
    let patched = app.send("PATCH", IMAGES, page.to_string()).await.json(200);
    assert_eq!(patched["member"], page["member"]);
    assert_eq!(all(&app).await, page["member"]);
}

#[tokio::test]
async fn everything_that_is_wrong_is_said_and_nothing_is_changed() {
    let app = app().await;
    let before = all(&app).await;
    let member = json!([
        {"id": "a", "string1": "changed"},
        {"id": "none", "string1": "changed", "width": 5},
        {"id": "b", "origin": "https://example.org/b.jpg", "maxUnauthorised": 5, "thumbnailPolicy": "standard"},
        {"id": "c", "width": 5, "number1": "x"},
        {"id": "c", "deliveryChannels": ["colour"]},
        {"id": "1/2/a"},
        {"string1": "changed"},
        {"id": "d", "file": "eA=="},
        5,
        {"id": "a"},
    ]);
    let answer = patch(&app, member).await;
    let mut pointers = answer.pointers(400);
    pointers.sort();
    let mut expected = [
        "/member/1/id",
        "/member/2/origin",
        "/member/2/maxUnauthorised",
        "/member/2/thumbnailPolicy",
        "/member/3/width",
        "/member/3/number1",
        "/member/4/id",
        "/member/4/deliveryChannels/0",
        "/member/5/id",
        "/member/6/id",
        "/member/7/file",
        "/member/7/id",
        "/member/8",
        "/member/9/id",
    ];
    expected.sort_unstable();
    assert_eq!(pointers, expected, "{}", answer.text());
    assert_eq!(all(&app).await, before);
    // What only the catalogue finds, too.
    let member = json!([{"id": "a", "string1": "changed"}, {"id": "b", "origin": "https://example.org/b.jpg"}]);
    let error = patch(&app, member).await.json(400);
    assert_eq!(
        error["detail"],
        "`origin` would have the image processed again: leave it out, or PATCH the image by itself"
    );
    assert_eq!(all(&app).await, before);
    assert_eq!(app.origin.opened().len(), 3);
}

#[tokio::test]
async fn a_first_origin_that_nobody_serves_is_refused_where_it_stands() {
    let app = app().await;
    let member = json!([{"id": "a"}, {"id": "b", "initialOrigin": "gopher://example.org/"}]);
    assert_eq!(
        patch(&app, member).await.pointers(400),
        ["/member/1/initialOrigin"]
    );
}

#[tokio::test]
async fn no_more_than_a_batch_is_changed_at_once() {
    let app = app_with(Settings::default().with_max_batch_size(2)).await;
    let member = |count| vec![json!({"id": "a", "string1": "x"}); count];
    let answer = patch(&app, json!(member(3))).await;
    assert_eq!(answer.pointers(400), ["/member"]);
    assert!(text(&answer.json(400)["detail"]).contains("at most 2 "));
    assert_eq!(patch(&app, json!([])).await.pointers(400), ["/member"]);
    assert_eq!(patch(&app, json!(member(1))).await.status, 200);
}

#[tokio::test]
async fn a_space_that_is_not_there_is_a_404() {
    let app = app().await;
    let body = r#"{"member":[{"id":"a"}]}"#;
    let missing = app
        .send("PATCH", "/customers/1/spaces/9/images", body)
        .await;
    assert_eq!(missing.status, 404);
    let (_, key) = app.customer("vam").await;
    let other = app.send_as(Some(&key), "PATCH", IMAGES, body).await;
    assert_eq!(other.status, 401);
}

#[tokio::test]
async fn an_image_that_was_sent_may_be_closed_without_its_bytes() {
    let app = app().await;
    let sent = r#"{"file":"SU1BR0UgMTIwMCA5MDA="}"#;
    let image = app
        .send("PUT", &format!("{IMAGES}/d"), sent)
        .await
        .json(201);
    let member = json!([{"id": "d", "maxUnauthorised": 0, "origin": image["origin"]}]);
    let patched = patch(&app, member).await.json(200);
    assert_eq!(patched["member"][0]["maxUnauthorised"], 0);
}
