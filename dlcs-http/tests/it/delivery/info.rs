//! `…/info.json`, in both versions.

use dlcs_core::iiif::Limits;
use serde_json::{Value, json};

use super::fixture::{Fixture, SIZE};

const ACCEPT_V2: (&str, &str) = (
    "accept",
    "application/ld+json;profile=\"http://iiif.io/api/image/2/context.json\"",
);
const TYPE_V3: &str = "application/ld+json;profile=\"http://iiif.io/api/image/3/context.json\"";

#[tokio::test]
async fn version_three() {
    let fixture = Fixture::with_image("map").await;
    let info = fixture.get("/iiif-img/v3/1/1/map/info.json").await.good();
    insta::assert_json_snapshot!(info.json());
    assert_eq!(info.header("content-type"), TYPE_V3);
    assert_eq!(
        info.header("link"),
        "<http://iiif.io/api/image/3/level2.json>;rel=\"profile\""
    );
}

#[tokio::test]
async fn version_two() {
    let fixture = Fixture::with_image("map").await;
    let info = fixture.get("/iiif-img/v2/1/1/map/info.json").await.good();
    insta::assert_json_snapshot!(info.json());
    assert_eq!(info.header("content-type"), "application/json");
    assert_eq!(
        info.header("link"),
        "<http://iiif.io/api/image/2/level2.json>;rel=\"profile\", \
         <http://iiif.io/api/image/2/context.json>;rel=\"http://www.w3.org/ns/json-ld#context\";type=\"application/ld+json\""
    );
}

#[tokio::test]
async fn without_a_version_it_is_the_third_unless_the_second_is_asked_for() {
    let fixture = Fixture::with_image("map").await;
    let path = "/iiif-img/1/1/map/info.json";
    let third = fixture.get(path).await.good();
    assert_eq!(
        third.json()["id"],
        "http://dlcs.example.org/iiif-img/1/1/map"
    );
    assert_eq!(third.header("content-type"), TYPE_V3);
    let second = fixture.ask("GET", path, &[ACCEPT_V2]).await.good();
    assert_eq!(
        second.json()["@id"],
        "http://dlcs.example.org/iiif-img/v2/1/1/map"
    );
    assert_eq!(
        second.header("content-type"),
        "application/ld+json;profile=\"http://iiif.io/api/image/2/context.json\""
    );
    for info in [&third, &second] {
        assert_eq!(info.header("vary"), "accept");
    }
    assert_ne!(third.header("etag"), second.header("etag"));
}

#[tokio::test]
async fn an_address_with_a_version_keeps_it_whatever_is_accepted() {
    let fixture = Fixture::with_image("map").await;
    let path = "/iiif-img/v3/1/1/map/info.json";
    let info = fixture.ask("GET", path, &[ACCEPT_V2]).await.good().json();
    assert_eq!(info["id"], "http://dlcs.example.org/iiif-img/v3/1/1/map");
}

#[tokio::test]
async fn plain_json_is_sent_to_those_who_want_it() {
    let fixture = Fixture::with_image("map").await;
    let plain = [("accept", "application/json")];
    let info = fixture.ask("GET", "/iiif-img/1/1/map/info.json", &plain);
    assert_eq!(info.await.good().header("content-type"), "application/json");
}

#[tokio::test]
async fn the_customer_may_be_named_and_is_numbered_in_what_is_emitted() {
    let fixture = Fixture::with_image("map").await;
    for path in [
        "/iiif-img/default/1/map/info.json",
        "/iiif-img/DEFAULT/1/map/info.json",
    ] {
        let info = fixture.get(path).await.good().json();
        assert_eq!(info["id"], "http://dlcs.example.org/iiif-img/1/1/map");
    }
}

#[tokio::test]
async fn ids_round_trip_through_info_json() {
    let fixture = Fixture::new().await;
    for model in [
        "a b",
        "a?b",
        "a#b",
        "a;b",
        "a:b",
        "a(b)",
        "%2e%2e",
        "..;",
        "CON",
        "é",
        "e\u{301}",
        "🗺",
        "a+b",
        "\u{200b}",
        "\"<>`{|}^[]",
    ] {
        fixture.register(model, "bytes").await;
        let id = dlcs_core::ImageId::new(
            dlcs_core::CustomerId::FIRST,
            dlcs_core::SpaceId::FIRST,
            dlcs_core::ModelId::parse(model).unwrap(),
        );
        let written: String = id
            .model()
            .as_str()
            .bytes()
            .map(|byte| format!("%{byte:02X}"))
            .collect();
        let path = format!("/iiif-img/1/1/{written}/info.json");
        let info = fixture.get(&path).await.good().json();
        let emitted = info["id"].as_str().unwrap().to_owned();
        let followed = emitted.strip_prefix("http://dlcs.example.org").unwrap();
        let again = fixture.get(&format!("{followed}/info.json")).await.good();
        assert_eq!(again.json()["id"], emitted, "{model}");
    }
}

#[tokio::test]
async fn the_base_redirects_to_the_information() {
    let fixture = Fixture::with_image("a b").await;
    for (path, location) in [
        ("/iiif-img/1/1/a%20b", "/iiif-img/1/1/a%20b/info.json"),
        ("/iiif-img/1/1/a%20b/", "/iiif-img/1/1/a%20b/info.json"),
        ("/iiif-img/v2/1/1/a%20b", "/iiif-img/v2/1/1/a%20b/info.json"),
        (
            "/iiif-img/v3/default/1/a%20b",
            "/iiif-img/v3/1/1/a%20b/info.json",
        ),
    ] {
        let answer = fixture.get(path).await;
        assert_eq!(answer.status, 303, "{path}");
        assert_eq!(
            answer.header("location"),
            format!("http://dlcs.example.org{location}")
        );
        assert_eq!(answer.header("access-control-allow-origin"), "*");
    }
}

#[tokio::test]
async fn limits_are_said_in_both_versions() {
    let fixture = Fixture::with_limits(Limits {
        max_width: Some(1000),
        max_height: Some(900),
        max_area: Some(500_000),
    })
    .await;
    fixture.register("map", "bytes").await;
    let third = fixture
        .get("/iiif-img/v3/1/1/map/info.json")
        .await
        .good()
        .json();
    let second = fixture
        .get("/iiif-img/v2/1/1/map/info.json")
        .await
        .good()
        .json();
    for said in [&third, &second["profile"][1]] {
        assert_eq!(said["maxWidth"], 1000);
        assert_eq!(said["maxHeight"], 900);
        assert_eq!(said["maxArea"], 500_000);
    }
    assert_eq!(
        third["sizes"],
        json!([{"width": 100, "height": 67}, {"width": 200, "height": 133}, {"width": 375, "height": 251}, {"width": 400, "height": 267}])
    );
}

/// Asks for everything that the information promises.
#[tokio::test]
async fn every_promise_is_kept() {
    let fixture = Fixture::with_image("map").await;
    for (base, version) in [
        ("/iiif-img/v2/1/1/map", 2),
        ("/iiif-img/v3/1/1/map", 3),
        ("/iiif-img/1/1/map", 3),
    ] {
        let info = fixture
            .get(&format!("{base}/info.json"))
            .await
            .good()
            .json();
        let mut promised = Vec::new();
        promise_sizes_and_tiles(&info, version, &mut promised);
        let extra = if version == 2 {
            &info["profile"][1]
        } else {
            &info
        };
        for quality in texts(
            extra,
            if version == 2 {
                "qualities"
            } else {
                "extraQualities"
            },
        ) {
            promised.push(format!("full/200,/0/{quality}.jpg"));
        }
        for format in texts(
            extra,
            if version == 2 {
                "formats"
            } else {
                "extraFormats"
            },
        ) {
            promised.push(format!("full/200,/0/default.{format}"));
        }
        // Level 2 of either version.
        for request in [
            "full/max/0/default.jpg",
            "full/max/0/default.png",
            "full/max/0/color.jpg",
            "full/max/0/gray.jpg",
            "10,20,300,400/max/0/default.jpg",
            "pct:10,20.5,30,40/max/0/default.jpg",
            "full/300,/0/default.jpg",
            "full/,300/0/default.jpg",
            "full/pct:33.3/0/default.jpg",
            "full/100,300/0/default.jpg",
            "full/!100,300/0/default.jpg",
            "full/max/90/default.jpg",
            "full/max/180/default.jpg",
            "full/max/270/default.jpg",
        ] {
            promised.push(request.to_owned());
        }
        if version == 2 {
            promised.push("full/full/0/bitonal.jpg".to_owned());
        }
        for feature in texts(
            extra,
            if version == 2 {
                "supports"
            } else {
                "extraFeatures"
            },
        ) {
            match feature.as_str() {
                "mirroring" => promised.push("full/max/!90/default.jpg".to_owned()),
                "rotationArbitrary" => promised.push("full/max/22.5/default.png".to_owned()),
                "sizeAboveFull" => promised.push("full/3001,/0/default.jpg".to_owned()),
                "regionSquare" => promised.push("square/max/0/default.jpg".to_owned()),
                "sizeUpscaling" => {
                    promised.push("10,10,100,100/^500,/0/default.jpg".to_owned());
                    promised.push("full/^max/0/default.jpg".to_owned());
                }
                "canonicalLinkHeader" | "profileLinkHeader" => {
                    let image = fixture.get(&format!("{base}/full/max/0/default.jpg")).await;
                    let rel = feature.strip_suffix("LinkHeader").unwrap();
                    assert!(image.header("link").contains(&format!("rel=\"{rel}\"")));
                }
                other => panic!("nothing here asks for {other}"),
            }
        }
        for request in promised {
            let answer = fixture.get(&format!("{base}/{request}")).await;
            assert_eq!(answer.status, 200, "{base}/{request}: {:?}", answer.body);
        }
    }
}

/// The sizes and the tiles of the information, edges included, as viewers ask for them; each answer must have its exact size.
fn promise_sizes_and_tiles(info: &Value, version: u32, promised: &mut Vec<String>) {
    let number = |value: &Value| value.as_u64().expect("a number");
    assert_eq!(
        (number(&info["width"]), number(&info["height"])),
        (SIZE.0.into(), SIZE.1.into())
    );
    for size in info["sizes"].as_array().expect("a list") {
        let (w, h) = (number(&size["width"]), number(&size["height"]));
        promised.push(format!("full/{w},{h}/0/default.jpg"));
    }
    let (width, height) = (number(&info["width"]), number(&info["height"]));
    for tiles in info["tiles"].as_array().expect("a list") {
        let side = number(&tiles["width"]);
        for scale in tiles["scaleFactors"]
            .as_array()
            .expect("a list")
            .iter()
            .map(number)
        {
            let step = side * scale;
            for y in (0..height).step_by(step as usize) {
                for x in (0..width).step_by(step as usize) {
                    let (w, h) = (step.min(width - x), step.min(height - y));
                    let (tw, th) = (w.div_ceil(scale), h.div_ceil(scale));
                    let size = if version == 2 {
                        format!("{tw},")
                    } else {
                        format!("{tw},{th}")
                    };
                    promised.push(format!("{x},{y},{w},{h}/{size}/0/default.jpg"));
                }
            }
        }
    }
}

fn texts(value: &Value, name: &str) -> Vec<String> {
    let items = value[name].as_array().into_iter().flatten();
    items
        .map(|item| item.as_str().expect("a text").to_owned())
        .collect()
}
