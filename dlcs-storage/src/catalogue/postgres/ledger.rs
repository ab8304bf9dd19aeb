//! What the catalogue says of itself to those who check it.

use std::collections::BTreeSet;

use async_trait::async_trait;
use dlcs_core::catalogue::Result as CatalogueResult;
use dlcs_core::derivative::DerivativeKey;
use dlcs_core::fsck::{Ledger, Miscount, Named};
use dlcs_core::id::ImageId;
use dlcs_core::image::Image;
use dlcs_core::queue::{Generation, LeaseToken};

use super::error::Result;
use super::image::StoredImage;
use super::row::{of_customer, of_space, read_all, stored};
use super::session::{Mode, Session};
use super::{PostgresCatalogue, image, sound};

#[async_trait]
impl Ledger for PostgresCatalogue {
    async fn scan_images(
        &self,
        after: Option<&ImageId>,
        limit: usize,
    ) -> CatalogueResult<Vec<Image>> {
        let read = |session| async move { scan_images(&session, after, limit).await };
        Ok(self.database.read(read).await?)
    }

    async fn scan_collectable(
        &self,
        after: Option<&DerivativeKey>,
        limit: usize,
    ) -> CatalogueResult<Vec<DerivativeKey>> {
        let read = |session| async move { scan_collectable(&session, after, limit).await };
        Ok(self.database.read(read).await?)
    }

    async fn list_leased(&self) -> CatalogueResult<Vec<DerivativeKey>> {
        let read = |session| async move { list_leased(&session).await };
        Ok(self.database.read(read).await?)
    }

    async fn find_named(&self, keys: &[DerivativeKey]) -> CatalogueResult<Vec<Named>> {
        let read = |session| async move { find_named(&session, keys).await };
        Ok(self.database.run(Mode::Survey, read).await?)
    }

    async fn miscounts(&self, limit: usize) -> CatalogueResult<Vec<Miscount>> {
        let read = |session| async move { miscounts(&session, limit).await };
        Ok(self.database.run(Mode::Survey, read).await?)
    }

    async fn recount(&self) -> CatalogueResult<()> {
        let write = |session| async move { recount(&session).await };
        Ok(self.database.run(Mode::Overhaul, write).await?)
    }
}

fn bound(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

async fn scan_images(
    session: &Session,
    after: Option<&ImageId>,
    limit: usize,
) -> Result<Vec<Image>> {
    let (customer, space, model) = after.map_or((0, 0, ""), |id| {
        (
            of_customer(id.customer()),
            of_space(id.space()),
            id.model().as_str(),
        )
    });
    let sql = format!(
        "SELECT {} FROM images AS i WHERE (customer, space, model) > ($1, $2, $3) ORDER BY customer, space, model LIMIT $4",
        *image::COLUMNS
    );
    let rows = session
        .rows(&sql, &[&customer, &space, &model, &bound(limit)])
        .await?;
    let stored = read_all(&rows, image::read)?.into_iter();
    Ok(stored.map(|stored| stored.image).collect())
}

async fn scan_collectable(
    session: &Session,
    after: Option<&DerivativeKey>,
    limit: usize,
) -> Result<Vec<DerivativeKey>> {
    let mut after = after.map(DerivativeKey::path).unwrap_or_default();
    loop {
        let sql = "SELECT path FROM collectable WHERE path > $1 ORDER BY path LIMIT $2";
        let rows = session.rows(sql, &[&after, &bound(limit)]).await?;
        let paths: Vec<String> = read_all(&rows, |columns| columns.get())?;
        let keys: Vec<_> = paths.iter().filter_map(|path| path.parse().ok()).collect();
        // A page of paths that name nothing is no end.
        match paths.into_iter().next_back() {
            Some(last) if keys.is_empty() => after = last,
            _ => return Ok(keys),
        }
    }
}

async fn list_leased(session: &Session) -> Result<Vec<DerivativeKey>> {
    let sql = "SELECT i.customer, i.space, i.model, j.generation, j.lease_token FROM jobs AS j JOIN images AS i ON i.row_id = j.image
               WHERE j.lease_token IS NOT NULL";
    let rows = session.rows(sql, &[]).await?;
    let leased = read_all(&rows, |columns| {
        let image = columns.image()?;
        let generation = Generation::new(columns.number("generation")?);
        let token = LeaseToken::new(columns.number("lease_token")?);
        Ok(DerivativeKey::of_lease(&image, generation, token))
    })?;
    Ok(leased.into_iter().flatten().collect())
}

async fn find_named(session: &Session, keys: &[DerivativeKey]) -> Result<Vec<Named>> {
    let (mut tokens, mut uploads) = (Vec::new(), Vec::new());
    for key in keys {
        match key {
            DerivativeKey::Pyramid { token, .. } | DerivativeKey::Original { token, .. } => {
                // A number that no row can hold is in none.
                tokens.extend(stored("lease_token", token.get()));
            }
            DerivativeKey::Upload(id) => uploads.push(id.to_string()),
            _ => {}
        }
    }
    let sql = format!(
        "SELECT {} FROM images AS i WHERE service_token = ANY ($1) OR original_token = ANY ($1) OR source_upload = ANY ($2)",
        *image::COLUMNS
    );
    let rows = session.rows(&sql, &[&tokens, &uploads]).await?;
    let mut needed: BTreeSet<_> = list_leased(session).await?.into_iter().collect();
    for StoredImage { image, .. } in read_all(&rows, image::read)? {
        needed.extend(image.objects().map(|object| object.key));
        needed.extend(image.awaited_upload());
    }
    let paths: Vec<_> = keys.iter().map(DerivativeKey::path).collect();
    let sql = "SELECT path FROM collectable WHERE path = ANY ($1)";
    let rows = session.rows(sql, &[&paths]).await?;
    let paths = read_all(&rows, |columns| columns.get::<String>())?;
    let collectable: BTreeSet<DerivativeKey> =
        paths.iter().filter_map(|path| path.parse().ok()).collect();
    let named = keys.iter().map(|key| Named {
        key: key.clone(),
        is_needed: needed.contains(key),
        is_collectable: collectable.contains(key),
    });
    Ok(named
        .filter(|named| named.is_needed || named.is_collectable)
        .collect())
}

async fn miscounts(session: &Session, limit: usize) -> Result<Vec<Miscount>> {
    let mut found = Vec::new();
    for (rule, question) in sound::questions() {
        let rows = session.rows(&question, &[&bound(limit)]).await?;
        found.extend(read_all(&rows, |columns| {
            Ok(sound::answer(rule, columns.get()?, columns.get()?)?)
        })?);
    }
    Ok(found)
}

async fn recount(session: &Session) -> Result<()> {
    let now = session.now().as_micros();
    for (statement, is_timed) in sound::RECOUNT {
        if is_timed {
            session.execute(statement, &[&now]).await?;
        } else {
            session.execute(statement, &[]).await?;
        }
    }
    Ok(())
}
