//! From a method and a raw path to a route: pure, and one table.

mod entry;
mod family;
mod setting;
mod table;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use dlcs_core::id::IdError;
use dlcs_core::origin::OriginStrategyId;
use dlcs_core::{BatchId, CustomerId, ImageId, SpaceId};
use http::Method;
use percent_encoding::percent_decode_str;

pub(crate) use entry::Entry;
pub(crate) use family::{Family, QueryFamily};
pub(crate) use setting::{ChannelPolicyRoute, DefaultChannelRoute, SettingRoute};
pub(crate) use table::ROUTES;

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
    Setting(SettingRoute),
    ListStoragePolicies,
    GetStoragePolicy(String),
    GetCustomerStorage(CustomerId),
    GetSpaceStorage(CustomerId, SpaceId),
    GetSpaceMetadata(CustomerId, SpaceId),
    GetImageStorage(ImageId),
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

impl Route {
    /// Tells a request for delivery by the start of its path, without taking that apart.
    pub(crate) fn parse_delivery(method: &Method, raw_path: &str) -> Option<Self> {
        let first = raw_path.strip_prefix('/')?.split('/').next()?;
        let is_delivery = Family::of(first).is_some() || QueryFamily::of(first).is_some();
        (is_delivery && *method != Method::CONNECT).then_some(Self::Delivery)
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

/// The image whose address on this API ends in a path, wherever the API is mounted.
pub(crate) fn image_at(raw_path: &str) -> Option<ImageId> {
    let start = raw_path.rfind("/customers/")?;
    match Route::parse(&Method::GET, &raw_path[start..]) {
        Ok(Route::Image(ImageRoute::Get(image))) => Some(image),
        _ => None,
    }
}
