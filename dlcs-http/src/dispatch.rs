//! Which handler answers a request to the API.

use dlcs_core::Customer;
use dlcs_core::batch::BatchFilter;
use dlcs_core::queue::Lane;
use http::Method;
use http::request::Parts;

use crate::auth::Guard;
use crate::context::Context;
use crate::describe;
use crate::error::{ApiError, Kind};
use crate::events::Streams;
use crate::idempotency::Named;
use crate::payload::Payload;
use crate::query::Query;
use crate::resource::batch::Members;
use crate::resource::{
    Outcome, batch, batch_events, csv_import, customer, entry_point, image, key, metadata,
    origin_strategy, origin_trial, policy, queue, setting, space, storage,
};
use crate::route::{Access, ImageRoute, Route};

/// Rights first, then the path, then the query string, and last the body.
pub(crate) async fn dispatch(
    context: &Context,
    parts: &Parts,
    guard: &Guard,
    streams: &Streams,
    payload: Payload,
) -> Outcome {
    let access = Access::of(&parts.method, parts.uri.path());
    let caller = guard.admit(&context.dlcs, parts, access).await?;
    let route = Route::parse(&parts.method, parts.uri.path())?;
    if let (Access::Customer(id), Some(caller)) = (access, &caller)
        && caller.id != id
    {
        customer::check_exists(context, id).await?;
    }
    let query = Query::parse(parts.uri.query())?;
    if let Route::WatchBatch(id, batch) = route {
        return batch_events::get(context, id, batch, streams, &parts.headers).await;
    }
    if parts.method == Method::POST {
        // Whatever is posted may have a body, and some of that is never read.
        payload.check_encoding()?;
    }
    let shows_secret = matches!(route, Route::CreateKey(_));
    let (named, payload) = Named::of(context, parts, caller.as_ref(), shows_secret, payload)?;
    match &named {
        Some(named) if !is_stored_first(&route, &payload) => {
            let payload = payload.held().await?;
            let run = || handle(context, route, caller, &query, payload, None);
            named.once(run).await
        }
        // Bytes of a master have no room in memory: they are stored first.
        named => handle(context, route, caller, &query, payload, named.as_ref()).await,
    }
}

/// Whether the body of a request goes to the store as it comes.
fn is_stored_first(route: &Route, payload: &Payload) -> bool {
    let registers = matches!(
        route,
        Route::Image(ImageRoute::Create(..) | ImageRoute::Put(..))
    );
    registers && payload.has_bytes()
}

async fn handle(
    context: &Context,
    route: Route,
    caller: Option<Customer>,
    query: &Query,
    payload: Payload,
    named: Option<&Named<'_>>,
) -> Outcome {
    match route {
        Route::Delivery | Route::WatchBatch(..) => Err(ApiError::new(
            Kind::NotFound,
            "there is nothing at this address",
        )),
        Route::EntryPoint => entry_point::get(context),
        Route::Health => entry_point::health(context),
        Route::Ready => entry_point::ready(context).await,
        Route::ErrorPage(slug) => entry_point::error_page(&slug),
        Route::Vocab => describe::vocab(context),
        Route::JsonLdContext(name) => describe::json_ld_context(context, &name),
        Route::OpenApi => describe::openapi(context),
        Route::ListStrategyKinds => origin_strategy::list_kinds(context, query),
        Route::GetStrategyKind(name) => origin_strategy::get_kind(context, &name),
        Route::ListOptimisationPolicies => policy::list_optimisations(context, query),
        Route::GetOptimisationPolicy(name) => policy::get_optimisation(context, &name),
        Route::ListThumbnailPolicies => policy::list_thumbnails(context, query),
        Route::GetThumbnailPolicy(name) => policy::get_thumbnails(context, &name),
        Route::GetTotals => queue::totals(context).await,
        Route::ListCustomers => {
            let caller = caller.expect("the route is not open, so somebody has been let in");
            customer::list(context, &caller, query).await
        }
        Route::CreateCustomer => customer::create(context, &payload.object().await?).await,
        Route::GetCustomer(id) => customer::get(context, id).await,
        Route::PatchCustomer(id) => customer::patch(context, id, &payload.object().await?).await,
        Route::ListKeys(id) => key::list(context, id, query).await,
        Route::CreateKey(id) => key::create(context, id).await,
        Route::DeleteKey(id, name) => key::delete(context, id, &name).await,
        Route::ListSpaces(id) => space::list(context, id, query).await,
        Route::CreateSpace(id) => space::create(context, id, &payload.object().await?).await,
        Route::GetSpace(id, space) => space::get(context, id, space).await,
        Route::PutSpace(id, space) => {
            space::put(context, id, space, &payload.object().await?).await
        }
        Route::PatchSpace(id, space) => {
            space::patch(context, id, space, &payload.object().await?).await
        }
        Route::DeleteSpace(id, space) => space::delete(context, id, space).await,
        Route::Image(route) => image::handle(context, route, query, payload, named).await,
        Route::ListStoragePolicies => storage::list_policies(context, query),
        Route::GetStoragePolicy(name) => storage::get_policy(context, &name),
        Route::GetCustomerStorage(id) => storage::of_customer(context, id).await,
        Route::GetSpaceStorage(id, space) => storage::of_space(context, id, space).await,
        Route::GetSpaceMetadata(id, space) => metadata::of_space(context, id, space).await,
        Route::GetImageStorage(id) => storage::of_image(context, &id).await,
        Route::Setting(route) => setting::handle(context, route, query, payload).await,
        Route::GetQueue(id) => queue::get(context, id).await,
        Route::SubmitBatch(id) => {
            queue::submit(context, id, Lane::Default, &payload.object().await?).await
        }
        Route::GetPriorityQueue(id) => queue::get_priority(context, id).await,
        Route::SubmitPriorityBatch(id) => {
            queue::submit(context, id, Lane::Priority, &payload.object().await?).await
        }
        Route::ImportCsv(id) => csv_import::import(context, id, query, payload).await,
        Route::ListQueueImages(id) => queue::list_images(context, id, query).await,
        Route::ListBatches(id) => batch::list(context, id, BatchFilter::All, query).await,
        Route::ListActiveBatches(id) => batch::list(context, id, BatchFilter::Active, query).await,
        Route::ListRecentBatches(id) => batch::list(context, id, BatchFilter::Recent, query).await,
        Route::GetBatch(id, batch) => batch::get(context, id, batch).await,
        Route::ListBatchImages(id, batch) => {
            batch::list_images(context, id, batch, Members::All, query).await
        }
        Route::ListBatchAssets(id, batch) => {
            batch::list_images(context, id, batch, Members::Made, query).await
        }
        Route::ListCompletedImages(id, batch) => {
            batch::list_images(context, id, batch, Members::Completed, query).await
        }
        Route::ListErrorImages(id, batch) => {
            batch::list_images(context, id, batch, Members::Failed, query).await
        }
        Route::RetryBatch(id, batch) => batch::retry(context, id, batch).await,
        Route::TestBatch(id, batch) => batch::test(context, id, batch).await,
        Route::ListOriginStrategies(id) => origin_strategy::list(context, id, query).await,
        Route::CreateOriginStrategy(id) => {
            origin_strategy::create(context, id, &payload.object().await?).await
        }
        Route::TryOrigin(id) => origin_trial::run(context, id, &payload.object().await?).await,
        Route::GetOriginStrategy(id, strategy) => origin_strategy::get(context, id, strategy).await,
        Route::PutOriginStrategy(id, strategy) | Route::PatchOriginStrategy(id, strategy) => {
            origin_strategy::update(context, id, strategy, &payload.object().await?).await
        }
        Route::DeleteOriginStrategy(id, strategy) => {
            origin_strategy::delete(context, id, strategy).await
        }
    }
}
