//! `/customers/{customer}/queue/csv`.

use dlcs_core::dlcs::Settings;
use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};

use crate::app::{Answer, App, masked};

const CSV: &str = "/customers/1/queue/csv";

async fn app(max_batch_size: usize) -> App {
    let settings = Settings::default().with_max_batch_size(max_batch_size);
    let app = App::with(settings, |builder| builder).await;
    app.send("PUT", "/customers/1/spaces/5", r#"{"name":"five"}"#)
        .await
        .json(201);
    app
}

/// So many rows below historic headers, as spreadsheets write them.
fn table(rows: std::ops::Range<usize>) -> String {
    let mut table =
        "\u{feff}Type;Line;Space;ID;Origin;Reference1;Tags;NumberReference1\r\n".to_owned();
    for row in rows {
        table.push_str(&format!(
            "Image;{row};5;page {row};https://example.org/{row}.tif;volume;\"a,b\";{row}\r\n"
        ));
    }
    table
}

async fn send_form(app: &App, parts: &[(&str, &str)]) -> Answer {
    let mut body = String::new();
    for (name, content) in parts {
        body.push_str(&format!(
            "--sep\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"a.csv\"\r\nContent-Type: text/csv\r\n\r\n{content}\r\n"
        ));
    }
    body.push_str("--sep--\r\n");
    let key = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &app.admin);
    let request = Request::post(CSV)
        .header("authorization", format!("Basic {key}"))
        .header("content-type", "multipart/form-data; boundary=sep");
    app.call(
        request
            .body(Full::new(body.into()))
            .expect("it is a request"),
    )
    .await
}

async fn counts(app: &App) -> (u64, u64) {
    let count = |value: Value| value["totalItems"].as_u64().expect("collections count");
    let images = app.get("/customers/1/spaces/5/images").await.json(200);
    let batches = app.get("/customers/1/queue/batches").await.json(200);
    (count(images), count(batches))
}

#[tokio::test]
async fn a_table_becomes_as_many_batches_as_its_rows_take() {
    let app = app(10).await;
    let made = app.send("POST", CSV, table(0..25)).await;
    assert_eq!(
        made.header("location"),
        "https://api.example.org/customers/1/queue/batches/1"
    );
    let made = made.json(201);
    insta::assert_snapshot!("csv_imported", masked(&made));
    let sizes: Vec<_> = made["member"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["count"])
        .collect();
    assert_eq!(sizes, [10, 10, 5]);
    assert_eq!(counts(&app).await, (25, 3));
    let image = app
        .get("/customers/1/spaces/5/images/page%2023")
        .await
        .json(200);
    assert_eq!(
        (
            &image["string1"],
            &image["tags"],
            &image["number1"],
            &image["origin"]
        ),
        (
            &json!("volume"),
            &json!(["a", "b"]),
            &json!(23),
            &json!("https://example.org/23.tif")
        )
    );
    assert!(image["batch"].as_str().unwrap().ends_with("/batches/3"));
}

#[tokio::test]
async fn a_table_comes_in_a_form_too() {
    let app = app(1000).await;
    let made = send_form(&app, &[("file", &table(0..2))]).await.json(201);
    assert_eq!(made["totalItems"], json!(1));
    assert_eq!(counts(&app).await, (2, 1));
    for parts in [&[][..], &[("image", "{}")], &[("file", "a"), ("file", "b")]] {
        let refused = send_form(&app, parts).await.json(400);
        assert!(
            refused["detail"].as_str().unwrap().contains("`file`"),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn one_wrong_row_and_nothing_is_queued() {
    let app = app(10).await;
    let wrong = table(0..25)
        + "Image;;7;x;https://example.org/x.tif;;;\r\nVideo;;5;a/b;nowhere;;;one\r\nImage;;5;page 3;https://example.org/y.tif;;;\r\nImage;;5;new;;;;\r\n";
    let refused = app.send("POST", CSV, wrong.clone()).await;
    let mut pointers = refused.pointers(400);
    pointers.sort_unstable();
    assert_eq!(
        pointers,
        [
            "/row/27/Space",
            "/row/28/ID",
            "/row/28/NumberReference1",
            "/row/28/Origin",
            "/row/28/Type",
            "/row/29/ID",
            "/row/30/Origin",
        ]
    );
    assert_eq!(counts(&app).await, (0, 0));
    // Nothing is wrong with cells by themselves: the queue finds it.
    for (row, pointer) in [
        ("Image;;7;x;https://example.org/x.tif;;;", "/row/27/Space"),
        ("Image;;5;page 3;https://example.org/x.tif;;;", "/row/27/ID"),
        ("Image;;5;new;;;;", "/row/27/Origin"),
    ] {
        let refused = app
            .send("POST", CSV, format!("{}{row}\n", table(0..25)))
            .await;
        assert_eq!(refused.pointers(400), [pointer]);
        assert_eq!(counts(&app).await, (0, 0));
    }

    let preview = app
        .send("POST", &format!("{CSV}?preview=true"), wrong)
        .await
        .json(200);
    assert_eq!(
        (&preview["rows"], &preview["batches"]),
        (&json!(29), &json!(3))
    );
    let errors = preview["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 7, "{preview}");
    assert_eq!(
        (&errors[0]["row"], &errors[0]["column"]),
        (&json!(28), &json!("Type"))
    );
    assert_eq!(counts(&app).await, (0, 0));
}

#[tokio::test]
async fn a_preview_shows_what_would_be_registered() {
    let app = app(10).await;
    let preview = app
        .send("POST", &format!("{CSV}?preview=TRUE"), table(0..2))
        .await;
    insta::assert_snapshot!("csv_preview", masked(&preview.json(200)));
    assert_eq!(counts(&app).await, (0, 0));
    // Nor does a slip of the pen import what was only to be looked at.
    for slip in ["preview=1", "preveiw=true"] {
        let path = format!("{CSV}?{slip}");
        app.send("POST", &path, table(0..2)).await.json(400);
    }
    assert_eq!(counts(&app).await, (0, 0));
}

#[tokio::test]
async fn what_is_no_table_is_refused_with_a_reason() {
    let app = app(10).await;
    let header = "Space,ID,Origin\n";
    for (body, said) in [
        (Vec::new(), "is empty"),
        (header.into(), "no rows"),
        (b"\xff\xfeS\0".to_vec(), "UTF-16"),
        ([header.as_bytes(), b"5,\xe9,x\n"].concat(), "not UTF-8"),
        (format!("{header}5,\"a,x\n").into(), "never closed"),
        (
            format!("{header}5,a\0b,https://example.org/a\n").into(),
            "/row/2/ID",
        ),
        (
            format!("{header}5,a,https://example.org/a,b\n").into(),
            "quote cells",
        ),
    ] {
        let refused = app.send("POST", CSV, body).await;
        let refused = refused.json(400).to_string();
        assert!(refused.contains(said), "{refused}");
    }
    assert_eq!(counts(&app).await, (0, 0));
}
