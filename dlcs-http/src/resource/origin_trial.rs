//! Trying an origin before anything is registered.

use dlcs_core::CustomerId;
use dlcs_core::dlcs::{OriginAnswer, OriginTrial};
use dlcs_core::image::OriginUrl;
use http::StatusCode;
use serde::Serialize;

use super::{Object, Outcome};
use crate::context::Context;
use crate::describe::{Class, Type, ro, rw};
use crate::fields::{Fields, Problems};
use crate::hydra::Header;

#[rustfmt::skip]
pub(crate) static ORIGIN_TEST: Class = Class {
    type_: "vocab:OriginTest",
    text: "What came of trying an origin.",
    known: &["origin"],
    properties: &[
        rw("origin", Type::Text, "The address that is tried.").such_as("https://example.org/f1r.tif").needed(),
        ro("success", Type::Boolean, "Whether it could be opened."),
        ro("error", Type::Text, "The error that a registration would have."),
        ro("matched", Type::Link, "The customer's origin strategy whose pattern it matches.").optional(),
        ro("regex", Type::Text, "That pattern."),
        ro("strategy", Type::Text, "The strategy by which it is fetched."),
        ro("credentialsHeldBack", Type::Boolean, "Whether the match does not cover the host, so that no credentials are sent."),
        ro("mediaType", Type::Text, "What the origin says that it is."),
        ro("size", Type::Natural, "How many bytes the origin says that it has."),
        ro("hostKey", Type::Text, "The key that an SFTP server shows."),
    ],
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TrialResource {
    #[serde(flatten)]
    header: Header,
    origin: String,
    success: bool,
    /// The sentence that a registration would have in its `error`.
    error: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    matched: Option<String>,
    regex: String,
    strategy: &'static str,
    credentials_held_back: bool,
    media_type: String,
    size: u64,
    host_key: String,
}

/// `POST /customers/{customer}/originStrategies/test`: opens an address as a registration would.
pub(crate) async fn run(context: &Context, customer: CustomerId, body: &Object) -> Outcome {
    let mut problems = Problems::default();
    let fields = Fields::new(body, "", ORIGIN_TEST.known, &mut problems);
    let origin = fields.text("origin", &mut problems);
    let origin = match origin.as_deref().map(OriginUrl::parse) {
        Some(Ok(origin)) => Some(origin),
        Some(Err(error)) => {
            let detail = format!("`origin` {error}: give the address of a master");
            problems.add(fields.at("origin"), detail);
            None
        }
        None => None,
    };
    let Some(origin) = origin else {
        if problems.is_empty() {
            problems.add("/origin", "`origin` is missing: give the address to try");
        }
        return Err(problems.refuse());
    };
    let trial = context.dlcs.try_origin(customer, &origin).await?;
    Ok(context.json(StatusCode::OK, &resource(context, customer, trial)))
}

fn resource(context: &Context, customer: CustomerId, trial: OriginTrial) -> TrialResource {
    let OriginTrial {
        context: tried,
        outcome,
    } = trial;
    let error = outcome.as_ref().err().map(|error| error.sentence());
    let OriginAnswer {
        length,
        media_type,
        host_key,
    } = outcome.unwrap_or(OriginAnswer {
        length: None,
        media_type: None,
        host_key: None,
    });
    let address = format!("{}/originStrategies/test", context.customer_link(customer));
    TrialResource {
        header: Header::new(&context.api, &ORIGIN_TEST, address),
        origin: tried.address,
        success: error.is_none(),
        error: error.unwrap_or_default(),
        matched: tried
            .strategy
            .map(|strategy| context.strategy_link(customer, strategy)),
        regex: tried.pattern.unwrap_or_default(),
        strategy: tried.kind.as_str(),
        credentials_held_back: tried.held_back,
        media_type: media_type.unwrap_or_default(),
        size: length.unwrap_or_default(),
        host_key: host_key.unwrap_or_default(),
    }
}
