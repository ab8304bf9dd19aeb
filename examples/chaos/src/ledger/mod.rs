//! What a client has asked for and been told, in the order in which it asked: pure, without a clock of its own.
//!
//! Requests about one image follow one another: who writes an image waits for the answer, or for the end of the connection, before it asks
//! again. So the history of an image is a list, and what may be left in the end can be read off it.

mod check;
mod resolve;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Instant;

pub(crate) use check::{Final, FoundBatch, FoundImage, Violation, check};

/// Counts the registrations of one image, from 1.
pub(crate) type Version = u32;

/// An image, by its customer and its id in the customer's first space.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name {
    pub(crate) customer: u32,
    pub(crate) id: String,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/1/{}", self.customer, self.id)
    }
}

/// What became of a request, as far as the client can know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A success, read to its end.
    Acknowledged,
    /// The request was wrong: nothing may come of it.
    Rejected,
    /// Anything else: it may have been done, whole, or not at all.
    Unknown,
    /// Nobody listened, so nothing was sent.
    Unsent,
}

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An immediate registration: when it is acknowledged, the image is served.
    Put,
    /// Members of a batch: when it is acknowledged, they will be processed.
    Batch,
    Delete,
}

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) kind: Kind,
    pub(crate) names: Vec<Name>,
    /// `Unknown` as long as it is under way.
    pub(crate) outcome: Outcome,
    /// The path of the batch that was acknowledged.
    pub(crate) batch: Option<String>,
}

/// A request in the history of one image.
#[derive(Debug, Clone, Copy)]
struct Entry {
    request: usize,
    /// `None` for a deletion.
    version: Option<Version>,
    /// When it was known that this version is served, or that the image is gone.
    in_effect: Option<Instant>,
}

/// Everything that was asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger {
    requests: Vec<Request>,
    images: BTreeMap<Name, Vec<Entry>>,
    /// Every image that was ever named, for readers.
    names: Vec<Name>,
    /// The paths of the batches that were acknowledged, in the order of their answers.
    batches: Vec<String>,
}

/// What a reader may be answered about an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Expected {
    /// Versions from this one on may be served.
    pub(crate) least: Version,
    /// Up to this one, the last that was asked for.
    pub(crate) most: Version,
    /// It is served for certain.
    pub(crate) is_served: bool,
    /// It is gone for certain.
    pub(crate) is_gone: bool,
}

impl Ledger {
    /// The version that the next registration of an image has.
    pub(crate) fn next_version(&self, name: &Name) -> Version {
        let entries = self.images.get(name).into_iter().flatten();
        entries.filter_map(|entry| entry.version).max().unwrap_or(0) + 1
    }

    /// Notes a request before it is sent; returns its number. Registrations have the images' next versions.
    pub(crate) fn begin(&mut self, kind: Kind, names: &[Name]) -> usize {
        let request = self.requests.len();
        for name in names {
            let version = (kind != Kind::Delete).then(|| self.next_version(name));
            if !self.images.contains_key(name) {
                self.names.push(name.clone());
            }
            self.images.entry(name.clone()).or_default().push(Entry {
                request,
                version,
                in_effect: None,
            });
        }
        self.requests.push(Request {
            kind,
            names: names.to_vec(),
            outcome: Outcome::Unknown,
            batch: None,
        });
        request
    }

    /// Notes what became of a request.
    pub(crate) fn end(
        &mut self,
        request: usize,
        outcome: Outcome,
        batch: Option<String>,
        now: Instant,
    ) {
        let noted = &mut self.requests[request];
        noted.outcome = outcome;
        noted.batch.clone_from(&batch);
        self.batches.extend(batch);
        if outcome == Outcome::Acknowledged && self.requests[request].kind != Kind::Batch {
            self.take_effect(request, now);
        }
    }

    /// A batch was seen to have finished without errors: those of its members are served that nobody has asked for otherwise since.
    pub(crate) fn finish(&mut self, batch: &str, now: Instant) {
        let found = self
            .requests
            .iter()
            .position(|request| request.batch.as_deref() == Some(batch));
        if let Some(request) = found {
            self.take_effect(request, now);
        }
    }

    fn take_effect(&mut self, request: usize, now: Instant) {
        for name in &self.requests[request].names {
            // What was overtaken may never have been served.
            let last = self
                .images
                .get_mut(name)
                .and_then(|entries| entries.last_mut());
            if let Some(entry) = last
                && entry.request == request
            {
                entry.in_effect.get_or_insert(now);
            }
        }
    }

    /// What a reader may be answered about an image from now on, where what was in effect at a time is known everywhere.
    pub(crate) fn expected(&self, name: &Name, known: Instant) -> Expected {
        let mut expected = Expected {
            least: 1,
            most: 0,
            is_served: false,
            is_gone: true,
        };
        for entry in self.images.get(name).into_iter().flatten() {
            let outcome = self.requests[entry.request].outcome;
            if matches!(outcome, Outcome::Rejected | Outcome::Unsent) {
                expected.most = expected.most.max(entry.version.unwrap_or(0));
                continue;
            }
            let in_effect = entry.in_effect.is_some_and(|since| since <= known);
            match entry.version {
                Some(version) => {
                    expected.most = version;
                    expected.is_gone = false;
                    if in_effect {
                        (expected.least, expected.is_served) = (version, true);
                    }
                }
                None => {
                    expected.is_served = false;
                    if in_effect {
                        (expected.least, expected.is_gone) = (expected.most + 1, true);
                    }
                }
            }
        }
        expected
    }

    /// The paths of the batches that were acknowledged, in the order of their answers.
    pub(crate) fn batches(&self) -> &[String] {
        &self.batches
    }

    /// Every image that was ever named.
    pub(crate) fn names(&self) -> &[Name] {
        &self.names
    }

    /// How many requests had an outcome.
    pub(crate) fn count(&self, outcome: Outcome) -> usize {
        let requests = self.requests.iter();
        requests
            .filter(|request| request.outcome == outcome)
            .count()
    }
}
