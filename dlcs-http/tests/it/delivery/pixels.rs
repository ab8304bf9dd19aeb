//! Pixels: what is asked of the renderer, and what is said of the answer.

use super::fixture::Fixture;

#[tokio::test]
async fn pixels_come_with_their_type_and_links() {
    let fixture = Fixture::with_image("a b").await;
    let image = fixture
        .get("/iiif-img/1/1/a%20b/pct:0,0,50,50/^2000,/0/color.png")
        .await;
    let image = image.good();
    assert_eq!(image.header("content-type"), "image/png");
    assert_eq!(
        image.header("link"),
        "<http://dlcs.example.org/iiif-img/1/1/a%20b/0,0,1500,1001/%5E2000,1335/0/color.png>;rel=\"canonical\", \
         <http://iiif.io/api/image/3/level2.json>;rel=\"profile\""
    );
    assert_eq!(image.headers.get_all("link").iter().count(), 1);
    assert_eq!(image.header("access-control-allow-origin"), "*");
    assert_eq!(image.header("x-content-type-options"), "nosniff");
    assert_eq!(image.header("vary"), "");
    assert!(
        image.body.starts_with(b"2000 x 1335 of images/1/1/"),
        "{:?}",
        image.body
    );
}

#[tokio::test]
async fn canonical_addresses_follow_the_version() {
    let fixture = Fixture::with_image("map").await;
    for (asked, canonical) in [
        (
            "/iiif-img/v2/1/1/map/full/750,501/0/default.jpg",
            "/iiif-img/v2/1/1/map/full/750,/0/default.jpg",
        ),
        (
            "/iiif-img/v2/1/1/map/full/max/0/default.jpg",
            "/iiif-img/v2/1/1/map/full/full/0/default.jpg",
        ),
        (
            "/iiif-img/v3/1/1/map/full/750,/0/default.jpg",
            "/iiif-img/v3/1/1/map/full/750,501/0/default.jpg",
        ),
        (
            "/iiif-img/1/1/map/full/full/360/default.jpg",
            "/iiif-img/1/1/map/full/max/0/default.jpg",
        ),
        (
            "/iiif-img/default/1/map/full/max/!0/default.jpg",
            "/iiif-img/1/1/map/full/max/!0/default.jpg",
        ),
    ] {
        let image = fixture.get(asked).await.good();
        let expected = format!("<http://dlcs.example.org{canonical}>;rel=\"canonical\"");
        assert!(
            image.header("link").starts_with(&expected),
            "{asked}: {}",
            image.header("link")
        );
        let again = fixture.get(canonical).await.good();
        assert_eq!(again.header("etag"), image.header("etag"));
        assert_eq!(again.body, image.body);
    }
}

#[tokio::test]
async fn the_size_full_of_2016_works_without_a_version_and_not_in_the_third() {
    let fixture = Fixture::with_image("map").await;
    fixture
        .get("/iiif-img/1/1/map/full/full/0/default.jpg")
        .await
        .good();
    fixture
        .get("/iiif-img/v2/1/1/map/full/full/0/default.jpg")
        .await
        .good();
    let third = fixture
        .get("/iiif-img/v3/1/1/map/full/full/0/default.jpg")
        .await;
    assert_eq!(third.status, 400);
}

#[tokio::test]
async fn a_query_string_and_credentials_change_nothing() {
    let fixture = Fixture::with_image("map").await;
    let path = "/iiif-img/1/1/map/full/max/0/default.jpg";
    let plain = fixture.get(path).await.good();
    let decorated = fixture
        .ask(
            "GET",
            &format!("{path}?x=1&download"),
            &[("authorization", "Basic nonsense")],
        )
        .await
        .good();
    assert_eq!(plain.headers, decorated.headers);
}

#[tokio::test]
async fn head_has_the_headers_of_get_and_renders_nothing() {
    let fixture = Fixture::with_image("map").await;
    for path in [
        "/iiif-img/1/1/map/full/max/0/default.jpg",
        "/iiif-img/1/1/map/info.json",
        "/iiif-img/1/1/map",
        "/thumbs/1/1/map/full/200,/0/default.jpg",
        "/thumbs/1/1/map/info.json",
        "/thumbs/1/1/map",
        "/iiif-manifest/1/1/map",
        "/iiif-img/1/1/map/full/0,/0/default.jpg",
        "/iiif-img/1/1/nothing/info.json",
    ] {
        let get = fixture.get(path).await;
        let before = fixture.rendered();
        let head = fixture.ask("HEAD", path, &[]).await;
        assert_eq!(fixture.rendered(), before, "{path}");
        assert_eq!(head.status, get.status, "{path}");
        assert!(head.body.is_empty());
        let mut headers = head.headers.clone();
        // What is not rendered has no length; what has one, has that of GET.
        if let Some(length) = headers.remove("content-length") {
            assert_eq!(
                length.to_str().unwrap(),
                get.body.len().to_string(),
                "{path}"
            );
        }
        assert_eq!(headers, get.headers, "{path}");
    }
}

#[tokio::test]
async fn options_answers_every_page() {
    let fixture = Fixture::new().await;
    for path in [
        "/iiif-img/1/1/map/info.json",
        "/iiif-img/1/1/map/full/max/0/default.jpg",
        "/iiif-img",
        "/thumbs/1/1/map",
        "/iiif-manifest/1/1/map",
    ] {
        let asked = [
            ("origin", "https://viewer.example.org"),
            ("access-control-request-method", "GET"),
        ];
        let answer = fixture.ask("OPTIONS", path, &asked).await;
        assert_eq!(answer.status, 204);
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        assert_eq!(
            answer.header("access-control-allow-methods"),
            "GET, HEAD, OPTIONS"
        );
        assert_eq!(
            answer.header("access-control-allow-headers"),
            "*, Authorization"
        );
        assert_eq!(answer.header("access-control-allow-credentials"), "");
        assert!(answer.body.is_empty());
    }
}

#[tokio::test]
async fn a_thumbnail_is_sent_as_it_is_stored() {
    let fixture = Fixture::with_image("map").await;
    for (size, decoded) in [("!400,400", 0), ("1024,", 0), ("100,67", 0), ("401,", 1)] {
        let path = format!("/iiif-img/1/1/map/full/{size}/0/default.jpg");
        fixture.get(&path).await.good();
        assert_eq!(fixture.decoded(), decoded, "{path}");
    }
}
