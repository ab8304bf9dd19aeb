//! IIIF delivery: the Image API 2.1 and 3.0 at level 2, thumbnails at level 0, and manifests of the Presentation API 2.1 and 3.0; and sources as
//! they came.
//!
//! Public and read-only: nothing here asks who the client is.

mod accept;
mod description;
mod document;
mod file;
mod headers;
mod image;
mod info;
mod links;
mod manifest;
mod query;
mod range;
mod ready;
mod route;
mod thumbs;

use std::sync::Arc;

use dlcs_core::derivative::{DerivativeError, RenderError};
use dlcs_core::iiif::{GrammarVersion, ResolvedRequest, Version};
use dlcs_core::image::{ImageService, OpenAccess};
use dlcs_core::time::Timestamp;
use dlcs_core::{CustomerId, Error, Image, ImageId};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response};

use crate::body::{ResponseBody, full, left_out};
use crate::context::Context;
use crate::error::{ApiError, Kind};
use crate::route::Family;
use headers::Description;
use route::{CustomerRef, DeliveryRoute, ImageRoute, Target};

pub(crate) use description::{Description as RouteDescription, descriptions};
pub(crate) use file::Pieces;
pub(crate) use links::Links;
pub(crate) use ready::ReadyAnswers;

/// Room for the headers of an answer, so that their table does not grow.
const HEADERS: usize = 16;

/// How often an image is looked up again because its derivative was replaced between the look and the read.
const LOOKS: usize = 2;

/// A request for something of an image that is served.
#[derive(Debug)]
struct Asked<'a> {
    context: &'a Context,
    request: &'a Parts,
    route: &'a ImageRoute<'a>,
    image: &'a Arc<Image>,
    service: &'a ImageService,
}

/// Answers a request for something that is delivered.
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
    if let Some(response) = context.answers.find(context, request).await? {
        return Ok(response);
    }
    match DeliveryRoute::parse(request.uri.path())? {
        DeliveryRoute::Image(route) => answer_image(context, request, &route).await,
        DeliveryRoute::Query(route) => query::answer(context, request, &route).await,
    }
}

async fn answer_image(
    context: &Context,
    request: &Parts,
    route: &ImageRoute<'_>,
) -> Result<Response<ResponseBody>, ApiError> {
    let id = find_id(context, &route.target).await?;
    let mut looks = 0;
    loop {
        looks += 1;
        let image = context.dlcs.image(&id).await?;
        match serve(context, request, route, &image).await {
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
    route: &ImageRoute<'_>,
    image: &Arc<Image>,
) -> Result<Response<ResponseBody>, Failure> {
    let is_there = image.service().is_some() || image.original.is_some();
    if is_there && !is_open(image) {
        let detail = "this image is not open to everybody";
        return Err(ApiError::new(Kind::ImageRestricted, detail).into());
    }
    if route.family == Family::File {
        return file::answer(context, request, image).await;
    }
    let service = image.service().ok_or_else(nothing_here)?;
    let asked = Asked {
        context,
        request,
        route,
        image,
        service,
    };
    match route.family {
        Family::Image => image::answer(&asked, &route.wanted).await,
        Family::Thumbs => thumbs::answer(&asked, &route.wanted).await,
        Family::Manifest => Ok(manifest::answer(&asked)?),
        Family::File => Err(nothing_here().into()),
    }
}

async fn find_id(context: &Context, target: &Target) -> Result<ImageId, ApiError> {
    let customer = find_customer(context, &target.customer).await?;
    Ok(ImageId::new(customer, target.space, target.model.clone()))
}

async fn find_customer(context: &Context, customer: &CustomerRef) -> Result<CustomerId, ApiError> {
    match customer {
        CustomerRef::Id(id) => Ok(*id),
        CustomerRef::Name(name) => {
            let found = context.dlcs.catalogue().find_customer_by_name(name).await;
            Ok(found?.ok_or_else(nothing_here)?.id)
        }
    }
}

/// Whether everybody may see all of an image: nobody can show here yet that they may see what is not open.
fn is_open(image: &Image) -> bool {
    image.metadata.roles.is_empty() && image.max_unauthorised == OpenAccess::Full
}

impl Asked<'_> {
    /// The address of what is asked for, in a version or in none.
    fn address(&self, version: Option<Version>) -> String {
        let family = self.route.family;
        self.context.delivery_link(family, version, &self.image.id)
    }

    /// The grammar that the address is written in.
    const fn grammar(&self) -> GrammarVersion {
        match self.route.target.version {
            None => GrammarVersion::Unversioned,
            Some(Version::V2) => GrammarVersion::V2,
            Some(Version::V3) => GrammarVersion::V3,
        }
    }

    fn modified(&self) -> Option<Timestamp> {
        let now = self.context.dlcs.clock().now();
        headers::modified(self.service, self.context.started, now)
    }

    /// From the base of a service to its information.
    fn to_information(&self) -> Response<ResponseBody> {
        let base = self.address(self.route.target.version);
        headers::redirect(format!("{base}/info.json"))
    }

    /// Pixels of the image, whose canonical address ends like this.
    async fn pixels(
        &self,
        canonical: &str,
        resolved: &ResolvedRequest,
    ) -> Result<Response<ResponseBody>, Failure> {
        let ImageRoute { family, target, .. } = self.route;
        let profile = info::profile_of(target.version.unwrap_or(Version::V3), *family);
        let base = self.address(target.version);
        let description = Description {
            content_type: HeaderValue::from_static(resolved.format.media_type()),
            link: Some(headers::image_link(profile, &base, canonical)),
            etag: headers::image_etag(self.service, canonical, resolved.size),
            modified: self.modified(),
            by_accept: false,
        };
        if let Some(response) = description.not_modified(&self.request.headers) {
            return Ok(response);
        }
        let mut response = Response::new(left_out());
        *response.headers_mut() = HeaderMap::with_capacity(HEADERS);
        description.add_to(response.headers_mut());
        if self.request.method == Method::HEAD {
            return Ok(response);
        }
        let rendered = match self.context.dlcs.render(self.image, resolved).await {
            Ok(rendered) => rendered,
            Err(error) if is_gone(&error) => return Err(Failure::Gone),
            Err(error) => return Err(ApiError::from(error).into()),
        };
        if let CustomerRef::Id(_) = target.customer {
            // Names may come to mean another customer.
            let answers = &self.context.answers;
            answers.keep(
                self.context,
                self.request,
                self.image,
                description,
                &rendered.bytes,
            );
        }
        *response.body_mut() = full(rendered.bytes);
        Ok(response)
    }
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
