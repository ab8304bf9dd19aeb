//! The loopback HTTP origin says what it was told, as bytes on a socket.
#![expect(clippy::unwrap_used, reason = "a test stops at what goes wrong")]

use std::time::Duration;

use dlcs_testkit::Gate;
use dlcs_testkit::server::{HttpServer, Reply};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn ask(server: &HttpServer, target: &str, header: &str) -> String {
    let mut socket = TcpStream::connect(("127.0.0.1", server.port()))
        .await
        .unwrap();
    let request =
        format!("GET {target} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n{header}\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn says_what_it_was_told_and_remembers_who_asked() {
    let server = HttpServer::start().await;
    let url = server.serve("/a%20b.jpg?x=1", "photograph");
    assert_eq!(url.path(), "/a%20b.jpg");
    let answer = ask(&server, "/a%20b.jpg?x=1", "x-name: value\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("content-length: 10\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nphotograph"), "{answer}");
    assert!(
        ask(&server, "/a%20b.jpg", "")
            .await
            .starts_with("HTTP/1.1 404")
    );
    let requests = server.requests();
    assert_eq!(requests[0].target, "/a%20b.jpg?x=1");
    assert_eq!(requests[0].header("x-name"), Some("value"));
}

#[tokio::test]
async fn cut_bodies_keep_their_promise_of_a_length() {
    let server = HttpServer::start().await;
    server.route("/cut", Reply::bytes(vec![b'x'; 1000]).breaking_at(10));
    let answer = ask(&server, "/cut", "").await;
    assert!(answer.contains("content-length: 1000\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nxxxxxxxxxx"), "{answer}");
    server.route(
        "/drip",
        Reply::bytes("drip").dripping(1, Duration::from_millis(1)),
    );
    assert!(ask(&server, "/drip", "").await.ends_with("\r\n\r\ndrip"));
}

#[tokio::test]
async fn protected_paths_want_their_user() {
    let server = HttpServer::start().await;
    server.route("/p", Reply::bytes("open").protected_by("user", "password"));
    assert!(ask(&server, "/p", "").await.starts_with("HTTP/1.1 401"));
    let header = "authorization: Basic dXNlcjpwYXNzd29yZA==\r\n";
    assert!(ask(&server, "/p", header).await.ends_with("open"));
}

#[tokio::test]
async fn a_dropped_server_gives_up_its_port_and_its_connections() {
    let server = HttpServer::start().await;
    let (port, gate) = (server.port(), Gate::new());
    server.route("/", Reply::bytes("x").gated(gate.clone()));
    let mut socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    socket
        .write_all(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n")
        .await
        .unwrap();
    gate.reached().await;
    drop(server);
    gate.abandoned().await;
    let mut answer = Vec::new();
    // Closed or reset: either way nothing comes.
    let _ = socket.read_to_end(&mut answer).await;
    assert_eq!(answer, b"");
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err());
}
