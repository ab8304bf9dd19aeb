//! Trying an origin before anything is registered.

use dlcs_core::CustomerId;
use dlcs_core::dlcs::{OriginAnswer, OriginTrial};
use dlcs_core::image::OriginUrl;
use http::StatusCode;
use serde::Serialize;

use super::{Object, Outcome};
use crate::context::Context;
use crate::fields::{Fields, Problems};
use crate::hydra::Header;

const KNOWN: &[&str] = &["origin"];

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
    let fields = Fields::new(body, "", KNOWN, &mut problems);
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
        header: Header::new(address, "vocab:OriginTest"),
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
