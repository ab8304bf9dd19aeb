//! Settings of customers.

use dlcs_core::catalogue::Subject;
use dlcs_core::id::CustomerId;
use dlcs_core::setting::{ChannelPolicy, Setting, SettingBody, SettingId, SettingKind};

use super::error::{PgError, Result};
use super::query::count;
use super::row::{of_customer, of_space, read_all, unreadable};
use super::session::Session;
use super::setting_row::{SettingRow, body_json, naming};
use super::{customer, space};

pub(super) async fn create(session: &Session, setting: &Setting) -> Result<()> {
    customer::hold(session, setting.customer).await?;
    if let Some(id) = setting.body.space()
        && space::keep(session, setting.customer, &[id])
            .await?
            .is_empty()
    {
        return Err(PgError::NotFound(Subject::Space));
    }
    refuse_taken_name(session, setting).await?;
    insert(session, setting).await
}

/// Stores a setting that has been checked.
pub(super) async fn insert(session: &Session, setting: &Setting) -> Result<()> {
    session
        .execute(
            "INSERT INTO settings (id, customer, kind, space, name, body, created, modified) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            &[
                &setting.id.to_string(),
                &of_customer(setting.customer),
                &setting.body.kind().as_str(),
                &setting.body.space().map(of_space),
                &setting.body.unique_name(),
                &body_json(&setting.body),
                &setting.created.as_micros(),
                &setting.modified.as_micros(),
            ],
        )
        .await?;
    Ok(())
}

pub(super) async fn update(session: &Session, setting: &Setting) -> Result<()> {
    let kind = setting.body.kind();
    hold(session, setting.customer, kind).await?;
    expect(session, setting.customer, kind, setting.id).await?;
    refuse_taken_name(session, setting).await?;
    session
        .execute(
            "UPDATE settings SET name = $2, body = $3, modified = $4 WHERE id = $1",
            &[
                &setting.id.to_string(),
                &setting.body.unique_name(),
                &body_json(&setting.body),
                &setting.modified.as_micros(),
            ],
        )
        .await?;
    Ok(())
}

pub(super) async fn delete(
    session: &Session,
    customer: CustomerId,
    kind: SettingKind,
    id: SettingId,
) -> Result<()> {
    hold(session, customer, kind).await?;
    let setting = expect(session, customer, kind, id).await?;
    if let SettingBody::ChannelPolicy(policy) = &setting.body
        && is_named(session, customer, policy).await?
    {
        return Err(PgError::InUse(kind.subject()));
    }
    let delete = "DELETE FROM settings WHERE id = $1";
    session.execute(delete, &[&id.to_string()]).await?;
    Ok(())
}

pub(super) async fn list(
    session: &Session,
    customer: CustomerId,
    kind: SettingKind,
) -> Result<Vec<Setting>> {
    let rows = session
        .rows(
            "SELECT id, customer, coalesce(space, 0), body, created, modified FROM settings
             WHERE customer = $1 AND kind = $2 ORDER BY created, id",
            &[&of_customer(customer), &kind.as_str()],
        )
        .await?;
    read_all(&rows, |columns| {
        let row = SettingRow {
            id: columns.get()?,
            customer: columns.customer()?,
            kind,
            space: u32::try_from(columns.get::<i64>()?).map_err(|_| unreadable("space"))?,
            body: columns.get()?,
            created: columns.time()?,
            modified: columns.time()?,
        };
        Ok(row.read()?)
    })
}

/// Until the transaction ends, nobody else changes what is the customer's; a customer that is not there has no setting either.
async fn hold(session: &Session, customer: CustomerId, kind: SettingKind) -> Result<()> {
    match customer::hold(session, customer).await {
        Err(PgError::NotFound(_)) => Err(PgError::NotFound(kind.subject())),
        held => held.map(drop),
    }
}

async fn expect(
    session: &Session,
    customer: CustomerId,
    kind: SettingKind,
    id: SettingId,
) -> Result<Setting> {
    let own = list(session, customer, kind).await?;
    let found = own.into_iter().find(|setting| setting.id == id);
    found.ok_or(PgError::NotFound(kind.subject()))
}

async fn refuse_taken_name(session: &Session, setting: &Setting) -> Result<()> {
    let kind = setting.body.kind();
    let others = count(
        session,
        "SELECT count(*) FROM settings WHERE customer = $1 AND kind = $2 AND name = $3 AND id <> $4",
        &[
            &of_customer(setting.customer),
            &kind.as_str(),
            &setting.body.unique_name(),
            &setting.id.to_string(),
        ],
    )
    .await?;
    if others == 0 {
        Ok(())
    } else {
        Err(PgError::AlreadyExists {
            subject: kind.subject(),
            property: kind.unique_property(),
        })
    }
}

/// Whether an image or a default delivery channel names a policy.
async fn is_named(session: &Session, customer: CustomerId, policy: &ChannelPolicy) -> Result<bool> {
    let defaults = list(session, customer, SettingKind::DefaultChannel).await?;
    let by_default = defaults.iter().any(|setting| {
        matches!(&setting.body, SettingBody::DefaultChannel(default)
            if default.channel == policy.data.channel() && default.policy == policy.name.as_str())
    });
    if by_default {
        return Ok(true);
    }
    let by_image = count(
        session,
        "SELECT count(*) FROM (SELECT 1 FROM images WHERE customer = $1 AND strpos(delivery_channels, $2) > 0 LIMIT 1) AS named",
        &[&of_customer(customer), &naming(policy)],
    )
    .await?;
    Ok(by_image > 0)
}
