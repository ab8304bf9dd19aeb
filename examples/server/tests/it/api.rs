//! A client of the API, and origins whose hosts differ.

use std::time::{Duration, Instant};

use dlcs_testkit::server::HttpServer;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use crate::program::Program;

const KEY: &str = "queue";
const SECRET: &str = "not-so-secret";
const PATIENCE: Duration = Duration::from_secs(120);

/// A client with the first key.
pub(crate) struct Api {
    pub(crate) client: Client,
}

impl Api {
    pub(crate) fn new() -> Self {
        let client = Client::builder().timeout(PATIENCE).build().unwrap();
        Self { client }
    }

    /// What a program is started with, and these flags.
    pub(crate) fn flags(more: &[&str]) -> Vec<String> {
        let first = ["--admin-key", KEY, "--admin-secret", SECRET];
        let all = [&first[..], &["--allow-private", "127.0.0.0/8"], more].concat();
        all.iter().map(|flag| (*flag).to_owned()).collect()
    }

    /// Makes a customer with one space; its number.
    pub(crate) async fn customer(&self, program: &Program, name: &str) -> u64 {
        let customer = self
            .post(program, "/customers", &json!({ "name": name }))
            .await;
        let id = customer["@id"].as_str().unwrap();
        let number = id.rsplit('/').next().unwrap().parse().unwrap();
        let spaces = format!("/customers/{number}/spaces");
        self.post(program, &spaces, &json!({ "name": "first" }))
            .await;
        number
    }

    /// Submits images with these ids and origins to a queue (`/customers/1/queue`); the path of the batch once it is acknowledged.
    pub(crate) async fn submit(
        &self,
        program: &Program,
        queue: &str,
        members: &[(String, String)],
    ) -> String {
        let members: Vec<_> = members
            .iter()
            .map(|(id, origin)| json!({ "space": 1, "id": id, "origin": origin }))
            .collect();
        let body = json!({ "@type": "Collection", "member": members });
        let batch = self.post(program, queue, &body).await;
        let id = batch["@id"].as_str().unwrap();
        id[id.find("/customers").unwrap()..].to_owned()
    }

    async fn post(&self, program: &Program, path: &str, body: &Value) -> Value {
        let post = self.client.post(program.at(path));
        let post = post.basic_auth(KEY, Some(SECRET)).body(body.to_string());
        let answer = post.send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert_eq!(status, StatusCode::CREATED, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Registers an image at once.
    pub(crate) fn put(&self, program: &Program, id: &str, origin: &str) -> reqwest::RequestBuilder {
        let put = self
            .client
            .put(program.at(&format!("/customers/1/spaces/1/images/{id}")));
        let put = put.basic_auth(KEY, Some(SECRET));
        put.body(json!({ "origin": origin }).to_string())
    }

    pub(crate) async fn get(&self, program: &Program, path: &str) -> Value {
        let get = self.client.get(program.at(path));
        let answer = get.basic_auth(KEY, Some(SECRET)).send().await.unwrap();
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    }

    /// Waits until a batch has finished, and returns how many images of it are completed and how many have failed.
    pub(crate) async fn finished(&self, program: &Program, batch: &str) -> (u64, u64) {
        let is_over = |batch: &Value| batch.get("finished").is_some();
        let batch = self.until(program, batch, is_over).await;
        let number = |name: &str| batch[name].as_u64().unwrap();
        (number("completed"), number("errors"))
    }

    /// Waits until so many images of a batch are completed.
    pub(crate) async fn completed(&self, program: &Program, batch: &str, images: u64) {
        let are = |batch: &Value| batch["completed"].as_u64() >= Some(images);
        self.until(program, batch, are).await;
    }

    async fn until(&self, program: &Program, path: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let said = self.get(program, path).await;
            if is_so(&said) {
                return said;
            }
            assert!(begun.elapsed() < PATIENCE, "{said}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// The images `{name}-0`, `{name}-1`, … with origins at a server that answers for `/{name}-0.jpg`, `/{name}-1.jpg`, …
pub(crate) fn members(
    server: &HttpServer,
    name: &str,
    count: usize,
    reply: &dlcs_testkit::server::Reply,
) -> Vec<(String, String)> {
    (0..count)
        .map(|number| {
            let id = format!("{name}-{number}");
            let origin = server.route(&format!("/{id}.jpg"), reply.clone());
            (id, origin.into())
        })
        .collect()
}

/// What was asked of a server so far that begins so, in order.
pub(crate) fn asked(server: &HttpServer, start: &str) -> Vec<String> {
    let requests = server.requests().into_iter();
    let targets = requests.map(|request| request.target);
    targets.filter(|target| target.starts_with(start)).collect()
}

/// Waits until it is so.
pub(crate) async fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "{what}: not in time");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
