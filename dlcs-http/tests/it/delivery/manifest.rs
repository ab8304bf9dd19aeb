//! `/iiif-manifest`: the manifest of one image.

use dlcs_core::image::{DeliveryChannel, ImageChanges};
use serde_json::{Value, json};

use super::fixture::Fixture;

const PATH: &str = "/iiif-manifest/1/1/map";
pub(crate) const ACCEPT_V2: (&str, &str) = (
    "accept",
    "application/ld+json;profile=\"http://iiif.io/api/presentation/2/context.json\"",
);

/// An image of which everything is said that can be.
async fn described() -> Fixture {
    let fixture = Fixture::with_image("map").await;
    let text = |text: &str| Some(text.to_owned());
    let changes = ImageChanges {
        strings: [text("<b>maps</b>"), None, text("the <sea>")],
        numbers: [Some(0), Some(-7), Some(i64::MAX)],
        tags: Some(vec!["old, torn".to_owned(), "map".to_owned()]),
        ..ImageChanges::default()
    };
    fixture.change("map", changes).await;
    fixture
}

async fn with_channels(channels: &[&str]) -> Fixture {
    let fixture = Fixture::new().await;
    let channels = channels.iter().map(|channel| DeliveryChannel {
        channel: (*channel).to_owned(),
        policy: None,
    });
    let registration = Fixture::registration("map").with_bytes("bytes");
    let registration = registration.with_channels(channels);
    let registered = fixture.dlcs.register(registration).await;
    registered.expect("an image that can be registered");
    fixture
}

#[tokio::test]
async fn version_three() {
    let fixture = described().await;
    let manifest = fixture.get("/iiif-manifest/v3/1/1/map").await.good();
    insta::assert_json_snapshot!(manifest.json());
    assert_eq!(
        manifest.header("content-type"),
        "application/ld+json;profile=\"http://iiif.io/api/presentation/3/context.json\""
    );
    assert_eq!(manifest.header("link"), "");
    assert_eq!(manifest.header("access-control-allow-origin"), "*");
}

#[tokio::test]
async fn version_two() {
    let fixture = described().await;
    let manifest = fixture.get("/iiif-manifest/v2/1/1/map").await.good();
    insta::assert_json_snapshot!(manifest.json());
    assert_eq!(manifest.header("content-type"), "application/json");
    assert_eq!(
        manifest.header("link"),
        "<http://iiif.io/api/presentation/2/context.json>;rel=\"http://www.w3.org/ns/json-ld#context\";type=\"application/ld+json\""
    );
}

#[tokio::test]
async fn without_a_version_it_is_the_third_unless_the_second_is_asked_for() {
    let fixture = Fixture::with_image("map").await;
    let base = "http://dlcs.example.org/iiif-manifest";
    for path in [PATH, "/iiif-manifest/default/1/map/"] {
        let third = fixture.get(path).await.good();
        assert_eq!(third.json()["id"], format!("{base}/1/1/map"));
        let second = fixture.ask("GET", path, &[ACCEPT_V2]).await.good();
        assert_eq!(second.json()["@id"], format!("{base}/v2/1/1/map"));
        assert_eq!(
            second.header("content-type"),
            "application/ld+json;profile=\"http://iiif.io/api/presentation/2/context.json\""
        );
        assert_eq!(
            (third.header("vary"), second.header("vary")),
            ("accept", "accept")
        );
        let plain = [("accept", "application/json")];
        let plain = fixture.ask("GET", path, &plain).await.good();
        assert_eq!(plain.header("content-type"), "application/json");
        assert_eq!(plain.body, third.body);
    }
    // The profile of another API says nothing of this one.
    let image = (
        "accept",
        "application/ld+json;profile=\"http://iiif.io/api/image/2/context.json\"",
    );
    let third = fixture.ask("GET", PATH, &[image]).await.good();
    assert_eq!(third.json()["id"], format!("{base}/1/1/map"));
}

#[tokio::test]
async fn every_address_in_it_leads_to_what_it_says() {
    for channels in [&["default"][..], &["iiif-img"], &["thumbs"]] {
        let fixture = with_channels(channels).await;
        for version in ["v2", "v3"] {
            let path = format!("/iiif-manifest/{version}/1/1/map");
            let manifest = fixture.get(&path).await.good().json();
            let mut contents = Vec::new();
            collect(&manifest, &mut contents);
            assert_eq!(contents.len(), 3, "{channels:?}: {manifest:#}");
            for content in contents {
                follow(&fixture, &content).await;
            }
        }
    }
}

/// The pictures of a manifest of either version.
pub(crate) fn collect(value: &Value, into: &mut Vec<Value>) {
    match value {
        Value::Object(object) => {
            if object.contains_key("service") {
                into.push(value.clone());
            }
            object.values().for_each(|value| collect(value, into));
        }
        Value::Array(items) => items.iter().for_each(|value| collect(value, into)),
        _ => {}
    }
}

pub(crate) async fn follow(fixture: &Fixture, content: &Value) {
    let local = |value: &Value| {
        let id = value.get("id").or_else(|| value.get("@id"));
        let id = id.and_then(Value::as_str).expect("an id");
        let path = id.strip_prefix("http://dlcs.example.org");
        path.expect("an address here").to_owned()
    };
    let picture = fixture.get(&local(content)).await.good();
    assert_eq!(picture.header("content-type"), content["format"]);
    let start = format!("{} x {} of ", content["width"], content["height"]);
    assert!(picture.body.starts_with(start.as_bytes()), "{content:#}");
    let services = &content["service"];
    let services = services
        .as_array()
        .cloned()
        .unwrap_or_else(|| vec![services.clone()]);
    for service in services {
        let info = fixture.get(&format!("{}/info.json", local(&service))).await;
        let info = info.good().json();
        assert_eq!(local(&info), local(&service));
        for side in ["width", "height"] {
            let said = service.get(side).unwrap_or(&info[side]);
            assert_eq!(info[side], *said, "{service:#}");
        }
        let profile = match &info["profile"] {
            Value::Array(profile) => &profile[0],
            profile => profile,
        };
        assert_eq!(*profile, service["profile"]);
        assert_eq!(info.get("id").is_some(), service["type"] == "ImageService3");
    }
}

#[tokio::test]
async fn what_cannot_be_shown_has_no_manifest() {
    let fixture = with_channels(&["none"]).await;
    assert_eq!(fixture.get(PATH).await.status, 404);
}

#[tokio::test]
async fn a_client_that_has_it_gets_304_until_something_else_is_said() {
    let fixture = Fixture::with_image("map").await;
    let first = fixture.get(PATH).await.good();
    assert_eq!(
        first.header("cache-control"),
        "public, max-age=0, must-revalidate"
    );
    assert_eq!(first.header("last-modified"), "", "no date can tell");
    let tag = first.header("etag");
    for method in ["GET", "HEAD"] {
        let known = fixture.ask(method, PATH, &[("if-none-match", tag)]).await;
        assert_eq!((known.status.as_u16(), known.body.len()), (304, 0));
        assert_eq!(known.header("etag"), tag);
    }
    let changes = ImageChanges {
        strings: [Some("another".to_owned()), None, None],
        ..ImageChanges::default()
    };
    fixture.change("map", changes).await;
    for condition in [
        ("if-none-match", tag),
        ("if-modified-since", "Wed, 04 May 2026 09:20:30 GMT"),
    ] {
        let other = fixture.ask("GET", PATH, &[condition]).await.good();
        assert_ne!(other.header("etag"), tag, "{condition:?}");
    }
}

#[tokio::test]
async fn ids_are_written_as_addresses() {
    let fixture = Fixture::with_image("a b?é").await;
    let manifest = fixture.get("/iiif-manifest/1/1/a%20b%3F%C3%A9").await;
    let manifest = manifest.good().json();
    let id = "http://dlcs.example.org/iiif-manifest/1/1/a%20b%3F%C3%A9";
    assert_eq!(manifest["id"], id);
    assert_eq!(manifest["label"], json!({"none": ["a b?é"]}));
}

#[tokio::test]
async fn a_query_string_and_credentials_change_nothing() {
    let fixture = Fixture::with_image("map").await;
    let plain = fixture.get(PATH).await.good();
    let credentials = [("authorization", "Basic nonsense")];
    let path = format!("{PATH}?x=1");
    let decorated = fixture.ask("GET", &path, &credentials).await.good();
    assert_eq!(
        (plain.headers, plain.body),
        (decorated.headers, decorated.body)
    );
}
