//! The database goes away while the program serves: it says so, waits, and goes on by itself.

use std::time::{Duration, Instant};

use dlcs_testkit::Gate;
use dlcs_testkit::program::say;
use dlcs_testkit::server::{HttpServer, Reply};
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::database::Database;
use crate::photograph::tiny;
use crate::program::Program;
use crate::proxy::Proxy;

const KEY: &str = "away";
const SECRET: &str = "not-so-secret";
/// How long an answer may take while the database is away, on a busy machine; the program gives up sooner.
const BOUND: Duration = Duration::from_secs(40);
const PATIENCE: Duration = Duration::from_secs(90);

struct Served {
    client: Client,
    program: Program,
    origin: HttpServer,
}

impl Served {
    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Response {
        let request = self.client.request(method, self.program.at(path));
        let request = request.basic_auth(KEY, Some(SECRET));
        let request = match body {
            Some(body) => request.body(body.to_string()),
            None => request,
        };
        request.send().await.unwrap()
    }

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

    /// Asks until the answer has this status.
    async fn until(&self, path: &str, status: StatusCode) {
        let begun = Instant::now();
        loop {
            let answer = self.ask(Method::GET, path, None).await;
            if answer.status() == status {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{path}: {}", answer.status());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Everything that needs the database is refused for the moment, in time.
    async fn says_that_it_is_away(&self, what: &str) {
        let image = "/customers/1/spaces/1/images/a";
        let batch = self.batch("refused", &["/1.jpg"]);
        let registration = self.body("/1.jpg");
        let info = "/iiif-img/v3/1/1/a/info.json";
        let tile = "/iiif-img/v3/1/1/a/full/max/0/default.jpg";
        let asked = [
            (Method::GET, image, None),
            (Method::GET, "/customers/1/queue/batches", None),
            (Method::PUT, image, Some(&registration)),
            (
                Method::PUT,
                "/customers/1/spaces/1/images/refused",
                Some(&registration),
            ),
            (Method::POST, "/customers/1/queue", Some(&batch)),
            (Method::DELETE, image, None),
            (Method::GET, info, None),
            (Method::GET, tile, None),
            (Method::GET, "/ready", None),
        ];
        let begun = Instant::now();
        // At once: whoever asks does not wait for whoever else does.
        let answers = asked.map(|(method, path, body)| async move {
            let answer = self.ask(method.clone(), path, body).await;
            let took = begun.elapsed();
            let (status, headers) = (answer.status(), answer.headers().clone());
            let text = answer.text().await.unwrap();
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
        let health = self.ask(Method::GET, "/health", None).await;
        assert_eq!(health.status(), StatusCode::OK, "the program runs");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_goes_away_is_answered_for_with_503_until_it_comes_back() {
    let test = "a_database_that_goes_away_is_answered_for_with_503_until_it_comes_back";
    let Some(database) = Database::new(test).await else {
        return;
    };
    let proxy = Proxy::start(&database.server()).await;
    let origin = HttpServer::start().await;
    origin.serve("/1.jpg", tiny(1).file);
    let data = tempfile::tempdir().unwrap();
    let url = database.url_by(&proxy);
    let flags = [
        "--admin-key",
        KEY,
        "--admin-secret",
        SECRET,
        "--allow-private",
        "127.0.0.0/8",
    ];
    let flags = [&flags[..], &["--database-url", &url]].concat();
    let served = Served {
        client: Client::builder().timeout(PATIENCE).build().unwrap(),
        program: Program::start(data.path(), &flags),
        origin,
    };
    let image = "/customers/1/spaces/1/images/a";
    let put = served
        .ask(Method::PUT, image, Some(&served.body("/1.jpg")))
        .await;
    assert_eq!(put.status(), StatusCode::CREATED);
    let tile = "/iiif-img/v3/1/1/a/full/max/0/default.jpg";
    assert_eq!(
        served.ask(Method::GET, tile, None).await.status(),
        StatusCode::OK
    );

    let faults: [(&str, fn(&Proxy)); 2] = [("cut", Proxy::cut), ("silent", Proxy::hold)];
    for (what, fault) in faults {
        // One is in work when the database goes, and the others wait.
        let gate = Gate::new();
        let held = format!("/{what}.jpg");
        served
            .origin
            .route(&held, Reply::bytes(tiny(2).file).gated(gate.clone()));
        let batch = served.batch(what, &[&held, "/1.jpg", "/1.jpg"]);
        let answer = served
            .ask(Method::POST, "/customers/1/queue", Some(&batch))
            .await;
        assert_eq!(answer.status(), StatusCode::CREATED);
        let batch: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        let batch = batch["@id"].as_str().unwrap();
        let batch = &batch[batch.find("/customers").unwrap()..];
        gate.reached().await;

        fault(&proxy);
        served
            .until("/ready", StatusCode::SERVICE_UNAVAILABLE)
            .await;
        // What is known of the image is in memory for half a second.
        served.until(tile, StatusCode::SERVICE_UNAVAILABLE).await;
        served.says_that_it_is_away(what).await;
        gate.open();
        proxy.release();

        served.until("/ready", StatusCode::OK).await;
        let begun = Instant::now();
        loop {
            let answer = served.ask(Method::GET, batch, None).await;
            let batch: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
            if batch.get("finished").is_some() {
                assert_eq!(
                    (&batch["completed"], &batch["errors"]),
                    (&json!(3), &json!(0))
                );
                break;
            }
            assert!(begun.elapsed() < PATIENCE, "{batch}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(
            served.ask(Method::GET, tile, None).await.status(),
            StatusCode::OK
        );
        let again = served
            .ask(Method::PUT, image, Some(&served.body("/1.jpg")))
            .await;
        assert!(again.status().is_success(), "{}", again.status());
    }
    let refused = "SELECT count(*) FROM images WHERE model LIKE 'refused%'";
    let why = "what was refused has not happened";
    assert_eq!(database.number(refused).await, 0, "{why}");
    drop(served);
    database.drop().await;
}
