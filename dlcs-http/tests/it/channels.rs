//! Channels and policies on the wire: what they make, and what is delivered then.

use dlcs_core::derivative::ProcessOptions;
use dlcs_core::policy::ImageOptimisationPolicy::{FastHigher, Lossless};
use serde_json::{Value, json};

use crate::app::App;

const SPACE: &str = "/customers/1/spaces/1";
const IMAGE: &str = "/customers/1/spaces/1/images/a";
const ORIGIN: &str = "https://example.org/a.jpg";
const INFO: &str = "/iiif-img/1/1/a/info.json";

async fn app() -> App {
    let app = App::new().await;
    app.picture(ORIGIN);
    app
}

/// A registration with these properties besides its origin.
fn registration(properties: Value) -> String {
    let mut body = properties;
    body["origin"] = json!(ORIGIN);
    body.to_string()
}

#[tokio::test]
async fn use_original_and_policies_reach_the_processor() {
    let app = app().await;
    let original = "https://x/customers/1/deliveryChannelPolicies/iiif-img/use-original";
    let body = registration(json!({
        "deliveryChannels": [{"channel": "iiif-img", "policy": original}, {"channel": "thumbs", "policy": "default"}],
        "imageOptimisationPolicy": "https://x/imageOptimisationPolicies/lossless/",
    }));
    let made = app.send("PUT", IMAGE, body.clone()).await.json(201);
    let expected = ProcessOptions::default()
        .with_policy(Lossless)
        .with_original();
    assert_eq!(app.take_asked(), std::slice::from_ref(&expected));
    let channels = json!([{"channel": "iiif-img", "policy": "use-original"}, {"channel": "thumbs", "policy": "default"}]);
    assert_eq!(
        (&made["deliveryChannels"], &made["imageOptimisationPolicy"]),
        (&channels, &json!("lossless"))
    );

    let patch = async |body: Value| {
        app.send("PATCH", IMAGE, body.to_string()).await.json(200);
        app.take_asked()
    };
    assert_eq!(patch(json!({ "deliveryChannels": channels })).await, []);
    assert_eq!(
        patch(json!({"deliveryChannels": ["iiif-img"]})).await,
        [ProcessOptions::default()
            .with_policy(Lossless)
            .with_thumbnails(&[])]
    );
    assert_eq!(
        patch(json!({"deliveryChannels": [], "imageOptimisationPolicy": ""})).await,
        [ProcessOptions::default()]
    );
    assert_eq!(patch(json!({"string1": "a"})).await, []);
    app.send("PUT", IMAGE, body).await.json(200);
    assert_eq!(app.take_asked(), [expected]);
}

#[tokio::test]
async fn the_policies_of_a_space_apply_when_an_image_is_processed() {
    let app = app().await;
    let space = async |policy: &str| {
        let body = json!({ "imageOptimisationPolicy": policy, "thumbnailPolicy": "standard" });
        app.send("PATCH", SPACE, body.to_string()).await.json(200);
    };
    space("https://x/imageOptimisationPolicies/lossless").await;
    let image = app.send("PUT", IMAGE, registration(json!({}))).await;
    assert_eq!(
        image.json(201)["imageOptimisationPolicy"],
        "",
        "the image has no policy of its own"
    );
    space("fast-higher").await;
    app.send("PUT", IMAGE, "{}").await.json(200);
    let own = r#"{"imageOptimisationPolicy":"lossless"}"#;
    app.send("PATCH", IMAGE, own).await.json(200);
    space("").await;
    let member = json!({"space": 1, "id": "b", "origin": ORIGIN});
    let batch = json!({ "member": [member] }).to_string();
    app.send("POST", "/customers/1/queue", batch)
        .await
        .json(201);
    space("fast-higher").await;
    app.finish(1).await;
    let policies: Vec<_> = app.take_asked().iter().map(|asked| asked.policy).collect();
    assert_eq!(policies, [Lossless, FastHigher, Lossless, FastHigher]);
}

#[tokio::test]
async fn an_image_that_is_not_to_be_processed_is_registered_and_serves_nothing() {
    {
        let channel = "none";
        let app = App::new().await;
        let body = registration(json!({"deliveryChannels": [channel], "tags": ["x"]}));
        let made = app.send("PUT", IMAGE, body).await.json(201);
        for (property, value) in [
            ("width", json!(0)),
            ("height", json!(0)),
            ("error", json!("")),
            ("ingesting", json!(false)),
            ("finished", made["dequeued"].clone()),
            ("origin", json!(ORIGIN)),
            ("sourceSize", json!(0)),
            ("tags", json!(["x"])),
        ] {
            assert_eq!(made[property], value, "{channel} {property}");
        }
        assert!(made.get("infoJson").is_none() && made.get("imageService").is_none());
        assert_eq!(app.get(IMAGE).await.json(200), made);
        assert_eq!(app.get(INFO).await.status, 404);
        assert!(app.origin.opened().is_empty(), "nothing is fetched");
        let ended = format!("{SPACE}/images?error=false&ingesting=false");
        assert_eq!(app.get(&ended).await.json(200)["totalItems"], 1);

        app.picture(ORIGIN);
        let back = r#"{"deliveryChannels":["default"]}"#;
        let back = app.send("PATCH", IMAGE, back).await.json(200);
        assert_eq!(back["width"], 1200);
        assert_eq!(app.get(INFO).await.status, 200);
        let withdrawn = json!({"deliveryChannels": [{"channel": channel, "policy": "none"}]});
        let withdrawn = app
            .send("PATCH", IMAGE, withdrawn.to_string())
            .await
            .json(200);
        assert_eq!(
            (&withdrawn["width"], withdrawn.get("infoJson")),
            (&json!(0), None)
        );
        assert_eq!(app.get(INFO).await.status, 404);
    }
}

#[tokio::test]
async fn a_batch_counts_an_image_that_is_not_to_be_processed_as_completed() {
    let app = app().await;
    let batch = json!({"member": [
        {"space": 1, "id": "a", "origin": ORIGIN, "deliveryChannels": ["none"]},
        {"space": 1, "id": "b", "origin": ORIGIN},
    ]});
    app.send("POST", "/customers/1/queue", batch.to_string())
        .await
        .json(201);
    app.finish(1).await;
    let batch = "/customers/1/queue/batches/1";
    let done = app.get(batch).await.json(200);
    assert_eq!(
        (&done["completed"], &done["errors"], &done["superseded"]),
        (&json!(2), &json!(0), &json!(false))
    );
    let completed = app.get(&format!("{batch}/completedImages")).await.json(200);
    assert_eq!(completed["totalItems"], 2);
    assert_eq!(app.origin.opened().len(), 1);
}

#[tokio::test]
async fn an_image_is_delivered_only_through_the_channels_that_it_names() {
    let app = app().await;
    let pixels = "/iiif-img/1/1/a/full/max/0/default.jpg";
    for (channels, delivered) in [
        (json!([]), true),
        (json!(["default"]), true),
        (json!(["iiif-img"]), true),
        (
            json!([{"channel": "iiif-img", "policy": "use-original"}, "file"]),
            true,
        ),
        (json!(["thumbs"]), false),
        (json!(["thumbs", "file"]), false),
    ] {
        let body = registration(json!({ "deliveryChannels": channels }));
        app.send("PUT", IMAGE, body).await;
        let image = app.get(IMAGE).await.json(200);
        assert_eq!(image["width"], 1200, "{channels}");
        for link in ["infoJson", "imageService"] {
            assert_eq!(image.get(link).is_some(), delivered, "{channels} {link}");
        }
        let status = if delivered { 200 } else { 404 };
        for path in [INFO, pixels] {
            assert_eq!(app.get(path).await.status, status, "{channels} {path}");
        }
        if !delivered {
            assert_eq!(app.get("/iiif-img/1/1/a").await.status, 404);
        }
    }
}

#[tokio::test]
async fn channels_that_contradict_each_other_are_refused() {
    let app = app().await;
    for (channels, pointer) in [
        (json!(["none", "iiif-img"]), "/deliveryChannels"),
        (json!(["file", {"channel": "none"}]), "/deliveryChannels"),
        (json!(["default", "none"]), "/deliveryChannels"),
        (
            json!(["iiif-img", {"channel": "iiif-img", "policy": "use-original"}]),
            "/deliveryChannels/1",
        ),
    ] {
        let body = registration(json!({ "deliveryChannels": channels }));
        let refused = app.send("PUT", IMAGE, body).await;
        assert_eq!(refused.pointers(400), [pointer], "{channels}");
    }
    let batch = json!({"member": [{"space": 1, "id": "a", "origin": ORIGIN, "deliveryChannels": ["none", "thumbs"]}]});
    let refused = app
        .send("POST", "/customers/1/queue", batch.to_string())
        .await;
    assert_eq!(refused.pointers(400), ["/member/0/deliveryChannels"]);
    let av = registration(
        json!({"deliveryChannels": [{"channel": "iiif-av", "policy": "default-video"}]}),
    );
    let refused = app.send("PUT", IMAGE, av).await;
    assert!(
        refused
            .text()
            .contains("audio and video are not delivered here"),
        "{}",
        refused.text()
    );
    assert_eq!(app.get(IMAGE).await.status, 404);
}

#[tokio::test]
async fn spaces_name_only_policies_that_are_known() {
    let app = app().await;
    for (name, policy) in [
        (
            "imageOptimisationPolicy",
            "https://x/imageOptimisationPolicies/best",
        ),
        ("imageOptimisationPolicy", "Lossless"),
        ("thumbnailPolicy", "default"),
    ] {
        let body = json!({ name: policy }).to_string();
        let refused = app.send("PATCH", SPACE, body).await;
        assert_eq!(refused.pointers(400), [format!("/{name}")], "{policy}");
    }
    let body = r#"{"imageOptimisationPolicy":"https://x/imageOptimisationPolicies/fast-higher/","thumbnailPolicy":"standard"}"#;
    let space = app.send("PATCH", SPACE, body).await.json(200);
    assert_eq!(
        (&space["imageOptimisationPolicy"], &space["thumbnailPolicy"]),
        (&json!("fast-higher"), &json!("standard"))
    );
}
