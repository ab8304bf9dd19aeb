//! Listings of images: a query in SQL.

use dlcs_core::image::{Image, ImageOrderBy, ImageQuery};
use dlcs_core::page::{Page, PageRequest};
use tokio_postgres::types::{ToSql, Type};

use super::error::Result;
use super::query::page_bounds;
use super::row::{of_customer, of_space, read_all, read_one, stored};
use super::session::Session;
use super::{image, space};

pub(super) async fn list(
    session: &Session,
    query: &ImageQuery,
    page: PageRequest,
) -> Result<Page<Image>> {
    let mut selection = Selection::of(query)?;
    let total = total(session, query, &selection).await?;
    let [limit, offset] = page_bounds(page);
    let condition = selection.sql();
    let (limit, offset) = (
        selection.value(limit, Type::INT8),
        selection.value(offset, Type::INT8),
    );
    let sql = format!(
        "SELECT {} FROM images AS i WHERE {condition} ORDER BY {} LIMIT {limit} OFFSET {offset}",
        *image::COLUMNS,
        order(query),
    );
    let rows = session.rows_once(&sql, &selection.params()).await?;
    let items = read_all(&rows, image::read)?.into_iter();
    Ok(Page {
        items: items.map(|stored| stored.image).collect(),
        total,
    })
}

async fn total(session: &Session, query: &ImageQuery, selection: &Selection) -> Result<u64> {
    // A whole space is counted already.
    if let (Some(id), 2) = (query.space, selection.terms.len()) {
        let space = space::find(session, query.customer, id).await?;
        return Ok(space.map_or(0, |space| space.image_count));
    }
    let sql = format!("SELECT count(*) FROM images AS i WHERE {}", selection.sql());
    let rows = session.rows_once(&sql, &selection.params()).await?;
    let count = read_one(rows.into_iter().next(), |columns| columns.number("count"))?;
    Ok(count.unwrap_or(0))
}

/// The types of one value and of several.
const TEXT: [Type; 2] = [Type::TEXT, Type::TEXT_ARRAY];
const NUMBER: [Type; 2] = [Type::INT8, Type::INT8_ARRAY];

/// Conditions that must all hold, and their values in order.
struct Selection {
    terms: Vec<String>,
    values: Vec<(Box<dyn ToSql + Sync + Send>, Type)>,
}

impl Selection {
    fn of(query: &ImageQuery) -> Result<Self> {
        let mut selection = Self {
            terms: Vec::new(),
            values: Vec::new(),
        };
        selection.equal("customer", of_customer(query.customer), Type::INT8);
        if let Some(space) = query.space {
            selection.equal("space", of_space(space), Type::INT8);
        }
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
                let set = wanted.iter().all(|text| !text.is_empty());
                let unset = set.then_some("''");
                selection.metadata(&format!("string{place}"), wanted, TEXT, unset);
            }
        }
        for (place, wanted) in (1..).zip(&query.numbers) {
            if let Some(wanted) = wanted {
                let set = wanted.iter().all(|number| *number != 0);
                let unset = set.then_some("0");
                selection.metadata(&format!("number{place}"), wanted, NUMBER, unset);
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
    fn metadata<T: ToSql + Clone + Sync + Send + 'static>(
        &mut self,
        column: &str,
        wanted: &[T],
        kinds: [Type; 2],
        unset: Option<&str>,
    ) {
        if let Some(unset) = unset {
            self.terms.push(format!("i.{column} <> {unset}"));
        }
        self.among(column, wanted, kinds);
    }

    fn term(&mut self, holds: bool, term: &str) {
        self.terms.push(if holds {
            term.to_owned()
        } else {
            format!("NOT ({term})")
        });
    }

    fn sql(&self) -> String {
        self.terms.join(" AND ")
    }

    fn params(&self) -> Vec<(&(dyn ToSql + Sync), Type)> {
        self.values
            .iter()
            .map(|(value, kind)| -> (&(dyn ToSql + Sync), Type) { (value.as_ref(), kind.clone()) })
            .collect()
    }
}

fn order(query: &ImageQuery) -> String {
    let by = match query.order.by {
        ImageOrderBy::Id => "i.model".to_owned(),
        ImageOrderBy::Width => "coalesce(i.service_width, 0)".to_owned(),
        ImageOrderBy::Height => "coalesce(i.service_height, 0)".to_owned(),
        ImageOrderBy::String(third) => format!("i.string{}", third.index() + 1),
        ImageOrderBy::Number(third) => format!("i.number{}", third.index() + 1),
        _ => "i.created".to_owned(),
    };
    let ties = match query.order.by {
        ImageOrderBy::Created => "i.space, i.model",
        ImageOrderBy::Id => "i.created, i.space",
        _ => "i.created, i.space, i.model",
    };
    let direction = if query.order.descending {
        "DESC"
    } else {
        "ASC"
    };
    format!("{by} {direction}, {ties}")
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
