//! What an answer of S3 means to the caller.

use std::io;
use std::io::ErrorKind;
use std::time::Duration;

use dlcs_core::origin::OriginError;
use reqwest::StatusCode;

use crate::origin::object::KeyProblem;

/// How this backend calls itself.
pub(super) const S3: &str = "s3";

/// Why an address or an object is of no use as it is: a whole sentence for the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    NotS3,
    Bucket,
    Query,
    Fragment,
    NotUtf8,
    Redirects,
    Setup,
}

impl Failure {
    const fn reason(self) -> &'static str {
        match self {
            Self::NotS3 => {
                "the address is not one of S3; write s3://BUCKET/KEY, or put the `endpoint` of its service into the credentials"
            }
            Self::Bucket => "the address has no name of a bucket where it should",
            Self::Query => {
                "the address has a query other than a `versionId`; write a `?` in a key as `%3F`"
            }
            Self::Fragment => KeyProblem::Fragment.reason(),
            Self::NotUtf8 => KeyProblem::NotUtf8.reason(),
            Self::Redirects => {
                "the bucket is elsewhere; put its region into the address or into the credentials"
            }
            Self::Setup => "no request could be made of the address and the credentials",
        }
    }
}

impl From<KeyProblem> for Failure {
    fn from(problem: KeyProblem) -> Self {
        match problem {
            KeyProblem::NotUtf8 => Self::NotUtf8,
            _ => Self::Bucket,
        }
    }
}

impl From<Failure> for OriginError {
    fn from(failure: Failure) -> Self {
        Self::Backend {
            backend: S3,
            reason: failure.reason(),
            source: Box::new(io::Error::from(ErrorKind::InvalidInput)),
        }
    }
}

/// What a status and the code in the body of an answer mean.
pub(super) fn refusal(
    status: StatusCode,
    code: Option<&str>,
    retry_after: Option<Duration>,
) -> OriginError {
    let number = status.as_u16();
    let status = Some(number);
    match (number, code) {
        // Archived: somebody has to restore it first.
        (_, Some("InvalidObjectState")) => OriginError::Backend {
            backend: S3,
            reason: "the object is archived; restore it and register the image again",
            source: Box::new(io::Error::from(ErrorKind::InvalidData)),
        },
        (404 | 410, _) => OriginError::NotFound { status },
        (401 | 403, _) | (400, Some("ExpiredToken" | "InvalidToken" | "TokenRefreshRequired")) => {
            OriginError::Denied { status }
        }
        (408 | 425 | 429 | 500.., _)
        | (400, Some("RequestTimeout" | "SlowDown" | "ThrottlingException")) => {
            OriginError::Unavailable {
                status,
                retry_after,
            }
        }
        (300..=399, _) | (400, Some("AuthorizationHeaderMalformed")) => Failure::Redirects.into(),
        _ => OriginError::Refused { status },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_says_what_the_caller_can_do() {
        let wait = Some(Duration::from_secs(7));
        for (status, code, kind) in [
            (404, Some("NoSuchKey"), "NotFound"),
            (404, Some("NoSuchBucket"), "NotFound"),
            (404, None, "NotFound"),
            (403, Some("AccessDenied"), "Denied"),
            (403, Some("SignatureDoesNotMatch"), "Denied"),
            (403, Some("InvalidAccessKeyId"), "Denied"),
            (403, None, "Denied"),
            (400, Some("ExpiredToken"), "Denied"),
            (403, Some("InvalidObjectState"), "Backend"),
            (400, Some("InvalidRequest"), "Refused"),
            (405, Some("MethodNotAllowed"), "Refused"),
            (412, None, "Refused"),
            (301, Some("PermanentRedirect"), "Backend"),
            (307, None, "Backend"),
            (400, Some("AuthorizationHeaderMalformed"), "Backend"),
            (503, Some("SlowDown"), "Unavailable"),
            (429, None, "Unavailable"),
            (500, Some("InternalError"), "Unavailable"),
            (400, Some("RequestTimeout"), "Unavailable"),
        ] {
            let error = refusal(StatusCode::from_u16(status).unwrap(), code, wait);
            let text = format!("{error:?}");
            assert!(text.starts_with(kind), "{status} {code:?}: {text}");
            assert_eq!(error.is_transient(), kind == "Unavailable", "{text}");
            let asked = if kind == "Unavailable" { wait } else { None };
            assert_eq!(error.retry_after(), asked, "{text}");
        }
    }
}
