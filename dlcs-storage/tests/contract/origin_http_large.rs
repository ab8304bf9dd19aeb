//! Sources of gigabytes are streamed, never held.
#![expect(clippy::unwrap_used, reason = "a test says by panicking that it fails")]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::thread;

use dlcs_core::origin::{OriginRequest, OriginStrategy};
use dlcs_testkit::program;
use futures_util::StreamExt;
use url::Url;

use crate::origin_http::opened;

const LENGTH: u64 = 2 << 30;
/// What the process may hold at the most, all of it: the runtime, the client, and the server that sends.
const MOST_MEMORY: u64 = 64 << 20;

/// Sends two gibibytes to whoever asks.
fn serve() -> Url {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut head = [0; 4096];
        let _ = socket.read(&mut head).unwrap();
        write!(
            socket,
            "HTTP/1.1 200 OK\r\ncontent-length: {LENGTH}\r\n\r\n"
        )
        .unwrap();
        let chunk = vec![7; 1 << 16];
        for _ in 0..LENGTH / chunk.len() as u64 {
            socket.write_all(&chunk).unwrap();
        }
    });
    Url::parse(&format!("http://{address}/master.tif")).unwrap()
}

#[tokio::test]
async fn two_gibibytes_are_fetched_with_little_memory() {
    if !program::is_alone(
        module_path!(),
        "two_gibibytes_are_fetched_with_little_memory",
    ) {
        return;
    }
    let (origin, url) = (opened(), serve());
    let request = OriginRequest::new(&url);
    let mut body = origin.open(request).await.unwrap().into_body();
    let mut received = 0;
    while let Some(chunk) = body.next().await {
        received += chunk.unwrap().len() as u64;
    }
    assert_eq!(received, LENGTH);
    let most = program::peak_memory().unwrap();
    program::say(&format!(
        "2 GiB were fetched; the process held {} MiB at the most",
        most >> 20
    ));
    assert!(most < MOST_MEMORY, "the process held {most} bytes");
}
