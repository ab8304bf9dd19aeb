//! What the catalogue says of itself to those who check it.

use std::collections::BTreeSet;

use async_trait::async_trait;
use dlcs_core::catalogue::Result as CatalogueResult;
use dlcs_core::derivative::DerivativeKey;
use dlcs_core::fsck::{Ledger, Miscount, Named, Rule};
use dlcs_core::id::ImageId;
use dlcs_core::image::Image;
use dlcs_core::queue::{Generation, LeaseToken};
use dlcs_core::time::Timestamp;
use rusqlite::{Connection, params};

use super::error::Result;
use super::image::StoredImage;
use super::row::json;
use super::{SqliteCatalogue, image, query_all, query_one, sound};

/// The most that the database says of itself.
const ITSELF: usize = 100;

#[async_trait]
impl Ledger for SqliteCatalogue {
    async fn scan_images(
        &self,
        after: Option<&ImageId>,
        limit: usize,
    ) -> CatalogueResult<Vec<Image>> {
        let after = after.cloned();
        let images = self
            .read(move |c| scan_images(c, after.as_ref(), limit))
            .await?;
        Ok(images)
    }

    async fn scan_collectable(
        &self,
        after: Option<&DerivativeKey>,
        limit: usize,
    ) -> CatalogueResult<Vec<DerivativeKey>> {
        let after = after.map(DerivativeKey::path).unwrap_or_default();
        let keys = self
            .read(move |c| scan_collectable(c, after, limit))
            .await?;
        Ok(keys)
    }

    async fn list_leased(&self) -> CatalogueResult<Vec<DerivativeKey>> {
        Ok(self.read(list_leased).await?)
    }

    async fn find_named(&self, keys: &[DerivativeKey]) -> CatalogueResult<Vec<Named>> {
        let keys = keys.to_vec();
        Ok(self.read(move |c| find_named(c, keys)).await?)
    }

    async fn miscounts(&self, limit: usize) -> CatalogueResult<Vec<Miscount>> {
        Ok(self.read(move |c| miscounts(c, limit)).await?)
    }

    async fn recount(&self) -> CatalogueResult<()> {
        Ok(self.write(recount).await?)
    }
}

fn bound(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

pub(super) fn scan_images(
    connection: &Connection,
    after: Option<&ImageId>,
    limit: usize,
) -> Result<Vec<Image>> {
    let (customer, space, model) = after.map_or((0, 0, ""), |id| {
        (id.customer().get(), id.space().get(), id.model().as_str())
    });
    let sql = format!(
        "SELECT {} FROM images WHERE (customer, space, model) > (?1, ?2, ?3) ORDER BY customer, space, model LIMIT ?4",
        *image::COLUMNS
    );
    let stored = query_all(
        connection,
        &sql,
        params![customer, space, model, bound(limit)],
        image::read,
    )?;
    Ok(stored.into_iter().map(|stored| stored.image).collect())
}

fn scan_collectable(
    connection: &Connection,
    mut after: String,
    limit: usize,
) -> Result<Vec<DerivativeKey>> {
    loop {
        let paths: Vec<String> = query_all(
            connection,
            "SELECT path FROM collectable WHERE path > ?1 ORDER BY path LIMIT ?2",
            params![after, bound(limit)],
            |columns| columns.get(),
        )?;
        let keys: Vec<_> = paths.iter().filter_map(|path| path.parse().ok()).collect();
        // A page of paths that name nothing is no end.
        match paths.into_iter().next_back() {
            Some(last) if keys.is_empty() => after = last,
            _ => return Ok(keys),
        }
    }
}

fn list_leased(connection: &Connection) -> Result<Vec<DerivativeKey>> {
    let leased = query_all(
        connection,
        "SELECT i.customer, i.space, i.model, j.generation, j.lease_token FROM jobs AS j JOIN images AS i ON i.row_id = j.image
         WHERE j.lease_token IS NOT NULL",
        [],
        |columns| {
            let image = columns.image()?;
            let generation = Generation::new(columns.number("generation")?);
            let token = LeaseToken::new(columns.number("lease_token")?);
            Ok(DerivativeKey::of_lease(&image, generation, token))
        },
    )?;
    Ok(leased.into_iter().flatten().collect())
}

fn find_named(connection: &Connection, keys: Vec<DerivativeKey>) -> Result<Vec<Named>> {
    let (mut tokens, mut uploads) = (Vec::new(), Vec::new());
    for key in &keys {
        match key {
            DerivativeKey::Pyramid { token, .. } | DerivativeKey::Original { token, .. } => {
                tokens.push(token.get());
            }
            DerivativeKey::Upload(id) => uploads.push(id.to_string()),
            _ => {}
        }
    }
    let sql = format!(
        "SELECT {} FROM images
         WHERE service_token IN (SELECT value FROM json_each(?1)) OR original_token IN (SELECT value FROM json_each(?1))
             OR source_upload IN (SELECT value FROM json_each(?2))",
        *image::COLUMNS
    );
    let images = query_all(
        connection,
        &sql,
        [json(&tokens), json(&uploads)],
        image::read,
    )?;
    let mut needed: BTreeSet<_> = list_leased(connection)?.into_iter().collect();
    for StoredImage { image, .. } in images {
        needed.extend(image.objects().map(|object| object.key));
        needed.extend(image.awaited_upload());
    }
    let mut named = Vec::new();
    for key in keys {
        let collectable = query_one(
            connection,
            "SELECT 1 FROM collectable WHERE path = ?1",
            [key.path()],
            |_| Ok(()),
        )?;
        let (is_needed, is_collectable) = (needed.contains(&key), collectable.is_some());
        if is_needed || is_collectable {
            named.push(Named {
                key,
                is_needed,
                is_collectable,
            });
        }
    }
    Ok(named)
}

fn miscounts(connection: &Connection, limit: usize) -> Result<Vec<Miscount>> {
    let mut found = Vec::new();
    for (rule, question) in sound::questions() {
        let answers = query_all(connection, &question, [bound(limit)], |columns| {
            Ok(sound::answer(rule, columns.get()?, columns.get()?)?)
        })?;
        found.extend(answers);
    }
    // The database looks at itself, too: pages and indexes, and what rows refer to. What is bound to this question is taken for a table.
    let itself = format!("PRAGMA integrity_check({})", limit.min(ITSELF));
    let mut answers: Vec<String> = query_all(connection, &itself, [], |columns| columns.get())?;
    answers.retain(|answer| answer != "ok");
    let references = "SELECT 'a row of `' || \"table\" || '` refers to a row of `' || parent || '` that is not there'
                      FROM pragma_foreign_key_check LIMIT ?1";
    let dangling: Vec<String> = query_all(connection, references, [bound(limit)], |columns| {
        columns.get()
    })?;
    let answers = answers
        .into_iter()
        .map(|answer| format!("the database says of itself: {answer}"));
    found.extend(answers.chain(dangling).map(|sentence| Miscount {
        rule: Rule::Database,
        sentence,
        image: None,
    }));
    Ok(found)
}

fn recount(connection: &Connection, now: Timestamp) -> Result<()> {
    for (statement, is_timed) in sound::RECOUNT {
        let mut statement = connection.prepare(statement)?;
        if is_timed {
            statement.execute([now.as_micros()])?;
        } else {
            statement.execute([])?;
        }
    }
    Ok(())
}
