//! `/iiif-resource` and `/raw-resource`: what named queries select.

use std::num::NonZeroU32;
use std::time::Duration;

use dlcs_core::image::{DeliveryChannel, ImageChanges, OpenAccess};
use dlcs_core::setting::{NamedQuery, Setting, SettingBody, SettingName};
use dlcs_core::{CustomerId, ImageId};
use serde_json::{Value, json};

use super::errors::is_error;
use super::fixture::Fixture;
use super::manifest::{ACCEPT_V2, collect, follow};

const PATH: &str = "/iiif-resource/1/pages/bib";
const IDS: &str = "/raw-resource/1/pages/bib";

async fn name_query(fixture: &Fixture, name: &str, template: &str) {
    let name = SettingName::parse(name).expect("a name");
    let query = NamedQuery::new(name, template).expect("a template that can be used");
    let now = fixture.dlcs.clock().now();
    let setting = Setting::new(CustomerId::FIRST, SettingBody::NamedQuery(query), now);
    let created = fixture.dlcs.catalogue().create_setting(setting).await;
    created.expect("a name that is free");
}

fn page(number: i64) -> ImageChanges {
    ImageChanges {
        strings: [Some("bib".to_owned()), None, None],
        numbers: [Some(number), None, None],
        ..ImageChanges::default()
    }
}

async fn register(fixture: &Fixture, model: &str, bytes: &str, channels: &[&str], number: i64) {
    let registration = Fixture::registration(model).with_bytes(bytes.to_owned());
    let channels = channels.iter().map(|channel| DeliveryChannel {
        channel: (*channel).to_owned(),
        policy: None,
    });
    let registration = registration.with_channels(channels);
    let registered = fixture.dlcs.register(registration).await;
    registered.expect("an image that can be registered");
    fixture.change(model, page(number)).await;
    fixture.clock.advance(Duration::from_secs(1));
}

/// Two pages of a book, registered the other way round, and a page of another.
async fn book() -> Fixture {
    let fixture = Fixture::new().await;
    register(&fixture, "verso", "1000x600", &["default"], 2).await;
    register(&fixture, "recto", "600x1000", &["default"], 1).await;
    fixture.register("other", "bytes").await;
    name_query(&fixture, "pages", "canvas=n1&s1=p1").await;
    fixture
}

/// The labels of the canvases of a manifest of version 3.
fn shown(manifest: &Value) -> Vec<&str> {
    let canvases = manifest["items"].as_array().expect("canvases");
    let labels = canvases.iter().map(|canvas| &canvas["label"]["none"][0]);
    labels.map(|label| label.as_str().expect("text")).collect()
}

fn with_roles() -> ImageChanges {
    ImageChanges {
        roles: Some(vec!["staff".to_owned()]),
        ..ImageChanges::default()
    }
}

#[tokio::test]
async fn version_three() {
    let fixture = book().await;
    let path = "/iiif-resource/v3/1/pages/bib";
    let manifest = fixture.get(path).await.good();
    insta::assert_json_snapshot!(manifest.json());
    assert_eq!(
        manifest.header("content-type"),
        "application/ld+json;profile=\"http://iiif.io/api/presentation/3/context.json\""
    );
}

#[tokio::test]
async fn version_two() {
    let fixture = book().await;
    let path = "/iiif-resource/v2/1/pages/bib";
    let manifest = fixture.get(path).await.good();
    insta::assert_json_snapshot!(manifest.json());
    assert_eq!(manifest.header("content-type"), "application/json");
}

#[tokio::test]
async fn every_address_in_it_leads_to_what_it_says() {
    let fixture = book().await;
    register(&fixture, "full", "bytes", &["iiif-img"], 3).await;
    register(&fixture, "small", "bytes", &["thumbs"], 4).await;
    for version in ["v2", "v3"] {
        let path = format!("/iiif-resource/{version}/1/pages/bib");
        let manifest = fixture.get(&path).await.good().json();
        let id = manifest.get("id").unwrap_or(&manifest["@id"]);
        assert_eq!(*id, format!("http://dlcs.example.org{path}"));
        let mut contents = Vec::new();
        collect(&manifest, &mut contents);
        assert_eq!(contents.len(), 9, "{manifest:#}");
        for content in contents {
            follow(&fixture, &content).await;
        }
    }
}

#[tokio::test]
async fn the_customer_has_a_name_and_the_version_may_be_left_to_accept() {
    let fixture = book().await;
    let base = "http://dlcs.example.org/iiif-resource";
    for path in [PATH, "/iiif-resource/default/pages/bib/"] {
        let third = fixture.get(path).await.good();
        assert_eq!(third.json()["id"], format!("{base}/1/pages/bib"));
        let second = fixture.ask("GET", path, &[ACCEPT_V2]).await.good();
        assert_eq!(second.json()["@id"], format!("{base}/v2/1/pages/bib"));
        assert_eq!(second.header("vary"), "accept");
        assert_ne!(second.header("etag"), third.header("etag"));
    }
    let ids = fixture.get("/raw-resource/default/pages/bib").await.good();
    assert_eq!(ids.json(), json!(["1/1/recto", "1/1/verso"]));
    assert_eq!(ids.header("content-type"), "application/json");
}

#[tokio::test]
async fn arguments_are_decoded_once_and_encoded_again() {
    let fixture = book().await;
    let changes = ImageChanges {
        strings: [Some("a/b c%2F".to_owned()), Some("é".to_owned()), None],
        ..ImageChanges::default()
    };
    fixture.change("other", changes).await;
    name_query(&fixture, "two", "s1=p1&s2=p2").await;
    let manifest = fixture.get("/iiif-resource/1/two/a%2fb%20%63%252F/%C3%A9");
    let manifest = manifest.await.good().json();
    let id = "http://dlcs.example.org/iiif-resource/1/two/a%2Fb%20c%252F/%C3%A9";
    assert_eq!(manifest["id"], id);
    assert_eq!(manifest["label"], json!({"none": ["two: a/b c%2F, é"]}));
    assert_eq!(shown(&manifest), ["other"]);
}

#[tokio::test]
async fn without_an_order_images_go_by_their_creation() {
    let fixture = book().await;
    name_query(&fixture, "all", "space=1").await;
    let ids = fixture.get("/raw-resource/1/all").await.good().json();
    assert_eq!(ids, json!(["1/1/verso", "1/1/recto", "1/1/other"]));
    let manifest = fixture.get("/iiif-resource/1/all").await.good().json();
    assert_eq!(shown(&manifest), ["verso", "recto", "other"]);
    assert_eq!(manifest["label"], json!({"none": ["all"]}));
}

#[tokio::test]
async fn what_is_not_open_to_everybody_is_left_out() {
    let fixture = book().await;
    let limited = |access| ImageChanges {
        roles: Some(Vec::new()),
        max_unauthorised: Some(access),
        ..ImageChanges::default()
    };
    let some = OpenAccess::UpTo(NonZeroU32::new(400).unwrap());
    for changes in [with_roles(), limited(OpenAccess::Denied), limited(some)] {
        fixture.change("recto", changes).await;
        let manifest = fixture.get(PATH).await.good();
        assert_eq!(shown(&manifest.json()), ["verso"]);
        assert!(!String::from_utf8_lossy(&manifest.body).contains("recto"));
        let ids = fixture.get(IDS).await.good().json();
        assert_eq!(ids, json!(["1/1/verso"]));
    }
    fixture.change("verso", with_roles()).await;
    for path in [PATH, IDS] {
        is_error(&fixture.get(path).await, 404, "not-found", path);
    }
    fixture.change("recto", limited(OpenAccess::Full)).await;
    let manifest = fixture.get(PATH).await.good().json();
    assert_eq!(shown(&manifest), ["recto"]);
}

#[tokio::test]
async fn what_cannot_be_shown_is_named_and_not_shown() {
    let fixture = Fixture::new().await;
    name_query(&fixture, "pages", "canvas=n1&s1=p1").await;
    register(&fixture, "kept", "bytes", &["none"], 1).await;
    let waiting = Fixture::registration("waiting").with_changes(page(2));
    let waiting = waiting.with_bytes("bytes");
    fixture.dlcs.submit_batch([waiting]).await.unwrap();
    is_error(&fixture.get(PATH).await, 404, "not-found", PATH);
    register(&fixture, "shown", "bytes", &["default"], 3).await;
    let manifest = fixture.get(PATH).await.good().json();
    assert_eq!(shown(&manifest), ["shown"]);
    let ids = fixture.get(IDS).await.good().json();
    assert_eq!(ids, json!(["1/1/kept", "1/1/waiting", "1/1/shown"]));
}

#[tokio::test]
async fn what_selects_nothing_is_not_found() {
    let fixture = book().await;
    name_query(&fixture, "space", "space=p1").await;
    name_query(&fixture, "spacename", "spacename=p1").await;
    for rest in [
        "1/pages/nothing",
        "1/pages/BIB",
        "1/nothing/bib",
        "1/Pages/bib",
        "1/pa%2Fges/bib",
        "1/space/2",
        "1/space/0",
        "1/spacename/nothing",
        "2/pages/bib",
        "nobody/pages/bib",
        "0/pages/bib",
        "1",
        "1//bib",
        "v4/1/pages/bib",
        "",
    ] {
        for family in ["iiif-resource", "raw-resource"] {
            let path = format!("/{family}/{rest}");
            is_error(&fixture.get(&path).await, 404, "not-found", &path);
        }
    }
    let path = "/raw-resource/v2/1/pages/bib";
    is_error(&fixture.get(path).await, 404, "not-found", path);
}

#[tokio::test]
async fn who_asks_wrongly_is_told_so() {
    let fixture = book().await;
    name_query(&fixture, "two", "s1=p1&n1=p2").await;
    for (rest, detail) in [
        (
            "two/bib",
            "the named query `two` needs argument 2, which the address does not have",
        ),
        (
            "two/bib/x",
            "the named query `two` has `x` for `n1`, which takes a whole number",
        ),
    ] {
        for family in ["iiif-resource", "raw-resource"] {
            let path = format!("/{family}/1/{rest}");
            let answer = fixture.get(&path).await;
            is_error(&answer, 400, "invalid-query-request", &path);
            assert_eq!(answer.json()["detail"], detail);
        }
    }
    let many = "/a".repeat(101);
    for bad in [
        "//a", "/a//", "/a//b", "/..", "/%2e/", "/%zz", "/%ff", "/%00", &many,
    ] {
        for family in ["iiif-resource", "raw-resource"] {
            let path = format!("/{family}/1/pages{bad}");
            is_error(&fixture.get(&path).await, 400, "invalid-path", &path);
        }
    }
}

#[tokio::test]
async fn a_client_that_has_it_gets_304_until_an_image_changes() {
    let fixture = book().await;
    for path in [PATH, IDS] {
        let first = fixture.get(path).await.good();
        assert_eq!(
            first.header("cache-control"),
            "public, max-age=0, must-revalidate"
        );
        assert_eq!(first.header("last-modified"), "", "no date can tell");
        let tag = first.header("etag");
        for method in ["GET", "HEAD"] {
            let known = fixture.ask(method, path, &[("if-none-match", tag)]).await;
            assert_eq!((known.status.as_u16(), known.body.len()), (304, 0));
            assert_eq!(known.header("etag"), tag);
        }
    }
    let mut seen = vec![tag(&fixture, PATH).await];
    // The same size and the same channels: not a byte of the manifest is another.
    fixture.register("verso", "1000x600").await;
    seen.push(tag(&fixture, PATH).await);
    fixture.change("recto", page(3)).await;
    seen.push(tag(&fixture, PATH).await);
    let ids = tag(&fixture, IDS).await;
    let id: ImageId = "1/1/verso".parse().unwrap();
    fixture.dlcs.delete_image(&id).await.unwrap();
    seen.push(tag(&fixture, PATH).await);
    assert_ne!(tag(&fixture, IDS).await, ids);
    let count = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), count, "{seen:?}");
}

async fn tag(fixture: &Fixture, path: &str) -> String {
    fixture.get(path).await.good().header("etag").to_owned()
}

#[tokio::test]
async fn a_query_string_and_credentials_change_nothing() {
    let fixture = book().await;
    for path in [PATH, IDS] {
        let plain = fixture.get(path).await.good();
        let credentials = [("authorization", "Basic nonsense")];
        let decorated = format!("{path}?canvas=n2&s1=x");
        let decorated = fixture.ask("GET", &decorated, &credentials).await.good();
        assert_eq!(
            (plain.headers, plain.body),
            (decorated.headers, decorated.body)
        );
    }
}

#[tokio::test]
async fn pages_of_other_hosts_may_ask() {
    let fixture = book().await;
    for path in [PATH, IDS] {
        let answer = fixture.ask("OPTIONS", path, &[]).await;
        assert_eq!(answer.status, 204);
        assert_eq!(
            answer.header("access-control-allow-methods"),
            "GET, HEAD, OPTIONS"
        );
        let (got, head) = (
            fixture.get(path).await,
            fixture.ask("HEAD", path, &[]).await,
        );
        for answer in [&answer, &got, &head] {
            assert_eq!(answer.header("access-control-allow-origin"), "*");
        }
        assert_eq!((head.status, head.body.len()), (got.status, 0));
        assert_eq!(head.header("etag"), got.header("etag"));
        let length = got.body.len().to_string();
        assert_eq!(head.header("content-length"), length);
        let refused = fixture.ask("POST", path, &[]).await;
        is_error(&refused, 405, "method-not-allowed", path);
    }
}
