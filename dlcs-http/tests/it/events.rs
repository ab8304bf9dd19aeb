//! `/customers/{customer}/queue/batches/{batch}/events`.

use std::time::Duration;

use dlcs_core::dlcs::Settings;
use dlcs_http::ResponseBody;
use dlcs_testkit::fake::FakeObject;
use futures_util::future::{Either, select};
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::app::{App, PICTURE};

const EVENTS: &str = "/customers/1/queue/batches/1/events";

/// An app with a batch of customer 1, of these images.
async fn app(names: &[&str]) -> App {
    let app = App::new().await;
    submit(&app, names).await;
    app
}

async fn submit(app: &App, names: &[&str]) {
    let member = |name: &&str| json!({"space": 1, "id": name, "origin": format!("https://example.org/{name}")});
    for name in names {
        let bytes = if name.starts_with("bad") {
            "text"
        } else {
            PICTURE
        };
        let address = format!("https://example.org/{name}");
        app.origin.serve(&address, FakeObject::new(bytes));
    }
    let body = json!({"member": names.iter().map(member).collect::<Vec<_>>()});
    let queue = "/customers/1/queue";
    app.send("POST", queue, body.to_string()).await.json(201);
}

async fn open(app: &App, key: &str, last: Option<&str>) -> Response<ResponseBody> {
    use base64::Engine;
    let token = base64::engine::general_purpose::STANDARD.encode(key);
    let mut request = Request::get(EVENTS).header("authorization", format!("Basic {token}"));
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    let request = request
        .body(Empty::<bytes::Bytes>::new())
        .expect("a request");
    app.service.respond(request).await
}

/// What comes next on a stream; `None` at its end.
async fn next(stream: &mut Response<ResponseBody>) -> Option<String> {
    let frame = stream.body_mut().frame().await?;
    let bytes = frame.expect("no stream fails").into_data().expect("data");
    Some(String::from_utf8(bytes.to_vec()).expect("text"))
}

/// The id and the batch of an event.
fn parse(event: &str) -> (String, Value) {
    let mut lines = event
        .lines()
        .skip_while(|line| !line.starts_with("event: "));
    assert_eq!(lines.next(), Some("event: batch"), "{event}");
    let id = lines.next().and_then(|line| line.strip_prefix("id: "));
    let data = lines.next().and_then(|line| line.strip_prefix("data: "));
    assert_eq!((lines.next(), lines.next()), (Some(""), None), "{event}");
    let batch = serde_json::from_str(data.expect("data")).expect("JSON");
    (id.expect("an id").to_owned(), batch)
}

#[tokio::test]
async fn a_batch_is_sent_at_once_and_at_every_change_until_it_is_finished() {
    let app = app(&["a", "bad"]).await;
    let mut stream = open(&app, &app.admin, None).await;
    assert_eq!(stream.status(), 200);
    for (name, value) in [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-store"),
        ("x-accel-buffering", "no"),
    ] {
        assert_eq!(stream.headers()[name], value, "{name}");
    }
    let first = next(&mut stream).await.expect("the batch at once");
    assert!(first.starts_with("retry: 5000\n\n"), "{first}");
    let address = EVENTS.trim_end_matches("/events");
    let (mut last_id, batch) = parse(&first);
    assert_eq!(batch, app.get(address).await.json(200));

    let mut ended = 0;
    let workers = app.dlcs.clone().run_workers(std::future::pending());
    let watching = async {
        let mut last = batch;
        while let Some(event) = next(&mut stream).await {
            let (id, batch) = parse(&event);
            assert_ne!(id, last_id, "each state has an id of its own");
            let now = batch["completed"].as_u64().unwrap() + batch["errors"].as_u64().unwrap();
            assert!(now > ended, "{batch}");
            (last_id, last, ended) = (id, batch, now);
        }
        last
    };
    let Either::Right((last, _)) = select(Box::pin(workers), Box::pin(watching)).await else {
        panic!("workers stop when they are told");
    };
    assert_eq!(last, app.get(address).await.json(200));
    assert!(last.get("finished").is_some(), "{last}");
}

#[tokio::test]
async fn a_finished_batch_is_sent_once_and_not_again_to_who_has_seen_it() {
    let app = app(&["a", "bad"]).await;
    app.finish(1).await;
    let mut stream = open(&app, &app.admin, None).await;
    let (id, batch) = parse(&next(&mut stream).await.expect("the batch"));
    assert!(batch.get("finished").is_some(), "{batch}");
    assert_eq!(next(&mut stream).await, None);
    let again = open(&app, &app.admin, Some(&id)).await;
    assert_eq!(again.status(), 204);
    // It runs again: that is another stream.
    let retry = EVENTS.replace("events", "retry");
    app.send("POST", &retry, "").await.json(200);
    let mut stream = open(&app, &app.admin, Some(&id)).await;
    let (_, batch) = parse(&next(&mut stream).await.expect("the batch"));
    assert_eq!(batch.get("finished"), None);
    app.finish(1).await;
    let (_, batch) = parse(&next(&mut stream).await.expect("the end of the run"));
    assert!(batch.get("finished").is_some(), "{batch}");
    assert_eq!(next(&mut stream).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_says_that_it_is_alive_until_its_key_is_deleted() {
    let app = app(&["a"]).await;
    let made = app.send("POST", "/customers/1/keys", "").await.json(200);
    let key = format!(
        "{}:{}",
        made["key"].as_str().unwrap(),
        made["secret"].as_str().unwrap()
    );
    let mut stream = open(&app, &key, None).await;
    next(&mut stream).await.expect("the batch at once");
    for _ in 0..3 {
        let begun = Instant::now();
        assert_eq!(next(&mut stream).await.as_deref(), Some(": alive\n\n"));
        assert_eq!(begun.elapsed().as_secs(), 15);
    }
    let path = format!("/customers/1/keys/{}", made["key"].as_str().unwrap());
    assert_eq!(app.send("DELETE", &path, "").await.status, 204);
    assert_eq!(next(&mut stream).await, None);
}

#[tokio::test]
async fn only_so_many_streams_are_open_and_those_that_are_dropped_make_room() {
    // Half of them for each customer.
    let app = App::with(Settings::default(), |builder| builder.with_event_streams(4)).await;
    submit(&app, &["a"]).await;
    let first = open(&app, &app.admin, None).await;
    let second = open(&app, &app.admin, None).await;
    assert!(first.status().is_success() && second.status().is_success());
    let refused = app.get(EVENTS).await;
    assert_eq!(refused.json(503)["@type"], "Error");
    assert_eq!(refused.header("retry-after"), "5");
    assert_eq!(
        app.get(EVENTS.trim_end_matches("/events")).await.status,
        200
    );
    drop(first);
    let third = open(&app, &app.admin, None).await;
    assert_eq!(third.status(), 200);
    drop((second, third));
    // Nor does a look at the head of one keep room.
    for _ in 0..3 {
        assert_eq!(app.send("HEAD", EVENTS, "").await.status, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn streams_end_when_the_service_does() {
    let app = app(&["a"]).await;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let service = app.service.until(async {
        let _ = stopped.await;
    });
    let mut app = app;
    app.service = service;
    let mut stream = open(&app, &app.admin, None).await;
    next(&mut stream).await.expect("the batch at once");
    stop.send(()).expect("somebody waits");
    let ended = tokio::time::timeout(Duration::from_secs(1), next(&mut stream)).await;
    assert_eq!(ended, Ok(None));
    // One that is opened in the meantime says what there is, and ends.
    let mut late = open(&app, &app.admin, None).await;
    parse(&next(&mut late).await.expect("the batch at once"));
    assert_eq!(next(&mut late).await, None);
}
