//! From a method and a raw path to a route: pure, and one table.

mod family;
mod setting;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use dlcs_core::id::IdError;
use dlcs_core::origin::OriginStrategyId;
use dlcs_core::setting::{SettingId, SettingKind};
use dlcs_core::{BatchId, CustomerId, ImageId, ModelId, SpaceId};
use http::Method;
use percent_encoding::percent_decode_str;

use crate::resource::setting::Level;
pub(crate) use family::{Family, QueryFamily};
pub(crate) use setting::{ChannelPolicyRoute, DefaultChannelRoute, SettingRoute};

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    Delivery,
    EntryPoint,
    Health,
    Ready,
    ErrorPage(String),
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
type Make = fn(Segments<'_>) -> Result<Route, RouteError>;

/// One method of one path.
struct Entry {
    method: Method,
    path: &'static str,
    make: Make,
}

const fn entry(method: Method, path: &'static str, make: Make) -> Entry {
    Entry { method, path, make }
}

// A customer stands at the second place of every path that has one, a space at the fourth, an image at the sixth, a batch at the fifth.
#[rustfmt::skip]
static ROUTES: &[Entry] = &[
    entry(Method::GET, "/", |_| Ok(Route::EntryPoint)),
    entry(Method::GET, "/health", |_| Ok(Route::Health)),
    entry(Method::GET, "/ready", |_| Ok(Route::Ready)),
    entry(Method::GET, "/docs/errors/{slug}", |s| Ok(Route::ErrorPage(s[2].clone()))),
    entry(Method::GET, "/originStrategies", |_| Ok(Route::ListStrategyKinds)),
    entry(Method::GET, "/originStrategies/{name}", |s| Ok(Route::GetStrategyKind(s[1].clone()))),
    entry(Method::GET, "/imageOptimisationPolicies", |_| Ok(Route::ListOptimisationPolicies)),
    entry(Method::GET, "/imageOptimisationPolicies/{name}", |s| Ok(Route::GetOptimisationPolicy(s[1].clone()))),
    entry(Method::GET, "/thumbnailPolicies", |_| Ok(Route::ListThumbnailPolicies)),
    entry(Method::GET, "/thumbnailPolicies/{name}", |s| Ok(Route::GetThumbnailPolicy(s[1].clone()))),
    entry(Method::GET, "/storagePolicies", |_| Ok(Route::ListStoragePolicies)),
    entry(Method::GET, "/storagePolicies/{name}", |s| Ok(Route::GetStoragePolicy(s[1].clone()))),
    entry(Method::GET, "/queue", |_| Ok(Route::GetTotals)),
    entry(Method::GET, "/customers", |_| Ok(Route::ListCustomers)),
    entry(Method::POST, "/customers", |_| Ok(Route::CreateCustomer)),
    entry(Method::GET, "/customers/{customer}", |s| Ok(Route::GetCustomer(customer(s)?))),
    entry(Method::PATCH, "/customers/{customer}", |s| Ok(Route::PatchCustomer(customer(s)?))),
    entry(Method::GET, "/customers/{customer}/storage", |s| Ok(Route::GetCustomerStorage(customer(s)?))),
    entry(Method::GET, "/customers/{customer}/keys", |s| Ok(Route::ListKeys(customer(s)?))),
    entry(Method::POST, "/customers/{customer}/keys", |s| Ok(Route::CreateKey(customer(s)?))),
    entry(Method::DELETE, "/customers/{customer}/keys/{key}", |s| Ok(Route::DeleteKey(customer(s)?, s[3].clone()))),
    entry(Method::GET, "/customers/{customer}/spaces", |s| Ok(Route::ListSpaces(customer(s)?))),
    entry(Method::POST, "/customers/{customer}/spaces", |s| Ok(Route::CreateSpace(customer(s)?))),
    entry(Method::GET, "/customers/{customer}/spaces/{space}", |s| Ok(Route::GetSpace(customer(s)?, space(s)?))),
    entry(Method::PUT, "/customers/{customer}/spaces/{space}", |s| Ok(Route::PutSpace(customer(s)?, chosen_space(s)?))),
    entry(Method::PATCH, "/customers/{customer}/spaces/{space}", |s| Ok(Route::PatchSpace(customer(s)?, space(s)?))),
    entry(Method::DELETE, "/customers/{customer}/spaces/{space}", |s| Ok(Route::DeleteSpace(customer(s)?, space(s)?))),
    entry(Method::GET, "/customers/{customer}/spaces/{space}/images", |s| images(ImageRoute::List(customer(s)?, space(s)?))),
    entry(Method::POST, "/customers/{customer}/spaces/{space}/images", |s| images(ImageRoute::Create(customer(s)?, space(s)?))),
    entry(Method::PATCH, "/customers/{customer}/spaces/{space}/images", |s| images(ImageRoute::PatchAll(customer(s)?, space(s)?))),
    entry(Method::GET, "/customers/{customer}/spaces/{space}/images/{image}", |s| images(ImageRoute::Get(image(s)?))),
    entry(Method::PUT, "/customers/{customer}/spaces/{space}/images/{image}", |s| images(ImageRoute::Put(image(s)?))),
    entry(Method::POST, "/customers/{customer}/spaces/{space}/images/{image}", |s| images(ImageRoute::Put(image(s)?))),
    entry(Method::PATCH, "/customers/{customer}/spaces/{space}/images/{image}", |s| images(ImageRoute::Patch(image(s)?))),
    entry(Method::DELETE, "/customers/{customer}/spaces/{space}/images/{image}", |s| images(ImageRoute::Delete(image(s)?))),
    entry(Method::POST, "/customers/{customer}/spaces/{space}/images/{image}/reingest", |s| images(ImageRoute::Reingest(image(s)?))),
    entry(Method::GET, "/customers/{customer}/spaces/{space}/images/{image}/storage", |s| Ok(Route::GetImageStorage(image(s)?))),
    entry(Method::GET, "/customers/{customer}/spaces/{space}/storage", |s| Ok(Route::GetSpaceStorage(customer(s)?, space(s)?))),
    entry(Method::GET, "/customers/{customer}/allImages", |s| images(ImageRoute::ListAll(customer(s)?))),
    entry(Method::POST, "/customers/{customer}/allImages", |s| images(ImageRoute::FindAll(customer(s)?))),
    entry(Method::PATCH, "/customers/{customer}/allImages", |s| images(ImageRoute::EditAll(customer(s)?))),
    entry(Method::POST, "/customers/{customer}/deleteImages", |s| images(ImageRoute::DeleteAll(customer(s)?))),
    entry(Method::GET, "/customers/{customer}/queue", |s| Ok(Route::GetQueue(customer(s)?))),
    entry(Method::POST, "/customers/{customer}/queue", |s| Ok(Route::SubmitBatch(customer(s)?))),
    entry(Method::GET, "/customers/{customer}/queue/priority", |s| Ok(Route::GetPriorityQueue(customer(s)?))),
    entry(Method::POST, "/customers/{customer}/queue/priority", |s| Ok(Route::SubmitPriorityBatch(customer(s)?))),
    entry(Method::POST, "/customers/{customer}/queue/csv", |s| Ok(Route::ImportCsv(customer(s)?))),
    entry(Method::GET, "/customers/{customer}/queue/images", |s| Ok(Route::ListQueueImages(customer(s)?))),
    entry(Method::GET, "/customers/{customer}/queue/batches", |s| Ok(Route::ListBatches(customer(s)?))),
    entry(Method::GET, "/customers/{customer}/queue/active", |s| Ok(Route::ListActiveBatches(customer(s)?))),
    entry(Method::GET, "/customers/{customer}/queue/recent", |s| Ok(Route::ListRecentBatches(customer(s)?))),
    entry(Method::GET, "/customers/{customer}/queue/batches/{batch}", |s| Ok(Route::GetBatch(customer(s)?, batch(s)?))),
    entry(Method::GET, "/customers/{customer}/queue/batches/{batch}/images", |s| Ok(Route::ListBatchImages(customer(s)?, batch(s)?))),
    entry(Method::GET, "/customers/{customer}/queue/batches/{batch}/assets", |s| Ok(Route::ListBatchAssets(customer(s)?, batch(s)?))),
    entry(Method::GET, "/customers/{customer}/queue/batches/{batch}/completedImages", |s| Ok(Route::ListCompletedImages(customer(s)?, batch(s)?))),
    entry(Method::GET, "/customers/{customer}/queue/batches/{batch}/errorImages", |s| Ok(Route::ListErrorImages(customer(s)?, batch(s)?))),
    entry(Method::POST, "/customers/{customer}/queue/batches/{batch}/retry", |s| Ok(Route::RetryBatch(customer(s)?, batch(s)?))),
    entry(Method::POST, "/customers/{customer}/queue/batches/{batch}/test", |s| Ok(Route::TestBatch(customer(s)?, batch(s)?))),
    entry(Method::GET, "/customers/{customer}/queue/batches/{batch}/events", |s| Ok(Route::WatchBatch(customer(s)?, batch(s)?))),
    entry(Method::GET, "/customers/{customer}/originStrategies", |s| Ok(Route::ListOriginStrategies(customer(s)?))),
    entry(Method::POST, "/customers/{customer}/originStrategies", |s| Ok(Route::CreateOriginStrategy(customer(s)?))),
    entry(Method::POST, "/customers/{customer}/originStrategies/test", |s| Ok(Route::TryOrigin(customer(s)?))),
    entry(Method::GET, "/customers/{customer}/originStrategies/{strategy}", |s| Ok(Route::GetOriginStrategy(customer(s)?, strategy(s)?))),
    entry(Method::PUT, "/customers/{customer}/originStrategies/{strategy}", |s| Ok(Route::PutOriginStrategy(customer(s)?, strategy(s)?))),
    entry(Method::PATCH, "/customers/{customer}/originStrategies/{strategy}", |s| Ok(Route::PatchOriginStrategy(customer(s)?, strategy(s)?))),
    entry(Method::DELETE, "/customers/{customer}/originStrategies/{strategy}", |s| Ok(Route::DeleteOriginStrategy(customer(s)?, strategy(s)?))),
    entry(Method::GET, "/customers/{customer}/deliveryChannelPolicies", |s| policies(ChannelPolicyRoute::ListChannels(customer(s)?))),
    entry(Method::GET, "/customers/{customer}/deliveryChannelPolicies/{channel}", |s| policies(ChannelPolicyRoute::List(customer(s)?, s[3].clone()))),
    entry(Method::POST, "/customers/{customer}/deliveryChannelPolicies/{channel}", |s| policies(ChannelPolicyRoute::Create(customer(s)?, s[3].clone()))),
    entry(Method::GET, "/customers/{customer}/deliveryChannelPolicies/{channel}/{name}", |s| policies(ChannelPolicyRoute::Get(customer(s)?, s[3].clone(), s[4].clone()))),
    entry(Method::PUT, "/customers/{customer}/deliveryChannelPolicies/{channel}/{name}", |s| policies(ChannelPolicyRoute::Put(customer(s)?, s[3].clone(), s[4].clone()))),
    entry(Method::PATCH, "/customers/{customer}/deliveryChannelPolicies/{channel}/{name}", |s| policies(ChannelPolicyRoute::Patch(customer(s)?, s[3].clone(), s[4].clone()))),
    entry(Method::DELETE, "/customers/{customer}/deliveryChannelPolicies/{channel}/{name}", |s| policies(ChannelPolicyRoute::Delete(customer(s)?, s[3].clone(), s[4].clone()))),
    entry(Method::GET, "/customers/{customer}/defaultDeliveryChannels", |s| defaults(DefaultChannelRoute::List(of_customer(s)?))),
    entry(Method::POST, "/customers/{customer}/defaultDeliveryChannels", |s| defaults(DefaultChannelRoute::Create(of_customer(s)?))),
    entry(Method::GET, "/customers/{customer}/defaultDeliveryChannels/{default}", |s| defaults(DefaultChannelRoute::Get(of_customer(s)?, setting(s)?))),
    entry(Method::PUT, "/customers/{customer}/defaultDeliveryChannels/{default}", |s| defaults(DefaultChannelRoute::Put(of_customer(s)?, setting(s)?))),
    entry(Method::DELETE, "/customers/{customer}/defaultDeliveryChannels/{default}", |s| defaults(DefaultChannelRoute::Delete(of_customer(s)?, setting(s)?))),
    entry(Method::GET, "/customers/{customer}/spaces/{space}/defaultDeliveryChannels", |s| defaults(DefaultChannelRoute::List(of_space(s)?))),
    entry(Method::POST, "/customers/{customer}/spaces/{space}/defaultDeliveryChannels", |s| defaults(DefaultChannelRoute::Create(of_space(s)?))),
    entry(Method::GET, "/customers/{customer}/spaces/{space}/defaultDeliveryChannels/{default}", |s| defaults(DefaultChannelRoute::Get(of_space(s)?, setting(s)?))),
    entry(Method::PUT, "/customers/{customer}/spaces/{space}/defaultDeliveryChannels/{default}", |s| defaults(DefaultChannelRoute::Put(of_space(s)?, setting(s)?))),
    entry(Method::DELETE, "/customers/{customer}/spaces/{space}/defaultDeliveryChannels/{default}", |s| defaults(DefaultChannelRoute::Delete(of_space(s)?, setting(s)?))),
    entry(Method::GET, "/customers/{customer}/namedQueries", |s| settings(SettingRoute::List(customer(s)?, SettingKind::NamedQuery))),
    entry(Method::POST, "/customers/{customer}/namedQueries", |s| settings(SettingRoute::Create(customer(s)?, SettingKind::NamedQuery))),
    entry(Method::GET, "/customers/{customer}/namedQueries/{query}", |s| settings(SettingRoute::Get(customer(s)?, SettingKind::NamedQuery, setting(s)?))),
    entry(Method::PUT, "/customers/{customer}/namedQueries/{query}", |s| settings(SettingRoute::Put(customer(s)?, SettingKind::NamedQuery, setting(s)?))),
    entry(Method::DELETE, "/customers/{customer}/namedQueries/{query}", |s| settings(SettingRoute::Delete(customer(s)?, SettingKind::NamedQuery, setting(s)?))),
    entry(Method::GET, "/customers/{customer}/roles", |s| settings(SettingRoute::List(customer(s)?, SettingKind::AccessRole))),
    entry(Method::POST, "/customers/{customer}/roles", |s| settings(SettingRoute::Create(customer(s)?, SettingKind::AccessRole))),
    entry(Method::GET, "/customers/{customer}/roles/{role}", |s| settings(SettingRoute::Get(customer(s)?, SettingKind::AccessRole, setting(s)?))),
    entry(Method::PUT, "/customers/{customer}/roles/{role}", |s| settings(SettingRoute::Put(customer(s)?, SettingKind::AccessRole, setting(s)?))),
    entry(Method::DELETE, "/customers/{customer}/roles/{role}", |s| settings(SettingRoute::Delete(customer(s)?, SettingKind::AccessRole, setting(s)?))),
    entry(Method::GET, "/customers/{customer}/authServices", |s| settings(SettingRoute::List(customer(s)?, SettingKind::AuthService))),
    entry(Method::POST, "/customers/{customer}/authServices", |s| settings(SettingRoute::Create(customer(s)?, SettingKind::AuthService))),
    entry(Method::GET, "/customers/{customer}/authServices/{service}", |s| settings(SettingRoute::Get(customer(s)?, SettingKind::AuthService, setting(s)?))),
    entry(Method::PUT, "/customers/{customer}/authServices/{service}", |s| settings(SettingRoute::Put(customer(s)?, SettingKind::AuthService, setting(s)?))),
    entry(Method::DELETE, "/customers/{customer}/authServices/{service}", |s| settings(SettingRoute::Delete(customer(s)?, SettingKind::AuthService, setting(s)?))),
];

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
        let at_path: Vec<_> = ROUTES
            .iter()
            .filter(|entry| matches(entry.path, &segments))
            .collect();
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
            .all(|(part, segment)| part.starts_with('{') || part == segment)
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

const fn settings(route: SettingRoute) -> Result<Route, RouteError> {
    Ok(Route::Setting(route))
}

const fn policies(route: ChannelPolicyRoute) -> Result<Route, RouteError> {
    settings(SettingRoute::ChannelPolicy(route))
}

const fn defaults(route: DefaultChannelRoute) -> Result<Route, RouteError> {
    settings(SettingRoute::DefaultChannel(route))
}

fn of_customer(segments: Segments<'_>) -> Result<Level, RouteError> {
    let (customer, space) = (customer(segments)?, None);
    Ok(Level { customer, space })
}

fn of_space(segments: Segments<'_>) -> Result<Level, RouteError> {
    let (customer, space) = (customer(segments)?, Some(space(segments)?));
    Ok(Level { customer, space })
}

/// The id of a setting, which every path that has one ends with.
fn setting(segments: Segments<'_>) -> Result<SettingId, RouteError> {
    let last = segments.last().ok_or(RouteError::NotFound)?;
    last.parse().map_err(|_| RouteError::NotFound)
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
