//! Listings of images: a query in SQL.

use dlcs_core::image::{Image, ImageQuery};
use dlcs_core::order::Key;
use dlcs_core::page::{Page, PageRequest};
use tokio_postgres::types::{ToSql, Type};

use super::error::Result;
use super::image;
use super::order::{Dialect, ImageSort};
use super::query::{count, page_bounds};
use super::row::{of_customer, of_space, read_all, read_one, stored};
use super::session::Session;

const DIALECT: Dialect = Dialect {
    width: "coalesce(i.service_width, 0)",
    checksum: "coalesce(encode(coalesce(i.source_checksum, i.original_sha256), 'hex'), '') COLLATE \"C\"",
};

pub(super) async fn list(
    session: &Session,
    query: &ImageQuery,
    page: PageRequest,
) -> Result<Page<Image>> {
    let mut selection = Selection::of(query)?;
    let total = total(session, query, &selection).await?;
    let sql = statement(query, &mut selection, page);
    let rows = session.rows_once(&sql, &selection.params()).await?;
    let items = read_all(&rows, image::read)?.into_iter();
    Ok(Page {
        items: items.map(|stored| stored.image).collect(),
        total,
    })
}

/// The statement that lists a page; its values are added to those of the selection.
pub(super) fn statement(
    query: &ImageQuery,
    selection: &mut Selection,
    page: PageRequest,
) -> String {
    let mut condition = selection.sql();
    let sort = ImageSort::of(query, DIALECT);
    let after = sort.after(|key| match key {
        Key::Number(number) => selection.value(*number, Type::INT8),
        Key::Text(text) => selection.value(text.clone(), Type::TEXT),
    });
    if let Some(after) = after {
        condition = format!("{condition} AND {after}");
    }
    let [limit, offset] = page_bounds(page).map(|bound| selection.value(bound, Type::INT8));
    let (columns, order) = (&*image::COLUMNS, sort.sql());
    let rest = format!(
        "FROM images AS i WHERE {condition} ORDER BY {order} LIMIT {limit} OFFSET {offset}"
    );
    if page.index == 0 {
        return format!("SELECT {columns} {rest}");
    }
    // What is passed over is read in the index only, where that has everything.
    format!(
        "SELECT {columns} FROM (SELECT i.customer, i.space, i.model {rest}) AS page
         JOIN images AS i ON (i.customer, i.space, i.model) = (page.customer, page.space, page.model) ORDER BY {order}"
    )
}

async fn total(session: &Session, query: &ImageQuery, selection: &Selection) -> Result<u64> {
    if selection.terms.is_empty() {
        return all(session, query).await;
    }
    // What most images are is counted by those that are not.
    if let ([_], Some(opposite)) = (selection.terms.as_slice(), &selection.opposite) {
        let scope = selection.scope.join(" AND ");
        let sql = format!("SELECT count(*) FROM images AS i WHERE {scope} AND {opposite}");
        let params = selection.params();
        let others = counted(session, &sql, &params[..selection.scope.len()]).await?;
        return Ok(all(session, query).await?.saturating_sub(others));
    }
    let sql = format!("SELECT count(*) FROM images AS i WHERE {}", selection.sql());
    counted(session, &sql, &selection.params()).await
}

/// How many images there are in the space, or of the customer: spaces are counted already.
async fn all(session: &Session, query: &ImageQuery) -> Result<u64> {
    count(
        session,
        "SELECT coalesce(sum(image_count), 0)::bigint FROM spaces WHERE customer = $1 AND id = coalesce($2, id)",
        &[&of_customer(query.customer), &query.space.map(of_space)],
    )
    .await
}

async fn counted(
    session: &Session,
    sql: &str,
    params: &[(&(dyn ToSql + Sync), Type)],
) -> Result<u64> {
    let rows = session.rows_once(sql, params).await?;
    let count = read_one(rows.into_iter().next(), |columns| columns.number("count"))?;
    Ok(count.unwrap_or(0))
}

/// The types of one value and of several.
const TEXT: [Type; 2] = [Type::TEXT, Type::TEXT_ARRAY];
const NUMBER: [Type; 2] = [Type::INT8, Type::INT8_ARRAY];

/// Conditions that must all hold, and their values in order.
pub(super) struct Selection {
    /// Whose images, and in which space.
    scope: Vec<String>,
    terms: Vec<String>,
    values: Vec<(Box<dyn ToSql + Sync + Send>, Type)>,
    /// Those images of the scope that the last term leaves out, where they are indexed and usually few.
    opposite: Option<String>,
}

impl Selection {
    pub(super) fn of(query: &ImageQuery) -> Result<Self> {
        let mut selection = Self {
            scope: Vec::new(),
            terms: Vec::new(),
            values: Vec::new(),
            opposite: None,
        };
        selection.equal("customer", of_customer(query.customer), Type::INT8);
        if let Some(space) = query.space {
            selection.equal("space", of_space(space), Type::INT8);
        }
        selection.scope = std::mem::take(&mut selection.terms);
        if let Some(batches) = &query.batches {
            let numbers = batches.iter().map(|batch| stored("batch", batch.get()));
            let numbers: Vec<i64> = numbers.collect::<Result<_>>()?;
            selection.among("batch", &numbers, NUMBER);
        }
        if let Some(batch) = query.made_of {
            let place = selection.value(stored("batch", batch.get())?, Type::INT8);
            // The first value is the customer, whose the batch must be: spaces have the same numbers everywhere.
            selection.terms.push(format!(
                "(i.space, i.model) IN (SELECT m.space, m.model FROM batches AS b JOIN batch_images AS m ON m.batch = b.id \
                 WHERE b.id = {place} AND b.customer = $1)"
            ));
        }
        if let Some(models) = &query.models {
            let names = models.iter().map(|model| model.as_str().to_owned());
            let names: Vec<String> = names.collect();
            selection.among("model", &names, TEXT);
        }
        for (place, wanted) in (1..).zip(&query.strings) {
            if let Some(wanted) = wanted {
                let unset = (&String::new(), "''");
                selection.metadata(&format!("string{place}"), wanted, TEXT, unset);
            }
        }
        for (place, wanted) in (1..).zip(&query.numbers) {
            if let Some(wanted) = wanted {
                selection.metadata(&format!("number{place}"), wanted, NUMBER, (&0, "0"));
            }
        }
        if let Some(tags) = &query.tags {
            let place = selection.value(tags.clone(), Type::TEXT_ARRAY);
            selection.terms.push(format!("i.tags::jsonb ?| {place}"));
        }
        if let Some(failed) = query.failed {
            selection.term(failed, "i.state = 'failed'");
        }
        if let Some(pending) = query.pending {
            selection.term(pending, "i.state IN ('waiting', 'ingesting')");
        }
        Ok(selection)
    }

    /// Adds a value; returns how the SQL names it.
    fn value<T: ToSql + Sync + Send + 'static>(&mut self, value: T, kind: Type) -> String {
        self.values.push((Box::new(value), kind));
        format!("${}", self.values.len())
    }

    fn equal<T: ToSql + Sync + Send + 'static>(&mut self, column: &str, value: T, kind: Type) {
        let place = self.value(value, kind);
        self.terms.push(format!("i.{column} = {place}"));
    }

    /// One value is compared, and leaves an index its order.
    fn among<T: ToSql + Clone + Sync + Send + 'static>(
        &mut self,
        column: &str,
        wanted: &[T],
        [kind, list]: [Type; 2],
    ) {
        match wanted {
            [one] => self.equal(column, one.clone(), kind),
            several => {
                let place = self.value(several.to_vec(), list);
                self.terms.push(format!("i.{column} = ANY ({place})"));
            }
        }
    }

    /// The partial indexes leave out the value that stands for "not set"; it is given when it is not asked for, to say that they may be used.
    fn metadata<T: ToSql + Clone + PartialEq + Sync + Send + 'static>(
        &mut self,
        column: &str,
        wanted: &[T],
        kinds: [Type; 2],
        (unset, unset_sql): (&T, &str),
    ) {
        let is_set = format!("i.{column} <> {unset_sql}");
        if !wanted.contains(unset) {
            self.terms.push(is_set);
        } else if wanted.len() == 1 {
            self.opposite = Some(is_set);
        }
        self.among(column, wanted, kinds);
    }

    fn term(&mut self, holds: bool, term: &str) {
        if holds {
            self.terms.push(term.to_owned());
        } else {
            self.terms.push(format!("NOT ({term})"));
            self.opposite = Some(term.to_owned());
        }
    }

    fn sql(&self) -> String {
        [self.scope.as_slice(), &self.terms].concat().join(" AND ")
    }

    pub(super) fn params(&self) -> Vec<(&(dyn ToSql + Sync), Type)> {
        self.values
            .iter()
            .map(|(value, kind)| -> (&(dyn ToSql + Sync), Type) { (value.as_ref(), kind.clone()) })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use dlcs_core::id::{CustomerId, SpaceId};

    use super::*;

    #[test]
    fn values_never_stand_in_the_sql() {
        let mut query = ImageQuery::of(CustomerId::FIRST).in_space(SpaceId::FIRST);
        query.strings[1] = Some(vec!["canary' OR TRUE --".to_owned(), "b".to_owned()]);
        query.numbers[2] = Some(vec![4_711]);
        query.tags = Some(vec!["canary".to_owned()]);
        query.pending = Some(false);
        let selection = Selection::of(&query).unwrap();
        assert_eq!(
            selection.sql(),
            "i.customer = $1 AND i.space = $2 AND i.string2 <> '' AND i.string2 = ANY ($3) AND i.number3 <> 0 \
             AND i.number3 = $4 AND i.tags::jsonb ?| $5 AND NOT (i.state IN ('waiting', 'ingesting'))"
        );
        assert_eq!(selection.params().len(), 5);
    }
}
