//! What is not served, and how that is said.

use std::num::NonZeroU32;

use dlcs_core::iiif::Limits;
use dlcs_core::image::{ImageChanges, OpenAccess};

use super::fixture::{Answer, Fixture, Mood};

const FAMILIES: [&str; 3] = ["/iiif-img", "/thumbs", "/iiif-manifest"];

/// An address of `/iiif-img` as another family has it.
fn among(family: &str, path: &str) -> String {
    let path = path.replacen("/iiif-img", family, 1);
    if family == "/iiif-manifest" {
        // There is nothing below the image.
        let base = path.trim_end_matches("/info.json");
        base.trim_end_matches("/full/max/0/default.jpg").to_owned()
    } else {
        path
    }
}

/// Errors have one shape, are never kept, and can be read by every page.
#[track_caller]
pub(crate) fn is_error(answer: &Answer, status: u16, slug: &str, path: &str) {
    assert_eq!(answer.status, status, "{path}: {:?}", answer.body);
    assert_eq!(
        answer.header("content-type"),
        "application/problem+json",
        "{path}"
    );
    assert_eq!(answer.header("cache-control"), "no-store", "{path}");
    assert_eq!(answer.header("access-control-allow-origin"), "*", "{path}");
    let body = answer.json();
    assert_eq!(body["status"], status, "{path}");
    let page = format!("http://dlcs.example.org/docs/errors/{slug}");
    assert_eq!(body["type"], page.as_str(), "{path}");
}

#[tokio::test]
async fn what_cannot_be_there_is_not_found() {
    let fixture = Fixture::with_image("map").await;
    let long = "x".repeat(221);
    for path in [
        "/iiif-img",
        "/iiif-img/1/1",
        "/iiif-img/1/1/nothing",
        "/iiif-img/1/1/nothing/info.json",
        "/iiif-img/1/1/nothing/full/max/0/default.jpg",
        "/iiif-img/1/2/map/info.json",
        "/iiif-img/2/1/map/info.json",
        "/iiif-img/nobody/1/map/info.json",
        "/iiif-img/1/1/MAP/info.json",
        "/iiif-img/1/1/map/extra",
        "/iiif-img/1/1/map/info.json/extra",
        "/iiif-img/1/1/map/full/max/0",
        "/iiif-img/1/1/map/full/max/0/default.jpg/extra",
        "/iiif-img/1//map/info.json",
        "/iiif-img//1/1/map/info.json",
        "/iiif-img/0/1/map/info.json",
        "/iiif-img/1/-1/map/info.json",
        "/iiif-img/1/1e1/map/info.json",
        "/iiif-img/1/%D9%A3/map/info.json",
        "/iiif-img/99999999999/1/map/info.json",
        "/iiif-img/1/1/a%2Fb/info.json",
        "/iiif-img/1/1/../info.json",
        "/iiif-img/1/1/%2e%2e/info.json",
        "/iiif-img/1/1/..%5c/info.json",
        "/iiif-img/1/1/C:%5C/info.json",
        "/iiif-img/1/1/a%5Cb/info.json",
        "/iiif-img/1/1/%252e%252e/info.json",
        "/iiif-img/1/1/m%C3%A4p/info.json",
        &format!("/iiif-img/1/1/{long}/info.json"),
        "/iiif-img/v4/1/1/map/info.json",
    ] {
        for family in FAMILIES {
            let path = among(family, path);
            is_error(&fixture.get(&path).await, 404, "not-found", &path);
        }
    }
    for path in ["/iiif-manifest/1/1/map/info.json", "/iiif-manifest/v2"] {
        is_error(&fixture.get(path).await, 404, "not-found", path);
    }
}

#[tokio::test]
async fn what_is_no_path_is_refused() {
    let fixture = Fixture::with_image("map").await;
    for bad in ["%00", "%0d%0a", "%", "%zz", "%c0%ae", "%ff"] {
        for family in FAMILIES {
            let path = among(family, &format!("/iiif-img/1/1/{bad}/info.json"));
            is_error(&fixture.get(&path).await, 400, "invalid-path", &path);
        }
    }
}

#[tokio::test]
async fn image_requests_that_mean_nothing_are_refused() {
    let fixture = Fixture::with_image("map").await;
    let long = "1".repeat(8000);
    let long_region = format!("{long},0,1,1/max/0/default.jpg");
    for request in [
        "0,0,0,0/max/0/default.jpg",
        "pct:0,0,0,0/max/0/default.jpg",
        "-1,0,10,10/max/0/default.jpg",
        "1e9,0,1,1/max/0/default.jpg",
        "NaN,0,1,1/max/0/default.jpg",
        "pct:NaN,0,1,1/max/0/default.jpg",
        "4294967296,0,1,1/max/0/default.jpg",
        "99999999999999999999999999,0,1,1/max/0/default.jpg",
        "3000,2001,10,10/max/0/default.jpg",
        "pct:101,0,10,10/max/0/default.jpg",
        "0,0,10,10,/max/0/default.jpg",
        "0,0,10/max/0/default.jpg",
        "everything/max/0/default.jpg",
        "full/0,/0/default.jpg",
        "full/,0/0/default.jpg",
        "full/!0,0/0/default.jpg",
        "full/pct:0/0/default.jpg",
        "full/pct:101/0/default.jpg",
        "full/3001,/0/default.jpg",
        "full/!4000,4000/0/default.jpg",
        "full/^99999,/0/default.jpg",
        "full/99999999999999999999,/0/default.jpg",
        "full/,/0/default.jpg",
        "full/200,,/0/default.jpg",
        "full//0/default.jpg",
        "full/max/360.0001/default.jpg",
        "full/max/-1/default.jpg",
        "full/max/!/default.jpg",
        "full/max/1e2/default.jpg",
        "full/max/0/native.jpg",
        "full/max/0/default.webp",
        "full/max/0/default.tiff",
        "full/max/0/default.",
        "full/max/0/default",
        "full/max/0/.jpg",
        "full/max/0/DEFAULT.jpg",
        long_region.as_str(),
    ] {
        for base in [
            "/iiif-img/1/1/map",
            "/iiif-img/v3/1/1/map",
            "/thumbs/1/1/map",
            "/thumbs/v3/1/1/map",
        ] {
            let path = format!("{base}/{request}");
            let answer = fixture.get(&path).await;
            is_error(
                &answer,
                400,
                "invalid-image-request",
                &path[..60.min(path.len())],
            );
        }
    }
    assert_eq!(fixture.rendered(), 0);
}

#[tokio::test]
async fn more_than_the_limit_is_refused_and_max_is_confined() {
    let fixture = Fixture::with_limits(Limits {
        max_area: Some(50_000_000),
        ..Limits::default()
    })
    .await;
    fixture.register("map", "bytes").await;
    // 3000 x 2001 enlarged to more than 50 megapixels.
    let path = "/iiif-img/1/1/map/full/^9000,/0/default.jpg";
    is_error(&fixture.get(path).await, 400, "invalid-image-request", path);
    let largest = fixture
        .get("/iiif-img/1/1/map/full/^max/0/default.jpg")
        .await
        .good();
    assert!(largest.body.starts_with(b"86"), "{:?}", largest.body);
}

#[tokio::test]
async fn other_methods_are_not_allowed() {
    let fixture = Fixture::with_image("map").await;
    for method in ["PUT", "POST", "DELETE", "PATCH", "TRACE", "NONSENSE"] {
        for family in FAMILIES {
            let path = among(family, "/iiif-img/1/1/map/info.json");
            let answer = fixture.ask(method, &path, &[]).await;
            is_error(&answer, 405, "method-not-allowed", method);
            assert_eq!(answer.header("allow"), "GET, HEAD, OPTIONS");
        }
    }
}

#[tokio::test]
async fn an_image_that_was_never_processed_is_not_found() {
    let fixture = Fixture::new().await;
    let broken = Fixture::registration("map").with_bytes("broken");
    fixture.dlcs.register(broken).await.unwrap_err();
    let waiting = Fixture::registration("other").with_bytes("bytes");
    fixture.dlcs.submit_batch([waiting]).await.unwrap();
    for path in [
        "/iiif-img/1/1/map",
        "/iiif-img/1/1/map/info.json",
        "/iiif-img/1/1/map/full/max/0/default.jpg",
        "/iiif-img/1/1/other/info.json",
    ] {
        for family in FAMILIES {
            let path = among(family, path);
            is_error(&fixture.get(&path).await, 404, "not-found", &path);
        }
    }
}

#[tokio::test]
async fn what_is_not_open_to_everybody_is_not_delivered() {
    let fixture = Fixture::with_image("map").await;
    let roles = ImageChanges {
        roles: Some(vec!["staff".to_owned()]),
        ..ImageChanges::default()
    };
    let limited = |access| ImageChanges {
        roles: Some(Vec::new()),
        max_unauthorised: Some(access),
        ..ImageChanges::default()
    };
    let some = OpenAccess::UpTo(NonZeroU32::new(400).unwrap());
    for changes in [roles, limited(OpenAccess::Denied), limited(some)] {
        fixture.change("map", changes).await;
        for path in [
            "/iiif-img/1/1/map",
            "/iiif-img/v3/1/1/map/",
            "/iiif-img/1/1/map/info.json",
            "/iiif-img/1/1/map/full/max/0/default.jpg",
            "/iiif-img/v2/1/1/map/full/100,/0/default.jpg",
            "/thumbs/1/1/map/",
            "/thumbs/v2/1/1/map/info.json",
            "/thumbs/1/1/map/full/100,/0/default.jpg",
            "/iiif-manifest/1/1/map",
            "/iiif-manifest/v2/1/1/map",
        ] {
            let answer = fixture.ask("GET", path, &[("if-none-match", "*")]).await;
            is_error(&answer, 401, "image-restricted", path);
            assert_eq!(
                answer.header("www-authenticate"),
                "",
                "browsers must not ask for a password"
            );
        }
    }
    assert_eq!(fixture.rendered(), 0);
    fixture.change("map", limited(OpenAccess::Full)).await;
    fixture.get("/iiif-img/1/1/map/info.json").await.good();
}

#[tokio::test]
async fn overload_says_when_to_come_back() {
    let fixture = Fixture::with_image("map").await;
    fixture.be(Mood::Overloaded);
    let path = "/iiif-img/1/1/map/full/max/0/default.jpg";
    let answer = fixture.get(path).await;
    is_error(&answer, 503, "overloaded", path);
    assert_eq!(answer.header("retry-after"), "5");
}

#[tokio::test]
async fn a_failure_of_the_server_keeps_its_reason_to_itself() {
    let fixture = Fixture::with_image("map").await;
    fixture.be(Mood::Broken);
    let path = "/iiif-img/1/1/map/full/max/0/default.jpg";
    let answer = fixture.get(path).await;
    is_error(&answer, 500, "internal", path);
    assert!(!String::from_utf8_lossy(&answer.body).contains("canary"));
}
