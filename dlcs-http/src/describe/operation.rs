//! What there is to say of a route: what it takes, what it gives, and how it fails.

use std::collections::BTreeSet;

use http::{Method, StatusCode};

use super::class::Class;
use crate::route::{Access, Entry};

/// What an operation takes as its body.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Takes {
    /// No body, or any.
    Nothing,
    /// Something new.
    New(&'static Class),
    /// What is to be another; all else stays.
    Changes(&'static Class),
    /// A collection.
    Members(&'static Class),
    /// An image as JSON, its bytes, or a form with both.
    Master(&'static Class),
    /// A table of images.
    Table,
}

/// What an operation gives when it succeeds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Gives {
    /// 204.
    Nothing,
    /// What is there or has been changed: 200.
    One(&'static Class),
    /// What has been made: 201.
    New(&'static Class),
    /// What has been made, 201, or was there before, 200.
    NewOrOne(&'static Class),
    /// A page of a collection.
    Page(&'static Class),
    /// A page of a collection that has the addresses of its members only.
    Stubs(&'static Class),
    /// A page of a collection that takes the filters of images.
    Filtered(&'static Class),
    /// A page of a collection of collections: the address and the title of each.
    Collections,
    /// A collection, whole.
    Entire(&'static Class),
    /// A collection, whole, and what was asked for besides and is not there.
    Found(&'static Class),
    /// A collection of what has been made, 201; or what would have been, 200.
    Imported {
        made: &'static Class,
        preview: &'static Class,
    },
    /// A stream of events, each of which is one of these; 204 where there will be none.
    Events(&'static Class),
    /// A page for people.
    Html,
    /// JSON of a standard that is not this API's, of this media type.
    Document(&'static str),
}

/// How an operation fails besides what its path, its rights and its body bring along.
pub(crate) type Fails = &'static [u16];

/// Only in the ways that all of its kind do.
pub(crate) const AS_ALL: Fails = &[];
/// Something is in the way.
pub(crate) const CONFLICT: Fails = &[409];
/// There is no room for more: at all, or of what the customer may have.
pub(crate) const STORES: Fails = &[507];
/// The origin is asked, and what it has is processed.
pub(crate) const PROCESSES: Fails = &[409, 413, 422, 502, 504, 507];

/// What there is to say of a route.
#[derive(Debug)]
pub(crate) struct Operation {
    /// What it does, in one sentence.
    pub(crate) summary: &'static str,
    pub(crate) takes: Takes,
    pub(crate) gives: Gives,
    pub(crate) fails: Fails,
}

impl Takes {
    /// What a body is, or is made of.
    pub(crate) const fn class(self) -> Option<&'static Class> {
        match self {
            Self::Nothing | Self::Table => None,
            Self::New(class)
            | Self::Changes(class)
            | Self::Members(class)
            | Self::Master(class) => Some(class),
        }
    }
}

impl Gives {
    /// What an answer is, or is made of.
    pub(crate) fn classes(self) -> Vec<&'static Class> {
        match self {
            Self::Nothing | Self::Collections | Self::Html | Self::Document(_) => Vec::new(),
            Self::One(class)
            | Self::New(class)
            | Self::NewOrOne(class)
            | Self::Page(class)
            | Self::Stubs(class)
            | Self::Filtered(class)
            | Self::Entire(class)
            | Self::Found(class)
            | Self::Events(class) => vec![class],
            Self::Imported { made, preview } => vec![made, preview],
        }
    }

    /// The one resource that lives at the address.
    pub(crate) const fn one(self) -> Option<&'static Class> {
        match self {
            Self::One(class) => Some(class),
            _ => None,
        }
    }

    /// The statuses of success.
    pub(crate) const fn statuses(self) -> &'static [u16] {
        match self {
            Self::Nothing => &[204],
            Self::New(_) => &[201],
            Self::NewOrOne(_) | Self::Imported { .. } => &[200, 201],
            Self::Events(_) => &[200, 204],
            _ => &[200],
        }
    }
}

impl Entry {
    /// The statuses of failure.
    pub(crate) fn failures(&self) -> BTreeSet<u16> {
        let Operation { takes, fails, .. } = &self.operation;
        // What no handler has a hand in: a query string or a path that is none, a catalogue that is away, a fault.
        let mut statuses = BTreeSet::from([400, 500, 503]);
        statuses.extend(*fails);
        if self.path.contains('{') {
            statuses.insert(404);
        }
        if self.is_named() {
            // Named, a request is read before it is run, whatever it takes.
            statuses.extend([408, 409, 413, 415, 422]);
        }
        if self.is_closed() {
            statuses.extend([401, 429]);
        }
        if !matches!(takes, Takes::Nothing) {
            statuses.extend([408, 413, 415]);
        }
        statuses
    }

    /// Whether its requests may have an `Idempotency-Key`.
    pub(crate) fn is_named(&self) -> bool {
        self.method == Method::POST
    }

    /// Whether a key is needed.
    pub(crate) fn is_closed(&self) -> bool {
        Access::of(&self.method, self.path) != Access::Open
    }

    /// A name that no other operation has.
    pub(crate) fn operation_id(&self) -> String {
        operation_id(&self.method, self.path)
    }
}

/// A method and a path as one name.
pub(crate) fn operation_id(method: &Method, path: &str) -> String {
    let segments = path.split(|c: char| !c.is_ascii_alphanumeric());
    let segments = segments.filter(|segment| !segment.is_empty());
    let mut id = method.as_str().to_ascii_lowercase();
    for segment in segments {
        id.push('_');
        id.push_str(segment);
    }
    id
}

/// What a status means.
pub(crate) fn reason(status: u16) -> &'static str {
    let status = StatusCode::from_u16(status).ok();
    status
        .and_then(|status| status.canonical_reason())
        .unwrap_or_default()
}
