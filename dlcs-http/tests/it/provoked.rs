//! What provokes each refusal: the same of most operations, and more of some.

use std::io;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use dlcs_core::CustomerId;
use dlcs_core::derivative::Checksum;
use dlcs_core::request::RequestKey;
use dlcs_http::PeerAddress;
use dlcs_testkit::fake::FakeObject;
use dlcs_testkit::gate::Gate;
use futures_util::stream;
use http::Request;
use http::request::Builder;
use http_body::{Body, Frame};
use http_body_util::{Full, StreamBody};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::app::{Answer, App};
use crate::operations::Operation;
use crate::tenants::Tenants;

/// A body that would do for an image, and says nothing of anything else.
const ORIGIN: &str = r#"{"origin":"https://origin.example/new"}"#;
/// Where somebody guesses secrets.
const GUESSER: PeerAddress =
    PeerAddress(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)));

/// What operations are provoked on.
pub(crate) struct Refusals {
    /// Where everything is there.
    tenants: Tenants,
    /// Where images are not open to everybody, and their sources are kept.
    restricted: Tenants,
}

impl Refusals {
    pub(crate) async fn new() -> Self {
        let (tenants, restricted) = (Tenants::new().await, Tenants::new().await);
        for _ in 0..100 {
            let request = Request::get("/customers/1").extension(GUESSER).header(
                "authorization",
                format!("Basic {}", STANDARD.encode("nobody:guess")),
            );
            send(&tenants.app, request, Full::default()).await;
        }
        let image = tenants.present("/customers/{c}/spaces/{s}/images/{i}");
        let kept = tenants.app.send(
            "PATCH",
            &image,
            r#"{"deliveryChannels":["file","iiif-img","thumbs"]}"#,
        );
        kept.await.json(200);
        let closed = restricted
            .app
            .send("PATCH", &image, r#"{"roles":["staff"]}"#);
        closed.await.json(200);
        Self {
            tenants,
            restricted,
        }
    }

    pub(crate) fn app(&self) -> &App {
        &self.tenants.app
    }
}

async fn send<B>(app: &App, request: Builder, body: B) -> Answer
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: std::error::Error + Send + Sync,
{
    app.call(request.body(body).expect("it is a request")).await
}

fn text(body: impl Into<Bytes>) -> Full<Bytes> {
    Full::new(body.into())
}

/// The operation, asked by an administrator of what is there.
fn asked(tenants: &Tenants, operation: &Operation) -> Builder {
    asked_at(tenants, operation, &operation.present(tenants))
}

fn asked_at(tenants: &Tenants, operation: &Operation, path: &str) -> Builder {
    Request::builder()
        .method(operation.method.as_str())
        .uri(path)
        .header("authorization", tenants.app.authorization())
}

/// The same with a name, if it is one that may have one: so named, it is read whatever it takes.
fn named(tenants: &Tenants, operation: &Operation, name: &str) -> Builder {
    let request = asked(tenants, operation);
    if operation.method == "POST" {
        request.header("idempotency-key", name)
    } else {
        request
    }
}

/// What an operation answers to everything that should provoke a status.
pub(crate) async fn answers(of: &Refusals, operation: &Operation, status: u16) -> Vec<Answer> {
    let tenants = &of.tenants;
    let app = &tenants.app;
    let request = || asked(tenants, operation);
    match status {
        400 => malformed(tenants, operation).await,
        401 if operation.is_delivery() => {
            let request = asked(&of.restricted, operation);
            vec![send(&of.restricted.app, request, text("")).await]
        }
        401 => {
            let path = operation.present(tenants);
            vec![
                app.send_as(None, &operation.method, &path, "").await,
                app.send_as(Some("nobody:guess"), &operation.method, &path, "")
                    .await,
            ]
        }
        404 => missing(tenants, operation).await,
        408 => {
            let late = || Frame::data(Bytes::from_static(b"{"));
            let late = [Ok(late()), Err(io::Error::from(io::ErrorKind::TimedOut))];
            vec![
                send(
                    app,
                    named(tenants, operation, "late"),
                    StreamBody::new(stream::iter(late)),
                )
                .await,
            ]
        }
        409 if operation.method == "POST" => vec![running(tenants, operation).await],
        409 => taken(operation).await.into_iter().collect(),
        413 => {
            let request = named(tenants, operation, "large");
            vec![
                send(
                    app,
                    request.header("content-length", "99999999999"),
                    text(""),
                )
                .await,
            ]
        }
        415 => vec![
            send(
                app,
                request().header("content-encoding", "gzip"),
                text("{}"),
            )
            .await,
        ],
        416 => vec![send(app, request().header("range", "bytes=99999-"), text("")).await],
        422 if operation.method == "POST" => {
            let other = tenants.present("/customers/{c}/queue/batches/{b}/test?first");
            app.call(
                asked_at(tenants, operation, &other)
                    .header("idempotency-key", "reused")
                    .body(text(""))
                    .expect("it is a request"),
            )
            .await;
            vec![send(app, named(tenants, operation, "reused"), text("{}")).await]
        }
        422 => {
            let origin = format!("https://origin.example/{}/text", operation.method);
            app.origin.serve(&origin, FakeObject::new("text"));
            let body = json!({ "origin": origin }).to_string();
            vec![send(app, request(), text(body)).await]
        }
        429 => vec![send(app, request().extension(GUESSER), text("")).await],
        _ => Vec::new(),
    }
}

/// Addresses that are none, and bodies that nobody can read.
async fn malformed(tenants: &Tenants, operation: &Operation) -> Vec<Answer> {
    let mut answers = Vec::new();
    let mut paths = Vec::new();
    if let Some(parameter) = operation.parameters().last() {
        paths.push(operation.with(tenants, parameter, "%zz"));
    }
    if !operation.is_delivery() {
        paths.push(format!("{}?x=%ff", operation.present(tenants)));
    }
    for path in paths {
        answers.push(
            send(
                &tenants.app,
                asked_at(tenants, operation, &path),
                text("{}"),
            )
            .await,
        );
    }
    if operation.answers(408) && operation.takes().is_some() {
        answers.push(send(&tenants.app, asked(tenants, operation), text("{")).await);
    }
    answers
}

/// Each part of the address that names nothing, one after the other.
async fn missing(tenants: &Tenants, operation: &Operation) -> Vec<Answer> {
    let mut parameters = operation.parameters();
    // The last one is chosen by who makes what there is not yet.
    if operation.path.ends_with('}') && operation.answers(201) {
        parameters.pop();
    }
    // A part of a picture that is none is no picture, and an argument that is not asked for is passed over.
    parameters.retain(|it| {
        ![
            "region", "size", "rotation", "quality", "format", "p1", "p2", "p3",
        ]
        .contains(it)
    });
    let mut answers = Vec::new();
    for parameter in parameters {
        let path = operation.missing(tenants, parameter);
        answers.push(
            send(
                &tenants.app,
                asked_at(tenants, operation, &path),
                text(ORIGIN),
            )
            .await,
        );
    }
    answers
}

/// A request of which another one by the same name is being run.
async fn running(tenants: &Tenants, operation: &Operation) -> Answer {
    let path = operation.present(tenants);
    let mut hash = Sha256::new();
    // As the program tells requests apart: where, of what type, called what, and what is in it.
    for part in [path.as_bytes(), b"", b"", &Sha256::digest(b"{}")] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let key = RequestKey {
        customer: CustomerId::FIRST,
        name: format!("running {path}"),
    };
    let fingerprint = Checksum(hash.finalize().into());
    let catalogue = tenants.app.dlcs.catalogue();
    let remembered = catalogue.remember_request(&key, fingerprint).await;
    remembered.expect("memory does not fail");
    send(
        &tenants.app,
        named(tenants, operation, &key.name),
        text("{}"),
    )
    .await
}

/// What is in the way of something that is not posted.
async fn taken(operation: &Operation) -> Option<Answer> {
    let tenants = Tenants::new().await;
    let path = operation.path.trim_start_matches("/customers/{customer}");
    if path.ends_with("images/{image}") {
        return Some(superseded(&tenants, operation).await);
    }
    // What is to be made first, and what then cannot be said.
    let (of, made, said) = match (operation.method.as_str(), path) {
        ("DELETE", _) => ("", Value::Null, Value::Null),
        (_, "/spaces/{space}") => ("spaces", json!({"name": "x"}), json!({"name": "x"})),
        (_, "/originStrategies/{strategy}") => (
            "originStrategies",
            json!({"regex": "x", "strategy": "default"}),
            json!({"regex": "x"}),
        ),
        (_, "/roles/{role}") => ("roles", json!({"name": "x"}), json!({"name": "x"})),
        (_, "/authServices/{service}") => {
            ("authServices", json!({"name": "x"}), json!({"name": "x"}))
        }
        (_, "/defaultDeliveryChannels/{default}") => (
            "defaultDeliveryChannels",
            json!({"channel": "file", "mediaType": "a/b"}),
            json!({"channel": "file", "mediaType": "a/b"}),
        ),
        (_, "/spaces/{space}/defaultDeliveryChannels/{default}") => (
            "spaces/1/defaultDeliveryChannels",
            json!({"channel": "file", "mediaType": "a/b"}),
            json!({"channel": "file", "mediaType": "a/b"}),
        ),
        _ => return None,
    };
    if !of.is_empty() {
        let collection = tenants.present(&format!("/customers/{{c}}/{of}"));
        let made = tenants.app.send("POST", &collection, made.to_string());
        made.await.json(201);
    }
    let request = asked(&tenants, operation);
    Some(send(&tenants.app, request, text(said.to_string())).await)
}

/// A registration during which the image is deleted.
async fn superseded(tenants: &Tenants, operation: &Operation) -> Answer {
    let (app, gate) = (&tenants.app, Gate::new());
    let object = FakeObject::new(crate::app::PICTURE).gated(gate.clone());
    app.origin.serve("https://origin.example/slow", object);
    let body = r#"{"origin":"https://origin.example/slow"}"#;
    let registered = send(app, asked(tenants, operation), text(body));
    let overtaken = async {
        gate.reached().await;
        let image = operation.present(tenants);
        assert_eq!(app.send("DELETE", &image, "").await.status, 204);
        gate.open();
    };
    tokio::join!(registered, overtaken).0
}
