//! Every kind of error of the API, with the page that explains it.

use http::StatusCode;

/// A kind of error: what a client may branch on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Invalid,
    MalformedBody,
    MalformedHead,
    InvalidPath,
    InvalidImageRequest,
    InvalidQueryRequest,
    LastKey,
    BuiltIn,
    Unauthorised,
    ImageRestricted,
    NotFound,
    MethodNotAllowed,
    RequestTimeout,
    AlreadyExists,
    SpaceNotEmpty,
    InUse,
    RequestRunning,
    Superseded,
    BodyTooLarge,
    SourceTooLarge,
    ContentEncoding,
    RangeNotSatisfiable,
    NotAnImage,
    KeyReused,
    TooManyFailures,
    Internal,
    OriginFailed,
    Unavailable,
    Overloaded,
    OriginTimedOut,
    OverQuota,
    StoreFull,
}

/// What a kind says of itself.
#[derive(Debug)]
pub(crate) struct KindText {
    /// The last part of its address.
    pub(crate) slug: &'static str,
    /// Its name for people.
    pub(crate) title: &'static str,
    /// What it means and what to do.
    pub(crate) advice: &'static str,
}

impl Kind {
    /// Every kind, in the order of their status codes.
    pub(crate) const ALL: [Self; 32] = [
        Self::Invalid,
        Self::MalformedBody,
        Self::MalformedHead,
        Self::InvalidPath,
        Self::InvalidImageRequest,
        Self::InvalidQueryRequest,
        Self::LastKey,
        Self::BuiltIn,
        Self::Unauthorised,
        Self::ImageRestricted,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::RequestTimeout,
        Self::AlreadyExists,
        Self::SpaceNotEmpty,
        Self::InUse,
        Self::RequestRunning,
        Self::Superseded,
        Self::BodyTooLarge,
        Self::SourceTooLarge,
        Self::ContentEncoding,
        Self::RangeNotSatisfiable,
        Self::NotAnImage,
        Self::KeyReused,
        Self::TooManyFailures,
        Self::Internal,
        Self::OriginFailed,
        Self::Unavailable,
        Self::Overloaded,
        Self::OriginTimedOut,
        Self::OverQuota,
        Self::StoreFull,
    ];

    /// The kind whose page has this name.
    pub(crate) fn from_slug(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.text().slug == slug)
    }

    /// The status code that it is answered with.
    pub(crate) const fn status(self) -> StatusCode {
        match self {
            Self::Invalid
            | Self::MalformedBody
            | Self::MalformedHead
            | Self::InvalidPath
            | Self::InvalidImageRequest
            | Self::InvalidQueryRequest
            | Self::LastKey
            | Self::BuiltIn => StatusCode::BAD_REQUEST,
            Self::Unauthorised | Self::ImageRestricted => StatusCode::UNAUTHORIZED,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::AlreadyExists
            | Self::SpaceNotEmpty
            | Self::InUse
            | Self::RequestRunning
            | Self::Superseded => StatusCode::CONFLICT,
            Self::BodyTooLarge | Self::SourceTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::ContentEncoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::RangeNotSatisfiable => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::NotAnImage | Self::KeyReused => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooManyFailures => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::OriginFailed => StatusCode::BAD_GATEWAY,
            Self::Unavailable | Self::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
            Self::OriginTimedOut => StatusCode::GATEWAY_TIMEOUT,
            Self::OverQuota | Self::StoreFull => StatusCode::INSUFFICIENT_STORAGE,
        }
    }

    /// Its name, its title and its advice.
    pub(crate) const fn text(self) -> KindText {
        let (slug, title, advice) = match self {
            Self::Invalid => (
                "invalid",
                "The request is not valid",
                "Something in the request cannot be. Each entry of `errors` names one property of the body by its JSON pointer, \
                 says what is wrong with it and what to do. Nothing was changed.",
            ),
            Self::MalformedBody => (
                "malformed-body",
                "The body cannot be read",
                "A body is parsed as JSON in UTF-8, whatever its content type, unless that says that it is an image or a form. It must be \
                 one object, without a byte order mark, without anything after it, and without the same name twice in one object, in \
                 whatever case. A form (`multipart/form-data`) has one part `file` and at most one part `image`, which is JSON.",
            ),
            Self::MalformedHead => (
                "malformed-head",
                "The head of the request is not valid",
                "A request has exactly one `Host`, and either a `Content-Length` or a `Transfer-Encoding`.",
            ),
            Self::InvalidPath => (
                "invalid-path",
                "The address is not valid",
                "The path holds a broken percent-encoding, bytes that are not UTF-8, a control character, or an image id that \
                 breaks a rule. An image id has 1 to 220 bytes, is not a single or double dot, and holds no slash, no backslash and no \
                 control character. A named query has at most 100 arguments, of which none is empty, or a single or double dot. Percent-encode \
                 everything else that a URL path cannot hold.",
            ),
            Self::InvalidImageRequest => (
                "invalid-image-request",
                "The image request is not valid",
                "The region, size, rotation, quality or format is not one that the IIIF Image API knows, or lies outside what the \
                 image's info.json offers.",
            ),
            Self::InvalidQueryRequest => (
                "invalid-query-request",
                "The named query cannot be asked like this",
                "The address lacks an argument that the template of the query asks for, has one that is not the whole number that it should be, \
                 or selects too many images for one manifest.",
            ),
            Self::LastKey => (
                "last-key",
                "The last key of an administrator stays",
                "Without a key nobody could get in again. Make another key first, then delete this one.",
            ),
            Self::BuiltIn => (
                "built-in",
                "It is built in",
                "What every customer has from the beginning stays as it is. Make one of another name.",
            ),
            Self::Unauthorised => (
                "unauthorised",
                "Valid credentials are needed",
                "Send an API key and its secret by HTTP Basic authentication. A key opens the paths of its own customer; those \
                 of an administrator open all. The answer is the same whether or not there is something at the address.",
            ),
            Self::ImageRestricted => (
                "image-restricted",
                "The image is not open to everybody",
                "The image has roles, or a limit to what may be seen without them.",
            ),
            Self::NotFound => (
                "not-found",
                "There is nothing at this address",
                "Check the address, the ids in it included.",
            ),
            Self::MethodNotAllowed => (
                "method-not-allowed",
                "The address does not know this method",
                "The `Allow` header lists the methods that it knows.",
            ),
            Self::RequestTimeout => (
                "request-timeout",
                "The request did not come in time",
                "The body of the request stopped coming, or came too slowly. Send it again.",
            ),
            Self::AlreadyExists => (
                "already-exists",
                "It exists already",
                "The id, the name, the regular expression or the media type with its channel is in use. Choose another, or change what is there.",
            ),
            Self::SpaceNotEmpty => (
                "space-not-empty",
                "The space holds images",
                "Only an empty space can be deleted. Delete its images first.",
            ),
            Self::InUse => (
                "in-use",
                "Something refers to it",
                "An image or a default delivery channel names the policy. Let them name another first, then delete this one.",
            ),
            Self::RequestRunning => (
                "request-running",
                "The request is being run",
                "A request with this `Idempotency-Key` has not come to its end. Ask again later: you get its answer then. What has been running \
                 for an hour is taken for abandoned.",
            ),
            Self::Superseded => (
                "superseded",
                "A later registration won",
                "The image was registered again, or deleted, while this registration ran. Look at the image to see what it is now.",
            ),
            Self::BodyTooLarge => (
                "body-too-large",
                "The body is too large",
                "Send less at once: split a large batch into smaller ones.",
            ),
            Self::SourceTooLarge => (
                "source-too-large",
                "The source is too large",
                "The origin holds more bytes than one source may have. The record of the image is kept, with the error in it.",
            ),
            Self::ContentEncoding => (
                "content-encoding",
                "The body is encoded",
                "Send the body as it is, without a `Content-Encoding`.",
            ),
            Self::RangeNotSatisfiable => (
                "range-not-satisfiable",
                "There is nothing in this range",
                "The `Range` begins behind the end of the file, whose length `Content-Range` says.",
            ),
            Self::NotAnImage => (
                "not-an-image",
                "The source is not an image that can be served",
                "The source was fetched, but it is not an image of a known format, is damaged, or has too many pixels. The record of \
                 the image is kept, with the error in it.",
            ),
            Self::KeyReused => (
                "key-reused",
                "Another request has this `Idempotency-Key`",
                "An `Idempotency-Key` names one request for a day: its address, its content type and its body. Send a new key with a new request.",
            ),
            Self::TooManyFailures => (
                "too-many-failures",
                "Too many wrong keys or secrets",
                "More than a hundred requests of a minute came from your address with an API key or a secret that is wrong. Wait for the time \
                 in `Retry-After`: until then, right ones are refused, too.",
            ),
            Self::Internal => (
                "internal",
                "The server failed",
                "This is a fault of the server, not of the request. Give the `instance` of the error to the operator: it is in the log.",
            ),
            Self::OriginFailed => (
                "origin-failed",
                "The origin could not be read",
                "The origin refused, broke off, cannot be reached or is not allowed. The record of the image is kept, with the error \
                 in it, and can be registered again.",
            ),
            Self::Unavailable => (
                "unavailable",
                "The server is not available",
                "A part that the server needs does not answer. Try again after the time in `Retry-After`.",
            ),
            Self::Overloaded => (
                "overloaded",
                "The server has too much to do",
                "Try again after the time in `Retry-After`.",
            ),
            Self::OriginTimedOut => (
                "origin-timed-out",
                "The origin was too slow",
                "The origin was silent for too long. The record of the image is kept, with the error in it, and can be registered again.",
            ),
            Self::OverQuota => (
                "over-quota",
                "The customer would have more than it may",
                "The storage policy of the customer says how many images, and how many bytes of them, it may have. A submission with too many \
                 images stores nothing. An image that takes too many bytes keeps its record, with the error in it, and what was served before is \
                 served still. Delete images, or ask the operator for more.",
            ),
            Self::StoreFull => (
                "store-full",
                "There is no room left",
                "The store of derivatives is full. The record of the image is kept, with the error in it, and can be registered again \
                 once there is room.",
            ),
        };
        KindText {
            slug,
            title,
            advice,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_its_own_name() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_slug(kind.text().slug), Some(kind));
        }
        assert_eq!(Kind::from_slug("nothing"), None);
    }
}
