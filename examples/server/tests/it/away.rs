//! The database or the store goes away while the program serves: it says so, waits, and goes on by itself.

use std::path::Path;
use std::time::{Duration, Instant};

use dlcs_testkit::Gate;
use dlcs_testkit::program::say;
use dlcs_testkit::server::{HttpServer, Reply};
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::bucket::Bucket;
use crate::database::Database;
use crate::photograph::tiny;
use crate::program::Program;
use crate::proxy::Proxy;

const KEY: &str = "away";
const SECRET: &str = "not-so-secret";
/// How long an answer may take while something is away, on a busy machine; the program gives up sooner.
const BOUND: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(90);
const IMAGE: &str = "/customers/1/spaces/1/images/a";
const TILE: &str = "/iiif-img/v3/1/1/a/full/max/0/default.jpg";
/// One that is refused, and must not be there afterwards.
const REFUSED: &str = "/customers/1/spaces/1/images/refused";
const QUEUE: &str = "/customers/1/queue";

/// A program with one image that is served, and its origin.
struct Served {
    client: Client,
    program: Program,
    origin: HttpServer,
}

impl Served {
    async fn start(data: &Path, more: &[&str]) -> Self {
        let origin = HttpServer::start().await;
        origin.serve("/1.jpg", tiny(1).file);
        let flags = ["--admin-key", KEY, "--admin-secret", SECRET];
        let flags = [&flags[..], &["--allow-private", "127.0.0.0/8"], more].concat();
        let served = Self {
            client: Client::builder().timeout(PATIENCE).build().unwrap(),
            program: Program::start_in(data, &flags, &Bucket::variables()),
            origin,
        };
        let registration = served.body("/1.jpg");
        let registered = served.ask(Method::PUT, IMAGE, Some(&registration));
        assert_eq!(registered.await.status(), StatusCode::CREATED);
        assert_eq!(served.status(TILE).await, StatusCode::OK);
        served
    }

    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Response {
        let request = self.client.request(method, self.program.at(path));
        let request = request.basic_auth(KEY, Some(SECRET));
        let request = match body {
            Some(body) => request.body(body.to_string()),
            None => request,
        };
        request.send().await.unwrap()
    }

    async fn status(&self, path: &str) -> StatusCode {
        self.ask(Method::GET, path, None).await.status()
    }

    async fn get(&self, path: &str) -> Value {
        let answer = self.ask(Method::GET, path, None).await;
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    }

    /// A registration of what the origin has there.
    fn body(&self, path: &str) -> Value {
        json!({ "origin": self.origin.url(path).as_str() })
    }

    fn batch(&self, name: &str, paths: &[&str]) -> Value {
        let members: Vec<_> = paths
            .iter()
            .enumerate()
            .map(|(number, path)| {
                let origin = self.origin.url(path);
                json!({ "space": 1, "id": format!("{name}-{number}"), "origin": origin.as_str() })
            })
            .collect();
        json!({ "@type": "Collection", "member": members })
    }

    /// Submits images; the path of their batch.
    async fn submit(&self, name: &str, paths: &[&str]) -> String {
        let batch = self.batch(name, paths);
        let answer = self.ask(Method::POST, QUEUE, Some(&batch)).await;
        assert_eq!(answer.status(), StatusCode::CREATED);
        let batch: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        let id = batch["@id"].as_str().unwrap();
        id[id.find("/customers").unwrap()..].to_owned()
    }

    /// Asks until the answer has this status.
    async fn until(&self, path: &str, status: StatusCode) {
        let begun = Instant::now();
        loop {
            let got = self.status(path).await;
            if got == status {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{path}: {got}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until all of a batch is completed.
    async fn completes(&self, batch: &str) {
        let begun = Instant::now();
        loop {
            let said = self.get(batch).await;
            if said.get("finished").is_some() {
                assert_eq!(
                    (&said["completed"], &said["errors"]),
                    (&said["count"], &json!(0))
                );
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{said}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// All of this is refused for the moment, in time, and the program says that it runs.
    async fn refuses(&self, what: &str, asked: &[(Method, &str, Option<&Value>)]) {
        let begun = Instant::now();
        // At once: whoever asks does not wait for whoever else does.
        let answers = asked.iter().map(|(method, path, body)| async move {
            let answer = self.ask(method.clone(), path, *body).await;
            let took = begun.elapsed();
            let (status, headers) = (answer.status(), answer.headers().clone());
            let text = answer.bytes().await.unwrap();
            let text = String::from_utf8_lossy(&text);
            let all = format!("{what}: {method} {path}: {status} after {took:.1?}: {text}");
            assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{all}");
            let seconds: u32 = headers["retry-after"].to_str().unwrap().parse().unwrap();
            assert!((1..=60).contains(&seconds), "{all}");
            assert!(took < BOUND, "{all}");
            took
        });
        let took = futures_util::future::join_all(answers).await;
        let longest = took.iter().max().unwrap();
        say(&format!("{what}: the longest answer took {longest:.1?}"));
        let health = self.status("/health").await;
        assert_eq!(health, StatusCode::OK, "the program runs");
    }
}

type Fault = fn(&Proxy);
const FAULTS: [(&str, Fault); 2] = [("cut", Proxy::cut), ("silent", Proxy::hold)];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_goes_away_is_answered_for_with_503_until_it_comes_back() {
    let test = "a_database_that_goes_away_is_answered_for_with_503_until_it_comes_back";
    let Some(database) = Database::new(test).await else {
        return;
    };
    let proxy = Proxy::start(&database.server()).await;
    let data = tempfile::tempdir().unwrap();
    let url = database.url_by(&proxy);
    let served = Served::start(data.path(), &["--database-url", &url]).await;
    let registration = served.body("/1.jpg");
    let refused = served.batch("refused", &["/1.jpg"]);
    let everything = [
        (Method::GET, IMAGE, None),
        (Method::GET, "/customers/1/queue/batches", None),
        (Method::PUT, IMAGE, Some(&registration)),
        (Method::PUT, REFUSED, Some(&registration)),
        (Method::POST, QUEUE, Some(&refused)),
        (Method::DELETE, IMAGE, None),
        (Method::GET, "/iiif-img/v3/1/1/a/info.json", None),
        (Method::GET, TILE, None),
        (Method::GET, "/ready", None),
    ];
    for (what, fault) in FAULTS {
        // One is in work when the database goes, and the others wait.
        let gate = Gate::new();
        let held = format!("/{what}.jpg");
        let reply = Reply::bytes(tiny(2).file).gated(gate.clone());
        served.origin.route(&held, reply);
        let batch = served.submit(what, &[&held, "/1.jpg", "/1.jpg"]).await;
        gate.reached().await;

        fault(&proxy);
        let away = StatusCode::SERVICE_UNAVAILABLE;
        served.until("/ready", away).await;
        // What is known of the image is in memory for half a second.
        served.until(TILE, away).await;
        served.refuses(what, &everything).await;
        gate.open();
        proxy.release();

        served.until("/ready", StatusCode::OK).await;
        served.completes(&batch).await;
        assert_eq!(served.status(TILE).await, StatusCode::OK);
        let again = served.ask(Method::PUT, IMAGE, Some(&registration)).await;
        assert!(again.status().is_success(), "{}", again.status());
    }
    let refused = "SELECT count(*) FROM images WHERE model LIKE 'refused%'";
    let why = "what was refused has not happened";
    assert_eq!(database.number(refused).await, 0, "{why}");
    drop(served);
    database.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_goes_away_is_answered_for_with_503_until_it_comes_back() {
    let bucket = Bucket::start().await;
    let proxy = Proxy::start(bucket.address()).await;
    let store = bucket.store_url();
    let store = store.replace(bucket.address(), &proxy.address.to_string());
    let data = tempfile::tempdir().unwrap();
    let served = Served::start(data.path(), &["--store-url", &store]).await;
    let registration = served.body("/1.jpg");
    for (what, fault) in FAULTS {
        fault(&proxy);
        served
            .until("/ready", StatusCode::SERVICE_UNAVAILABLE)
            .await;
        // What needs no store goes on, and what is queued waits.
        let batch = served.submit(what, &["/1.jpg", "/1.jpg"]).await;
        assert_eq!(served.status(IMAGE).await, StatusCode::OK);
        assert_eq!(served.status(TILE).await, StatusCode::OK, "it is in memory");
        let needs_it = [
            (Method::PUT, REFUSED, Some(&registration)),
            (Method::GET, "/ready", None),
        ];
        served.refuses(what, &needs_it).await;
        assert!(served.get(&batch).await.get("finished").is_none());
        proxy.release();

        served.until("/ready", StatusCode::OK).await;
        served.completes(&batch).await;
        let again = served.ask(Method::PUT, REFUSED, Some(&registration)).await;
        assert!(again.status().is_success(), "{}", again.status());
        let gone = served.ask(Method::DELETE, REFUSED, None).await;
        assert!(gone.status().is_success(), "{}", gone.status());
    }
}
