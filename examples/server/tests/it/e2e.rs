//! From the curl commands of the seed to the last tile: the real program, a real origin, photographs.

use std::time::Duration;

use dlcs_testkit::Gate;
use dlcs_testkit::server::{HttpServer, Reply};
use futures_util::{StreamExt, TryStreamExt};
use image::RgbImage;
use image::imageops;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use crate::photograph::{self, Photograph, decode_jpeg, psnr, scaled_down};
use crate::program::Program;

#[derive(Clone, Copy, Debug)]
enum Version {
    V2,
    V3,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn photographs_registered_all_three_ways_are_served_tile_by_tile() {
    let origin = HttpServer::start().await;
    let data = tempfile::tempdir().unwrap();
    let program = Program::start(data.path(), &["--allow-private", "127.0.0.0/8"]);
    let client = Client::new();
    let photographs = photograph::all();
    let mut served = Vec::new();
    let mut members = Vec::new();
    for (place, photo) in photographs.iter().enumerate() {
        let url = origin.serve(&format!("/{}", photo.name), photo.file.clone());
        let body = json!({ "origin": url.as_str(), "string1": "bib343434", "number1": place });
        match place % 4 {
            0 => {
                let path = format!("/customers/1/spaces/1/images/{}", photo.name);
                let image = register(&client, &program, reqwest::Method::PUT, &path, &body).await;
                served.push((photo, image));
            }
            1 => {
                let mut body = body;
                body["id"] = json!(photo.name);
                let image = register(
                    &client,
                    &program,
                    reqwest::Method::POST,
                    "/customers/1/spaces/1/images",
                    &body,
                )
                .await;
                served.push((photo, image));
            }
            2 => {
                let image = register(
                    &client,
                    &program,
                    reqwest::Method::POST,
                    "/customers/1/spaces/1/images",
                    &body,
                )
                .await;
                assert_ne!(image["id"], json!(photo.name), "an id is assigned");
                served.push((photo, image));
            }
            _ => members.push((
                photo,
                json!({ "space": 1, "id": photo.name, "origin": url.as_str(), "number1": place }),
            )),
        }
    }
    for (photo, image) in &served {
        assert_eq!(
            image["width"],
            json!(photo.pixels.width()),
            "{}",
            photo.name
        );
        assert_eq!(
            image["height"],
            json!(photo.pixels.height()),
            "{}",
            photo.name
        );
    }

    let broken = broken_files(&origin);
    let batch: Vec<_> = members
        .iter()
        .map(|(_, member)| member.clone())
        .chain(broken.iter().map(member_of))
        .collect();
    let batch = submit(&client, &program, &batch).await;
    let batch = finished(&client, &program, &batch).await;
    assert_eq!(batch["count"], json!(members.len() + broken.len()));
    assert_eq!(batch["completed"], json!(members.len()), "{batch}");
    assert_eq!(batch["errors"], json!(broken.len()), "{batch}");
    for (name, _, part) in &broken {
        let image = get(
            &client,
            &program,
            &format!("/customers/1/spaces/1/images/{name}"),
        )
        .await;
        let error = image["error"].as_str().unwrap_or_default();
        assert!(error.contains(part), "{name}: {error}");
        let info = program.at(&format!("/iiif-img/1/1/{name}/info.json"));
        assert_eq!(
            client.get(info).send().await.unwrap().status(),
            StatusCode::NOT_FOUND,
            "{name}"
        );
    }
    for (photo, _) in members {
        let image = get(
            &client,
            &program,
            &format!("/customers/1/spaces/1/images/{}", photo.name),
        )
        .await;
        served.push((photo, image));
    }

    // The origin is not needed any more: from here on nothing but what is stored can answer.
    drop(origin);
    for (photo, image) in &served {
        let id = image["id"].as_str().unwrap();
        for version in [Version::V2, Version::V3] {
            deep_zoom_session(&client, &program, photo, id, version).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_curl_commands_of_the_seed_work_without_a_content_type() {
    let origin = HttpServer::start().await;
    let data = tempfile::tempdir().unwrap();
    let program = Program::start(data.path(), &["--allow-private", "127.0.0.0/8"]);
    let url = origin.serve("/xxx/yyy.jpg", photograph::small(1).file);
    let curl = |arguments: &[&str]| {
        let mut curl = std::process::Command::new("curl");
        curl.args(["-sS", "-w", "\n%{http_code}", "--user", &program.user()]);
        let mut output = curl.args(arguments).output().ok()?;
        output.stdout.append(&mut output.stderr);
        Some(String::from_utf8(output.stdout).unwrap())
    };
    let put = format!(r#"{{"origin":"{url}"}}"#);
    let Some(answer) = curl(&[
        "-X",
        "PUT",
        "-d",
        &put,
        &program.at("/customers/1/spaces/1/images/my-new-image-id"),
    ]) else {
        return dlcs_testkit::program::skip("the_curl_commands_of_the_seed", "curl");
    };
    assert!(answer.ends_with("\n201"), "{answer}");
    let post = format!(r#"{{"origin":"{url}", "id":"my-new-image-id-2"}}"#);
    let answer = curl(&[
        "-X",
        "POST",
        "-d",
        &post,
        &program.at("/customers/1/spaces/1/images"),
    ])
    .unwrap();
    assert!(answer.ends_with("\n201"), "{answer}");
    for id in ["my-new-image-id", "my-new-image-id-2"] {
        let answer = curl(&[&program.at(&format!("/iiif-img/1/1/{id}/info.json"))]).unwrap();
        assert!(answer.ends_with("\n200"), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registration_goes_on_when_its_client_hangs_up() {
    let origin = HttpServer::start().await;
    let data = tempfile::tempdir().unwrap();
    // Nobody but the request itself can process the image.
    let program = Program::start(
        data.path(),
        &["--allow-private", "127.0.0.0/8", "--workers", "0"],
    );
    let gate = Gate::new();
    let url = origin.route(
        "/slow.jpg",
        Reply::bytes(photograph::small(3).file).gated(gate.clone()),
    );
    let (key, secret) = program.key.clone().unwrap();
    let path = "/customers/1/spaces/1/images/slow";
    let body = json!({ "origin": url.as_str() }).to_string();
    let client = Client::new();
    let request = client
        .put(program.at(path))
        .basic_auth(key, Some(secret))
        .body(body);
    tokio::select! {
        _ = request.send() => panic!("the origin has not answered yet"),
        () = gate.reached() => {}
    }
    drop(client);
    gate.open();
    let client = Client::new();
    for _ in 0..400 {
        let image = get(&client, &program, path).await;
        if image["ingesting"] == json!(false) {
            assert_eq!(
                (&image["error"], image["width"].as_u64()),
                (&json!(""), Some(703))
            );
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the registration stopped half-way");
}

/// Files that no image can be made of: name, member, and a part of the sentence that says why.
fn broken_files(origin: &HttpServer) -> Vec<(&'static str, String, &'static str)> {
    let whole = photograph::small(9).file;
    let cut = whole[..whole.len() / 2].to_vec();
    vec![
        (
            "cut.jpg",
            origin.serve("/cut.jpg", cut).to_string(),
            "damaged",
        ),
        (
            "page.jpg",
            origin
                .serve("/page.jpg", b"<!DOCTYPE html><p>Log in".to_vec())
                .to_string(),
            "HTML",
        ),
        (
            "empty.jpg",
            origin.serve("/empty.jpg", Vec::new()).to_string(),
            "empty",
        ),
        ("gone.jpg", origin.url("/gone.jpg").to_string(), "404"),
    ]
}

fn member_of((name, url, _): &(&'static str, String, &'static str)) -> Value {
    json!({ "space": 1, "id": name, "origin": url })
}

/// The JSON of an answer.
pub(crate) async fn json_of(response: reqwest::Response) -> Value {
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
}

async fn register(
    client: &Client,
    program: &Program,
    method: reqwest::Method,
    path: &str,
    body: &Value,
) -> Value {
    let (key, secret) = program.key.as_ref().unwrap();
    let request = client
        .request(method, program.at(path))
        .basic_auth(key, Some(secret))
        .body(body.to_string());
    let response = request.send().await.unwrap();
    let status = response.status();
    let image = json_of(response).await;
    assert_eq!(status, StatusCode::CREATED, "{path}: {image}");
    let info = client
        .get(image["infoJson"].as_str().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(
        info.status(),
        StatusCode::OK,
        "the image service is live when the answer comes"
    );
    image
}

async fn submit(client: &Client, program: &Program, members: &[Value]) -> Value {
    let (key, secret) = program.key.as_ref().unwrap();
    let body = json!({ "@context": "http://www.w3.org/ns/hydra/context.jsonld", "@type": "Collection", "member": members });
    let request = client
        .post(program.at("/customers/1/queue"))
        .basic_auth(key, Some(secret))
        .body(body.to_string());
    let response = request.send().await.unwrap();
    let status = response.status();
    let batch = json_of(response).await;
    assert_eq!(status, StatusCode::CREATED, "{batch}");
    batch
}

async fn get(client: &Client, program: &Program, path: &str) -> Value {
    let (key, secret) = program.key.as_ref().unwrap();
    let response = client
        .get(program.at(path))
        .basic_auth(key, Some(secret))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::OK, "{path}");
    json_of(response).await
}

/// Polls a batch until it is finished, checking on the way that its numbers only rise and always add up.
async fn finished(client: &Client, program: &Program, batch: &Value) -> Value {
    let id = batch["@id"].as_str().unwrap();
    let path = &id[id.find("/customers").unwrap()..];
    let mut last = 0;
    for _ in 0..1200 {
        let batch = get(client, program, path).await;
        let done = batch["completed"].as_u64().unwrap() + batch["errors"].as_u64().unwrap();
        let count = batch["count"].as_u64().unwrap();
        assert!(last <= done && done <= count, "{batch}");
        assert_eq!(batch.get("finished").is_some(), done == count, "{batch}");
        if done == count {
            return batch;
        }
        last = done;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the batch did not finish");
}

/// Asks for every tile of every level as a viewer does, and compares what comes with the source.
async fn deep_zoom_session(
    client: &Client,
    program: &Program,
    photo: &Photograph,
    id: &str,
    version: Version,
) {
    let prefix = if matches!(version, Version::V2) {
        "v2"
    } else {
        "v3"
    };
    let base = program.at(&format!("/iiif-img/{prefix}/1/1/{id}"));
    let info = client
        .get(format!("{base}/info.json"))
        .send()
        .await
        .unwrap();
    let info = json_of(info).await;
    let (width, height) = photo.pixels.dimensions();
    assert_eq!(
        (info["width"].as_u64(), info["height"].as_u64()),
        (Some(width.into()), Some(height.into()))
    );
    let tile = info["tiles"][0]["width"].as_u64().unwrap() as u32;
    let factors = info["tiles"][0]["scaleFactors"].as_array().unwrap();
    assert!(!factors.is_empty());
    for factor in factors {
        let factor = factor.as_u64().unwrap() as u32;
        let (columns, rows) = (
            width.div_ceil(tile * factor),
            height.div_ceil(tile * factor),
        );
        let tiles = (0..rows).flat_map(|row| (0..columns).map(move |column| (column, row)));
        let fetched = futures_util::stream::iter(tiles).map(|(column, row)| {
            let (x, y) = (column * tile * factor, row * tile * factor);
            let (w, h) = (
                (tile * factor).min(width - x),
                (tile * factor).min(height - y),
            );
            let (out_w, out_h) = (w.div_ceil(factor), h.div_ceil(factor));
            let size = match version {
                Version::V2 => format!("{out_w},"),
                Version::V3 => format!("{out_w},{out_h}"),
            };
            let url = format!("{base}/{x},{y},{w},{h}/{size}/0/default.jpg");
            async move {
                let response = client
                    .get(&url)
                    .send()
                    .await
                    .map_err(|error| error.to_string())?;
                let status = response.status();
                let bytes = response.bytes().await.map_err(|error| error.to_string())?;
                if status != StatusCode::OK {
                    return Err(format!(
                        "{url}: {status} {}",
                        String::from_utf8_lossy(&bytes)
                    ));
                }
                let pixels = decode_jpeg(&bytes).map_err(|error| format!("{url}: {error}"))?;
                if pixels.dimensions() != (out_w, out_h) {
                    return Err(format!(
                        "{url}: {:?} instead of {:?}",
                        pixels.dimensions(),
                        (out_w, out_h)
                    ));
                }
                Ok((column, row, pixels))
            }
        });
        let fetched: Vec<_> = fetched.buffer_unordered(4).try_collect().await.unwrap();
        let mut level = RgbImage::new(width.div_ceil(factor), height.div_ceil(factor));
        for (column, row, pixels) in &fetched {
            imageops::replace(
                &mut level,
                pixels,
                i64::from(column * tile),
                i64::from(row * tile),
            );
        }
        let expected = if factor == 1 {
            photo.pixels.clone()
        } else {
            scaled_down(&photo.pixels, factor)
        };
        let ratio = psnr(&level, &expected);
        let floor = if factor == 1 { 30.0 } else { 28.0 };
        assert!(
            ratio >= floor,
            "{} {version:?} at 1:{factor}: {ratio:.1} dB",
            photo.name
        );
    }
}
