//! What caches are told, and that nobody sees an old state.

use std::time::Duration;

use dlcs_core::ImageId;
use dlcs_core::iiif::Limits;
use dlcs_core::image::ImageChanges;
use dlcs_http::DlcsService;
use sha2::{Digest, Sha256};

use super::fixture::{Fixture, Mood};

const PATHS: [&str; 4] = [
    "/iiif-img/1/1/map/full/200,/0/default.jpg",
    "/iiif-img/1/1/map/info.json",
    "/thumbs/1/1/map/full/max/0/default.jpg",
    "/thumbs/1/1/map/info.json",
];

/// Other pixels of the same image.
const OTHER: &str = "/iiif-img/1/1/map/full/201,/0/default.jpg";

#[tokio::test]
async fn every_answer_can_be_kept_and_must_be_checked() {
    let fixture = Fixture::with_image("map").await;
    for path in PATHS {
        let answer = fixture.get(path).await.good();
        assert_eq!(
            answer.header("cache-control"),
            "public, max-age=0, must-revalidate"
        );
        assert_eq!(
            answer.header("last-modified"),
            "Wed, 04 May 2016 09:20:30 GMT"
        );
        let etag = answer.header("etag");
        assert!(
            etag.starts_with('"') && etag.ends_with('"') && etag.len() > 2,
            "{etag}"
        );
        let is_made = !path.ends_with("/info.json");
        let names_its_maker = etag.contains(concat!("-", env!("CARGO_PKG_VERSION"), "-"));
        assert_eq!(names_its_maker, is_made, "{path}: {etag}");
    }
}

#[tokio::test]
async fn the_tag_of_a_description_follows_from_its_bytes_alone() {
    let fixture = Fixture::with_image("map").await;
    for path in PATHS.iter().filter(|path| path.ends_with("/info.json")) {
        let answer = fixture.get(path).await.good();
        let digest: String = Sha256::digest(&answer.body)[..8]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let etag = answer.header("etag");
        assert!(etag.ends_with(&format!("-{digest}\"")), "{path}: {etag}");
    }
}

#[tokio::test]
async fn a_client_that_has_it_gets_304() {
    let fixture = Fixture::with_image("map").await;
    for path in PATHS {
        let first = fixture.get(path).await.good();
        let rendered = fixture.rendered();
        for condition in [
            ("if-none-match", first.header("etag")),
            ("if-none-match", "*"),
            ("if-modified-since", first.header("last-modified")),
        ] {
            for method in ["GET", "HEAD"] {
                let answer = fixture.ask(method, path, &[condition]).await;
                assert_eq!(answer.status, 304, "{path} {condition:?}");
                assert!(answer.body.is_empty());
                for header in ["etag", "cache-control", "last-modified", "vary", "link"] {
                    assert_eq!(answer.header(header), first.header(header), "{header}");
                }
                assert_eq!(answer.header("access-control-allow-origin"), "*");
                assert_eq!(answer.header("content-length"), "");
            }
        }
        assert_eq!(fixture.rendered(), rendered, "a 304 needs no pixels");
        let other = fixture
            .ask("GET", path, &[("if-none-match", "\"other\"")])
            .await;
        assert_eq!(other.status, 200);
    }
}

#[tokio::test]
async fn different_requests_have_different_tags() {
    let fixture = Fixture::with_image("map").await;
    let mut tags = Vec::new();
    for request in [
        "full/200,/0/default.jpg",
        "full/200,/0/default.png",
        "full/200,/0/color.jpg",
        "full/200,/90/default.jpg",
        "full/200,/!0/default.jpg",
        "full/201,/0/default.jpg",
        "square/200,/0/default.jpg",
    ] {
        let answer = fixture
            .get(&format!("/iiif-img/1/1/map/{request}"))
            .await
            .good();
        tags.push(answer.header("etag").to_owned());
    }
    let count = tags.len();
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), count, "{tags:?}");
}

#[tokio::test]
async fn the_next_answer_after_a_registration_is_the_new_state() {
    let fixture = Fixture::with_image("map").await;
    for path in PATHS {
        let old = fixture.get(path).await.good();
        fixture.clock.advance(Duration::from_secs(5));
        fixture.register("map", "other bytes").await;
        fixture.clock.advance(Duration::from_secs(5));
        let condition = [
            ("if-none-match", old.header("etag")),
            ("if-modified-since", old.header("last-modified")),
        ];
        let new = fixture.ask("GET", path, &condition).await.good();
        assert_ne!(new.header("etag"), old.header("etag"));
        assert_ne!(new.header("last-modified"), old.header("last-modified"));
        let since = [("if-modified-since", old.header("last-modified"))];
        assert_eq!(fixture.ask("GET", path, &since).await.status, 200);
    }
}

#[tokio::test]
async fn tags_tell_apart_catalogues_that_were_started_anew() {
    let mut tags = Vec::new();
    for bytes in ["one", "two"] {
        let fixture = Fixture::new().await;
        fixture
            .register("map", if bytes == "one" { "1" } else { "2" })
            .await;
        tags.push(fixture.get(PATHS[0]).await.good().header("etag").to_owned());
    }
    assert_ne!(tags[0], tags[1]);
}

#[tokio::test]
async fn the_next_answer_after_a_deletion_is_404() {
    let fixture = Fixture::with_image("map").await;
    let mut tags = Vec::new();
    for path in PATHS {
        tags.push(fixture.get(path).await.header("etag").to_owned());
    }
    let id: ImageId = "1/1/map".parse().unwrap();
    fixture.dlcs.delete_image(&id).await.unwrap();
    for (path, tag) in PATHS.iter().zip(&tags) {
        let answer = fixture.ask("GET", path, &[("if-none-match", tag)]).await;
        assert_eq!(answer.status, 404);
        assert_eq!(answer.header("cache-control"), "no-store");
    }
}

#[tokio::test]
async fn a_registration_that_fails_leaves_what_is_served() {
    let fixture = Fixture::with_image("map").await;
    let before = fixture.get(PATHS[0]).await.good();
    let broken = Fixture::registration("map").with_bytes("broken");
    fixture.dlcs.register(broken).await.unwrap_err();
    let after = fixture.get(PATHS[0]).await.good();
    assert_eq!((after.headers, after.body), (before.headers, before.body));
}

#[tokio::test]
async fn a_derivative_that_was_replaced_meanwhile_is_looked_for_again() {
    let fixture = Fixture::with_image("map").await;
    fixture.be(Mood::Missing(1));
    fixture.get(PATHS[0]).await.good();
    fixture.be(Mood::Missing(9));
    let answer = fixture.get(OTHER).await;
    assert_eq!(answer.status, 500, "{:?}", answer.body);
}

#[tokio::test]
async fn a_date_is_not_given_as_long_as_it_may_become_another_states() {
    let fixture = Fixture::new().await;
    fixture.clock.advance(Duration::from_secs(60));
    fixture.register("map", "red").await;
    let red = fixture.get(PATHS[0]).await.good();
    assert_eq!(red.header("last-modified"), "");
    // In the same second.
    fixture.clock.advance(Duration::from_millis(1));
    fixture.register("map", "blue").await;
    fixture.clock.advance(Duration::from_secs(5));
    let blue = fixture.get(PATHS[0]).await.good();
    assert_ne!(blue.header("last-modified"), "");
    assert_ne!(blue.header("etag"), red.header("etag"));
}

#[tokio::test]
async fn other_settings_are_another_state() {
    let path = "/iiif-img/1/1/map/full/max/0/default.jpg";
    let small = Limits {
        max_width: Some(150),
        ..Limits::default()
    };
    let mut seen = Vec::new();
    for limits in [Limits::default(), small] {
        let fixture = Fixture::with_limits(limits).await;
        fixture.register("map", "bytes").await;
        // Another process, which starts later and finds the image there.
        fixture.clock.advance(Duration::from_secs(60));
        let service = DlcsService::builder(fixture.dlcs.clone()).build();
        fixture.clock.advance(Duration::from_secs(10));
        let fixture = Fixture { service, ..fixture };
        for path in [path, PATHS[1], "/thumbs/v2/1/1/map/full/full/0/default.jpg"] {
            let answer = fixture.get(path).await.good();
            seen.push((
                answer.header("etag").to_owned(),
                answer.header("last-modified").to_owned(),
            ));
        }
    }
    let [
        first_pixels,
        first_info,
        first_thumbnail,
        pixels,
        info,
        thumbnail,
    ] = seen.try_into().expect("six answers");
    assert_ne!(thumbnail.0, first_thumbnail.0, "`full` is another size");
    assert_ne!(pixels.0, first_pixels.0, "`max` is another size");
    assert_ne!(info.0, first_info.0, "another size is announced");
    assert_eq!(
        pixels.1, "Wed, 04 May 2016 09:21:30 GMT",
        "the start of the program"
    );
}

/// What is kept in memory as it was sent is what would be made anew, as long as the record of its image is the same.
#[tokio::test]
async fn pixels_that_lie_ready_are_sent_as_if_they_were_made_anew() {
    let fixture = Fixture::new().await;
    let service = DlcsService::builder(fixture.dlcs.clone()).with_answer_cache(0);
    let anew = Fixture {
        service: service.build(),
        ..fixture.clone()
    };
    fixture.register("map", "bytes").await;
    fixture.clock.advance(Duration::from_secs(10));
    let condition = [("if-none-match", "\"other\"")];
    for path in [PATHS[0], PATHS[2], OTHER] {
        for headers in [&[][..], &condition] {
            for method in ["GET", "HEAD", "GET", "HEAD"] {
                let expected = anew.ask(method, path, headers).await.good();
                let answer = fixture.ask(method, path, headers).await.good();
                assert_eq!(answer.headers, expected.headers, "{method} {path}");
                assert_eq!(answer.body, expected.body, "{method} {path}");
            }
        }
    }
    let rendered = fixture.rendered();
    for path in [PATHS[0], PATHS[2], OTHER] {
        fixture.get(path).await.good();
    }
    assert_eq!(fixture.rendered(), rendered, "nothing is made anew");

    let elsewhere = fixture.ask_at("elsewhere", "GET", PATHS[0], &[]).await;
    assert!(elsewhere.header("link").starts_with("<http://elsewhere/"));
    let named = "/iiif-img/default/1/map/full/200,/0/default.jpg";
    let rendered = fixture.rendered();
    for _ in 0..2 {
        fixture.get(named).await.good();
    }
    assert_eq!(
        fixture.rendered(),
        rendered + 2,
        "a name may come to mean another customer"
    );
}

#[tokio::test]
async fn pixels_that_lie_ready_are_closed_with_their_image() {
    let fixture = Fixture::with_image("map").await;
    fixture.get(PATHS[0]).await.good();
    for (roles, status) in [(vec!["clinical".to_owned()], 401), (Vec::new(), 200)] {
        let changes = ImageChanges {
            roles: Some(roles),
            ..ImageChanges::default()
        };
        fixture.change("map", changes).await;
        assert_eq!(fixture.get(PATHS[0]).await.status, status);
    }
}

/// What large records take counts, so that many small answers hold no more memory than is allowed.
#[tokio::test]
async fn answers_are_forgotten_when_they_and_their_records_are_too_much() {
    let fixture = Fixture::with_image("map").await;
    let service = DlcsService::builder(fixture.dlcs.clone()).with_answer_cache(256 << 10);
    let fixture = Fixture {
        service: service.build(),
        ..fixture
    };
    fixture.clock.advance(Duration::from_secs(10));
    let changes = ImageChanges {
        tags: Some((0..100).map(|tag| format!("{tag:01000}")).collect()),
        ..ImageChanges::default()
    };
    fixture.change("map", changes).await;
    let paths: Vec<_> = (100..120)
        .map(|width| format!("/iiif-img/1/1/map/full/{width},/0/default.jpg"))
        .collect();
    for path in &paths {
        fixture.get(path).await.good();
    }
    let rendered = fixture.rendered();
    for path in &paths {
        fixture.get(path).await.good();
    }
    let again = fixture.rendered() - rendered;
    assert!(
        again >= paths.len() - 2,
        "two records of 100 KB fit: {again}"
    );
}
