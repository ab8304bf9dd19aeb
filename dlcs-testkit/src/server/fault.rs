//! What HTTP origins do wrong, and what must come of it.

use bytes::Bytes;
use url::Url;

use super::{HttpServer, Reply};
use crate::gate::Gate;

/// What an HTTP origin does wrong with an image that it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HttpFault {
    /// Takes the request and says nothing.
    SilentBeforeAnswer,
    /// Stops in the middle of the bytes.
    SilentWithinBody,
    /// Resets the connection in the middle of the bytes.
    Reset,
    /// Ends in the middle of the bytes that it declared.
    ShortBody,
    /// Declares half of the bytes, and sends that half.
    WrongLength,
    /// Sends nothing at all.
    EmptyBody,
    /// Wants credentials.
    Unauthorised,
    /// Forbids.
    Forbidden,
    /// Has nothing.
    Missing,
    /// Has nothing any more.
    Gone,
    /// Is asked too often, and says when it can be asked again: in an hour.
    TooManyRequests,
    /// Is out of order.
    OutOfOrder,
    /// Shows a page to people who have not logged in, with status 200.
    LoginPage,
    /// Redirects to itself.
    RedirectLoop,
    /// Compresses although asked not to: a few bytes that would be a gigabyte.
    GzipBomb,
    /// Sends more than is allowed, and says so.
    Oversize,
    /// Sends more than is allowed, and does not say so.
    SilentOversize,
}

/// What must come of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Consequence {
    /// Whether the same fetch may succeed later.
    pub is_transient: bool,
    /// Whether an immediate registration asks again at once.
    pub asks_again: bool,
    /// The status of an immediate registration.
    pub status: u16,
    /// What its sentence says of the cause.
    pub says: &'static str,
}

impl HttpFault {
    /// Every fault.
    pub const ALL: [Self; 17] = [
        Self::SilentBeforeAnswer,
        Self::SilentWithinBody,
        Self::Reset,
        Self::ShortBody,
        Self::WrongLength,
        Self::EmptyBody,
        Self::Unauthorised,
        Self::Forbidden,
        Self::Missing,
        Self::Gone,
        Self::TooManyRequests,
        Self::OutOfOrder,
        Self::LoginPage,
        Self::RedirectLoop,
        Self::GzipBomb,
        Self::Oversize,
        Self::SilentOversize,
    ];

    /// Serves an image with this fault, where at most `limit` bytes are allowed, and returns its address.
    pub fn serve(self, server: &HttpServer, image: &Bytes, limit: usize) -> Url {
        let path = format!("/{self:?}.jpg");
        let half = image.len() / 2;
        let whole = Reply::bytes(image.clone());
        let too_much = || Reply::bytes(vec![0xFF; limit + 1]);
        let reply = match self {
            Self::SilentBeforeAnswer => whole.gated(Gate::new()),
            Self::SilentWithinBody => whole.gated_at(half, Gate::new()),
            Self::Reset => whole.resetting_at(half),
            Self::ShortBody => whole.breaking_at(half),
            Self::WrongLength => Reply::bytes(image.slice(..half)),
            Self::EmptyBody => Reply::bytes(""),
            Self::Unauthorised => Reply::status(401),
            Self::Forbidden => Reply::status(403),
            Self::Missing => Reply::status(404),
            Self::Gone => Reply::status(410),
            Self::TooManyRequests => Reply::status(429).with_header("retry-after", "3600"),
            Self::OutOfOrder => Reply::status(500),
            Self::LoginPage => Reply::bytes("<!DOCTYPE html><title>Log in</title>")
                .with_header("content-type", "text/html"),
            Self::RedirectLoop => Reply::redirect(302, path.as_str()),
            // Nobody may get as far as to inflate it.
            Self::GzipBomb => Reply::bytes(&b"\x1f\x8b\x08\0\0\0\0\0\0\x03"[..])
                .with_header("content-encoding", "gzip"),
            Self::Oversize => too_much(),
            Self::SilentOversize => too_much().without_length(),
        };
        server.route(&path, reply)
    }

    /// What must come of it.
    #[must_use]
    pub const fn consequence(self) -> Consequence {
        let (status, says) = match self {
            Self::SilentBeforeAnswer | Self::SilentWithinBody => (504, "the origin was silent for"),
            Self::Reset | Self::ShortBody => (502, "the source ended after"),
            Self::WrongLength => (422, "is damaged"),
            Self::EmptyBody => (422, "empty"),
            Self::Unauthorised => (502, "the origin refused access (status 401)"),
            Self::Forbidden => (502, "the origin refused access (status 403)"),
            Self::Missing => (502, "the origin has nothing at that address (status 404)"),
            Self::Gone => (502, "the origin has nothing at that address (status 410)"),
            Self::TooManyRequests => (502, "the origin is not available (status 429)"),
            Self::OutOfOrder => (502, "the origin is not available (status 500)"),
            Self::LoginPage => (422, "HTML"),
            Self::RedirectLoop => (502, "it redirects more than 8 times"),
            Self::GzipBomb => (502, "it compresses its bytes although asked not to"),
            Self::Oversize | Self::SilentOversize => (413, "larger than the limit of"),
        };
        Consequence {
            is_transient: self.is_transient(),
            // Nobody is kept waiting for an hour.
            asks_again: self.is_transient() && !matches!(self, Self::TooManyRequests),
            status,
            says,
        }
    }

    const fn is_transient(self) -> bool {
        matches!(
            self,
            Self::SilentBeforeAnswer
                | Self::SilentWithinBody
                | Self::Reset
                | Self::ShortBody
                | Self::TooManyRequests
                | Self::OutOfOrder
        )
    }
}
