//! `/customers/{customer}/spaces`.

use serde_json::json;

use crate::app::{App, masked};

#[tokio::test]
async fn a_space_gets_the_next_number() {
    let app = App::new().await;
    let body = r#"{"name":"books","defaultTags":["a"],"defaultRoles":[],"maxUnauthorised":400,"imageOptimisationPolicy":"https://x/imageOptimisationPolicies/lossless"}"#;
    let made = app.send("POST", "/customers/1/spaces", body).await;
    assert_eq!(
        made.header("location"),
        "https://api.example.org/customers/1/spaces/2"
    );
    insta::assert_snapshot!(masked(&made.json(201)));
    assert_eq!(
        app.get("/customers/1/spaces/2").await.json(200),
        made.json(201)
    );
    assert_eq!(
        app.send("POST", "/customers/1/spaces", r#"{"name":"books"}"#)
            .await
            .status,
        409
    );
}

#[tokio::test]
async fn put_makes_a_space_with_a_chosen_number_or_changes_it() {
    let app = App::new().await;
    let path = "/customers/1/spaces/7";
    assert_eq!(
        app.send("PUT", path, r#"{"name":"maps","id":7}"#)
            .await
            .status,
        201
    );
    assert_eq!(
        app.send("PUT", path, r#"{"name":"maps","defaultTags":["x"]}"#)
            .await
            .status,
        200
    );
    let mut space = app
        .send("PUT", path, r#"{"name":"charts"}"#)
        .await
        .json(200);
    assert_eq!(
        (&space["name"], &space["defaultTags"]),
        (&json!("charts"), &json!(["x"]))
    );
    space["defaultRoles"] = json!(["https://x/roles/r"]);
    assert_eq!(
        app.send("PUT", path, space.to_string()).await.json(200),
        space
    );
    assert_eq!(
        app.send("PUT", "/customers/1/spaces/8", r#"{"name":"charts"}"#)
            .await
            .status,
        409
    );
    assert_eq!(app.get("/customers/1/spaces/8").await.status, 404);
}

#[tokio::test]
async fn patch_keeps_what_it_does_not_name() {
    let app = App::new().await;
    app.send(
        "PATCH",
        "/customers/1/spaces/1",
        r#"{"defaultTags":["a"],"thumbnailPolicy":"standard"}"#,
    )
    .await
    .json(200);
    let space = app
        .send(
            "PATCH",
            "/customers/1/spaces/1",
            r#"{"thumbnailPolicy":"","defaultMaxUnauthorised":0}"#,
        )
        .await
        .json(200);
    assert_eq!(
        (
            &space["name"],
            &space["defaultTags"],
            &space["thumbnailPolicy"]
        ),
        (&json!("default"), &json!(["a"]), &json!(""))
    );
    assert_eq!(
        (&space["maxUnauthorised"], &space["defaultMaxUnauthorised"]),
        (&json!(0), &json!(0))
    );
    assert_eq!(
        app.send("PATCH", "/customers/1/spaces/9", "{}")
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn everything_wrong_with_a_space_is_listed() {
    let app = App::new().await;
    let body = json!({"name": "", "defaultTags": ["ok", 5], "defaultRoles": ["a\u{0}"], "maxUnauthorised": -2, "thumbnailPolicy": "x",
                      "created": "2016-01-01T00:00:00Z", "approximateNumberOfImages": 3, "id": 5});
    let pointers = app
        .send("POST", "/customers/1/spaces", body.to_string())
        .await
        .pointers(400);
    assert_eq!(
        pointers,
        [
            "/id",
            "/created",
            "/approximateNumberOfImages",
            "/defaultTags/1",
            "/maxUnauthorised",
            "/name",
            "/defaultRoles/0",
            "/thumbnailPolicy"
        ]
    );
    let both = r#"{"maxUnauthorised":1,"defaultMaxUnauthorised":2}"#;
    assert_eq!(
        app.send("PATCH", "/customers/1/spaces/1", both)
            .await
            .pointers(400),
        ["/maxUnauthorised"]
    );
    for number in ["0", "-1", "1e1", "99999999999"] {
        assert_eq!(
            app.send("PUT", &format!("/customers/1/spaces/{number}"), "{}")
                .await
                .status,
            400,
            "{number}"
        );
    }
}

#[tokio::test]
async fn only_an_empty_space_is_deleted() {
    let app = App::new().await;
    app.picture("https://example.org/a.jpg");
    app.send(
        "PUT",
        "/customers/1/spaces/1/images/a",
        r#"{"origin":"https://example.org/a.jpg"}"#,
    )
    .await
    .json(201);
    assert_eq!(
        app.get("/customers/1/spaces/1").await.json(200)["approximateNumberOfImages"],
        1
    );
    assert_eq!(
        app.send("DELETE", "/customers/1/spaces/1", "").await.status,
        409
    );
    assert_eq!(
        app.send("DELETE", "/customers/1/spaces/1/images/a", "")
            .await
            .status,
        204
    );
    assert_eq!(
        app.send("DELETE", "/customers/1/spaces/1", "").await.status,
        204
    );
    assert_eq!(
        app.send("DELETE", "/customers/1/spaces/1", "").await.status,
        404
    );
}

#[tokio::test]
async fn the_defaults_of_a_space_apply_to_images_that_do_not_say_otherwise() {
    let app = App::new().await;
    app.picture("https://example.org/a.jpg");
    app.send(
        "PATCH",
        "/customers/1/spaces/1",
        r#"{"defaultTags":["a"],"maxUnauthorised":400}"#,
    )
    .await
    .json(200);
    let put = |id: &str, tags: &str| {
        let (path, body) = (
            format!("/customers/1/spaces/1/images/{id}"),
            format!(r#"{{"origin":"https://example.org/a.jpg"{tags}}}"#),
        );
        let app = &app;
        async move { app.send("PUT", &path, body).await.json(201) }
    };
    let silent = put("silent", "").await;
    assert_eq!(
        (&silent["tags"], &silent["maxUnauthorised"]),
        (&json!(["a"]), &json!(400))
    );
    assert_eq!(put("none", r#","tags":[]"#).await["tags"], json!([]));
}

#[tokio::test]
async fn the_metadata_of_a_space_is_an_address_and_nothing_yet() {
    let app = App::new().await;
    let space = app.get("/customers/1/spaces/1").await.json(200);
    let path = "/customers/1/spaces/1/metadata";
    assert_eq!(space["metadata"], format!("https://api.example.org{path}"));
    let metadata = app.get(path).await.json(200);
    let expected = json!({
        "@context": "https://api.example.org/contexts/Metadata.jsonld", "@id": space["metadata"], "@type": "vocab:Metadata",
        "customer": 1, "space": 1,
    });
    assert_eq!(metadata, expected);
    let nowhere = app.get("/customers/1/spaces/9/metadata").await;
    assert_eq!(nowhere.status, 404);
}

#[tokio::test]
async fn spaces_are_listed_in_pages() {
    let app = App::new().await;
    for name in ["b", "c"] {
        app.send(
            "POST",
            "/customers/1/spaces",
            json!({"name": name}).to_string(),
        )
        .await
        .json(201);
    }
    let page = app
        .get("/customers/1/spaces?pageSize=2&page=2")
        .await
        .json(200);
    insta::assert_snapshot!(masked(&page));
}

#[tokio::test]
async fn a_space_that_is_posted_needs_a_name() {
    let app = App::new().await;
    for body in [
        "{}",
        r#"{"name":null}"#,
        r#"{"name":""}"#,
        r#"{"name":"  "}"#,
    ] {
        let answer = app.send("POST", "/customers/1/spaces", body).await;
        assert_eq!(answer.pointers(400), ["/name"], "{body}");
    }
}

#[tokio::test]
async fn a_space_without_a_name_is_called_by_its_number_even_where_another_is() {
    let app = App::new().await;
    let put = async |id: u32, body: &'static str, status: u16| {
        let path = format!("/customers/1/spaces/{id}");
        app.send("PUT", &path, body).await.json(status)["name"].clone()
    };
    assert_eq!(put(5, "{}", 201).await, "5");
    assert_eq!(put(6, r#"{"name":"7"}"#, 201).await, "7");
    assert_eq!(put(7, "{}", 201).await, "7 (2)");
    assert_eq!(put(7, "{}", 200).await, "7 (2)");
    assert_eq!(
        put(8, r#"{"name":"7"}"#, 409).await,
        serde_json::Value::Null
    );
}
