//! API keys.

use dlcs_core::CustomerId;
use http::StatusCode;
use serde::Serialize;

use super::Outcome;
use crate::context::Context;
use crate::describe::{Class, Type, ro};
use crate::hydra::{Header, encode_segment, no_content, whole};
use crate::query::Query;

#[rustfmt::skip]
pub(crate) static KEY: Class = Class {
    type_: "vocab:Key",
    text: "An API key.",
    known: &[],
    properties: &[
        ro("key", Type::Text, "The key: the user name of HTTP Basic authentication."),
        ro("secret", Type::Text, "The password; there once, in the answer to the making of the key.").optional().unordered(),
    ],
};

/// A key; its secret is there once, in the answer to its making.
#[derive(Serialize)]
struct KeyResource {
    #[serde(flatten)]
    header: Header,
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

fn resource(
    context: &Context,
    customer: CustomerId,
    key: String,
    secret: Option<String>,
) -> KeyResource {
    let link = format!(
        "{}/keys/{}",
        context.customer_link(customer),
        encode_segment(&key)
    );
    KeyResource {
        header: Header::new(&context.api, &KEY, link),
        key,
        secret,
    }
}

/// `GET /customers/{customer}/keys`
pub(crate) async fn list(context: &Context, customer: CustomerId, query: &Query) -> Outcome {
    let keys = context.dlcs.catalogue().list_keys(customer).await?;
    let keys = keys
        .into_iter()
        .map(|key| resource(context, customer, key.key, None))
        .collect();
    let address = format!("{}/keys", context.customer_link(customer));
    Ok(context.json(StatusCode::OK, &whole(address, query, &KEY, keys)?))
}

/// `POST /customers/{customer}/keys`
pub(crate) async fn create(context: &Context, customer: CustomerId) -> Outcome {
    let made = context.dlcs.create_key(customer).await?;
    let secret = made.secret.expose().to_owned();
    Ok(context.json(
        StatusCode::OK,
        &resource(context, customer, made.key, Some(secret)),
    ))
}

/// `DELETE /customers/{customer}/keys/{key}`
pub(crate) async fn delete(context: &Context, customer: CustomerId, key: &str) -> Outcome {
    context.dlcs.catalogue().delete_key(customer, key).await?;
    Ok(no_content())
}
