//! Named queries.

use dlcs_core::setting::{NamedQuery, Setting, SettingBody, SettingKind, SettingName};
use serde::Serialize;

use super::{SettingResource, required_text, required_text_of_any_length};
use crate::context::Context;
use crate::describe::{Class, Type, ro, rw};
use crate::fields::{Fields, Problems};
use crate::hydra::Header;

#[rustfmt::skip]
pub(crate) static NAMED_QUERY: Class = Class {
    type_: "vocab:NamedQuery",
    text: "A query that selects images by the arguments of an address.",
    known: &["id", "name", "template", "created"],
    properties: &[
        ro("id", Type::Text, "Its id."),
        rw("name", Type::Text, "Its name in addresses, which never changes.").such_as("book").needed(),
        rw("template", Type::Text, "What it selects, as `key=value` with `&` between them.").such_as("s1=p1&canvas=n1").needed(),
        ro("created", Type::Date, "When it was made."),
    ],
};

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
    const CLASS: &'static Class = &NAMED_QUERY;
    const READ_ONLY: &'static [&'static str] = &["id", "created"];

    fn of(context: &Context, setting: &Setting) -> Option<Self> {
        let SettingBody::NamedQuery(query) = &setting.body else {
            return None;
        };
        let home = context.customer_link(setting.customer);
        let address = format!("{home}/{}/{}", Self::PATH, setting.id);
        Some(Self {
            header: Header::new(&context.api, Self::CLASS, address),
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
        let template = required_text_of_any_length(fields, "template", before, problems)?;
        if let Err(error) = NamedQuery::check(&template) {
            problems.add(fields.at("template"), format!("`template` {error}"));
        }
        Some(SettingBody::NamedQuery(NamedQuery {
            name: name?,
            template,
        }))
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
