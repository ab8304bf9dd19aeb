//! The program is stopped in the middle of work, as an operator or an orchestrator does: nothing is cut off, and nothing is held against anybody.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use dlcs_testkit::Gate;
use dlcs_testkit::server::{HttpServer, Reply};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use crate::photograph::tiny;
use crate::program::Program;

const STOPS: u32 = 20;
/// Images that are in work whenever the program is stopped.
const SLOW: i64 = 3;
const KEY: &str = "stop";
const SECRET: &str = "not-so-secret";
/// How long a stop may take: a second of `--drain`, and the rest of a busy machine.
const PATIENCE: Duration = Duration::from_secs(15);
/// When a successor works on what was given back; what was held until its lease ends would take a minute.
const SUCCESSION: Duration = Duration::from_secs(15);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_finishes_what_is_asked_and_gives_back_what_is_in_work() {
    let origin = HttpServer::start().await;
    origin.serve("/fast.jpg", tiny(1).file);
    let gate = Gate::new();
    let slow = Reply::bytes(tiny(2).file).gated(gate.clone());
    origin.route("/held.jpg", slow);
    let data = tempfile::tempdir().unwrap();
    let mut arguments: Vec<_> = ["--admin-key", KEY, "--admin-secret", SECRET].into();
    arguments.extend(["--allow-private", "127.0.0.0/8", "--drain", "1"]);
    // One worker is free beside those that the slow images take, and the host is free for it and for whoever asks.
    arguments.extend(["--workers", "6", "--per-host", "12"]);
    let client = Client::builder()
        .timeout(Duration::from_secs(60))
        .build()
        .unwrap();
    let mut batches = Vec::new();
    let mut waiting = None;
    let mut answered = 0;
    for round in 0..STOPS {
        let before = held(&origin);
        let mut program = Program::start(data.path(), &arguments);
        if round > 0 {
            let works = async || held(&origin) > before;
            until(Instant::now(), SUCCESSION, "a successor works", works).await;
        }
        batches.push(submit(&client, &program, &origin, round).await);
        if round == 0 {
            // One that is waited for, and one whose client goes away.
            let slow = put_slow(&client, &program, &origin, "own-slow");
            waiting = Some(slow);
            let gone = put_slow(&client, &program, &origin, "own-gone");
            let all = async || held(&origin) == SLOW as usize + 2;
            until(Instant::now(), PATIENCE, "everything slow begins", all).await;
            gone.abort();
        }
        let asked = ask(&client, &program, &origin, round);
        let batch = batches.last().unwrap();
        let has_begun = async || get(&client, &program, batch).await["completed"] != json!(0);
        until(Instant::now(), PATIENCE, "the batch begins", has_begun).await;
        program.sigterm();
        let begun = Instant::now();
        let status = tokio::task::block_in_place(|| program.wait());
        assert!(status.success(), "{status}: {}", program.stderr());
        let took = begun.elapsed();
        assert!(took < PATIENCE, "{took:?}");
        answered += asked.end().await;
        let [jobs, leased, charged] = jobs(data.path());
        assert!(jobs >= SLOW + 2, "what is slow is still to be done");
        assert_eq!((leased, charged), (0, 0), "given back, and not charged");
    }
    assert!(
        answered >= STOPS as usize,
        "only {answered} requests were answered"
    );
    let answer = waiting.unwrap().await.unwrap();
    assert!(answer.is_err(), "it was cut off when the drain was over");
    gate.open();
    let program = Program::start(data.path(), &arguments);
    for batch in &batches {
        let finished = async || get(&client, &program, batch).await["finished"].is_string();
        until(Instant::now(), PATIENCE, "a batch finishes", finished).await;
        let batch = get(&client, &program, batch).await;
        assert_eq!(
            (&batch["errors"], &batch["completed"]),
            (&json!(0), &batch["count"])
        );
    }
}

/// Registers an image at once that takes for ever.
fn put_slow(
    client: &Client,
    program: &Program,
    origin: &HttpServer,
    id: &str,
) -> tokio::task::JoinHandle<reqwest::Result<reqwest::Response>> {
    let body = json!({ "origin": origin.url("/held.jpg").as_str() }).to_string();
    let request = client
        .put(program.at(&format!("/customers/1/spaces/1/images/{id}")))
        .basic_auth(KEY, Some(SECRET));
    tokio::spawn(request.body(body).send())
}

/// How many requests for the slow image have come.
fn held(origin: &HttpServer) -> usize {
    let requests = origin.requests();
    requests
        .iter()
        .filter(|request| request.target == "/held.jpg")
        .count()
}

/// A batch of images, of which the first ones of all take for ever; its path.
async fn submit(client: &Client, program: &Program, origin: &HttpServer, round: u32) -> String {
    let members: Vec<_> = (0..20)
        .map(|member| {
            let is_slow = round == 0 && member < SLOW;
            let path = if is_slow { "/held.jpg" } else { "/fast.jpg" };
            let id = format!("{round}-{member}");
            json!({ "space": 1, "id": id, "origin": origin.url(path).as_str() })
        })
        .collect();
    let body = json!({ "@type": "Collection", "member": members }).to_string();
    let request = client
        .post(program.at("/customers/1/queue"))
        .basic_auth(KEY, Some(SECRET));
    let response = request.body(body).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::CREATED);
    let batch: Value = crate::e2e::json_of(response).await;
    let id = batch["@id"].as_str().unwrap();
    id[id.find("/customers").unwrap()..].to_owned()
}

async fn get(client: &Client, program: &Program, path: &str) -> Value {
    let request = client.get(program.at(path)).basic_auth(KEY, Some(SECRET));
    crate::e2e::json_of(request.send().await.unwrap()).await
}

/// Clients that ask again and again until nobody answers.
struct Asking {
    tasks: Vec<tokio::task::JoinHandle<()>>,
    stop: Arc<AtomicBool>,
    answers: Arc<AtomicUsize>,
}

/// Registers and reads images; whatever is answered is no 5xx.
fn ask(client: &Client, program: &Program, origin: &HttpServer, round: u32) -> Asking {
    let stop = Arc::new(AtomicBool::new(false));
    let answers = Arc::new(AtomicUsize::new(0));
    let body = json!({ "origin": origin.url("/fast.jpg").as_str() }).to_string();
    let tasks = (0..4).map(|number| {
        let (client, stop, answers) = (client.clone(), Arc::clone(&stop), Arc::clone(&answers));
        let (url, body) = (program.url.clone(), body.clone());
        tokio::spawn(async move {
            let name = format!("own-{round}-{number}");
            while !stop.load(Ordering::SeqCst) {
                let put = client.put(format!("{url}/customers/1/spaces/1/images/{name}"));
                let put = put.basic_auth(KEY, Some(SECRET)).body(body.clone());
                let tile = client.get(format!(
                    "{url}/iiif-img/v3/1/1/{name}/full/max/0/default.jpg"
                ));
                for request in [put, tile] {
                    // Nobody listens any more, or the connection was closed before the request was read.
                    let Ok(response) = request.send().await else {
                        return;
                    };
                    let status = response.status();
                    let text = response.bytes().await.expect("an answer comes to its end");
                    let text = String::from_utf8_lossy(&text);
                    assert!(status.is_success(), "{status}: {text}");
                    answers.fetch_add(1, Ordering::SeqCst);
                }
            }
        })
    });
    Asking {
        tasks: tasks.collect(),
        stop,
        answers,
    }
}

impl Asking {
    /// How many requests were answered.
    async fn end(self) -> usize {
        self.stop.store(true, Ordering::SeqCst);
        for task in self.tasks {
            task.await.unwrap();
        }
        self.answers.load(Ordering::SeqCst)
    }
}

/// How many jobs there are, how many are leased, and how much has been held against them.
fn jobs(data: &std::path::Path) -> [i64; 3] {
    let database = rusqlite::Connection::open(data.join("dlcs.sqlite")).unwrap();
    let sql =
        "SELECT count(*), count(lease_token), sum(attempt + crashes + crashes_alone) FROM jobs";
    database
        .query_row(sql, [], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?]))
        .unwrap()
}

async fn until(begun: Instant, patience: Duration, what: &str, is_true: impl AsyncFn() -> bool) {
    while !is_true().await {
        assert!(
            begun.elapsed() < patience,
            "{what}: not within {patience:?}"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
