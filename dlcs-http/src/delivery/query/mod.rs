//! `/iiif-resource` and `/raw-resource`: what named queries select, as manifests and as ids.

mod route;

use dlcs_core::Image;
use http::request::Parts;
use http::{HeaderValue, Response};

pub(super) use self::route::QueryRoute;

use super::headers::{self, Description};
use super::{find_customer, is_open, manifest};
use crate::body::ResponseBody;
use crate::context::Context;
use crate::error::{ApiError, Kind};
use crate::route::{Family, QueryFamily};

/// Answers with what a named query selects and everybody may see.
pub(super) async fn answer(
    context: &Context,
    request: &Parts,
    route: &QueryRoute,
) -> Result<Response<ResponseBody>, ApiError> {
    let QueryRoute {
        query, arguments, ..
    } = route;
    let customer = find_customer(context, &route.customer).await?;
    let mut images = context.dlcs.select(customer, query, arguments).await?;
    images.retain(is_open);
    let response = match route.family {
        QueryFamily::Manifest => {
            let form = manifest::form(request, route.version);
            let id = context.query_link(form.named, customer, query, arguments);
            let document = manifest::document(context, form, &id, &route.label(), &images);
            let services = images.iter().filter_map(Image::service);
            document.map(|it| it.answer_about(services, Family::Manifest, &request.headers))
        }
        QueryFamily::Ids => (!images.is_empty()).then(|| ids(request, &images)),
    };
    response.ok_or_else(|| {
        let detail = "the named query selects nothing that everybody may see";
        ApiError::new(Kind::NotFound, detail)
    })
}

fn ids(request: &Parts, images: &[Image]) -> Response<ResponseBody> {
    let ids: Vec<_> = images.iter().map(|image| image.id.to_string()).collect();
    let body = serde_json::to_vec(&ids).expect("a list of texts");
    let description = Description {
        content_type: HeaderValue::from_static("application/json"),
        link: None,
        etag: headers::document_etag([], false, &body),
        modified: None,
        by_accept: false,
    };
    description.answer(&request.headers, body)
}
