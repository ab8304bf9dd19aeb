//! `/imageOptimisationPolicies`, `/thumbnailPolicies`.

use serde_json::json;

use crate::app::{App, masked, text};

#[tokio::test]
async fn policies_are_listed_for_everybody() {
    let app = App::new().await;
    for path in ["/imageOptimisationPolicies", "/thumbnailPolicies"] {
        let listed = app.send_as(None, "GET", path, "").await.json(200);
        insta::assert_snapshot!(path.trim_start_matches('/'), masked(&listed));
        let members = listed["member"].as_array().unwrap();
        assert_eq!(listed["totalItems"], members.len());
        for member in members {
            let id = text(&member["@id"]);
            let id = id.strip_prefix("https://api.example.org").unwrap();
            let one = app.send_as(None, "GET", id, "").await.json(200);
            assert_eq!(one, *member, "{id}");
        }
    }
}

#[tokio::test]
async fn policies_are_ordered_and_paged() {
    let app = App::new().await;
    let page = app
        .get("/imageOptimisationPolicies/?orderBy=name&pageSize=2")
        .await
        .json(200);
    let names: Vec<_> = page["member"]
        .as_array()
        .unwrap()
        .iter()
        .map(|member| text(&member["name"]))
        .collect();
    assert_eq!(names, ["fast-higher", "fast-lossy"]);
    assert_eq!(page["view"]["totalPages"], 2);
    let bad = app.get("/thumbnailPolicies?orderBy=colour").await;
    assert_eq!(bad.status, 400);
}

#[tokio::test]
async fn the_address_of_a_policy_can_be_given_to_an_image() {
    let app = App::new().await;
    app.picture("https://example.org/a.jpg");
    let body = json!({
        "origin": "https://example.org/a.jpg",
        "imageOptimisationPolicy": "https://api.example.org/imageOptimisationPolicies/lossless",
        "thumbnailPolicy": "https://api.example.org/thumbnailPolicies/standard",
    });
    let path = "/customers/1/spaces/1/images/a";
    let image = app.send("PUT", path, body.to_string()).await.json(201);
    assert_eq!(image["imageOptimisationPolicy"], "lossless");
    assert_eq!(image["thumbnailPolicy"], "standard");
}

#[tokio::test]
async fn names_that_no_policy_has_are_not_found() {
    let app = App::new().await;
    let long = "x".repeat(5000);
    for name in [
        "nothing",
        "Standard",
        "FAST-LOSSY",
        "standard%00",
        "%2e%2e",
        "a%2Fb",
        "%c0%ae",
        "standard/more",
        "%D9%A3",
        &long,
    ] {
        for list in ["imageOptimisationPolicies", "thumbnailPolicies"] {
            let answer = app
                .send_as(None, "GET", &format!("/{list}/{name}"), "")
                .await;
            let expected = if name.contains("%00") || name.contains("%c0") {
                400
            } else {
                404
            };
            assert_eq!(answer.json(expected)["status"], expected, "{list} {name}");
        }
    }
    for (method, status) in [("HEAD", 200), ("POST", 405), ("DELETE", 405)] {
        let answer = app
            .send_as(None, method, "/thumbnailPolicies/standard", "")
            .await;
        assert_eq!(answer.status, status, "{method}");
    }
}
