//! HTTP/2 as clients speak it who mean no good: frames written by hand (RFC 9113, RFC 7541).

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::delivery::Fixture;
use crate::serve::{Server, assert_waited, start};

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
    /// The first four bytes, as a number: of `RST_STREAM`, the error.
    value: u32,
}

struct Client {
    stream: TcpStream,
}

impl Client {
    /// Connects, and says how much of each answer the server may send unasked.
    async fn connect(server: &Server, window: u32) -> Self {
        let mut stream = TcpStream::connect(server.address)
            .await
            .expect("the server listens");
        let mut settings = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        let mut value = vec![0, 4];
        value.extend(window.to_be_bytes());
        settings.extend(frame(SETTINGS, 0, 0, &value));
        stream.write_all(&settings).await.expect("the server reads");
        Self { stream }
    }

    /// Writes, if the server still reads.
    async fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }

    /// The next frame; `None` when the server has closed. Whatever is to be acknowledged is, as by a client that is alive.
    async fn next(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head).await.ok()?;
        let [a, b, c, kind, flags, stream @ ..] = head;
        let length = u32::from_be_bytes([0, a, b, c]) as usize;
        let mut payload = vec![0; length];
        self.stream.read_exact(&mut payload).await.ok()?;
        if matches!(kind, PING | SETTINGS) && flags & ACK == 0 {
            let echo = if kind == PING { &payload[..] } else { &[] };
            self.send(&frame(kind, ACK, 0, echo)).await;
        }
        let value = payload.first_chunk().copied().unwrap_or_default();
        Some(Frame {
            kind,
            flags,
            stream: u32::from_be_bytes(stream),
            value: u32::from_be_bytes(value),
        })
    }

    /// All frames until the server closes.
    async fn rest(&mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Some(frame) = self.next().await {
            frames.push(frame);
        }
        frames
    }

    async fn next_of(&mut self, kind: u8) -> Option<Frame> {
        loop {
            let frame = self.next().await?;
            if frame.kind == kind {
                return Some(frame);
            }
        }
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// The fields of a GET, packed: method, scheme and authority out of the static table, the path as it is.
fn get(path: &str) -> Vec<u8> {
    let mut block = vec![0x82, 0x86, 0x41, 1, b'x', 0x04];
    assert!(path.len() < 127);
    block.push(path.len() as u8);
    block.extend(path.as_bytes());
    block
}

fn ask(stream: u32, path: &str) -> Vec<u8> {
    frame(HEADERS, END_STREAM | END_HEADERS, stream, &get(path))
}

/// Somebody else is served, whatever one client does.
async fn assert_serves(server: &Server) {
    let mut client = Client::connect(server, 65_535).await;
    assert!(client.send(&ask(1, "/health")).await);
    let answer = client.next_of(HEADERS).await.expect("an answer");
    assert_eq!(answer.stream, 1);
}

const TILE: &str = "/iiif-img/1/1/map/full/max/0/default.jpg";

#[tokio::test(start_paused = true)]
async fn a_connection_without_requests_is_closed_in_the_end() {
    let fixture = Fixture::with_image("map").await;
    let server = start(fixture.dlcs).await;
    let mut client = Client::connect(&server, 65_535).await;
    assert!(client.send(&ask(1, "/health")).await);
    client.next_of(HEADERS).await.expect("an answer");
    let begun = Instant::now();
    client.rest().await;
    assert_waited("idle", begun, 75, 15);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_take_an_answer_is_let_go() {
    let fixture = Fixture::with_image("map").await;
    let server = start(fixture.dlcs).await;
    // Nothing of it may be sent, next to nothing, and more than one piece.
    for window in [0, 1, 65_535] {
        let mut client = Client::connect(&server, window).await;
        assert!(client.send(&ask(1, "/openapi.json")).await);
        let head = client
            .next_of(HEADERS)
            .await
            .expect("the head of an answer");
        assert_eq!(head.flags & END_STREAM, 0, "there is a body to take");
        let begun = Instant::now();
        client.rest().await;
        assert_waited(&window.to_string(), begun, 30, 15);
    }
}

#[tokio::test(start_paused = true)]
async fn one_answer_that_is_not_taken_ends_no_other() {
    let fixture = Fixture::with_image("map").await;
    let server = start(fixture.dlcs).await;
    let mut client = Client::connect(&server, 1).await;
    assert!(client.send(&ask(1, "/openapi.json")).await);
    client
        .next_of(HEADERS)
        .await
        .expect("the head of an answer");
    // Somebody behind the same proxy reads on, for longer than one may wait.
    for number in 1..10 {
        tokio::time::sleep(Duration::from_secs(10)).await;
        let stream = 2 * number + 1;
        assert!(client.send(&ask(stream, "/openapi.json")).await);
        let answer = client.next_of(HEADERS).await.expect("an answer");
        assert_eq!(answer.stream, stream);
    }
}

#[tokio::test]
async fn who_opens_and_resets_is_sent_away() {
    let fixture = Fixture::with_image("map").await;
    let server = start(fixture.dlcs).await;
    let mut client = Client::connect(&server, 65_535).await;
    let attack: Vec<u8> = (0..10_000)
        .flat_map(|number| {
            let stream = 2 * number + 1;
            let mut pair = ask(stream, TILE);
            pair.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
            pair
        })
        .collect();
    client.send(&attack).await;
    let frames = client.rest().await;
    let refused = |frame: &Frame| frame.kind == GOAWAY;
    assert!(
        frames.is_empty() || frames.iter().any(refused),
        "{frames:?}"
    );
    assert_serves(&server).await;
}

#[tokio::test]
async fn a_head_that_never_ends_is_cut_off() {
    let fixture = Fixture::with_image("map").await;
    let server = start(fixture.dlcs).await;
    let mut client = Client::connect(&server, 65_535).await;
    assert!(
        client
            .send(&frame(HEADERS, END_STREAM, 1, &get("/health")))
            .await
    );
    // A field that is not indexed, again and again.
    let mut field = vec![0x00, 1, b'a', 0x7f, 0x80, 0x07];
    field.extend([b'b'; 127 + 896]);
    let flood = frame(CONTINUATION, 0, 1, &field);
    let mut sent = 0;
    while sent < 64 << 20 && client.send(&flood).await {
        sent += flood.len();
    }
    assert!(sent < 64 << 20, "the server reads for ever");
    client.rest().await;
    assert_serves(&server).await;
}

#[tokio::test]
async fn so_many_streams_are_open_and_no_more() {
    let fixture = Fixture::with_image("map").await;
    let server = start(fixture.dlcs).await;
    // Nothing of an answer may be sent, so that all stay open.
    let mut client = Client::connect(&server, 0).await;
    let mut open = 0;
    for number in 0..10_000 {
        if !client.send(&ask(2 * number + 1, TILE)).await {
            break;
        }
        open += 1;
    }
    let (mut answered, mut refused) = (0, 0);
    while answered + refused < open {
        match client.next().await {
            Some(Frame { kind: HEADERS, .. }) => answered += 1,
            // RFC 9113 §7: REFUSED_STREAM
            Some(Frame {
                kind: RST_STREAM,
                value: 7,
                ..
            }) => refused += 1,
            Some(Frame { kind: GOAWAY, .. }) | None => break,
            Some(_) => {}
        }
        assert!(answered <= 100, "{answered}");
    }
    assert!(open > 100 && answered <= 100, "{answered} of {open}");
    assert_serves(&server).await;
}

#[tokio::test]
async fn a_head_that_unpacks_to_too_much_is_refused() {
    let fixture = Fixture::with_image("map").await;
    let server = start(fixture.dlcs).await;
    let mut client = Client::connect(&server, 65_535).await;
    // One field of 3,000 bytes that goes into the table, and then one byte for each time that it is meant again.
    let mut block = get("/health");
    block.extend([0x40, 1, b'a', 0x7f, 0xb9, 0x16]);
    block.extend([b'b'; 127 + 2873]);
    block.extend([0xbe; 10_000]);
    let asked = frame(HEADERS, END_STREAM | END_HEADERS, 1, &block);
    assert!(client.send(&asked).await);
    loop {
        match client.next().await {
            None
            | Some(Frame {
                kind: RST_STREAM | GOAWAY,
                ..
            }) => break,
            Some(Frame {
                kind: HEADERS,
                flags,
                ..
            }) => {
                assert_ne!(flags & END_STREAM, 0, "a refusal without a body");
                break;
            }
            Some(_) => {}
        }
    }
    assert_serves(&server).await;
}
