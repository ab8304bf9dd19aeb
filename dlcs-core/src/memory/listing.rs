//! Which images a query selects, in which order, and pages of anything.

use std::cmp::Ordering;

use crate::image::{Image, ImageOrder, ImageOrderBy, ImageQuery};
use crate::page::{Page, PageRequest};

/// Whether every condition of a query that is set holds for an image.
pub(super) fn selects(query: &ImageQuery, image: &Image) -> bool {
    fn allows<T: PartialEq>(condition: Option<&T>, value: &T) -> bool {
        condition.is_none_or(|wanted| wanted == value)
    }
    fn all_among<T: PartialEq>(conditions: &[Option<Vec<T>>; 3], values: &[T; 3]) -> bool {
        conditions
            .iter()
            .zip(values)
            .all(|(condition, value)| condition.as_ref().is_none_or(|any| any.contains(value)))
    }
    let tagged = |tags: &Vec<String>| tags.iter().any(|tag| image.metadata.tags.contains(tag));
    query.customer == image.id.customer()
        && allows(query.space.as_ref(), &image.id.space())
        && query
            .batches
            .as_ref()
            .is_none_or(|any| image.batch.is_some_and(|batch| any.contains(&batch)))
        && query
            .models
            .as_ref()
            .is_none_or(|any| any.contains(image.id.model()))
        && all_among(&query.strings, &image.metadata.strings)
        && all_among(&query.numbers, &image.metadata.numbers)
        && query.tags.as_ref().is_none_or(tagged)
        && allows(query.failed.as_ref(), &image.state.error().is_some())
        && allows(query.pending.as_ref(), &image.state.is_pending())
}

/// Compares two images by an order; only an image itself is equal to it.
pub(super) fn compare(order: ImageOrder, a: &Image, b: &Image) -> Ordering {
    let (first, second) = if order.descending { (b, a) } else { (a, b) };
    let by_property = match order.by {
        ImageOrderBy::Created => first.created.cmp(&second.created),
        ImageOrderBy::Id => first.id.model().cmp(second.id.model()),
        ImageOrderBy::Width => first.width().cmp(&second.width()),
        ImageOrderBy::Height => first.height().cmp(&second.height()),
        ImageOrderBy::String(third) => {
            let at = third.index();
            first.metadata.strings[at].cmp(&second.metadata.strings[at])
        }
        ImageOrderBy::Number(third) => {
            let at = third.index();
            first.metadata.numbers[at].cmp(&second.metadata.numbers[at])
        }
    };
    by_property
        .then_with(|| a.created.cmp(&b.created))
        .then_with(|| a.id.cmp(&b.id))
}

/// Cuts one page out of a whole listing.
pub(super) fn page<T>(all: Vec<T>, request: PageRequest) -> Page<T> {
    let total = all.len() as u64;
    let offset = usize::try_from(request.offset()).unwrap_or(usize::MAX);
    let items = all
        .into_iter()
        .skip(offset)
        .take(request.size.get() as usize)
        .collect();
    Page { items, total }
}
