//! Settings of customers.

use dlcs_core::catalogue::Subject;
use dlcs_core::id::{CustomerId, SpaceId};
use dlcs_core::setting::{ChannelPolicy, Setting, SettingBody, SettingId, SettingKind};
use rusqlite::{Connection, params};

use super::error::{Result, SqliteError};
use super::setting_row::{SettingRow, body_json, naming};
use super::{count, customer, query_all, space};

pub(super) fn create(connection: &Connection, setting: &Setting) -> Result<()> {
    customer::expect(connection, setting.customer)?;
    if let Some(id) = setting.body.space()
        && space::find(connection, setting.customer, id)?.is_none()
    {
        return Err(SqliteError::NotFound(Subject::Space));
    }
    refuse_taken_name(connection, setting)?;
    insert(connection, setting)
}

/// Stores a setting that has been checked.
pub(super) fn insert(connection: &Connection, setting: &Setting) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO settings (id, customer, kind, space, name, body, created, modified)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            setting.id.to_string(),
            setting.customer.get(),
            setting.body.kind().as_str(),
            setting.body.space().map(SpaceId::get),
            setting.body.unique_name(),
            body_json(&setting.body),
            setting.created.as_micros(),
            setting.modified.as_micros(),
        ])?;
    Ok(())
}

pub(super) fn update(connection: &Connection, setting: &Setting) -> Result<()> {
    expect(
        connection,
        setting.customer,
        setting.body.kind(),
        setting.id,
    )?;
    refuse_taken_name(connection, setting)?;
    connection
        .prepare_cached("UPDATE settings SET name = ?2, body = ?3, modified = ?4 WHERE id = ?1")?
        .execute(params![
            setting.id.to_string(),
            setting.body.unique_name(),
            body_json(&setting.body),
            setting.modified.as_micros(),
        ])?;
    Ok(())
}

pub(super) fn delete(
    connection: &Connection,
    customer: CustomerId,
    kind: SettingKind,
    id: SettingId,
) -> Result<()> {
    let setting = expect(connection, customer, kind, id)?;
    if let SettingBody::ChannelPolicy(policy) = &setting.body
        && is_named(connection, customer, policy)?
    {
        return Err(SqliteError::InUse(kind.subject()));
    }
    connection
        .prepare_cached("DELETE FROM settings WHERE id = ?1")?
        .execute([id.to_string()])?;
    Ok(())
}

pub(super) fn list(
    connection: &Connection,
    customer: CustomerId,
    kind: SettingKind,
) -> Result<Vec<Setting>> {
    query_all(
        connection,
        "SELECT id, customer, coalesce(space, 0), body, created, modified FROM settings
         WHERE customer = ?1 AND kind = ?2 ORDER BY created, id",
        params![customer.get(), kind.as_str()],
        |columns| {
            let row = SettingRow {
                id: columns.get()?,
                customer: columns.customer()?,
                kind,
                space: columns.get()?,
                body: columns.get()?,
                created: columns.time()?,
                modified: columns.time()?,
            };
            Ok(row.read()?)
        },
    )
}

fn expect(
    connection: &Connection,
    customer: CustomerId,
    kind: SettingKind,
    id: SettingId,
) -> Result<Setting> {
    let own = list(connection, customer, kind)?;
    let found = own.into_iter().find(|setting| setting.id == id);
    found.ok_or(SqliteError::NotFound(kind.subject()))
}

fn refuse_taken_name(connection: &Connection, setting: &Setting) -> Result<()> {
    let kind = setting.body.kind();
    let others = count(
        connection,
        "SELECT count(*) FROM settings WHERE customer = ?1 AND kind = ?2 AND name = ?3 AND id <> ?4",
        params![
            setting.customer.get(),
            kind.as_str(),
            setting.body.unique_name(),
            setting.id.to_string()
        ],
    )?;
    if others == 0 {
        Ok(())
    } else {
        Err(SqliteError::AlreadyExists {
            subject: kind.subject(),
            property: kind.unique_property(),
        })
    }
}

/// Whether an image or a default delivery channel names a policy.
fn is_named(connection: &Connection, customer: CustomerId, policy: &ChannelPolicy) -> Result<bool> {
    let defaults = list(connection, customer, SettingKind::DefaultChannel)?;
    let by_default = defaults.iter().any(|setting| {
        matches!(&setting.body, SettingBody::DefaultChannel(default)
            if default.channel == policy.data.channel() && default.policy == policy.name.as_str())
    });
    if by_default {
        return Ok(true);
    }
    let by_image = count(
        connection,
        "SELECT EXISTS (SELECT 1 FROM images WHERE customer = ?1 AND instr(delivery_channels, ?2) > 0)",
        params![customer.get(), naming(policy)],
    )?;
    Ok(by_image > 0)
}
