//! Whoever waits for a batch is told: by its events, and by webhook.

use std::time::Duration;

use dlcs_testkit::Gate;
use dlcs_testkit::server::{HttpServer, Reply};
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};

use crate::program::Program;

const PUBLIC: &str = "https://dlcs.example.org";
/// How long a notice may take that was being sent when the program was killed, and then some.
const PATIENCE: Duration = Duration::from_secs(120);

/// Starts the program, which tells customer 1 at a port of the loopback interface.
fn start(data: &tempfile::TempDir, port: u16) -> Program {
    let webhook = format!("1=http://127.0.0.1:{port}/hook");
    Program::start(
        data.path(),
        &[
            "--admin-key",
            "key",
            "--admin-secret",
            "secret",
            "--public-url",
            PUBLIC,
            "--webhook",
            &webhook,
            "--webhook-secret",
            "canary: known to both sides",
        ],
    )
}

async fn ask(program: &Program, method: reqwest::Method, path: &str, body: String) -> Response {
    let request = Client::new().request(method, program.at(path));
    let request = request.basic_auth("key", Some("secret")).body(body);
    request.send().await.unwrap()
}

async fn get(program: &Program, path: &str) -> Response {
    ask(program, reqwest::Method::GET, path, String::new()).await
}

/// Submits an image that needs no processing, and one that cannot be fetched; returns the path of the batch.
async fn submit(program: &Program) -> String {
    let body = json!({"member": [
        {"space": 1, "id": "a", "origin": "https://example.org/a", "deliveryChannels": ["none"]},
        {"space": 1, "id": "b", "origin": "http://127.0.0.1/b"},
    ]});
    let path = "/customers/1/queue";
    let made = ask(program, reqwest::Method::POST, path, body.to_string()).await;
    assert_eq!(made.status(), StatusCode::CREATED);
    let location = made.headers()["location"].to_str().unwrap();
    location.strip_prefix(PUBLIC).unwrap().to_owned()
}

/// Reads the events of a batch to their end; returns the last batch.
async fn watch(program: &Program, batch: &str) -> Value {
    let stream = get(program, &format!("{batch}/events")).await;
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let events = stream.text().await.unwrap();
    let last = events
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("data: "));
    serde_json::from_str(last.unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notice_is_the_batch_as_get_answers() {
    let (hook, heard) = (HttpServer::start().await, Gate::new());
    hook.route("/hook", Reply::status(204).gated(heard.clone()));
    let data = tempfile::tempdir().unwrap();
    let program = start(&data, hook.port());
    let batch = submit(&program).await;
    let last = watch(&program, &batch).await;
    let told = tokio::time::timeout(PATIENCE, heard.reached());
    told.await.expect("the webhook is called");
    heard.open();
    let requests = hook.requests();
    let [notice] = requests.as_slice() else {
        panic!("{requests:?}");
    };
    let shown = get(&program, &batch).await.text().await.unwrap();
    assert_eq!(String::from_utf8_lossy(&notice.body), shown);
    assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), last);
    assert_eq!(
        (&last["completed"], &last["errors"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(notice.header("content-type"), Some("application/json"));
    for name in ["dlcs-notice", "dlcs-timestamp", "dlcs-signature"] {
        assert!(notice.header(name).is_some(), "{name}");
    }
    assert!(!program.stderr().contains("canary"), "{}", program.stderr());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notice_survives_a_kill_and_a_webhook_that_is_away() {
    let hook = HttpServer::start().await;
    let port = hook.port();
    drop(hook);
    let data = tempfile::tempdir().unwrap();
    let program = start(&data, port);
    let batch = submit(&program).await;
    let last = watch(&program, &batch).await;
    program.sigkill();

    let (hook, heard) = (HttpServer::start_at_port(port).await, Gate::new());
    hook.route("/hook", Reply::status(204).gated(heard.clone()));
    let program = start(&data, port);
    let told = tokio::time::timeout(PATIENCE, heard.reached());
    told.await.expect("the webhook is called");
    heard.open();
    let notice = hook.requests().remove(0);
    assert_eq!(serde_json::from_slice::<Value>(&notice.body).unwrap(), last);
    drop(program);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_stream_of_events_does_not_keep_the_program_from_stopping() {
    let data = tempfile::tempdir().unwrap();
    // Nobody works: the batch is never finished.
    let mut program = Program::start(
        data.path(),
        &[
            "--admin-key",
            "key",
            "--admin-secret",
            "secret",
            "--public-url",
            PUBLIC,
            "--workers",
            "0",
        ],
    );
    let batch = submit(&program).await;
    let mut stream = get(&program, &format!("{batch}/events")).await;
    let first = stream.chunk().await.unwrap().expect("the batch at once");
    assert!(first.starts_with(b"retry: "), "{first:?}");
    let begun = std::time::Instant::now();
    program.sigterm();
    assert_eq!(program.wait().code(), Some(0), "{}", program.stderr());
    assert_eq!(stream.chunk().await.unwrap(), None, "the stream ends well");
    // What takes too long is cut off after 25 seconds.
    assert!(begun.elapsed() < Duration::from_secs(20));
}
