//! The entry point, the health of the program, and the pages of errors.

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};
use serde::Serialize;
use serde_json::json;

use super::{Outcome, policy, storage};
use crate::body::full;
use crate::context::Context;
use crate::describe::{Class, Type, ro};
use crate::error::{ApiError, Kind};
use crate::hydra::Header;

#[rustfmt::skip]
pub(crate) static ENTRY_POINT: Class = Class {
    type_: "vocab:EntryPoint",
    text: "Where the API begins.",
    known: &[],
    properties: &[
        ro("customers", Type::Link, "The customers that the key may see."),
        ro("originStrategies", Type::Link, "The strategies by which origins are fetched."),
        ro("queue", Type::Link, "The queue of all customers."),
        ro("imageOptimisationPolicies", Type::Link, "The policies by which images are coded."),
        ro("thumbnailPolicies", Type::Link, "The policies by which thumbnails are made."),
        ro("storagePolicies", Type::Link, "The policies of how much customers may have."),
    ],
};

#[rustfmt::skip]
pub(crate) static STATUS: Class = Class {
    type_: "Status",
    text: "How the program is.",
    known: &[],
    properties: &[ro("status", Type::Word(&["ok", "ready"]), "How it is.")],
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EntryPoint {
    #[serde(flatten)]
    header: Header,
    customers: String,
    origin_strategies: String,
    queue: String,
    image_optimisation_policies: String,
    thumbnail_policies: String,
    storage_policies: String,
}

/// `GET /`
pub(crate) fn get(context: &Context) -> Outcome {
    let resource = EntryPoint {
        header: Header::new(&context.api, &ENTRY_POINT, context.api.to_string()),
        customers: format!("{}/customers", context.api),
        origin_strategies: format!("{}/originStrategies", context.api),
        queue: format!("{}/queue", context.api),
        image_optimisation_policies: policy::optimisations_link(context),
        thumbnail_policies: policy::thumbnails_link(context),
        storage_policies: storage::policies_link(context),
    };
    Ok(context.json(StatusCode::OK, &resource))
}

/// `GET /health`: the program runs.
pub(crate) fn health(context: &Context) -> Outcome {
    Ok(context.json(StatusCode::OK, &json!({"status": "ok"})))
}

/// `GET /ready`: requests will be served.
pub(crate) async fn ready(context: &Context) -> Outcome {
    match context.dlcs.ready().await {
        Ok(()) => Ok(context.json(StatusCode::OK, &json!({"status": "ready"}))),
        Err(error) => {
            let detail = "the catalogue or the derivative store does not answer: try again later";
            Err(ApiError::new(Kind::Unavailable, detail).with_cause(error))
        }
    }
}

/// `GET /docs/errors/{slug}`: the page that the `type` of an error leads to.
pub(crate) fn error_page(slug: &str) -> Outcome {
    let kind = Kind::from_slug(slug)
        .ok_or_else(|| ApiError::new(Kind::NotFound, "there is no such kind of error"))?;
    let (status, text) = (kind.status(), kind.text());
    let (title, advice) = (text.title, text.advice);
    let page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>{title}</title>\n\
         <h1>{title}</h1>\n<p>Status {status}</p>\n<p>{advice}</p>\n</html>\n"
    );
    let mut response = Response::new(full(page));
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, html);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_error_has_a_page() {
        for kind in Kind::ALL {
            let slug = kind.text().slug;
            assert!(
                error_page(slug).is_ok_and(|page| page.status() == StatusCode::OK),
                "{slug}"
            );
        }
    }
}
