//! Settings of customers: deliveryChannelPolicies, defaultDeliveryChannels, namedQueries, roles, authServices.

use dlcs_core::setting::ThumbnailSize;
use dlcs_testkit::fake::FakeObject;
use serde_json::{Value, json};

use crate::app::{App, PICTURE, masked, text};

const HOME: &str = "/customers/1";
const POLICIES: &str = "/customers/1/deliveryChannelPolicies";
const DEFAULTS: &str = "/customers/1/defaultDeliveryChannels";
const API: &str = "https://api.example.org";

fn path_of(resource: &Value) -> String {
    text(&resource["@id"]).replace(API, "")
}

fn members(collection: &Value) -> &[Value] {
    collection["member"].as_array().map_or(&[], Vec::as_slice)
}

async fn post(app: &App, path: &str, body: Value) -> Value {
    app.send("POST", path, body.to_string()).await.json(201)
}

/// One who registers an image without a word about channels; what becomes of it.
async fn register(app: &App, id: &str, said: Value) -> Value {
    app.origin
        .serve("http://flickr.com/xxx/yyy.jpg", FakeObject::new(PICTURE));
    let mut body = json!({ "origin": "http://flickr.com/xxx/yyy.jpg" });
    let extra = said.as_object().cloned().unwrap_or_default();
    body.as_object_mut().expect("an object").extend(extra);
    let path = format!("/customers/1/spaces/1/images/{id}");
    app.send("PUT", &path, body.to_string()).await.json(201)
}

fn channels(image: &Value) -> Vec<String> {
    let channels = image["deliveryChannels"].as_array().expect("a list").iter();
    channels
        .map(|it| format!("{} {}", text(&it["channel"]), text(&it["policy"])))
        .collect()
}

#[tokio::test]
async fn every_customer_has_the_policies_of_the_program() {
    let app = App::new().await;
    let listed = app.get(POLICIES).await.json(200);
    assert_eq!(listed["totalItems"], 5);
    let mut all = Vec::new();
    for channel in members(&listed) {
        let policies = app.get(&path_of(channel)).await.json(200);
        for policy in members(&policies) {
            assert_eq!(app.get(&path_of(policy)).await.json(200), *policy);
            all.push(policy.clone());
        }
    }
    insta::assert_snapshot!("built_in_policies", masked(&json!(all)));
    for (method, body) in [
        ("PUT", r#"{"policyData":"[]"}"#),
        ("PATCH", "{}"),
        ("DELETE", ""),
    ] {
        let refused = app
            .send(method, &format!("{POLICIES}/thumbs/default"), body)
            .await;
        assert_eq!(
            refused.json(400)["type"],
            format!("{API}/docs/errors/built-in")
        );
    }
    assert_eq!(app.get(&format!("{POLICIES}/x")).await.status, 404);
    assert_eq!(app.get(&format!("{POLICIES}/thumbs/x")).await.status, 404);
}

#[tokio::test]
async fn a_policy_of_thumbnails_is_made_used_and_kept_while_it_is_used() {
    let app = App::new().await;
    let path = format!("{POLICIES}/thumbs/mine");
    let body = json!({ "displayName": "Few", "policyData": "[\"!200,200\", \"^100,\"]" });
    let made = app.send("PUT", &path, body.to_string()).await;
    assert_eq!(made.header("location"), format!("{API}{path}"));
    insta::assert_snapshot!("own_policy", masked(&made.json(201)));
    let renamed = app
        .send("PATCH", &path, r#"{"displayName":"Two"}"#)
        .await
        .json(200);
    assert_eq!(renamed["displayName"], "Two");
    assert_eq!(renamed["policyData"], "[\"!200,200\",\"^100,\"]");
    let put_back = app.send("PUT", &path, renamed.to_string()).await.json(200);
    assert_eq!(put_back["policyData"], renamed["policyData"]);

    let image = register(
        &app,
        "a",
        json!({ "deliveryChannels": [{"channel": "thumbs", "policy": "mine"}] }),
    )
    .await;
    assert_eq!(channels(&image), [format!("thumbs {API}{path}")]);
    let asked = app.asked.lock().unwrap().last().unwrap().thumbnails.clone();
    let sizes: Vec<ThumbnailSize> = ["!200,200", "^100,"].map(|it| it.parse().unwrap()).into();
    assert_eq!(asked, sizes);
    let back = app
        .send("PATCH", "/customers/1/spaces/1/images/a", image.to_string())
        .await;
    assert_eq!(
        back.json(200)["deliveryChannels"],
        image["deliveryChannels"]
    );

    let kept = app.send("DELETE", &path, "").await;
    assert_eq!(kept.json(409)["type"], format!("{API}/docs/errors/in-use"));
    app.send("DELETE", "/customers/1/spaces/1/images/a", "")
        .await;
    assert_eq!(app.send("DELETE", &path, "").await.status, 204);
    assert_eq!(app.send("DELETE", &path, "").await.status, 404);
    let gone = json!({ "deliveryChannels": [{"channel": "thumbs", "policy": "mine"}], "origin": "http://flickr.com/xxx/yyy.jpg" });
    let refused = app
        .send("PUT", "/customers/1/spaces/1/images/a", gone.to_string())
        .await;
    assert_eq!(refused.pointers(400), ["/deliveryChannels/0/policy"]);
}

#[tokio::test]
async fn policies_that_cannot_be_are_refused_with_what_would_do() {
    let app = App::new().await;
    for (body, pointers) in [
        (json!({}), vec!["/name", "/policyData"]),
        (
            json!({"name": "a/b", "policyData": "[\"200,\"]"}),
            vec!["/name"],
        ),
        (
            json!({"name": "a", "policyData": ["200,"]}),
            vec!["/policyData"],
        ),
        (
            json!({"name": "a", "policyData": "[200]"}),
            vec!["/policyData"],
        ),
        (
            json!({"name": "a", "policyData": "no"}),
            vec!["/policyData"],
        ),
        (
            json!({"name": "a", "policyData": "[\"max\"]"}),
            vec!["/policyData"],
        ),
        (
            json!({"name": "a", "policyData": "[\"100,100\"]"}),
            vec!["/policyData"],
        ),
        (
            json!({"name": "a", "policyData": "[]", "channel": "file"}),
            vec!["/channel", "/policyData"],
        ),
        (
            json!({"name": "a", "policyData": "[\"1,\"]", "policyCreated": "2020-01-01T00:00:00Z"}),
            vec!["/policyCreated"],
        ),
    ] {
        let refused = app
            .send("POST", &format!("{POLICIES}/thumbs"), body.to_string())
            .await;
        let mut found = refused.pointers(400);
        found.sort();
        assert_eq!(found, pointers, "{body}");
    }
    for channel in ["file", "none", "iiif-av"] {
        let body = json!({"name": "a", "policyData": "[]"}).to_string();
        let refused = app
            .send("POST", &format!("{POLICIES}/{channel}"), body)
            .await;
        assert_eq!(refused.pointers(400), ["/policyData"], "{channel}");
    }
    let body = json!({"name": "default", "policyData": "[\"1,\"]"}).to_string();
    assert_eq!(
        app.send("POST", &format!("{POLICIES}/thumbs"), body)
            .await
            .status,
        409
    );
    let body = json!({"policyData": "[\"lossless\"]", "name": "b"}).to_string();
    let refused = app
        .send("PUT", &format!("{POLICIES}/iiif-img/a"), body)
        .await;
    assert_eq!(refused.pointers(400), ["/name"]);
}

#[tokio::test]
async fn the_defaults_of_a_space_come_before_those_of_its_customer() {
    let app = App::new().await;
    let listed = app.get(DEFAULTS).await.json(200);
    insta::assert_snapshot!("first_default_channels", masked(&listed));
    let image = register(&app, "a", json!({})).await;
    assert_eq!(channels(&image), ["iiif-img default", "thumbs default"]);

    let of_space = "/customers/1/spaces/1/defaultDeliveryChannels";
    assert_eq!(app.get(of_space).await.json(200)["totalItems"], 0);
    let body =
        json!({ "channel": "iiif-img", "policy": "use-original", "mediaType": "image/jpeg" });
    let made = post(&app, of_space, body.clone()).await;
    assert_eq!(path_of(&made), format!("{of_space}/{}", text(&made["id"])));
    assert_eq!(
        app.send("POST", of_space, body.to_string()).await.status,
        409
    );
    let image = register(&app, "b", json!({})).await;
    assert_eq!(channels(&image), ["iiif-img use-original"]);
    let image = register(&app, "c", json!({ "mediaType": "image/png" })).await;
    assert_eq!(channels(&image), ["iiif-img default", "thumbs default"]);
    let image = register(
        &app,
        "d",
        json!({ "deliveryChannels": ["default", "thumbs"] }),
    )
    .await;
    assert_eq!(
        channels(&image),
        ["thumbs default", "iiif-img use-original"]
    );
    let again = app
        .send("PUT", "/customers/1/spaces/1/images/a", "{}")
        .await
        .json(200);
    let why = "what an image has, it keeps";
    assert_eq!(
        channels(&again),
        ["iiif-img default", "thumbs default"],
        "{why}"
    );

    let changed = app
        .send("PUT", &path_of(&made), r#"{"policy":""}"#)
        .await
        .json(200);
    assert_eq!(
        changed["policy"], "use-original",
        "what is empty says nothing"
    );
    let changed = app
        .send("PUT", &path_of(&made), r#"{"channel":"thumbs"}"#)
        .await
        .json(200);
    assert_eq!(
        (&changed["policy"], &changed["channel"]),
        (&json!("default"), &json!("thumbs"))
    );
    assert_eq!(app.send("DELETE", &path_of(&made), "").await.status, 204);
    let elsewhere = path_of(&members(&listed)[0]).replace(DEFAULTS, of_space);
    assert_eq!(
        app.get(&elsewhere).await.status,
        404,
        "it is the customer's, not the space's"
    );
    assert_eq!(
        app.get("/customers/1/spaces/9/defaultDeliveryChannels")
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn what_has_no_default_channels_is_refused_and_documents_are_kept() {
    let app = App::new().await;
    let put = |origin: &str| {
        let body = json!({ "origin": origin }).to_string();
        let app = &app;
        async move {
            app.send("PUT", "/customers/1/spaces/1/images/x", body)
                .await
        }
    };
    let refused = put("https://example.org/a.mp4").await;
    assert_eq!(refused.pointers(400), ["/deliveryChannels"]);
    assert!(
        refused
            .text()
            .contains("audio and video are not delivered here"),
        "{}",
        refused.text()
    );
    let body = json!({ "origin": "https://example.org/a", "mediaType": "video/mp4", "bogus": 1, "number1": "x" });
    let refused = app
        .send("PUT", "/customers/1/spaces/1/images/x", body.to_string())
        .await;
    assert_eq!(
        refused.pointers(400),
        ["/number1", "/mediaType", "/deliveryChannels"]
    );
    for name in ["a.mp4", "b.mp4"] {
        let origin = format!("https://example.org/{name}");
        app.origin.serve(&origin, FakeObject::new("film"));
    }
    let body = json!({ "origin": "https://example.org/a.mp4", "deliveryChannels": ["file"] });
    let film = "/customers/1/spaces/1/images/film";
    app.send("PUT", film, body.to_string()).await.json(201);
    let body = json!({ "origin": "https://example.org/b.mp4" }).to_string();
    for method in ["PUT", "PATCH"] {
        let image = app.send(method, film, body.clone()).await.json(200);
        assert_eq!(channels(&image), ["file none"], "what it has, it keeps");
    }
    for default in members(&app.get(DEFAULTS).await.json(200)) {
        app.send("DELETE", &path_of(default), "").await;
    }
    let refused = put("http://flickr.com/xxx/yyy.jpg").await;
    assert_eq!(refused.pointers(400), ["/deliveryChannels"]);
}

#[tokio::test]
async fn default_channels_that_cannot_be_are_refused() {
    let app = App::new().await;
    for (body, pointers) in [
        (json!({}), vec!["/channel", "/mediaType"]),
        (
            json!({"channel": "iiif-av", "mediaType": "video/*"}),
            vec!["/channel"],
        ),
        (
            json!({"channel": "default", "mediaType": "image/*"}),
            vec!["/channel"],
        ),
        (
            json!({"channel": "thumbs", "mediaType": "image"}),
            vec!["/mediaType"],
        ),
        (
            json!({"channel": "thumbs", "mediaType": "image/png", "policy": "x"}),
            vec!["/policy"],
        ),
        (
            json!({"channel": 1, "mediaType": [], "id": "x"}),
            vec!["/channel", "/id", "/mediaType"],
        ),
    ] {
        let refused = app.send("POST", DEFAULTS, body.to_string()).await;
        let mut found = refused.pointers(400);
        found.sort();
        assert_eq!(found, pointers, "{body}");
    }
}

#[tokio::test]
async fn named_queries_keep_their_template_to_the_byte() {
    let app = App::new().await;
    let path = format!("{HOME}/namedQueries");
    let template = "manifest=s1&canvas=n1;s2 desc&space=p1&s1=p2&coverpage=https://x/?a&#=%20";
    let made = post(&app, &path, json!({ "name": "book", "template": template })).await;
    insta::assert_snapshot!("named_query", masked(&made));
    let address = path_of(&made);
    assert_eq!(app.get(&address).await.json(200), made);
    assert_eq!(
        members(&app.get(&path).await.json(200)),
        std::slice::from_ref(&made)
    );
    let again = json!({ "name": "book", "template": "s1=p1" }).to_string();
    assert_eq!(app.send("POST", &path, again).await.status, 409);
    let changed = app
        .send("PUT", &address, r#"{"template":"s1=p1"}"#)
        .await
        .json(200);
    assert_eq!(
        (&changed["template"], &changed["name"]),
        (&json!("s1=p1"), &json!("book"))
    );
    let renamed = app
        .send("PUT", &address, r#"{"name":"other","template":"s1=p1"}"#)
        .await;
    assert_eq!(renamed.pointers(400), ["/name"]);
    app.send("PUT", &address, changed.to_string())
        .await
        .json(200);
    for (body, pointers) in [
        (json!({}), vec!["/name", "/template"]),
        (
            json!({"name": "a b", "template": "s1"}),
            vec!["/name", "/template"],
        ),
        (
            json!({"name": "a", "template": "canvas=n9"}),
            vec!["/template"],
        ),
        (json!({"name": "a", "template": "s1=p0"}), vec!["/template"]),
    ] {
        let mut found = app
            .send("POST", &path, body.to_string())
            .await
            .pointers(400);
        found.sort();
        assert_eq!(found, pointers, "{body}");
    }
    assert_eq!(app.send("DELETE", &address, "").await.status, 204);
    assert_eq!(app.get(&address).await.status, 404);
}

#[tokio::test]
async fn a_template_may_have_as_many_bytes_as_a_query_has_room_for() {
    let app = App::new().await;
    let path = format!("{HOME}/namedQueries");
    let of = |length: usize| format!("s1=p1&x={}", "\u{e9}".repeat((length - 8) / 2));
    let made = post(&app, &path, json!({ "name": "a", "template": of(2000) })).await;
    assert_eq!(made["template"], of(2000));
    for template in [&of(2002), "", "x=\u{0}"] {
        let body = json!({ "name": "b", "template": template }).to_string();
        let refused = app.send("POST", &path, body.clone()).await;
        assert_eq!(refused.pointers(400), ["/template"], "{body}");
        let body = json!({ "template": template }).to_string();
        let refused = app.send("PUT", &path_of(&made), body.clone()).await;
        assert_eq!(refused.pointers(400), ["/template"], "{body}");
    }
}

#[tokio::test]
async fn roles_and_authentication_services_are_kept() {
    let app = App::new().await;
    for (path, body, changed) in [
        (
            "roles",
            json!({"name": "clinical", "label": "Clinical images", "aliases": ["c"], "authService": "https://x/authServices/1"}),
            json!({"aliases": []}),
        ),
        (
            "authServices",
            json!({"name": "login", "profile": "http://iiif.io/api/auth/1/login", "label": "Log in", "description": "d",
                   "pageLabel": "pl", "pageDescription": "pd", "callToAction": "go", "timeToLive": 3600,
                   "nestedServices": ["logout"], "roleProvider": "https://x/roles"}),
            json!({"timeToLive": 0}),
        ),
    ] {
        let path = format!("{HOME}/{path}");
        let made = post(&app, &path, body.clone()).await;
        for (name, value) in body.as_object().unwrap() {
            assert_eq!(made[name], *value, "{name}");
        }
        let address = path_of(&made);
        assert_eq!(app.get(&address).await.json(200), made);
        assert_eq!(
            members(&app.get(&path).await.json(200)),
            std::slice::from_ref(&made)
        );
        assert_eq!(app.send("POST", &path, body.to_string()).await.status, 409);
        let put = app
            .send("PUT", &address, changed.to_string())
            .await
            .json(200);
        let (name, value) = changed.as_object().unwrap().iter().next().unwrap();
        assert_eq!(put[name], *value);
        assert_eq!(
            put["label"], made["label"],
            "what is left out keeps its value"
        );
        let refused = app.send("POST", &path, r#"{"label":5,"nam":"x"}"#).await;
        let text = refused.text().clone();
        assert_eq!(refused.json(400)["errors"][0]["pointer"], "/name", "{text}");
        assert!(text.contains("did you mean 'name'"), "{text}");
        assert_eq!(app.send("DELETE", &address, "").await.status, 204);
        assert_eq!(app.send("PUT", &address, "{}").await.status, 404);
    }
    let refused = app
        .send(
            "POST",
            &format!("{HOME}/authServices"),
            r#"{"name":"a","timeToLive":-1}"#,
        )
        .await;
    assert_eq!(refused.pointers(400), ["/timeToLive"]);
}

#[tokio::test]
async fn customers_and_spaces_link_to_their_settings() {
    let app = App::new().await;
    let customer = app.get(HOME).await.json(200);
    let space = app.get("/customers/1/spaces/1").await.json(200);
    let links = [
        "defaultDeliveryChannels",
        "deliveryChannelPolicies",
        "namedQueries",
        "roles",
        "authServices",
    ];
    for link in links {
        assert_eq!(
            app.get(&text(&customer[link]).replace(API, ""))
                .await
                .status,
            200,
            "{link}"
        );
    }
    let of_space = text(&space["defaultDeliveryChannels"]).replace(API, "");
    assert_eq!(app.get(&of_space).await.status, 200);
}
