//! A few images to register, and the objects that come of them.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dlcs_testkit::server::HttpServer;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use crate::photograph::tiny;
use crate::program::Program;

const KEY: &str = "library";
const SECRET: &str = "not-so-secret";
const PATIENCE: Duration = Duration::from_secs(60);

/// An origin with images, and a client of programs that may fetch from it.
pub(crate) struct Library {
    origin: HttpServer,
    pub(crate) client: Client,
}

impl Library {
    pub(crate) async fn open() -> Self {
        let origin = HttpServer::start().await;
        for version in 0..4 {
            origin.serve(&format!("/{version}.jpg"), tiny(version).file);
        }
        let client = Client::builder().timeout(PATIENCE).build().unwrap();
        Self { origin, client }
    }

    /// What a program is started with.
    pub(crate) const fn flags() -> [&'static str; 6] {
        [
            "--allow-private",
            "127.0.0.0/8",
            "--admin-key",
            KEY,
            "--admin-secret",
            SECRET,
        ]
    }

    fn origin_of(&self, number: usize) -> String {
        let origin = self.origin.url(&format!("/{}.jpg", number % 4));
        origin.as_str().to_owned()
    }

    /// Registers an image at once.
    pub(crate) async fn register(&self, program: &Program, id: &str, number: usize) {
        let url = program.at(&format!("/customers/1/spaces/1/images/{id}"));
        let body = json!({ "origin": self.origin_of(number) }).to_string();
        let put = self.client.put(url).basic_auth(KEY, Some(SECRET));
        let answer = put.body(body).send().await.unwrap();
        assert!(answer.status().is_success(), "{id}: {}", answer.status());
    }

    /// Sends the bytes of an image.
    pub(crate) async fn send(&self, program: &Program, id: &str) {
        let url = program.at(&format!("/customers/1/spaces/1/images/{id}"));
        let put = self.client.put(url).basic_auth(KEY, Some(SECRET));
        let put = put.header("content-type", "image/jpeg").body(tiny(1).file);
        let status = put.send().await.unwrap().status();
        assert_eq!(status, StatusCode::CREATED, "{id}");
    }

    /// Submits images of these names as a batch; returns its path once it is acknowledged.
    pub(crate) async fn submit(&self, program: &Program, ids: &[String]) -> String {
        let members: Vec<_> = ids
            .iter()
            .enumerate()
            .map(|(number, id)| json!({ "space": 1, "id": id, "origin": self.origin_of(number) }))
            .collect();
        let body = json!({ "@type": "Collection", "member": members }).to_string();
        let post = self.client.post(program.at("/customers/1/queue"));
        let post = post.basic_auth(KEY, Some(SECRET)).body(body);
        let answer = post.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::CREATED);
        let batch: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        let id = batch["@id"].as_str().unwrap();
        id[id.find("/customers").unwrap()..].to_owned()
    }

    pub(crate) async fn get(&self, program: &Program, path: &str) -> Value {
        let get = self.client.get(program.at(path));
        let answer = get.basic_auth(KEY, Some(SECRET)).send().await.unwrap();
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    }

    /// Posts JSON.
    pub(crate) async fn post(&self, program: &Program, path: &str, body: &Value) -> StatusCode {
        let post = self.client.post(program.at(path));
        let post = post.basic_auth(KEY, Some(SECRET)).body(body.to_string());
        post.send().await.unwrap().status()
    }

    /// Registers an image whose origin strategy has these credentials, and checks that the origin is given them.
    pub(crate) async fn register_protected(
        &self,
        program: &Program,
        id: &str,
        user: &str,
        password: &str,
    ) {
        let origin = self.origin.serve("/protected/1.jpg", tiny(1).file);
        let url = program.at(&format!("/customers/1/spaces/1/images/{id}"));
        let put = self.client.put(url).basic_auth(KEY, Some(SECRET));
        let body = json!({ "origin": origin.as_str() }).to_string();
        let answer = put.body(body).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::CREATED);
        let expected = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
        let requests = self.origin.requests();
        let given = requests
            .iter()
            .filter(|request| request.target == "/protected/1.jpg")
            .any(|request| request.header("authorization") == Some(expected.as_str()));
        assert!(given, "the origin was not given the credentials");
    }

    /// Waits until nothing is in the queue.
    pub(crate) async fn drained(&self, program: &Program) {
        let begun = Instant::now();
        loop {
            let queue = self.get(program, "/customers/1/queue").await;
            if queue["size"] == json!(0) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{queue}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Asks for the whole image, and checks that it is one.
    pub(crate) async fn assert_served(&self, program: &Program, id: &str) {
        let url = program.at(&format!("/iiif-img/v3/1/1/{id}/full/max/0/default.jpg"));
        let answer = self.client.get(url).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{id}");
        let pixels = crate::photograph::decode_jpeg(&answer.bytes().await.unwrap());
        assert!(pixels.is_ok(), "{id}: {pixels:?}");
    }
}

/// The files of derivatives below a directory, in order.
pub(crate) fn objects(below: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![below.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "tif") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Changes one bit in the middle of a file.
pub(crate) fn flip(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(path, bytes).unwrap();
}
