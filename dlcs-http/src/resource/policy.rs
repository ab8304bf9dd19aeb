//! The policies that images are made by: always there, and the same for everybody.

use dlcs_core::policy::{ChromaSampling, ImageOptimisationPolicy, ThumbnailPolicy, TileCoding};
use http::StatusCode;
use serde::Serialize;

use super::Outcome;
use crate::context::Context;
use crate::describe::{Class, Type, ro};
use crate::error::{ApiError, Kind};
use crate::hydra::{Header, whole};
use crate::query::Query;

#[rustfmt::skip]
pub(crate) static OPTIMISATION: Class = Class {
    type_: "vocab:ImageOptimisationPolicy",
    text: "How the tiles of images are coded.",
    known: &[],
    properties: &[
        ro("name", Type::Text, "Its name."),
        ro("technicalDetails", Type::Texts, "What it does, in words."),
    ],
};

#[rustfmt::skip]
pub(crate) static THUMBNAILS: Class = Class {
    type_: "vocab:ThumbnailPolicy",
    text: "Which thumbnails are made of images.",
    known: &[],
    properties: &[
        ro("name", Type::Text, "Its name."),
        ro("sizes", Type::Naturals, "The sides of the squares that thumbnails fit into, in pixels, largest first."),
    ],
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OptimisationResource {
    #[serde(flatten)]
    header: Header,
    name: &'static str,
    /// In words, for people.
    technical_details: Vec<String>,
}

#[derive(Serialize)]
struct ThumbnailResource {
    #[serde(flatten)]
    header: Header,
    name: &'static str,
    /// The sides of the squares, in pixels, largest first.
    sizes: &'static [u32],
}

/// `GET /imageOptimisationPolicies`
pub(crate) fn list_optimisations(context: &Context, query: &Query) -> Outcome {
    let policies = ImageOptimisationPolicy::ALL.map(|policy| optimisation(context, policy));
    let address = optimisations_link(context);
    let listed = whole(address, query, &OPTIMISATION, policies.into())?;
    Ok(context.json(StatusCode::OK, &listed))
}

/// `GET /imageOptimisationPolicies/{name}`
pub(crate) fn get_optimisation(context: &Context, name: &str) -> Outcome {
    let policy = name.parse().map_err(|_| unknown())?;
    Ok(context.json(StatusCode::OK, &optimisation(context, policy)))
}

/// `GET /thumbnailPolicies`
pub(crate) fn list_thumbnails(context: &Context, query: &Query) -> Outcome {
    let policies = ThumbnailPolicy::ALL.map(|policy| thumbnails(context, policy));
    let address = thumbnails_link(context);
    let listed = whole(address, query, &THUMBNAILS, policies.into())?;
    Ok(context.json(StatusCode::OK, &listed))
}

/// `GET /thumbnailPolicies/{name}`
pub(crate) fn get_thumbnails(context: &Context, name: &str) -> Outcome {
    let policy = name.parse().map_err(|_| unknown())?;
    Ok(context.json(StatusCode::OK, &thumbnails(context, policy)))
}

/// The address of the policies of pyramids.
pub(crate) fn optimisations_link(context: &Context) -> String {
    format!("{}/imageOptimisationPolicies", context.api)
}

/// The address of the policies of thumbnails.
pub(crate) fn thumbnails_link(context: &Context) -> String {
    format!("{}/thumbnailPolicies", context.api)
}

fn optimisation(context: &Context, policy: ImageOptimisationPolicy) -> OptimisationResource {
    let id = format!("{}/{policy}", optimisations_link(context));
    OptimisationResource {
        header: Header::new(&context.api, &OPTIMISATION, id),
        name: policy.as_str(),
        technical_details: vec![
            format!("tiles of {} pixels", policy.tile().get()),
            match policy.coding() {
                TileCoding::Jpeg { quality, sampling } => {
                    let sampling = match sampling {
                        ChromaSampling::Full => "4:4:4",
                        ChromaSampling::Quarter => "4:2:0",
                    };
                    format!("JPEG, quality {quality}, colours at {sampling}")
                }
                TileCoding::Lossless => {
                    "every pixel as it is; a JPEG keeps its own coding where it can be cut"
                        .to_owned()
                }
            },
        ],
    }
}

fn thumbnails(context: &Context, policy: ThumbnailPolicy) -> ThumbnailResource {
    let id = format!("{}/{policy}", thumbnails_link(context));
    ThumbnailResource {
        header: Header::new(&context.api, &THUMBNAILS, id),
        name: policy.as_str(),
        sizes: policy.sizes(),
    }
}

fn unknown() -> ApiError {
    ApiError::new(Kind::NotFound, "there is no policy of this name")
}
