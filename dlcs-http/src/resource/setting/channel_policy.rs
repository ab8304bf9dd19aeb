//! Policies of delivery channels: those that every customer has, and its own.

use dlcs_core::CustomerId;
use dlcs_core::setting::{
    BuiltInPolicy, ChannelPolicy, PolicyData, Setting, SettingBody, SettingKind, SettingName,
};
use http::StatusCode;
use serde::Serialize;
use serde_json::Value;

use super::named_query::name;
use super::{all, missing, optional_text, refuse_one_more, replace};
use crate::context::Context;
use crate::describe::{Class, Type, ro, rw};
use crate::error::{ApiError, Kind};
use crate::fields::{Fields, Problems};
use crate::hydra::{COLLECTION, Header, no_content, whole};
use crate::payload::Payload;
use crate::query::Query;
use crate::resource::{Object, Outcome, as_value};
use crate::route::ChannelPolicyRoute;

const READ_ONLY: &[&str] = &["policyCreated", "policyModified"];
const KIND: SettingKind = SettingKind::ChannelPolicy;

#[rustfmt::skip]
pub(crate) static CHANNEL_POLICY: Class = Class {
    type_: "vocab:DeliveryChannelPolicy",
    text: "How a delivery channel makes what it delivers.",
    known: &["name", "displayName", "channel", "policyData", "policyCreated", "policyModified"],
    properties: &[
        rw("name", Type::Text, "Its name in addresses, which never changes.").such_as("small").needed(),
        rw("displayName", Type::Text, "Its name for people."),
        rw("channel", Type::Text, "The name of the channel: that of the address.").such_as("thumbs"),
        rw("policyData", Type::Text, "What is made: a list of texts, as a text of JSON.").such_as("[\"!200,200\"]").needed(),
        ro("policyCreated", Type::Date, "When it was made; those of the program have no such date.").optional(),
        ro("policyModified", Type::Date, "When it was changed last; those of the program have no such date.").optional(),
    ],
};

/// What channels are listed by.
static CHANNEL: Class = Class {
    type_: COLLECTION,
    text: "The policies of a delivery channel.",
    known: &[],
    properties: &[ro("title", Type::Text, "Which channel it is.")],
};

/// The policies of a channel, as the collection of channels shows them.
#[derive(Serialize)]
struct ChannelResource {
    #[serde(rename = "@id")]
    id: String,
    #[serde(rename = "@type")]
    type_: &'static str,
    title: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PolicyResource {
    #[serde(flatten)]
    header: Header,
    name: String,
    display_name: String,
    channel: String,
    /// A list, as a text of JSON.
    policy_data: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy_created: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy_modified: Option<String>,
}

impl Context {
    /// What stands for a policy of a channel: the name of a built-in one, the address of a customer's own.
    pub(crate) fn policy_reference(
        &self,
        customer: CustomerId,
        channel: &str,
        name: &str,
    ) -> String {
        if name.is_empty() || BuiltInPolicy::find(channel, name).is_some() {
            name.to_owned()
        } else {
            policy_link(self, customer, channel, name)
        }
    }
}

fn channel_link(context: &Context, customer: CustomerId, channel: &str) -> String {
    let home = context.customer_link(customer);
    format!("{home}/deliveryChannelPolicies/{channel}")
}

fn policy_link(context: &Context, customer: CustomerId, channel: &str, name: &str) -> String {
    format!("{}/{name}", channel_link(context, customer, channel))
}

fn built_in(context: &Context, customer: CustomerId, policy: BuiltInPolicy) -> PolicyResource {
    let address = policy_link(context, customer, policy.channel, policy.name);
    PolicyResource {
        header: Header::new(&context.api, &CHANNEL_POLICY, address),
        name: policy.name.to_owned(),
        display_name: policy.display_name.to_owned(),
        channel: policy.channel.to_owned(),
        policy_data: as_value(&policy.data()).to_string(),
        policy_created: None,
        policy_modified: None,
    }
}

fn own(context: &Context, setting: &Setting, policy: &ChannelPolicy) -> PolicyResource {
    let (channel, name) = (policy.data.channel().as_str(), policy.name.as_str());
    let address = policy_link(context, setting.customer, channel, name);
    PolicyResource {
        header: Header::new(&context.api, &CHANNEL_POLICY, address),
        name: name.to_owned(),
        display_name: policy.display_name.clone(),
        channel: channel.to_owned(),
        policy_data: as_value(&policy.data.items()).to_string(),
        policy_created: Some(setting.created.to_string()),
        policy_modified: Some(setting.modified.to_string()),
    }
}

pub(super) async fn handle(
    context: &Context,
    route: ChannelPolicyRoute,
    query: &Query,
    payload: Payload,
) -> Outcome {
    match route {
        ChannelPolicyRoute::ListChannels(customer) => list_channels(context, customer, query),
        ChannelPolicyRoute::List(customer, channel) => {
            list(context, customer, &channel, query).await
        }
        ChannelPolicyRoute::Create(customer, channel) => {
            create(context, customer, &channel, &payload.object().await?).await
        }
        ChannelPolicyRoute::Get(customer, channel, name) => {
            get(context, customer, &channel, &name).await
        }
        ChannelPolicyRoute::Put(customer, channel, name) => {
            put(context, customer, &channel, &name, &payload.object().await?).await
        }
        ChannelPolicyRoute::Patch(customer, channel, name) => {
            patch(context, customer, &channel, &name, &payload.object().await?).await
        }
        ChannelPolicyRoute::Delete(customer, channel, name) => {
            delete(context, customer, &channel, &name).await
        }
    }
}

/// `GET /customers/{customer}/deliveryChannelPolicies`: the channels, each with where its policies are.
fn list_channels(context: &Context, customer: CustomerId, query: &Query) -> Outcome {
    let channels = BuiltInPolicy::CHANNELS.map(|channel| ChannelResource {
        id: channel_link(context, customer, channel),
        type_: COLLECTION,
        title: format!("Policies of the delivery channel {channel}"),
    });
    let address = format!(
        "{}/deliveryChannelPolicies",
        context.customer_link(customer)
    );
    let listed = whole(address, query, &CHANNEL, channels.into())?;
    Ok(context.json(StatusCode::OK, &listed))
}

/// `GET /customers/{customer}/deliveryChannelPolicies/{channel}`
async fn list(context: &Context, customer: CustomerId, channel: &str, query: &Query) -> Outcome {
    check_channel(channel)?;
    let settings = all(context, customer, KIND).await?;
    let own = settings.iter().filter_map(|setting| match &setting.body {
        SettingBody::ChannelPolicy(policy) if policy.data.channel().as_str() == channel => {
            Some(own(context, setting, policy))
        }
        _ => None,
    });
    let fixed = BuiltInPolicy::ALL.into_iter();
    let fixed = fixed.filter(|policy| policy.channel == channel);
    let fixed = fixed.map(|policy| built_in(context, customer, policy));
    let address = channel_link(context, customer, channel);
    let policies = fixed.chain(own).collect();
    let listed = whole(address, query, &CHANNEL_POLICY, policies)?;
    Ok(context.json(StatusCode::OK, &listed))
}

/// `POST /customers/{customer}/deliveryChannelPolicies/{channel}`
async fn create(context: &Context, customer: CustomerId, channel: &str, body: &Object) -> Outcome {
    check_channel(channel)?;
    let mut problems = Problems::default();
    let fields = Fields::new(body, "", CHANNEL_POLICY.known, &mut problems);
    let name = name(&fields, &mut problems);
    refuse_one_more(context, customer, KIND, &mut problems).await?;
    let Said { display_name, data } = read(&fields, channel, None, &mut problems)?;
    let name = name.ok_or_else(|| problems.refuse())?;
    if let Some(taken) = BuiltInPolicy::find(channel, name.as_str()) {
        let detail = format!(
            "the name `{}` is that of a built-in policy: choose another",
            taken.name
        );
        return Err(ApiError::new(Kind::AlreadyExists, detail));
    }
    let policy = ChannelPolicy {
        name,
        display_name,
        data,
    };
    store(context, customer, policy).await
}

/// `GET /customers/{customer}/deliveryChannelPolicies/{channel}/{name}`
async fn get(context: &Context, customer: CustomerId, channel: &str, name: &str) -> Outcome {
    if let Some(policy) = BuiltInPolicy::find(channel, name) {
        return Ok(context.json(StatusCode::OK, &built_in(context, customer, policy)));
    }
    let (setting, policy) = find(context, customer, channel, name)
        .await?
        .ok_or_else(|| missing(KIND))?;
    Ok(context.json(StatusCode::OK, &own(context, &setting, &policy)))
}

/// `PUT /customers/{customer}/deliveryChannelPolicies/{channel}/{name}`: makes it, or changes it.
async fn put(
    context: &Context,
    customer: CustomerId,
    channel: &str,
    name: &str,
    body: &Object,
) -> Outcome {
    check_channel(channel)?;
    refuse_built_in(channel, name)?;
    if let Some(stored) = find(context, customer, channel, name).await? {
        return change(context, stored, body).await;
    }
    let mut problems = Problems::default();
    let fields = Fields::new(body, "", CHANNEL_POLICY.known, &mut problems);
    let named = SettingName::parse(name);
    if let Err(error) = &named {
        let detail = format!("the name in the address {error}");
        return Err(ApiError::new(Kind::InvalidPath, detail));
    }
    if fields
        .text("name", &mut problems)
        .is_some_and(|sent| sent != name)
    {
        let detail = "`name` is not that of the address: leave it out";
        problems.add(fields.at("name"), detail);
    }
    refuse_one_more(context, customer, KIND, &mut problems).await?;
    let Said { display_name, data } = read(&fields, channel, None, &mut problems)?;
    let policy = ChannelPolicy {
        name: named.map_err(|_| missing(KIND))?,
        display_name,
        data,
    };
    store(context, customer, policy).await
}

/// `PATCH /customers/{customer}/deliveryChannelPolicies/{channel}/{name}`: what is left out keeps its value.
async fn patch(
    context: &Context,
    customer: CustomerId,
    channel: &str,
    name: &str,
    body: &Object,
) -> Outcome {
    refuse_built_in(channel, name)?;
    let stored = find(context, customer, channel, name).await?;
    change(context, stored.ok_or_else(|| missing(KIND))?, body).await
}

/// `DELETE /customers/{customer}/deliveryChannelPolicies/{channel}/{name}`
async fn delete(context: &Context, customer: CustomerId, channel: &str, name: &str) -> Outcome {
    refuse_built_in(channel, name)?;
    let stored = find(context, customer, channel, name).await?;
    let (setting, _) = stored.ok_or_else(|| missing(KIND))?;
    let catalogue = context.dlcs.catalogue();
    catalogue.delete_setting(customer, KIND, setting.id).await?;
    Ok(no_content())
}

async fn store(context: &Context, customer: CustomerId, policy: ChannelPolicy) -> Outcome {
    let body = SettingBody::ChannelPolicy(policy.clone());
    let setting = Setting::new(customer, body, context.dlcs.clock().now());
    context
        .dlcs
        .catalogue()
        .create_setting(setting.clone())
        .await?;
    let (channel, name) = (policy.data.channel().as_str(), policy.name.as_str());
    let address = policy_link(context, customer, channel, name);
    Ok(context.created(&address, &own(context, &setting, &policy)))
}

async fn change(
    context: &Context,
    (setting, stored): (Setting, ChannelPolicy),
    body: &Object,
) -> Outcome {
    let mut problems = Problems::default();
    let fields = Fields::new(body, "", CHANNEL_POLICY.known, &mut problems);
    let as_sent = as_value(&own(context, &setting, &stored));
    fields.check_read_only(&["name"], Some(&as_sent), &mut problems);
    fields.check_read_only(READ_ONLY, Some(&as_sent), &mut problems);
    let channel = stored.data.channel().as_str();
    let Said { display_name, data } = read(&fields, channel, Some(&stored), &mut problems)?;
    let policy = ChannelPolicy {
        name: stored.name,
        display_name,
        data,
    };
    let body = SettingBody::ChannelPolicy(policy.clone());
    let setting = replace(context, setting, body).await?;
    Ok(context.json(StatusCode::OK, &own(context, &setting, &policy)))
}

/// What a request says of a policy besides its name.
struct Said {
    display_name: String,
    data: PolicyData,
}

fn read(
    fields: &Fields<'_>,
    channel: &str,
    stored: Option<&ChannelPolicy>,
    problems: &mut Problems,
) -> Result<Said, ApiError> {
    if fields
        .text("channel", problems)
        .is_some_and(|sent| sent != channel)
    {
        let detail = format!("`channel` is not `{channel}`, which the address says: leave it out");
        problems.add(fields.at("channel"), detail);
    }
    if stored.is_none() {
        fields.check_read_only(READ_ONLY, None, problems);
    }
    let display_name = optional_text(fields, "displayName", problems);
    let data = policy_data(fields, channel, problems).or(stored.map(|stored| stored.data.clone()));
    let at = fields.at("policyData");
    if data.is_none() && !problems.is_at(&at) {
        let detail = "`policyData` is missing: send a list as a text of JSON, such as \"[\\\"!400,400\\\"]\"";
        problems.add(at, detail);
    }
    problems.check()?;
    Ok(Said {
        display_name: display_name
            .or_else(|| stored.map(|stored| stored.display_name.clone()))
            .unwrap_or_default(),
        data: data.ok_or_else(|| problems.refuse())?,
    })
}

/// A list of texts, as a text of JSON.
fn policy_data(fields: &Fields<'_>, channel: &str, problems: &mut Problems) -> Option<PolicyData> {
    let text = fields.text("policyData", problems)?;
    let Ok(items) = serde_json::from_str::<Vec<String>>(&text) else {
        let hint = match serde_json::from_str::<Value>(&text) {
            Ok(_) => "it is JSON, but no list of texts",
            Err(_) => "it is not JSON",
        };
        let detail = format!(
            "`policyData` is not a list of texts as a text of JSON ({hint}): send, for example, \"[\\\"!400,400\\\"]\""
        );
        problems.add(fields.at("policyData"), detail);
        return None;
    };
    match PolicyData::parse(channel, &items) {
        Ok(data) => Some(data),
        Err(error) => {
            problems.add(fields.at("policyData"), format!("`policyData` {error}"));
            None
        }
    }
}

async fn find(
    context: &Context,
    customer: CustomerId,
    channel: &str,
    name: &str,
) -> Result<Option<(Setting, ChannelPolicy)>, ApiError> {
    let settings = all(context, customer, KIND).await?;
    let mut policies = settings
        .into_iter()
        .filter_map(|setting| match &setting.body {
            SettingBody::ChannelPolicy(policy) => Some((setting.clone(), policy.clone())),
            _ => None,
        });
    Ok(policies.find(|(_, policy)| {
        policy.data.channel().as_str() == channel && policy.name.as_str() == name
    }))
}

fn check_channel(channel: &str) -> Result<(), ApiError> {
    if BuiltInPolicy::CHANNELS.contains(&channel) {
        Ok(())
    } else {
        let known = BuiltInPolicy::CHANNELS.join(", ");
        let detail = format!("there is no such delivery channel; known are {known}");
        Err(ApiError::new(Kind::NotFound, detail))
    }
}

fn refuse_built_in(channel: &str, name: &str) -> Result<(), ApiError> {
    match BuiltInPolicy::find(channel, name) {
        Some(policy) => {
            let detail = format!(
                "the policy `{}` is built in and stays as it is: make one of another name",
                policy.name
            );
            Err(ApiError::new(Kind::BuiltIn, detail))
        }
        None => Ok(()),
    }
}
