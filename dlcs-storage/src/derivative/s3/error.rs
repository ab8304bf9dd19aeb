//! Why a store in S3 cannot be used, and what its answers mean.

use std::error::Error as StdError;

use dlcs_core::derivative::{DerivativeError, DerivativeKey};
use object_store::Error as StoreError;
use reqwest::StatusCode;
use thiserror::Error;

use crate::s3::EnvironmentError;

/// How this backend calls itself.
pub(super) const S3: &str = "s3";

/// What is wrong with the address of a store: the part, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StoreUrlError {
    /// Not an address of this kind.
    #[error(
        "write it as s3://BUCKET/PREFIX, and where the service is not AWS its address after that, as in s3://BUCKET/PREFIX?endpoint=http://127.0.0.1:9000&region=us-east-1"
    )]
    NotS3,
    /// It has a user or a password.
    #[error(
        "leave out the user and the password: credentials come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    )]
    User,
    /// It has a port.
    #[error(
        "leave out the port of the bucket: the address of the service goes after a `?`, as in ?endpoint=http://127.0.0.1:9000"
    )]
    Port,
    /// It has a fragment.
    #[error("leave out the `#` and what comes after it")]
    Fragment,
    /// No name of a bucket.
    #[error(
        "`{bucket}` is not the name of a bucket: write s3://BUCKET/PREFIX with 3 or more letters, digits, dots and hyphens for it"
    )]
    Bucket {
        /// What is in its place.
        bucket: String,
    },
    /// A prefix that could mean something else.
    #[error(
        "the prefix has a part that is empty, `.` or `..`, or has other signs than letters, digits, `-`, `_` and `.`: leave those out"
    )]
    Prefix,
    /// A part of the query that nobody knows.
    #[error("`{name}` is unknown: only `endpoint` and `region` may come after the `?`")]
    Parameter {
        /// Its name.
        name: String,
    },
    /// A part of the query that comes twice.
    #[error("`{name}` is given twice: give it once")]
    Twice {
        /// Its name.
        name: String,
    },
    /// No address of a service.
    #[error(
        "`endpoint` is no http or https address without user and query: write one such as http://127.0.0.1:9000"
    )]
    Endpoint,
    /// No region.
    #[error("`region` is not the name of a region: write one such as eu-west-1")]
    Region,
}

/// Why a store cannot be opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The environment does not say what is needed.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// The endpoint of the credentials is no address.
    #[error("the endpoint of the credentials is no http or https address")]
    Endpoint,
    /// There is no way out.
    #[error("no HTTP client can be made on this machine")]
    Client {
        /// The cause.
        source: Box<dyn StdError + Send + Sync>,
    },
}

/// What came of a request: the source of a [`DerivativeError`]. Its text holds no secret, and nothing that the service wrote but its codes.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum S3Fault {
    /// There is no such object.
    #[error("there is no such object")]
    NoObject,
    /// An object that was being put is neither finished nor known any more.
    #[error("the service knows the unfinished object no more")]
    NoUpload,
    /// The object ends before the bytes that were asked for.
    #[error("the object ends before that")]
    BeyondTheEnd,
    /// There is no such bucket.
    #[error(
        "there is no bucket `{bucket}` ({answer}): make it, or correct the address of the store"
    )]
    NoBucket {
        /// Its name.
        bucket: String,
        /// What the service said.
        answer: Answer,
    },
    /// The service does not let these credentials do that.
    #[error(
        "access to the bucket `{bucket}` is refused ({answer}): give AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of somebody who may read, write, delete and list there"
    )]
    Denied {
        /// The name of the bucket.
        bucket: String,
        /// What the service said.
        answer: Answer,
    },
    /// There are no credentials.
    #[error(
        "there are no credentials for the bucket `{bucket}`: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    )]
    NoCredentials {
        /// The name of the bucket.
        bucket: String,
    },
    /// The bucket is in another region.
    #[error(
        "the bucket `{bucket}` is in the region `{region}`: add `region={region}` to the address of the store"
    )]
    Elsewhere {
        /// Its name.
        bucket: String,
        /// The region.
        region: String,
    },
    /// There is no room.
    #[error("the bucket `{bucket}` is full ({answer})")]
    Full {
        /// Its name.
        bucket: String,
        /// What the service said.
        answer: Answer,
    },
    /// The service cannot do it now.
    #[error("the service is out of order or busy ({answer}): try again later")]
    Unavailable {
        /// What the service said.
        answer: Answer,
    },
    /// The service did not answer.
    #[error("no answer from {service}: {reason}")]
    Unanswered {
        /// Where it is.
        service: String,
        /// Why.
        reason: &'static str,
    },
    /// The service does not want the request.
    #[error("the service refused a request ({answer})")]
    Refused {
        /// What the service said.
        answer: Answer,
    },
}

/// An answer that is no success: its status, and its code where that is a plain word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    status: u16,
    code: Option<String>,
}

impl Answer {
    /// An answer, as far as its text may be shown.
    pub(super) fn new(status: StatusCode, code: Option<&str>) -> Self {
        let is_plain =
            |code: &&str| code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
        Self {
            status: status.as_u16(),
            code: code.filter(is_plain).map(ToOwned::to_owned),
        }
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "status {}", self.status)?;
        match &self.code {
            Some(code) => write!(f, ", {code}"),
            None => Ok(()),
        }
    }
}

impl S3Fault {
    /// What an answer that is no success means; `region` is where the service says that the bucket is.
    pub(super) fn of(
        status: StatusCode,
        code: Option<&str>,
        region: Option<&str>,
        asked: Asked<'_>,
    ) -> Self {
        let answer = Answer::new(status, code);
        let bucket = asked.bucket.to_owned();
        match (status.as_u16(), code.unwrap_or_default()) {
            (404, "NoSuchBucket") => Self::NoBucket { bucket, answer },
            (404, "NoSuchUpload") => Self::NoUpload,
            // Whoever writes needs no object to be there.
            (404, code) if code != "NoSuchKey" && asked.is_write => {
                Self::NoBucket { bucket, answer }
            }
            (404 | 410, _) => Self::NoObject,
            (416, _) => Self::BeyondTheEnd,
            (507, _) => Self::Full { bucket, answer },
            (400..=499, code)
                if code.ends_with("QuotaExceeded") || code.ends_with("StorageFull") =>
            {
                Self::Full { bucket, answer }
            }
            (408 | 425 | 429 | 500.., _)
            | (
                400 | 409,
                "RequestTimeout" | "SlowDown" | "ThrottlingException" | "OperationAborted",
            ) => Self::Unavailable { answer },
            (301 | 307, _) | (400, "AuthorizationHeaderMalformed") => match region {
                Some(region) => Self::Elsewhere {
                    bucket,
                    region: region.to_owned(),
                },
                None => Self::Refused { answer },
            },
            (401 | 403, _)
            | (
                400,
                "ExpiredToken" | "InvalidToken" | "InvalidAccessKeyId" | "TokenRefreshRequired",
            ) => Self::Denied { bucket, answer },
            _ => Self::Refused { answer },
        }
    }

    /// Whether the same request may succeed in a moment.
    pub(super) const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Unanswered { .. })
    }

    /// The fault behind an error of the store.
    pub(super) fn behind(error: &StoreError) -> Option<&Self> {
        std::iter::successors(Some(error as &(dyn StdError + 'static)), |&cause| {
            cause.source()
        })
        .find_map(|cause| cause.downcast_ref())
    }
}

/// What was asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) bucket: &'a str,
    pub(super) is_write: bool,
}

/// Says what a failure of the store means for an object.
pub(super) fn about(key: &DerivativeKey) -> impl FnOnce(StoreError) -> DerivativeError {
    |error| match S3Fault::behind(&error) {
        Some(S3Fault::NoObject) => DerivativeError::NotFound { key: key.clone() },
        _ => failed(error),
    }
}

/// Says what a failure of the store means.
pub(super) fn failed(error: StoreError) -> DerivativeError {
    match S3Fault::behind(&error) {
        Some(fault @ S3Fault::Full { .. }) => DerivativeError::Full {
            source: Box::new(fault.clone()),
        },
        // What the store says around it repeats it, with addresses.
        Some(fault) => DerivativeError::Backend {
            backend: S3,
            source: Box::new(fault.clone()),
        },
        None => DerivativeError::Backend {
            backend: S3,
            source: Box::new(error),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_says_what_the_caller_can_do() {
        for (status, code, is_write, kind) in [
            (404, Some("NoSuchKey"), false, "NoObject"),
            (404, None, false, "NoObject"),
            (404, None, true, "NoBucket"),
            (404, Some("NoSuchKey"), true, "NoObject"),
            (404, Some("NoSuchBucket"), false, "NoBucket"),
            (404, Some("NoSuchUpload"), true, "NoUpload"),
            (416, Some("InvalidRange"), false, "BeyondTheEnd"),
            (403, Some("AccessDenied"), false, "Denied"),
            (403, Some("SignatureDoesNotMatch"), true, "Denied"),
            (403, None, false, "Denied"),
            (400, Some("ExpiredToken"), true, "Denied"),
            (403, Some("QuotaExceeded"), true, "Full"),
            (400, Some("XMinioAdminBucketQuotaExceeded"), true, "Full"),
            (507, Some("XMinioStorageFull"), true, "Full"),
            (503, Some("SlowDown"), true, "Unavailable"),
            (500, Some("InternalError"), false, "Unavailable"),
            (429, None, false, "Unavailable"),
            (400, Some("RequestTimeout"), true, "Unavailable"),
            (400, Some("InvalidRequest"), true, "Refused"),
            (301, None, false, "Refused"),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let bucket = "derivatives";
            let fault = S3Fault::of(status, code, None, Asked { bucket, is_write });
            let text = format!("{fault:?}");
            assert!(text.starts_with(kind), "{status} {code:?}: {text}");
            assert_eq!(fault.is_transient(), kind == "Unavailable", "{text}");
        }
    }

    #[test]
    fn a_bucket_elsewhere_says_where() {
        let asked = Asked {
            bucket: "derivatives",
            is_write: true,
        };
        for (status, code) in [
            (301, "PermanentRedirect"),
            (400, "AuthorizationHeaderMalformed"),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let fault = S3Fault::of(status, Some(code), Some("eu-west-1"), asked);
            let sentence = fault.to_string();
            assert!(sentence.contains("add `region=eu-west-1`"), "{sentence}");
        }
    }

    #[test]
    fn codes_that_are_no_words_are_not_shown() {
        let answer = Answer::new(StatusCode::BAD_REQUEST, Some("a canary of the service"));
        assert_eq!(answer.to_string(), "status 400");
    }
}
