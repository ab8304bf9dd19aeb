//! What must not get through: values, origins, ids and paths.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use dlcs_core::dlcs::Settings;
use http::Request;
use http_body_util::Full;
use serde_json::json;

use crate::app::App;

const IMAGE: &str = "/customers/1/spaces/1/images/a";

#[tokio::test]
async fn values_that_no_image_has_are_400_and_named() {
    let app = App::new().await;
    app.picture("https://example.org/a.jpg");
    let long = "x".repeat(5 << 20);
    for (name, value, pointer) in [
        ("space", json!(-1), "/space"),
        ("space", json!(1e3), "/space"),
        ("space", json!(1.5), "/space"),
        ("space", json!(0), "/space"),
        ("space", json!("٣"), "/space"),
        ("space", json!(true), "/space"),
        ("number1", json!(9_223_372_036_854_775_808_u64), "/number1"),
        ("number1", json!("5"), "/number1"),
        ("number1", json!(1e3), "/number1"),
        ("number3", json!(1.5), "/number3"),
        ("string1", json!(5), "/string1"),
        ("string1", json!("a\u{0}b"), "/string1"),
        ("string1", json!(long), "/string1"),
        ("tags", json!("a,b"), "/tags"),
        ("tags", json!(["a\u{0}"]), "/tags/0"),
        ("tags", json!(vec!["t"; 100_000]), "/tags"),
        ("tags", json!(vec![5; 100]), "/tags/0"),
        ("roles", json!(vec!["r"; 10_000]), "/roles"),
        ("roles", json!([null]), "/roles/0"),
        ("maxUnauthorised", json!(-2), "/maxUnauthorised"),
        (
            "maxUnauthorised",
            json!(4_294_967_296_i64),
            "/maxUnauthorised",
        ),
        ("deliveryChannels", json!("thumbs"), "/deliveryChannels"),
        (
            "deliveryChannels",
            json!(["iiif-av"]),
            "/deliveryChannels/0",
        ),
        (
            "deliveryChannels",
            json!([{"policy": "default"}]),
            "/deliveryChannels/0/channel",
        ),
        ("deliveryChannels", json!([5]), "/deliveryChannels/0"),
        (
            "deliveryChannels",
            json!([{"channel": "iiif-img", "policy": "open-max"}]),
            "/deliveryChannels/0/policy",
        ),
        (
            "deliveryChannels",
            json!([{"channel": "thumbs", "policy": "https://x/thumbs/use-original"}]),
            "/deliveryChannels/0/policy",
        ),
        (
            "deliveryChannels",
            json!(vec!["thumbs"; 101]),
            "/deliveryChannels",
        ),
        (
            "imageOptimisationPolicy",
            json!("best"),
            "/imageOptimisationPolicy",
        ),
        (
            "thumbnailPolicy",
            json!("https://x/thumbnailPolicies/none"),
            "/thumbnailPolicy",
        ),
        ("mediaType", json!("text/html"), "/mediaType"),
        ("id", json!(""), "/id"),
        ("id", json!("a/b"), "/id"),
        ("id", json!(".."), "/id"),
        (
            "id",
            json!("https://api.example.org/customers/1/spaces/1/images/a"),
            "/id",
        ),
        ("id", json!(5), "/id"),
        ("file", json!("***"), "/file"),
        ("width", json!(5), "/width"),
        ("height", json!(5), "/height"),
        ("batch", json!(5), "/batch"),
        ("finished", json!("2016-01-01T00:00:00Z"), "/finished"),
        ("created", json!("2016-01-01T00:00:00Z"), "/created"),
    ] {
        let body = json!({"origin": "https://example.org/a.jpg", name: value});
        for (method, path) in [("PUT", IMAGE), ("POST", "/customers/1/spaces/1/images")] {
            let answer = app.send(method, path, body.to_string()).await;
            let pointers = answer.pointers(400);
            assert_eq!(
                pointers.first().map(String::as_str),
                Some(pointer),
                "{method} {name} {pointers:?}"
            );
            assert!(
                answer.body.len() < 40_000,
                "{name}: the answer has {} bytes",
                answer.body.len()
            );
        }
    }
    assert_eq!(
        app.get("/customers/1/spaces/1/images").await.json(200)["totalItems"],
        0
    );
    assert!(app.origin.opened().is_empty());
}

#[tokio::test]
async fn origins_that_cannot_be_fetched_are_400_without_trying() {
    let app = App::new().await;
    for origin in [
        "",
        "file:///etc/passwd",
        "https://user:canary@example.org/",
        "gopher://example.org/",
        "dict://example.org/",
        "data:text/plain,x",
        "javascript:alert(1)",
        "ldap://example.org/",
        "jar:http://a/!/",
        "unix:/x",
        r"\\host\share",
        "/a.jpg",
        "http://",
        "http://example.org:0/",
        "http://example.org:65536/",
        "http://a b/",
        "http://user%0d%0a@example.org/",
        "http://example.org/\u{7f}",
        "ftp://h/x%0d%0aDELE%20y",
        "#fragment",
        &format!("http://example.org/{}", "a".repeat(2048)),
    ] {
        let body = json!({"origin": origin}).to_string();
        let answer = app.send("PUT", IMAGE, body).await;
        assert_eq!(answer.pointers(400), ["/origin"], "{origin}");
        assert!(!answer.text().contains("canary"));
        let batch = json!({"member": [{"space": 1, "origin": origin}]}).to_string();
        assert_eq!(
            app.send("POST", "/customers/1/queue", batch)
                .await
                .pointers(400),
            ["/member/0/origin"],
            "{origin}"
        );
    }
    assert!(app.origin.opened().is_empty());
    assert_eq!(app.get(IMAGE).await.status, 404);
}

#[tokio::test]
async fn text_of_any_kind_is_kept_as_it_is() {
    let app = App::new().await;
    app.picture("https://example.org/a.jpg");
    let odd = "\u{1}\u{202e}\u{200b}<script>' OR 1=1--\r\n\"";
    let body = json!({"origin": "https://example.org/a.jpg", "string1": odd, "tags": [odd]});
    let image = app.send("PUT", IMAGE, body.to_string()).await.json(201);
    assert_eq!(
        (&image["string1"], &image["tags"]),
        (&json!(odd), &json!([odd]))
    );
}

#[tokio::test]
async fn encoded_bodies_are_415_and_too_large_ones_413_before_they_are_read() {
    let app = App::with(Settings::default(), |builder| builder.with_body_limit(1000)).await;
    let authorization = format!("Basic {}", STANDARD.encode(&app.admin));
    let put = |name: &str, value: &str, body: &'static [u8]| {
        let request = Request::put(IMAGE)
            .header("authorization", &authorization)
            .header(name, value);
        app.call(request.body(Full::new(Bytes::from_static(body))).unwrap())
    };
    assert_eq!(
        put("content-encoding", "gzip", b"\x1f\x8b").await.status,
        415
    );
    assert_eq!(put("content-length", "1001", b"").await.status, 413);
    // Whether it is read or not.
    for path in [
        "keys",
        "queue/batches/1/retry",
        "queue/batches/1/test",
        "spaces/1/images/a/reingest",
    ] {
        let request = Request::post(format!("/customers/1/{path}"))
            .header("authorization", &authorization)
            .header("content-encoding", "gzip");
        let answer = app.call(request.body(Full::default()).unwrap()).await;
        assert_eq!(answer.status, 415, "{path}");
    }
    let unauthorised = Request::put(IMAGE)
        .header("content-length", "99999999999")
        .body(Full::default());
    assert_eq!(app.call(unauthorised.unwrap()).await.status, 401);
}

#[tokio::test]
async fn ids_and_paths_follow_their_rules() {
    let app = App::new().await;
    app.picture("https://example.org/a.jpg");
    let put = async |id: &str| {
        let path = format!("/customers/1/spaces/1/images/{id}");
        app.send("PUT", &path, r#"{"origin":"https://example.org/a.jpg"}"#)
            .await
    };
    let (limit, over) = ("a".repeat(220), "a".repeat(221));
    for bad in [
        "a%2Fb", "..", ".", "%2e%2e", "..%5c", "C:%5C", "a%5cb", "%00", "%0d%0a", "%", "%zz",
        "%c0%ae", "%ff", &over,
    ] {
        assert_eq!(put(bad).await.status, 400, "{bad}");
    }
    for good in [
        "%252e%252e",
        "..;",
        "....",
        "CON",
        "a%20b",
        "a+b",
        "e%CC%81",
        "%C3%A9",
        "A",
        "a",
        "%F0%9F%97%BA",
        "%E2%80%8B",
        "a;b:c(d)",
        "a%3Fb%23",
        &limit,
    ] {
        let image = put(good).await.json(201);
        let link = image["@id"]
            .as_str()
            .unwrap()
            .replace("https://api.example.org", "");
        assert_eq!(app.get(&link).await.json(200), image, "{good}");
    }
    assert_eq!(
        app.get("/customers/1/spaces/1/images").await.json(200)["totalItems"],
        15
    );
    for missing in [
        "//",
        "/customers//1",
        "/customers/1//spaces",
        "/customers/-1",
        "/customers/1e1",
        "/customers/%D9%A3",
        "/customers/99999999999",
    ] {
        assert_eq!(app.get(missing).await.status, 404, "{missing}");
    }
    for space in ["0", "-1", "1e1", "%D9%A3", "99999999999"] {
        assert_eq!(
            app.get(&format!("/customers/1/spaces/{space}"))
                .await
                .status,
            404,
            "{space}"
        );
    }
}

#[tokio::test]
async fn a_body_cannot_reach_another_customer() {
    let app = App::new().await;
    app.picture("https://example.org/a.jpg");
    let (id, key) = app.customer("vam").await;
    let spaces = format!("/customers/{id}/spaces");
    app.send_as(
        Some(&key),
        "PUT",
        &format!("{spaces}/1"),
        r#"{"name":"own"}"#,
    )
    .await
    .json(201);
    let body = json!({"origin": "https://example.org/a.jpg", "customer": 1, "id": "x"});
    let made = app
        .send_as(
            Some(&key),
            "POST",
            &format!("{spaces}/1/images"),
            body.to_string(),
        )
        .await
        .json(201);
    assert!(
        made["@id"]
            .as_str()
            .unwrap()
            .contains(&format!("/customers/{id}/"))
    );
    let body = json!({"origin": "https://example.org/a.jpg", "@id": "https://api.example.org/customers/1/spaces/1/images/y"});
    assert_eq!(
        app.send_as(
            Some(&key),
            "POST",
            &format!("{spaces}/1/images"),
            body.to_string()
        )
        .await
        .pointers(400),
        ["/@id"]
    );
    assert_eq!(
        app.get("/customers/1/spaces/1/images").await.json(200)["totalItems"],
        0
    );
}

#[tokio::test]
async fn a_member_without_anything_is_told_everything_that_it_lacks() {
    let app = App::new().await;
    let answer = app
        .send(
            "POST",
            "/customers/1/queue",
            r#"{"member":[{},{"space":1}]}"#,
        )
        .await;
    assert_eq!(
        answer.pointers(400),
        ["/member/0/space", "/member/0/origin", "/member/1/origin"]
    );
}

#[tokio::test]
async fn a_scheme_that_is_not_served_is_refused_with_those_that_are() {
    let app = App::new().await;
    for scheme in ["gopher", "ftp"] {
        let body = json!({ "origin": format!("{scheme}://example.org/a") });
        let error = app.send("PUT", IMAGE, body.to_string()).await.json(400);
        assert_eq!(
            error["detail"],
            format!(
                "`origin` has the scheme `{scheme}`, which is not served here: use one that is, such as http, https"
            )
        );
    }
}

#[tokio::test]
async fn an_address_that_cannot_be_right_is_refused_where_it_stands() {
    let app = App::new().await;
    let body = json!({ "origin": "https://example.org/never" });
    let error = app.send("PUT", IMAGE, body.to_string()).await.json(400);
    assert_eq!(
        error["detail"],
        "`origin` cannot be used: the origin address is not allowed: nothing is ever there"
    );
}
