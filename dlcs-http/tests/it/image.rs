//! `/customers/{customer}/spaces/{space}/images`.

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use serde_json::json;

use crate::app::{App, masked, text};

const IMAGES: &str = "/customers/1/spaces/1/images";

/// An app with a picture at the address of the seed.
async fn app() -> App {
    let app = App::new().await;
    app.picture("http://flickr.com/xxx/yyy.jpg");
    app
}

/// Exactly what the seed's curl sends, its content type included.
async fn curl(app: &App, method: &str, path: &str, body: &'static str) -> crate::app::Answer {
    use base64::Engine;
    let key = base64::engine::general_purpose::STANDARD.encode(&app.admin);
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Basic {key}"))
        .header("content-type", "application/x-www-form-urlencoded");
    let request = request.body(Full::new(Bytes::from(body)));
    app.call(request.expect("the request is whole")).await
}

#[tokio::test]
async fn the_first_curl_command_of_the_seed_registers_an_image() {
    let app = app().await;
    let path = format!("{IMAGES}/my-new-image-id");
    let body = r#"{"origin":"http://flickr.com/xxx/yyy.jpg"}"#;
    let made = curl(&app, "PUT", &path, body).await;
    assert_eq!(
        made.header("location"),
        format!("https://api.example.org{path}")
    );
    insta::assert_snapshot!(masked(&made.json(201)));
    assert_eq!(app.get(&path).await.json(200), made.json(201));
    assert_eq!(curl(&app, "PUT", &path, body).await.status, 200);
}

#[tokio::test]
async fn the_second_curl_command_of_the_seed_registers_an_image() {
    let app = app().await;
    let body = r#"{"origin":"http://flickr.com/xxx/yyy.jpg", "id":"my-new-image-id"}"#;
    let made = curl(&app, "POST", IMAGES, body).await;
    assert_eq!(
        made.header("location"),
        format!("https://api.example.org{IMAGES}/my-new-image-id")
    );
    assert_eq!(made.json(201)["width"], 1200);
    assert_eq!(curl(&app, "POST", IMAGES, body).await.status, 409);
}

#[tokio::test]
async fn an_id_is_assigned_to_an_image_that_comes_without() {
    let app = app().await;
    let made = app
        .send(
            "POST",
            IMAGES,
            r#"{"origin":"http://flickr.com/xxx/yyy.jpg"}"#,
        )
        .await;
    let image = made.json(201);
    assert_eq!(text(&image["id"]).len(), 36);
    assert_eq!(made.header("location"), image["@id"]);
}

#[tokio::test]
async fn links_of_delivery_go_to_its_own_address() {
    let app = App::with(Default::default(), |builder| {
        builder.with_delivery_url(&crate::app::url("https://iiif.example.org"))
    })
    .await;
    app.picture("http://flickr.com/xxx/yyy.jpg");
    let image = app
        .send(
            "PUT",
            &format!("{IMAGES}/a%20b%3F+%2525"),
            r#"{"origin":"http://flickr.com/xxx/yyy.jpg"}"#,
        )
        .await
        .json(201);
    assert_eq!(image["id"], "a b?+%25");
    assert_eq!(
        image["@id"],
        format!("https://api.example.org{IMAGES}/a%20b%3F+%2525")
    );
    assert_eq!(
        image["imageService"],
        "https://iiif.example.org/iiif-img/1/1/a%20b%3F+%2525"
    );
    assert_eq!(
        image["infoJson"],
        "https://iiif.example.org/iiif-img/1/1/a%20b%3F+%2525/info.json"
    );
}

#[tokio::test]
async fn every_writable_property_comes_back() {
    let app = app().await;
    let body = json!({
        "origin": "http://flickr.com/xxx/yyy.jpg", "initialOrigin": "http://flickr.com/xxx/yyy.jpg", "mediaType": "image/jpeg",
        "string1": "a", "string2": "b", "string3": "c", "number1": i64::MIN, "number2": -1, "number3": i64::MAX,
        "tags": ["x, y", "z"], "roles": ["https://api.example.org/customers/1/roles/r"], "manifests": ["m"], "maxUnauthorised": 400,
        "deliveryChannels": [{"channel": "iiif-img", "policy": "https://x/deliveryChannelPolicies/iiif-img/use-original"}, "thumbs"],
        "imageOptimisationPolicy": "https://x/imageOptimisationPolicies/fast-higher", "thumbnailPolicy": "standard",
        "unknown": 5, "@type": "vocab:Image", "family": "I", "text": null
    });
    let image = app
        .send("PUT", &format!("{IMAGES}/a"), body.to_string())
        .await
        .json(201);
    insta::assert_snapshot!(masked(&image));
}

#[tokio::test]
async fn a_body_that_was_read_can_be_edited_and_put_back() {
    let app = app().await;
    let path = format!("{IMAGES}/a");
    app.send(
        "PUT",
        &path,
        r#"{"origin":"http://flickr.com/xxx/yyy.jpg","tags":["x"]}"#,
    )
    .await
    .json(201);
    let mut image = app.get(&path).await.json(200);
    image["string1"] = json!("edited");
    let put = app.send("PUT", &path, image.to_string()).await.json(200);
    assert_eq!(
        (&put["string1"], &put["tags"]),
        (&json!("edited"), &json!(["x"]))
    );
    let patched = app.send("PATCH", &path, put.to_string()).await.json(200);
    assert_eq!(patched, put);
    assert_eq!(
        app.send("PATCH", &path, r#"{"width":1}"#)
            .await
            .pointers(400),
        ["/width"]
    );
    assert_eq!(
        app.send(
            "PATCH",
            &path,
            r#"{"WIDTH":1200,"finished":"2016-05-04T09:20:30.0000000Z"}"#
        )
        .await
        .status,
        200
    );
}

#[tokio::test]
async fn what_the_program_has_found_stays_its_own_when_it_is_put_back() {
    let app = app().await;
    let path = format!("{IMAGES}/a");
    let origin = r#"{"origin":"http://flickr.com/xxx/yyy.jpg"}"#;
    app.send("PUT", &path, origin).await.json(201);
    let mut image = app.get(&path).await.json(200);
    assert_eq!(image["mediaType"], "image/jpeg");
    image["infoJson"] = json!(
        image["infoJson"]
            .as_str()
            .unwrap()
            .replace("https://api.example.org", "http://proxy.example:8080")
    );
    let declared = async || {
        let id = "1/1/a".parse().unwrap();
        app.dlcs.image(&id).await.unwrap().media_type.clone()
    };
    for method in ["PUT", "PATCH"] {
        app.send(method, &path, image.to_string()).await.json(200);
        assert_eq!(declared().await, None, "{method}");
    }
    app.send("PATCH", &path, r#"{"mediaType":"image/png"}"#)
        .await
        .json(200);
    assert_eq!(declared().await.as_deref(), Some("image/png"));
    image["infoJson"] = json!("https://api.example.org/iiif-img/1/1/b/info.json");
    assert_eq!(
        app.send("PUT", &path, image.to_string())
            .await
            .pointers(400),
        ["/infoJson"]
    );
}

#[tokio::test]
async fn a_new_image_may_say_that_the_program_has_said_nothing() {
    let app = app().await;
    let empty = r#"{"origin":"http://flickr.com/xxx/yyy.jpg","width":0,"error":"","ingesting":false,"finished":null,"infoJson":"","batch":""}"#;
    assert_eq!(
        app.send("PUT", &format!("{IMAGES}/a"), empty).await.status,
        201
    );
    let stated =
        r#"{"origin":"http://flickr.com/xxx/yyy.jpg","width":7,"finished":"2016-05-04T09:20:30Z"}"#;
    assert_eq!(
        app.send("PUT", &format!("{IMAGES}/b"), stated)
            .await
            .pointers(400),
        ["/finished", "/width"]
    );
}

#[tokio::test]
async fn put_merges_and_patch_processes_only_when_it_must() {
    let app = app().await;
    let path = format!("{IMAGES}/a");
    app.send(
        "PUT",
        &path,
        r#"{"origin":"http://flickr.com/xxx/yyy.jpg","string1":"a","roles":[]}"#,
    )
    .await
    .json(201);
    let fetched = || app.origin.opened().len();
    assert_eq!(fetched(), 1);
    let patched = app
        .send("PATCH", &path, r#"{"string2":"b"}"#)
        .await
        .json(200);
    assert_eq!(
        (&patched["string1"], &patched["string2"], fetched()),
        (&json!("a"), &json!("b"), 1)
    );
    app.send("PATCH", &path, r#"{"maxUnauthorised":400}"#)
        .await
        .json(200);
    assert_eq!(fetched(), 2);
    let put = app.send("PUT", &path, r#"{"string3":"c"}"#).await.json(200);
    assert_eq!(
        (&put["string1"], &put["string3"], fetched()),
        (&json!("a"), &json!("c"), 3)
    );
    assert_eq!(
        app.send("PATCH", &format!("{IMAGES}/missing"), r#"{"string1":"a"}"#)
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn a_deleted_image_is_gone() {
    let app = app().await;
    let path = format!("{IMAGES}/a");
    app.send(
        "POST",
        &path,
        r#"{"origin":"http://flickr.com/xxx/yyy.jpg"}"#,
    )
    .await
    .json(201);
    assert_eq!(app.send("DELETE", &path, "").await.status, 204);
    assert_eq!(app.get(&path).await.status, 404);
    assert_eq!(app.send("DELETE", &path, "").await.status, 404);
}

#[tokio::test]
async fn images_are_filtered_ordered_and_paged() {
    let app = app().await;
    for (id, number, tags) in [
        ("a", 3, json!(["x"])),
        ("b", 1, json!(["x", "y"])),
        ("c", 2, json!([])),
        ("d", 0, json!(["z"])),
    ] {
        let body = json!({"origin": "http://flickr.com/xxx/yyy.jpg", "number1": number, "tags": tags, "string1": "o'Brien & Søn"});
        app.send("PUT", &format!("{IMAGES}/{id}"), body.to_string())
            .await
            .json(201);
    }
    let ids = async |query: &str| -> Vec<String> {
        let listed = app.get(&format!("{IMAGES}?{query}")).await.json(200);
        listed["member"]
            .as_array()
            .unwrap()
            .iter()
            .map(|image| text(&image["id"]))
            .collect()
    };
    assert_eq!(ids("").await, ["a", "b", "c", "d"]);
    assert_eq!(ids("orderBy=number1").await, ["d", "b", "c", "a"]);
    assert_eq!(ids("orderByDescending=ID").await, ["d", "c", "b", "a"]);
    assert_eq!(ids("tags=y,z").await, ["b", "d"]);
    assert_eq!(ids("number1=0").await, ["d"]);
    assert_eq!(ids("id=c").await, ["c"]);
    assert_eq!(ids("error=true").await, [""; 0]);
    assert_eq!(
        ids("ingesting=false&string1=o%27Brien+%26+S%C3%B8n")
            .await
            .len(),
        4
    );
    let page = app
        .get(&format!(
            "{IMAGES}?string1=o%27Brien+%26+S%C3%B8n&pageSize=1&page=2&orderBy=id"
        ))
        .await
        .json(200);
    insta::assert_snapshot!(masked(
        &json!({"@id": page["@id"], "totalItems": page["totalItems"], "view": page["view"]})
    ));
    let next = text(&page["view"]["next"]).replace("https://api.example.org", "");
    assert_eq!(app.get(&next).await.json(200)["member"][0]["id"], "c");
    let past = app.get(&format!("{IMAGES}?page=99")).await.json(200);
    assert_eq!(
        (&past["member"], &past["totalItems"]),
        (&json!([]), &json!(4))
    );
}

#[tokio::test]
async fn a_second_registration_keeps_the_date_of_the_first() {
    let app = app().await;
    let path = format!("{IMAGES}/a");
    let put = async || {
        app.send(
            "PUT",
            &path,
            r#"{"origin":"http://flickr.com/xxx/yyy.jpg"}"#,
        )
        .await
    };
    let first = put().await.json(201);
    app.clock.advance(std::time::Duration::from_secs(60));
    let second = put().await.json(200);
    assert_eq!(second["created"], first["created"]);
    assert_eq!(second["finished"], "2016-05-04T09:21:30.000000Z");
}

#[tokio::test]
async fn an_image_that_was_registered_now_is_in_no_batch() {
    let app = app().await;
    let body = r#"{"member":[{"space":1,"id":"a","origin":"http://flickr.com/xxx/yyy.jpg"}]}"#;
    app.send("POST", "/customers/1/queue", body).await.json(201);
    let image = app
        .send("PUT", &format!("{IMAGES}/a"), "{}")
        .await
        .json(200);
    assert_eq!(image.get("batch"), None);
    let batch = app.get("/customers/1/queue/batches/1").await.json(200);
    assert_eq!(
        (&batch["completed"], &batch["superseded"]),
        (&json!(1), &json!(true))
    );
}

#[tokio::test]
async fn an_initial_origin_is_fetched_first_and_can_be_cleared() {
    let app = app().await;
    let (path, first) = (format!("{IMAGES}/a"), "https://example.org/first.jpg");
    app.picture(first);
    let body = json!({"origin": "http://flickr.com/xxx/yyy.jpg", "initialOrigin": first});
    app.send("PUT", &path, body.to_string()).await.json(201);
    app.send("PUT", &path, "{}").await.json(200);
    let opened: Vec<_> = app
        .origin
        .opened()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(opened, [first, "http://flickr.com/xxx/yyy.jpg"]);
    let cleared = app.send("PATCH", &path, r#"{"initialOrigin":""}"#).await;
    assert_eq!(cleared.json(200)["initialOrigin"], json!(""));
    let opened = app.origin.opened().len();
    assert_eq!(opened, 2, "nothing is fetched for it");
}
