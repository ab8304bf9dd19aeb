//! How settings are spelled in columns, whatever the database.

use dlcs_core::id::{CustomerId, SpaceId};
use dlcs_core::setting::{
    AccessRole, AuthService, ChannelPolicy, DefaultChannel, MediaRange, NamedQuery, PolicyData,
    Setting, SettingBody, SettingKind, SettingName,
};
use dlcs_core::time::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::record::{Unreadable, json};

const UNREADABLE: Unreadable = Unreadable("body");

/// A setting as it is stored.
pub(super) struct SettingRow {
    pub(super) id: String,
    pub(super) customer: CustomerId,
    pub(super) kind: SettingKind,
    /// The space that it ends with, or 0.
    pub(super) space: u32,
    pub(super) body: String,
    pub(super) created: Timestamp,
    pub(super) modified: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct PolicyBody {
    channel: String,
    name: String,
    display_name: String,
    items: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct DefaultBody {
    media_type: String,
    channel: String,
    policy: String,
}

#[derive(Serialize, Deserialize)]
struct QueryBody {
    name: String,
    template: String,
}

#[derive(Serialize, Deserialize)]
struct RoleBody {
    name: String,
    label: String,
    aliases: Vec<String>,
    auth_service: String,
}

#[derive(Serialize, Deserialize)]
struct ServiceBody {
    name: String,
    profile: String,
    label: String,
    description: String,
    page_label: String,
    page_description: String,
    call_to_action: String,
    time_to_live: u32,
    nested_services: Vec<String>,
    role_provider: String,
}

/// What a setting says, as JSON.
pub(super) fn body_json(body: &SettingBody) -> String {
    match body {
        SettingBody::ChannelPolicy(policy) => json(&PolicyBody {
            channel: policy.data.channel().to_string(),
            name: policy.name.to_string(),
            display_name: policy.display_name.clone(),
            items: policy.data.items(),
        }),
        SettingBody::DefaultChannel(default) => json(&DefaultBody {
            media_type: default.media_type.to_string(),
            channel: default.channel.to_string(),
            policy: default.policy.clone(),
        }),
        SettingBody::NamedQuery(query) => json(&QueryBody {
            name: query.name.to_string(),
            template: query.template.clone(),
        }),
        SettingBody::AccessRole(role) => json(&RoleBody {
            name: role.name.clone(),
            label: role.label.clone(),
            aliases: role.aliases.clone(),
            auth_service: role.auth_service.clone(),
        }),
        SettingBody::AuthService(service) => json(&ServiceBody {
            name: service.name.clone(),
            profile: service.profile.clone(),
            label: service.label.clone(),
            description: service.description.clone(),
            page_label: service.page_label.clone(),
            page_description: service.page_description.clone(),
            call_to_action: service.call_to_action.clone(),
            time_to_live: service.time_to_live,
            nested_services: service.nested_services.clone(),
            role_provider: service.role_provider.clone(),
        }),
        other => unreachable!("no setting is a {:?}", other.kind()),
    }
}

impl SettingRow {
    pub(super) fn read(self) -> Result<Setting, Unreadable> {
        let name = |text: String| SettingName::parse(text).map_err(|_| UNREADABLE);
        let body = match self.kind {
            SettingKind::ChannelPolicy => {
                let row: PolicyBody = self.said()?;
                SettingBody::ChannelPolicy(ChannelPolicy {
                    data: PolicyData::parse(&row.channel, &row.items).map_err(|_| UNREADABLE)?,
                    name: name(row.name)?,
                    display_name: row.display_name,
                })
            }
            SettingKind::DefaultChannel => {
                let row: DefaultBody = self.said()?;
                SettingBody::DefaultChannel(DefaultChannel {
                    space: SpaceId::new(self.space),
                    media_type: MediaRange::parse(&row.media_type).map_err(|_| UNREADABLE)?,
                    channel: row.channel.parse().map_err(|_| UNREADABLE)?,
                    policy: row.policy,
                })
            }
            SettingKind::NamedQuery => {
                let row: QueryBody = self.said()?;
                let query = NamedQuery::new(name(row.name)?, row.template);
                SettingBody::NamedQuery(query.map_err(|_| UNREADABLE)?)
            }
            SettingKind::AccessRole => {
                let row: RoleBody = self.said()?;
                SettingBody::AccessRole(AccessRole {
                    name: row.name,
                    label: row.label,
                    aliases: row.aliases,
                    auth_service: row.auth_service,
                })
            }
            SettingKind::AuthService => {
                let row: ServiceBody = self.said()?;
                SettingBody::AuthService(AuthService {
                    name: row.name,
                    profile: row.profile,
                    label: row.label,
                    description: row.description,
                    page_label: row.page_label,
                    page_description: row.page_description,
                    call_to_action: row.call_to_action,
                    time_to_live: row.time_to_live,
                    nested_services: row.nested_services,
                    role_provider: row.role_provider,
                })
            }
            _ => return Err(Unreadable("kind")),
        };
        Ok(Setting {
            id: self.id.parse().map_err(|_| Unreadable("id"))?,
            customer: self.customer,
            body,
            created: self.created,
            modified: self.modified,
        })
    }

    fn said<T: DeserializeOwned>(&self) -> Result<T, Unreadable> {
        serde_json::from_str(&self.body).map_err(|_| UNREADABLE)
    }
}

/// What stands in the list of an image's channels where it names a policy.
pub(super) fn naming(policy: &ChannelPolicy) -> String {
    let list = super::record::channels_json(&[dlcs_core::image::DeliveryChannel {
        channel: policy.data.channel().to_string(),
        policy: Some(policy.name.to_string()),
    }]);
    list.trim_matches(['[', ']']).to_owned()
}
