//! Query strings of listings: read as data, and never ignored where they cannot be followed.

use serde_json::{Value, json};

use crate::app::{App, text};

#[tokio::test]
async fn queries_are_read_as_data() {
    let app = App::new().await;
    let images = "/customers/1/spaces/1/images";
    for (query, status) in [
        ("string1=%27%20OR%201=1--", 200),
        ("page=-1", 200),
        ("pageSize=1000000000", 200),
        ("page=x", 400),
        ("pageSize=1.5", 400),
        ("orderBy=id;drop", 400),
        ("number1=x", 400),
        ("error=perhaps", 400),
        ("string1=%ff", 400),
        ("q=%7B%22sting1%22:%22a%22%7D", 400),
        ("q=%7B%22batch%22:[1,%20true]%7D", 400),
        (
            "q=%7B%22batch%22:[1,2],%22id%22:[%22a%22],%22error%22:[true,false]%7D",
            200,
        ),
        ("_=1732656000", 200),
        ("sting1=a", 400),
        ("after=x", 400),
        ("pagesze=1", 400),
    ] {
        assert_eq!(
            app.get(&format!("{images}?{query}")).await.status,
            status,
            "{query}"
        );
    }
    let page = app
        .get(&format!("{images}?page=-1&pageSize=1000000000"))
        .await
        .json(200);
    assert_eq!(
        (&page["pageSize"], page.get("view")),
        (&json!(100), None::<&Value>)
    );
}

#[tokio::test]
async fn an_unknown_name_in_q_is_named_with_the_one_that_was_meant() {
    let app = App::new().await;
    let images = "/customers/1/spaces/1/images";
    for (q, named) in [
        (
            "%7B%22sting1%22:%22a%22%7D",
            ["sting1", "did you mean 'string1'"],
        ),
        ("%7B%22colour%22:1%7D", ["colour", "ingesting"]),
    ] {
        let error = app.get(&format!("{images}?q={q}")).await.json(400);
        let detail = error["detail"].as_str().unwrap();
        assert!(named.iter().all(|name| detail.contains(name)), "{detail}");
    }
}

#[tokio::test]
async fn an_order_is_by_a_property_of_the_member() {
    let app = App::new().await;
    for (path, order, status) in [
        ("/customers", "orderBy=id", 200),
        ("/customers", "orderByDescending=displayName", 200),
        ("/customers", "orderBy=colour", 400),
        ("/customers/1/spaces", "orderBy=ID", 200),
        (
            "/customers/1/spaces",
            "orderBy=approximateNumberOfImages",
            200,
        ),
        ("/customers/1/spaces", "orderBy=count", 400),
        (
            "/customers/1/spaces/1/images",
            "orderByDescending=ROLES",
            200,
        ),
        ("/customers/1/spaces/1/images", "orderBy=colour", 400),
        ("/customers/1/keys", "orderByDescending=key", 200),
        ("/customers/1/keys", "orderBy=secret", 400),
        (
            "/customers/1/queue/batches",
            "orderByDescending=submitted",
            200,
        ),
        ("/customers/1/queue/active", "orderBy=errors", 200),
        ("/customers/1/queue/batches", "orderBy=estCompletion", 400),
        ("/customers/1/queue/recent", "orderBy=colour", 400),
        ("/customers/1/originStrategies", "orderBy=regex", 200),
        ("/customers/1/originStrategies", "orderBy=credentials", 200),
        (
            "/customers/1/originStrategies",
            "orderBy=ORIGINSTRATEGY",
            200,
        ),
        ("/customers/1/spaces/1/images", "orderBy=thumbnail400", 200),
        ("/customers/1/queue/batches", "orderBy=retry", 200),
        ("/customers", "orderByDescending=allImages", 200),
        ("/thumbnailPolicies", "orderBy=sizes", 200),
        (
            "/customers/1/deliveryChannelPolicies/thumbs",
            "orderBy=channel",
            200,
        ),
        ("/originStrategies", "orderByDescending=name", 200),
        ("/originStrategies", "orderBy=colour", 400),
    ] {
        let answer = app.get(&format!("{path}?{order}")).await;
        assert_eq!(answer.status, status, "{path} {order}: {}", answer.text());
    }
}

/// The sentences of a refusal.
async fn refused(app: &App, path: &str) -> Vec<String> {
    let error = app.get(path).await.json(400);
    let errors = error["errors"].as_array().expect("errors are a list");
    errors.iter().map(|it| text(&it["detail"])).collect()
}

#[tokio::test]
async fn everything_that_is_wrong_with_a_query_string_is_listed() {
    let app = App::new().await;
    let images = "/customers/1/spaces/1/images";
    for (path, named) in [
        (
            format!("{images}?page=x&pageSize=y&number1=z"),
            &["page", "pageSize", "number1"][..],
        ),
        (
            format!("{images}?number1=x&number1=y&number2=5&batch=z&error=perhaps"),
            &["number1", "number1", "batch", "error"],
        ),
        (
            format!("{images}?sting1=a&orderBy=colour&orderByDescending=sound&after=x&id=a/b"),
            &["sting1", "id", "orderBy", "orderByDescending", "after"],
        ),
        (
            format!(
                "{images}?q={{\"colour\":1,\"sting1\":2,\"number1\":[\"x\",1.5],\"error\":1}}&string1=%00"
            ),
            &["colour", "sting1", "string1", "number1", "number1", "error"],
        ),
        (
            "/customers?page=x&pageSize=y&orderBy=colour".to_owned(),
            &["page", "pageSize", "orderBy"],
        ),
        (
            "/customers/1/queue/batches?page=x&orderBy=colour".to_owned(),
            &["page", "orderBy"],
        ),
        (
            "/customers/1/roles?pageSize=x&orderBy=colour".to_owned(),
            &["pageSize", "orderBy"],
        ),
    ] {
        let path = path
            .replace('{', "%7B")
            .replace('}', "%7D")
            .replace('"', "%22");
        let found = refused(&app, &path).await;
        let all = found.join("\n");
        assert_eq!(found.len(), named.len(), "{path}: {all}");
        for (detail, name) in found.iter().zip(named) {
            let is_named = [format!("`{name}`"), format!("`{name}: ")];
            assert!(
                is_named.iter().any(|it| detail.contains(it)),
                "{name}: {detail}"
            );
        }
    }
    let import = "/customers/1/queue/csv?previw=true&preview=x";
    let both = app.send("POST", import, "Space\n1\n").await;
    assert_eq!(both.pointers(400).len(), 2);
    let detail = text(&both.json(400)["detail"]);
    assert!(
        detail.starts_with("2 problems: the parameter `previw`"),
        "{detail}"
    );
}
