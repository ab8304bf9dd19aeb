//! Default delivery channels of customers and of spaces.

use dlcs_core::image::shorten;
use dlcs_core::policy::Channel;
use dlcs_core::setting::{
    ChannelRules, DefaultChannel, MediaRange, Setting, SettingBody, SettingId, SettingKind,
};
use dlcs_core::{CustomerId, SpaceId};
use http::StatusCode;
use serde::Serialize;

use super::{all, missing, refuse_one_more, replace, required_text};
use crate::context::Context;
use crate::describe::{Class, Type, ro, rw};
use crate::error::ApiError;
use crate::fields::{Fields, Problems, last_segment};
use crate::hydra::{Header, no_content, whole};
use crate::payload::Payload;
use crate::query::Query;
use crate::resource::{Object, Outcome, as_value};
use crate::route::DefaultChannelRoute;

const KIND: SettingKind = SettingKind::DefaultChannel;

#[rustfmt::skip]
pub(crate) static DEFAULT_CHANNEL: Class = Class {
    type_: "vocab:DefaultDeliveryChannel",
    text: "A delivery channel of images without channels of their own.",
    known: &["id", "channel", "policy", "mediaType"],
    properties: &[
        ro("id", Type::Text, "Its id."),
        rw("channel", Type::Word(&["iiif-img", "thumbs", "file", "none"]), "The name of the channel.").needed(),
        rw("policy", Type::Text, "The name or the address of its policy; that of the channel where it is not given.").such_as("default"),
        rw("mediaType", Type::Text, "The media types that it is for: one, all of a kind, or all.").such_as("image/*").needed(),
    ],
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DefaultResource {
    #[serde(flatten)]
    header: Header,
    id: String,
    channel: &'static str,
    policy: String,
    media_type: String,
}

/// Where default channels are: those of a customer, or of one of its spaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Level {
    pub(crate) customer: CustomerId,
    pub(crate) space: Option<SpaceId>,
}

impl Level {
    fn link(self, context: &Context) -> String {
        let home = match self.space {
            Some(space) => context.space_link(self.customer, space),
            None => context.customer_link(self.customer),
        };
        format!("{home}/defaultDeliveryChannels")
    }

    /// Refuses a space that is not there.
    async fn check(self, context: &Context) -> Result<(), ApiError> {
        if let Some(space) = self.space {
            context.dlcs.spaces_of(self.customer).get(space).await?;
        }
        Ok(())
    }
}

fn resource(
    context: &Context,
    level: Level,
    id: SettingId,
    default: &DefaultChannel,
) -> DefaultResource {
    let channel = default.channel.as_str();
    DefaultResource {
        header: Header::new(
            &context.api,
            &DEFAULT_CHANNEL,
            format!("{}/{id}", level.link(context)),
        ),
        id: id.to_string(),
        channel,
        policy: context.policy_reference(level.customer, channel, &default.policy),
        media_type: default.media_type.to_string(),
    }
}

pub(super) async fn handle(
    context: &Context,
    route: DefaultChannelRoute,
    query: &Query,
    payload: Payload,
) -> Outcome {
    match route {
        DefaultChannelRoute::List(level) => list(context, level, query).await,
        DefaultChannelRoute::Create(level) => {
            create(context, level, &payload.object().await?).await
        }
        DefaultChannelRoute::Get(level, id) => get(context, level, id).await,
        DefaultChannelRoute::Put(level, id) => {
            put(context, level, id, &payload.object().await?).await
        }
        DefaultChannelRoute::Delete(level, id) => delete(context, level, id).await,
    }
}

/// `GET …/defaultDeliveryChannels`
async fn list(context: &Context, level: Level, query: &Query) -> Outcome {
    let defaults = of_level(context, level).await?;
    let resources = defaults
        .iter()
        .map(|(setting, default)| resource(context, level, setting.id, default))
        .collect();
    let listed = whole(level.link(context), query, &DEFAULT_CHANNEL, resources)?;
    Ok(context.json(StatusCode::OK, &listed))
}

/// `POST …/defaultDeliveryChannels`
async fn create(context: &Context, level: Level, body: &Object) -> Outcome {
    level.check(context).await?;
    let default = read(context, level, body, None).await?;
    let said = SettingBody::DefaultChannel(default.clone());
    let setting = Setting::new(level.customer, said, context.dlcs.clock().now());
    let id = setting.id;
    context.dlcs.catalogue().create_setting(setting).await?;
    let address = format!("{}/{id}", level.link(context));
    Ok(context.created(&address, &resource(context, level, id, &default)))
}

/// `GET …/defaultDeliveryChannels/{id}`
async fn get(context: &Context, level: Level, id: SettingId) -> Outcome {
    let (_, default) = find(context, level, id).await?;
    Ok(context.json(StatusCode::OK, &resource(context, level, id, &default)))
}

/// `PUT …/defaultDeliveryChannels/{id}`: what is left out keeps its value.
async fn put(context: &Context, level: Level, id: SettingId, body: &Object) -> Outcome {
    let (setting, stored) = find(context, level, id).await?;
    let default = read(context, level, body, Some((id, &stored))).await?;
    replace(
        context,
        setting,
        SettingBody::DefaultChannel(default.clone()),
    )
    .await?;
    Ok(context.json(StatusCode::OK, &resource(context, level, id, &default)))
}

/// `DELETE …/defaultDeliveryChannels/{id}`
async fn delete(context: &Context, level: Level, id: SettingId) -> Outcome {
    find(context, level, id).await?;
    let catalogue = context.dlcs.catalogue();
    catalogue.delete_setting(level.customer, KIND, id).await?;
    Ok(no_content())
}

async fn of_level(
    context: &Context,
    level: Level,
) -> Result<Vec<(Setting, DefaultChannel)>, ApiError> {
    level.check(context).await?;
    let settings = all(context, level.customer, KIND).await?;
    let defaults = settings
        .into_iter()
        .filter_map(|setting| match &setting.body {
            SettingBody::DefaultChannel(default) if default.space == level.space => {
                Some((setting.clone(), default.clone()))
            }
            _ => None,
        });
    Ok(defaults.collect())
}

async fn find(
    context: &Context,
    level: Level,
    id: SettingId,
) -> Result<(Setting, DefaultChannel), ApiError> {
    let defaults = of_level(context, level).await?;
    let found = defaults.into_iter().find(|(setting, _)| setting.id == id);
    found.ok_or_else(|| missing(KIND))
}

/// What a body says, with what is stored where it says nothing.
async fn read(
    context: &Context,
    level: Level,
    body: &Object,
    stored: Option<(SettingId, &DefaultChannel)>,
) -> Result<DefaultChannel, ApiError> {
    let rules = context.dlcs.channel_rules(level.customer).await?;
    let mut problems = Problems::default();
    let fields = Fields::new(body, "", DEFAULT_CHANNEL.known, &mut problems);
    let as_sent = stored.map(|(id, stored)| as_value(&resource(context, level, id, stored)));
    fields.check_read_only(&["id"], as_sent.as_ref(), &mut problems);
    let stored = stored.map(|(_, stored)| stored);
    let media_type = media_type(&fields, stored, &mut problems);
    let channel = channel(&fields, stored, &mut problems);
    let sent = fields.text("policy", &mut problems);
    let policy =
        channel.and_then(|channel| policy(&fields, sent, &rules, channel, stored, &mut problems));
    if stored.is_none() {
        refuse_one_more(context, level.customer, KIND, &mut problems).await?;
    }
    problems.check()?;
    match (media_type, channel, policy) {
        (Some(media_type), Some(channel), Some(policy)) => Ok(DefaultChannel {
            space: level.space,
            media_type,
            channel,
            policy,
        }),
        _ => Err(problems.refuse()),
    }
}

fn media_type(
    fields: &Fields<'_>,
    stored: Option<&DefaultChannel>,
    problems: &mut Problems,
) -> Option<MediaRange> {
    const NAME: &str = "mediaType";
    let before = stored.map(|stored| stored.media_type.as_str());
    let text = required_text(fields, NAME, before, problems)?;
    match MediaRange::parse(&text) {
        Ok(range) => Some(range),
        Err(error) => {
            let detail = format!("`{NAME}` is `{}`, which {error}", shorten(&text));
            problems.add(fields.at(NAME), detail);
            None
        }
    }
}

fn channel(
    fields: &Fields<'_>,
    stored: Option<&DefaultChannel>,
    problems: &mut Problems,
) -> Option<Channel> {
    const NAME: &str = "channel";
    let before = stored.map(|stored| stored.channel.as_str());
    let text = required_text(fields, NAME, before, problems)?;
    match text.parse() {
        Ok(Channel::Default) | Err(_) => {
            let detail = format!(
                "`{NAME}` names the channel `{}`; known are iiif-img, thumbs, file and none",
                shorten(&text)
            );
            problems.add(fields.at(NAME), detail);
            None
        }
        Ok(channel) => Some(channel),
    }
}

fn policy(
    fields: &Fields<'_>,
    sent: Option<String>,
    rules: &ChannelRules,
    channel: Channel,
    stored: Option<&DefaultChannel>,
    problems: &mut Problems,
) -> Option<String> {
    let name = match sent.filter(|text| !text.is_empty()) {
        Some(text) => last_segment(&text).to_owned(),
        None => match stored.filter(|stored| stored.channel == channel) {
            Some(stored) => stored.policy.clone(),
            None => channel.default_policy().to_owned(),
        },
    };
    match rules.policy_problem(channel, &name) {
        Some(reason) => {
            problems.add(fields.at("policy"), format!("`policy` {reason}"));
            None
        }
        None => Some(name),
    }
}
