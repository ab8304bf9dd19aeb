//! The largest images that information documents promise without limits, and large sources in little memory.

use std::path::Path;
use std::process::Command;

use dlcs_testkit::program as tools;
use dlcs_testkit::server::HttpServer;
use image::{DynamicImage, ImageFormat, RgbaImage};
use reqwest::{Client, StatusCode};
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

/// Sources as wide as one of a gigapixel, whose height is a part of that, because rows are let go: more of them take longer, and no more memory.
/// And the whole of one of 400 megapixels.
const LARGE: [(&str, u32, u32); 3] = [
    ("strips.tif", 32768, 4096),
    ("tiles.tif", 32768, 4096),
    ("baseline.jpg", 20000, 20000),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_sources_that_come_by_rows_take_little_memory() {
    let test = "large_sources_that_come_by_rows_take_little_memory";
    let Some([vips]) = tools::find(test, ["vips"]) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let data = tempfile::tempdir().unwrap();
    for (name, width, height) in LARGE {
        draw(&vips, &folder.path().join(name), width, height);
    }
    let files = folder.path().to_str().unwrap();
    for (name, width, height) in LARGE {
        // Each in a process of its own, whose peak is that of this source.
        let program = Program::start(&data.path().join(name), &["--allow-file-origin", files]);
        let origin = format!("file://{files}/{name}");
        let (status, answer) = register(&program, name, &origin).await;
        assert_eq!(status, StatusCode::CREATED, "{name}: {answer}");
        assert_eq!(
            (&answer["width"], &answer["height"]),
            (&json!(width), &json!(height))
        );
        let Some(peak) = tools::peak_memory_of(program.id()) else {
            tools::skip(test, "the peak of a process in /proc");
            return;
        };
        tools::say(&format!("{name}: {} MiB at most", peak >> 20));
        assert!(peak < 200_000_000, "{name}: {peak}");
    }
}

/// Writes a drawing that has no two equal tiles: of much detail where it is not compressed, and without any where it is, which is sooner done.
fn draw(vips: &Path, file: &Path, width: u32, height: u32) {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap();
    let options = match name {
        "tiles.tif" => "[tile,tile-width=256,tile-height=256]",
        "baseline.jpg" => "[Q=80]",
        _ => "",
    };
    let (grey, turned) = (file.with_extension("v"), file.with_extension("turned.v"));
    let run = |arguments: &[&str]| {
        let output = Command::new(vips).args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
    };
    let target = format!("{}{options}", file.display());
    let sides = [width, height].map(|side| side.to_string());
    let [one, other] = [&grey, &turned].map(|path| path.to_str().unwrap());
    if options.contains('Q') {
        run(&["grey", one, &sides[0], &sides[1], "--uchar"]);
        run(&["rot", one, other, "d90"]);
    } else {
        run(&["zone", one, &sides[0], &sides[1], "--uchar"]);
        std::fs::copy(&grey, &turned).unwrap();
    }
    run(&["bandjoin", &format!("{one} {other} {one}"), &target]);
    std::fs::remove_file(grey).unwrap();
    std::fs::remove_file(turned).unwrap();
}

/// Registers an image at once; what is answered.
async fn register(program: &Program, id: &str, origin: &str) -> (StatusCode, Value) {
    let (key, secret) = program.key.as_ref().unwrap();
    let request = Client::new()
        .put(program.at(&format!("/customers/1/spaces/1/images/{id}")))
        .basic_auth(key, Some(secret));
    let body = json!({ "origin": origin }).to_string();
    let answer = request.body(body).send().await.unwrap();
    let status = answer.status();
    let answer = answer.bytes().await.unwrap();
    (status, serde_json::from_slice(&answer).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sources_above_the_limits_of_the_operator_are_refused_with_their_numbers() {
    let data = tempfile::tempdir().unwrap();
    let limits = [
        ("--max-side", "300"),
        ("--max-pixels", "50000"),
        // A WebP cannot be read by rows.
        ("--decode-budget", "1000"),
    ];
    let flags = limits.iter().flat_map(|(flag, value)| [*flag, *value]);
    let mut flags: Vec<_> = flags.collect();
    flags.extend(["--allow-private", "127.0.0.0/8"]);
    let program = Program::start(data.path(), &flags);
    let origin = HttpServer::start().await;
    let encoded = |name: &str, width: u32, height: u32, format: ImageFormat| {
        let pixels = RgbaImage::from_pixel(width, height, image::Rgba([9, 99, 200, 100]));
        let mut file = std::io::Cursor::new(Vec::new());
        let written = DynamicImage::ImageRgba8(pixels).write_to(&mut file, format);
        written.unwrap();
        origin.serve(&format!("/{name}"), file.into_inner())
    };
    let png = |name: &str, width, height| encoded(name, width, height, ImageFormat::Png);
    let cases = [
        (png("long.png", 301, 2), ["301", "300"]),
        (png("large.png", 250, 201), ["250 x 201", "50000"]),
        (
            encoded("whole.webp", 100, 100, ImageFormat::WebP),
            ["120000 bytes", "1000"],
        ),
    ];
    for (url, numbers) in cases {
        let (status, answer) = register(&program, "refused", url.as_str()).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{answer}");
        let said = answer.to_string();
        for number in numbers {
            assert!(said.contains(number), "{number}: {said}");
        }
    }
    let (status, answer) = register(&program, "taken", png("small.png", 300, 166).as_str()).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
}
