//! The queue of a customer, its lanes, and submitting to them; and the queue of everybody.

use dlcs_core::batch::QueueSize;
use dlcs_core::image::{ImageChanges, ImageQuery, shorten};
use dlcs_core::queue::{Lane, QueueError};
use dlcs_core::{CustomerId, Error, Registration};
use http::{Response, StatusCode};
use serde::Serialize;

use super::{Object, Outcome, batch};
use crate::body::ResponseBody;
use crate::collection_input::{KNOWN, members, objects};
use crate::context::Context;
use crate::describe::{Class, Type, ro};
use crate::error::{ApiError, refused};
use crate::fields::{Fields, Problems};
use crate::hydra::Header;
use crate::query::Query;
use crate::resource::image::{self, Candidate, ImageInput, Place, find_problems, refuse};

#[rustfmt::skip]
pub(crate) static QUEUE: Class = Class {
    type_: "vocab:CustomerQueue",
    text: "The queue of a customer, or its fast lane.",
    known: &[],
    properties: &[
        ro("size", Type::Natural, "How many images wait or are being processed."),
        ro("batchesWaiting", Type::Natural, "How many batches are not finished."),
        ro("imagesWaiting", Type::Natural, "How many images wait."),
        ro("maxBatchSize", Type::Natural, "How many images a batch may have."),
        ro("batches", Type::Link, "All batches, newest first."),
        ro("active", Type::Link, "Those that are not finished."),
        ro("recent", Type::Link, "Those that are finished and not superseded."),
        ro("images", Type::Link, "The images that wait or are being processed."),
        ro("priority", Type::Link, "The fast lane."),
    ],
};

#[rustfmt::skip]
pub(crate) static TOTALS: Class = Class {
    type_: "vocab:Queue",
    text: "The queue of all customers.",
    known: &[],
    properties: &[
        ro("incoming", Type::Natural, "How many images wait."),
        ro("priority", Type::Natural, "How many wait in the fast lanes."),
        ro("timebased", Type::Natural, "0: audio and video are not processed."),
        ro("transcodeComplete", Type::Natural, "0, for the same reason."),
        ro("file", Type::Natural, "0: files are not processed."),
        ro("failed", Type::Natural, "How many registrations have failed since there is a queue."),
        ro("success", Type::Natural, "How many have succeeded."),
    ],
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct QueueResource {
    #[serde(flatten)]
    header: Header,
    size: u64,
    batches_waiting: u64,
    images_waiting: u64,
    max_batch_size: usize,
    batches: String,
    active: String,
    recent: String,
    images: String,
    priority: String,
}

/// The queue of everybody.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TotalsResource {
    #[serde(flatten)]
    header: Header,
    incoming: u64,
    priority: u64,
    timebased: u64,
    transcode_complete: u64,
    file: u64,
    failed: u64,
    success: u64,
}

/// `GET /queue`: what is in the queue and what has come of it, of all customers.
pub(crate) async fn totals(context: &Context) -> Outcome {
    let totals = context.dlcs.queue().totals().await?;
    let resource = TotalsResource {
        header: Header::new(&context.api, &TOTALS, format!("{}/queue", context.api)),
        incoming: totals.waiting,
        priority: totals.waiting_priority,
        // Queues of audio, video and files, of which there are none.
        timebased: 0,
        transcode_complete: 0,
        file: 0,
        failed: totals.failed,
        success: totals.succeeded,
    };
    Ok(context.json(StatusCode::OK, &resource))
}

/// `GET /customers/{customer}/queue`: both lanes.
pub(crate) async fn get(context: &Context, customer: CustomerId) -> Outcome {
    let size = context.dlcs.queue().size(customer).await?;
    Ok(show(context, customer, context.queue_link(customer), size))
}

/// `GET /customers/{customer}/queue/priority`: the fast lane alone.
pub(crate) async fn get_priority(context: &Context, customer: CustomerId) -> Outcome {
    let size = context
        .dlcs
        .queue()
        .lane_size(customer, Lane::Priority)
        .await?;
    let link = format!("{}/priority", context.queue_link(customer));
    Ok(show(context, customer, link, size))
}

fn show(
    context: &Context,
    customer: CustomerId,
    address: String,
    size: QueueSize,
) -> Response<ResponseBody> {
    let link = context.queue_link(customer);
    let resource = QueueResource {
        header: Header::new(&context.api, &QUEUE, address),
        size: size.images,
        batches_waiting: size.batches,
        images_waiting: size.images_waiting,
        max_batch_size: context.dlcs.settings().max_batch_size,
        batches: format!("{link}/batches"),
        active: format!("{link}/active"),
        recent: format!("{link}/recent"),
        images: format!("{link}/images"),
        priority: format!("{link}/priority"),
    };
    context.json(StatusCode::OK, &resource)
}

/// `GET /customers/{customer}/queue/images`: what waits or is being processed.
pub(crate) async fn list_images(context: &Context, customer: CustomerId, query: &Query) -> Outcome {
    let mut images = ImageQuery::of(customer);
    images.pending = Some(true);
    let address = format!("{}/images", context.queue_link(customer));
    image::list_matching(context, images, address, query).await
}

/// `POST /customers/{customer}/queue`, and `…/queue/priority`: all members or none.
pub(crate) async fn submit(
    context: &Context,
    customer: CustomerId,
    lane: Lane,
    body: &Object,
) -> Outcome {
    let mut problems = Problems::default();
    let fields = Fields::new(body, "", KNOWN, &mut problems);
    let limit = context.dlcs.settings().max_batch_size;
    let members = members(&fields, limit, &mut problems);
    let images = objects(members, image::KNOWN, &mut problems);
    let candidates = candidates(context, customer, images, &mut problems).await?;
    if lane == Lane::Priority {
        refuse_other_media(&candidates, &mut problems);
    }
    if !problems.is_empty() {
        return Err(refuse(context, &candidates, &mut problems).await);
    }
    let registrations = registrations(&candidates);
    match context.dlcs.submit_batch_to(lane, registrations).await {
        Ok(made) => {
            let link = context.batch_link(customer, made.id);
            Ok(context.created(&link, &batch::resource(context, &made)))
        }
        Err(error) => match refusal(context, &candidates, error, &mut problems).await {
            Some(error) => Err(error),
            None => Err(problems.refuse()),
        },
    }
}

/// Adds what the core has found wrong with a submission; the error, when it is another one.
pub(super) async fn refusal(
    context: &Context,
    candidates: &[Candidate],
    error: Error,
    problems: &mut Problems,
) -> Option<ApiError> {
    match error {
        Error::Invalid { .. } => find_problems(context, candidates, problems).await.err(),
        Error::Queue(QueueError::Refused { problems: found }) => {
            for problem in found {
                let pointer = candidates
                    .get(problem.index)
                    .map_or("", |candidate| candidate.pointer.as_str());
                let problem = refused(pointer, problem.kind);
                problems.add(problem.pointer, problem.detail);
            }
            None
        }
        error => Some(error.into()),
    }
}

/// Reads images that a customer submits, each with where it stands.
pub(super) async fn candidates(
    context: &Context,
    customer: CustomerId,
    images: Vec<(String, Fields<'_>)>,
    problems: &mut Problems,
) -> Result<Vec<Candidate>, ApiError> {
    let mut candidates = Vec::with_capacity(images.len());
    for (pointer, fields) in images {
        let mut input = ImageInput::read(&fields, Place::customer(customer), problems);
        input.check_stored(context, &fields, problems).await?;
        candidates.push(Candidate::new(pointer, input));
    }
    Ok(candidates)
}

/// What is to be registered, of images with which nothing is wrong.
pub(super) fn registrations(candidates: &[Candidate]) -> Vec<Registration> {
    candidates.iter().filter_map(registration).collect()
}

/// The fast lane is for images: what is only stored can wait.
fn refuse_other_media(candidates: &[Candidate], problems: &mut Problems) {
    for Candidate { pointer, input } in candidates {
        let declared = input.changes.media_type.as_deref().unwrap_or_default();
        if !declared.is_empty() && !declared.starts_with("image/") {
            let detail = format!(
                "`mediaType` is `{}`, which is not an image: send it to the default queue",
                shorten(declared)
            );
            problems.add(format!("{pointer}/mediaType"), detail);
        }
    }
}

fn registration(candidate: &Candidate) -> Option<Registration> {
    let ImageInput {
        customer,
        space,
        model,
        changes,
        bytes,
    } = &candidate.input;
    let mut registration =
        Registration::in_space(*customer, (*space)?).with_changes(ImageChanges::clone(changes));
    if let Some(bytes) = bytes {
        registration = registration.with_bytes(bytes.clone());
    }
    Some(match model {
        Some(model) => registration.with_id(model.clone()),
        None => registration,
    })
}
