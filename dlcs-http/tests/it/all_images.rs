//! `/customers/{customer}/allImages`.

use serde_json::{Value, json};

use crate::app::{App, text};

const ALL: &str = "/customers/1/allImages";
const ORIGIN: &str = "https://example.org/a.jpg";

/// An app with `1/a`, `2/b` and `1/c`, in spaces 1 and 2, numbered 3, 1 and 2; the numbers are also their strings.
async fn app() -> App {
    let app = App::new().await;
    app.picture(ORIGIN);
    app.send("PUT", "/customers/1/spaces/2", r#"{"name":"second"}"#)
        .await
        .json(201);
    for (image, number) in [("1/images/a", 3), ("2/images/b", 1), ("1/images/c", 2)] {
        let body = json!({"origin": ORIGIN, "number1": number, "string1": number.to_string()});
        let path = format!("/customers/1/spaces/{image}");
        app.send("PUT", &path, body.to_string()).await.json(201);
        app.clock.advance(std::time::Duration::from_secs(1));
    }
    app
}

/// Members as `space/id`.
fn ids(collection: &Value) -> Vec<String> {
    let members = collection["member"].as_array().expect("members");
    let id = |image: &Value| format!("{}/{}", image["space"], text(&image["id"]));
    members.iter().map(id).collect()
}

#[tokio::test]
async fn images_of_all_spaces_are_filtered_ordered_and_paged() {
    let app = app().await;
    let of = async |query: &str| ids(&app.get(&format!("{ALL}?{query}")).await.json(200));
    assert_eq!(of("").await, ["1/a", "2/b", "1/c"]);
    assert_eq!(of("orderByDescending=number1").await, ["1/a", "1/c", "2/b"]);
    assert_eq!(of("string1=1").await, ["2/b"]);
    assert_eq!(of("id=c&error=false").await, ["1/c"]);
    let page = app.get(&format!("{ALL}?pageSize=2&page=2")).await.json(200);
    assert_eq!(
        (ids(&page), &page["totalItems"], &page["@id"]),
        (
            vec!["1/c".to_owned()],
            &json!(3),
            &json!("https://api.example.org/customers/1/allImages")
        )
    );
    assert_eq!(
        page["view"]["previous"],
        "https://api.example.org/customers/1/allImages?page=1&pageSize=2"
    );
    assert_eq!(app.get(&format!("{ALL}?orderBy=colour")).await.status, 400);
}

#[tokio::test]
async fn a_customer_sees_its_own_images_only() {
    let app = app().await;
    let (id, key) = app.customer("vam").await;
    let own = format!("/customers/{id}/allImages");
    let listed = app.send_as(Some(&key), "GET", &own, "").await.json(200);
    assert_eq!(listed["totalItems"], 0);
    let other = app.send_as(Some(&key), "GET", ALL, "").await;
    assert_eq!(other.status, 401);
    assert_eq!(app.get("/customers/999/allImages").await.status, 404);
}
