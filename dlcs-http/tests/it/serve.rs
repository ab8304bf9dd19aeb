//! The listener, over real sockets.

use std::net::SocketAddr;
use std::time::Duration;

use dlcs_core::Dlcs;
use dlcs_http::{DlcsService, DlcsServiceBuilder, TrustedProxies, serve};
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

async fn start_with(service: DlcsServiceBuilder) -> Server {
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

async fn read(stream: &mut TcpStream) -> String {
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
async fn clients_that_stall_are_let_go() {
    let fixture = Fixture::with_image("map").await;
    let server = start(fixture.dlcs).await;
    let health = "GET /health HTTP/1.1\r\nhost: x\r\n\r\n";
    for (sent, status, seconds) in [
        // Nothing at all, half a head, what may become HTTP/2, and nothing after an answer.
        ("", "", 10),
        ("GET /health HT", "", 10),
        ("P", "", 10),
        ("PRI * HTTP/2.0\r\n\r\n", "", 10),
        (health, "HTTP/1.1 200 ", 75),
        (&format!("{health}GET /health HT"), "HTTP/1.1 200 ", 75),
    ] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let begun = Instant::now();
        stream.write_all(sent.as_bytes()).await.unwrap();
        let answer = read(&mut stream).await;
        assert!(answer.starts_with(status), "{sent}: {answer}");
        let waited = begun.elapsed();
        let expected = Duration::from_secs(seconds);
        assert!(
            waited >= expected && waited < expected + Duration::from_secs(10),
            "{sent}: {waited:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_that_drips_is_cut_off() {
    let fixture = Fixture::with_image("map").await;
    let server = start(fixture.dlcs).await;
    // The first head of a connection, and one that comes after an answer.
    for first in ["", "GET /health HTTP/1.1\r\nhost: x\r\n\r\n"] {
        let stream = TcpStream::connect(server.address).await.unwrap();
        let (mut from, mut to) = stream.into_split();
        to.write_all(first.as_bytes()).await.unwrap();
        let begun = Instant::now();
        let dripping = tokio::spawn(async move {
            for byte in b"GET /health HTTP/1.1\r\nhost: x\r\nx: ".iter().cycle() {
                if to.write_all(&[*byte]).await.is_err() {
                    break;
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        });
        let mut answer = Vec::new();
        let _ = from.read_to_end(&mut answer).await;
        let waited = begun.elapsed();
        dripping.abort();
        assert!(
            waited >= Duration::from_secs(10) && waited < Duration::from_secs(20),
            "{waited:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn who_does_not_take_an_answer_is_let_go() {
    let fixture = Fixture::with_image("map").await;
    let server = start(fixture.dlcs).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let begun = Instant::now();
    // So much is asked for, and nothing read, that it has room in no buffer.
    let request = "GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n";
    let ended = loop {
        if let Err(error) = stream.write_all(request.as_bytes()).await {
            break error;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        if begun.elapsed() > Duration::from_secs(600) {
            panic!("it is served for ever");
        }
    };
    assert!(begun.elapsed() >= Duration::from_secs(30), "{ended}");
}

#[tokio::test]
async fn an_address_has_so_many_connections_and_others_are_served() {
    let fixture = Fixture::with_image("map").await;
    let service = DlcsService::builder(fixture.dlcs).with_connections_per_address(3);
    let server = start_with(service).await;
    let health = b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n";
    let served = async |from: [u8; 4]| {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind((from, 0).into()).unwrap();
        let mut stream = socket.connect(server.address).await.ok()?;
        let _ = stream.write_all(health).await;
        let mut status = [0; 12];
        stream.read_exact(&mut status).await.ok()?;
        assert_eq!(&status, b"HTTP/1.1 200");
        Some(stream)
    };
    let mut open = Vec::new();
    for _ in 0..3 {
        open.push(served([127, 0, 0, 1]).await.expect("there is room"));
    }
    assert!(served([127, 0, 0, 1]).await.is_none());
    assert!(served([127, 0, 0, 2]).await.is_some());
    open.pop();
    while served([127, 0, 0, 1]).await.is_none() {}
}

#[tokio::test]
async fn a_proxy_that_is_named_has_as_many_connections_as_it_needs() {
    let fixture = Fixture::with_image("map").await;
    let proxies = TrustedProxies::parse(["127.0.0.0/8"]).unwrap();
    let service = DlcsService::builder(fixture.dlcs)
        .with_connections_per_address(1)
        .with_trusted_proxies(proxies);
    let server = start_with(service).await;
    let mut open = Vec::new();
    for _ in 0..5 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream
            .write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n")
            .await
            .unwrap();
        let mut status = [0; 12];
        stream.read_exact(&mut status).await.unwrap();
        open.push(stream);
    }
}

#[tokio::test]
async fn a_registration_whose_client_has_hung_up_is_waited_for() {
    let fixture = Fixture::with_image("map").await;
    let dlcs = fixture.dlcs.clone();
    let server = start(fixture.dlcs).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let body = "{\"name\":\"maps\"}";
    let head = format!(
        "POST /customers/1/spaces HTTP/1.1\r\nhost: x\r\nauthorization: Basic a2V5OnNlY3JldA==\r\n\
        content-length: {}\r\nexpect: 100-continue\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    read_until(&mut stream, "100 Continue\r\n\r\n").await;
    stream.write_all(body.as_bytes()).await.unwrap();
    drop(stream);
    server.stop.send(()).unwrap();
    server.ended.await.unwrap();
    let customer = dlcs_core::CustomerId::new(1).unwrap();
    let space = dlcs_core::SpaceId::new(2).unwrap();
    assert!(dlcs.catalogue().find_space(customer, space).await.unwrap().is_some());
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

/// Sends a body that never ends, so many bytes every so often, until the server closes; returns its answer and how long that took.
async fn drip(server: &Server, bytes: usize, every: Duration) -> (String, Duration) {
    let stream = TcpStream::connect(server.address)
        .await
        .expect("the server listens");
    let (mut from, mut to) = stream.into_split();
    let head = "POST /customers/1/spaces HTTP/1.1\r\nhost: x\r\nauthorization: Basic a2V5OnNlY3JldA==\r\n\
        content-length: 67108864\r\n\r\n";
    let begun = Instant::now();
    to.write_all(head.as_bytes())
        .await
        .expect("the server reads");
    let dripping = tokio::spawn(async move {
        let drop = vec![b' '; bytes];
        while to.write_all(&drop).await.is_ok() {
            tokio::time::sleep(every).await;
        }
    });
    let mut answer = Vec::new();
    // Bytes that nobody reads any more may reset the connection.
    let _ = from.read_to_end(&mut answer).await;
    dripping.abort();
    (
        String::from_utf8_lossy(&answer).into_owned(),
        begun.elapsed(),
    )
}

#[tokio::test(start_paused = true)]
async fn a_body_that_drips_or_does_not_end_is_408_and_the_connection_closed() {
    let fixture = Fixture::with_image("map").await;
    let server = start(fixture.dlcs).await;
    let second = Duration::from_secs(1);
    for (bytes, least, most) in [(100, 20, 40), (2048, 3600, 3660)] {
        let (answer, took) = drip(&server, bytes, second).await;
        assert!(answer.starts_with("HTTP/1.1 408 "), "{bytes}: {answer}");
        assert!(answer.contains("connection: close"), "{bytes}: {answer}");
        assert!(
            took >= second * least && took < second * most,
            "{bytes}: {took:?}"
        );
    }
}
