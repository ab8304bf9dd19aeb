//! IIIF delivery: the Image API 2.1 and 3.0 at level 2. Public and read-only: nothing here asks who the client is.

mod accept;
mod headers;
mod info;
mod route;

use std::borrow::Cow;

use dlcs_core::derivative::{DerivativeError, RenderError};
use dlcs_core::iiif::{GrammarVersion, ImageRequest, Info, ResolvedRequest, Version};
use dlcs_core::image::{ImageService, OpenAccess};
use dlcs_core::policy::Channel;
use dlcs_core::time::Timestamp;
use dlcs_core::{Error, Image, ImageId};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response};

use crate::body::{ResponseBody, full, left_out};
use crate::context::Context;
use crate::error::{ApiError, Kind};
use crate::hydra::encode_segment;
use crate::route::DELIVERY;
use accept::Accept;
use headers::Description;
use route::{CustomerRef, DeliveryRoute, Target, Wanted};

/// Room for the headers of an answer, so that their table does not grow.
const HEADERS: usize = 16;

/// How often an image is looked up again because its derivative was replaced between the look and the read.
const LOOKS: usize = 2;

/// The base of an image's service, in a version or, for handing out, in none.
fn service_address(context: &Context, version: Option<Version>, image: &ImageId) -> String {
    let version = match version {
        None => "",
        Some(Version::V2) => "v2/",
        Some(Version::V3) => "v3/",
    };
    format!(
        "{}/{DELIVERY}/{version}{}/{}/{}",
        context.delivery,
        image.customer(),
        image.space(),
        encode_segment(image.model().as_str())
    )
}

/// Answers a request below `/iiif-img`.
pub(crate) async fn respond(context: &Context, request: &Parts) -> Response<ResponseBody> {
    let mut response = match request.method {
        Method::OPTIONS => headers::preflight(),
        Method::GET | Method::HEAD => match answer(context, request).await {
            Ok(response) => response,
            Err(error) => refuse(context, request, error),
        },
        _ => {
            let error = ApiError::new(
                Kind::MethodNotAllowed,
                "images are read with GET; register and delete them through the API",
            );
            refuse(context, request, error.with_allow(headers::METHODS))
        }
    };
    headers::open_to_all_origins(response.headers_mut());
    response
}

/// Answers with an error. Only then is there something to log, and a span to log it in.
fn refuse(context: &Context, request: &Parts, error: ApiError) -> Response<ResponseBody> {
    let span = context.span(request);
    span.in_scope(|| error.into_response(context))
}

async fn answer(context: &Context, request: &Parts) -> Result<Response<ResponseBody>, ApiError> {
    let route = DeliveryRoute::parse(request.uri.path())?;
    let id = find_id(context, &route.target).await?;
    let mut looks = 0;
    loop {
        looks += 1;
        let image = context.dlcs.image(&id).await?;
        match serve(context, request, &route, &image).await {
            // The image was registered again meanwhile, and what it served before is gone.
            Err(Failure::Gone) if looks < LOOKS => {}
            Err(Failure::Gone) => {
                return Err(ApiError::new(
                    Kind::Internal,
                    "what is served of this image is missing: register it again",
                ));
            }
            Err(Failure::Answer(error)) => return Err(error),
            Ok(response) => return Ok(response),
        }
    }
}

/// Why an image is not served.
enum Failure {
    /// Its derivative is not there any more.
    Gone,
    /// What the client is told.
    Answer(ApiError),
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self::Answer(error)
    }
}

async fn serve(
    context: &Context,
    request: &Parts,
    route: &DeliveryRoute<'_>,
    image: &Image,
) -> Result<Response<ResponseBody>, Failure> {
    let service = image
        .service()
        .filter(|_| image.has_channel(Channel::IiifImg))
        .ok_or_else(nothing_here)?;
    check_open(image)?;
    match &route.wanted {
        Wanted::Base => {
            let base = service_address(context, route.target.version, &image.id);
            Ok(headers::redirect(format!("{base}/info.json")))
        }
        Wanted::Info => Ok(information(context, request, &route.target, image, service)),
        Wanted::Pixels(parameters) => {
            pixels(context, request, &route.target, image, service, parameters).await
        }
    }
}

async fn find_id(context: &Context, target: &Target) -> Result<ImageId, ApiError> {
    let customer = match &target.customer {
        CustomerRef::Id(id) => *id,
        CustomerRef::Name(name) => {
            let found = context.dlcs.catalogue().find_customer_by_name(name).await;
            found?.ok_or_else(nothing_here)?.id
        }
    };
    Ok(ImageId::new(customer, target.space, target.model.clone()))
}

/// Refuses what only some may see: nobody can show here yet that they may.
fn check_open(image: &Image) -> Result<(), ApiError> {
    if image.metadata.roles.is_empty() && image.max_unauthorised == OpenAccess::Full {
        return Ok(());
    }
    Err(ApiError::new(
        Kind::ImageRestricted,
        "this image is not open to everybody",
    ))
}

fn information(
    context: &Context,
    request: &Parts,
    target: &Target,
    image: &Image,
    service: &ImageService,
) -> Response<ResponseBody> {
    let accept = Accept::of(&request.headers);
    let version = target.version.unwrap_or_else(|| accept.version());
    let json_ld = accept.json_ld(version);
    // Version 2 out of an address without a version names the service that always speaks it.
    let named = match (target.version, version) {
        (None, Version::V3) => None,
        (_, version) => Some(version),
    };
    let id = service_address(context, named, &image.id);
    let info = describe(context, service);
    let body = info::body(version, &id, &info);
    let description = Description {
        content_type: headers::info_type(version, json_ld),
        link: headers::info_link(version, json_ld),
        etag: headers::info_etag(service, json_ld, &body),
        modified: modified(context, service),
        by_accept: true,
    };
    if let Some(response) = description.not_modified(&request.headers) {
        return response;
    }
    let mut response = Response::new(full(body));
    description.add_to(response.headers_mut());
    response
}

fn modified(context: &Context, service: &ImageService) -> Option<Timestamp> {
    headers::modified(service, context.started, context.dlcs.clock().now())
}

fn describe(context: &Context, service: &ImageService) -> Info {
    let derivative = &service.derivative;
    let limits = &context.dlcs.settings().limits;
    let formats = context.dlcs.formats();
    Info::of(derivative.pyramid, &derivative.thumbnails, limits, formats)
}

async fn pixels(
    context: &Context,
    request: &Parts,
    target: &Target,
    image: &Image,
    service: &ImageService,
    parameters: &[Cow<'_, str>; 4],
) -> Result<Response<ResponseBody>, Failure> {
    let resolved = resolve(context, target.version, service, parameters)?;
    let version = target.version.unwrap_or(Version::V3);
    let canonical = resolved.canonical(version, service.dimensions());
    let base = service_address(context, target.version, &image.id);
    let description = Description {
        content_type: HeaderValue::from_static(resolved.format.media_type()),
        link: headers::image_link(version, &base, &canonical),
        etag: headers::image_etag(service, &canonical, resolved.size),
        modified: modified(context, service),
        by_accept: false,
    };
    if let Some(response) = description.not_modified(&request.headers) {
        return Ok(response);
    }
    let mut response = Response::new(left_out());
    *response.headers_mut() = HeaderMap::with_capacity(HEADERS);
    description.add_to(response.headers_mut());
    if request.method == Method::HEAD {
        return Ok(response);
    }
    let rendered = match context.dlcs.render(image, &resolved).await {
        Ok(rendered) => rendered,
        Err(error) if is_gone(&error) => return Err(Failure::Gone),
        Err(error) => return Err(ApiError::from(error).into()),
    };
    *response.body_mut() = full(rendered.bytes);
    Ok(response)
}

fn resolve(
    context: &Context,
    version: Option<Version>,
    service: &ImageService,
    [region, size, rotation, file]: &[Cow<'_, str>; 4],
) -> Result<ResolvedRequest, ApiError> {
    let grammar = match version {
        None => GrammarVersion::Unversioned,
        Some(Version::V2) => GrammarVersion::V2,
        Some(Version::V3) => GrammarVersion::V3,
    };
    let limits = &context.dlcs.settings().limits;
    ImageRequest::parse(grammar, region, size, rotation, file)
        .and_then(|request| request.served_in(context.dlcs.formats()))
        .and_then(|request| request.resolve(service.dimensions(), limits))
        .map_err(|error| ApiError::new(Kind::InvalidImageRequest, error.to_string()))
}

/// Whether the derivative is not there any more.
fn is_gone(error: &Error) -> bool {
    matches!(
        error,
        Error::Render(RenderError::Derivative(DerivativeError::NotFound { .. }))
    )
}

fn nothing_here() -> ApiError {
    ApiError::new(Kind::NotFound, "no image is served at this address")
}
