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
use crate::error::ApiError;
use crate::fields::meant_by;
use crate::hydra::collection_before;
use crate::query::{FILTERS, Query, wrong};
use crate::resource::Outcome;

/// No property holds the character, and not every database can be asked for it.
fn without_nul(name: &str, values: Vec<String>) -> Result<Vec<String>, ApiError> {
    match values.iter().find(|value| value.contains('\0')) {
        Some(value) => Err(wrong(name, value, "a text without the character NUL")),
        None => Ok(values),
    }
}

/// Answers with a page of the images that a query string selects among those of `base`.
pub(crate) async fn list_matching(
    context: &Context,
    base: ImageQuery,
    address: String,
    query: &Query,
) -> Outcome {
    let page = query.page()?;
    let mut selected = select(base, query)?;
    selected.after = cursor::read(query, &selected.order)?;
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
    fn new(query: &'a Query) -> Result<Self, ApiError> {
        let q = match query.get("q") {
            None => Map::new(),
            Some(text) => parse_object(text.as_bytes())
                .map_err(|_| wrong("q", text, "a JSON object of filters"))?,
        };
        for name in q.keys() {
            if FILTERS.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                continue;
            }
            let wanted = match meant_by(name, FILTERS) {
                Some(meant) => format!("known names: did you mean '{meant}'?"),
                None => format!("names among {}", FILTERS.join(", ")),
            };
            return Err(wrong("q", name, &wanted));
        }
        Ok(Self { query, q })
    }

    /// Every value of a filter, as text; `None` when it is not asked for.
    fn all(&self, name: &str) -> Result<Option<Vec<String>>, ApiError> {
        let plain: Vec<_> = self.query.all(name).map(str::to_owned).collect();
        if !plain.is_empty() {
            return without_nul(name, plain).map(Some);
        }
        let found = self
            .q
            .iter()
            .find(|(given, _)| given.eq_ignore_ascii_case(name));
        let Some((_, value)) = found.filter(|(_, value)| !value.is_null()) else {
            return Ok(None);
        };
        let items = value
            .as_array()
            .map_or(std::slice::from_ref(value), Vec::as_slice);
        let values = items.iter().map(|item| self.in_q(name, item));
        let values = without_nul(name, values.collect::<Result<_, _>>()?)?;
        Ok(Some(values).filter(|values| !values.is_empty()))
    }

    /// Every value of a filter, read; `None` when it is not asked for.
    fn each<T>(
        &self,
        name: &str,
        wanted: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<Vec<T>>, ApiError> {
        let Some(texts) = self.all(name)? else {
            return Ok(None);
        };
        let values = texts
            .iter()
            .map(|text| read(text).ok_or_else(|| wrong(name, text, wanted)));
        values.collect::<Result<_, _>>().map(Some)
    }

    /// A value of `q`, whose type must be that of the property.
    fn in_q(&self, name: &str, value: &Value) -> Result<String, ApiError> {
        let is_text = name.starts_with("string") || matches!(name, "tags" | "id");
        match value {
            Value::String(text) if is_text => Ok(text.clone()),
            Value::Number(number) if name.starts_with("number") || name == "batch" => {
                Ok(number.to_string())
            }
            Value::Bool(truth) if matches!(name, "error" | "ingesting") => Ok(truth.to_string()),
            other => Err(wrong(
                "q",
                &format!("{name}: {other}"),
                "values of the type of the property",
            )),
        }
    }
}

fn select(mut images: ImageQuery, query: &Query) -> Result<ImageQuery, ApiError> {
    let filters = Filters::new(query)?;
    for (place, name) in ["string1", "string2", "string3"].into_iter().enumerate() {
        images.strings[place] = filters.all(name)?;
    }
    for (place, name) in ["number1", "number2", "number3"].into_iter().enumerate() {
        images.numbers[place] =
            filters.each(name, "a whole number of 64 bits", |text| text.parse().ok())?;
    }
    // Only a plain parameter is a list with commas: through `q`, a tag may hold one.
    let split = |tags: Vec<String>| {
        let tags = tags.iter().flat_map(|tags| tags.split(','));
        tags.map(str::to_owned).collect()
    };
    images.tags = match filters.all("tags")? {
        Some(tags) if query.get("tags").is_some() => Some(split(tags)),
        tags => tags,
    };
    images.models = filters.each("id", "the id of an image", |text| ModelId::parse(text).ok())?;
    let batches = filters.each("batch", "the number of a batch", |text| text.parse().ok())?;
    images.batches = match (images.batches, batches) {
        (Some(within), Some(asked)) if !within.iter().any(|batch| asked.contains(batch)) => {
            let asked = asked.iter().map(BatchId::to_string).collect::<Vec<_>>();
            let wanted = "the batch of the address, or leave it out";
            return Err(wrong("batch", &asked.join(", "), wanted));
        }
        (within, asked) => within.or(asked),
    };
    images.failed = truth(&filters, "error", images.failed)?;
    images.pending = truth(&filters, "ingesting", images.pending)?;
    images.order = order(query)?;
    Ok(images)
}

/// A filter that is true or false, and no other than the listing itself has set.
fn truth(filters: &Filters<'_>, name: &str, set: Option<bool>) -> Result<Option<bool>, ApiError> {
    let read = |text: &str| match text.to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    };
    // Whoever asks for both asks for nothing in particular.
    let asked = match filters.each(name, "true or false", read)?.as_deref() {
        Some([first, others @ ..]) if others.iter().all(|other| other == first) => Some(*first),
        _ => None,
    };
    match (set, asked) {
        (Some(set), Some(asked)) if set != asked => {
            let wanted = format!("{set}, which this listing has, or leave it out");
            Err(wrong(name, &asked.to_string(), &wanted))
        }
        _ => Ok(set.or(asked)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dlcs_core::CustomerId;
    use dlcs_core::image::{ImageOrder, ImageOrderBy};

    fn batch(number: u64) -> BatchId {
        BatchId::new(number).unwrap()
    }

    fn selected(raw: &str) -> Result<ImageQuery, ApiError> {
        select(
            ImageQuery::of(CustomerId::FIRST),
            &Query::parse(Some(raw)).unwrap(),
        )
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
            select(base, &Query::parse(Some(raw)).unwrap()).map(|query| query.batches.unwrap())
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
