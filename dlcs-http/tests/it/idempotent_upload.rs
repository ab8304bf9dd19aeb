//! `Idempotency-Key` on bytes that are too many to be held: they are stored as they come, and what is posted again takes effect once.

use std::convert::Infallible;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use dlcs_core::derivative::{DerivativeBody, DerivativeKey, DerivativeStore, Result, StoredObject};
use dlcs_core::memory::MemoryDerivatives;
use dlcs_http::DlcsServiceBuilder;
use futures_util::future::join;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use http::{Method, Request};
use http_body::{Body, Frame};
use http_body_util::{Full, StreamBody};

use crate::app::{Answer, App, PICTURE};

const IMAGES: &str = "/customers/1/spaces/1/images";
const RAW: &str = "image/tiff";
const FORM: &str = "multipart/form-data; boundary=edge";
/// As much as a connection hands over at once.
const CHUNK: usize = 64 << 10;

async fn post<B>(app: &App, key: &str, path: &str, kind: &str, body: B) -> Answer
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: std::error::Error + Send + Sync,
{
    let request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header("authorization", app.authorization())
        .header("idempotency-key", key)
        .header("content-type", kind)
        .body(body);
    app.call(request.expect("a test gives a request")).await
}

fn whole(bytes: &str) -> Full<Bytes> {
    Full::from(bytes.to_owned())
}

/// A form with a picture, and something behind it.
fn form(picture: &str) -> String {
    let head = "Content-Disposition: form-data; name=\"file\"";
    format!("--edge\r\n{head}\r\n\r\n{picture}\r\n--edge--\r\nwhat comes after it")
}

async fn images(app: &App) -> u64 {
    let listed = app.get(IMAGES).await.json(200);
    listed["totalItems"].as_u64().expect("a number")
}

async fn stored(app: &App) -> Vec<DerivativeKey> {
    let keys = app.dlcs.derivatives().list().await;
    keys.expect("memory does not fail")
}

#[tokio::test]
async fn bytes_that_are_posted_again_are_answered_as_they_were_and_registered_once() {
    let (own, given) = (format!("{IMAGES}/own"), format!("{IMAGES}?id=given"));
    for path in [IMAGES, &own, &given] {
        for (kind, body, other) in [
            (RAW, PICTURE.to_owned(), "IMAGE 900 1200".to_owned()),
            (FORM, form(PICTURE), form("IMAGE 900 1200")),
            // No image: the record is kept, and so is the answer.
            (RAW, "no picture".to_owned(), "none either".to_owned()),
        ] {
            let app = App::new().await;
            let first = post(&app, "k", path, kind, whole(&body)).await;
            let expected = if body == "no picture" { 422 } else { 201 };
            assert_eq!(first.status, expected, "{}", first.text());
            let before = stored(&app).await;
            let again = post(&app, "k", path, kind, whole(&body)).await;
            assert_eq!(again.header("idempotency-replayed"), "true", "{path}");
            assert_eq!(again.status, first.status);
            assert_eq!(again.body, first.body);
            assert_eq!(again.header("location"), first.header("location"));
            for (kind, body) in [(kind, other.as_str()), (RAW, "IMAGE 1 1"), ("x/x", "{}")] {
                let refused = post(&app, "k", path, kind, whole(body)).await;
                let said = refused.json(422)["type"].clone();
                assert_eq!(said, "https://api.example.org/docs/errors/key-reused");
            }
            assert_eq!(images(&app).await, 1, "{path} as {kind}");
            assert_eq!(stored(&app).await, before, "nothing new is stored");
        }
    }
}

#[tokio::test]
async fn the_place_that_a_client_asks_for_tells_requests_apart() {
    let app = App::new().await;
    let ask = async |slug: &str| {
        let request = Request::post(IMAGES)
            .header("authorization", app.authorization())
            .header("idempotency-key", "k")
            .header("content-type", RAW)
            .header("slug", slug)
            .body(whole(PICTURE));
        app.call(request.expect("a test gives a request")).await
    };
    let first = ask("a").await.json(201);
    assert_eq!(ask("a").await.json(201), first);
    assert_eq!(ask("b").await.status, 422);
}

#[tokio::test]
async fn a_refusal_of_bytes_is_repeated() {
    let app = App::new().await;
    let raw = format!("{IMAGES}?number1=many");
    let nowhere = "/customers/1/spaces/9/images".to_owned();
    for (path, status, kind, body, other) in [
        (raw, 400, RAW, PICTURE.to_owned(), "other".to_owned()),
        (nowhere, 404, FORM, form(PICTURE), form("other")),
    ] {
        let first = post(&app, kind, &path, kind, whole(&body)).await;
        assert_eq!(first.status, status, "{}", first.text());
        let again = post(&app, kind, &path, kind, whole(&body)).await;
        assert_eq!((again.status, &again.body), (first.status, &first.body));
        let changed = post(&app, kind, &path, kind, whole(&other)).await;
        assert_eq!(changed.status, 422, "{kind}");
        assert_eq!(stored(&app).await, []);
    }
}

#[tokio::test]
async fn bytes_that_did_not_arrive_leave_their_key_free() {
    for (key, kind, body) in [
        ("raw", RAW, PICTURE.to_owned()),
        ("form", FORM, form(PICTURE)),
    ] {
        let build = |builder: DlcsServiceBuilder| builder.with_upload_limit(1000);
        let app = App::with(Default::default(), build).await;
        let frames = [
            Ok(Frame::data(Bytes::from(body.clone()))),
            Err(io::Error::from(io::ErrorKind::ConnectionReset)),
        ];
        let broken = post(
            &app,
            key,
            IMAGES,
            kind,
            StreamBody::new(stream::iter(frames)),
        )
        .await;
        assert_eq!(broken.status, 400, "{}", broken.text());
        let large = post(&app, key, IMAGES, kind, whole(&"x".repeat(1001))).await;
        assert_eq!(large.status, 413);
        assert_eq!(stored(&app).await, []);
        post(&app, key, IMAGES, kind, whole(&body)).await.json(201);
    }
}

#[tokio::test]
async fn of_bytes_that_are_posted_twice_at_once_one_is_registered() {
    let app = App::new().await;
    let ask = || post(&app, "k", IMAGES, RAW, whole(PICTURE));
    let (one, other) = join(ask(), ask()).await;
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert!([[201, 201], [201, 409]].contains(&statuses), "{statuses:?}");
    assert_eq!(images(&app).await, 1);
}

#[tokio::test]
async fn it_does_not_matter_in_which_pieces_a_form_comes() {
    let app = App::new().await;
    let body = Bytes::from(form(PICTURE));
    let mut answers = Vec::new();
    for size in [body.len(), 1, 7] {
        let frames: Vec<_> = body
            .chunks(size)
            .map(|chunk| Ok::<_, Infallible>(Frame::data(body.slice_ref(chunk))))
            .collect();
        let body = StreamBody::new(stream::iter(frames));
        answers.push(post(&app, "k", IMAGES, FORM, body).await.json(201));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1);
}

/// A store that counts what has been put into it, also of what has not come to its end.
#[derive(Debug)]
struct Counting {
    store: MemoryDerivatives,
    taken: Arc<AtomicUsize>,
}

#[async_trait]
impl DerivativeStore for Counting {
    async fn put(&self, key: &DerivativeKey, body: DerivativeBody) -> Result<u64> {
        let taken = Arc::clone(&self.taken);
        let body = body.inspect_ok(move |bytes| {
            taken.fetch_add(bytes.len(), Ordering::Relaxed);
        });
        self.store.put(key, body.boxed()).await
    }

    async fn get_range(&self, key: &DerivativeKey, range: Range<u64>) -> Result<Bytes> {
        self.store.get_range(key, range).await
    }

    async fn length(&self, key: &DerivativeKey) -> Result<u64> {
        self.store.length(key).await
    }

    async fn delete(&self, key: &DerivativeKey) -> Result<()> {
        self.store.delete(key).await
    }

    fn scan(&self) -> BoxStream<'_, Result<StoredObject>> {
        self.store.scan()
    }
}

#[tokio::test]
async fn bytes_beyond_the_limit_of_json_go_to_the_store_as_they_come() {
    let whole_form = form("");
    let (start, end) = whole_form.split_once("\r\n--edge--").expect("it ends");
    let end = format!("\r\n--edge--{end}");
    let nothing_made = format!("{IMAGES}?deliveryChannels=none");
    for (path, status, kind, start, end) in [
        (nothing_made.as_str(), 201, RAW, "", ""),
        (IMAGES, 422, FORM, start, &end),
    ] {
        let taken = Arc::new(AtomicUsize::new(0));
        let store = Counting {
            store: MemoryDerivatives::new(),
            taken: Arc::clone(&taken),
        };
        let app = App::assemble(
            Default::default(),
            |builder| builder.with_body_limit(CHUNK as u64),
            store,
        )
        .await;
        let body = || {
            let before = taken.load(Ordering::Relaxed);
            let taken = Arc::clone(&taken);
            let middle = stream::iter(0..200_usize).map(move |count| {
                let here = taken.load(Ordering::Relaxed) - before;
                // One chunk may be on its way through a form.
                assert!(here + 2 * CHUNK >= count * CHUNK, "{here} after {count}");
                Bytes::from(vec![b'x'; CHUNK])
            });
            let edge = |text: &str| stream::iter([Bytes::from(text.to_owned())]);
            let all = edge(start).chain(middle).chain(edge(end));
            StreamBody::new(all.map(|bytes| Ok::<_, Infallible>(Frame::data(bytes))))
        };
        let first = post(&app, "k", path, kind, body()).await;
        assert_eq!(first.status, status, "{}", first.text());
        let before = stored(&app).await;
        let again = post(&app, "k", path, kind, body()).await;
        assert_eq!((again.status, &again.body), (first.status, &first.body));
        assert_eq!(stored(&app).await, before);
        assert_eq!(images(&app).await, 1);
    }
}
