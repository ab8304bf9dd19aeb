//! Which images a listing asks for, and in which order.

use dlcs_core::ModelId;
use dlcs_core::image::{ImageOrder, ImageOrderBy, ImageQuery, Third};
use http::StatusCode;

use super::resource;
use crate::context::Context;
use crate::error::ApiError;
use crate::hydra::collection;
use crate::query::{Query, wrong};
use crate::resource::Outcome;

/// The properties that images can be ordered by.
const ORDERS: [(&str, ImageOrderBy); 10] = [
    ("created", ImageOrderBy::Created),
    ("id", ImageOrderBy::Id),
    ("width", ImageOrderBy::Width),
    ("height", ImageOrderBy::Height),
    ("string1", ImageOrderBy::String(Third::First)),
    ("string2", ImageOrderBy::String(Third::Second)),
    ("string3", ImageOrderBy::String(Third::Third)),
    ("number1", ImageOrderBy::Number(Third::First)),
    ("number2", ImageOrderBy::Number(Third::Second)),
    ("number3", ImageOrderBy::Number(Third::Third)),
];

/// Answers with a page of the images that a query string selects among those of `base`.
pub(crate) async fn list_matching(
    context: &Context,
    base: ImageQuery,
    address: String,
    query: &Query,
) -> Outcome {
    let page = query.page()?;
    let selected = select(base, query)?;
    let listed = context
        .dlcs
        .catalogue()
        .list_images(&selected, page)
        .await?;
    let listed = listed.map(|image| resource(context, image));
    Ok(context.json(StatusCode::OK, &collection(address, query, page, listed)))
}

fn select(mut images: ImageQuery, query: &Query) -> Result<ImageQuery, ApiError> {
    for (place, name) in ["string1", "string2", "string3"].into_iter().enumerate() {
        let values: Vec<_> = query.all(name).map(str::to_owned).collect();
        images.strings[place] = Some(values).filter(|values| !values.is_empty());
    }
    for (place, name) in ["number1", "number2", "number3"].into_iter().enumerate() {
        let number = |text: &str| {
            text.parse::<i64>()
                .map_err(|_| wrong(name, text, "a whole number of 64 bits"))
        };
        let values = query.all(name).map(number).collect::<Result<Vec<_>, _>>()?;
        images.numbers[place] = Some(values).filter(|values| !values.is_empty());
    }
    images.tags = query
        .get("tags")
        .map(|tags| tags.split(',').map(str::to_owned).collect());
    if let Some(text) = query.get("id") {
        let model = ModelId::parse(text).map_err(|_| wrong("id", text, "the id of an image"))?;
        images.model = Some(model);
    }
    if let Some(text) = query.get("batch") {
        let batch = text
            .parse()
            .map_err(|_| wrong("batch", text, "the number of a batch"))?;
        // Within a batch, another batch has no images: nothing can be in both.
        if images.batch.is_some_and(|within| within != batch) {
            return Err(wrong(
                "batch",
                text,
                "the batch of the address, or leave it out",
            ));
        }
        images.batch = Some(batch);
    }
    images.failed = truth(query, "error", images.failed)?;
    images.pending = truth(query, "ingesting", images.pending)?;
    images.order = order(query)?;
    Ok(images)
}

/// A filter that is true or false; one that the listing itself has set stays.
fn truth(query: &Query, name: &str, set: Option<bool>) -> Result<Option<bool>, ApiError> {
    let asked = match query.get(name) {
        None => None,
        Some(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Some(text) if text.eq_ignore_ascii_case("false") => Some(false),
        Some(text) => return Err(wrong(name, text, "true or false")),
    };
    Ok(set.or(asked))
}

fn order(query: &Query) -> Result<ImageOrder, ApiError> {
    for (parameter, descending) in [("orderBy", false), ("orderByDescending", true)] {
        let Some(text) = query.get(parameter) else {
            continue;
        };
        let found = ORDERS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(text));
        let Some((_, by)) = found else {
            let names = ORDERS.map(|(name, _)| name).join(", ");
            return Err(wrong(parameter, text, &format!("one of {names}")));
        };
        return Ok(ImageOrder {
            by: *by,
            descending,
        });
    }
    Ok(ImageOrder::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use dlcs_core::CustomerId;

    fn selected(raw: &str) -> Result<ImageQuery, ApiError> {
        select(
            ImageQuery::of(CustomerId::FIRST),
            &Query::parse(Some(raw)).unwrap(),
        )
    }

    #[test]
    fn every_filter_is_read() {
        let query = selected("string1=a&STRING3=&number2=-5&tags=x,y&id=a%20b&batch=7&error=true&ingesting=False&orderByDescending=WIDTH").unwrap();
        assert_eq!(
            query.strings,
            [Some(vec!["a".to_owned()]), None, Some(vec![String::new()])]
        );
        assert_eq!(query.numbers, [None, Some(vec![-5]), None]);
        assert_eq!(query.tags.unwrap(), ["x", "y"]);
        assert_eq!(
            (query.model.unwrap().as_str(), query.batch.unwrap().get()),
            ("a b", 7)
        );
        assert_eq!((query.failed, query.pending), (Some(true), Some(false)));
        assert_eq!(
            query.order,
            ImageOrder {
                by: ImageOrderBy::Width,
                descending: true
            }
        );
    }

    #[test]
    fn values_of_the_wrong_type_and_unknown_orders_are_refused() {
        for bad in [
            "number1=x",
            "number1=1e3",
            "batch=0",
            "batch=x",
            "error=maybe",
            "ingesting=1",
            "orderBy=id;drop",
            "orderBy=roles",
            "id=a/b",
        ] {
            assert!(selected(bad).is_err(), "{bad}");
        }
        assert!(selected("string1=' OR 1=1--").is_ok());
    }
}
