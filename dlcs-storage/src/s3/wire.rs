//! How requests leave through a client of HTTP, and what comes back.

use std::io;

use http_body_util::BodyExt;
use object_store::client::{HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody};
use reqwest::{Body, Client, ClientBuilder, Request, Response, redirect};
use url::Url;

/// The most bytes of an error's text that are read for the code in it.
pub(crate) const MAX_ERROR_BYTES: usize = 16 << 10;

/// A client for what the operator names: it follows no redirect and asks no proxy.
///
/// # Errors
/// When none can be made on this machine.
pub(crate) fn client(settings: impl Fn(ClientBuilder) -> ClientBuilder) -> reqwest::Result<Client> {
    let builder = || {
        let builder = Client::builder().user_agent(concat!("dlcs/", env!("CARGO_PKG_VERSION")));
        settings(builder.redirect(redirect::Policy::none()).no_proxy())
    };
    // A machine without any certificate authority has no verifier; plain http must work there.
    builder()
        .build()
        .or_else(|_| builder().tls_certs_only([]).build())
}

/// The text of the first element of a name.
pub(crate) fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once('<')?;
    Some(text)
}

/// A request as the client takes it.
pub(crate) fn outgoing(request: HttpRequest, url: Url) -> Request {
    let (parts, body) = request.into_parts();
    let mut request = Request::new(parts.method, url);
    *request.headers_mut() = parts.headers;
    *request.body_mut() = match body.as_bytes() {
        Some(bytes) => (!bytes.is_empty()).then(|| bytes.clone().into()),
        // Many pieces, which are not copied into one.
        None => Some(Body::wrap(body)),
    };
    request
}

/// An answer as the store takes it; why its body broke is not kept, because that may hold addresses.
pub(crate) fn incoming(response: Response) -> HttpResponse {
    let response: http::Response<Body> = response.into();
    let (parts, body) = response.into_parts();
    let body = body.map_err(|_| {
        HttpError::new(
            HttpErrorKind::Interrupted,
            io::Error::from(io::ErrorKind::UnexpectedEof),
        )
    });
    HttpResponse::from_parts(parts, HttpResponseBody::new(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_found_in_errors() {
        let xml = "<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code><Region>eu-west-1</Region></Error>";
        assert_eq!(element(xml, "Code"), Some("NoSuchKey"));
        assert_eq!(element(xml, "Region"), Some("eu-west-1"));
        assert_eq!(element(xml, "Message"), None);
        assert_eq!(element("<Code>", "Code"), None);
    }
}
