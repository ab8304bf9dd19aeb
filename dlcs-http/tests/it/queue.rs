//! `/customers/{customer}/queue`.

use dlcs_core::dlcs::Settings;
use dlcs_testkit::fake::FakeObject;
use serde_json::{Value, json};

use crate::app::{App, masked, text};

/// The body of the seed; its space is made by [`app`].
const SEED: &str = r#"{
  "@context": "http://www.w3.org/ns/hydra/context.jsonld",
  "@type": "Collection",
  "member": [
    {
        "space": 3,
        "id": "76677bd1-705e-4599",
        "origin": "https://example.org/dam/images/76677bd1-705e-4599.tiff",
        "string1": "bib343434",
        "number1": 0,
        "tags" : ["cover", "interesting"]        
    },
    {
        "space": 3,
        "id": "0bf94941-2c0f-49fd",
        "origin": "https://example.org/dam/images/0bf94941-2c0f-49fd.tiff",
        "string1": "bib343434",
        "number1": 1     
    }
  ]
}"#;

/// An app with space 3, where one of the seed's images is a picture and the other is not.
async fn app() -> App {
    let app = App::new().await;
    app.send("PUT", "/customers/1/spaces/3", r#"{"name":"three"}"#)
        .await
        .json(201);
    app.picture("https://example.org/dam/images/76677bd1-705e-4599.tiff");
    app.origin.serve(
        "https://example.org/dam/images/0bf94941-2c0f-49fd.tiff",
        FakeObject::new("text"),
    );
    app
}

fn ids(collection: &Value) -> Vec<String> {
    let members = collection["member"]
        .as_array()
        .expect("a collection has members");
    members.iter().map(|image| text(&image["id"])).collect()
}

#[tokio::test]
async fn the_batch_of_the_seed_goes_through_the_queue() {
    let app = app().await;
    let queue = "/customers/1/queue";
    let made = app.send("POST", queue, SEED).await;
    assert_eq!(
        made.header("location"),
        "https://api.example.org/customers/1/queue/batches/1"
    );
    insta::assert_snapshot!("batch_submitted", masked(&made.json(201)));
    assert!(app.origin.opened().is_empty());
    insta::assert_snapshot!(
        "queue_with_one_batch",
        masked(&app.get(queue).await.json(200))
    );
    let waiting = app
        .get("/customers/1/spaces/3/images/0bf94941-2c0f-49fd")
        .await
        .json(200);
    insta::assert_snapshot!("image_waiting", masked(&waiting));
    app.finish(1).await;
    let batch = app.get(&format!("{queue}/batches/1/")).await.json(200);
    insta::assert_snapshot!("batch_finished", masked(&batch));
    let follow = async |link: &str| {
        app.get(&text(&batch[link]).replace("https://api.example.org", ""))
            .await
            .json(200)
    };
    assert_eq!(
        ids(&follow("images").await),
        ["0bf94941-2c0f-49fd", "76677bd1-705e-4599"]
    );
    assert_eq!(
        ids(&follow("completedImages").await),
        ["76677bd1-705e-4599"]
    );
    let failed = follow("errorImages").await;
    assert_eq!(ids(&failed), ["0bf94941-2c0f-49fd"]);
    assert!(text(&failed["member"][0]["error"]).contains("plain text"));
    let test = text(&batch["test"]).replace("https://api.example.org", "");
    let tested = app.send("POST", &test, "").await.json(200);
    assert_eq!(tested, json!({"success": false}));
    assert_eq!(
        app.get("/customers/1/spaces/3/images?batch=1&error=true")
            .await
            .json(200)["totalItems"],
        1
    );
}

#[tokio::test]
async fn batches_are_listed_newest_first() {
    let app = app().await;
    for _ in 0..2 {
        app.send("POST", "/customers/1/queue", SEED).await.json(201);
    }
    let listed = async |name: &str| -> Vec<String> {
        let listed = app
            .get(&format!("/customers/1/queue/{name}"))
            .await
            .json(200);
        listed["member"]
            .as_array()
            .unwrap()
            .iter()
            .map(|batch| text(&batch["@id"]).rsplit('/').next().unwrap().to_owned())
            .collect()
    };
    assert_eq!(listed("batches").await, ["2", "1"]);
    assert_eq!(
        (listed("active").await, listed("recent").await),
        (vec!["2".to_owned()], vec![])
    );
    let first = app.get("/customers/1/queue/batches/1").await.json(200);
    assert_eq!(
        (&first["superseded"], &first["completed"]),
        (&json!(true), &json!(2))
    );
    app.finish(2).await;
    assert_eq!(
        (listed("active").await, listed("recent").await),
        (vec![], vec!["2".to_owned()])
    );
}

#[tokio::test]
async fn every_faulty_member_is_named_and_nothing_is_stored() {
    let app = app().await;
    let good = json!({"space": 3, "id": "good", "origin": "https://example.org/dam/images/76677bd1-705e-4599.tiff"});
    let with = |name: &str, value: Value| {
        let mut member = good.clone();
        member["id"] = json!("other");
        member[name] = value;
        member
    };
    let members = json!([
        good,
        good,
        with("space", json!(99)),
        with("space", Value::Null),
        with("id", json!("a/b")),
        with("id", json!("")),
        with("origin", Value::Null),
        with("origin", json!("gopher://example.org/")),
        with("number1", json!(1.5)),
        with("tags", json!(["a", 1])),
        5,
        with("string1", json!("x".repeat(1001))),
        with("width", json!(3)),
    ]);
    let body = json!({"@type": "Collection", "member": members});
    let mut pointers = app
        .send("POST", "/customers/1/queue", body.to_string())
        .await
        .pointers(400);
    pointers.sort_by_key(|pointer| pointer.split('/').nth(2).unwrap().parse::<u32>().unwrap());
    pointers.retain(|pointer| {
        ![
            "/member/7/id",
            "/member/8/id",
            "/member/9/id",
            "/member/11/id",
            "/member/12/id",
        ]
        .contains(&pointer.as_str())
    });
    assert_eq!(
        pointers,
        [
            "/member/1/id",
            "/member/2/space",
            "/member/3/space",
            "/member/4/id",
            "/member/5/id",
            "/member/6/origin",
            "/member/7/origin",
            "/member/8/number1",
            "/member/9/tags/1",
            "/member/10",
            "/member/11/string1",
            "/member/12/width",
        ]
    );
    assert_eq!(
        app.get("/customers/1/spaces/3/images").await.json(200)["totalItems"],
        0
    );
    assert_eq!(
        app.get("/customers/1/queue/batches").await.json(200)["totalItems"],
        0
    );
}

#[tokio::test]
async fn what_only_the_catalogue_knows_is_named_too() {
    let app = app().await;
    let member = |space: u32, id: &str, origin: bool| {
        let origin = if origin {
            json!("https://example.org/a")
        } else {
            Value::Null
        };
        json!({"space": space, "id": id, "origin": origin})
    };
    let body = json!({"member": [member(3, "a", true), member(4, "a", true), member(3, "a", true), member(3, "b", false)]});
    let answer = app
        .send("POST", "/customers/1/queue", body.to_string())
        .await;
    assert_eq!(
        answer.pointers(400),
        ["/member/1/space", "/member/2/id", "/member/3/origin"]
    );
}

#[tokio::test]
async fn an_image_that_exists_is_merged_and_one_without_an_id_gets_one() {
    let app = app().await;
    app.send("POST", "/customers/1/queue", SEED).await.json(201);
    app.finish(1).await;
    let body = json!({"member": [{"space": "3", "id": "76677bd1-705e-4599", "string2": "again"}, {"space": 3, "origin": "https://example.org/new"}]});
    app.send("POST", "/customers/1/queue", body.to_string())
        .await
        .json(201);
    app.finish(2).await;
    let merged = app
        .get("/customers/1/spaces/3/images/76677bd1-705e-4599")
        .await
        .json(200);
    assert_eq!(
        (&merged["string1"], &merged["string2"], &merged["tags"]),
        (
            &json!("bib343434"),
            &json!("again"),
            &json!(["cover", "interesting"])
        )
    );
    assert_eq!(
        merged["batch"],
        "https://api.example.org/customers/1/queue/batches/2"
    );
    assert_eq!(
        app.get("/customers/1/spaces/3/images").await.json(200)["totalItems"],
        3
    );
}

#[tokio::test]
async fn members_may_be_resources_that_were_read() {
    let app = app().await;
    app.send("POST", "/customers/1/queue", SEED).await.json(201);
    app.finish(1).await;
    let mut read = app
        .get("/customers/1/queue/batches/1/completedImages")
        .await
        .json(200);
    read["member"][0]["string3"] = json!("edited");
    app.send("POST", "/customers/1/queue", read.to_string())
        .await
        .json(201);
    read["member"][0]["batch"] = json!("https://api.example.org/customers/1/queue/batches/77");
    assert_eq!(
        app.send("POST", "/customers/1/queue", read.to_string())
            .await
            .pointers(400)
            .iter()
            .filter(|p| p.ends_with("batch"))
            .count(),
        1
    );
}

#[tokio::test]
async fn collections_that_are_no_batch_are_refused() {
    let app = App::with(Settings::default().with_max_batch_size(2), |builder| {
        builder
    })
    .await;
    let member =
        |id: u32| json!({"space": 1, "id": id.to_string(), "origin": "https://example.org/a"});
    let three = json!({"member": [member(1), member(2), member(3)]});
    let refused = app
        .send("POST", "/customers/1/queue", three.to_string())
        .await;
    assert_eq!(refused.pointers(400), ["/member"]);
    assert!(refused.text().contains("at most 2"), "{}", refused.text());
    assert_eq!(
        app.get("/customers/1/queue").await.json(200)["maxBatchSize"],
        2
    );
    for (body, pointer) in [
        (json!({"member": []}), "/member"),
        (json!({}), "/member"),
        (json!({"member": {}}), "/member"),
        (
            json!({"member": [member(1)], "view": {"next": "https://x/?page=2"}}),
            "/view",
        ),
    ] {
        assert_eq!(
            app.send("POST", "/customers/1/queue", body.to_string())
                .await
                .pointers(400),
            [pointer],
            "{body}"
        );
    }
    let last = json!({"@type": "hydra:Collection", "totalItems": 9, "member": [member(1)], "view": {"previous": "https://x/?page=1"}});
    assert_eq!(
        app.send("POST", "/customers/1/queue", last.to_string())
            .await
            .status,
        201
    );
}

#[tokio::test]
async fn another_customers_batch_is_not_there() {
    let app = app().await;
    app.send("POST", "/customers/1/queue", SEED).await.json(201);
    let (id, key) = app.customer("vam").await;
    for path in [
        "batches/1",
        "batches/1/images",
        "batches/9",
        "batches/0",
        "batches/x",
    ] {
        let path = format!("/customers/{id}/queue/{path}");
        assert_eq!(
            app.send_as(Some(&key), "GET", &path, "").await.status,
            404,
            "{path}"
        );
    }
    let member = json!({"member": [{"@id": "https://api.example.org/customers/1/spaces/3/images/x", "origin": "https://example.org/a"}]});
    let stolen = app
        .send_as(
            Some(&key),
            "POST",
            &format!("/customers/{id}/queue"),
            member.to_string(),
        )
        .await;
    assert_eq!(stolen.status, 400);
    assert_eq!(app.get("/customers/1/spaces/3/images/x").await.status, 404);
}
