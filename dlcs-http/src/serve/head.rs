//! Heads of requests that a proxy in front could read in another way.

use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{Method, Request, Version};

/// What is wrong with the head of a request, if anything is.
pub(super) fn problem<B>(request: &Request<B>) -> Option<&'static str> {
    if request.method() == Method::CONNECT {
        return Some("this server is no proxy: ask for something of its own");
    }
    let headers = request.headers();
    if headers.get_all(HOST).iter().count() > 1 {
        return Some("the request has more than one `Host`: send one");
    }
    if request.version() == Version::HTTP_11 && !headers.contains_key(HOST) {
        return Some("the request has no `Host`, which HTTP/1.1 needs: send one");
    }
    if headers.contains_key(TRANSFER_ENCODING) && headers.contains_key(CONTENT_LENGTH) {
        return Some(
            "the request has both a `Content-Length` and a `Transfer-Encoding`: send one of them",
        );
    }
    None
}

/// Whether a proxy in front may take another end for the body than this server does.
///
/// hyper drops a `Content-Length` beside a `Transfer-Encoding` before anybody can see it, so every body in chunks may have had one.
/// RFC 9112, section 6.1, then wants the connection to be closed after the answer: what follows could be smuggled.
pub(super) fn is_end_unclear<B>(request: &Request<B>) -> bool {
    request.headers().contains_key(TRANSFER_ENCODING)
}
