//! How much is stored: of customers, spaces and images.

use serde_json::{Value, json};

use crate::app::{App, PICTURE, masked};

const ORIGIN: &str = "https://example.org/a.jpg";

async fn figures(app: &App, path: &str) -> [Value; 3] {
    let storage = app.get(&format!("{path}/storage")).await.json(200);
    [
        "numberOfStoredImages",
        "totalSizeOfStoredImages",
        "totalSizeOfThumbnails",
    ]
    .map(|name| storage[name].clone())
}

#[tokio::test]
async fn figures_are_those_of_what_is_stored() {
    let app = App::new().await;
    app.picture(ORIGIN);
    let space = "/customers/1/spaces/1";
    let image = "/customers/1/spaces/1/images/a";
    assert_eq!(figures(&app, space).await, [json!(0), json!(0), json!(0)]);
    let body = json!({ "origin": ORIGIN, "deliveryChannels": ["iiif-img", "file"] });
    app.send("PUT", image, body.to_string()).await.json(201);
    let of_image = app.get(&format!("{image}/storage")).await.json(200);
    insta::assert_snapshot!("image_storage", masked(&of_image));
    let source = PICTURE.len() as u64;
    assert!(of_image["size"].as_u64() > Some(source), "{of_image}");
    let expected = [
        json!(1),
        of_image["size"].clone(),
        of_image["thumbnailSize"].clone(),
    ];
    assert_eq!(figures(&app, space).await, expected);
    assert_eq!(figures(&app, "/customers/1").await, expected);
    let customer = app.get("/customers/1/storage").await.json(200);
    insta::assert_snapshot!("customer_storage", masked(&customer));
    app.send("DELETE", image, "").await;
    assert_eq!(
        figures(&app, "/customers/1").await,
        [json!(0), json!(0), json!(0)]
    );
    for missing in [
        format!("{image}/storage"),
        "/customers/1/spaces/9/storage".to_owned(),
    ] {
        assert_eq!(app.get(&missing).await.status, 404, "{missing}");
    }
}

#[tokio::test]
async fn policies_of_storage_are_open_and_linked() {
    let app = App::new().await;
    let listed = app
        .send_as(None, "GET", "/storagePolicies", "")
        .await
        .json(200);
    insta::assert_snapshot!("storage_policies", masked(&listed));
    let policy = app
        .send_as(None, "GET", "/storagePolicies/default", "")
        .await
        .json(200);
    assert_eq!(
        policy["@id"],
        app.get("/customers/1/storage").await.json(200)["storagePolicy"]
    );
    assert_eq!(app.get("/storagePolicies/none").await.status, 404);
    let entry = app.get("/").await.json(200);
    assert_eq!(entry["storagePolicies"], listed["@id"]);
}
