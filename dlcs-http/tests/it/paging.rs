//! Walking through listings of images by the links to the next page.

use serde_json::{Value, json};

use crate::app::App;

const API: &str = "https://api.example.org";
const IMAGES: &str = "/customers/1/spaces/1/images";

/// Has so many images, all of one batch.
async fn app(count: usize) -> App {
    let app = App::new().await;
    let members: Vec<_> = (0..count)
        .map(|number| {
            json!({"id": format!("i{number}"), "space": 1, "origin": "https://example.org/a.jpg", "number1": number / 2})
        })
        .collect();
    let body = json!({ "member": members }).to_string();
    app.send("POST", "/customers/1/queue", body).await.json(201);
    app
}

fn ids(page: &Value) -> Vec<String> {
    let members = page["member"].as_array().into_iter().flatten();
    let ids = members.map(|member| member["id"].as_str().unwrap_or_default().to_owned());
    ids.collect()
}

/// The link to the next page, without the public address.
fn next(page: &Value) -> Option<String> {
    let link = page["view"]["next"].as_str()?;
    Some(link.strip_prefix(API)?.to_owned())
}

#[tokio::test]
async fn next_links_lead_through_a_listing_whatever_is_deleted_meanwhile() {
    let app = app(7).await;
    for (order, expected) in [
        ("orderBy=number1", "i0 i1 i2 i3 i4 i5 i6"),
        ("orderByDescending=number1", "i6 i5 i4 i3 i2 i1 i0"),
        ("", "i0 i1 i2 i3 i4 i5 i6"),
    ] {
        let mut seen = Vec::new();
        let mut path = Some(format!("{IMAGES}?pageSize=2&{order}"));
        while let Some(at) = path {
            let page = app.get(&at).await.json(200);
            assert_eq!(page["totalItems"], 7);
            assert!(seen.len() < 7, "{at}");
            seen.extend(ids(&page));
            path = next(&page);
        }
        assert_eq!(seen.join(" "), expected, "{order}");
    }
    let first = app.get(&format!("{IMAGES}?pageSize=2")).await.json(200);
    app.send("DELETE", &format!("{IMAGES}/i0"), "").await;
    app.send("DELETE", &format!("{IMAGES}/i1"), "").await;
    let second = app.get(&next(&first).unwrap()).await.json(200);
    assert_eq!(ids(&second), ["i2", "i3"]);
    assert_eq!(second["view"]["page"], 2);
}

#[tokio::test]
async fn a_place_counts_for_its_own_page_only() {
    let app = app(7).await;
    let first = app.get(&format!("{IMAGES}?pageSize=2")).await.json(200);
    let second = next(&first).unwrap();
    for (from, to, expected) in [
        ("page=2", "page=3", ["i4", "i5"].as_slice()),
        ("pageSize=2", "pageSize=3", &["i3", "i4", "i5"]),
        ("?", "?orderByDescending=id&", &["i4", "i3"]),
        ("?", "?number1=3&", &[]),
    ] {
        let turned = second.replacen(from, to, 1);
        let page = app.get(&turned).await.json(200);
        assert_eq!(ids(&page), expected, "{turned}");
    }
    let view = app.get(&second).await.json(200)["view"].clone();
    for link in ["@id", "first", "previous", "last"] {
        let link = view[link].as_str().unwrap();
        assert!(!link.contains("after="), "{link}");
    }
    for broken in [format!("{second}x"), second.replace("after=", "after=%22")] {
        let error = app.get(&broken).await.json(400);
        assert!(error["detail"].as_str().unwrap().contains("`after`"));
    }
}
