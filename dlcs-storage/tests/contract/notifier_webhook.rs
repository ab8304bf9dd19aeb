//! `WebhookNotifier`: notices of finished batches, against a server on the loopback interface.
#![expect(clippy::unwrap_used, reason = "a test says by panicking that it fails")]

use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use dlcs_core::Dlcs;
use dlcs_core::batch::Batch;
use dlcs_core::catalogue::Catalogue;
use dlcs_core::id::{BatchId, CustomerId};
use dlcs_core::memory::MemoryCatalogue;
use dlcs_core::notifier::{BatchNotifier, NotifyError};
use dlcs_core::origin::Secret;
use dlcs_core::queue::{BatchNotice, Claim, Failure, IngestQueue, NoticeId, Success};
use dlcs_core::space::Space;
use dlcs_core::time::{Clock, Timestamp};
use dlcs_storage::notifier::webhook::{
    NOTICE, SIGNATURE, TIMESTAMP, WebhookNotifier, WebhookNotifierConfig, WebhookTargets,
};
use dlcs_storage::pyramid::{PyramidProcessor, PyramidRenderer};
use dlcs_testkit::fake::FakeClock;
use dlcs_testkit::server::{HttpServer, RecordedRequest, Reply};
use dlcs_testkit::{fixture, gate::Gate, program};
use url::Url;

const SECRET: &str = "canary: known to both sides";

/// Numbers and nothing else: what the API makes of a batch is its own affair.
fn document(batch: &Batch) -> Vec<u8> {
    let Batch {
        id,
        count,
        completed,
        errors,
        ..
    } = batch;
    format!("{{\"batch\":{id},\"count\":{count},\"completed\":{completed},\"errors\":{errors}}}")
        .into_bytes()
}

fn config(customer: CustomerId, url: &Url) -> WebhookNotifierConfig {
    let targets = WebhookTargets::none().with_url(customer, url.clone());
    WebhookNotifierConfig::new(targets.unwrap(), Secret::new(SECRET))
}

fn notifier(customer: CustomerId, url: &Url) -> WebhookNotifier {
    WebhookNotifier::new(config(customer, url), document).unwrap()
}

/// A notice of a batch of customer 1.
fn notice(id: u64) -> BatchNotice {
    let at = Timestamp::from_micros(1_462_353_630_000_000);
    BatchNotice {
        id: NoticeId::new(id),
        batch: Batch {
            id: BatchId::new(7).unwrap(),
            customer: CustomerId::FIRST,
            submitted: at,
            count: 3,
            completed: 2,
            errors: 1,
            finished: Some(at),
            superseded: false,
        },
        attempt: 1,
    }
}

/// A facade over a catalogue, whose customer is told at a URL.
fn dlcs(catalogue: impl Catalogue + IngestQueue, customer: CustomerId, url: &Url) -> Dlcs {
    Dlcs::builder()
        .with_catalogue(catalogue)
        .with_processor(PyramidProcessor::default())
        .with_renderer(PyramidRenderer::default())
        .with_notifier(notifier(customer, url))
        .build()
        .unwrap()
}

/// A catalogue in memory with a space, and the clock of both.
async fn memory() -> (MemoryCatalogue, Space, Arc<FakeClock>) {
    let clock = FakeClock::new();
    let catalogue = MemoryCatalogue::with_clock(Arc::clone(&clock) as Arc<dyn Clock>);
    let space = fixture::space(&catalogue).await;
    (catalogue, space, clock)
}

/// Ends everything that waits, badly where the name of an image says so.
async fn work(queue: &dyn IngestQueue) {
    let claim = Claim {
        owner: "a worker",
        lease_for: Duration::from_secs(60),
        per_host: 8,
    };
    while let Some(claimed) = queue.claim(claim).await.unwrap() {
        let done = if claimed.image.id.model().as_str().starts_with("bad") {
            let error = "it is bad".to_owned();
            queue.fail(claimed.lease, Failure::Final { error }).await
        } else {
            queue.complete(claimed.lease, Success::NOTHING).await
        };
        let _ = done.unwrap();
    }
}

async fn submit(queue: &dyn IngestQueue, space: &Space, models: &[&str]) -> BatchId {
    let items = models.iter().map(|model| fixture::item(space, model));
    let submission = fixture::submission(space, items);
    queue.submit(submission).await.unwrap().id
}

fn bodies(server: &HttpServer) -> Vec<String> {
    let requests = server.requests().into_iter();
    requests
        .map(|request| String::from_utf8(request.body.to_vec()).unwrap())
        .collect()
}

fn ids(server: &HttpServer) -> Vec<String> {
    let requests = server.requests().into_iter();
    requests
        .map(|request| request.header(NOTICE.as_str()).unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_notice_is_posted_and_signed() {
    let server = HttpServer::start().await;
    let url = server.serve("/batches?token=x", "heard");
    let before = now();
    notifier(CustomerId::FIRST, &url)
        .notify(&notice(42))
        .await
        .unwrap();
    let requests = server.requests();
    let [request] = requests.as_slice() else {
        panic!("{requests:?}");
    };
    assert_eq!(
        (request.method.as_str(), request.target.as_str()),
        ("POST", "/batches?token=x")
    );
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header(NOTICE.as_str()), Some("42"));
    let sent: i64 = request.header(TIMESTAMP.as_str()).unwrap().parse().unwrap();
    assert!((before..=now()).contains(&sent), "{sent}");
    assert_eq!(request.body, document(&notice(42).batch));
    let signature = request.header(SIGNATURE.as_str()).unwrap();
    assert!(
        signature.starts_with("sha256=") && signature.len() == 71,
        "{signature}"
    );
}

fn now() -> i64 {
    dlcs_core::time::SystemClock.now().as_micros() / 1_000_000
}

/// The Python that the documentation shows says whether a request is ours.
fn python(request: &RecordedRequest, secret: &str, body: &[u8], at: &str) -> Option<String> {
    let [python] = program::find("webhooks are verified in Python", ["python3"])?;
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/webhooks.md");
    let page = std::fs::read_to_string(page).unwrap();
    let shown = page.split_once("```python\n").unwrap().1;
    let shown = shown.split_once("```").unwrap().0;
    let headers: Vec<_> = request
        .headers()
        .map(|(name, value)| format!("{name:?}: {value:?}"))
        .collect();
    let headers = headers.join(", ");
    let call = format!(
        "{shown}\nimport sys\nprint(is_genuine({secret:?}, {{{headers}}}, sys.stdin.buffer.read(), now={at}))\n"
    );
    let mut child = Command::new(python)
        .args(["-c", &call])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(body).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{call}");
    Some(String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

#[tokio::test]
async fn the_documented_check_tells_what_is_genuine() {
    let server = HttpServer::start().await;
    let url = server.serve("/", "heard");
    notifier(CustomerId::FIRST, &url)
        .notify(&notice(1))
        .await
        .unwrap();
    let request = server.requests().remove(0);
    let sent: i64 = request.header(TIMESTAMP.as_str()).unwrap().parse().unwrap();
    let body = request.body.clone();
    let mut changed = body.to_vec();
    changed[9] ^= 1;
    for (secret, body, at, genuine) in [
        (SECRET, body.to_vec(), sent, "True"),
        (SECRET, body.to_vec(), sent + 299, "True"),
        (SECRET, body.to_vec(), sent + 301, "False"),
        (SECRET, body.to_vec(), sent - 301, "False"),
        (SECRET, changed, sent, "False"),
        ("another", body.to_vec(), sent, "False"),
    ] {
        if let Some(said) = python(&request, secret, &body, &at.to_string()) {
            assert_eq!(said, genuine, "{secret} {at} {body:?}");
        }
    }
}

#[tokio::test]
async fn what_is_not_heard_is_told_again_with_the_same_number() {
    let (catalogue, space, clock) = memory().await;
    let server = HttpServer::start().await;
    let url = server.route_in_turn(
        "/",
        [
            Reply::status(500),
            Reply::status(503).with_header("retry-after", "3000"),
            Reply::status(404),
            Reply::status(204),
        ],
    );
    let dlcs = dlcs(catalogue, space.customer, &url);
    let batch = submit(dlcs.queue(), &space, &["a", "bad"]).await;
    assert_eq!(dlcs.tell().await.unwrap(), 0, "it is not finished");
    work(dlcs.queue()).await;
    assert_eq!(dlcs.tell().await.unwrap(), 0);
    assert_eq!(dlcs.tell().await.unwrap(), 0, "it is not due yet");
    assert_eq!(server.requests().len(), 1);
    clock.advance(Duration::from_secs(60));
    assert_eq!(dlcs.tell().await.unwrap(), 0);
    clock.advance(Duration::from_secs(2900));
    assert_eq!(dlcs.tell().await.unwrap(), 0);
    assert_eq!(server.requests().len(), 2, "the server asked for more time");
    clock.advance(Duration::from_secs(101));
    assert_eq!(dlcs.tell().await.unwrap(), 0);
    clock.advance(Duration::from_secs(60));
    assert_eq!(dlcs.tell().await.unwrap(), 1);
    clock.advance(Duration::from_secs(100_000));
    assert_eq!(dlcs.tell().await.unwrap(), 0, "it has been heard");
    let body = format!("{{\"batch\":{batch},\"count\":2,\"completed\":1,\"errors\":1}}");
    assert_eq!(bodies(&server), vec![body; 4]);
    let ids = ids(&server);
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
}

#[tokio::test]
async fn every_run_of_a_batch_is_told_once() {
    let (catalogue, space, clock) = memory().await;
    let server = HttpServer::start().await;
    let url = server.serve("/", "heard");
    let dlcs = dlcs(catalogue, space.customer, &url);
    let batch = submit(dlcs.queue(), &space, &["a", "bad"]).await;
    for run in 1..=2 {
        work(dlcs.queue()).await;
        for told in [1, 0] {
            assert_eq!(dlcs.tell().await.unwrap(), told);
            clock.advance(Duration::from_secs(1000));
        }
        assert_eq!(server.requests().len(), run);
        assert_eq!(dlcs.retry_batch(space.customer, batch).await.unwrap(), 1);
    }
    let ids = ids(&server);
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test]
async fn who_has_no_webhook_is_not_told() {
    let (catalogue, space, _) = memory().await;
    let other = fixture::space(&catalogue).await;
    let server = HttpServer::start().await;
    let url = server.serve("/", "heard");
    let dlcs = dlcs(catalogue, space.customer, &url);
    submit(dlcs.queue(), &other, &["a"]).await;
    work(dlcs.queue()).await;
    assert_eq!(dlcs.tell().await.unwrap(), 1, "there is nothing left to do");
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_webhook_that_is_gone_ends_the_notice() {
    let server = HttpServer::start().await;
    let url = server.route("/", Reply::status(410));
    notifier(CustomerId::FIRST, &url)
        .notify(&notice(1))
        .await
        .unwrap();
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let server = HttpServer::start().await;
    server.serve("/elsewhere", "heard");
    for status in [301, 302, 307, 308] {
        let url = server.route("/", Reply::redirect(status, "/elsewhere"));
        let error = notifier(CustomerId::FIRST, &url)
            .notify(&notice(1))
            .await
            .unwrap_err();
        assert!(
            matches!(error, NotifyError::Refused { status: seen, .. } if seen == status),
            "{error:?}"
        );
    }
    assert!(
        server
            .requests()
            .iter()
            .all(|request| request.target == "/")
    );
}

/// The whole of an error, as it may be logged.
fn chain(error: &dyn Error) -> String {
    let mut text = format!("{error} {error:?}");
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(" {error} {error:?}"));
        cause = error.source();
    }
    text
}

#[tokio::test]
async fn nobody_there_is_no_answer_and_shows_no_secret() {
    let server = HttpServer::start().await;
    let url = server.url("/hook?token=canary");
    let silent = server.route("/hook?token=canary", Reply::status(200).gated(Gate::new()));
    let config = config(CustomerId::FIRST, &silent).with_timeout(Duration::from_millis(50));
    let notifier = WebhookNotifier::new(config, document).unwrap();
    assert!(!format!("{notifier:?}").contains("canary"), "{notifier:?}");
    let late = notifier.notify(&notice(1)).await.unwrap_err();
    drop(server);
    let refused = self::notifier(CustomerId::FIRST, &url)
        .notify(&notice(1))
        .await
        .unwrap_err();
    for error in [late, refused] {
        assert!(
            matches!(error, NotifyError::Unreachable { .. }),
            "{error:?}"
        );
        let text = chain(&error);
        assert!(!text.contains("canary"), "{text}");
    }
}

#[tokio::test]
async fn a_server_that_comes_back_is_told() {
    let (catalogue, space, clock) = memory().await;
    let server = HttpServer::start().await;
    let (url, port) = (server.url("/"), server.port());
    drop(server);
    let dlcs = dlcs(catalogue, space.customer, &url);
    submit(dlcs.queue(), &space, &["a"]).await;
    work(dlcs.queue()).await;
    assert_eq!(dlcs.tell().await.unwrap(), 0);
    let server = HttpServer::start_at_port(port).await;
    server.serve("/", "heard");
    clock.advance(Duration::from_secs(60));
    assert_eq!(dlcs.tell().await.unwrap(), 1);
    assert_eq!(server.requests().len(), 1);
}

#[cfg(feature = "catalogue-sqlite")]
#[tokio::test]
async fn a_notice_survives_the_end_of_the_program() {
    let place = crate::sqlite_fixture::Place::new();
    let catalogue = place.open().await;
    let space = fixture::space(&catalogue).await;
    submit(&catalogue, &space, &["a"]).await;
    work(&catalogue).await;
    drop(catalogue);

    let server = HttpServer::start().await;
    let url = server.route_in_turn("/", [Reply::status(500), Reply::status(200)]);
    let first = dlcs(place.open().await, space.customer, &url);
    assert_eq!(first.tell().await.unwrap(), 0);
    drop(first);
    place.clock.advance(Duration::from_secs(60));
    let second = dlcs(place.open().await, space.customer, &url);
    assert_eq!(second.tell().await.unwrap(), 1);
    let ids = ids(&server);
    assert_eq!(ids.len(), 2);
    assert_eq!(ids[0], ids[1]);
}
