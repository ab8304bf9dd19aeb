//! `/thumbs`: the thumbnails that lie ready, and nothing else.

use dlcs_core::iiif::Limits;
use dlcs_core::image::DeliveryChannel;
use serde_json::{Value, json};

use super::fixture::{Fixture, SIZE};

const BASES: [(&str, u32); 3] = [
    ("/thumbs/1/1/map", 3),
    ("/thumbs/v2/1/1/map", 2),
    ("/thumbs/v3/1/1/map", 3),
];
const ACCEPT_V2: (&str, &str) = (
    "accept",
    "application/ld+json;profile=\"http://iiif.io/api/image/2/context.json\"",
);

fn sizes(info: &Value) -> Vec<(u64, u64)> {
    let number = |size: &Value, name: &str| size[name].as_u64().expect("a number");
    let sizes = info["sizes"].as_array().expect("a list");
    sizes
        .iter()
        .map(|size| (number(size, "width"), number(size, "height")))
        .collect()
}

#[tokio::test]
async fn version_three() {
    let fixture = Fixture::with_image("map").await;
    let info = fixture.get("/thumbs/v3/1/1/map/info.json").await.good();
    insta::assert_json_snapshot!(info.json());
    assert_eq!(
        info.header("content-type"),
        "application/ld+json;profile=\"http://iiif.io/api/image/3/context.json\""
    );
    assert_eq!(
        info.header("link"),
        "<http://iiif.io/api/image/3/level0.json>;rel=\"profile\""
    );
}

#[tokio::test]
async fn version_two() {
    let fixture = Fixture::with_image("map").await;
    let info = fixture.get("/thumbs/v2/1/1/map/info.json").await.good();
    insta::assert_json_snapshot!(info.json());
    assert_eq!(info.header("content-type"), "application/json");
    assert_eq!(
        info.header("link"),
        "<http://iiif.io/api/image/2/level0.json>;rel=\"profile\", \
         <http://iiif.io/api/image/2/context.json>;rel=\"http://www.w3.org/ns/json-ld#context\";type=\"application/ld+json\""
    );
}

#[tokio::test]
async fn without_a_version_the_client_says_which() {
    let fixture = Fixture::with_image("map").await;
    let path = "/thumbs/1/1/map/info.json";
    let third = fixture.get(path).await.good();
    assert_eq!(third.json()["id"], "http://dlcs.example.org/thumbs/1/1/map");
    let second = fixture.ask("GET", path, &[ACCEPT_V2]).await.good();
    assert_eq!(
        second.json()["@id"],
        "http://dlcs.example.org/thumbs/v2/1/1/map"
    );
    assert_eq!(second.header("vary"), "accept");
}

#[tokio::test]
async fn every_promised_size_is_sent_without_decoding() {
    let fixture = Fixture::with_image("map").await;
    for (base, version) in BASES {
        let info = fixture.get(&format!("{base}/info.json")).await.good();
        let info = info.json();
        let promised = sizes(&info);
        assert_eq!(promised, [(100, 67), (200, 133), (400, 267), (1024, 683)]);
        assert_eq!(
            (&info["width"], &info["height"]),
            (&json!(1024), &json!(683))
        );
        for (width, height) in promised {
            let whole = if version == 2 { "full" } else { "max" };
            let mut written = vec![
                format!("full/{width},{height}/0/default.jpg"),
                format!("full/{width},/0/color.jpg"),
                format!("full/!{width},{width}/0/default.jpg"),
            ];
            if width == 1024 {
                written.push(format!("full/{whole}/0/default.jpg"));
                written.push("0,0,1024,683/max/0/default.jpg".to_owned());
            }
            for request in written {
                let image = fixture.get(&format!("{base}/{request}")).await.good();
                let start = format!("{width} x {height} of images/1/1/");
                assert!(image.body.starts_with(start.as_bytes()), "{request}");
                assert_eq!(image.header("content-type"), "image/jpeg");
                // What the renderer was asked for is of the image, not of its smaller copy.
                let asked = fixture.renderer.rendered.lock().unwrap().pop().unwrap();
                assert_eq!((asked.region.width, asked.region.height), SIZE);
            }
        }
    }
    assert_eq!(fixture.decoded(), 0);
}

#[tokio::test]
async fn other_requests_are_told_which_sizes_there_are() {
    let fixture = Fixture::with_image("map").await;
    for (base, _) in BASES {
        for request in [
            "full/300,/0/default.jpg",
            "full/400,266/0/default.jpg",
            "full/3000,2001/0/default.jpg",
            "full/375,251/0/default.jpg",
            "square/max/0/default.jpg",
            "0,0,512,512/max/0/default.jpg",
            "full/max/90/default.jpg",
            "full/max/!0/default.jpg",
            "full/max/0/gray.jpg",
            "full/max/0/default.png",
            "full/max/0/native.jpg",
            "full/nothing/0/default.jpg",
        ] {
            let answer = fixture.get(&format!("{base}/{request}")).await;
            assert_eq!(answer.status, 400, "{base}/{request}");
            let error = answer.json();
            assert_eq!(
                error["type"],
                "http://dlcs.example.org/docs/errors/invalid-image-request"
            );
            let detail = error["detail"].as_str().unwrap();
            let there = "`full/SIZE/0/default.jpg` is there in 100,67 200,133 400,267 1024,683";
            assert!(detail.ends_with(there), "{request}: {detail}");
        }
    }
    assert_eq!(fixture.rendered(), 0);
}

#[tokio::test]
async fn canonical_addresses_are_those_of_the_thumbnails() {
    let fixture = Fixture::with_image("map").await;
    for (asked, canonical) in [
        ("v2/1/1/map/full/400,267", "v2/1/1/map/full/400,"),
        ("v2/default/1/map/full/1024,", "v2/1/1/map/full/full"),
        ("v3/1/1/map/full/400,", "v3/1/1/map/full/400,267"),
        ("1/1/map/full/!9000,683", "1/1/map/full/max"),
    ] {
        let image = fixture.get(&format!("/thumbs/{asked}/0/default.jpg")).await;
        let link = image.good().header("link").to_owned();
        let expected =
            format!("<http://dlcs.example.org/thumbs/{canonical}/0/default.jpg>;rel=\"canonical\"");
        assert!(link.starts_with(&expected), "{asked}: {link}");
        assert!(link.contains("level0.json>;rel=\"profile\""), "{link}");
    }
}

#[tokio::test]
async fn the_base_redirects_to_the_information() {
    let fixture = Fixture::with_image("a b").await;
    for (path, location) in [
        ("/thumbs/1/1/a%20b", "/thumbs/1/1/a%20b/info.json"),
        (
            "/thumbs/v2/default/1/a%20b/",
            "/thumbs/v2/1/1/a%20b/info.json",
        ),
    ] {
        let answer = fixture.get(path).await;
        assert_eq!(answer.status, 303, "{path}");
        let expected = format!("http://dlcs.example.org{location}");
        assert_eq!(answer.header("location"), expected);
    }
}

#[tokio::test]
async fn images_without_the_channel_have_none() {
    let fixture = Fixture::new().await;
    let channel = |channel: &str| DeliveryChannel {
        channel: channel.to_owned(),
        policy: None,
    };
    for (channels, thumbs) in [
        (vec!["iiif-img"], 404),
        (vec!["thumbs"], 200),
        (vec!["default"], 200),
        (vec!["none"], 404),
    ] {
        let registration = Fixture::registration("map")
            .with_bytes("bytes")
            .with_channels(channels.iter().map(|name| channel(name)));
        fixture.dlcs.register(registration).await.unwrap();
        for path in ["info.json", "full/max/0/default.jpg"] {
            let answer = fixture.get(&format!("/thumbs/1/1/map/{path}")).await;
            assert_eq!(answer.status, thumbs, "{channels:?} {path}");
        }
    }
}

#[tokio::test]
async fn small_images_have_their_own_size_once() {
    let fixture = Fixture::new().await;
    fixture.register("small", "300x200").await;
    let info = fixture.get("/thumbs/1/1/small/info.json").await.good();
    assert_eq!(sizes(&info.json()), [(100, 67), (200, 133), (300, 200)]);
    let path = "/thumbs/1/1/small/full/max/0/default.jpg";
    fixture.get(path).await.good();
    assert_eq!(fixture.decoded(), 0);
}

#[tokio::test]
async fn limits_hold_for_thumbnails_too() {
    let fixture = Fixture::with_limits(Limits {
        max_width: Some(300),
        ..Limits::default()
    })
    .await;
    fixture.register("map", "bytes").await;
    let info = fixture.get("/thumbs/1/1/map/info.json").await.good();
    assert_eq!(sizes(&info.json()), [(100, 67), (200, 133)]);
    let path = "/thumbs/1/1/map/full/400,/0/default.jpg";
    assert_eq!(fixture.get(path).await.status, 400);
}
