//! Settings of customers: policies and defaults of delivery channels, named queries, roles, authentication services.

mod access;
mod channel_policy;
mod default_channel;
mod named_query;

use dlcs_core::CustomerId;
use dlcs_core::catalogue::CatalogueError;
use dlcs_core::setting::{Setting, SettingBody, SettingId, SettingKind};
use http::StatusCode;
use serde::Serialize;

use super::{Object, Outcome, as_value};
use crate::context::Context;
use crate::describe::Class;
use crate::error::ApiError;
use crate::fields::{Fields, Problems};
use crate::hydra::{no_content, whole};
use crate::payload::Payload;
use crate::query::Query;
use crate::route::SettingRoute;

pub(crate) use access::{AUTH_SERVICE, ROLE};
pub(crate) use channel_policy::CHANNEL_POLICY;
pub(crate) use default_channel::{DEFAULT_CHANNEL, Level};
pub(crate) use named_query::NAMED_QUERY;

use access::{AuthServiceResource, RoleResource};
use named_query::NamedQueryResource;

/// How many of a kind a customer may have: all of them are looked at, one after the other.
const MOST: usize = 1000;

/// How a kind of setting looks on the wire.
trait SettingResource: Serialize + Sized + Send {
    const KIND: SettingKind;
    /// Where they are, below their customer.
    const PATH: &'static str;
    /// What there is to say of them.
    const CLASS: &'static Class;
    /// The properties of requests that only the program sets.
    const READ_ONLY: &'static [&'static str];

    /// A setting as it is sent; `None` for another kind.
    fn of(context: &Context, setting: &Setting) -> Option<Self>;

    /// What a request says, with what is stored where it says nothing; `None` where there is a problem.
    fn read(
        fields: &Fields<'_>,
        stored: Option<&Setting>,
        problems: &mut Problems,
    ) -> Option<SettingBody>;
}

/// Answers what is asked of settings.
pub(crate) async fn handle(
    context: &Context,
    route: SettingRoute,
    query: &Query,
    payload: Payload,
) -> Outcome {
    match route {
        SettingRoute::List(customer, SettingKind::NamedQuery) => {
            list::<NamedQueryResource>(context, customer, query).await
        }
        SettingRoute::List(customer, SettingKind::AccessRole) => {
            list::<RoleResource>(context, customer, query).await
        }
        SettingRoute::List(customer, _) => {
            list::<AuthServiceResource>(context, customer, query).await
        }
        SettingRoute::Create(customer, SettingKind::NamedQuery) => {
            create::<NamedQueryResource>(context, customer, &payload.object().await?).await
        }
        SettingRoute::Create(customer, SettingKind::AccessRole) => {
            create::<RoleResource>(context, customer, &payload.object().await?).await
        }
        SettingRoute::Create(customer, _) => {
            create::<AuthServiceResource>(context, customer, &payload.object().await?).await
        }
        SettingRoute::Get(customer, SettingKind::NamedQuery, id) => {
            get::<NamedQueryResource>(context, customer, id).await
        }
        SettingRoute::Get(customer, SettingKind::AccessRole, id) => {
            get::<RoleResource>(context, customer, id).await
        }
        SettingRoute::Get(customer, _, id) => {
            get::<AuthServiceResource>(context, customer, id).await
        }
        SettingRoute::Put(customer, SettingKind::NamedQuery, id) => {
            put::<NamedQueryResource>(context, customer, id, &payload.object().await?).await
        }
        SettingRoute::Put(customer, SettingKind::AccessRole, id) => {
            put::<RoleResource>(context, customer, id, &payload.object().await?).await
        }
        SettingRoute::Put(customer, _, id) => {
            put::<AuthServiceResource>(context, customer, id, &payload.object().await?).await
        }
        SettingRoute::Delete(customer, kind, id) => delete(context, customer, kind, id).await,
        SettingRoute::ChannelPolicy(route) => {
            channel_policy::handle(context, route, query, payload).await
        }
        SettingRoute::DefaultChannel(route) => {
            default_channel::handle(context, route, query, payload).await
        }
    }
}

/// `GET /customers/{customer}/…`
async fn list<R: SettingResource>(
    context: &Context,
    customer: CustomerId,
    query: &Query,
) -> Outcome {
    let settings = all(context, customer, R::KIND).await?;
    let resources = settings
        .iter()
        .filter_map(|it| R::of(context, it))
        .collect();
    let address = format!("{}/{}", context.customer_link(customer), R::PATH);
    let listed = whole(address, query, R::CLASS, resources)?;
    Ok(context.json(StatusCode::OK, &listed))
}

/// `POST /customers/{customer}/…`
async fn create<R: SettingResource>(
    context: &Context,
    customer: CustomerId,
    body: &Object,
) -> Outcome {
    let mut problems = Problems::default();
    let fields = Fields::new(body, "", R::CLASS.known, &mut problems);
    fields.check_read_only(R::READ_ONLY, None, &mut problems);
    let said = R::read(&fields, None, &mut problems);
    refuse_one_more(context, customer, R::KIND, &mut problems).await?;
    problems.check()?;
    let said = said.ok_or_else(|| problems.refuse())?;
    let setting = Setting::new(customer, said, context.dlcs.clock().now());
    context
        .dlcs
        .catalogue()
        .create_setting(setting.clone())
        .await?;
    let address = format!(
        "{}/{}/{}",
        context.customer_link(customer),
        R::PATH,
        setting.id
    );
    Ok(context.created(&address, &R::of(context, &setting)))
}

/// `GET /customers/{customer}/…/{id}`
async fn get<R: SettingResource>(
    context: &Context,
    customer: CustomerId,
    id: SettingId,
) -> Outcome {
    let setting = find(context, customer, R::KIND, id).await?;
    Ok(context.json(StatusCode::OK, &R::of(context, &setting)))
}

/// `PUT /customers/{customer}/…/{id}`: what is left out keeps its value.
async fn put<R: SettingResource>(
    context: &Context,
    customer: CustomerId,
    id: SettingId,
    body: &Object,
) -> Outcome {
    let stored = find(context, customer, R::KIND, id).await?;
    let mut problems = Problems::default();
    let fields = Fields::new(body, "", R::CLASS.known, &mut problems);
    let as_sent = as_value(&R::of(context, &stored));
    fields.check_read_only(R::READ_ONLY, Some(&as_sent), &mut problems);
    let said = R::read(&fields, Some(&stored), &mut problems);
    problems.check()?;
    let said = said.ok_or_else(|| problems.refuse())?;
    let setting = replace(context, stored, said).await?;
    Ok(context.json(StatusCode::OK, &R::of(context, &setting)))
}

/// `DELETE /customers/{customer}/…/{id}`
async fn delete(
    context: &Context,
    customer: CustomerId,
    kind: SettingKind,
    id: SettingId,
) -> Outcome {
    let catalogue = context.dlcs.catalogue();
    catalogue.delete_setting(customer, kind, id).await?;
    Ok(no_content())
}

/// Stores what a setting says from now on.
async fn replace(
    context: &Context,
    stored: Setting,
    body: SettingBody,
) -> Result<Setting, ApiError> {
    let setting = Setting {
        body,
        modified: context.dlcs.clock().now(),
        ..stored
    };
    context
        .dlcs
        .catalogue()
        .update_setting(setting.clone())
        .await?;
    Ok(setting)
}

async fn all(
    context: &Context,
    customer: CustomerId,
    kind: SettingKind,
) -> Result<Vec<Setting>, ApiError> {
    Ok(context
        .dlcs
        .catalogue()
        .list_settings(customer, kind)
        .await?)
}

async fn find(
    context: &Context,
    customer: CustomerId,
    kind: SettingKind,
    id: SettingId,
) -> Result<Setting, ApiError> {
    let all = all(context, customer, kind).await?;
    let found = all.into_iter().find(|setting| setting.id == id);
    found.ok_or_else(|| missing(kind))
}

fn missing(kind: SettingKind) -> ApiError {
    CatalogueError::NotFound {
        subject: kind.subject(),
    }
    .into()
}

async fn refuse_one_more(
    context: &Context,
    customer: CustomerId,
    kind: SettingKind,
    problems: &mut Problems,
) -> Result<(), ApiError> {
    if all(context, customer, kind).await?.len() >= MOST {
        let detail = format!(
            "the customer has {MOST} of these, which is the most ({}): delete some",
            kind.subject()
        );
        problems.add("", detail);
    }
    Ok(())
}

/// A text that must be there, of at most so many characters.
fn required_text(
    fields: &Fields<'_>,
    name: &str,
    stored: Option<&str>,
    problems: &mut Problems,
) -> Option<String> {
    let said = optional_text(fields, name, problems);
    or_stored(said, fields, name, stored, problems)
}

/// A text that must be there, of as many characters as its kind of setting has room for.
fn required_text_of_any_length(
    fields: &Fields<'_>,
    name: &str,
    stored: Option<&str>,
    problems: &mut Problems,
) -> Option<String> {
    let said = fields.text(name, problems);
    if said.as_ref().is_some_and(|text| text.contains('\0')) {
        let detail = format!("`{name}` holds the character NUL, which cannot be stored");
        problems.add(fields.at(name), detail);
    }
    or_stored(said, fields, name, stored, problems)
}

/// What is said, or else what is stored, of a text that must be there.
fn or_stored(
    said: Option<String>,
    fields: &Fields<'_>,
    name: &str,
    stored: Option<&str>,
    problems: &mut Problems,
) -> Option<String> {
    let at = fields.at(name);
    if problems.is_at(&at) {
        return None;
    }
    match said.or_else(|| stored.map(ToOwned::to_owned)) {
        Some(text) if !text.is_empty() => Some(text),
        _ => {
            problems.add(at, format!("`{name}` is missing: it cannot be empty"));
            None
        }
    }
}

/// A text that may be left out.
fn optional_text(fields: &Fields<'_>, name: &str, problems: &mut Problems) -> Option<String> {
    let text = fields.text(name, problems)?;
    match dlcs_core::image::text_problem(&text) {
        Some(reason) => {
            problems.add(fields.at(name), format!("`{name}` {reason}"));
            None
        }
        None => Some(text),
    }
}

/// A list of texts that may be left out.
fn optional_texts(fields: &Fields<'_>, name: &str, problems: &mut Problems) -> Option<Vec<String>> {
    use dlcs_core::image::{LIST_MAX_ITEMS, text_problem};
    let texts = fields.texts(name, problems)?;
    if texts.len() > LIST_MAX_ITEMS {
        let detail = format!("`{name}` has more than {LIST_MAX_ITEMS} items, which is the most");
        problems.add(fields.at(name), detail);
        return None;
    }
    for (place, text) in texts.iter().enumerate() {
        if let Some(reason) = text_problem(text) {
            let at = format!("{}/{place}", fields.at(name));
            problems.add(at, format!("an item of `{name}` {reason}"));
        }
    }
    Some(texts)
}
