//! Roles and authentication services.

use dlcs_core::setting::{AccessRole, AuthService, Setting, SettingBody, SettingKind};
use serde::Serialize;

use super::{SettingResource, optional_text, optional_texts, required_text};
use crate::context::Context;
use crate::describe::{Class, Type, ro, rw};
use crate::fields::{Fields, Problems};
use crate::hydra::Header;

#[rustfmt::skip]
pub(crate) static ROLE: Class = Class {
    type_: "vocab:Role",
    text: "A role of those who may see images.",
    known: &["id", "name", "label", "aliases", "authService", "created"],
    properties: &[
        ro("id", Type::Text, "Its id."),
        rw("name", Type::Text, "Its name, which no other role of the customer has.").needed(),
        rw("label", Type::Text, "Its name for people."),
        rw("aliases", Type::Texts, "Its other names."),
        rw("authService", Type::Text, "The service that gives it."),
        ro("created", Type::Date, "When it was made."),
    ],
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RoleResource {
    #[serde(flatten)]
    header: Header,
    id: String,
    name: String,
    label: String,
    aliases: Vec<String>,
    auth_service: String,
    created: String,
}

impl SettingResource for RoleResource {
    const KIND: SettingKind = SettingKind::AccessRole;
    const PATH: &'static str = "roles";
    const CLASS: &'static Class = &ROLE;
    const READ_ONLY: &'static [&'static str] = &["id", "created"];

    fn of(context: &Context, setting: &Setting) -> Option<Self> {
        let SettingBody::AccessRole(role) = &setting.body else {
            return None;
        };
        let home = context.customer_link(setting.customer);
        let address = format!("{home}/{}/{}", Self::PATH, setting.id);
        Some(Self {
            header: Header::new(&context.api, Self::CLASS, address),
            id: setting.id.to_string(),
            name: role.name.clone(),
            label: role.label.clone(),
            aliases: role.aliases.clone(),
            auth_service: role.auth_service.clone(),
            created: setting.created.to_string(),
        })
    }

    fn read(
        fields: &Fields<'_>,
        stored: Option<&Setting>,
        problems: &mut Problems,
    ) -> Option<SettingBody> {
        let stored = stored.and_then(|stored| match &stored.body {
            SettingBody::AccessRole(role) => Some(role.clone()),
            _ => None,
        });
        let before = stored.as_ref().map(|role| role.name.as_str());
        let name = required_text(fields, "name", before, problems);
        let stored = stored.unwrap_or_default();
        let mut text = |name, before| optional_text(fields, name, problems).unwrap_or(before);
        Some(SettingBody::AccessRole(AccessRole {
            label: text("label", stored.label),
            auth_service: text("authService", stored.auth_service),
            aliases: optional_texts(fields, "aliases", problems).unwrap_or(stored.aliases),
            name: name?,
        }))
    }
}

#[rustfmt::skip]
pub(crate) static AUTH_SERVICE: Class = Class {
    type_: "vocab:AuthService",
    text: "A service that finds out who somebody is.",
    known: &[
        "id", "name", "profile", "label", "description", "pageLabel", "pageDescription",
        "callToAction", "timeToLive", "nestedServices", "roleProvider", "created",
    ],
    properties: &[
        ro("id", Type::Text, "Its id."),
        rw("name", Type::Text, "Its name, which no other service of the customer has.").needed(),
        rw("profile", Type::Text, "What kind of service it is: an address of the IIIF Authentication API."),
        rw("label", Type::Text, "Its name for people."),
        rw("description", Type::Text, "What it says of itself."),
        rw("pageLabel", Type::Text, "The title of its page."),
        rw("pageDescription", Type::Text, "What its page says."),
        rw("callToAction", Type::Text, "What its button says."),
        rw("timeToLive", Type::Natural, "How long what it gives is good for, in seconds."),
        rw("nestedServices", Type::Texts, "The services that go with it."),
        rw("roleProvider", Type::Text, "Who tells it the roles of somebody."),
        ro("created", Type::Date, "When it was made."),
    ],
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AuthServiceResource {
    #[serde(flatten)]
    header: Header,
    id: String,
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
    created: String,
}

impl SettingResource for AuthServiceResource {
    const KIND: SettingKind = SettingKind::AuthService;
    const PATH: &'static str = "authServices";
    const CLASS: &'static Class = &AUTH_SERVICE;
    const READ_ONLY: &'static [&'static str] = &["id", "created"];

    fn of(context: &Context, setting: &Setting) -> Option<Self> {
        let SettingBody::AuthService(service) = setting.body.clone() else {
            return None;
        };
        let home = context.customer_link(setting.customer);
        let address = format!("{home}/{}/{}", Self::PATH, setting.id);
        Some(Self {
            header: Header::new(&context.api, Self::CLASS, address),
            id: setting.id.to_string(),
            name: service.name,
            profile: service.profile,
            label: service.label,
            description: service.description,
            page_label: service.page_label,
            page_description: service.page_description,
            call_to_action: service.call_to_action,
            time_to_live: service.time_to_live,
            nested_services: service.nested_services,
            role_provider: service.role_provider,
            created: setting.created.to_string(),
        })
    }

    fn read(
        fields: &Fields<'_>,
        stored: Option<&Setting>,
        problems: &mut Problems,
    ) -> Option<SettingBody> {
        let stored = stored.and_then(|stored| match &stored.body {
            SettingBody::AuthService(service) => Some(service.clone()),
            _ => None,
        });
        let before = stored.as_ref().map(|service| service.name.as_str());
        let name = required_text(fields, "name", before, problems);
        let stored = stored.unwrap_or_default();
        let time_to_live = seconds(fields, problems).unwrap_or(stored.time_to_live);
        let mut text = |name, before| optional_text(fields, name, problems).unwrap_or(before);
        Some(SettingBody::AuthService(AuthService {
            profile: text("profile", stored.profile),
            label: text("label", stored.label),
            description: text("description", stored.description),
            page_label: text("pageLabel", stored.page_label),
            page_description: text("pageDescription", stored.page_description),
            call_to_action: text("callToAction", stored.call_to_action),
            role_provider: text("roleProvider", stored.role_provider),
            nested_services: optional_texts(fields, "nestedServices", problems)
                .unwrap_or(stored.nested_services),
            time_to_live,
            name: name?,
        }))
    }
}

fn seconds(fields: &Fields<'_>, problems: &mut Problems) -> Option<u32> {
    let seconds = fields.integer("timeToLive", problems)?;
    let Ok(seconds) = u32::try_from(seconds) else {
        let detail = format!("`timeToLive` is {seconds}: give seconds, 0 to {}", u32::MAX);
        problems.add(fields.at("timeToLive"), detail);
        return None;
    };
    Some(seconds)
}
