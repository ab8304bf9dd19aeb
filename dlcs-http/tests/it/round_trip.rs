//! What is read, edited and put back, as clients do that know one name of each thing.

use std::collections::BTreeSet;

use dlcs_testkit::fake::FakeObject;
use serde_json::{Value, json};

use crate::app::{App, PICTURE, text};
use crate::tenants::routes;

const HOME: &str = "/customers/1";
const SPACE: &str = "/customers/1/spaces/1";
const IMAGE: &str = "/customers/1/spaces/1/images/a";
const API: &str = "https://api.example.org";

/// One of everything that can be changed, with what each property of it may be instead.
async fn everything(app: &App) -> Vec<(&'static str, String, Value)> {
    let make = async |path: &str, body: Value| {
        let path = format!("{HOME}/{path}");
        let made = app.send("POST", &path, body.to_string()).await.json(201);
        text(&made["@id"]).replace(API, "")
    };
    for origin in ["a", "b"] {
        let origin = format!("https://example.org/{origin}.jpg");
        app.origin.serve(&origin, FakeObject::new(PICTURE));
    }
    let image = json!({ "id": "a", "origin": "https://example.org/a.jpg" });
    let image = make("spaces/1/images", image).await;
    let strategy = json!({ "regex": "^s3://shelf/", "strategy": "s3-ambient" });
    let policy = json!({ "name": "few", "policyData": "[\"!200,200\"]" });
    let default = json!({ "channel": "thumbs", "mediaType": "image/x-one" });
    let query = json!({ "name": "book", "template": "s1=p1" });
    vec![
        (
            "/customers/{c}",
            HOME.to_owned(),
            json!({ "displayName": "The Library" }),
        ),
        (
            "/customers/{c}/spaces/{s}",
            SPACE.to_owned(),
            json!({
                "name": "books", "defaultTags": ["a"], "defaultRoles": ["r"], "defaultMaxUnauthorised": 400, "maxUnauthorised": 200,
                "imageOptimisationPolicy": "lossless", "thumbnailPolicy": "standard",
            }),
        ),
        (
            "/customers/{c}/spaces/{s}/images/{i}",
            image,
            json!({
                "origin": "https://example.org/b.jpg", "initialOrigin": "https://example.org/b.jpg", "mediaType": "image/x-one",
                "string1": "one", "string2": "two", "string3": "three", "number1": 1, "number2": 2, "number3": 3,
                "tags": ["t"], "roles": ["r"], "manifests": ["m"], "maxUnauthorised": 400,
                "deliveryChannels": [{ "channel": "thumbs", "policy": "default" }],
                "imageOptimisationPolicy": "lossless", "thumbnailPolicy": "standard",
            }),
        ),
        (
            "/customers/{c}/originStrategies/{id}",
            make("originStrategies", strategy).await,
            json!({
                "regex": "^ftp://shelf/", "strategy": "default", "originStrategy": format!("{API}/originStrategies/ftp"), "optimised": true, "order": 7,
            }),
        ),
        (
            "/customers/{c}/deliveryChannelPolicies/{channel}/{name}",
            make("deliveryChannelPolicies/thumbs", policy).await,
            json!({ "displayName": "Few", "policyData": "[\"100,\"]" }),
        ),
        (
            "/customers/{c}/defaultDeliveryChannels/{id}",
            make("defaultDeliveryChannels", default.clone()).await,
            json!({ "channel": "iiif-img", "mediaType": "image/x-two" }),
        ),
        (
            "/customers/{c}/spaces/{s}/defaultDeliveryChannels/{id}",
            make("spaces/1/defaultDeliveryChannels", default).await,
            json!({ "channel": "iiif-img", "mediaType": "image/x-two" }),
        ),
        (
            "/customers/{c}/namedQueries/{id}",
            make("namedQueries", query).await,
            json!({ "template": "s2=p1" }),
        ),
        (
            "/customers/{c}/roles/{id}",
            make("roles", json!({ "name": "r" })).await,
            json!({ "name": "s", "label": "S", "aliases": ["t"], "authService": "login" }),
        ),
        (
            "/customers/{c}/authServices/{id}",
            make("authServices", json!({ "name": "login" })).await,
            json!({
                "name": "entry", "profile": "p", "label": "l", "description": "d", "pageLabel": "pl", "pageDescription": "pd",
                "callToAction": "c", "timeToLive": 60, "nestedServices": ["logout"], "roleProvider": "rp",
            }),
        ),
    ]
}

/// How a resource is changed.
fn methods(of: &str) -> Vec<String> {
    let changes = |method: &str| matches!(method, "PUT" | "PATCH");
    let routes = routes().into_iter();
    let routes = routes.filter(|(method, path, _)| path == of && changes(method));
    routes.map(|(method, ..)| method).collect()
}

#[tokio::test]
async fn whatever_is_read_can_be_edited_and_put_back() {
    let mut seen = BTreeSet::new();
    for (route, ..) in everything(&App::new().await).await {
        seen.insert(route.to_owned());
        for method in methods(route) {
            let app = App::new().await;
            let all = everything(&app).await;
            let found = all.iter().find(|(other, ..)| *other == route);
            let (_, path, edits) = found.expect("it was there before");
            let before = app.get(path).await.json(200);
            let same = app.send(&method, path, before.to_string()).await;
            assert_eq!(same.status, 200, "{method} {path}: {}", same.text());
            for (name, value) in edits.as_object().expect("edits are an object") {
                let mut edited = app.get(path).await.json(200);
                assert!(edited.get(name).is_some(), "{path} has no `{name}`");
                edited[name] = value.clone();
                let answer = app.send(&method, path, edited.to_string()).await;
                let answer = answer.json(200);
                assert_eq!(answer[name], *value, "{method} {path}: `{name}`");
                assert_eq!(app.get(path).await.json(200)[name], *value);
            }
        }
    }
    // Those of several images at once are below.
    let bulk = [
        "/customers/{c}/spaces/{s}/images",
        "/customers/{c}/allImages",
    ];
    for (method, route, _) in routes() {
        if matches!(method.as_str(), "PUT" | "PATCH") && !bulk.contains(&route.as_str()) {
            assert!(seen.contains(&route), "{method} {route} is not tried");
        }
    }
}

#[tokio::test]
async fn an_image_that_was_read_may_be_posted_submitted_and_patched_among_others() {
    let app = App::new().await;
    everything(&app).await;
    let batch = |image: &Value| json!({ "member": [image] }).to_string();
    let edited = async |string: &str| {
        let mut image = app.get(IMAGE).await.json(200);
        image["string1"] = json!(string);
        image
    };
    let image = edited("posted").await.to_string();
    let posted = app.send("POST", IMAGE, image).await.json(200);
    assert_eq!(posted["string1"], "posted");
    let (images, queue) = (format!("{SPACE}/images"), format!("{HOME}/queue"));
    let image = batch(&edited("patched").await);
    let patched = app.send("PATCH", &images, image).await.json(200);
    assert_eq!(patched["member"][0]["string1"], "patched");
    let image = batch(&edited("submitted").await);
    app.send("POST", &queue, image).await.json(201);
    app.finish(1).await;
    // Of the image of a batch, the link to that is sent back, too.
    let image = edited("put").await;
    assert_eq!(image["batch"], format!("{API}{queue}/batches/1"));
    let put = app.send("PUT", IMAGE, image.to_string()).await.json(200);
    assert_eq!((&put["string1"], put.get("batch")), (&json!("put"), None));
}

#[tokio::test]
async fn of_two_names_of_one_thing_the_one_that_was_changed_counts() {
    let app = App::new().await;
    let strategies = format!("{HOME}/originStrategies");
    let strategy = json!({ "regex": "^s3://shelf/", "strategy": "s3-ambient" }).to_string();
    let made = app.send("POST", &strategies, strategy).await.json(201);
    let strategy = text(&made["@id"]).replace(API, "");
    let kind = |name: &str| format!("{API}/originStrategies/{name}");
    for (path, names, values, shown) in [
        (
            SPACE,
            ["defaultMaxUnauthorised", "maxUnauthorised"],
            [json!(400), json!(0)],
            [json!(400), json!(0)],
        ),
        (
            &strategy,
            ["strategy", "originStrategy"],
            [json!("default"), json!(kind("ftp"))],
            [json!("default"), json!("ftp")],
        ),
    ] {
        for method in ["PUT", "PATCH"] {
            for ((name, value), shown) in names.iter().zip(&values).zip(&shown) {
                let mut edited = app.get(path).await.json(200);
                edited[*name] = value.clone();
                let edited = app.send(method, path, edited.to_string()).await;
                assert_eq!(edited.json(200)[names[0]], *shown, "{method} {name}");
            }
            // Back to neither of the two, of which both are new then.
            let other = app.get(path).await.json(200)[names[0]].clone();
            let third = if other == json!(0) {
                json!(7)
            } else {
                json!("s3-ambient")
            };
            let third = json!({ names[0]: third }).to_string();
            app.send(method, path, third).await.json(200);
            let both = json!({ names[0]: values[0], names[1]: values[1] }).to_string();
            let refused = app.send(method, path, both).await;
            assert_eq!(
                refused.pointers(400),
                [format!("/{}", names[1])],
                "{method}"
            );
        }
    }
}
