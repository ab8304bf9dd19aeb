//! The grammar of image addresses against a second implementation of it, in Python, that was written from the specifications.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use dlcs_core::dlcs::Settings;
use dlcs_core::iiif::{FormatSet, Limits};
use dlcs_testkit::program;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::Fixture;

const CASES: &str = "24000";

/// Runs the oracle with this input, and gives what it prints.
fn oracle(python: &Path, arguments: &[&str], input: String) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/delivery/oracle.py");
    let mut child = Command::new(python)
        .args([&[script], arguments].concat())
        .env("PYTHONIOENCODING", "utf-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // Written beside the reading: a pipe holds only so much.
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "the oracle failed");
    String::from_utf8(output.stdout).unwrap()
}

/// A service with the limits and the formats of a case, and an image of its size.
async fn fixture_for<'f>(fixtures: &'f mut HashMap<String, Fixture>, case: &Value) -> &'f Fixture {
    let (limits, formats, size) = (&case["limits"], &case["formats"], &case["image"]);
    let key = format!("{limits}{formats}");
    if !fixtures.contains_key(&key) {
        let side = |name: &str| limits[name].as_u64().map(|side| side as u32);
        let names = formats.as_array().unwrap().iter();
        let served: FormatSet = names
            .map(|name| name.as_str().unwrap().parse().unwrap())
            .collect();
        let settings = Settings::default()
            .with_formats(served)
            .with_limits(Limits {
                max_width: side("width"),
                max_height: side("height"),
                max_area: limits["area"].as_u64(),
            });
        fixtures.insert(key.clone(), Fixture::with_settings(settings).await);
    }
    let fixture = &fixtures[&key];
    let model = format!("{}x{}", size[0], size[1]);
    let id = format!("1/1/{model}").parse().unwrap();
    if fixture.dlcs.image(&id).await.is_err() {
        fixture.register(&model, &model).await;
    }
    fixture
}

/// What the service says to a case, as the oracle judges it.
async fn answer(fixture: &Fixture, case: &Value) -> Value {
    let version = case["version"].as_u64();
    let version = version.map_or(String::new(), |version| format!("v{version}/"));
    let model = format!("{}x{}", case["image"][0], case["image"][1]);
    let mut path = format!("/iiif-img/{version}1/1/{model}");
    for part in case["parts"].as_array().unwrap() {
        let part = utf8_percent_encode(part.as_str().unwrap(), NON_ALPHANUMERIC);
        path.push_str(&format!("/{part}"));
    }
    fixture.renderer.rendered.lock().unwrap().clear();
    let answer = fixture.get(&path).await;
    let body = String::from_utf8_lossy(&answer.body);
    let rendered = fixture.renderer.rendered.lock().unwrap().pop();
    let Some(request) = rendered else {
        return json!({"status": answer.status.as_u16(), "body": body});
    };
    let (region, size, output) = (request.region, request.size, request.output());
    let link = answer.header("link").split_once('>').unwrap().0;
    let parameters: Vec<_> = link.rsplitn(5, '/').take(4).collect();
    json!({
        "status": answer.status.as_u16(),
        "body": body,
        "region": [region.x, region.y, region.width, region.height],
        "size": [size.width(), size.height()],
        "output": [output.width(), output.height()],
        "type": answer.header("content-type"),
        "canonical": parameters.into_iter().rev().collect::<Vec<_>>().join("/"),
    })
}

#[tokio::test]
async fn addresses_mean_what_a_second_reading_of_the_specifications_says() {
    let Some([python]) = program::find("the oracle of addresses", ["python3"]) else {
        return;
    };
    let seed = std::env::var("SEED").unwrap_or_else(|_| "20260504".to_owned());
    program::say(&format!("SEED={seed}"));
    let cases = oracle(&python, &["cases", &seed, CASES], String::new());
    let mut fixtures = HashMap::new();
    let (mut said, mut served) = (String::new(), 0);
    for line in cases.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let fixture = fixture_for(&mut fixtures, &case).await;
        let answer = answer(fixture, &case).await;
        served += usize::from(answer["status"] == 200);
        said.push_str(&format!("{}\n", json!({"case": case, "answer": answer})));
    }
    let complaints = oracle(&python, &["judge"], said);
    let some: Vec<_> = complaints.lines().take(10).collect();
    assert!(
        complaints.is_empty(),
        "{} of {CASES} cases with SEED={seed}, such as:\n{}",
        complaints.lines().count(),
        some.join("\n")
    );
    assert!(served > 5000, "only {served} cases were served");
}
