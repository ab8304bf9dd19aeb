//! The program is killed with SIGKILL at random moments of running batches and started again on the same data.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use dlcs_testkit::server::HttpServer;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::photograph::{decode_jpeg, small};
use crate::program::Program;

const KILLS: u32 = 20;
const MEMBERS: u32 = 12;
const READERS: usize = 4;

/// What the client has been told, in the manner of a ledger: acknowledged for certain, or unknown because the answer never came.
#[derive(Default)]
struct Ledger {
    /// Batches that were acknowledged, by address path: how many members each has.
    batches: BTreeMap<String, u64>,
    acknowledged: BTreeSet<String>,
    unknown: BTreeSet<String>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_and_nothing_half_is_seen() {
    let seed = std::env::var("SEED")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(20_161_123);
    dlcs_testkit::program::say(&format!("SEED={seed}"));
    let mut random = Random(seed);
    let origin = HttpServer::start().await;
    // Two versions of every image, told apart by their size: what is read must be the one or the other, whole.
    let sizes: Vec<_> = (0..2_u32)
        .map(|version| {
            let photo = small(version);
            origin.serve(&format!("/{version}.jpg"), photo.file);
            photo.pixels.dimensions()
        })
        .collect();
    assert_ne!(sizes[0], sizes[1]);
    let data = tempfile::tempdir().unwrap();
    let arguments = [
        "--allow-private",
        "127.0.0.0/8",
        "--admin-key",
        "killer",
        "--admin-secret",
        "not-so-secret",
    ];
    let client = Client::builder()
        .timeout(Duration::from_secs(20))
        .build()
        .unwrap();

    let mut program = Program::start(data.path(), &arguments);
    let (address, current) = watch::channel(program.url.clone());
    let stop = Arc::new(AtomicBool::new(false));
    let seen = Arc::new(AtomicUsize::new(0));
    let readers: Vec<_> = (0..READERS)
        .map(|reader| {
            let (client, current, sizes) = (client.clone(), current.clone(), sizes.clone());
            let (stop, seen) = (Arc::clone(&stop), Arc::clone(&seen));
            tokio::spawn(async move {
                read_until(&client, &current, &sizes, &stop, &seen, reader as u32).await;
            })
        })
        .collect();

    let mut ledger = Ledger::default();
    for kill in 0..KILLS {
        let members: Vec<_> = (0..MEMBERS).map(|member| {
            let id = format!("image-{}", (kill * 5 + member) % 40);
            let version = random.below(2);
            json!({ "space": 1, "id": id, "origin": origin.url(&format!("/{version}.jpg")).as_str(), "number1": kill })
        }).collect();
        let base = address.borrow().clone();
        let submission = submit(&client, &base, &members);
        let wait = random.log_uniform(0.001, 3.0);
        // The kill may come before, during or after the answer.
        let answer = tokio::select! {
            answer = async { let answer = submission.await; tokio::time::sleep(wait).await; answer } => answer,
            () = tokio::time::sleep(wait + Duration::from_millis(u64::from(random.below(200)))) => None,
        };
        let ids = members
            .iter()
            .map(|member| member["id"].as_str().unwrap().to_owned());
        match answer {
            Some(path) => {
                ledger.batches.insert(path, u64::from(MEMBERS));
                ledger.acknowledged.extend(ids);
            }
            None => ledger.unknown.extend(ids),
        }
        program.sigkill();
        program = Program::start(data.path(), &arguments);
        address.send_replace(program.url.clone());
    }

    check(&client, &program, &ledger).await;
    stop.store(true, Ordering::SeqCst);
    for reader in readers {
        reader.await.unwrap();
    }
    assert!(seen.load(Ordering::SeqCst) > 0, "the readers saw nothing");
    assert!(!ledger.batches.is_empty(), "no batch was acknowledged");
}

/// Waits until every batch has finished, then holds everything against the ledger.
async fn check(client: &Client, program: &Program, ledger: &Ledger) {
    for (path, count) in &ledger.batches {
        let batch = finished(client, program, path).await;
        assert_eq!(batch["count"], json!(count), "{batch}");
        assert_eq!(
            (&batch["completed"], &batch["errors"]),
            (&json!(count), &json!(0)),
            "{batch}"
        );
    }
    // Batches whose answer never came may exist all the same: they end too.
    let mut active = get(client, program, "/customers/1/queue/active").await;
    for _ in 0..600 {
        if active["totalItems"] == json!(0) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        active = get(client, program, "/customers/1/queue/active").await;
    }
    assert_eq!(active["totalItems"], json!(0), "{active}");

    let images = get(client, program, "/customers/1/spaces/1/images?pageSize=500").await;
    let listed: Vec<_> = images["member"]
        .as_array()
        .unwrap()
        .iter()
        .map(|image| {
            assert_eq!(
                (&image["error"], &image["ingesting"]),
                (&json!(""), &json!(false)),
                "{image}"
            );
            assert!(image["width"].as_u64().unwrap() > 0, "{image}");
            image["id"].as_str().unwrap().to_owned()
        })
        .collect();
    let set: BTreeSet<_> = listed.iter().cloned().collect();
    assert_eq!(listed.len(), set.len(), "nothing is registered twice");
    assert!(
        ledger.acknowledged.is_subset(&set),
        "lost: {:?}",
        ledger.acknowledged.difference(&set)
    );
    let known: BTreeSet<_> = ledger
        .acknowledged
        .union(&ledger.unknown)
        .cloned()
        .collect();
    assert!(
        set.is_subset(&known),
        "out of nowhere: {:?}",
        set.difference(&known)
    );
    assert_eq!(images["totalItems"], json!(set.len()));
    let queue = get(client, program, "/customers/1/queue").await;
    assert_eq!(queue["size"], json!(0), "{queue}");
    let space = get(client, program, "/customers/1/spaces/1").await;
    assert_eq!(
        space["approximateNumberOfImages"],
        json!(set.len()),
        "{space}"
    );
}

/// Reads images over and over: whatever is answered with 200 decodes whole, in the size of one version.
async fn read_until(
    client: &Client,
    current: &watch::Receiver<String>,
    sizes: &[(u32, u32)],
    stop: &AtomicBool,
    seen: &AtomicUsize,
    reader: u32,
) {
    let mut random = Random(u64::from(reader) + 1);
    while !stop.load(Ordering::SeqCst) {
        let base = current.borrow().clone();
        let url = format!(
            "{base}/iiif-img/v3/1/1/image-{}/full/max/0/default.jpg",
            random.below(40)
        );
        let Ok(response) = client.get(&url).send().await else {
            // Between a kill and the next start nobody listens.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let status = response.status();
        let Ok(bytes) = response.bytes().await else {
            continue;
        };
        if status == StatusCode::NOT_FOUND || status == StatusCode::SERVICE_UNAVAILABLE {
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        }
        assert_eq!(
            status,
            StatusCode::OK,
            "{url}: {}",
            String::from_utf8_lossy(&bytes)
        );
        let pixels = decode_jpeg(&bytes).unwrap_or_else(|error| panic!("{url}: {error}"));
        assert!(
            sizes.contains(&pixels.dimensions()),
            "{url}: {:?}",
            pixels.dimensions()
        );
        seen.fetch_add(1, Ordering::SeqCst);
    }
}

/// Submits a batch; its path when it was acknowledged.
async fn submit(client: &Client, base: &str, members: &[Value]) -> Option<String> {
    let body = json!({ "@type": "Collection", "member": members }).to_string();
    let request = client
        .post(format!("{base}/customers/1/queue"))
        .basic_auth("killer", Some("not-so-secret"));
    let response = request.body(body).send().await.ok()?;
    let status = response.status();
    let text = response.text().await.ok()?;
    assert_eq!(status, StatusCode::CREATED, "{text}");
    let batch: Value = serde_json::from_str(&text).unwrap();
    let id = batch["@id"].as_str().unwrap();
    Some(id[id.find("/customers").unwrap()..].to_owned())
}

async fn get(client: &Client, program: &Program, path: &str) -> Value {
    let request = client
        .get(program.at(path))
        .basic_auth("killer", Some("not-so-secret"));
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK, "{path}");
    crate::e2e::json_of(response).await
}

async fn finished(client: &Client, program: &Program, path: &str) -> Value {
    for _ in 0..1200 {
        let batch = get(client, program, path).await;
        if batch.get("finished").is_some() {
            return batch;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!(
        "{path} did not finish: {}",
        get(client, program, path).await
    );
}

/// A small generator of numbers, so that a seed repeats a run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u32) -> u32 {
        (self.next() % u64::from(limit)) as u32
    }

    fn log_uniform(&mut self, least: f64, most: f64) -> Duration {
        let part = self.next() as f64 / u64::MAX as f64;
        Duration::from_secs_f64(least * (most / least).powf(part))
    }
}
