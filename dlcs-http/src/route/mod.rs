//! From a method and a raw path to a route: pure, and one table.

mod entry;
mod family;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use dlcs_core::id::IdError;
use dlcs_core::origin::OriginStrategyId;
use dlcs_core::{BatchId, CustomerId, ImageId, ModelId, SpaceId};
use http::Method;
use percent_encoding::percent_decode_str;

use entry::entry;

pub(crate) use entry::Entry;
pub(crate) use family::Family;

use crate::describe::{AS_ALL, CONFLICT, Gives, JSON, JSON_LD, PROCESSES, STORES, Takes};
use crate::resource::batch::{BATCH, RETRY, TEST};
use crate::resource::csv_import::PREVIEW;
use crate::resource::customer::CUSTOMER;
use crate::resource::entry_point::{ENTRY_POINT, STATUS};
use crate::resource::image::{DELETION, IMAGE, MANIFESTS};
use crate::resource::key::KEY;
use crate::resource::origin_strategy::{KIND, STRATEGY};
use crate::resource::origin_trial::ORIGIN_TEST;
use crate::resource::policy::{OPTIMISATION, THUMBNAILS};
use crate::resource::queue::{QUEUE, TOTALS};
use crate::resource::space::SPACE;

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    Delivery,
    EntryPoint,
    Health,
    Ready,
    ErrorPage(String),
    Vocab,
    JsonLdContext(String),
    OpenApi,
    ListStrategyKinds,
    GetStrategyKind(String),
    ListOptimisationPolicies,
    GetOptimisationPolicy(String),
    ListThumbnailPolicies,
    GetThumbnailPolicy(String),
    GetTotals,
    ListCustomers,
    CreateCustomer,
    GetCustomer(CustomerId),
    PatchCustomer(CustomerId),
    ListKeys(CustomerId),
    CreateKey(CustomerId),
    DeleteKey(CustomerId, String),
    ListSpaces(CustomerId),
    CreateSpace(CustomerId),
    GetSpace(CustomerId, SpaceId),
    PutSpace(CustomerId, SpaceId),
    PatchSpace(CustomerId, SpaceId),
    DeleteSpace(CustomerId, SpaceId),
    Image(ImageRoute),
    GetQueue(CustomerId),
    SubmitBatch(CustomerId),
    GetPriorityQueue(CustomerId),
    SubmitPriorityBatch(CustomerId),
    ImportCsv(CustomerId),
    ListQueueImages(CustomerId),
    ListBatches(CustomerId),
    ListActiveBatches(CustomerId),
    ListRecentBatches(CustomerId),
    GetBatch(CustomerId, BatchId),
    ListBatchImages(CustomerId, BatchId),
    ListBatchAssets(CustomerId, BatchId),
    ListCompletedImages(CustomerId, BatchId),
    ListErrorImages(CustomerId, BatchId),
    RetryBatch(CustomerId, BatchId),
    TestBatch(CustomerId, BatchId),
    WatchBatch(CustomerId, BatchId),
    ListOriginStrategies(CustomerId),
    CreateOriginStrategy(CustomerId),
    TryOrigin(CustomerId),
    GetOriginStrategy(CustomerId, OriginStrategyId),
    PutOriginStrategy(CustomerId, OriginStrategyId),
    PatchOriginStrategy(CustomerId, OriginStrategyId),
    DeleteOriginStrategy(CustomerId, OriginStrategyId),
}

/// What a request asks of images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ImageRoute {
    List(CustomerId, SpaceId),
    Create(CustomerId, SpaceId),
    Get(ImageId),
    Put(ImageId),
    Patch(ImageId),
    Delete(ImageId),
    Reingest(ImageId),
    ListAll(CustomerId),
    FindAll(CustomerId),
    EditAll(CustomerId),
    PatchAll(CustomerId, SpaceId),
    DeleteAll(CustomerId),
}

/// Why a request leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RouteError {
    /// There is nothing at the path.
    NotFound,
    /// The path knows only these methods.
    MethodNotAllowed {
        /// The methods, separated by commas.
        allow: String,
    },
    /// The path is not a path.
    BadPath {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The id in the path cannot be one.
    BadId {
        /// What it would be the id of.
        of: &'static str,
        /// What is wrong with it.
        reason: IdError,
    },
}

/// Whose key opens a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Nobody's is needed.
    Open,
    /// Anybody's.
    AnyKey,
    /// An administrator's.
    Administrator,
    /// This customer's, or an administrator's.
    Customer(CustomerId),
}

impl Access {
    /// Tells whose key opens a path: by its first two segments only, so that nothing below them is looked at before the rights are.
    pub(crate) fn of(method: &Method, raw_path: &str) -> Self {
        let mut segments = raw_path.split('/').skip(1);
        let first = segments.next().map(|segment| percent_decode_str(segment));
        if !first.is_some_and(|segment| segment.eq(b"customers".iter().copied())) {
            return Self::Open;
        }
        let customer = segments.next().unwrap_or_default();
        if customer.is_empty() && segments.next().is_none() {
            return if *method == Method::POST {
                Self::Administrator
            } else {
                Self::AnyKey
            };
        }
        decode(customer)
            .ok()
            .and_then(|text| text.parse().ok())
            .map_or(Self::Administrator, Self::Customer)
    }
}

type Segments<'a> = &'a [String];

// A customer stands at the second place of every path that has one, a space at the fourth, an image at the sixth, a batch at the fifth.
#[rustfmt::skip]
pub(crate) static ROUTES: &[Entry] = &[
    entry(Method::GET, "/", "Leads to everything else.", Takes::Nothing, Gives::One(&ENTRY_POINT), AS_ALL, |_| Ok(Route::EntryPoint)),
    entry(Method::GET, "/health", "Tells that the program runs.", Takes::Nothing, Gives::One(&STATUS), AS_ALL, |_| Ok(Route::Health)),
    entry(Method::GET, "/ready", "Tells that requests will be served.", Takes::Nothing, Gives::One(&STATUS), AS_ALL, |_| Ok(Route::Ready)),
    entry(Method::GET, "/docs/errors/{slug}", "Explains a kind of error.", Takes::Nothing, Gives::Html, AS_ALL, |s| Ok(Route::ErrorPage(s[2].clone()))),
    entry(Method::GET, "/vocab", "Describes the API in the words of Hydra.", Takes::Nothing, Gives::Document(JSON_LD), AS_ALL, |_| Ok(Route::Vocab)),
    entry(Method::GET, "/contexts/{type}.jsonld", "Says what the names of a type mean.", Takes::Nothing, Gives::Document(JSON_LD), AS_ALL, |s| Ok(Route::JsonLdContext(s[1].strip_suffix(".jsonld").unwrap_or_default().to_owned()))),
    entry(Method::GET, "/openapi.json", "Describes the API in the words of OpenAPI.", Takes::Nothing, Gives::Document(JSON), AS_ALL, |_| Ok(Route::OpenApi)),
    entry(Method::GET, "/originStrategies", "Lists the ways to fetch from origins.", Takes::Nothing, Gives::Page(&KIND), AS_ALL, |_| Ok(Route::ListStrategyKinds)),
    entry(Method::GET, "/originStrategies/{name}", "Shows a way to fetch from origins.", Takes::Nothing, Gives::One(&KIND), AS_ALL, |s| Ok(Route::GetStrategyKind(s[1].clone()))),
    entry(Method::GET, "/imageOptimisationPolicies", "Lists the policies by which images are coded.", Takes::Nothing, Gives::Page(&OPTIMISATION), AS_ALL, |_| Ok(Route::ListOptimisationPolicies)),
    entry(Method::GET, "/imageOptimisationPolicies/{name}", "Shows a policy by which images are coded.", Takes::Nothing, Gives::One(&OPTIMISATION), AS_ALL, |s| Ok(Route::GetOptimisationPolicy(s[1].clone()))),
    entry(Method::GET, "/thumbnailPolicies", "Lists the policies by which thumbnails are made.", Takes::Nothing, Gives::Page(&THUMBNAILS), AS_ALL, |_| Ok(Route::ListThumbnailPolicies)),
    entry(Method::GET, "/thumbnailPolicies/{name}", "Shows a policy by which thumbnails are made.", Takes::Nothing, Gives::One(&THUMBNAILS), AS_ALL, |s| Ok(Route::GetThumbnailPolicy(s[1].clone()))),
    entry(Method::GET, "/queue", "Counts what is in the queue, of all customers.", Takes::Nothing, Gives::One(&TOTALS), AS_ALL, |_| Ok(Route::GetTotals)),
    entry(Method::GET, "/customers", "Lists the customers that the key may see.", Takes::Nothing, Gives::Stubs(&CUSTOMER), AS_ALL, |_| Ok(Route::ListCustomers)),
    entry(Method::POST, "/customers", "Makes a customer; for administrators.", Takes::New(&CUSTOMER), Gives::New(&CUSTOMER), CONFLICT, |_| Ok(Route::CreateCustomer)),
    entry(Method::GET, "/customers/{customer}", "Shows a customer.", Takes::Nothing, Gives::One(&CUSTOMER), AS_ALL, |s| Ok(Route::GetCustomer(customer(s)?))),
    entry(Method::PATCH, "/customers/{customer}", "Changes the name of a customer for people.", Takes::Changes(&CUSTOMER), Gives::One(&CUSTOMER), AS_ALL, |s| Ok(Route::PatchCustomer(customer(s)?))),
    entry(Method::GET, "/customers/{customer}/keys", "Lists the API keys of a customer.", Takes::Nothing, Gives::Page(&KEY), AS_ALL, |s| Ok(Route::ListKeys(customer(s)?))),
    entry(Method::POST, "/customers/{customer}/keys", "Makes an API key, and shows its secret.", Takes::Nothing, Gives::One(&KEY), AS_ALL, |s| Ok(Route::CreateKey(customer(s)?))),
    entry(Method::DELETE, "/customers/{customer}/keys/{key}", "Deletes an API key.", Takes::Nothing, Gives::Nothing, AS_ALL, |s| Ok(Route::DeleteKey(customer(s)?, s[3].clone()))),
    entry(Method::GET, "/customers/{customer}/spaces", "Lists the spaces of a customer.", Takes::Nothing, Gives::Page(&SPACE), AS_ALL, |s| Ok(Route::ListSpaces(customer(s)?))),
    entry(Method::POST, "/customers/{customer}/spaces", "Makes a space with the next number.", Takes::New(&SPACE), Gives::New(&SPACE), CONFLICT, |s| Ok(Route::CreateSpace(customer(s)?))),
    entry(Method::GET, "/customers/{customer}/spaces/{space}", "Shows a space.", Takes::Nothing, Gives::One(&SPACE), AS_ALL, |s| Ok(Route::GetSpace(customer(s)?, space(s)?))),
    entry(Method::PUT, "/customers/{customer}/spaces/{space}", "Makes a space with this number, or changes it.", Takes::Changes(&SPACE), Gives::NewOrOne(&SPACE), CONFLICT, |s| Ok(Route::PutSpace(customer(s)?, chosen_space(s)?))),
    entry(Method::PATCH, "/customers/{customer}/spaces/{space}", "Changes a space.", Takes::Changes(&SPACE), Gives::One(&SPACE), CONFLICT, |s| Ok(Route::PatchSpace(customer(s)?, space(s)?))),
    entry(Method::DELETE, "/customers/{customer}/spaces/{space}", "Deletes a space that is empty.", Takes::Nothing, Gives::Nothing, CONFLICT, |s| Ok(Route::DeleteSpace(customer(s)?, space(s)?))),
    entry(Method::GET, "/customers/{customer}/spaces/{space}/images", "Lists the images of a space.", Takes::Nothing, Gives::Filtered(&IMAGE), AS_ALL, |s| images(ImageRoute::List(customer(s)?, space(s)?))),
    entry(Method::POST, "/customers/{customer}/spaces/{space}/images", "Registers a new image at once.", Takes::Master(&IMAGE), Gives::New(&IMAGE), PROCESSES, |s| images(ImageRoute::Create(customer(s)?, space(s)?))),
    entry(Method::PATCH, "/customers/{customer}/spaces/{space}/images", "Changes what is said of images, of all or none.", Takes::Members(&IMAGE), Gives::Entire(&IMAGE), AS_ALL, |s| images(ImageRoute::PatchAll(customer(s)?, space(s)?))),
    entry(Method::GET, "/customers/{customer}/spaces/{space}/images/{image}", "Shows an image.", Takes::Nothing, Gives::One(&IMAGE), AS_ALL, |s| images(ImageRoute::Get(image(s)?))),
    entry(Method::PUT, "/customers/{customer}/spaces/{space}/images/{image}", "Registers an image at once, new or again.", Takes::Master(&IMAGE), Gives::NewOrOne(&IMAGE), PROCESSES, |s| images(ImageRoute::Put(image(s)?))),
    entry(Method::POST, "/customers/{customer}/spaces/{space}/images/{image}", "The same as PUT, for older clients.", Takes::Master(&IMAGE), Gives::NewOrOne(&IMAGE), PROCESSES, |s| images(ImageRoute::Put(image(s)?))),
    entry(Method::PATCH, "/customers/{customer}/spaces/{space}/images/{image}", "Changes an image, and processes it again where that must be.", Takes::Changes(&IMAGE), Gives::One(&IMAGE), PROCESSES, |s| images(ImageRoute::Patch(image(s)?))),
    entry(Method::DELETE, "/customers/{customer}/spaces/{space}/images/{image}", "Deletes an image, and what is delivered of it.", Takes::Nothing, Gives::Nothing, AS_ALL, |s| images(ImageRoute::Delete(image(s)?))),
    entry(Method::POST, "/customers/{customer}/spaces/{space}/images/{image}/reingest", "Fetches an image again, and processes it.", Takes::Nothing, Gives::One(&IMAGE), PROCESSES, |s| images(ImageRoute::Reingest(image(s)?))),
    entry(Method::GET, "/customers/{customer}/allImages", "Lists the images of all spaces.", Takes::Nothing, Gives::Filtered(&IMAGE), AS_ALL, |s| images(ImageRoute::ListAll(customer(s)?))),
    entry(Method::POST, "/customers/{customer}/allImages", "Finds images by their ids.", Takes::Members(&IMAGE), Gives::Found(&IMAGE), AS_ALL, |s| images(ImageRoute::FindAll(customer(s)?))),
    entry(Method::PATCH, "/customers/{customer}/allImages", "Changes the manifests of images, of all or none.", Takes::New(&MANIFESTS), Gives::Entire(&IMAGE), AS_ALL, |s| images(ImageRoute::EditAll(customer(s)?))),
    entry(Method::POST, "/customers/{customer}/deleteImages", "Deletes images.", Takes::Members(&IMAGE), Gives::One(&DELETION), AS_ALL, |s| images(ImageRoute::DeleteAll(customer(s)?))),
    entry(Method::GET, "/customers/{customer}/queue", "Shows the queue of a customer.", Takes::Nothing, Gives::One(&QUEUE), AS_ALL, |s| Ok(Route::GetQueue(customer(s)?))),
    entry(Method::POST, "/customers/{customer}/queue", "Submits a batch: all of its images or none.", Takes::Members(&IMAGE), Gives::New(&BATCH), STORES, |s| Ok(Route::SubmitBatch(customer(s)?))),
    entry(Method::GET, "/customers/{customer}/queue/priority", "Shows the fast lane of a queue.", Takes::Nothing, Gives::One(&QUEUE), AS_ALL, |s| Ok(Route::GetPriorityQueue(customer(s)?))),
    entry(Method::POST, "/customers/{customer}/queue/priority", "Submits a batch to the fast lane.", Takes::Members(&IMAGE), Gives::New(&BATCH), STORES, |s| Ok(Route::SubmitPriorityBatch(customer(s)?))),
    entry(Method::POST, "/customers/{customer}/queue/csv", "Submits what a table lists: every row or none.", Takes::Table, Gives::Imported { made: &BATCH, preview: &PREVIEW }, AS_ALL, |s| Ok(Route::ImportCsv(customer(s)?))),
    entry(Method::GET, "/customers/{customer}/queue/images", "Lists the images that wait or are being processed.", Takes::Nothing, Gives::Filtered(&IMAGE), AS_ALL, |s| Ok(Route::ListQueueImages(customer(s)?))),
    entry(Method::GET, "/customers/{customer}/queue/batches", "Lists all batches, newest first.", Takes::Nothing, Gives::Page(&BATCH), AS_ALL, |s| Ok(Route::ListBatches(customer(s)?))),
    entry(Method::GET, "/customers/{customer}/queue/active", "Lists the batches that are not finished.", Takes::Nothing, Gives::Page(&BATCH), AS_ALL, |s| Ok(Route::ListActiveBatches(customer(s)?))),
    entry(Method::GET, "/customers/{customer}/queue/recent", "Lists the batches that are finished.", Takes::Nothing, Gives::Page(&BATCH), AS_ALL, |s| Ok(Route::ListRecentBatches(customer(s)?))),
    entry(Method::GET, "/customers/{customer}/queue/batches/{batch}", "Shows a batch.", Takes::Nothing, Gives::One(&BATCH), AS_ALL, |s| Ok(Route::GetBatch(customer(s)?, batch(s)?))),
    entry(Method::GET, "/customers/{customer}/queue/batches/{batch}/images", "Lists the images that belong to a batch.", Takes::Nothing, Gives::Filtered(&IMAGE), AS_ALL, |s| Ok(Route::ListBatchImages(customer(s)?, batch(s)?))),
    entry(Method::GET, "/customers/{customer}/queue/batches/{batch}/assets", "Lists the images that a batch was made of.", Takes::Nothing, Gives::Filtered(&IMAGE), AS_ALL, |s| Ok(Route::ListBatchAssets(customer(s)?, batch(s)?))),
    entry(Method::GET, "/customers/{customer}/queue/batches/{batch}/completedImages", "Lists the images of a batch that have ended well.", Takes::Nothing, Gives::Filtered(&IMAGE), AS_ALL, |s| Ok(Route::ListCompletedImages(customer(s)?, batch(s)?))),
    entry(Method::GET, "/customers/{customer}/queue/batches/{batch}/errorImages", "Lists the images of a batch that have failed.", Takes::Nothing, Gives::Filtered(&IMAGE), AS_ALL, |s| Ok(Route::ListErrorImages(customer(s)?, batch(s)?))),
    entry(Method::POST, "/customers/{customer}/queue/batches/{batch}/retry", "Queues the failures of a batch again.", Takes::Nothing, Gives::One(&RETRY), AS_ALL, |s| Ok(Route::RetryBatch(customer(s)?, batch(s)?))),
    entry(Method::POST, "/customers/{customer}/queue/batches/{batch}/test", "Finds out again whether a batch is superseded.", Takes::Nothing, Gives::One(&TEST), AS_ALL, |s| Ok(Route::TestBatch(customer(s)?, batch(s)?))),
    entry(Method::GET, "/customers/{customer}/queue/batches/{batch}/events", "Sends a batch at every change, until it is finished.", Takes::Nothing, Gives::Events(&BATCH), AS_ALL, |s| Ok(Route::WatchBatch(customer(s)?, batch(s)?))),
    entry(Method::GET, "/customers/{customer}/originStrategies", "Lists the origin strategies of a customer.", Takes::Nothing, Gives::Page(&STRATEGY), AS_ALL, |s| Ok(Route::ListOriginStrategies(customer(s)?))),
    entry(Method::POST, "/customers/{customer}/originStrategies", "Makes an origin strategy.", Takes::New(&STRATEGY), Gives::New(&STRATEGY), CONFLICT, |s| Ok(Route::CreateOriginStrategy(customer(s)?))),
    entry(Method::POST, "/customers/{customer}/originStrategies/test", "Opens an address as a registration would.", Takes::New(&ORIGIN_TEST), Gives::One(&ORIGIN_TEST), AS_ALL, |s| Ok(Route::TryOrigin(customer(s)?))),
    entry(Method::GET, "/customers/{customer}/originStrategies/{strategy}", "Shows an origin strategy.", Takes::Nothing, Gives::One(&STRATEGY), AS_ALL, |s| Ok(Route::GetOriginStrategy(customer(s)?, strategy(s)?))),
    entry(Method::PUT, "/customers/{customer}/originStrategies/{strategy}", "Changes an origin strategy.", Takes::Changes(&STRATEGY), Gives::One(&STRATEGY), CONFLICT, |s| Ok(Route::PutOriginStrategy(customer(s)?, strategy(s)?))),
    entry(Method::PATCH, "/customers/{customer}/originStrategies/{strategy}", "Changes an origin strategy.", Takes::Changes(&STRATEGY), Gives::One(&STRATEGY), CONFLICT, |s| Ok(Route::PatchOriginStrategy(customer(s)?, strategy(s)?))),
    entry(Method::DELETE, "/customers/{customer}/originStrategies/{strategy}", "Deletes an origin strategy.", Takes::Nothing, Gives::Nothing, AS_ALL, |s| Ok(Route::DeleteOriginStrategy(customer(s)?, strategy(s)?))),
];

impl Route {
    /// Tells a request for delivery by the start of its path, without taking that apart.
    pub(crate) fn parse_delivery(method: &Method, raw_path: &str) -> Option<Self> {
        let first = raw_path.strip_prefix('/')?.split('/').next()?;
        let is_delivery = *method != Method::CONNECT && Family::of(first).is_some();
        is_delivery.then_some(Self::Delivery)
    }

    /// Parses a method and a path as it came, percent-encoding and all; HEAD is GET.
    pub(crate) fn parse(method: &Method, raw_path: &str) -> Result<Self, RouteError> {
        if *method == Method::CONNECT {
            return Err(RouteError::BadPath {
                reason: "this is not a proxy",
            });
        }
        if let Some(delivery) = Self::parse_delivery(method, raw_path) {
            return Ok(delivery);
        }
        let raw = raw_path.strip_prefix('/').ok_or(RouteError::NotFound)?;
        let segments = split(raw)?;
        let method = if *method == Method::HEAD {
            &Method::GET
        } else {
            method
        };
        let matching = || ROUTES.iter().filter(|it| matches(it.path, &segments));
        // What is written out is meant where a parameter would do, too.
        let path = matching().map(|entry| entry.path);
        let path = path.min_by_key(|path| path.matches('{').count());
        let at_path: Vec<_> = matching().filter(|it| Some(it.path) == path).collect();
        if let Some(found) = at_path.iter().find(|entry| entry.method == *method) {
            return (found.make)(&segments);
        }
        if at_path.is_empty() {
            return Err(RouteError::NotFound);
        }
        let mut allow = Vec::new();
        for entry in at_path {
            allow.push(entry.method.as_str());
            if entry.method == Method::GET {
                allow.push("HEAD");
            }
        }
        Err(RouteError::MethodNotAllowed {
            allow: allow.join(", "),
        })
    }
}

/// Splits first and decodes each segment once: an encoded slash is never a separator, and a plus is a plus.
fn split(raw: &str) -> Result<Vec<String>, RouteError> {
    if raw.is_empty() {
        return Ok(Vec::new());
    }
    let raw = raw.strip_suffix('/').unwrap_or(raw);
    raw.split('/')
        .map(|segment| {
            if segment.is_empty() {
                Err(RouteError::NotFound)
            } else {
                decode(segment).map(Cow::into_owned)
            }
        })
        .collect()
}

/// Decodes a segment of a path once, and strictly.
pub(crate) fn decode(segment: &str) -> Result<Cow<'_, str>, RouteError> {
    let bytes = segment.as_bytes();
    let broken = |at: usize| {
        !bytes
            .get(at + 1..at + 3)
            .is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit))
    };
    if bytes
        .iter()
        .enumerate()
        .any(|(at, byte)| *byte == b'%' && broken(at))
    {
        return Err(RouteError::BadPath {
            reason: "the path holds a `%` that is not followed by two hexadecimal digits: write `%25`",
        });
    }
    let text = percent_decode_str(segment)
        .decode_utf8()
        .map_err(|_| RouteError::BadPath {
            reason: "the path is not UTF-8 once it is decoded",
        })?;
    if text.chars().any(char::is_control) {
        return Err(RouteError::BadPath {
            reason: "the path holds a control character",
        });
    }
    Ok(text)
}

fn matches(path: &str, segments: Segments<'_>) -> bool {
    let pattern = path.split('/').filter(|part| !part.is_empty());
    pattern.clone().count() == segments.len()
        && pattern
            .zip(segments)
            .all(|(part, segment)| fits(part, segment))
}

/// Whether a segment is the part of a path, or, where that is a parameter, ends as the part does.
fn fits(part: &str, segment: &str) -> bool {
    match part.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
        Some((_, end)) => segment.ends_with(end),
        None => part == segment,
    }
}

fn customer(segments: Segments<'_>) -> Result<CustomerId, RouteError> {
    segments[1].parse().map_err(|_| RouteError::NotFound)
}

fn space(segments: Segments<'_>) -> Result<SpaceId, RouteError> {
    segments[3].parse().map_err(|_| RouteError::NotFound)
}

/// The number of a space that a client chooses, which is worth a reason when it cannot be one.
fn chosen_space(segments: Segments<'_>) -> Result<SpaceId, RouteError> {
    segments[3].parse().map_err(|reason| RouteError::BadId {
        of: "space",
        reason,
    })
}

const fn images(route: ImageRoute) -> Result<Route, RouteError> {
    Ok(Route::Image(route))
}

fn image(segments: Segments<'_>) -> Result<ImageId, RouteError> {
    let (customer, space) = (customer(segments)?, space(segments)?);
    let model = ModelId::parse(segments[5].as_str()).map_err(|reason| RouteError::BadId {
        of: "image",
        reason,
    })?;
    Ok(ImageId::new(customer, space, model))
}

fn batch(segments: Segments<'_>) -> Result<BatchId, RouteError> {
    segments[4].parse().map_err(|_| RouteError::NotFound)
}

fn strategy(segments: Segments<'_>) -> Result<OriginStrategyId, RouteError> {
    segments[3].parse().map_err(|_| RouteError::NotFound)
}

/// The image whose address on this API ends in a path, wherever the API is mounted.
pub(crate) fn image_at(raw_path: &str) -> Option<ImageId> {
    let start = raw_path.rfind("/customers/")?;
    match Route::parse(&Method::GET, &raw_path[start..]) {
        Ok(Route::Image(ImageRoute::Get(image))) => Some(image),
        _ => None,
    }
}
