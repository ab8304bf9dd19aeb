//! What a loopback HTTP origin answers.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::{Stream, stream};
use http_body_util::StreamBody;
use hyper::Response;
use hyper::body::Frame;
use hyper::header::CONTENT_LENGTH;
use tokio::net::TcpStream;

use crate::gate::Gate;

/// The body of an answer, on its way.
pub(super) type Body = StreamBody<Pin<Box<dyn Stream<Item = io::Result<Frame<Bytes>>> + Send>>>;

/// What the server says where it has nothing better to say: no error may repeat it.
const TEXT: &[u8] = b"canary-text-of-the-origin";

/// What to answer to a request.
#[derive(Debug, Clone)]
#[must_use]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Bytes,
    has_length: bool,
    gate_before: Option<Gate>,
    gate_within: Option<(usize, Gate)>,
    breaks_at: Option<usize>,
    resets: bool,
    drip: Option<(usize, Duration)>,
    authorization: Option<String>,
}

impl Reply {
    /// Status 200 with these bytes.
    pub fn bytes(body: impl Into<Bytes>) -> Self {
        Self {
            status: 200,
            headers: Vec::new(),
            body: body.into(),
            has_length: true,
            gate_before: None,
            gate_within: None,
            breaks_at: None,
            resets: false,
            drip: None,
            authorization: None,
        }
    }

    /// A status with a short text.
    pub fn status(status: u16) -> Self {
        Self {
            status,
            ..Self::bytes(TEXT)
        }
    }

    /// A status with a text of its own.
    pub fn error(status: u16, text: impl Into<Bytes>) -> Self {
        Self {
            status,
            ..Self::bytes(text)
        }
    }

    /// Status 206 with the bytes of a whole from one on.
    pub fn part(whole: impl Into<Bytes>, first: usize) -> Self {
        let whole = whole.into();
        let length = whole.len();
        let range = format!("bytes {first}-{}/{length}", length.saturating_sub(1));
        Self {
            status: 206,
            ..Self::bytes(whole.slice(first..))
        }
        .with_header("content-range", range)
    }

    /// A redirect.
    pub fn redirect(status: u16, location: impl Into<String>) -> Self {
        Self::status(status).with_header("location", location)
    }

    /// Adds a header.
    pub fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Leaves out the length, so that the body comes in chunks.
    pub fn without_length(mut self) -> Self {
        self.has_length = false;
        self
    }

    /// Says nothing until the gate opens.
    pub fn gated(mut self, gate: Gate) -> Self {
        self.gate_before = Some(gate);
        self
    }

    /// Stops after so many bytes until the gate opens.
    pub fn gated_at(mut self, bytes: usize, gate: Gate) -> Self {
        self.gate_within = Some((bytes, gate));
        self
    }

    /// Closes the connection after so many bytes.
    pub fn breaking_at(mut self, bytes: usize) -> Self {
        self.breaks_at = Some(bytes);
        self
    }

    /// Cuts the connection after so many bytes, as a machine that crashes does.
    pub fn resetting_at(mut self, bytes: usize) -> Self {
        self.resets = true;
        self.breaking_at(bytes)
    }

    /// Sends so many bytes at a time, with pauses.
    pub fn dripping(mut self, bytes: usize, pause: Duration) -> Self {
        self.drip = Some((bytes.max(1), pause));
        self
    }

    /// Answers only to this user and password, and 401 to others.
    pub fn protected_by(mut self, user: &str, password: &str) -> Self {
        let token = STANDARD.encode(format!("{user}:{password}"));
        self.authorization = Some(format!("Basic {token}"));
        self
    }

    /// Whether a request may have this answer.
    pub(super) fn admits(&self, authorization: Option<&str>) -> bool {
        self.authorization.is_none() || self.authorization.as_deref() == authorization
    }

    /// Waits until the answer may begin.
    pub(super) async fn begin(&self) {
        if let Some(gate) = &self.gate_before {
            gate.pass().await;
        }
    }

    pub(super) fn into_response(self, connection: Arc<TcpStream>) -> Response<Body> {
        let mut response = Response::builder().status(self.status);
        if self.has_length {
            response = response.header(CONTENT_LENGTH, self.body.len());
        }
        for (name, value) in &self.headers {
            response = response.header(name, value);
        }
        response
            .body(StreamBody::new(Box::pin(self.into_frames(connection)) as _))
            .expect("a test gives headers that can be sent")
    }

    fn into_frames(
        self,
        connection: Arc<TcpStream>,
    ) -> impl Stream<Item = io::Result<Frame<Bytes>>> + Send {
        let connection = self.resets.then_some(connection);
        let breaks = self.breaks_at.is_some();
        let end = self.breaks_at.unwrap_or(usize::MAX).min(self.body.len());
        let (step, pause) = self.drip.unwrap_or((1 << 16, Duration::ZERO));
        let (body, gate) = (self.body, self.gate_within);
        stream::unfold(Some(0), move |at| {
            let (body, gate, connection) = (body.clone(), gate.clone(), connection.clone());
            async move {
                let at = at?;
                if at == end && breaks {
                    // What was sent leaves before the connection does.
                    tokio::task::yield_now().await;
                    if let Some(connection) = connection {
                        // What closes without lingering is reset.
                        let _ = connection.set_zero_linger();
                    }
                    return Some((Err(io::ErrorKind::ConnectionAborted.into()), None));
                }
                if at == end {
                    return None;
                }
                let mut next = end.min(at + step);
                match gate {
                    Some((stop, gate)) if stop == at => gate.pass().await,
                    Some((stop, _)) if stop > at => next = next.min(stop),
                    _ => {}
                }
                if at > 0 && !pause.is_zero() {
                    tokio::time::sleep(pause).await;
                }
                Some((Ok(Frame::data(body.slice(at..next))), Some(next)))
            }
        })
    }
}
