//! The listener, over real sockets.

use std::net::SocketAddr;
use std::time::Duration;

use dlcs_core::Dlcs;
use dlcs_http::{DlcsService, DlcsServiceBuilder, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::delivery::Fixture;

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<()>,
}

pub(crate) async fn start(dlcs: Dlcs) -> Server {
    start_with(DlcsService::builder(dlcs)).await
}

pub(crate) async fn start_with(service: DlcsServiceBuilder) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let (stop, stopped) = oneshot::channel();
    let shutdown = async {
        let _ = stopped.await;
    };
    let ended = tokio::spawn(serve(
        listener,
        service.build(),
        shutdown,
        Duration::from_secs(25),
    ));
    Server {
        address,
        stop,
        ended,
    }
}

pub(crate) async fn read(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    // A connection that is reset has said what it had to say.
    let _ = stream.read_to_end(&mut text).await;
    String::from_utf8_lossy(&text).into_owned()
}

#[tokio::test]
async fn a_request_in_flight_is_answered_before_it_stops() {
    let fixture = Fixture::with_image("map").await;
    let server = start(fixture.dlcs).await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    idle.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut first = [0; 12];
    idle.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");

    let mut busy = TcpStream::connect(server.address).await.unwrap();
    let head = "POST /customers/1/spaces HTTP/1.1\r\nhost: x\r\nauthorization: Basic a2V5OnNlY3JldA==\r\n\
        content-length: 15\r\nexpect: 100-continue\r\n\r\n";
    busy.write_all(head.as_bytes()).await.unwrap();
    // The server asks for the body once it waits for it.
    let mut go_on = [0; 25];
    busy.read_exact(&mut go_on).await.unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    server.stop.send(()).unwrap();
    // The idle connection is closed at once; the other may finish what it began.
    read(&mut idle).await;
    busy.write_all(b"{\"name\":\"maps\"}").await.unwrap();
    let answer = read(&mut busy).await;
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    server.ended.await.unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}

/// A wait was so many seconds long, and not many more.
pub(crate) fn assert_waited(what: &str, begun: Instant, seconds: u64, more: u64) {
    let waited = begun.elapsed();
    let expected = Duration::from_secs(seconds)..Duration::from_secs(seconds + more);
    assert!(expected.contains(&waited), "{what}: {waited:?}");
}

/// Submits an image that nobody processes.
async fn submit(dlcs: &Dlcs) {
    let registration = Fixture::registration("waiting").with_bytes("bytes");
    let batch = dlcs.submit_batch([registration]).await.expect("a batch");
    assert_eq!(batch.id.get(), 1);
}

/// Opens the stream of events of a batch that nobody works at, and reads until its first event is there.
async fn watch(server: &Server, method: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address)
        .await
        .expect("the server listens");
    let head = format!(
        "{method} /customers/1/queue/batches/1/events HTTP/1.1\r\nhost: x\r\nauthorization: Basic a2V5OnNlY3JldA==\r\n\r\n"
    );
    stream
        .write_all(head.as_bytes())
        .await
        .expect("the server reads");
    stream
}

/// Reads until a text has come.
async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut text = String::new();
    let mut buffer = [0; 4096];
    while !text.contains(end) {
        let read = stream.read(&mut buffer).await.expect("it goes on");
        assert!(read > 0, "the connection ended: {text}");
        text.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    text
}

#[tokio::test]
async fn open_streams_of_events_do_not_keep_it_from_stopping() {
    let fixture = Fixture::with_image("map").await;
    submit(&fixture.dlcs).await;
    let server = start(fixture.dlcs).await;
    let mut stream = watch(&server, "GET").await;
    let begun = read_until(&mut stream, "\n\n\r\n").await;
    assert!(begun.starts_with("HTTP/1.1 200 OK\r\n"), "{begun}");
    assert!(begun.contains("event: batch\nid: 0-0-0-0\n"), "{begun}");
    // Another that has only been looked at can be used again.
    let mut looked = watch(&server, "HEAD").await;
    let head = read_until(&mut looked, "\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(!head.contains("content-length"), "{head}");
    server.stop.send(()).unwrap();
    let rest = read(&mut stream).await;
    assert!(rest.ends_with("0\r\n\r\n"), "the stream ends well: {rest}");
    // The drain is 25 s: who waits for that has failed.
    let ended = tokio::time::timeout(Duration::from_secs(10), server.ended);
    ended.await.expect("it stops at once").unwrap();
}

#[tokio::test]
async fn a_client_that_hangs_up_makes_room_for_another() {
    let fixture = Fixture::with_image("map").await;
    submit(&fixture.dlcs).await;
    let server = start_with(DlcsService::builder(fixture.dlcs).with_event_streams(1)).await;
    let mut first = watch(&server, "GET").await;
    read_until(&mut first, "event: batch").await;
    let mut second = watch(&server, "GET").await;
    let refused = read_until(&mut second, "\r\n\r\n").await;
    assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
    assert!(refused.contains("\r\nretry-after: 5\r\n"), "{refused}");
    drop(first);
    loop {
        let mut next = watch(&server, "GET").await;
        let head = read_until(&mut next, "\r\n\r\n").await;
        if head.starts_with("HTTP/1.1 200 ") {
            break;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_registration_whose_client_has_hung_up_is_waited_for() {
    let fixture = Fixture::with_image("map").await;
    let mut server = start(fixture.dlcs.clone()).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let request = "PUT /customers/1/spaces/1/images/slow HTTP/1.1\r\nhost: x\r\nauthorization: Basic a2V5OnNlY3JldA==\r\n\
        content-type: image/jpeg\r\ncontent-length: 5\r\n\r\ngated";
    stream.write_all(request.as_bytes()).await.unwrap();
    fixture.gate.reached().await;
    drop(stream);
    server.stop.send(()).unwrap();
    let early = tokio::time::timeout(Duration::from_secs(20), &mut server.ended).await;
    assert!(early.is_err(), "the drain is 25 s");
    fixture.gate.open();
    server.ended.await.unwrap();
    let image = fixture.dlcs.image(&"1/1/slow".parse().unwrap()).await;
    assert!(image.unwrap().service().is_some());
}

#[tokio::test]
async fn heads_that_are_too_large_are_refused() {
    let fixture = Fixture::with_image("map").await;
    let server = start(fixture.dlcs).await;
    let many = (0..65).map(|n| format!("x-{n}: 1\r\n")).collect::<String>();
    let large = format!("x: {}\r\n", "x".repeat(70_000));
    for (headers, may_be_cut_off) in [(many, false), (large, true)] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let request = format!("GET /health HTTP/1.1\r\nhost: x\r\n{headers}\r\n");
        // The server may answer and close before it has read it all.
        let _ = stream.write_all(request.as_bytes()).await;
        let answer = read(&mut stream).await;
        let cut_off = may_be_cut_off && answer.is_empty();
        assert!(answer.starts_with("HTTP/1.1 431 ") || cut_off, "{answer}");
    }
}

#[tokio::test]
async fn heads_that_proxies_may_read_in_another_way_are_refused_or_the_connection_is_closed() {
    let fixture = Fixture::with_image("map").await;
    let server = start(fixture.dlcs).await;
    let chunked = "transfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    for (head, status) in [
        ("GET /health HTTP/1.1\r\n\r\n".to_owned(), 400),
        (
            "GET /health HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n".to_owned(),
            400,
        ),
        (
            "GET /health HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n".to_owned(),
            400,
        ),
        (
            "GET /health HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n"
                .to_owned(),
            400,
        ),
        (
            "GET /health HTTP/1.1\r\nhost: a\r\nx: a\0b\r\n\r\n".to_owned(),
            400,
        ),
        (
            "GET /health HTTP/1.1\r\nhost: a\r\nx: a\r\n b\r\n\r\n".to_owned(),
            400,
        ),
        (
            "GET /health HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n"
                .to_owned(),
            400,
        ),
        (
            "CONNECT a:1 HTTP/1.1\r\nhost: a:1\r\n\r\n".to_owned(),
            400,
        ),
        (
            format!("GET /health HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n{chunked}"),
            200,
        ),
        (format!("GET /health HTTP/1.1\r\nhost: a\r\n{chunked}"), 200),
    ] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        // What follows must not be taken for a request.
        let smuggled = "GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n";
        stream
            .write_all(format!("{head}{smuggled}").as_bytes())
            .await
            .unwrap();
        let answer = read(&mut stream).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{head}: {answer}"
        );
        assert!(answer.contains("connection: close"), "{head}: {answer}");
        assert_eq!(answer.matches("\r\ndate: ").count(), 1, "{head}: {answer}");
    }
}

#[tokio::test]
async fn lines_that_end_in_one_byte_are_taken_as_lines() {
    let fixture = Fixture::with_image("map").await;
    let server = start(fixture.dlcs).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    // RFC 9112 §2.2 lets a server do so; a proxy in front must not see another request in it.
    let request = "GET /health HTTP/1.1\nhost: a\nconnection: close\n\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let answer = read(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!(answer.matches("\r\ndate: ").count(), 1, "{answer}");
}

#[tokio::test]
async fn who_is_not_let_in_is_not_asked_for_a_body() {
    let fixture = Fixture::with_image("map").await;
    let server = start(fixture.dlcs).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = "POST /customers/1/spaces HTTP/1.1\r\nhost: x\r\nauthorization: Basic a2V5Ondyb25n\r\n\
        content-length: 15\r\nexpect: 100-continue\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = read_until(&mut stream, "\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_and_the_connection_closed() {
    let fixture = Fixture::with_image("map").await;
    let server = start_with(DlcsService::builder(fixture.dlcs).with_body_limit(1000)).await;
    let head =
        "POST /customers/1/spaces HTTP/1.1\r\nhost: x\r\nauthorization: Basic a2V5OnNlY3JldA==\r\n";
    let chunk = format!("3e8\r\n{}\r\n", " ".repeat(1000));
    for sent in [
        // As soon as it is announced, and with the first byte too many.
        "content-length: 1001\r\n\r\n".to_owned(),
        format!("transfer-encoding: chunked\r\n\r\n{chunk}1\r\n \r\n"),
    ] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let request = format!("{head}{sent}");
        stream.write_all(request.as_bytes()).await.unwrap();
        // It ends although the client does not.
        let answer = read(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
        assert!(answer.contains("connection: close"), "{answer}");
    }
}
