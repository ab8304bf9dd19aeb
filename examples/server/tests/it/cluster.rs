//! Several processes on one database and one store: some are killed, connections break, and nothing is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use dlcs_testkit::Gate;
use dlcs_testkit::server::{HttpServer, Reply};
use futures_util::StreamExt;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio_postgres::NoTls;

use crate::bucket::Bucket;
use crate::database::Database;
use crate::photograph::tiny;
use crate::program::{Program, Starting};
use crate::proxy::Proxy;

/// How many images the batches have.
const MEMBERS: [usize; 2] = [5000, 200];
const KEY: &str = "cluster";
const SECRET: &str = "not-so-secret";

/// What every node is started with.
struct Cluster {
    folder: tempfile::TempDir,
    store: String,
    sealing_key: String,
}

impl Cluster {
    fn start(&self, node: &str, roles: &str, database: &str) -> Program {
        self.launch(node, roles, database).ready()
    }

    fn launch(&self, node: &str, roles: &str, database: &str) -> Starting {
        let data = self.folder.path().join(node);
        let arguments = self.arguments(roles, database);
        Program::launch(&data, &arguments, &Bucket::variables())
    }

    fn arguments(&self, roles: &str, database: &str) -> Vec<String> {
        let flags = [
            ("--roles", roles),
            ("--database-url", database),
            ("--store-url", &self.store),
            ("--sealing-key", &self.sealing_key),
            ("--admin-key", KEY),
            ("--admin-secret", SECRET),
            ("--allow-private", "127.0.0.0/8"),
            ("--max-batch-size", "5000"),
        ];
        flags
            .iter()
            .flat_map(|(flag, value)| [(*flag).to_owned(), (*value).to_owned()])
            .collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_loses_nothing_when_its_nodes_die_and_its_connections_break() {
    let test = "a_cluster_loses_nothing_when_its_nodes_die_and_its_connections_break";
    let Some(database) = Database::new(test).await else {
        return;
    };
    let origin = HttpServer::start().await;
    for version in 0..10 {
        origin.serve(&format!("/{version}.jpg"), tiny(version).file);
    }
    let bucket = Bucket::start().await;
    let cluster = Cluster {
        folder: tempfile::tempdir().unwrap(),
        store: bucket.store_url(),
        sealing_key: "7".repeat(64),
    };
    let proxy = Proxy::start(&database.server()).await;
    let (near, far) = (database.url(), database.url_by(&proxy));
    let api_1 = cluster.start("api-1", "api,delivery", &near);
    let api_2 = cluster.start("api-2", "api,delivery", &far);
    let worker_1 = cluster.start("worker-1", "worker", &near);
    let worker_2 = cluster.start("worker-2", "worker", &near);
    let worker_3 = cluster.start("worker-3", "worker", &far);
    let client = Client::builder()
        .timeout(Duration::from_secs(60))
        .build()
        .unwrap();

    let mut batches = Vec::new();
    for (batch, (node, count)) in [&api_1, &api_2].into_iter().zip(MEMBERS).enumerate() {
        let members: Vec<_> = (0..count)
            .map(|member| {
                let origin = origin.url(&format!("/{}.jpg", member % 10));
                json!({ "space": 1, "id": format!("{batch}-{member}"), "origin": origin.as_str() })
            })
            .collect();
        batches.push(submit(&client, node, &members).await);
    }
    let stop = Arc::new(AtomicBool::new(false));
    let watcher = tokio::spawn(watch(
        client.clone(),
        api_1.url.clone(),
        batches.clone(),
        Arc::clone(&stop),
    ));

    let all = MEMBERS.iter().sum::<usize>() as u64;
    ended(&client, &api_1, &batches, all / 10).await;
    worker_1.sigkill();
    let worker_1 = cluster.start("worker-1", "worker", &near);
    ended(&client, &api_1, &batches, all / 4).await;
    database.cut().await;
    ended(&client, &api_1, &batches, all * 2 / 5).await;
    api_2.sigkill();
    let api_2 = cluster.start("api-2", "api,delivery", &far);
    ended(&client, &api_1, &batches, all / 2).await;
    proxy.hold();
    ended(&client, &api_1, &batches, all * 3 / 5).await;
    proxy.release();
    // This one does not come back: its leases have to end by themselves.
    worker_2.sigkill();
    ended(&client, &api_1, &batches, all).await;
    stop.store(true, Ordering::SeqCst);
    watcher.await.unwrap();

    let finished = Instant::now();
    // On every node, at most a second after a batch says that it has finished.
    for (batch, node) in [(1, &api_1), (0, &api_2), (1, &api_2)] {
        let path = format!("/iiif-img/v3/1/1/{batch}-{}/info.json", MEMBERS[batch] - 1);
        loop {
            let asked = finished.elapsed();
            let answer = client.get(node.at(&path)).send().await.unwrap();
            if answer.status() == StatusCode::OK {
                break;
            }
            assert!(
                asked < Duration::from_secs(1),
                "{path}: {}",
                answer.status()
            );
        }
    }
    for (path, count) in &batches {
        let batch = get(&client, &api_2.url, path).await.unwrap();
        assert_eq!(
            (&batch["count"], &batch["completed"], &batch["errors"]),
            (&json!(count), &json!(count), &json!(0)),
            "{batch}"
        );
        assert!(batch.get("finished").is_some(), "{batch}");
    }
    // From then on all of them, everywhere, with their pixels and at the first time of asking.
    tokio::time::sleep_until((finished + Duration::from_secs(1)).into()).await;
    let members = MEMBERS.into_iter().enumerate();
    let members = members.flat_map(|(batch, count)| (0..count).map(move |member| (batch, member)));
    let asked = members.flat_map(|member| [(member, &api_1), (member, &api_2)]);
    let looks = futures_util::stream::iter(asked).map(|((batch, member), node)| {
        assert_is_served(
            &client,
            node,
            format!("{batch}-{member}"),
            (member % 10) as u32,
        )
    });
    looks.buffer_unordered(8).collect::<Vec<()>>().await;
    let ready = "SELECT count(*) FROM images WHERE state = 'ready'";
    assert_eq!(database.number(ready).await, all as i64);
    let effects = "SELECT sum(succeeded)::bigint FROM queue_shares";
    let why = "nothing was done twice in effect";
    assert_eq!(database.number(effects).await, all as i64, "{why}");
    assert_eq!(database.number("SELECT count(*) FROM jobs").await, 0);
    drop((api_1, api_2, worker_1, worker_3));
    let mut fsck = vec!["fsck".to_owned(), "--data-dir".to_owned()];
    fsck.push(cluster.folder.path().join("fsck").display().to_string());
    let arguments = cluster.arguments("worker", &near);
    let place = |pair: &[String]| {
        ["--database-url", "--store-url", "--sealing-key"].contains(&pair[0].as_str())
    };
    fsck.extend(
        arguments
            .chunks_exact(2)
            .filter(|pair| place(pair))
            .flatten()
            .cloned(),
    );
    let checked = tokio::task::block_in_place(|| Program::run_in(&fsck, &Bucket::variables()));
    let said = String::from_utf8_lossy(&[checked.stderr, checked.stdout].concat()).into_owned();
    assert!(checked.status.success(), "{said}");
    database.drop().await;
}

/// What is served of an image at a node is the picture that its origin has.
async fn assert_is_served(client: &Client, node: &Program, model: String, version: u32) {
    let path = format!("/iiif-img/v3/1/1/{model}/full/max/0/default.jpg");
    let answer = client.get(node.at(&path)).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    let picture = crate::photograph::decode_jpeg(&answer.bytes().await.unwrap());
    let picture = picture.unwrap_or_else(|error| panic!("{path}: {error:?}"));
    // Each version has a width of its own.
    assert_eq!(picture.dimensions(), (60 + version, 40), "{path}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_waits_for_what_another_process_holds() {
    let Some(database) = Database::new("a_start_waits_for_what_another_process_holds").await else {
        return;
    };
    let (origin, gate) = (HttpServer::start().await, Gate::new());
    let slow = Reply::bytes(tiny(1).file).gated(gate.clone());
    let slow = origin.route("/slow.jpg", slow);
    let bucket = Bucket::start().await;
    let cluster = Cluster {
        folder: tempfile::tempdir().unwrap(),
        store: bucket.store_url(),
        sealing_key: "7".repeat(64),
    };
    let node = cluster.start("api-1", "api,delivery", &database.url());
    let request = Client::new()
        .put(node.at("/customers/1/spaces/1/images/slow"))
        .basic_auth(KEY, Some(SECRET))
        .body(json!({ "origin": slow.as_str() }).to_string());
    let answer = tokio::spawn(request.send());
    gate.reached().await;
    node.sigkill();
    assert!(answer.await.unwrap().is_err());

    // As a process does that is stopped in the middle of a transaction, for longer than anybody waits for a row.
    let shares = hold(&database, "SELECT customer FROM queue_shares").await;
    let keys = "SELECT last FROM sequences WHERE name = 'customer'";
    let keys = hold(&database, keys).await;
    let node = tokio::task::block_in_place(|| {
        let node = cluster.launch("api-1", "api,delivery", &database.url());
        node.until_said("cannot take back what was in work yet");
        drop(shares);
        node.until_said("cannot make the first key yet");
        drop(keys);
        node.ready()
    });
    node.until_said("took back");
    gate.open();
    drop(node);
    database.drop().await;
}

/// Holds rows until it is dropped, and its connection with it.
async fn hold(database: &Database, rows: &str) -> tokio_postgres::Client {
    let (other, connection) = tokio_postgres::connect(&database.url(), NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    let hold = format!("BEGIN; {rows} FOR UPDATE");
    other.batch_execute(&hold).await.unwrap();
    other
}

/// Submits a batch until that is acknowledged; its path and how many members it has.
async fn submit(client: &Client, node: &Program, members: &[Value]) -> (String, u64) {
    let body = json!({ "@type": "Collection", "member": members }).to_string();
    let request = client
        .post(node.at("/customers/1/queue"))
        .basic_auth(KEY, Some(SECRET));
    let response = request.body(body).send().await.unwrap();
    let status = response.status();
    let text = response.text().await.unwrap();
    assert_eq!(status, StatusCode::CREATED, "{text}");
    let batch: Value = serde_json::from_str(&text).unwrap();
    let id = batch["@id"].as_str().unwrap();
    let path = id[id.find("/customers").unwrap()..].to_owned();
    (path, members.len() as u64)
}

/// `None` while the node cannot answer.
async fn get(client: &Client, url: &str, path: &str) -> Option<Value> {
    let request = client
        .get(format!("{url}{path}"))
        .basic_auth(KEY, Some(SECRET));
    let response = request.send().await.ok()?;
    if response.status() == StatusCode::SERVICE_UNAVAILABLE {
        assert!(response.headers().contains_key("retry-after"), "{path}");
        return None;
    }
    let status = response.status();
    let text = response.text().await.ok()?;
    assert_eq!(status, StatusCode::OK, "{path}: {text}");
    serde_json::from_str(&text).ok()
}

/// Waits until so many images have ended.
async fn ended(client: &Client, node: &Program, batches: &[(String, u64)], wanted: u64) {
    let begun = Instant::now();
    loop {
        let mut ended = 0;
        for (path, _) in batches {
            if let Some(batch) = get(client, &node.url, path).await {
                ended += batch["completed"].as_u64().unwrap() + batch["errors"].as_u64().unwrap();
            }
        }
        if ended >= wanted {
            return;
        }
        let waited = begun.elapsed();
        assert!(
            waited < Duration::from_secs(900),
            "{ended} of {wanted} after {waited:?}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Looks at the batches again and again: their numbers hold at every moment and never go back.
async fn watch(client: Client, url: String, batches: Vec<(String, u64)>, stop: Arc<AtomicBool>) {
    let mut seen = vec![0; batches.len()];
    while !stop.load(Ordering::SeqCst) {
        for (place, (path, count)) in batches.iter().enumerate() {
            let Some(batch) = get(&client, &url, path).await else {
                continue;
            };
            let ended = batch["completed"].as_u64().unwrap() + batch["errors"].as_u64().unwrap();
            assert!(ended >= seen[place] && ended <= *count, "{batch}");
            assert_eq!(batch.get("finished").is_some(), ended == *count, "{batch}");
            seen[place] = ended;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
