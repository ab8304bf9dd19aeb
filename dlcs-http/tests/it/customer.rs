//! `/customers` and the keys below it.

use serde_json::json;

use crate::app::{App, masked, text};

#[tokio::test]
async fn a_customer_links_to_what_it_has() {
    let app = App::new().await;
    let customer = app.get("/customers/1").await.json(200);
    insta::assert_snapshot!(masked(&customer));
    for link in ["spaces", "allImages", "queue", "originStrategies", "keys"] {
        let path = text(&customer[link]).replace("https://api.example.org", "");
        assert_eq!(app.get(&path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn a_key_sees_its_own_customer_and_an_administrators_sees_all() {
    let app = App::new().await;
    let (id, key) = app.customer("vam").await;
    let all = app.get("/customers").await.json(200);
    insta::assert_snapshot!(masked(&all));
    let own = app
        .send_as(Some(&key), "GET", "/customers", "")
        .await
        .json(200);
    assert_eq!(
        own["member"],
        json!([{"@id": format!("https://api.example.org/customers/{id}"), "@type": "vocab:Customer"}])
    );
}

#[tokio::test]
async fn only_an_administrator_makes_customers() {
    let app = App::new().await;
    let made = app
        .send(
            "POST",
            "/customers",
            r#"{"name":"vam","displayName":"Victoria & Albert"}"#,
        )
        .await;
    assert_eq!(
        made.header("location"),
        "https://api.example.org/customers/2"
    );
    let body = made.json(201);
    assert_eq!(
        (&body["name"], &body["displayName"], &body["administrator"]),
        (&json!("vam"), &json!("Victoria & Albert"), &json!(false))
    );
    assert_eq!(
        app.send("POST", "/customers", r#"{"name":"VAM"}"#)
            .await
            .status,
        409
    );
    let (_, key) = app.customer("other").await;
    assert_eq!(
        app.send_as(Some(&key), "POST", "/customers", r#"{"name":"x"}"#)
            .await
            .status,
        401
    );
}

#[tokio::test]
async fn names_that_addresses_cannot_hold_are_refused() {
    let app = App::new().await;
    for name in ["", "3", "v2", "admin", "a b", "é"] {
        let answer = app
            .send("POST", "/customers", json!({"name": name}).to_string())
            .await;
        assert_eq!(answer.pointers(400), ["/name"], "{name}");
    }
    assert_eq!(
        app.send("POST", "/customers", "{}").await.pointers(400),
        ["/name"]
    );
    assert_eq!(
        app.send("POST", "/customers", r#"{"name":5}"#)
            .await
            .pointers(400),
        ["/name"]
    );
}

#[tokio::test]
async fn patch_changes_the_name_for_people_only() {
    let app = App::new().await;
    let mut customer = app.get("/customers/1").await.json(200);
    customer["displayName"] = json!("The first");
    let patched = app
        .send("PATCH", "/customers/1", customer.to_string())
        .await
        .json(200);
    assert_eq!(patched["displayName"], "The first");
    assert_eq!(
        app.send("PATCH", "/customers/1", r#"{"name":"new"}"#)
            .await
            .pointers(400),
        ["/name"]
    );
    assert_eq!(
        app.send("PATCH", "/customers/1", "{}").await.json(200)["displayName"],
        "The first"
    );
}

#[tokio::test]
async fn a_secret_is_shown_once_and_a_deleted_key_stops_working() {
    let app = App::new().await;
    let (id, key) = app.customer("vam").await;
    let (name, secret) = key.split_once(':').unwrap();
    let path = format!("/customers/{id}/keys");
    let listed = app.send_as(Some(&key), "GET", &path, "").await;
    assert!(listed.text().contains(name) && !listed.text().contains(secret));
    insta::assert_snapshot!(masked(&listed.json(200)));
    let made = app.send_as(Some(&key), "POST", &path, "").await.json(200);
    assert_eq!(made["secret"].as_str().unwrap().len(), 64);
    let deleted = app.send("DELETE", &format!("{path}/{name}"), "").await;
    assert_eq!((deleted.status.as_u16(), deleted.body.len()), (204, 0));
    assert_eq!(app.send_as(Some(&key), "GET", &path, "").await.status, 401);
    assert_eq!(
        app.send("DELETE", &format!("{path}/{name}"), "")
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn the_last_key_of_an_administrator_stays() {
    let app = App::new().await;
    let name = app.admin.split(':').next().unwrap();
    let answer = app
        .send("DELETE", &format!("/customers/1/keys/{name}"), "")
        .await
        .json(400);
    assert_eq!(
        answer["type"],
        "https://api.example.org/docs/errors/last-key"
    );
    assert_eq!(app.get("/customers/1").await.status, 200);
}

#[tokio::test]
async fn an_administrator_is_told_of_missing_customers() {
    let app = App::new().await;
    for path in [
        "/customers/9",
        "/customers/9/spaces",
        "/customers/9/keys",
        "/customers/9/queue",
        "/customers/0",
        "/customers/1e1",
    ] {
        assert_eq!(app.get(path).await.status, 404, "{path}");
    }
    assert_eq!(app.send("POST", "/customers/9/keys", "").await.status, 404);
}
