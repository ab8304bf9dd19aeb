//! Requests that their clients send again until they are answered, and that must not take effect twice.

use crate::derivative::Checksum;
use crate::id::CustomerId;

/// What a request is called by its client.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestKey {
    /// Whose key let the client in.
    pub customer: CustomerId,
    /// What the client calls the request.
    pub name: String,
}

/// How a request was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenAnswer {
    /// The status code.
    pub status: u16,
    /// The media type of the body.
    pub content_type: String,
    /// The address of what was made.
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

/// A digest of everything that tells requests apart.
pub type Fingerprint = Checksum;
