//! The largest images that information documents promise without limits.

use dlcs_testkit::server::HttpServer;
use image::{DynamicImage, ImageFormat, RgbaImage};
use reqwest::Client;
use serde_json::{Value, json};

use crate::program::Program;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn images_just_below_every_limit_are_served_in_all_formats() {
    let data = tempfile::tempdir().unwrap();
    let program = Program::start(data.path(), &["--allow-private", "127.0.0.0/8"]);
    let client = Client::new();
    let origin = HttpServer::start().await;
    let (key, secret) = program.key.as_ref().unwrap();
    // With alpha, which costs the most; and flat, which is soon written.
    let pixels = RgbaImage::from_pixel(7000, 7000, image::Rgba([9, 99, 200, 100]));
    let mut file = std::io::Cursor::new(Vec::new());
    let written = DynamicImage::ImageRgba8(pixels).write_to(&mut file, ImageFormat::Png);
    written.unwrap();
    let url = origin.serve("/large.png", file.into_inner());
    let path = program.at("/customers/1/spaces/1/images/large");
    let request = client.put(path).basic_auth(key, Some(secret));
    let body = json!({ "origin": url.as_str() }).to_string();
    assert_eq!(request.body(body).send().await.unwrap().status(), 201);
    let base = program.at("/iiif-img/v3/1/1/large");
    let get = |path: String| client.get(format!("{base}/{path}")).send();
    let info = get("info.json".to_owned()).await.unwrap().bytes().await;
    let info: Value = serde_json::from_slice(&info.unwrap()).unwrap();
    assert!(info["maxArea"].is_null(), "{info}");
    let offered = info["extraFormats"].as_array().unwrap();
    let offered = offered.iter().map(|format| format.as_str().unwrap());
    for format in offered.chain(["jpg", "png"]) {
        // A quarter turn takes more than none; a slant takes the most of what there is in the format that itself takes the most.
        let turns: &[_] = match format {
            "webp" => &["0", "90", "45"],
            _ => &["90"],
        };
        for turn in turns {
            let path = format!("full/max/{turn}/default.{format}");
            let answer = get(path.clone()).await.unwrap();
            let status = answer.status();
            let length = answer.bytes().await.unwrap().len();
            assert!(status == 200 && length > 0, "{path}: {status}, {length}");
        }
    }
}
