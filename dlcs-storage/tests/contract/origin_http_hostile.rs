//! HTTP origins that send too much head, or take too long for others to wait.

use std::pin::pin;

use dlcs_core::origin::{OriginRequest, OriginStrategy};
use dlcs_testkit::Gate;
use dlcs_testkit::server::{HttpServer, Reply};
use futures_util::future::{Either, select};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use url::Url;

use crate::origin_http::{failure, opened, read};

const TOO_MUCH: &str = "its answer has too many or too long header fields";

#[tokio::test]
async fn a_thousand_headers_are_an_error() {
    let (server, origin) = (HttpServer::start().await, opened());
    let with = |count: usize| {
        (0..count).fold(Reply::bytes("x"), |reply, n| {
            reply.with_header("set-cookie", format!("a{n}=b"))
        })
    };
    assert_eq!(
        failure(&origin, &server.route("/", with(1000))).await,
        TOO_MUCH
    );
    let url = server.route("/few", with(100));
    assert!(read(&origin, OriginRequest::new(&url)).await.is_ok());
}

#[tokio::test]
async fn long_headers_are_an_error() {
    let (server, origin) = (HttpServer::start().await, opened());
    let with = |bytes: usize| Reply::bytes("x").with_header("x-long", "a".repeat(bytes));
    assert_eq!(
        failure(&origin, &server.route("/", with(66_000))).await,
        TOO_MUCH
    );
    let url = server.route("/shorter", with(60_000));
    assert!(read(&origin, OriginRequest::new(&url)).await.is_ok());
}

#[tokio::test]
async fn a_head_without_end_is_not_read_to_its_end() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    let server = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let _ = socket.read(&mut [0; 4096]).await;
        let _ = socket.write_all(b"HTTP/1.1 200 OK\r\nx-endless: ").await;
        let mut sent = 0_usize;
        while socket.write_all(&[b'a'; 1 << 16]).await.is_ok() {
            sent += 1 << 16;
            if sent >= 64 << 20 {
                break;
            }
        }
        sent
    });
    assert_eq!(failure(&opened(), &url).await, TOO_MUCH);
    let sent = server.await.unwrap();
    // What the buffers of the sockets hold is beyond our say.
    assert!(sent < 8 << 20, "{sent} bytes were taken");
}

#[tokio::test]
async fn what_a_file_is_to_be_called_says_nothing() {
    let (server, origin) = (HttpServer::start().await, opened());
    let named =
        Reply::bytes("x").with_header("content-disposition", "attachment; filename=../../x");
    let url = server.route("/a", named);
    assert_eq!(read(&origin, OriginRequest::new(&url)).await.unwrap(), b"x");
}

#[tokio::test]
async fn eight_fetches_hold_a_host_and_no_other() {
    let (busy, free, origin) = (
        HttpServer::start().await,
        HttpServer::start().await,
        opened(),
    );
    let gate = Gate::new();
    let url = busy.route(
        "/a",
        Reply::bytes(vec![7; 1000]).gated_at(500, gate.clone()),
    );
    let there = free.serve("/b", "ok");
    let request = OriginRequest::new(&url);
    let mut held = Vec::new();
    for _ in 0..8 {
        held.push(origin.open(request).await.unwrap());
    }
    let mut ninth = pin!(origin.open(request));
    for _ in 0..50 {
        let elsewhere = pin!(read(&origin, OriginRequest::new(&there)));
        match select(ninth.as_mut(), elsewhere).await {
            Either::Left((got, _)) => panic!("the ninth did not wait: {got:?}"),
            Either::Right((got, _)) => assert_eq!(got.unwrap(), b"ok"),
        }
    }
    assert_eq!(busy.requests().len(), 8);
    held.pop();
    let ninth = ninth.await.unwrap();
    assert_eq!(busy.requests().len(), 9);
    assert_eq!(ninth.length(), Some(1000));
    gate.open();
}
