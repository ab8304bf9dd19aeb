//! A server of the S3 protocol over a directory, in this process, which some objects and some requests stop or break.
#![expect(clippy::unwrap_used, reason = "a test stops at what goes wrong")]

use std::collections::HashMap;
use std::fs;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use dlcs_core::origin::{OriginAccess, S3Credentials, Secret};
use dlcs_testkit::Gate;
use futures_util::{Stream, StreamExt, stream};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3Result, s3_error};
use s3s_fs::FileSystem;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use url::Url;

pub(crate) const KEY_ID: &str = "canary-key-id";
pub(crate) const SECRET: &str = "canary-secret";

/// The bucket that anybody may read, and the one that needs credentials.
pub(crate) const OPEN: &str = "open";
pub(crate) const CLOSED: &str = "closed";

type Failure = Box<dyn std::error::Error + Send + Sync>;
type Body = StreamBody<Pin<Box<dyn Stream<Item = Result<Frame<Bytes>, Failure>> + Send>>>;

/// What happens to the bytes of an object on their way.
#[derive(Clone)]
pub(crate) enum Fault {
    /// After so many bytes of the object the connection breaks, every time.
    BreaksAt(usize),
    /// After so many bytes of an answer the connection breaks, the first so many times.
    BreaksTimes(usize, usize),
    /// Nothing comes until the gate opens.
    Silent(Gate),
    /// After so many bytes nothing comes until the gate opens.
    Stops(usize, Gate),
}

/// What the server does wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Wants to be asked less.
    Busy,
    /// Has no room.
    Full,
    /// Breaks the connection instead of doing anything.
    Cut,
    /// Does it, and breaks the connection instead of saying so.
    LosesTheAnswer,
}

/// A trouble of the next requests of one kind.
struct Troubled {
    method: &'static str,
    /// A part of the path or the query.
    target: &'static str,
    trouble: Trouble,
    times: usize,
}

#[derive(Default)]
struct State {
    faults: HashMap<String, Fault>,
    troubled: Vec<Troubled>,
    requests: Vec<String>,
}

impl State {
    /// The trouble of a request, which is noted.
    fn trouble(&mut self, method: &str, target: &str) -> Option<Trouble> {
        self.requests.push(format!("{method} {target}"));
        let troubled = self.troubled.iter_mut().find(|troubled| {
            troubled.times > 0 && troubled.method == method && target.contains(troubled.target)
        })?;
        troubled.times -= 1;
        Some(troubled.trouble)
    }
}

/// The server, on a free port of the loopback interface for as long as the value lives.
pub(crate) struct S3Server {
    directory: tempfile::TempDir,
    pub(crate) endpoint: Url,
    state: Arc<Mutex<State>>,
    /// How many unfinished objects have been given up.
    given_up: watch::Sender<usize>,
    accepting: AbortHandle,
}

/// Anybody may read one bucket; the other needs credentials that are known, and there are no more.
struct OneOpenBucket;

#[async_trait::async_trait]
impl S3Access for OneOpenBucket {
    async fn check(&self, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
        let bucket = cx.s3_path().get_bucket_name();
        if bucket.is_some_and(|bucket| ![OPEN, CLOSED].contains(&bucket)) {
            return Err(s3_error!(NoSuchBucket, "canary-text-of-the-origin"));
        }
        if cx.credentials().is_some() || bucket == Some(OPEN) {
            return Ok(());
        }
        Err(s3_error!(AccessDenied, "canary-text-of-the-origin"))
    }
}

impl S3Server {
    pub(crate) async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        for bucket in [OPEN, CLOSED] {
            fs::create_dir(directory.path().join(bucket)).unwrap();
        }
        let mut builder = S3ServiceBuilder::new(FileSystem::new(directory.path()).unwrap());
        builder.set_auth(SimpleAuth::from_single(KEY_ID, SECRET));
        builder.set_access(OneOpenBucket);
        let service = builder.build();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::default();
        let given_up = watch::Sender::new(0);
        let accepting = accept(listener, service, Arc::clone(&state), given_up.clone());
        let accepting = tokio::spawn(accepting);
        Self {
            directory,
            endpoint: Url::parse(&format!("http://{address}")).unwrap(),
            state,
            given_up,
            accepting: accepting.abort_handle(),
        }
    }

    /// Puts an object, and returns its address.
    pub(crate) fn put(&self, bucket: &str, key: &str, bytes: &[u8]) -> Url {
        let file = self.directory.path().join(bucket).join(key);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, bytes).unwrap();
        let mut url = Url::parse(&format!("s3://{bucket}/")).unwrap();
        url.path_segments_mut()
            .unwrap()
            .pop()
            .extend(key.split('/'));
        url
    }

    /// Puts an object in the open bucket that does not arrive as it should.
    pub(crate) fn put_faulty(&self, key: &str, bytes: &[u8], fault: Fault) -> Url {
        self.fault(&format!("/{OPEN}/{key}"), fault);
        self.put(OPEN, key, bytes)
    }

    /// Has this trouble with so many of the next requests of a method whose target has this part.
    pub(crate) fn trouble(
        &self,
        (method, target): (&'static str, &'static str),
        trouble: Trouble,
        times: usize,
    ) {
        self.state.lock().unwrap().troubled.push(Troubled {
            method,
            target,
            trouble,
            times,
        });
    }

    /// Takes the requests that came since the last time: methods and targets.
    pub(crate) fn take_requests(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().requests)
    }

    /// Lets the answers for a path come as the fault says.
    pub(crate) fn fault(&self, path: &str, fault: Fault) {
        let path = path.to_owned();
        self.state.lock().unwrap().faults.insert(path, fault);
    }

    /// Waits until so many unfinished objects have been given up.
    pub(crate) async fn gives_up(&self, number: usize) {
        let mut given_up = self.given_up.subscribe();
        let waiting = given_up.wait_for(|given_up| *given_up >= number);
        let waited = tokio::time::timeout(Duration::from_secs(30), waiting).await;
        waited.expect("it is given up").unwrap();
    }

    /// The objects that have been begun and neither finished nor given up, and their parts.
    pub(crate) fn unfinished(&self) -> Vec<String> {
        let entries = fs::read_dir(self.directory.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with(".upload")).collect()
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// An access with credentials of its own.
pub(crate) fn keys(key_id: &str, secret: &str) -> OriginAccess {
    OriginAccess::S3Ambient(Some(S3Credentials {
        access_key_id: key_id.to_owned(),
        secret_access_key: Secret::new(secret),
        session_token: None,
        region: None,
        endpoint: None,
    }))
}

async fn accept(
    listener: TcpListener,
    service: S3Service,
    state: Arc<Mutex<State>>,
    given_up: watch::Sender<usize>,
) {
    let mut connections = JoinSet::new();
    while let Ok((socket, _)) = listener.accept().await {
        let (service, state, given_up) = (service.clone(), Arc::clone(&state), given_up.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            let (service, state, given_up) =
                (service.clone(), Arc::clone(&state), given_up.clone());
            async move {
                let target = request.uri().query().unwrap_or_default();
                let gives_up = request.method() == "DELETE" && target.contains("uploadId=");
                let answer = answer(service, state, request).await;
                if gives_up {
                    given_up.send_modify(|given_up| *given_up += 1);
                }
                answer
            }
        });
        connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(socket), service));
        while connections.try_join_next().is_some() {}
    }
}

async fn answer(
    service: S3Service,
    state: Arc<Mutex<State>>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Failure> {
    let (fault, trouble) = {
        let mut state = state.lock().unwrap();
        let target = request.uri().path_and_query().unwrap().as_str();
        let trouble = state.trouble(request.method().as_str(), target);
        (next_fault(&mut state.faults, request.uri().path()), trouble)
    };
    match trouble {
        Some(Trouble::Busy) => return refuse(request, 503, "SlowDown").await,
        Some(Trouble::Full) => return refuse(request, 507, "XMinioStorageFull").await,
        Some(Trouble::Cut) => return Err("cut".into()),
        _ => {}
    }
    let range = request
        .headers()
        .get("range")
        .and_then(|it| it.to_str().ok());
    let first = range
        .and_then(|range| {
            range
                .strip_prefix("bytes=")?
                .split('-')
                .next()?
                .parse()
                .ok()
        })
        .unwrap_or(0);
    if let Some(Fault::Silent(gate)) = &fault {
        gate.pass().await;
    }
    let response = Service::call(&service, request).await;
    let response = response.map_err(|error| format!("{error:?}"))?;
    if trouble == Some(Trouble::LosesTheAnswer) {
        // Some answers say while they come what came of the request.
        let _ = BodyExt::collect(response.into_body()).await;
        return Err("lost".into());
    }
    Ok(response.map(|body| {
        let bytes = body.into_data_stream();
        let bytes = bytes.map(|bytes| bytes.map_err(|error| error.to_string().into()));
        StreamBody::new(Box::pin(through(bytes, fault, first)) as _)
    }))
}

/// Refuses a request, once all of it has come.
async fn refuse(
    request: Request<Incoming>,
    status: u16,
    code: &str,
) -> Result<Response<Body>, Failure> {
    request.into_body().collect().await?;
    let text = format!("<Error><Code>{code}</Code><Message>canary</Message></Error>");
    let body = stream::once(async { Ok(Frame::data(Bytes::from(text))) });
    let body: Body = StreamBody::new(Box::pin(body));
    Ok(Response::builder().status(status).body(body)?)
}

/// The fault of an object for the present answer.
fn next_fault(faults: &mut HashMap<String, Fault>, path: &str) -> Option<Fault> {
    let fault = faults.get_mut(path)?;
    if let Fault::BreaksTimes(_, times) = fault {
        *times = times.checked_sub(1)?;
    }
    Some(fault.clone())
}

/// Lets bytes through as far as the fault allows; `first` is the place of the first one in the object.
fn through(
    bytes: impl Stream<Item = Result<Bytes, Failure>> + Send,
    fault: Option<Fault>,
    first: usize,
) -> impl Stream<Item = Result<Frame<Bytes>, Failure>> + Send {
    let end = match &fault {
        Some(Fault::BreaksAt(end)) => end.saturating_sub(first),
        Some(Fault::BreaksTimes(end, _) | Fault::Stops(end, _)) => *end,
        _ => usize::MAX,
    };
    stream::unfold(
        (Box::pin(bytes), 0, Bytes::new()),
        move |(mut bytes, sent, kept)| {
            let fault = fault.clone();
            async move {
                if sent >= end {
                    match fault {
                        Some(Fault::Stops(_, gate)) => gate.pass().await,
                        _ => {
                            // What was sent leaves before the connection does.
                            tokio::task::yield_now().await;
                            let broken = Err(Failure::from("broken"));
                            return Some((broken, (bytes, 0, Bytes::new())));
                        }
                    }
                }
                let chunk = if kept.is_empty() {
                    bytes.next().await?
                } else {
                    Ok(kept)
                };
                let mut chunk = match chunk {
                    Ok(chunk) => chunk,
                    Err(error) => return Some((Err(error), (bytes, sent, Bytes::new()))),
                };
                let kept = if sent < end && chunk.len() > end - sent {
                    chunk.split_off(end - sent)
                } else {
                    Bytes::new()
                };
                let sent = sent + chunk.len();
                Some((Ok(Frame::data(chunk)), (bytes, sent, kept)))
            }
        },
    )
}
