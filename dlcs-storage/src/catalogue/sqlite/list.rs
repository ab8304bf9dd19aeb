//! Listings of images: a query in SQL.

use dlcs_core::image::{Image, ImageOrderBy, ImageQuery};
use dlcs_core::page::{Page, PageRequest};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use serde::Serialize;

use super::error::Result;
use super::row::{json, stored};
use super::{count, image, page_bounds, query_all, space};

pub(super) fn list(
    connection: &Connection,
    query: &ImageQuery,
    page: PageRequest,
) -> Result<Page<Image>> {
    let selection = Selection::of(query)?;
    let [limit, offset] = page_bounds(page);
    let sql = format!(
        "SELECT {} FROM {} ORDER BY {} LIMIT ? OFFSET ?",
        *image::COLUMNS,
        selection.sql(),
        order(query),
    );
    let mut values = selection.values.clone();
    values.extend([limit, offset].map(Value::Integer));
    let items = query_all(connection, &sql, params_from_iter(values), image::read)?;
    Ok(Page {
        items: items.into_iter().map(|stored| stored.image).collect(),
        total: total(connection, query, &selection)?,
    })
}

fn total(connection: &Connection, query: &ImageQuery, selection: &Selection) -> Result<u64> {
    // A whole space is counted already.
    if let (Some(id), 2) = (query.space, selection.terms.len()) {
        let space = space::find(connection, query.customer, id)?;
        return Ok(space.map_or(0, |space| space.image_count));
    }
    count(
        connection,
        &format!("SELECT count(*) FROM {}", selection.sql()),
        params_from_iter(&selection.values),
    )
}

/// Whether a batch of a customer was made of an image.
const MADE_OF: &str = "row_id IN (SELECT i.row_id FROM batches AS b JOIN batch_images AS m ON m.batch = b.id
    JOIN images AS i ON i.customer = b.customer AND i.space = m.space AND i.model = m.model WHERE b.id = ? AND b.customer = ?)";

/// Conditions that must all hold, and their values in order.
struct Selection {
    terms: Vec<String>,
    values: Vec<Value>,
    /// The index of metadata that narrows most. The planner would rather avoid sorting, and read everything.
    index: Option<String>,
}

impl Selection {
    fn of(query: &ImageQuery) -> Result<Self> {
        let mut selection = Self {
            terms: Vec::new(),
            values: Vec::new(),
            index: None,
        };
        // The planner would rather avoid sorting what a batch was made of, and read all that the customer has: a plus hides its indexes.
        let hidden = query.made_of.map_or("", |_| "+");
        let customer = Value::from(query.customer.get());
        selection.add(&format!("{hidden}customer = ?"), customer);
        if let Some(space) = query.space {
            selection.add("space = ?", Value::from(space.get()));
        }
        if let Some(batches) = &query.batches {
            let numbers = batches.iter().map(|batch| stored("batch", batch.get()));
            selection.add_among("batch", &numbers.collect::<Result<Vec<_>>>()?);
        }
        if let Some(models) = &query.models {
            let names = models.iter().map(|model| model.as_str().to_owned());
            selection.add_among("model", &names.collect::<Vec<_>>());
        }
        for (place, wanted) in (1..).zip(&query.strings) {
            if let Some(wanted) = wanted {
                let set = wanted.iter().all(|text| !text.is_empty());
                let unset = set.then_some("''");
                selection.add_metadata(&format!("string{place}"), wanted, unset);
            }
        }
        for (place, wanted) in (1..).zip(&query.numbers) {
            if let Some(wanted) = wanted {
                let set = wanted.iter().all(|number| *number != 0);
                let unset = set.then_some("0");
                selection.add_metadata(&format!("number{place}"), wanted, unset);
            }
        }
        if let Some(batch) = query.made_of {
            selection.terms.push(MADE_OF.to_owned());
            let batch = stored("batch", batch.get())?;
            let customer = Value::from(query.customer.get());
            selection.values.extend([Value::from(batch), customer]);
        }
        if query.batches.is_some() || query.made_of.is_some() || query.models.is_some() {
            selection.index = None;
        }
        if let Some(tags) = &query.tags {
            selection.add(
                "EXISTS (SELECT 1 FROM json_each(tags) AS tag WHERE tag.value IN (SELECT value FROM json_each(?)))",
                json(tags).into(),
            );
        }
        if let Some(failed) = query.failed {
            selection.add_if(failed, "state = 'failed'");
        }
        if let Some(pending) = query.pending {
            selection.add_if(pending, "state IN ('waiting', 'ingesting')");
        }
        Ok(selection)
    }

    fn add(&mut self, term: &str, value: Value) {
        self.terms.push(term.to_owned());
        self.values.push(value);
    }

    /// One value is compared, and leaves an index its order; several are a JSON list, so that the SQL is the same for any number of them.
    fn add_among<T: Clone + Serialize + Into<Value>>(&mut self, column: &str, wanted: &[T]) {
        match wanted {
            [one] => self.add(&format!("{column} = ?"), one.clone().into()),
            several => self.add(
                &format!("{column} IN (SELECT value FROM json_each(?))"),
                json(several).into(),
            ),
        }
    }

    /// The partial indexes leave out the value that stands for "not set"; it is given when it is not asked for, to say that they may be used.
    fn add_metadata<T: Clone + Serialize + Into<Value>>(
        &mut self,
        column: &str,
        wanted: &[T],
        unset: Option<&str>,
    ) {
        if let Some(unset) = unset {
            self.terms.push(format!("{column} <> {unset}"));
            self.index
                .get_or_insert_with(|| format!("images_by_{column}"));
        }
        self.add_among(column, wanted);
    }

    fn add_if(&mut self, holds: bool, term: &str) {
        self.terms.push(if holds {
            term.to_owned()
        } else {
            format!("NOT ({term})")
        });
    }

    /// What follows `FROM`.
    fn sql(&self) -> String {
        let hint = match &self.index {
            Some(index) => format!("INDEXED BY {index} "),
            None => String::new(),
        };
        format!("images {hint}WHERE {}", self.terms.join(" AND "))
    }
}

fn order(query: &ImageQuery) -> String {
    let by = match query.order.by {
        ImageOrderBy::Id => "model".to_owned(),
        ImageOrderBy::Width => "coalesce(service_width, 0)".to_owned(),
        ImageOrderBy::Height => "coalesce(service_height, 0)".to_owned(),
        ImageOrderBy::String(third) => format!("string{}", third.index() + 1),
        ImageOrderBy::Number(third) => format!("number{}", third.index() + 1),
        _ => "created".to_owned(),
    };
    // A term that stands there twice keeps the planner from using an index.
    let ties = match query.order.by {
        ImageOrderBy::Created => "space, model",
        ImageOrderBy::Id => "created, space",
        _ => "created, space, model",
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
    use crate::catalogue::sqlite::testing::{empty_database, plan};

    fn plan_of(query: &ImageQuery) -> String {
        let database = empty_database();
        let selection = Selection::of(query).unwrap();
        let sql = format!(
            "SELECT * FROM {} ORDER BY {}",
            selection.sql(),
            order(query)
        );
        plan(&database, &sql)
    }

    #[test]
    fn listings_use_an_index() {
        let all = || ImageQuery::of(CustomerId::FIRST);
        let mut by_string = all();
        by_string.strings[1] = Some(vec!["a".to_owned(), "b".to_owned()]);
        let mut by_number = all().in_space(SpaceId::FIRST);
        by_number.numbers[2] = Some(vec![7]);
        let mut pending = all();
        pending.pending = Some(true);
        let batch = dlcs_core::id::BatchId::new(1).unwrap();
        for (query, index) in [
            (all(), "images_of_customer"),
            (all().in_space(SpaceId::FIRST), "images_of_space"),
            (all().in_batch(batch), "images_of_batch"),
            (by_string, "images_by_string2"),
            (by_number, "images_by_number3"),
            (pending, "images_pending"),
        ] {
            let plan = plan_of(&query);
            assert!(
                plan.contains(&format!("SEARCH images USING INDEX {index} "))
                    || plan.contains(&format!("SEARCH images USING COVERING INDEX {index} ")),
                "expected {index}, got {plan}"
            );
        }
    }

    #[test]
    fn what_a_batch_was_made_of_is_looked_up_one_by_one() {
        let batch = dlcs_core::id::BatchId::new(1).unwrap();
        let made = ImageQuery::of(CustomerId::FIRST).that_made(batch);
        let mut filtered = made.clone().in_space(SpaceId::FIRST);
        filtered.strings[0] = Some(vec!["a".to_owned()]);
        for query in [made, filtered] {
            let plan = plan_of(&query);
            let looked_up = "SEARCH images USING INTEGER PRIMARY KEY (rowid=?)";
            assert!(plan.contains(looked_up), "{plan}");
            assert!(!plan.contains("SCAN images"), "{plan}");
        }
    }

    #[test]
    fn listing_a_space_in_order_of_creation_needs_no_sorting() {
        let plan = plan_of(&ImageQuery::of(CustomerId::FIRST).in_space(SpaceId::FIRST));
        assert!(!plan.contains("TEMP B-TREE"), "{plan}");
    }
}
