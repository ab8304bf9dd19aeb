//! Listings of images: a query in SQL.

use dlcs_core::id::SpaceId;
use dlcs_core::image::{Image, ImageQuery};
use dlcs_core::order::Key;
use dlcs_core::page::{Page, PageRequest};
use rusqlite::types::Value;
use rusqlite::{Connection, params, params_from_iter};
use serde::Serialize;

use super::error::Result;
use super::order::{Dialect, ImageSort};
use super::row::{json, stored};
use super::{count, image, page_bounds, query_all};

const DIALECT: Dialect = Dialect {
    width: "i.width",
    checksum: "lower(hex(coalesce(i.source_checksum, i.original_sha256, x'')))",
};

pub(super) fn list(
    connection: &Connection,
    query: &ImageQuery,
    page: PageRequest,
) -> Result<Page<Image>> {
    let mut selection = Selection::of(query)?;
    selection.choose_index(connection)?;
    let total = total(connection, query, &selection)?;
    let (sql, mut values) = statement(query, &selection);
    values.extend(page_bounds(page).map(Value::Integer));
    let items = query_all(connection, &sql, params_from_iter(values), image::read)?;
    Ok(Page {
        items: items.into_iter().map(|stored| stored.image).collect(),
        total,
    })
}

/// The statement that lists a page, and its values but for the page's limit and offset.
fn statement(query: &ImageQuery, selection: &Selection) -> (String, Vec<Value>) {
    let sort = ImageSort::of(query, DIALECT);
    let mut values = selection.values.clone();
    let after = sort.after(|key| {
        values.push(match key {
            Key::Number(number) => Value::Integer(*number),
            Key::Text(text) => Value::Text(text.clone()),
        });
        "?".to_owned()
    });
    let after = after.map_or_else(String::new, |after| format!(" AND {after}"));
    let sql = format!(
        "SELECT {} FROM {}{after} ORDER BY {} LIMIT ? OFFSET ?",
        *image::COLUMNS,
        selection.sql(),
        sort.sql(),
    );
    (sql, values)
}

fn total(connection: &Connection, query: &ImageQuery, selection: &Selection) -> Result<u64> {
    if selection.terms.is_empty() {
        return all(connection, query);
    }
    // What most images are is counted by those that are not.
    if let ([_], Some(opposite)) = (selection.terms.as_slice(), &selection.opposite) {
        let scope = selection.scope.join(" AND ");
        let others = count(
            connection,
            &format!("SELECT count(*) FROM images WHERE {scope} AND {opposite}"),
            params_from_iter(&selection.values[..selection.scope.len()]),
        )?;
        return Ok(all(connection, query)?.saturating_sub(others));
    }
    count(
        connection,
        &format!("SELECT count(*) FROM {}", selection.sql()),
        params_from_iter(&selection.values),
    )
}

/// How many images there are in the space, or of the customer: spaces are counted already.
fn all(connection: &Connection, query: &ImageQuery) -> Result<u64> {
    let space = query.space.map(SpaceId::get);
    count(
        connection,
        "SELECT coalesce(sum(image_count), 0) FROM spaces WHERE customer = ?1 AND id = coalesce(?2, id)",
        params![query.customer.get(), space],
    )
}

/// Whether a batch of a customer was made of an image.
const MADE_OF: &str = "row_id IN (SELECT i.row_id FROM batches AS b JOIN batch_images AS m ON m.batch = b.id
    JOIN images AS i ON i.customer = b.customer AND i.space = m.space AND i.model = m.model WHERE b.id = ? AND b.customer = ?)";

/// How far images are counted to find out which condition narrows most.
const LOOK: u32 = 10_000;

/// Columns of metadata, and their indexes.
const STRINGS: [(&str, &str); 3] = [
    ("string1", "images_by_string1"),
    ("string2", "images_by_string2"),
    ("string3", "images_by_string3"),
];
const NUMBERS: [(&str, &str); 3] = [
    ("number1", "images_by_number1"),
    ("number2", "images_by_number2"),
    ("number3", "images_by_number3"),
];

/// Conditions that must all hold, and their values in order.
struct Selection {
    /// Whose images, and in which space.
    scope: Vec<String>,
    terms: Vec<String>,
    values: Vec<Value>,
    /// Those images of the scope that the last term leaves out, where they are indexed and usually few.
    opposite: Option<String>,
    /// Indexes of a condition each.
    candidates: Vec<Candidate>,
    /// The index that narrows most. The planner would rather avoid sorting, and read everything.
    index: Option<&'static str>,
}

/// A condition that has an index of its own.
struct Candidate {
    index: &'static str,
    terms: String,
    values: Vec<Value>,
}

impl Selection {
    fn of(query: &ImageQuery) -> Result<Self> {
        // The planner would rather avoid sorting what a batch was made of, and read all that the customer has: a plus hides its indexes.
        let hidden = query.made_of.map_or("", |_| "+");
        let mut selection = Self {
            scope: vec![format!("{hidden}customer = ?")],
            terms: Vec::new(),
            values: vec![query.customer.get().into()],
            opposite: None,
            candidates: Vec::new(),
            index: None,
        };
        if let Some(space) = query.space {
            selection.scope.push("space = ?".to_owned());
            selection.values.push(space.get().into());
        }
        if let Some(batches) = &query.batches {
            let numbers = batches.iter().map(|batch| stored("batch", batch.get()));
            selection.add_among("batch", &numbers.collect::<Result<Vec<_>>>()?);
        }
        if let Some(models) = &query.models {
            let names = models.iter().map(|model| model.as_str().to_owned());
            selection.add_among("model", &names.collect::<Vec<_>>());
        }
        for ((column, index), wanted) in STRINGS.into_iter().zip(&query.strings) {
            if let Some(wanted) = wanted {
                selection.add_metadata(column, index, wanted, &String::new(), "''");
            }
        }
        for ((column, index), wanted) in NUMBERS.into_iter().zip(&query.numbers) {
            if let Some(wanted) = wanted {
                selection.add_metadata(column, index, wanted, &0, "0");
            }
        }
        if let Some(batch) = query.made_of {
            selection.terms.push(MADE_OF.to_owned());
            let batch = stored("batch", batch.get())?;
            let customer = Value::from(query.customer.get());
            selection.values.extend([Value::from(batch), customer]);
        }
        if let Some(tags) = &query.tags {
            selection.terms.push(
                "EXISTS (SELECT 1 FROM json_each(tags) AS tag WHERE tag.value IN (SELECT value FROM json_each(?)))".to_owned(),
            );
            selection.values.push(json(tags).into());
        }
        if let Some(failed) = query.failed {
            selection.add_if(failed, "state = 'failed'", "images_failed");
        }
        if let Some(pending) = query.pending {
            let term = "state IN ('waiting', 'ingesting')";
            selection.add_if(pending, term, "images_pending");
        }
        // These find few by themselves.
        if query.batches.is_some() || query.made_of.is_some() || query.models.is_some() {
            selection.candidates.clear();
        }
        Ok(selection)
    }

    /// One value is compared, and leaves an index its order; several are a JSON list, so that the SQL is the same for any number of them.
    fn add_among<T: Clone + Serialize + Into<Value>>(&mut self, column: &str, wanted: &[T]) {
        let (term, value) = among(column, wanted);
        self.terms.push(term);
        self.values.push(value);
    }

    /// The partial indexes leave out the value that stands for "not set"; it is given when it is not asked for, to say that they may be used.
    fn add_metadata<T: Clone + Serialize + Into<Value> + PartialEq>(
        &mut self,
        column: &str,
        index: &'static str,
        wanted: &[T],
        unset: &T,
        unset_sql: &str,
    ) {
        let is_set = format!("{column} <> {unset_sql}");
        let (mut term, value) = among(column, wanted);
        if !wanted.contains(unset) {
            term = format!("{is_set} AND {term}");
            self.candidates.push(Candidate {
                index,
                terms: term.clone(),
                values: vec![value.clone()],
            });
        } else if wanted.len() == 1 {
            self.opposite = Some(is_set);
        }
        self.terms.push(term);
        self.values.push(value);
    }

    fn add_if(&mut self, holds: bool, term: &'static str, index: &'static str) {
        if holds {
            self.terms.push(term.to_owned());
            self.candidates.push(Candidate {
                index,
                terms: term.to_owned(),
                values: Vec::new(),
            });
        } else {
            self.terms.push(format!("NOT ({term})"));
            self.opposite = Some(term.to_owned());
        }
    }

    /// Takes the index of the condition that the fewest images meet.
    fn choose_index(&mut self, connection: &Connection) -> Result<()> {
        let mut least = None;
        for candidate in &self.candidates {
            let images = match self.candidates.len() {
                1 => 0,
                _ => self.look(connection, candidate)?,
            };
            if least.is_none_or(|(fewest, _)| images < fewest) {
                least = Some((images, candidate.index));
            }
        }
        self.index = least.map(|(_, index)| index);
        Ok(())
    }

    /// How many images meet a condition, as far as one looks.
    fn look(&self, connection: &Connection, candidate: &Candidate) -> Result<u64> {
        let Candidate { index, terms, .. } = candidate;
        let scope = self.scope.join(" AND ");
        let values = &self.values[..self.scope.len()];
        count(
            connection,
            &format!(
                "SELECT count(*) FROM (SELECT 1 FROM images INDEXED BY {index} WHERE {scope} AND {terms} LIMIT {LOOK})"
            ),
            params_from_iter(values.iter().chain(&candidate.values)),
        )
    }

    /// What follows `FROM`.
    fn sql(&self) -> String {
        let hint = match self.index {
            Some(index) => format!("INDEXED BY {index} "),
            None => String::new(),
        };
        let terms = [self.scope.as_slice(), &self.terms].concat();
        format!("images AS i {hint}WHERE {}", terms.join(" AND "))
    }
}

fn among<T: Clone + Serialize + Into<Value>>(column: &str, wanted: &[T]) -> (String, Value) {
    match wanted {
        [one] => (format!("{column} = ?"), one.clone().into()),
        several => (
            format!("{column} IN (SELECT value FROM json_each(?))"),
            json(several).into(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use dlcs_core::id::{CustomerId, ModelId};
    use dlcs_core::image::{ImageCursor, ImageOrder, ImageOrderBy};
    use dlcs_core::time::Timestamp;

    use super::*;
    use crate::catalogue::sqlite::testing::{empty_database, plan};

    fn plan_of(query: &ImageQuery) -> String {
        let database = empty_database();
        let mut selection = Selection::of(query).unwrap();
        selection.choose_index(&database).unwrap();
        plan(&database, &statement(query, &selection).0)
    }

    fn all() -> ImageQuery {
        ImageQuery::of(CustomerId::FIRST)
    }

    fn in_space() -> ImageQuery {
        all().in_space(SpaceId::FIRST)
    }

    fn ordered(by: ImageOrderBy, descending: bool) -> ImageQuery {
        let mut query = in_space();
        query.order = vec![ImageOrder { by, descending }];
        query
    }

    fn by_string(wanted: &[&str]) -> ImageQuery {
        let mut query = in_space();
        query.strings[1] = Some(wanted.iter().map(|text| (*text).to_owned()).collect());
        query
    }

    #[test]
    fn listings_use_an_index() {
        let mut by_number = in_space();
        by_number.numbers[2] = Some(vec![7]);
        let (mut pending, mut failed) = (all(), in_space());
        (pending.pending, failed.failed) = (Some(true), Some(true));
        let batch = dlcs_core::id::BatchId::new(1).unwrap();
        for (query, index) in [
            (all(), "images_of_customer"),
            (in_space(), "images_of_space"),
            (all().in_batch(batch), "images_of_batch"),
            (by_string(&["a", "b"]), "images_by_string2"),
            (by_number, "images_by_number3"),
            (pending, "images_pending"),
            (failed, "images_failed"),
        ] {
            let plan = plan_of(&query);
            assert!(
                plan.contains(&format!("SEARCH i USING INDEX {index} ")),
                "expected {index}, got {plan}"
            );
        }
    }

    #[test]
    fn listings_of_a_space_walk_an_index_in_order_and_begin_behind_a_place() {
        let model = ModelId::parse("m").unwrap();
        for (mut query, searched) in [
            (in_space(), "(created,model)>(?,?)"),
            (
                ordered(ImageOrderBy::Created, true),
                "(created,model)<(?,?)",
            ),
            (
                ordered(ImageOrderBy::Width, false),
                "(width,created,model)>(?,?,?)",
            ),
            (
                ordered(ImageOrderBy::Width, true),
                "(width,created,model)<(?,?,?)",
            ),
            (ordered(ImageOrderBy::Id, false), "model>?"),
            (ordered(ImageOrderBy::Id, true), "model<?"),
            (by_string(&["a"]), "(created,model)>(?,?)"),
        ] {
            let walked = plan_of(&query);
            let keys = query.order.iter().map(|order| match order.by {
                ImageOrderBy::Id => Key::from("m"),
                _ => Key::Number(7),
            });
            query.after = Some(ImageCursor {
                keys: keys.collect(),
                created: Timestamp::from_micros(1),
                space: SpaceId::FIRST,
                model: model.clone(),
            });
            let begun = plan_of(&query);
            for plan in [&walked, &begun] {
                assert!(!plan.contains("TEMP B-TREE"), "{plan}");
            }
            assert!(begun.contains(searched), "{searched}: {begun}");
        }
    }

    #[test]
    fn the_condition_that_narrows_most_is_looked_up() {
        let database = empty_database();
        database
            .execute_batch(
                "INSERT INTO customers VALUES (1, 'a', 'a', 'ordinary', 0);
                 INSERT INTO spaces VALUES (1, 1, 'a', '[]', '[]', -1, NULL, NULL, 0, 9, 0, 0);
                 WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 9)
                 INSERT INTO images (customer, space, model, source_origin, string1, string2, string3, number1, number2, number3, tags, roles,
                     manifests, max_unauthorised, delivery_channels, created, generation, state)
                 SELECT 1, 1, n, 'https://a.example/', 'many', CASE WHEN n < 3 THEN 'few' ELSE 'other' END, '', n, 0, 0, '[]', '[]', '[]', -1, '[]', 0, 1,
                     'waiting' FROM n",
            )
            .unwrap();
        let mut query = by_string(&["few"]);
        query.strings[0] = Some(vec!["many".to_owned()]);
        let index = |query: &ImageQuery| {
            let mut selection = Selection::of(query).unwrap();
            selection.choose_index(&database).unwrap();
            selection.index
        };
        assert_eq!(index(&query), Some("images_by_string2"));
        query.numbers[0] = Some(vec![7]);
        assert_eq!(index(&query), Some("images_by_number1"));
    }

    #[test]
    fn what_a_batch_was_made_of_is_looked_up_one_by_one() {
        let batch = dlcs_core::id::BatchId::new(1).unwrap();
        let made = ImageQuery::of(CustomerId::FIRST).that_made(batch);
        let mut filtered = made.clone().in_space(SpaceId::FIRST);
        filtered.strings[0] = Some(vec!["a".to_owned()]);
        for query in [made, filtered] {
            let plan = plan_of(&query);
            let looked_up = "SEARCH i USING INTEGER PRIMARY KEY (rowid=?)";
            assert!(plan.contains(looked_up), "{plan}");
            assert!(!plan.contains("SCAN i"), "{plan}");
        }
    }
}
