//! The addresses of what is delivered of an image, on its record.

use serde_json::{Value, json};

use crate::app::{App, text, url};

const ORIGIN: &str = "https://example.org/a.jpg";
const IMAGE: &str = "/customers/1/spaces/1/images/a%20b";
const DELIVERY: &str = "https://iiif.example.org";
const SERVICE: [&str; 2] = ["infoJson", "imageService"];
const THUMBNAILS: [&str; 3] = ["thumbnailInfoJson", "thumbnailImageService", "thumbnail400"];
const MANIFEST: [&str; 1] = ["manifest"];

async fn app() -> App {
    let app = App::with(dlcs_core::dlcs::Settings::default(), |builder| {
        builder.with_delivery_url(&url(DELIVERY))
    })
    .await;
    app.picture(ORIGIN);
    app
}

async fn register(app: &App, properties: Value) -> Value {
    let mut body = properties;
    body["origin"] = json!(ORIGIN);
    let answer = app.send("PUT", IMAGE, body.to_string()).await;
    assert!(answer.status.is_success(), "{}", answer.text());
    serde_json::from_slice(&answer.body).expect("the body is JSON")
}

/// The links that an image has, and that all of them lead somewhere.
async fn links(app: &App, image: &Value) -> Vec<&'static str> {
    let mut found = Vec::new();
    for name in [&SERVICE[..], &THUMBNAILS, &MANIFEST].concat() {
        let Some(link) = image.get(name) else {
            continue;
        };
        let link = text(link);
        let path = link.strip_prefix(DELIVERY).expect("a link to delivery");
        let answer = app.send_as(None, "GET", path, "").await;
        let is_service = name.ends_with("Service") || name == "imageService";
        let expected = if is_service { 303 } else { 200 };
        assert_eq!(answer.status, expected, "{name}: {link}");
        found.push(name);
    }
    found
}

#[tokio::test]
async fn an_image_links_to_everything_that_is_delivered_of_it() {
    let app = app().await;
    let image = register(&app, json!({})).await;
    let all = [&SERVICE[..], &THUMBNAILS, &MANIFEST].concat();
    assert_eq!(links(&app, &image).await, all);
    for (name, expected) in [
        ("imageService", "/iiif-img/1/1/a%20b"),
        ("thumbnailImageService", "/thumbs/1/1/a%20b"),
        ("thumbnailInfoJson", "/thumbs/1/1/a%20b/info.json"),
        (
            "thumbnail400",
            "/thumbs/1/1/a%20b/full/400,300/0/default.jpg",
        ),
        ("manifest", "/iiif-manifest/1/1/a%20b"),
    ] {
        assert_eq!(image[name], format!("{DELIVERY}{expected}"));
    }
}

#[tokio::test]
async fn links_follow_the_channels() {
    let app = app().await;
    for (channels, expected) in [
        (json!(["iiif-img"]), [&SERVICE[..], &MANIFEST].concat()),
        (json!(["thumbs"]), [&THUMBNAILS[..], &MANIFEST].concat()),
        (json!(["file"]), vec![]),
        (json!(["none"]), vec![]),
    ] {
        let image = register(&app, json!({ "deliveryChannels": channels })).await;
        assert_eq!(links(&app, &image).await, expected, "{channels}");
    }
}

#[tokio::test]
async fn what_nobody_may_see_yet_is_not_linked_to() {
    let app = app().await;
    for properties in [
        json!({"roles": ["staff"]}),
        json!({"roles": [], "maxUnauthorised": 400}),
        json!({"maxUnauthorised": 0}),
    ] {
        let image = register(&app, properties).await;
        for name in [&THUMBNAILS[..], &MANIFEST].concat() {
            assert!(image.get(name).is_none(), "{name}");
        }
        assert!(image.get("infoJson").is_some());
    }
}

#[tokio::test]
async fn a_small_image_is_its_own_thumbnail() {
    let app = app().await;
    let small = dlcs_testkit::fake::FakeObject::new("IMAGE 300 200");
    app.origin.serve(ORIGIN, small);
    let image = register(&app, json!({})).await;
    let expected = format!("{DELIVERY}/thumbs/1/1/a%20b/full/300,200/0/default.jpg");
    assert_eq!(image["thumbnail400"], expected);
}

#[tokio::test]
async fn an_image_that_is_sent_back_keeps_its_links() {
    let app = app().await;
    let image = register(&app, json!({})).await;
    let again = app.send("PATCH", IMAGE, image.to_string()).await.json(200);
    assert_eq!(again, image);
    let mut other = image.clone();
    other["manifest"] = json!("https://example.org/elsewhere");
    other["thumbnail400"] = json!(format!("{DELIVERY}/thumbs/1/1/x"));
    let refused = app.send("PATCH", IMAGE, other.to_string()).await;
    let mut pointers = refused.pointers(400);
    pointers.sort_unstable();
    assert_eq!(pointers, ["/manifest", "/thumbnail400"]);
}
