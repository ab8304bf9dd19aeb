//! `/customers/{customer}/allImages`.

use serde_json::{Value, json};

use crate::app::{App, masked, text};

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

#[tokio::test]
async fn images_are_found_in_the_order_asked_for_and_the_missing_are_named() {
    let app = app().await;
    let member = json!([
        {"id": "1/2/b"}, {"id": "1/1/none"}, {"id": "1/1/a"}, {"id": "1/9/a"}, {"id": "1/2/b"},
        {"id": "c", "space": 1}, {"@id": "https://api.example.org/customers/1/spaces/1/images/a"},
    ]);
    let body = json!({"@type": "Collection", "member": member}).to_string();
    let found = app.send("POST", ALL, body).await.json(200);
    assert_eq!(ids(&found), ["2/b", "1/a", "2/b", "1/c", "1/a"]);
    assert_eq!(
        found["member"][1],
        app.get("/customers/1/spaces/1/images/a").await.json(200)
    );
    let mut shape = found.clone();
    shape["member"] = json!([]);
    insta::assert_snapshot!("found_images", masked(&shape));
    let none = app
        .send("POST", ALL, r#"{"member":[{"id":"1/1/none"}]}"#)
        .await
        .json(200);
    assert_eq!(
        (&none["totalItems"], &none["missing"]),
        (&json!(0), &json!(["1/1/none"]))
    );
}

#[tokio::test]
async fn a_list_of_images_names_each_that_cannot_be_one() {
    let app = app().await;
    for path in [ALL, "/customers/1/deleteImages"] {
        let member = json!([
            {"id": "2/1/a"}, {"id": "1/1"}, {"id": "1/x/a"}, {"id": "a"}, {"id": 5}, {}, "1/1/a", {"id": "1/1/a"},
            {"id": "1/1/a", "space": 2}, {"@id": "https://api.example.org/customers/2/spaces/1/images/a"}, {"id": "1/1/.."},
        ]);
        let answer = app
            .send("POST", path, json!({"member": member}).to_string())
            .await;
        let pointers = [
            "/member/6",
            "/member/0/id",
            "/member/1/id",
            "/member/2/id",
            "/member/3/id",
            "/member/4/id",
            "/member/5/id",
            "/member/8/space",
            "/member/9/@id",
            "/member/10/id",
        ];
        assert_eq!(answer.pointers(400), pointers, "{path}");
        let answer = app
            .send("POST", path, r#"{"member":[{"id":"999/1/a"}]}"#)
            .await;
        assert_eq!(
            answer.json(400)["detail"],
            "`id` is `999/1/a`, another customer's image"
        );
        for body in [
            json!({}),
            json!({"member": []}),
            json!({"member": vec![json!({"id": "1/1/a"}); 501]}),
        ] {
            let answer = app.send("POST", path, body.to_string()).await;
            assert_eq!(answer.pointers(400), ["/member"], "{path}");
        }
        let page = json!({"member": [{"id": "1/1/a"}], "view": {"next": "x"}});
        assert_eq!(
            app.send("POST", path, page.to_string()).await.pointers(400),
            ["/view"]
        );
        let most = json!({"member": vec![json!({"id": "1/1/none"}); 500]});
        assert_eq!(app.send("POST", path, most.to_string()).await.status, 200);
    }
    assert_eq!(app.get(ALL).await.json(200)["totalItems"], 3);
}

#[tokio::test]
async fn images_are_deleted_together_and_counted() {
    let app = app().await;
    let delete = async |ids: &[&str]| {
        let member: Vec<_> = ids.iter().map(|id| json!({"id": id})).collect();
        let body = json!({"member": member}).to_string();
        app.send("POST", "/customers/1/deleteImages", body)
            .await
            .json(200)
    };
    assert_eq!(
        delete(&["1/1/a", "1/2/b", "1/1/none", "1/1/a"]).await,
        json!({"message": "2 images deleted", "deleted": 2, "missing": 1})
    );
    assert_eq!(ids(&app.get(ALL).await.json(200)), ["1/c"]);
    assert_eq!(app.get("/iiif-img/1/1/a/info.json").await.status, 404);
    assert_eq!(delete(&["1/1/c"]).await["message"], "1 image deleted");
    assert_eq!(
        delete(&["1/1/c"]).await,
        json!({"message": "0 images deleted", "deleted": 0, "missing": 1})
    );
}

#[tokio::test]
async fn manifests_are_added_removed_and_replaced() {
    let app = app().await;
    let edit = async |operation: &str, value: Value| {
        let body = json!({
            "@type": "Collection", "field": "manifests", "operation": operation, "value": value,
            "member": [{"id": "1/2/b"}, {"id": "1/1/a"}],
        });
        let edited = app.send("PATCH", ALL, body.to_string()).await.json(200);
        assert_eq!(ids(&edited), ["2/b", "1/a"]);
        assert_eq!(
            edited["member"][0]["manifests"],
            edited["member"][1]["manifests"]
        );
        assert_eq!(
            app.get("/customers/1/spaces/2/images/b").await.json(200),
            edited["member"][0]
        );
        edited["member"][0]["manifests"].clone()
    };
    let fetched = app.origin.opened().len();
    assert_eq!(edit("add", json!(["m1", "m2"])).await, json!(["m1", "m2"]));
    assert_eq!(
        edit("Add", json!(["m2", "m3"])).await,
        json!(["m1", "m2", "m3"])
    );
    assert_eq!(
        edit("remove", json!(["m1", "x"])).await,
        json!(["m2", "m3"])
    );
    assert_eq!(edit("replace", json!(["m"])).await, json!(["m"]));
    assert_eq!(edit("replace", json!([])).await, json!([]));
    assert_eq!(app.origin.opened().len(), fetched, "nothing is fetched");
    assert_eq!(
        app.get("/customers/1/spaces/1/images/c").await.json(200)["manifests"],
        json!([])
    );
}

#[tokio::test]
async fn an_edit_of_manifests_says_everything_that_is_wrong_and_changes_nothing() {
    let app = app().await;
    let member = json!([{"id": "1/1/a"}, {"id": "1/1/none"}, {"id": "1/1/a"}]);
    for (field, operation, value, pointers) in [
        (
            json!("tags"),
            json!("append"),
            json!("x"),
            &[
                "/field",
                "/operation",
                "/value",
                "/member/1/id",
                "/member/2/id",
            ][..],
        ),
        (
            Value::Null,
            Value::Null,
            Value::Null,
            &[
                "/field",
                "/operation",
                "/value",
                "/member/1/id",
                "/member/2/id",
            ],
        ),
        (
            json!("manifests"),
            json!("add"),
            json!(["ok", "a\u{0}", 5]),
            &["/value/2", "/value/1", "/member/1/id", "/member/2/id"],
        ),
        (
            json!("manifests"),
            json!("replace"),
            json!(vec!["m"; 101]),
            &["/value", "/member/1/id", "/member/2/id"],
        ),
        (
            json!("manifests"),
            json!("add"),
            json!(["m"]),
            &["/member/1/id", "/member/2/id"],
        ),
    ] {
        let body =
            json!({"field": field, "operation": operation, "value": value, "member": member});
        let answer = app.send("PATCH", ALL, body.to_string()).await;
        assert_eq!(answer.pointers(400), pointers, "{body}");
    }
    let many: Vec<_> = (0..60).map(|count| format!("m{count}")).collect();
    let more: Vec<_> = (0..60).map(|count| format!("n{count}")).collect();
    let edit = |value: &[String], id: &str| {
        json!({"field": "manifests", "operation": "add", "value": value, "member": [{"id": "1/1/a"}, {"id": id}]}).to_string()
    };
    app.send("PATCH", ALL, edit(&many, "1/1/c")).await.json(200);
    let answer = app.send("PATCH", ALL, edit(&more, "1/2/b")).await;
    assert_eq!(answer.pointers(400), ["/member/0"]);
    let other = app.get("/customers/1/spaces/2/images/b").await.json(200);
    assert_eq!(other["manifests"], json!([]), "all or none");
    let one = json!({"field": "manifests", "operation": "add", "value": ["m"], "member": vec![json!({"id": "1/1/a"}); 501]});
    assert_eq!(
        app.send("PATCH", ALL, one.to_string()).await.pointers(400),
        ["/member"]
    );
}
