//! The one table from the core's errors to those of the API.

use dlcs_core::catalogue::{CatalogueError, Subject};
use dlcs_core::derivative::{DerivativeError, ProcessError, RenderError};
use dlcs_core::image::FieldProblem;
use dlcs_core::ingest::IngestError;
use dlcs_core::origin::OriginError;
use dlcs_core::queue::{QueueError, SubmissionProblemKind};
use dlcs_core::{Error, ImageId};

use super::{ApiError, Kind, Problem};

const BROKEN: &str = "the server failed: give the `instance` to the operator, and try again";
const AWAY: &str = "a part that the server needs does not answer: try again later";

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        match error {
            Error::Invalid { problems } => Self::invalid(
                problems
                    .iter()
                    .map(|problem| at_field("", problem))
                    .collect(),
            ),
            Error::BatchEmpty | Error::BatchTooLarge { .. } => Self::invalid(vec![Problem {
                pointer: "/member".to_owned(),
                detail: error.to_string(),
            }]),
            Error::Ingest { image, source } => ingest(image.id, source),
            Error::Superseded { .. } => Self::new(
                Kind::Superseded,
                format!("{error}: look at it to see what it is now"),
            ),
            Error::NotReady { .. } => Self::new(Kind::NotFound, error.to_string()),
            Error::Arguments { query, source } => Self::new(
                Kind::InvalidQueryRequest,
                format!("the named query `{query}` {source}"),
            ),
            Error::SelectedTooMany { .. } => Self::new(
                Kind::InvalidQueryRequest,
                format!("{error}: narrow it by what its template or its arguments say"),
            ),
            Error::Catalogue(error) => error.into(),
            Error::Queue(error) => error.into(),
            Error::Derivative(error) => error.into(),
            Error::Render(RenderError::Overloaded) => Self::new(
                Kind::Overloaded,
                "too many images are being rendered: try again later",
            ),
            Error::Render(RenderError::TooLarge { .. }) => {
                Self::new(Kind::InvalidImageRequest, error.to_string())
            }
            error => Self::new(Kind::Internal, BROKEN).with_cause(error),
        }
    }
}

impl From<CatalogueError> for ApiError {
    fn from(error: CatalogueError) -> Self {
        match error {
            CatalogueError::NotFound { .. } => Self::new(Kind::NotFound, error.to_string()),
            CatalogueError::AlreadyExists { subject, property } => Self::new(
                Kind::AlreadyExists,
                taken(subject, property, "choose another"),
            ),
            CatalogueError::SpaceNotEmpty { .. } => {
                Self::new(Kind::SpaceNotEmpty, format!("{error}: delete them first"))
            }
            CatalogueError::InUse { .. } => Self::new(
                Kind::InUse,
                format!("{error}: let what names it name another first"),
            ),
            CatalogueError::LastKey => {
                Self::new(Kind::LastKey, format!("{error}: make another first"))
            }
            CatalogueError::Unavailable { .. } => {
                Self::new(Kind::Unavailable, AWAY).with_cause(error)
            }
            error => Self::new(Kind::Internal, BROKEN).with_cause(error),
        }
    }
}

impl From<QueueError> for ApiError {
    fn from(error: QueueError) -> Self {
        match error {
            QueueError::Refused { problems } => {
                let kinds: Vec<_> = problems.iter().map(|problem| problem.kind).collect();
                if kinds.contains(&SubmissionProblemKind::SpaceNotFound) {
                    CatalogueError::NotFound {
                        subject: Subject::Space,
                    }
                    .into()
                } else if kinds.contains(&SubmissionProblemKind::AlreadyExists) {
                    let advice = "choose another, or PUT to its address to register it again";
                    Self::new(Kind::AlreadyExists, taken(Subject::Image, "id", advice))
                } else {
                    Self::invalid(kinds.into_iter().map(|kind| refused("", kind)).collect())
                }
            }
            QueueError::OverQuota(over) => Self::new(Kind::OverQuota, over.to_string()),
            QueueError::LeaseLost => Self::new(
                Kind::Superseded,
                "the image was registered again or deleted meanwhile: look at it to see what it is now",
            ),
            QueueError::Unavailable { .. } => Self::new(Kind::Unavailable, AWAY).with_cause(error),
            error => Self::new(Kind::Internal, BROKEN).with_cause(error),
        }
    }
}

impl From<DerivativeError> for ApiError {
    fn from(error: DerivativeError) -> Self {
        match error {
            DerivativeError::Full { .. } => Self::new(
                Kind::StoreFull,
                "the derivative store is full: make room and try again",
            )
            .with_cause(error),
            DerivativeError::Backend { .. } => Self::new(Kind::Unavailable, AWAY).with_cause(error),
            // A body on its way into the store says itself what is wrong with it.
            DerivativeError::Body { source } => match source.downcast::<Self>() {
                Ok(error) => *error,
                Err(source) => Self::new(Kind::Internal, BROKEN).with_cause(source),
            },
            error => Self::new(Kind::Internal, BROKEN).with_cause(error),
        }
    }
}

/// A registration that was tried and failed; the record is kept.
fn ingest(image: ImageId, error: IngestError) -> ApiError {
    ApiError::new(ingest_kind(&error), error.sentence())
        .with_image(image)
        .with_cause(error)
}

fn ingest_kind(error: &IngestError) -> Kind {
    match error {
        error if error.is_of_a_full_disk() => Kind::StoreFull,
        IngestError::OverQuota(_) => Kind::OverQuota,
        IngestError::Fetch { source, .. } => match source {
            OriginError::TooLarge { .. } => Kind::SourceTooLarge,
            OriginError::TimedOut { .. } | OriginError::TooSlow { .. } => Kind::OriginTimedOut,
            OriginError::UnsupportedScheme { .. } => Kind::Invalid,
            _ => Kind::OriginFailed,
        },
        IngestError::Process { source, .. } if source.is_of_the_source() => Kind::NotAnImage,
        IngestError::Policy(_) => Kind::Invalid,
        IngestError::Process {
            source: ProcessError::Spool { .. } | ProcessError::Busy { .. },
            ..
        }
        | IngestError::TookTooLong { .. }
        | IngestError::Store(DerivativeError::Backend { .. })
        | IngestError::Catalogue(CatalogueError::Unavailable { .. }) => Kind::Unavailable,
        _ => Kind::Internal,
    }
}

/// Says that a property is in use, with the article that the subject takes.
fn taken(subject: Subject, property: &str, advice: &str) -> String {
    let subject = subject.to_string();
    let article = if subject.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    };
    format!("{article} {subject} with this {property} exists already: {advice}")
}

/// A problem that the core found in a field of the object at a pointer.
pub(crate) fn at_field(pointer: &str, problem: &FieldProblem) -> Problem {
    Problem {
        pointer: format!("{pointer}/{}", problem.field),
        detail: problem.to_string(),
    }
}

/// A problem that the queue found in the object at a pointer.
pub(crate) fn refused(pointer: &str, kind: SubmissionProblemKind) -> Problem {
    let (field, detail) = match kind {
        SubmissionProblemKind::SpaceNotFound => (
            "/space",
            "`space` names a space that does not exist: make it first",
        ),
        SubmissionProblemKind::SourceMissing => (
            "/origin",
            "`origin` is missing: a new image needs the address of its master",
        ),
        SubmissionProblemKind::BytesGone => (
            "/file",
            "the bytes of the image were deleted once it was ready, and this needs them: send the bytes again",
        ),
        SubmissionProblemKind::AlreadyExists => ("/id", "`id` is taken: choose another"),
        SubmissionProblemKind::Duplicate => (
            "/id",
            "`id` stands in this space twice: leave one of them out",
        ),
        SubmissionProblemKind::OtherCustomer => {
            ("/@id", "`@id` is the address of another customer's image")
        }
        _ => ("", "it cannot be submitted"),
    };
    Problem {
        pointer: format!("{pointer}{field}"),
        detail: detail.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dlcs_core::ingest::FetchContext;
    use dlcs_core::origin::OriginStrategyKind;
    use dlcs_core::setting::NamedQueryError;
    use std::time::Duration;

    fn cause() -> Box<dyn std::error::Error + Send + Sync> {
        "canary".into()
    }

    fn status(error: impl Into<ApiError>) -> u16 {
        error.into().kind().status().as_u16()
    }

    fn context() -> Box<FetchContext> {
        Box::new(FetchContext {
            address: "http://a/".to_owned(),
            strategy: None,
            pattern: None,
            kind: OriginStrategyKind::Default,
            is_upload: false,
            held_back: false,
        })
    }

    fn fetch(source: OriginError) -> u16 {
        ingest_kind(&IngestError::Fetch {
            context: context(),
            attempts: 1,
            source,
        })
        .status()
        .as_u16()
    }

    #[test]
    fn failed_fetches_have_their_statuses() {
        let table = [
            (OriginError::TooLarge { limit: 1 }, 413),
            (
                OriginError::TimedOut {
                    after: Duration::from_secs(1),
                },
                504,
            ),
            (
                OriginError::UnsupportedScheme {
                    scheme: "x".into(),
                    feature: None,
                },
                400,
            ),
            (OriginError::NotFound { status: Some(404) }, 502),
            (OriginError::Denied { status: Some(401) }, 502),
            (OriginError::Refused { status: None }, 502),
            (
                OriginError::Unavailable {
                    status: None,
                    retry_after: None,
                },
                502,
            ),
            (
                OriginError::Interrupted {
                    received: 1,
                    expected: None,
                },
                502,
            ),
            (OriginError::AddressNotAllowed { reason: "private" }, 502),
            (OriginError::NotTrusted { reason: "expired" }, 502),
            (OriginError::Strategy { reason: "x".into() }, 502),
            (
                OriginError::Connection {
                    reason: "tls",
                    source: cause(),
                },
                502,
            ),
            (
                OriginError::Backend {
                    backend: "x",
                    reason: "y",
                    source: cause(),
                },
                502,
            ),
        ];
        for (error, expected) in table {
            let text = error.to_string();
            assert_eq!(fetch(error), expected, "{text}");
        }
    }

    #[test]
    fn failed_processing_and_storing_have_their_statuses() {
        let process = |source| {
            ingest_kind(&IngestError::Process {
                context: context(),
                attempts: 1,
                source,
            })
            .status()
            .as_u16()
        };
        let after = Duration::from_secs(1800);
        let late = ingest_kind(&IngestError::TookTooLong { after });
        assert_eq!(late.status().as_u16(), 503);
        assert_eq!(process(ProcessError::Busy { waited: after }), 503);
        assert_eq!(
            process(ProcessError::Unrecognised {
                seen: "text".into()
            }),
            422
        );
        assert_eq!(
            process(ProcessError::Unsupported {
                format: "TIFF",
                reason: "x".into()
            }),
            422
        );
        assert_eq!(
            process(ProcessError::SideTooLong {
                width: 1,
                height: 1,
                limit: 0
            }),
            422
        );
        assert_eq!(
            process(ProcessError::Damaged {
                format: "JPEG",
                reason: "x".into()
            }),
            422
        );
        assert_eq!(
            process(ProcessError::TooManyPixels {
                width: 1,
                height: 1,
                limit: 0
            }),
            422
        );
        assert_eq!(
            process(ProcessError::TooManyBytes {
                needed: 2,
                limit: 1
            }),
            422
        );
        assert_eq!(process(ProcessError::Backend { source: cause() }), 500);
        for (kind, status) in [
            (std::io::ErrorKind::Other, 503),
            (std::io::ErrorKind::StorageFull, 507),
            (std::io::ErrorKind::QuotaExceeded, 507),
        ] {
            let source = kind.into();
            assert_eq!(process(ProcessError::Spool { source }), status, "{kind}");
        }
        let store = |source| ingest_kind(&IngestError::Store(source)).status().as_u16();
        assert_eq!(store(DerivativeError::Full { source: cause() }), 507);
        assert_eq!(
            store(DerivativeError::Backend {
                backend: "x",
                source: cause()
            }),
            503
        );
        assert_eq!(store(DerivativeError::Body { source: cause() }), 500);
    }

    #[test]
    fn the_catalogue_and_the_queue_have_theirs() {
        let subject = Subject::Space;
        assert_eq!(status(CatalogueError::NotFound { subject }), 404);
        assert_eq!(
            status(CatalogueError::AlreadyExists {
                subject,
                property: "name"
            }),
            409
        );
        assert_eq!(status(CatalogueError::SpaceNotEmpty { images: 1 }), 409);
        assert_eq!(status(CatalogueError::LastKey), 400);
        assert_eq!(
            status(CatalogueError::Unavailable {
                backend: "x",
                source: cause()
            }),
            503
        );
        assert_eq!(
            status(CatalogueError::Backend {
                backend: "x",
                source: cause()
            }),
            500
        );
        assert_eq!(
            status(QueueError::Unavailable {
                backend: "x",
                source: cause()
            }),
            503
        );
        assert_eq!(status(QueueError::LeaseLost), 409);
        assert_eq!(status(Error::Render(RenderError::Overloaded)), 503);
        let too_large = RenderError::TooLarge {
            needed: 2,
            available: 1,
        };
        assert_eq!(status(Error::Render(too_large)), 400);
        assert_eq!(
            status(Error::Superseded {
                image: "1/1/a".parse().unwrap()
            }),
            409
        );
    }

    #[test]
    fn named_queries_that_cannot_be_asked_say_what_to_do() {
        for (error, sentence) in [
            (
                Error::SelectedTooMany { count: 3, limit: 2 },
                "the named query selects 3 images, and 2 may be taken at once: narrow it by what its template or its arguments say",
            ),
            (
                Error::Arguments {
                    query: "q".to_owned(),
                    source: NamedQueryError::Argument(1),
                },
                "the named query `q` needs argument 1, which the address does not have",
            ),
        ] {
            let error = ApiError::from(error);
            assert_eq!(error.kind(), Kind::InvalidQueryRequest);
            assert_eq!(error.to_string(), sentence);
        }
    }

    #[test]
    fn sentences_have_the_article_of_their_subject() {
        for (subject, sentence) in [
            (Subject::Image, "an image with this id exists already: x"),
            (Subject::Space, "a space with this id exists already: x"),
            (
                Subject::OriginStrategy,
                "an origin strategy with this id exists already: x",
            ),
        ] {
            assert_eq!(taken(subject, "id", "x"), sentence);
        }
    }
}
