//! Requests that their clients send again until they are answered, and that must not take effect twice.

use std::time::Duration;

use crate::derivative::Checksum;
use crate::id::CustomerId;

/// How long an answer is kept, from when its request began: sent again later, the request is run again.
pub const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// How long an unanswered request counts as running, from when it began: sent again later, it is run again.
pub const ABANDONED: Duration = Duration::from_secs(60 * 60);

/// What a request is called by its client.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestKey {
    /// Whose key let the client in.
    pub customer: CustomerId,
    /// What the client calls the request: the value of its `Idempotency-Key` header.
    pub name: String,
}

/// How a request was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenAnswer {
    /// The status code.
    pub status: u16,
    /// The media type of the body, as in `Content-Type`.
    pub content_type: String,
    /// The address of what was made, as in `Location`.
    pub location: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

/// What is known of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remembered {
    /// Nothing: it is to be run, and nobody else runs it.
    New,
    /// It is being run.
    Running,
    /// It was answered.
    Answered(GivenAnswer),
    /// Another request has this name.
    Other,
}

/// The SHA-256, 32 bytes, of everything that tells requests apart.
pub type Fingerprint = Checksum;
