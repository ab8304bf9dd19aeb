//! Origin strategies: those that the program knows, and a customer's own.

use std::borrow::Cow;

use dlcs_core::CustomerId;
use dlcs_core::catalogue::{CatalogueError, Subject};
use dlcs_core::image::shorten;
use dlcs_core::origin::{
    CredentialsError, CustomerOriginStrategy, OriginAccess, OriginPattern, OriginStrategyId,
    OriginStrategyKind,
};
use http::StatusCode;
use serde::Serialize;
use serde_json::Value;

use super::{Object, Outcome};
use crate::body::parse_object;
use crate::context::Context;
use crate::describe::{Class, Type, ro, rw};
use crate::error::ApiError;
use crate::fields::{Fields, Problems, last_segment};
use crate::hydra::{Header, no_content, whole};
use crate::pair::Pair;
use crate::query::Query;

/// How many a customer may have: each is looked at for every fetch.
const MOST: usize = 100;
/// What stands for credentials on the wire; sent back, it keeps those that are stored.
const MASK: &str = "xxx";
/// The way to fetch: as it is called now, and as it was in 2016.
const STRATEGY_NAMES: Pair = Pair("strategy", "originStrategy");

#[rustfmt::skip]
pub(crate) static KIND: Class = Class {
    type_: "vocab:OriginStrategy",
    text: "A way to fetch from origins.",
    known: &[],
    properties: &[
        ro("name", Type::Text, "Its name."),
        ro("requiresCredentials", Type::Boolean, "Whether it cannot do without credentials."),
    ],
};

#[rustfmt::skip]
pub(crate) static STRATEGY: Class = Class {
    type_: "vocab:CustomerOriginStrategy",
    text: "Which of a customer's origins are fetched in which way.",
    known: &["id", "regex", "strategy", "originStrategy", "credentials", "optimised", "order", "created"],
    properties: &[
        ro("id", Type::Text, "Its id."),
        rw("regex", Type::Text, "The pattern of the origins that it is for.").such_as(r"^https://example\.org/").needed(),
        rw("strategy", Type::Text, "The way to fetch: its name or its address.").such_as("basic-http-authentication").needed(),
        rw("originStrategy", Type::Link, "The same, by its name of 2016.").such_as("basic-http-authentication").taking(&[Type::Text]),
        rw("credentials", Type::Text, "What the way needs to get in; shown as `xxx`.").such_as(r#"{"user":"library","password":"secret"}"#).taking(&[Type::Text, Type::Object]),
        rw("optimised", Type::Boolean, "Whether the origin is near and fast."),
        rw("order", Type::Integer, "Its place: the first pattern that matches counts."),
        ro("created", Type::Date, "When it was made."),
    ],
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct KindResource {
    #[serde(flatten)]
    header: Header,
    name: &'static str,
    requires_credentials: bool,
}

fn kind_link(context: &Context, kind: OriginStrategyKind) -> String {
    format!("{}/originStrategies/{kind}", context.api)
}

fn kind_resource(context: &Context, kind: OriginStrategyKind) -> KindResource {
    KindResource {
        header: Header::new(&context.api, &KIND, kind_link(context, kind)),
        name: kind.as_str(),
        requires_credentials: kind.requires_credentials(),
    }
}

/// `GET /originStrategies`
pub(crate) fn list_kinds(context: &Context, query: &Query) -> Outcome {
    let kinds = OriginStrategyKind::ALL.map(|kind| kind_resource(context, kind));
    let address = format!("{}/originStrategies", context.api);
    let listed = whole(address, query, &KIND, kinds.into())?;
    Ok(context.json(StatusCode::OK, &listed))
}

/// `GET /originStrategies/{name}`
pub(crate) fn get_kind(context: &Context, name: &str) -> Outcome {
    let kind = name.parse().map_err(|()| CatalogueError::NotFound {
        subject: Subject::OriginStrategy,
    })?;
    Ok(context.json(StatusCode::OK, &kind_resource(context, kind)))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StrategyResource {
    #[serde(flatten)]
    header: Header,
    id: String,
    regex: String,
    strategy: &'static str,
    origin_strategy: String,
    credentials: &'static str,
    optimised: bool,
    order: i64,
    created: String,
}

fn resource(context: &Context, strategy: &CustomerOriginStrategy) -> StrategyResource {
    let kind = strategy.access.kind();
    StrategyResource {
        header: Header::new(
            &context.api,
            &STRATEGY,
            context.strategy_link(strategy.customer, strategy.id),
        ),
        id: strategy.id.to_string(),
        regex: strategy.pattern.as_str().to_owned(),
        strategy: kind.as_str(),
        origin_strategy: kind_link(context, kind),
        credentials: if strategy.access.has_credentials() {
            MASK
        } else {
            ""
        },
        optimised: strategy.optimised,
        order: strategy.order,
        created: strategy.created.to_string(),
    }
}

/// `GET /customers/{customer}/originStrategies`
pub(crate) async fn list(context: &Context, customer: CustomerId, query: &Query) -> Outcome {
    let strategies = context
        .dlcs
        .catalogue()
        .list_origin_strategies(customer)
        .await?;
    let strategies = strategies
        .iter()
        .map(|strategy| resource(context, strategy))
        .collect();
    let address = format!("{}/originStrategies", context.customer_link(customer));
    let listed = whole(address, query, &STRATEGY, strategies)?;
    Ok(context.json(StatusCode::OK, &listed))
}

/// `POST /customers/{customer}/originStrategies`
pub(crate) async fn create(context: &Context, customer: CustomerId, body: &Object) -> Outcome {
    let catalogue = context.dlcs.catalogue();
    let others = catalogue.list_origin_strategies(customer).await?;
    let mut problems = Problems::default();
    if others.len() >= MOST {
        let detail = format!(
            "the customer has {MOST} origin strategies, which is the most: delete some, or join their patterns"
        );
        problems.add("/regex", detail);
    }
    let last = others
        .iter()
        .map(|strategy| strategy.order)
        .max()
        .unwrap_or(0);
    let input = Input::read(body, None, context, problems)?;
    let strategy = CustomerOriginStrategy {
        id: OriginStrategyId::assign(),
        customer,
        pattern: input.pattern,
        access: input.access,
        order: input.order.unwrap_or_else(|| last.saturating_add(1)),
        optimised: input.optimised.unwrap_or(false),
        created: context.dlcs.clock().now(),
    };
    catalogue.create_origin_strategy(strategy.clone()).await?;
    Ok(context.created(
        &context.strategy_link(customer, strategy.id),
        &resource(context, &strategy),
    ))
}

/// `GET /customers/{customer}/originStrategies/{strategy}`
pub(crate) async fn get(context: &Context, customer: CustomerId, id: OriginStrategyId) -> Outcome {
    let strategy = find(context, customer, id).await?;
    Ok(context.json(StatusCode::OK, &resource(context, &strategy)))
}

/// `PUT` and `PATCH /customers/{customer}/originStrategies/{strategy}`: what is left out keeps its value.
pub(crate) async fn update(
    context: &Context,
    customer: CustomerId,
    id: OriginStrategyId,
    body: &Object,
) -> Outcome {
    let stored = find(context, customer, id).await?;
    let input = Input::read(body, Some(&stored), context, Problems::default())?;
    let strategy = CustomerOriginStrategy {
        pattern: input.pattern,
        access: input.access,
        order: input.order.unwrap_or(stored.order),
        optimised: input.optimised.unwrap_or(stored.optimised),
        ..stored
    };
    context
        .dlcs
        .catalogue()
        .update_origin_strategy(strategy.clone())
        .await?;
    Ok(context.json(StatusCode::OK, &resource(context, &strategy)))
}

/// `DELETE /customers/{customer}/originStrategies/{strategy}`
pub(crate) async fn delete(
    context: &Context,
    customer: CustomerId,
    id: OriginStrategyId,
) -> Outcome {
    context
        .dlcs
        .catalogue()
        .delete_origin_strategy(customer, id)
        .await?;
    Ok(no_content())
}

async fn find(
    context: &Context,
    customer: CustomerId,
    id: OriginStrategyId,
) -> Result<CustomerOriginStrategy, ApiError> {
    let strategies = context
        .dlcs
        .catalogue()
        .list_origin_strategies(customer)
        .await?;
    let found = strategies.into_iter().find(|strategy| strategy.id == id);
    found.ok_or_else(|| {
        CatalogueError::NotFound {
            subject: Subject::OriginStrategy,
        }
        .into()
    })
}

/// What a body says, with what is stored where it says nothing.
struct Input {
    pattern: OriginPattern,
    access: OriginAccess,
    order: Option<i64>,
    optimised: Option<bool>,
}

impl Input {
    fn read(
        body: &Object,
        stored: Option<&CustomerOriginStrategy>,
        context: &Context,
        mut problems: Problems,
    ) -> Result<Self, ApiError> {
        let fields = Fields::new(body, "", STRATEGY.known, &mut problems);
        let as_sent = stored.map(|stored| super::as_value(&resource(context, stored)));
        fields.check_read_only(&["id", "created"], as_sent.as_ref(), &mut problems);
        let pattern = read_pattern(&fields, stored, &mut problems);
        let access = read_access(&fields, stored, &mut problems);
        let order = fields.integer("order", &mut problems);
        let optimised = fields.boolean("optimised", &mut problems);
        problems.check()?;
        match (pattern, access) {
            (Some(pattern), Some(access)) => Ok(Self {
                pattern,
                access,
                order,
                optimised,
            }),
            _ => Err(problems.refuse()),
        }
    }
}

fn read_pattern(
    fields: &Fields<'_>,
    stored: Option<&CustomerOriginStrategy>,
    problems: &mut Problems,
) -> Option<OriginPattern> {
    let at = fields.at("regex");
    match fields.text("regex", problems) {
        Some(text) => match OriginPattern::compile(text) {
            Ok(pattern) => Some(pattern),
            Err(error) => {
                problems.add(at, format!("`regex`: {error}"));
                None
            }
        },
        None => {
            if stored.is_none() && !problems.is_at(&at) {
                problems.add(
                    at,
                    "`regex` is missing: say which origins the strategy is for",
                );
            }
            stored.map(|stored| stored.pattern.clone())
        }
    }
}

fn read_access(
    fields: &Fields<'_>,
    stored: Option<&CustomerOriginStrategy>,
    problems: &mut Problems,
) -> Option<OriginAccess> {
    let Some(kind) = read_kind(fields, stored, problems) else {
        let given = fields.value("credentials");
        // Whose they would be is not known, but not that they could be nobody's.
        if given.is_some_and(|given| !says_nothing(given) && read_credentials(given).is_none()) {
            let detail = "`credentials` are neither an object nor the JSON of one as a string: give one of them";
            problems.add(fields.at("credentials"), detail);
        }
        return None;
    };
    let kept = || stored.map(|stored| stored.access.fields());
    let keeps = match fields.value("credentials") {
        None => true,
        Some(given) => given == MASK,
    };
    if let Some(OriginAccess::Unreadable(unread)) = stored.map(|stored| &stored.access)
        && *unread == kind
        && keeps
    {
        return Some(OriginAccess::Unreadable(kind));
    }
    let access = match fields.value("credentials") {
        Some(Value::String(text)) if text.is_empty() => OriginAccess::from_fields(kind, |_| None),
        None => kept_access(kind, kept()),
        Some(Value::String(text)) if text == MASK => kept_access(kind, kept()),
        Some(given) => match read_credentials(given) {
            Some(object) => OriginAccess::from_fields(kind, |name| text_of(&object, name)),
            None => Err(kind
                .shape()
                .map_or(CredentialsError::NotUsed { kind }, |_| {
                    CredentialsError::Shape { kind }
                })),
        },
    };
    access
        .map_err(|error| {
            problems.add(fields.at("credentials"), format!("`credentials` {error}"));
        })
        .ok()
}

/// Whether credentials are given that are none: cleared, or kept.
fn says_nothing(given: &Value) -> bool {
    given == "" || given == MASK
}

/// The credentials that are stored, as far as another strategy can use them.
fn kept_access(
    kind: OriginStrategyKind,
    kept: Option<Vec<(&str, &str)>>,
) -> Result<OriginAccess, CredentialsError> {
    let kept = kept.unwrap_or_default();
    let field = |name: &str| {
        let found = kept.iter().find(|(own, _)| *own == name);
        found.map(|(_, text)| *text)
    };
    match OriginAccess::from_fields(kind, field) {
        Err(CredentialsError::NotUsed { .. }) => OriginAccess::from_fields(kind, |_| None),
        // Another strategy's: what is missing are credentials.
        Err(_) => Err(CredentialsError::Missing { kind }),
        read => read,
    }
}

/// The strategy by either of its spellings.
fn read_kind(
    fields: &Fields<'_>,
    stored: Option<&CustomerOriginStrategy>,
    problems: &mut Problems,
) -> Option<OriginStrategyKind> {
    let stored = stored.map(|stored| stored.access.kind());
    let said = STRATEGY_NAMES.read(fields, stored.as_ref(), problems, |name, problems| {
        kind(fields, name, problems)
    });
    if STRATEGY_NAMES.is_wrong(fields, problems) {
        return None;
    }
    let found = said.or(stored);
    if found.is_none() {
        problems.add("/strategy", "`strategy` is missing: say how to fetch");
    }
    found
}

/// A way to fetch, by its name or its address.
fn kind(fields: &Fields<'_>, name: &str, problems: &mut Problems) -> Option<OriginStrategyKind> {
    let text = fields.text(name, problems)?;
    let kind = last_segment(&text).parse().ok();
    if kind.is_none() {
        let known = OriginStrategyKind::ALL.map(OriginStrategyKind::as_str);
        let detail = format!(
            "`{name}` names the strategy `{}`; known are {}",
            shorten(&text),
            known.join(", ")
        );
        problems.add(fields.at(name), detail);
    }
    kind
}

/// Reads credentials: an object, or one as a string of JSON.
fn read_credentials(given: &Value) -> Option<Cow<'_, Object>> {
    match given {
        Value::Object(object) => Some(Cow::Borrowed(object)),
        Value::String(text) => Some(Cow::Owned(parse_object(text.as_bytes()).ok()?)),
        _ => None,
    }
}

/// A part of credentials, whatever the case of its name.
fn text_of<'a>(object: &'a Object, name: &str) -> Option<&'a str> {
    let found = object
        .iter()
        .find(|(spelt, _)| spelt.eq_ignore_ascii_case(name));
    found.and_then(|(_, value)| value.as_str())
}
