//! Which images a listing asks for, and in which order.

use dlcs_core::image::{ImageCursor, ImageQuery};
use dlcs_core::page::PageRequest;
use dlcs_core::{BatchId, ModelId};
use http::StatusCode;
use serde_json::{Map, Value};

use super::order::order;
use super::{cursor, resource};
use crate::body::parse_object;
use crate::context::Context;
use crate::fields::{Problems, meant_by};
use crate::hydra::collection_before;
use crate::query::{FILTERS, PARAMETERS, Query, wrong};
use crate::resource::Outcome;

/// Answers with a page of the images that a query string selects among those of `base`.
pub(crate) async fn list_matching(
    context: &Context,
    base: ImageQuery,
    address: String,
    query: &Query,
) -> Outcome {
    let mut problems = Problems::default();
    query.check_names(PARAMETERS, &mut problems);
    let page = query.read_page(&mut problems);
    let mut selected = select(base, query, &mut problems);
    selected.after = cursor::read(query, &selected.order, &mut problems);
    problems.check()?;
    let index = match selected.after {
        Some(_) => 0,
        None => page.index,
    };
    let listed = context
        .dlcs
        .catalogue()
        .list_images(&selected, PageRequest { index, ..page })
        .await?;
    let next = listed.items.last().and_then(|last| {
        let following = query.at_page(page.index.saturating_add(2), page.size);
        cursor::write(&following, &ImageCursor::behind(last, &selected.order))
    });
    let listed = listed.map(|image| resource(context, image));
    let page = collection_before(address, query, page, listed, next);
    Ok(context.json(StatusCode::OK, &page))
}

/// The values that a listing is filtered by: those of plain parameters, and else those of `q`, a JSON object of the same names.
struct Filters<'a> {
    query: &'a Query,
    q: Map<String, Value>,
}

impl<'a> Filters<'a> {
    fn new(query: &'a Query, problems: &mut Problems) -> Self {
        let mut q = Map::new();
        if let Some(text) = query.get("q") {
            match parse_object(text.as_bytes()) {
                Ok(object) => q = object,
                Err(_) => problems.add("", wrong("q", text, "a JSON object of filters")),
            }
        }
        for name in q.keys() {
            if FILTERS.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                continue;
            }
            let wanted = match meant_by(name, FILTERS) {
                Some(meant) => format!("known names: did you mean '{meant}'?"),
                None => format!("names among {}", FILTERS.join(", ")),
            };
            problems.add("", wrong("q", name, &wanted));
        }
        Self { query, q }
    }

    /// Every value of a filter, as text; `None` when it is not asked for.
    fn all(&self, name: &str, problems: &mut Problems) -> Option<Vec<String>> {
        let mut values: Vec<_> = self.query.all(name).map(str::to_owned).collect();
        if values.is_empty() {
            values = self.all_in_q(name, problems);
        }
        // No property holds the character, and not every database can be asked for it.
        for value in values.iter().filter(|value| value.contains('\0')) {
            problems.add("", wrong(name, value, "a text without the character NUL"));
        }
        Some(values).filter(|values| !values.is_empty())
    }

    /// Every value of a filter, read; `None` when it is not asked for.
    fn each<T>(
        &self,
        name: &str,
        wanted: &str,
        read: impl Fn(&str) -> Option<T>,
        problems: &mut Problems,
    ) -> Option<Vec<T>> {
        let mut values = Vec::new();
        for text in self.all(name, problems)? {
            match read(&text) {
                Some(value) => values.push(value),
                None => problems.add("", wrong(name, &text, wanted)),
            }
        }
        Some(values)
    }

    /// The values that `q` has of a filter: those whose type is that of the property.
    fn all_in_q(&self, name: &str, problems: &mut Problems) -> Vec<String> {
        let mut entries = self.q.iter();
        let found = entries.find(|(given, _)| given.eq_ignore_ascii_case(name));
        let Some((_, value)) = found.filter(|(_, value)| !value.is_null()) else {
            return Vec::new();
        };
        let items = value
            .as_array()
            .map_or(std::slice::from_ref(value), Vec::as_slice);
        let is_text = name.starts_with("string") || matches!(name, "tags" | "id");
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            match item {
                Value::String(text) if is_text => values.push(text.clone()),
                Value::Number(number) if name.starts_with("number") || name == "batch" => {
                    values.push(number.to_string());
                }
                Value::Bool(truth) if matches!(name, "error" | "ingesting") => {
                    values.push(truth.to_string());
                }
                other => {
                    let wanted = "values of the type of the property";
                    problems.add("", wrong("q", &format!("{name}: {other}"), wanted));
                }
            }
        }
        values
    }
}

fn select(mut images: ImageQuery, query: &Query, problems: &mut Problems) -> ImageQuery {
    let filters = Filters::new(query, problems);
    images.strings = ["string1", "string2", "string3"].map(|name| filters.all(name, problems));
    images.numbers = ["number1", "number2", "number3"].map(|name| {
        let read = |text: &str| text.parse().ok();
        filters.each(name, "a whole number of 64 bits", read, problems)
    });
    // Only a plain parameter is a list with commas: through `q`, a tag may hold one.
    let split = |tags: Vec<String>| {
        let tags = tags.iter().flat_map(|tags| tags.split(','));
        tags.map(str::to_owned).collect()
    };
    images.tags = match filters.all("tags", problems) {
        Some(tags) if query.get("tags").is_some() => Some(split(tags)),
        tags => tags,
    };
    let read = |text: &str| ModelId::parse(text).ok();
    images.models = filters.each("id", "the id of an image", read, problems);
    let read = |text: &str| text.parse().ok();
    let batches = filters.each("batch", "the number of a batch", read, problems);
    images.batches = match (images.batches, batches) {
        // None is asked for where none could be read.
        (Some(within), Some(asked))
            if !asked.is_empty() && !within.iter().any(|batch| asked.contains(batch)) =>
        {
            let asked = asked.iter().map(BatchId::to_string).collect::<Vec<_>>();
            let wanted = "the batch of the address, or leave it out";
            problems.add("", wrong("batch", &asked.join(", "), wanted));
            Some(within)
        }
        (within, asked) => within.or(asked),
    };
    images.failed = truth(&filters, "error", images.failed, problems);
    images.pending = truth(&filters, "ingesting", images.pending, problems);
    images.order = order(query, problems);
    images
}

/// A filter that is true or false, and no other than the listing itself has set.
fn truth(
    filters: &Filters<'_>,
    name: &str,
    set: Option<bool>,
    problems: &mut Problems,
) -> Option<bool> {
    let read = |text: &str| match text.to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    };
    let asked = filters.each(name, "true or false", read, problems);
    // Whoever asks for both asks for nothing in particular.
    let asked = match asked.as_deref() {
        Some([first, others @ ..]) if others.iter().all(|other| other == first) => Some(*first),
        _ => None,
    };
    if let (Some(set), Some(asked)) = (set, asked)
        && set != asked
    {
        let wanted = format!("{set}, which this listing has, or leave it out");
        problems.add("", wrong(name, &asked.to_string(), &wanted));
    }
    set.or(asked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ApiError;
    use dlcs_core::CustomerId;
    use dlcs_core::image::{ImageOrder, ImageOrderBy};

    fn batch(number: u64) -> BatchId {
        BatchId::new(number).unwrap()
    }

    fn selected_of(base: ImageQuery, raw: &str) -> Result<ImageQuery, ApiError> {
        let mut problems = Problems::default();
        let query = Query::parse(Some(raw)).unwrap();
        let selected = select(base, &query, &mut problems);
        problems.check().map(|()| selected)
    }

    fn selected(raw: &str) -> Result<ImageQuery, ApiError> {
        selected_of(ImageQuery::of(CustomerId::FIRST), raw)
    }

    #[test]
    fn every_filter_is_read() {
        let query = selected("string1=a&STRING3=&number2=-5&tags=x,y&tags=z&id=a%20b&batch=7&error=true&ingesting=False&orderByDescending=WIDTH").unwrap();
        assert_eq!(
            query.strings,
            [Some(vec!["a".to_owned()]), None, Some(vec![String::new()])]
        );
        assert_eq!(query.numbers, [None, Some(vec![-5]), None]);
        assert_eq!(query.tags.unwrap(), ["x", "y", "z"]);
        assert_eq!(
            (query.models.unwrap()[0].as_str(), query.batches.unwrap()),
            ("a b", vec![batch(7)])
        );
        assert_eq!((query.failed, query.pending), (Some(true), Some(false)));
        assert_eq!(query.order, [ImageOrder::descending(ImageOrderBy::Width)]);
    }

    #[test]
    fn a_json_object_of_filters_yields_to_plain_parameters() {
        let json = r#"{"string1":["a","b"],"Number1":[1,-2],"tags":["x,y"],"error":false,"batch":3,"string2":"c"}"#;
        let json: String =
            percent_encoding::utf8_percent_encode(json, percent_encoding::NON_ALPHANUMERIC)
                .collect();
        let query = selected(&format!("q={json}&string2=d")).unwrap();
        assert_eq!(query.strings[0].as_deref().unwrap(), ["a", "b"]);
        assert_eq!(query.strings[1].as_deref().unwrap(), ["d"]);
        assert_eq!(query.numbers[0].as_deref().unwrap(), [1, -2]);
        assert_eq!(query.tags.unwrap(), ["x,y"]);
        assert_eq!(query.failed, Some(false));
        assert_eq!(query.batches.unwrap(), [batch(3)]);
    }

    #[test]
    fn every_filter_may_have_several_values() {
        let query = selected(r#"q={"id":["a","b"],"batch":[1,2],"error":[true,false],"ingesting":[true,true],"tags":[]}"#).unwrap();
        let models = query.models.unwrap();
        assert_eq!(models.iter().map(ModelId::as_str).collect::<String>(), "ab");
        assert_eq!(query.batches.unwrap(), [batch(1), batch(2)]);
        assert_eq!((query.failed, query.pending), (None, Some(true)));
        assert_eq!(query.tags, None);
        assert_eq!(selected("id=a&id=b").unwrap().models.unwrap().len(), 2);
    }

    #[test]
    fn a_listing_stays_within_its_batch() {
        let within = |raw: &str| {
            let base = ImageQuery::of(CustomerId::FIRST).in_batch(batch(2));
            selected_of(base, raw).map(|query| query.batches.unwrap())
        };
        for raw in ["", "batch=2", "q={\"batch\":[1,2]}"] {
            assert_eq!(within(raw).unwrap(), [batch(2)], "{raw}");
        }
        assert!(within("batch=1").is_err() && within("q={\"batch\":[1,3]}").is_err());
    }

    #[test]
    fn values_of_the_wrong_type_and_unknown_orders_are_refused() {
        for bad in [
            "number1=x",
            "string1=%00",
            "tags=a%00",
            "q={\"string2\":\"\\u0000\"}",
            "number1=1e3",
            "batch=0",
            "batch=x",
            "error=maybe",
            "ingesting=1",
            "orderBy=id;drop",
            "orderBy=colour",
            "id=a/b",
            "q=x",
            "q=[]",
            "q={\"batch\":[1,\"2\"]}",
            "q={\"id\":[[\"a\"]]}",
            "q={\"error\":[true,1]}",
            "q={\"number1\":\"1\"}",
            "q={\"number1\":1.5}",
            "q={\"string1\":1}",
            "q={\"error\":\"true\"}",
            "q={\"sting1\":\"a\"}",
            "q={\"colour\":\"a\"}",
            "q={\"orderBy\":\"id\"}",
        ] {
            assert!(selected(bad).is_err(), "{bad}");
        }
        assert!(selected("string1=' OR 1=1--").is_ok());
    }
}
