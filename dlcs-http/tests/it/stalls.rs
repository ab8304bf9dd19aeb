//! What clients may take of the listener: time, and connections.

use std::time::Duration;

use dlcs_http::{DlcsService, TrustedProxies};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::Instant;

use crate::delivery::Fixture;
use crate::serve::{Server, assert_waited, read, start, start_with};

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
        assert_waited(sent, begun, seconds, 10);
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
        dripping.abort();
        assert_waited(first, begun, 10, 10);
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

#[tokio::test(start_paused = true)]
async fn who_takes_an_answer_slowly_gets_all_of_it() {
    let fixture = Fixture::with_image("map").await;
    let server = start(fixture.dlcs).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(server.address).await.unwrap();
    let request = "GET /openapi.json HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let (mut answer, mut buffer, begun) = (Vec::new(), [0; 4096], Instant::now());
    loop {
        let read = stream.read(&mut buffer).await.unwrap();
        if read == 0 {
            break;
        }
        answer.extend_from_slice(&buffer[..read]);
        tokio::time::sleep(Duration::from_secs(20)).await;
    }
    assert!(begun.elapsed() > Duration::from_secs(300), "it took long");
    let head = answer.windows(4).position(|at| at == b"\r\n\r\n").unwrap();
    let text = String::from_utf8_lossy(&answer[..head]);
    let length = text.split("content-length: ").nth(1).unwrap();
    let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
    assert_eq!(answer.len() - head - 4, length);
}

#[tokio::test]
async fn an_address_has_so_many_connections_and_others_are_served() {
    let fixture = Fixture::with_image("map").await;
    let service = DlcsService::builder(fixture.dlcs).with_connections_per_address(3);
    let server = start_with(service).await;
    let health = b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n";
    let served = async |from: [u8; 4]| {
        let socket = TcpSocket::new_v4().unwrap();
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
    let room = async { while served([127, 0, 0, 1]).await.is_none() {} };
    let room = tokio::time::timeout(Duration::from_secs(60), room).await;
    room.expect("one has made room");
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
