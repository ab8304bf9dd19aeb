//! Named queries.

use dlcs_core::setting::{NamedQuery, Setting, SettingBody, SettingKind, SettingName};
use serde::Serialize;

use super::{SettingResource, required_text};
use crate::context::Context;
use crate::fields::{Fields, Problems};
use crate::hydra::Header;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NamedQueryResource {
    #[serde(flatten)]
    header: Header,
    id: String,
    name: String,
    template: String,
    created: String,
}

impl SettingResource for NamedQueryResource {
    const KIND: SettingKind = SettingKind::NamedQuery;
    const PATH: &'static str = "namedQueries";
    const KNOWN: &'static [&'static str] = &["id", "name", "template", "created"];
    const READ_ONLY: &'static [&'static str] = &["id", "created"];
    const ORDERS: &'static [&'static str] = &["created", "id", "name", "template"];

    fn of(context: &Context, setting: &Setting) -> Option<Self> {
        let SettingBody::NamedQuery(query) = &setting.body else {
            return None;
        };
        let home = context.customer_link(setting.customer);
        let address = format!("{home}/{}/{}", Self::PATH, setting.id);
        Some(Self {
            header: Header::new(address, "vocab:NamedQuery"),
            id: setting.id.to_string(),
            name: query.name.to_string(),
            template: query.template.clone(),
            created: setting.created.to_string(),
        })
    }

    /// Of a query that is there, only the template changes: its name stands in addresses that have been handed out.
    fn read(
        fields: &Fields<'_>,
        stored: Option<&Setting>,
        problems: &mut Problems,
    ) -> Option<SettingBody> {
        let stored = stored.and_then(|stored| match &stored.body {
            SettingBody::NamedQuery(query) => Some(query),
            _ => None,
        });
        let name = match stored {
            Some(query) => {
                let sent = fields.text("name", problems);
                if sent.is_some_and(|sent| sent != query.name.as_str()) {
                    let detail = "`name` stays as it is, because addresses have it: leave it out, or make another query";
                    problems.add(fields.at("name"), detail);
                }
                Some(query.name.clone())
            }
            None => name(fields, problems),
        };
        let before = stored.map(|query| query.template.as_str());
        let template = required_text(fields, "template", before, problems);
        match NamedQuery::new(name?, template?) {
            Ok(query) => Some(SettingBody::NamedQuery(query)),
            Err(error) => {
                problems.add(fields.at("template"), format!("`template` {error}"));
                None
            }
        }
    }
}

/// A name that stands in addresses.
pub(super) fn name(fields: &Fields<'_>, problems: &mut Problems) -> Option<SettingName> {
    let text = required_text(fields, "name", None, problems)?;
    match SettingName::parse(text) {
        Ok(name) => Some(name),
        Err(error) => {
            problems.add(fields.at("name"), format!("`name` {error}"));
            None
        }
    }
}
