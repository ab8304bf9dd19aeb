//! `/customers/{customer}/originStrategies`.

use dlcs_core::CustomerId;
use dlcs_core::origin::{Credentials, OriginAccess};
use dlcs_testkit::fake::FakeObject;
use serde_json::{Value, json};

use crate::app::{App, masked, text};

const PATH: &str = "/customers/1/originStrategies";

fn basic(regex: &str) -> Value {
    json!({"regex": regex, "strategy": "basic-http-authentication", "credentials": "{\"user\":\"canary-user\",\"password\":\"canary-password\"}"})
}

#[tokio::test]
async fn credentials_go_in_and_never_come_out() {
    let app = App::new().await;
    let made = app
        .send("POST", PATH, basic(r"https://example\.org/").to_string())
        .await;
    insta::assert_snapshot!(masked(&made.json(201)));
    let path = made
        .header("location")
        .replace("https://api.example.org", "");
    for answer in [
        made,
        app.get(PATH).await,
        app.get(&path).await,
        app.send("PATCH", &path, r#"{"order":5}"#).await,
    ] {
        assert!(
            answer.status.is_success() && !answer.text().contains("canary"),
            "{}",
            answer.text()
        );
    }
}

#[tokio::test]
async fn the_credentials_are_used_and_kept_when_the_mask_comes_back() {
    let app = App::new().await;
    let access = OriginAccess::BasicHttp(Credentials::new("canary-user", "canary-password"));
    app.origin.serve(
        "https://example.org/a.jpg",
        FakeObject::new(crate::app::PICTURE).protected_by(access),
    );
    let register = async || {
        app.send(
            "PUT",
            "/customers/1/spaces/1/images/a",
            r#"{"origin":"https://example.org/a.jpg"}"#,
        )
        .await
        .status
        .as_u16()
    };
    assert_eq!(register().await, 502);
    let mut strategy = app
        .send("POST", PATH, basic(r"https://example\.org/").to_string())
        .await
        .json(201);
    assert_eq!(register().await, 200);
    let path = text(&strategy["@id"]).replace("https://api.example.org", "");
    strategy["optimised"] = json!(true);
    assert_eq!(
        app.send("PUT", &path, strategy.to_string()).await.json(200),
        strategy
    );
    assert_eq!(register().await, 200);
    let other = json!({"credentials": {"User": "canary-user", "Password": "wrong"}});
    app.send("PATCH", &path, other.to_string()).await.json(200);
    assert_eq!(register().await, 502);
}

#[tokio::test]
async fn both_spellings_and_addresses_name_a_strategy() {
    let app = App::new().await;
    for (n, (name, value)) in [
        ("strategy", "default"),
        ("originStrategy", "https://x/originStrategies/default"),
        ("STRATEGY", "https://x/originStrategies/default/"),
    ]
    .into_iter()
    .enumerate()
    {
        let made = app
            .send(
                "POST",
                PATH,
                json!({"regex": format!("r{n}"), name: value}).to_string(),
            )
            .await
            .json(201);
        assert_eq!(
            (&made["strategy"], &made["credentials"], &made["order"]),
            (&json!("default"), &json!(""), &json!(n + 1))
        );
    }
    let orders = app.get(PATH).await.json(200);
    assert_eq!(orders["totalItems"], 3);
}

#[tokio::test]
async fn a_strategy_can_change_its_kind() {
    let app = App::new().await;
    let made = app
        .send("POST", PATH, basic("r").to_string())
        .await
        .json(201);
    let path = text(&made["@id"]).replace("https://api.example.org", "");
    let mut edited = made.clone();
    edited["strategy"] = json!("default");
    let open = app.send("PUT", &path, edited.to_string()).await.json(200);
    assert_eq!(
        (&open["strategy"], &open["credentials"]),
        (&json!("default"), &json!(""))
    );
    let without = app
        .send(
            "PATCH",
            &path,
            r#"{"strategy":"basic-http-authentication"}"#,
        )
        .await;
    assert_eq!(without.pointers(400), ["/credentials"]);
}

#[tokio::test]
async fn what_cannot_be_a_strategy_is_refused_without_showing_secrets() {
    let app = App::new().await;
    let with = |name: &str, value: Value| {
        let mut body = basic("x");
        body[name] = value;
        body
    };
    for (body, pointer) in [
        (with("regex", json!("(((")), "/regex"),
        (with("regex", json!("a".repeat(10_240))), "/regex"),
        (with("regex", json!("(?:a{1000}){1000}")), "/regex"),
        (with("regex", json!("")), "/regex"),
        (with("regex", Value::Null), "/regex"),
        (with("strategy", json!("s3")), "/strategy"),
        (with("strategy", Value::Null), "/strategy"),
        (with("strategy", json!("default")), "/credentials"),
        (with("credentials", Value::Null), "/credentials"),
        (with("credentials", json!("xxx")), "/credentials"),
        (with("credentials", json!("")), "/credentials"),
        (
            with("credentials", json!("canary-not-json")),
            "/credentials",
        ),
        (
            with("credentials", json!({"user": "canary"})),
            "/credentials",
        ),
        (
            with("credentials", json!({"user": "canary:x", "password": "p"})),
            "/credentials",
        ),
        (with("credentials", json!(["canary"])), "/credentials"),
        (with("order", json!("1")), "/order"),
        (with("optimised", json!("yes")), "/optimised"),
    ] {
        let answer = app.send("POST", PATH, body.to_string()).await;
        assert_eq!(answer.pointers(400), [pointer], "{body}");
        assert!(!answer.text().contains("canary"), "{}", answer.text());
    }
    assert_eq!(app.get(PATH).await.json(200)["totalItems"], 0);
}

#[tokio::test]
async fn patterns_of_the_dotnet_world_are_accepted() {
    let app = App::new().await;
    for regex in [r"(?<!\.tif|\.tiff)$", r"(a)\1", "*", "(a+)+$"] {
        assert_eq!(
            app.send("POST", PATH, basic(regex).to_string())
                .await
                .status,
            201,
            "{regex}"
        );
        assert_eq!(
            app.send("POST", PATH, basic(regex).to_string())
                .await
                .status,
            409,
            "{regex}"
        );
    }
}

#[tokio::test]
async fn a_deleted_strategy_is_gone_and_anothers_was_never_there() {
    let app = App::new().await;
    let made = app
        .send("POST", PATH, basic("r").to_string())
        .await
        .json(201);
    let path = text(&made["@id"]).replace("https://api.example.org", "");
    let (id, key) = app.customer("vam").await;
    let elsewhere = path.replace("/customers/1/", &format!("/customers/{id}/"));
    for method in ["GET", "PUT", "PATCH", "DELETE"] {
        assert_eq!(
            app.send_as(Some(&key), method, &elsewhere, basic("r").to_string())
                .await
                .status,
            404,
            "{method}"
        );
    }
    assert_eq!(app.send("DELETE", &path, "").await.status, 204);
    assert_eq!(app.send("DELETE", &path, "").await.status, 404);
    assert_eq!(app.get(&format!("{PATH}/not-an-id")).await.status, 404);
}

#[tokio::test]
async fn every_strategy_takes_the_credentials_that_it_needs() {
    let app = App::new().await;
    let pair = json!({"user": "canary-user", "password": "canary-password"});
    let key = json!({"user": "canary-user", "privateKey": "-----BEGIN\ncanary\n", "passphrase": "canary"});
    let s3 = json!({"accessKeyId": "canary", "secretAccessKey": "canary", "region": "eu-west-1", "endpoint": "https://minio.example.org"});
    for (n, (strategy, name, credentials, masked)) in [
        ("s3-ambient", "s3-ambient", json!(null), ""),
        ("s3-ambient", "s3-ambient", s3, "xxx"),
        ("ftp", "ftp", json!(""), ""),
        ("ftps_creds", "ftp", pair.clone(), "xxx"),
        ("sftp", "sftp", pair.clone(), "xxx"),
        ("https://x/originStrategies/sftp", "sftp", key, "xxx"),
        (
            "basic_https",
            "basic-http-authentication",
            pair.clone(),
            "xxx",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        for (form, given) in [
            ("object", credentials.clone()),
            (
                "text",
                if credentials.is_object() {
                    json!(credentials.to_string())
                } else {
                    credentials
                },
            ),
        ] {
            let body =
                json!({"regex": format!("{form}{n}"), "strategy": strategy, "credentials": given});
            let made = app.send("POST", PATH, body.to_string()).await;
            assert!(!made.text().contains("canary"), "{}", made.text());
            let made = made.json(201);
            assert_eq!(
                (&made["strategy"], &made["credentials"]),
                (&json!(name), &json!(masked))
            );
        }
    }
    for (strategy, credentials) in [
        ("sftp", json!(null)),
        ("sftp", json!({"user": "canary"})),
        (
            "ftp",
            json!({"user": "canary", "password": "canary\r\nDELE x"}),
        ),
        ("s3-ambient", json!({"accessKeyId": "canary"})),
        ("s3-ambient", pair.clone()),
        ("default", pair),
    ] {
        let body = json!({"regex": "never", "strategy": strategy, "credentials": credentials});
        let refused = app.send("POST", PATH, body.to_string()).await;
        assert_eq!(refused.pointers(400), ["/credentials"], "{strategy}");
        assert!(!refused.text().contains("canary"), "{}", refused.text());
    }
}

#[tokio::test]
async fn an_origin_can_be_tried_before_it_is_registered() {
    let app = App::new().await;
    let access = OriginAccess::BasicHttp(Credentials::new("canary-user", "canary-password"));
    let object = FakeObject::new("four").with_media_type("image/tiff");
    app.origin.serve(
        "https://example.org/a.tif?signature=canary",
        object.protected_by(access),
    );
    let path = format!("{PATH}/test");
    let trial = async |origin: &str| {
        let answer = app
            .send("POST", &path, json!({"origin": origin}).to_string())
            .await;
        assert!(!answer.text().contains("canary"), "{}", answer.text());
        answer.json(200)
    };
    let address = "https://example.org/a.tif?signature=canary";
    let denied = trial(address).await;
    assert_eq!(
        (&denied["success"], &denied["strategy"]),
        (&json!(false), &json!("default"))
    );
    assert_eq!(denied.get("matched"), None);
    assert!(
        text(&denied["error"]).contains("refused access"),
        "{denied}"
    );

    let made = app
        .send("POST", PATH, basic(r"example\.org/a").to_string())
        .await
        .json(201);
    let held_back = trial(address).await;
    assert_eq!(held_back["credentialsHeldBack"], true);
    assert_eq!(
        (&held_back["success"], &held_back["matched"]),
        (&json!(false), &made["@id"])
    );

    let link = text(&made["@id"]).replace("https://api.example.org", "");
    let whole = json!({"regex": r"^https://example\.org/"}).to_string();
    app.send("PATCH", &link, whole).await.json(200);
    let good = trial(address).await;
    assert_eq!(
        (&good["success"], &good["error"]),
        (&json!(true), &json!(""))
    );
    assert_eq!(
        (&good["mediaType"], &good["size"]),
        (&json!("image/tiff"), &json!(4))
    );
    assert_eq!(
        (&good["regex"], &good["credentialsHeldBack"]),
        (&json!(r"^https://example\.org/"), &json!(false))
    );
    assert_eq!(good["origin"], "https://example.org/a.tif?…");

    let gopher = trial("gopher://example.org/a").await;
    assert!(
        text(&gopher["error"]).contains("no origin serves `gopher`"),
        "{gopher}"
    );
    for (body, pointer) in [
        ("{}", "/origin"),
        (r#"{"origin":"here"}"#, "/origin"),
        (r#"{"origin":7}"#, "/origin"),
    ] {
        assert_eq!(app.send("POST", &path, body).await.pointers(400), [pointer]);
    }
    assert_eq!(
        app.get("/customers/1/spaces/1/images").await.json(200)["totalItems"],
        0
    );
}

#[tokio::test]
async fn strategies_of_one_customer_never_serve_another() {
    let app = App::new().await;
    let access = OriginAccess::BasicHttp(Credentials::new("canary-user", "canary-password"));
    app.origin.serve(
        "https://example.org/a.jpg",
        FakeObject::new(crate::app::PICTURE).protected_by(access),
    );
    let made = app
        .send("POST", PATH, basic(r"https://example\.org/").to_string())
        .await
        .json(201);
    let (other, key) = app.customer("other").await;
    app.send_as(
        Some(&key),
        "PUT",
        &format!("/customers/{other}/spaces/1"),
        r#"{"name":"s"}"#,
    )
    .await;
    let image = format!("/customers/{other}/spaces/1/images/a");
    let origin = r#"{"origin":"https://example.org/a.jpg"}"#;
    let refused = app
        .send_as(Some(&key), "PUT", &image, origin)
        .await
        .json(502);
    assert!(
        text(&refused["detail"]).contains("no origin strategy matches"),
        "{refused}"
    );
    // Nor can it be looked at under the other's name.
    let stolen = text(&made["@id"]).replace(
        "https://api.example.org/customers/1/",
        &format!("/customers/{other}/"),
    );
    assert_eq!(
        app.send_as(Some(&key), "GET", &stolen, "").await.status,
        404
    );
    assert_eq!(
        app.send("PUT", "/customers/1/spaces/1/images/a", origin)
            .await
            .json(201)["error"],
        ""
    );
}

#[tokio::test]
async fn patterns_that_would_hold_the_server_up_are_refused_and_so_are_too_many() {
    let app = App::new().await;
    let endless = r"()(?:(?:(?:(?:(?:\1){999}){999}){999}){999}){999}";
    let body = json!({"regex": endless, "strategy": "default"}).to_string();
    let refused = app.send("POST", PATH, body).await;
    assert_eq!(refused.pointers(400), ["/regex"]);
    for n in 0..100 {
        let body = json!({"regex": format!("r{n}"), "strategy": "default"}).to_string();
        assert_eq!(app.send("POST", PATH, body).await.status, 201);
    }
    let body = json!({"regex": "one more", "strategy": "default"}).to_string();
    let refused = app.send("POST", PATH, body).await;
    assert!(text(&refused.json(400)["detail"]).contains("100 origin strategies"));
}

#[tokio::test]
async fn credentials_that_cannot_be_read_can_be_seen_and_given_again() {
    let app = App::new().await;
    let made = app
        .send("POST", PATH, basic("^https://example").to_string())
        .await
        .json(201);
    let path = text(&made["@id"]).replace("https://api.example.org", "");
    let catalogue = app.dlcs.catalogue();
    let mut stored = catalogue
        .list_origin_strategies(CustomerId::FIRST)
        .await
        .expect("memory does not fail");
    let mut unreadable = stored.remove(0);
    unreadable.access = OriginAccess::Unreadable(unreadable.access.kind());
    catalogue
        .update_origin_strategy(unreadable)
        .await
        .expect("it is there");
    assert_eq!(app.get(&path).await.json(200), made);
    let trial = json!({"origin": "https://example.org/a.jpg"}).to_string();
    let trial = app
        .send("POST", &format!("{PATH}/test"), trial)
        .await
        .json(200);
    // The pattern does not cover the host, so that nothing would be sent anyway.
    assert_eq!(trial["credentialsHeldBack"], true);
    let whole = json!({"regex": r"^https://example\.org/"}).to_string();
    assert_eq!(
        app.send("PATCH", &path, whole).await.json(200)["credentials"],
        "xxx"
    );
    let trial = json!({"origin": "https://example.org/a.jpg"}).to_string();
    let trial = app
        .send("POST", &format!("{PATH}/test"), trial)
        .await
        .json(200);
    assert!(text(&trial["error"]).contains("give them again"), "{trial}");
    let again = json!({"credentials": {"user": "canary", "password": "canary"}}).to_string();
    app.send("PATCH", &path, again).await.json(200);
    let trial = json!({"origin": "https://example.org/a.jpg"}).to_string();
    let trial = app
        .send("POST", &format!("{PATH}/test"), trial)
        .await
        .json(200);
    assert!(
        text(&trial["error"]).contains("nothing at that address"),
        "{trial}"
    );
}

#[tokio::test]
async fn a_bucket_that_the_pattern_does_not_cover_is_not_asked_for_elsewhere() {
    let app = App::new().await;
    let credentials = json!({"accessKeyId": "canary", "secretAccessKey": "canary", "endpoint": "https://minio.example.org"});
    let body = json!({"regex": "^s3://fil", "strategy": "s3-ambient", "credentials": credentials});
    app.send("POST", PATH, body.to_string()).await.json(201);
    let body = json!({"origin": "s3://files/a.jpg"}).to_string();
    let trial = app
        .send("POST", &format!("{PATH}/test"), body)
        .await
        .json(200);
    let error = text(&trial["error"]);
    assert!(
        error.contains("does not cover the scheme and the bucket"),
        "{trial}"
    );
    assert_eq!(trial["credentialsHeldBack"], true);
}
