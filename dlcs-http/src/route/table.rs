//! The table of routes, which the router and the descriptions of the API are made from.

use dlcs_core::origin::OriginStrategyId;
use dlcs_core::setting::{SettingId, SettingKind};
use dlcs_core::{BatchId, CustomerId, ImageId, ModelId, SpaceId};
use http::Method;

use super::entry::entry;
use super::{
    ChannelPolicyRoute, DefaultChannelRoute, Entry, ImageRoute, Route, RouteError, Segments,
    SettingRoute,
};
use crate::describe::{AS_ALL, CONFLICT, Gives, JSON, JSON_LD, PROCESSES, STORES, Takes};
use crate::resource::batch::{BATCH, RETRY, TEST};
use crate::resource::csv_import::PREVIEW;
use crate::resource::customer::CUSTOMER;
use crate::resource::entry_point::{ENTRY_POINT, STATUS};
use crate::resource::image::{DELETION, IMAGE, MANIFESTS};
use crate::resource::key::KEY;
use crate::resource::metadata::METADATA;
use crate::resource::origin_strategy::{KIND, STRATEGY};
use crate::resource::origin_trial::ORIGIN_TEST;
use crate::resource::policy::{OPTIMISATION, THUMBNAILS};
use crate::resource::queue::{QUEUE, TOTALS};
use crate::resource::setting::{
    AUTH_SERVICE, CHANNEL_POLICY, DEFAULT_CHANNEL, Level, NAMED_QUERY, ROLE,
};
use crate::resource::space::SPACE;
use crate::resource::storage::{CUSTOMER_STORAGE, IMAGE_STORAGE, SPACE_STORAGE, STORAGE_POLICY};

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
    entry(Method::GET, "/storagePolicies", "Lists the policies of how much customers may have.", Takes::Nothing, Gives::Page(&STORAGE_POLICY), AS_ALL, |_| Ok(Route::ListStoragePolicies)),
    entry(Method::GET, "/storagePolicies/{name}", "Shows a policy of how much customers may have.", Takes::Nothing, Gives::One(&STORAGE_POLICY), AS_ALL, |s| Ok(Route::GetStoragePolicy(s[1].clone()))),
    entry(Method::GET, "/queue", "Counts what is in the queue, of all customers.", Takes::Nothing, Gives::One(&TOTALS), AS_ALL, |_| Ok(Route::GetTotals)),
    entry(Method::GET, "/customers", "Lists the customers that the key may see.", Takes::Nothing, Gives::Stubs(&CUSTOMER), AS_ALL, |_| Ok(Route::ListCustomers)),
    entry(Method::POST, "/customers", "Makes a customer; for administrators.", Takes::New(&CUSTOMER), Gives::New(&CUSTOMER), CONFLICT, |_| Ok(Route::CreateCustomer)),
    entry(Method::GET, "/customers/{customer}", "Shows a customer.", Takes::Nothing, Gives::One(&CUSTOMER), AS_ALL, |s| Ok(Route::GetCustomer(customer(s)?))),
    entry(Method::PATCH, "/customers/{customer}", "Changes the name of a customer for people.", Takes::Changes(&CUSTOMER), Gives::One(&CUSTOMER), AS_ALL, |s| Ok(Route::PatchCustomer(customer(s)?))),
    entry(Method::GET, "/customers/{customer}/storage", "Shows how much is stored of the images of a customer.", Takes::Nothing, Gives::One(&CUSTOMER_STORAGE), AS_ALL, |s| Ok(Route::GetCustomerStorage(customer(s)?))),
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
    entry(Method::GET, "/customers/{customer}/spaces/{space}/images/{image}/storage", "Shows how much is stored of an image.", Takes::Nothing, Gives::One(&IMAGE_STORAGE), AS_ALL, |s| Ok(Route::GetImageStorage(image(s)?))),
    entry(Method::GET, "/customers/{customer}/spaces/{space}/storage", "Shows how much is stored of the images of a space.", Takes::Nothing, Gives::One(&SPACE_STORAGE), AS_ALL, |s| Ok(Route::GetSpaceStorage(customer(s)?, space(s)?))),
    entry(Method::GET, "/customers/{customer}/spaces/{space}/metadata", "Shows what else is said of a space.", Takes::Nothing, Gives::One(&METADATA), AS_ALL, |s| Ok(Route::GetSpaceMetadata(customer(s)?, space(s)?))),
    entry(Method::GET, "/customers/{customer}/allImages", "Lists the images of all spaces.", Takes::Nothing, Gives::Filtered(&IMAGE), AS_ALL, |s| images(ImageRoute::ListAll(customer(s)?))),
    entry(Method::POST, "/customers/{customer}/allImages", "Finds images by their ids.", Takes::Members(&IMAGE), Gives::Found(&IMAGE), AS_ALL, |s| images(ImageRoute::FindAll(customer(s)?))),
    entry(Method::PATCH, "/customers/{customer}/allImages", "Changes the manifests of images, of all or none.", Takes::New(&MANIFESTS), Gives::Entire(&IMAGE), AS_ALL, |s| images(ImageRoute::EditAll(customer(s)?))),
    entry(Method::POST, "/customers/{customer}/deleteImages", "Deletes images.", Takes::Members(&IMAGE), Gives::One(&DELETION), AS_ALL, |s| images(ImageRoute::DeleteAll(customer(s)?))),
    entry(Method::GET, "/customers/{customer}/queue", "Shows the queue of a customer.", Takes::Nothing, Gives::One(&QUEUE), AS_ALL, |s| Ok(Route::GetQueue(customer(s)?))),
    entry(Method::POST, "/customers/{customer}/queue", "Submits a batch: all of its images or none.", Takes::Members(&IMAGE), Gives::New(&BATCH), STORES, |s| Ok(Route::SubmitBatch(customer(s)?))),
    entry(Method::GET, "/customers/{customer}/queue/priority", "Shows the fast lane of a queue.", Takes::Nothing, Gives::One(&QUEUE), AS_ALL, |s| Ok(Route::GetPriorityQueue(customer(s)?))),
    entry(Method::POST, "/customers/{customer}/queue/priority", "Submits a batch to the fast lane.", Takes::Members(&IMAGE), Gives::New(&BATCH), STORES, |s| Ok(Route::SubmitPriorityBatch(customer(s)?))),
    entry(Method::POST, "/customers/{customer}/queue/csv", "Submits what a table lists: every row or none.", Takes::Table, Gives::Imported { made: &BATCH, preview: &PREVIEW }, STORES, |s| Ok(Route::ImportCsv(customer(s)?))),
    entry(Method::GET, "/customers/{customer}/queue/images", "Lists the images that wait or are being processed.", Takes::Nothing, Gives::Filtered(&IMAGE), AS_ALL, |s| Ok(Route::ListQueueImages(customer(s)?))),
    entry(Method::GET, "/customers/{customer}/queue/batches", "Lists all batches, newest first.", Takes::Nothing, Gives::Page(&BATCH), AS_ALL, |s| Ok(Route::ListBatches(customer(s)?))),
    entry(Method::GET, "/customers/{customer}/queue/active", "Lists the batches that are not finished.", Takes::Nothing, Gives::Page(&BATCH), AS_ALL, |s| Ok(Route::ListActiveBatches(customer(s)?))),
    entry(Method::GET, "/customers/{customer}/queue/recent", "Lists the batches that are finished and not superseded.", Takes::Nothing, Gives::Page(&BATCH), AS_ALL, |s| Ok(Route::ListRecentBatches(customer(s)?))),
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
    entry(Method::GET, "/customers/{customer}/deliveryChannelPolicies", "Lists the delivery channels, each with where its policies are.", Takes::Nothing, Gives::Collections, AS_ALL, |s| policies(ChannelPolicyRoute::ListChannels(customer(s)?))),
    entry(Method::GET, "/customers/{customer}/deliveryChannelPolicies/{channel}", "Lists the policies of a delivery channel, those of the program first.", Takes::Nothing, Gives::Page(&CHANNEL_POLICY), AS_ALL, |s| policies(ChannelPolicyRoute::List(customer(s)?, s[3].clone()))),
    entry(Method::POST, "/customers/{customer}/deliveryChannelPolicies/{channel}", "Makes a policy of a delivery channel.", Takes::New(&CHANNEL_POLICY), Gives::New(&CHANNEL_POLICY), CONFLICT, |s| policies(ChannelPolicyRoute::Create(customer(s)?, s[3].clone()))),
    entry(Method::GET, "/customers/{customer}/deliveryChannelPolicies/{channel}/{name}", "Shows a policy of a delivery channel.", Takes::Nothing, Gives::One(&CHANNEL_POLICY), AS_ALL, |s| policies(ChannelPolicyRoute::Get(customer(s)?, s[3].clone(), s[4].clone()))),
    entry(Method::PUT, "/customers/{customer}/deliveryChannelPolicies/{channel}/{name}", "Makes a policy of this name, which needs `policyData`, or changes it.", Takes::Changes(&CHANNEL_POLICY), Gives::NewOrOne(&CHANNEL_POLICY), CONFLICT, |s| policies(ChannelPolicyRoute::Put(customer(s)?, s[3].clone(), s[4].clone()))),
    entry(Method::PATCH, "/customers/{customer}/deliveryChannelPolicies/{channel}/{name}", "Changes a policy of a delivery channel.", Takes::Changes(&CHANNEL_POLICY), Gives::One(&CHANNEL_POLICY), AS_ALL, |s| policies(ChannelPolicyRoute::Patch(customer(s)?, s[3].clone(), s[4].clone()))),
    entry(Method::DELETE, "/customers/{customer}/deliveryChannelPolicies/{channel}/{name}", "Deletes a policy that nothing names.", Takes::Nothing, Gives::Nothing, CONFLICT, |s| policies(ChannelPolicyRoute::Delete(customer(s)?, s[3].clone(), s[4].clone()))),
    entry(Method::GET, "/customers/{customer}/defaultDeliveryChannels", "Lists the default delivery channels of a customer.", Takes::Nothing, Gives::Page(&DEFAULT_CHANNEL), AS_ALL, |s| defaults(DefaultChannelRoute::List(of_customer(s)?))),
    entry(Method::POST, "/customers/{customer}/defaultDeliveryChannels", "Makes a default delivery channel of a customer.", Takes::New(&DEFAULT_CHANNEL), Gives::New(&DEFAULT_CHANNEL), CONFLICT, |s| defaults(DefaultChannelRoute::Create(of_customer(s)?))),
    entry(Method::GET, "/customers/{customer}/defaultDeliveryChannels/{default}", "Shows a default delivery channel of a customer.", Takes::Nothing, Gives::One(&DEFAULT_CHANNEL), AS_ALL, |s| defaults(DefaultChannelRoute::Get(of_customer(s)?, setting(s)?))),
    entry(Method::PUT, "/customers/{customer}/defaultDeliveryChannels/{default}", "Changes a default delivery channel of a customer.", Takes::Changes(&DEFAULT_CHANNEL), Gives::One(&DEFAULT_CHANNEL), CONFLICT, |s| defaults(DefaultChannelRoute::Put(of_customer(s)?, setting(s)?))),
    entry(Method::DELETE, "/customers/{customer}/defaultDeliveryChannels/{default}", "Deletes a default delivery channel of a customer.", Takes::Nothing, Gives::Nothing, AS_ALL, |s| defaults(DefaultChannelRoute::Delete(of_customer(s)?, setting(s)?))),
    entry(Method::GET, "/customers/{customer}/spaces/{space}/defaultDeliveryChannels", "Lists the default delivery channels of a space.", Takes::Nothing, Gives::Page(&DEFAULT_CHANNEL), AS_ALL, |s| defaults(DefaultChannelRoute::List(of_space(s)?))),
    entry(Method::POST, "/customers/{customer}/spaces/{space}/defaultDeliveryChannels", "Makes a default delivery channel of a space.", Takes::New(&DEFAULT_CHANNEL), Gives::New(&DEFAULT_CHANNEL), CONFLICT, |s| defaults(DefaultChannelRoute::Create(of_space(s)?))),
    entry(Method::GET, "/customers/{customer}/spaces/{space}/defaultDeliveryChannels/{default}", "Shows a default delivery channel of a space.", Takes::Nothing, Gives::One(&DEFAULT_CHANNEL), AS_ALL, |s| defaults(DefaultChannelRoute::Get(of_space(s)?, setting(s)?))),
    entry(Method::PUT, "/customers/{customer}/spaces/{space}/defaultDeliveryChannels/{default}", "Changes a default delivery channel of a space.", Takes::Changes(&DEFAULT_CHANNEL), Gives::One(&DEFAULT_CHANNEL), CONFLICT, |s| defaults(DefaultChannelRoute::Put(of_space(s)?, setting(s)?))),
    entry(Method::DELETE, "/customers/{customer}/spaces/{space}/defaultDeliveryChannels/{default}", "Deletes a default delivery channel of a space.", Takes::Nothing, Gives::Nothing, AS_ALL, |s| defaults(DefaultChannelRoute::Delete(of_space(s)?, setting(s)?))),
    entry(Method::GET, "/customers/{customer}/namedQueries", "Lists the named queries of a customer.", Takes::Nothing, Gives::Page(&NAMED_QUERY), AS_ALL, |s| settings(SettingRoute::List(customer(s)?, SettingKind::NamedQuery))),
    entry(Method::POST, "/customers/{customer}/namedQueries", "Makes a named query.", Takes::New(&NAMED_QUERY), Gives::New(&NAMED_QUERY), CONFLICT, |s| settings(SettingRoute::Create(customer(s)?, SettingKind::NamedQuery))),
    entry(Method::GET, "/customers/{customer}/namedQueries/{query}", "Shows a named query.", Takes::Nothing, Gives::One(&NAMED_QUERY), AS_ALL, |s| settings(SettingRoute::Get(customer(s)?, SettingKind::NamedQuery, setting(s)?))),
    entry(Method::PUT, "/customers/{customer}/namedQueries/{query}", "Changes a named query.", Takes::Changes(&NAMED_QUERY), Gives::One(&NAMED_QUERY), AS_ALL, |s| settings(SettingRoute::Put(customer(s)?, SettingKind::NamedQuery, setting(s)?))),
    entry(Method::DELETE, "/customers/{customer}/namedQueries/{query}", "Deletes a named query.", Takes::Nothing, Gives::Nothing, AS_ALL, |s| settings(SettingRoute::Delete(customer(s)?, SettingKind::NamedQuery, setting(s)?))),
    entry(Method::GET, "/customers/{customer}/roles", "Lists the roles of a customer.", Takes::Nothing, Gives::Page(&ROLE), AS_ALL, |s| settings(SettingRoute::List(customer(s)?, SettingKind::AccessRole))),
    entry(Method::POST, "/customers/{customer}/roles", "Makes a role.", Takes::New(&ROLE), Gives::New(&ROLE), CONFLICT, |s| settings(SettingRoute::Create(customer(s)?, SettingKind::AccessRole))),
    entry(Method::GET, "/customers/{customer}/roles/{role}", "Shows a role.", Takes::Nothing, Gives::One(&ROLE), AS_ALL, |s| settings(SettingRoute::Get(customer(s)?, SettingKind::AccessRole, setting(s)?))),
    entry(Method::PUT, "/customers/{customer}/roles/{role}", "Changes a role.", Takes::Changes(&ROLE), Gives::One(&ROLE), CONFLICT, |s| settings(SettingRoute::Put(customer(s)?, SettingKind::AccessRole, setting(s)?))),
    entry(Method::DELETE, "/customers/{customer}/roles/{role}", "Deletes a role.", Takes::Nothing, Gives::Nothing, AS_ALL, |s| settings(SettingRoute::Delete(customer(s)?, SettingKind::AccessRole, setting(s)?))),
    entry(Method::GET, "/customers/{customer}/authServices", "Lists the authentication services of a customer.", Takes::Nothing, Gives::Page(&AUTH_SERVICE), AS_ALL, |s| settings(SettingRoute::List(customer(s)?, SettingKind::AuthService))),
    entry(Method::POST, "/customers/{customer}/authServices", "Makes an authentication service.", Takes::New(&AUTH_SERVICE), Gives::New(&AUTH_SERVICE), CONFLICT, |s| settings(SettingRoute::Create(customer(s)?, SettingKind::AuthService))),
    entry(Method::GET, "/customers/{customer}/authServices/{service}", "Shows an authentication service.", Takes::Nothing, Gives::One(&AUTH_SERVICE), AS_ALL, |s| settings(SettingRoute::Get(customer(s)?, SettingKind::AuthService, setting(s)?))),
    entry(Method::PUT, "/customers/{customer}/authServices/{service}", "Changes an authentication service.", Takes::Changes(&AUTH_SERVICE), Gives::One(&AUTH_SERVICE), CONFLICT, |s| settings(SettingRoute::Put(customer(s)?, SettingKind::AuthService, setting(s)?))),
    entry(Method::DELETE, "/customers/{customer}/authServices/{service}", "Deletes an authentication service.", Takes::Nothing, Gives::Nothing, AS_ALL, |s| settings(SettingRoute::Delete(customer(s)?, SettingKind::AuthService, setting(s)?))),
];

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
