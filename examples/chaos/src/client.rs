//! A client of the API that tells apart what it knows of its requests.

use std::time::Duration;

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::Result;
use crate::ledger::{Kind, Name, Outcome, Version};
use crate::picture;
use crate::program::{KEY, SECRET};
use crate::random::Random;

/// How long an answer may take: longer than a server under a debugger needs, or a lease.
const PATIENCE: Duration = Duration::from_secs(30);

/// What came back.
#[derive(Debug)]
pub(crate) enum Answer {
    /// Nobody listened, so nothing was sent.
    Unsent,
    /// The connection ended before the answer did.
    Broken,
    Whole(Response),
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    pub(crate) has_retry_after: bool,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn json(&self) -> Result<Value> {
        Ok(serde_json::from_slice(&self.body)?)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A request that changes something.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) kind: Kind,
    pub(crate) names: Vec<Name>,
    pub(crate) versions: Vec<Version>,
    /// Whether the batch goes to the fast lane.
    pub(crate) is_urgent: bool,
    /// Something in the batch cannot be.
    pub(crate) is_wrong: bool,
}

/// What became of a change.
#[derive(Debug)]
pub(crate) struct Changed {
    pub(crate) outcome: Outcome,
    /// The path of the batch that was made.
    pub(crate) batch: Option<String>,
    /// What the server must not have said, in words.
    pub(crate) lie: Option<String>,
    /// The answer was 503 or 507.
    pub(crate) was_refused: bool,
    /// What was to be deleted was not there.
    pub(crate) was_missing: bool,
}

/// Talks to whichever server is there at the moment.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: watch::Receiver<String>,
    /// Where versions are fetched from: followed by the number and `.jpg`.
    origin: String,
}

impl Client {
    pub(crate) fn new(base: watch::Receiver<String>, origin: String) -> Result<Self> {
        let http = reqwest::Client::builder().timeout(PATIENCE).build()?;
        Ok(Self { http, base, origin })
    }

    pub(crate) async fn ask(&self, method: Method, path: &str, body: Option<String>) -> Answer {
        let mut request = self.request(method, path);
        if let Some(body) = body {
            request = request.body(body);
        }
        exchange(request).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", *self.base.borrow());
        self.http.request(method, url).basic_auth(KEY, Some(SECRET))
    }

    /// Registers an image by the bytes of its master, and says what is known of that.
    pub(crate) async fn send(&self, name: &Name, version: Version) -> Result<Changed> {
        let path = format!(
            "/customers/{}/spaces/1/images/{}?string1={version}",
            name.customer, name.id
        );
        let request = self.request(Method::PUT, &path);
        let request = request.header("content-type", "image/jpeg");
        let answer = exchange(request.body(picture::encode(version)?)).await;
        let change = Change {
            kind: Kind::Put,
            names: vec![name.clone()],
            versions: vec![version],
            is_urgent: false,
            is_wrong: false,
        };
        Ok(judge(&change, answer))
    }

    /// Reads a JSON document; `None` when there is no answer at the moment.
    ///
    /// # Errors
    /// An answer that is neither a document nor a promise of one.
    pub(crate) async fn get(&self, path: &str) -> Result<Option<Value>> {
        match self.ask(Method::GET, path, None).await {
            Answer::Unsent | Answer::Broken => Ok(None),
            Answer::Whole(answer) => match answer.status {
                StatusCode::OK => answer.json().map(Some),
                StatusCode::SERVICE_UNAVAILABLE if answer.has_retry_after => Ok(None),
                status => Err(format!("{path}: {status} {}", answer.text()).into()),
            },
        }
    }

    /// Asks for a change, and says what is known of it.
    pub(crate) async fn change(&self, change: &Change, random: &mut Random) -> Changed {
        let customer = change.names.first().map_or(1, |name| name.customer);
        let image = |name: &Name| format!("/customers/{customer}/spaces/1/images/{}", name.id);
        let single = change.names.first().map(image).unwrap_or_default();
        let answer = match change.kind {
            Kind::Delete => self.ask(Method::DELETE, &single, None).await,
            Kind::Put => {
                let origin = self.origin(change.versions.first().copied().unwrap_or(1));
                let body = json!({ "origin": origin }).to_string();
                self.ask(Method::PUT, &single, Some(body)).await
            }
            Kind::Batch => {
                let lane = if change.is_urgent { "/priority" } else { "" };
                let path = format!("/customers/{customer}/queue{lane}");
                self.ask(Method::POST, &path, Some(self.batch(change, random)))
                    .await
            }
        };
        judge(change, answer)
    }

    fn origin(&self, version: Version) -> String {
        format!("{}{version}.jpg", self.origin)
    }

    fn batch(&self, change: &Change, random: &mut Random) -> String {
        let members = change.names.iter().zip(&change.versions);
        let mut members: Vec<_> = members
            .map(|(name, version)| json!({ "space": 1, "id": name.id, "origin": self.origin(*version) }))
            .collect();
        if change.is_wrong {
            let place = random.index(members.len());
            match random.below(4) {
                0 => members[place]["origin"] = json!("gopher://example.org/1.jpg"),
                1 => members[place]["id"] = json!("a/b"),
                2 => members[place]["space"] = json!(99),
                _ => {
                    let twin = members[place].clone();
                    members.insert(random.index(members.len()), twin);
                }
            }
        }
        json!({ "@type": "Collection", "member": members }).to_string()
    }

    /// What is served of an image: `None` without an answer, otherwise the status, and which picture it is.
    pub(crate) async fn read(&self, name: &Name) -> Option<(StatusCode, Result<u32, String>)> {
        let path = format!("/iiif-img/v3/{name}/full/max/0/default.jpg");
        match self.ask(Method::GET, &path, None).await {
            Answer::Unsent | Answer::Broken => None,
            Answer::Whole(answer) if answer.status == StatusCode::OK => {
                Some((answer.status, picture::decode(&answer.body)))
            }
            Answer::Whole(answer) => Some((answer.status, Err(answer.text()))),
        }
    }
}

async fn exchange(request: RequestBuilder) -> Answer {
    let response = match request.send().await {
        Ok(response) => response,
        Err(error) if error.is_connect() || error.is_builder() => return Answer::Unsent,
        Err(_) => return Answer::Broken,
    };
    let status = response.status();
    let has_retry_after = response.headers().contains_key("retry-after");
    match response.bytes().await {
        Ok(body) => Answer::Whole(Response {
            status,
            has_retry_after,
            body: body.into(),
        }),
        Err(_) => Answer::Broken,
    }
}

fn judge(change: &Change, answer: Answer) -> Changed {
    let mut changed = Changed {
        outcome: Outcome::Unknown,
        batch: None,
        lie: None,
        was_refused: false,
        was_missing: false,
    };
    let answer = match answer {
        Answer::Unsent => {
            changed.outcome = Outcome::Unsent;
            return changed;
        }
        Answer::Broken => return changed,
        Answer::Whole(answer) => answer,
    };
    let status = answer.status;
    let is_success = match change.kind {
        Kind::Batch => status == StatusCode::CREATED,
        Kind::Put => matches!(status, StatusCode::CREATED | StatusCode::OK),
        // What is not there is gone: the ledger knows whether it should have been.
        Kind::Delete => matches!(
            status,
            StatusCode::NO_CONTENT | StatusCode::OK | StatusCode::NOT_FOUND
        ),
    };
    let expected = if change.is_wrong {
        matches!(status, StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND)
    } else {
        is_success
    };
    changed.was_missing = change.kind == Kind::Delete && status == StatusCode::NOT_FOUND;
    if expected && is_success {
        changed.outcome = Outcome::Acknowledged;
        changed.batch = batch_path(change.kind, &answer);
        if change.kind == Kind::Batch && changed.batch.is_none() {
            changed.lie = Some(format!("a batch without an address: {}", answer.text()));
        }
    } else if expected {
        changed.outcome = Outcome::Rejected;
    } else if matches!(
        status,
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::INSUFFICIENT_STORAGE
    ) {
        changed.was_refused = true;
        if status == StatusCode::SERVICE_UNAVAILABLE && !answer.has_retry_after {
            changed.lie = Some("a 503 without Retry-After".to_owned());
        }
    } else if status != StatusCode::CONFLICT {
        // A registration whose lease has ended is told that another one won, and is processed all the same.
        changed.lie = Some(format!(
            "{:?} was answered with {status}: {}",
            change.kind,
            answer.text()
        ));
    }
    changed
}

fn batch_path(kind: Kind, answer: &Response) -> Option<String> {
    if kind != Kind::Batch {
        return None;
    }
    let batch = answer.json().ok()?;
    path_of(&batch)
}

/// The path of a resource, from its address.
pub(crate) fn path_of(resource: &Value) -> Option<String> {
    let address = resource["@id"].as_str()?;
    let start = address.find("/customers")?;
    Some(address[start..].to_owned())
}

/// The version that an origin is the address of.
pub(crate) fn version_of(origin: &str) -> Option<Version> {
    let (_, file) = origin.rsplit_once('/')?;
    file.strip_suffix(".jpg")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(kind: Kind, is_wrong: bool) -> Change {
        Change {
            kind,
            names: Vec::new(),
            versions: Vec::new(),
            is_urgent: false,
            is_wrong,
        }
    }

    fn answer(status: u16, has_retry_after: bool) -> Answer {
        Answer::Whole(Response {
            status: StatusCode::from_u16(status).unwrap(),
            has_retry_after,
            body: br#"{"@id":"http://a/customers/1/queue/batches/7"}"#.to_vec(),
        })
    }

    #[test]
    fn answers_are_told_apart() {
        use Outcome::{Acknowledged, Rejected, Unknown};
        for (kind, wrong, status, outcome, lies) in [
            (Kind::Batch, false, 201, Acknowledged, false),
            (Kind::Put, false, 200, Acknowledged, false),
            (Kind::Delete, false, 404, Acknowledged, false),
            (Kind::Batch, true, 400, Rejected, false),
            (Kind::Batch, true, 201, Unknown, true),
            (Kind::Put, false, 404, Unknown, true),
            (Kind::Put, false, 409, Unknown, false),
            (Kind::Put, false, 500, Unknown, true),
            (Kind::Put, false, 503, Unknown, false),
            (Kind::Put, false, 507, Unknown, false),
        ] {
            let changed = judge(&change(kind, wrong), answer(status, true));
            assert_eq!(changed.outcome, outcome, "{kind:?} {status}");
            assert_eq!(changed.lie.is_some(), lies, "{kind:?} {status}");
        }
        let changed = judge(&change(Kind::Batch, false), answer(201, false));
        assert_eq!(
            changed.batch.as_deref(),
            Some("/customers/1/queue/batches/7")
        );
        assert!(
            judge(&change(Kind::Put, false), answer(503, false))
                .lie
                .is_some()
        );
        assert_eq!(
            judge(&change(Kind::Put, false), Answer::Unsent).outcome,
            Outcome::Unsent
        );
        let broken = judge(&change(Kind::Put, false), Answer::Broken);
        assert_eq!((broken.outcome, broken.lie), (Unknown, None));
    }

    #[test]
    fn the_version_is_read_off_the_origin() {
        assert_eq!(version_of("http://127.0.0.1:1/v/17.jpg"), Some(17));
        assert_eq!(version_of("http://127.0.0.1:1/"), None);
    }
}
