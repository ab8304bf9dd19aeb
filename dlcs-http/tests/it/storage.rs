//! How much is stored: of customers, spaces and images.

use dlcs_core::CustomerId;
use dlcs_core::dlcs::Settings;
use dlcs_core::storage::{Quota, StoragePolicies, StoragePolicy};
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

async fn app_with(images: Option<u64>, bytes: Option<u64>) -> App {
    let policies = StoragePolicies::default()
        .with_policy(StoragePolicy {
            name: "small".to_owned(),
            quota: Quota { images, bytes },
        })
        .with_customer(CustomerId::FIRST, "small");
    let settings = Settings::default().with_storage(policies);
    let app = App::with(settings, |builder| builder).await;
    app.picture(ORIGIN);
    app
}

#[tokio::test]
async fn more_images_than_the_policy_allows_are_refused_whole() {
    let app = app_with(Some(2), None).await;
    let policy = app.get("/customers/1/storage").await.json(200)["storagePolicy"].clone();
    assert_eq!(policy, "https://api.example.org/storagePolicies/small");
    let policy = app.get("/storagePolicies/small").await.json(200);
    assert_eq!(policy["maximumNumberOfStoredImages"], 2);
    assert_eq!(policy["maximumTotalSizeOfStoredImages"], 0);
    let member = |id: &str| json!({ "space": 1, "id": id, "origin": ORIGIN });
    let body = json!({ "member": [member("a"), member("b"), member("c")] });
    let refused = app
        .send("POST", "/customers/1/queue", body.to_string())
        .await;
    assert_eq!(
        refused.json(507)["type"],
        "https://api.example.org/docs/errors/over-quota"
    );
    assert!(
        refused.text().contains("may have 2 images, has 0"),
        "{}",
        refused.text()
    );
    let row = format!("1,{ORIGIN}\n");
    let table = format!("Space,Origin\n{}", row.repeat(3));
    let refused = app.send("POST", "/customers/1/queue/csv", table).await;
    assert_eq!(refused.status, 507, "{}", refused.text());
    let images = "/customers/1/spaces/1/images";
    let put = async |id: &str| {
        let body = json!({ "origin": ORIGIN }).to_string();
        let answer = app.send("PUT", &format!("{images}/{id}"), body).await;
        answer.status.as_u16()
    };
    assert_eq!(
        [put("a").await, put("b").await, put("c").await],
        [201, 201, 507]
    );
    assert_eq!(
        app.get(&format!("{images}/c")).await.status,
        404,
        "nothing is stored"
    );
    assert_eq!(put("a").await, 200, "what is there can be registered again");
    app.send("DELETE", &format!("{images}/b"), "").await;
    assert_eq!(put("c").await, 201);
}

#[tokio::test]
async fn more_bytes_than_the_policy_allows_are_not_stored() {
    let size = PICTURE.len() as u64;
    let app = app_with(None, Some(size * 3 - 1)).await;
    let path = |id: &str| format!("/customers/1/spaces/1/images/{id}");
    let put = async |id: &str, channels: Value| {
        let body = json!({ "origin": ORIGIN, "deliveryChannels": channels }).to_string();
        app.send("PUT", &path(id), body).await
    };
    put("a", json!(["file"])).await.json(201);
    put("b", json!(["file"])).await.json(201);
    let refused = put("a", json!(["iiif-img", "file"])).await;
    let error = refused.json(507);
    assert_eq!(
        error["type"],
        "https://api.example.org/docs/errors/over-quota"
    );
    assert_eq!(
        error["image"],
        format!("https://api.example.org{}", path("a"))
    );
    let record = app.get(&path("a")).await.json(200);
    assert_eq!(record["error"], error["detail"], "the record says why");
    assert_eq!(
        app.get("/file/1/1/a").await.status,
        200,
        "what was there is there still"
    );
    assert_eq!(figures(&app, "/customers/1").await[1], json!(size * 2));
}
