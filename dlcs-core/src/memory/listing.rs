//! Which images a query selects, in which order, and pages of anything.

use crate::image::{Image, ImageCursor, ImageQuery};
use crate::order::Key;
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

/// Sorts images as a query asks, and leaves out what does not come behind its place; returns how many there were.
pub(super) fn sort(images: &mut Vec<Image>, query: &ImageQuery) -> u64 {
    let total = images.len() as u64;
    let places = images.drain(..).map(|image| {
        let place = ImageCursor::behind(&image, &query.order);
        (place, image)
    });
    let mut places: Vec<_> = places.collect();
    places.sort_by(|(a, _), (b, _)| a.compare(b, &query.order));
    if let Some(after) = &query.after {
        places.retain(|(place, _)| place.compare(after, &query.order).is_gt());
    }
    images.extend(places.into_iter().map(|(_, image)| image));
    total
}

/// Sorts anything by a key and, where that is equal, by a number; both in one direction.
pub(super) fn sort_by<T>(all: &mut [T], descending: bool, key: impl Fn(&T) -> (Key, u64)) {
    all.sort_by_cached_key(key);
    if descending {
        all.reverse();
    }
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
