//! A client that asks one thing at a time; the load comes from `wrk`.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use crate::Result;

/// An answer whose status says that it went well.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// Asks, and takes any status.
pub(crate) fn ask(port: u16, method: &str, path: &str, key: &str, body: &str) -> Result<Answer> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(Duration::from_secs(900)))?;
    let authorisation = if key.is_empty() {
        String::new()
    } else {
        format!("Authorization: Basic {key}\r\n")
    };
    let length = body.len();
    // The older version: nothing is sent in chunks then.
    let request = format!(
        "{method} {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n{authorisation}Content-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let end = answer
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .ok_or("the answer has no head")?;
    let head = std::str::from_utf8(&answer[..end])?;
    let status = head.split(' ').nth(1).ok_or("the answer has no status")?;
    Ok(Answer {
        status: status.parse()?,
        body: answer.split_off(end + 4),
    })
}

/// Gets something that is there.
pub(crate) fn get(port: u16, path: &str) -> Result<Vec<u8>> {
    let answer = ask(port, "GET", path, "", "")?;
    if answer.status == 200 {
        return Ok(answer.body);
    }
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    Err(format!("GET {path}: {}: {text}", answer.status).into())
}
