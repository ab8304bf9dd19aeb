//! Where a page begins, as the link to it says: no page before it needs to be read.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dlcs_core::image::{ImageCursor, ImageOrder};
use dlcs_core::order::Key;
use dlcs_core::time::Timestamp;
use dlcs_core::{ModelId, SpaceId};
use serde_json::{Value, json};

use crate::fields::Problems;
use crate::query::{AFTER, Query, wrong};

/// A link with a longer one would be too long for some; the page has its number, too.
const LONGEST: usize = 2_000;

/// How the link to the page of `query` that begins at a place tells of it; `None` where that would take too long.
pub(super) fn write(query: &Query, place: &ImageCursor) -> Option<String> {
    let keys = place.keys.iter().map(|key| match key {
        Key::Number(number) => json!(number),
        Key::Text(text) => json!(text),
    });
    let content = json!([
        query.fingerprint(),
        place.created.as_micros(),
        place.space.get(),
        place.model.as_str(),
        keys.collect::<Vec<_>>(),
    ]);
    let text = URL_SAFE_NO_PAD.encode(content.to_string());
    Some(text).filter(|text| text.len() <= LONGEST)
}

/// Where the page of a query begins in a listing of this order; `None` where only its number says.
///
/// A place counts for the very query whose link had it: whoever turns pages by another number, or asks for something else, gets that.
pub(super) fn read(
    query: &Query,
    order: &[ImageOrder],
    problems: &mut Problems,
) -> Option<ImageCursor> {
    let text = query.get(AFTER)?;
    let Some((fingerprint, place)) = parse(text) else {
        let wanted = "it as a link to a next page has it, or leave it out";
        problems.add("", wrong(AFTER, text, wanted));
        return None;
    };
    let counts = fingerprint == query.fingerprint() && place.fits(order);
    Some(place).filter(|_| counts)
}

fn parse(text: &str) -> Option<(String, ImageCursor)> {
    let content = URL_SAFE_NO_PAD.decode(text).ok()?;
    let content: (String, i64, u32, String, Vec<Value>) = serde_json::from_slice(&content).ok()?;
    let (fingerprint, created, space, model, keys) = content;
    let keys = keys.into_iter().map(|key| match key {
        Value::Number(number) => number.as_i64().map(Key::Number),
        // No database keeps such a text.
        Value::String(text) if !text.contains('\0') => Some(Key::Text(text)),
        _ => None,
    });
    let place = ImageCursor {
        keys: keys.collect::<Option<_>>()?,
        created: Timestamp::from_micros(created),
        space: SpaceId::new(space)?,
        model: ModelId::parse(model).ok()?,
    };
    Some((fingerprint, place))
}

#[cfg(test)]
mod tests {
    use super::*;
    use dlcs_core::image::ImageOrderBy;

    const ORDER: [ImageOrder; 2] = [
        ImageOrder::descending(ImageOrderBy::Width),
        ImageOrder::ascending(ImageOrderBy::Tags),
    ];

    fn place(text: &str) -> ImageCursor {
        ImageCursor {
            keys: vec![Key::Number(-7), Key::from(text)],
            created: Timestamp::from_micros(1),
            space: SpaceId::FIRST,
            model: ModelId::parse("a b é").unwrap(),
        }
    }

    fn query(raw: &str) -> Query {
        Query::parse(Some(raw)).unwrap()
    }

    fn found(query: &Query, order: &[ImageOrder]) -> Result<Option<ImageCursor>, ()> {
        let mut problems = Problems::default();
        let found = read(query, order, &mut problems);
        problems.check().map(|()| found).map_err(drop)
    }

    #[test]
    fn a_place_comes_back_in_its_own_query_only() {
        let asked = query("string1=a&page=2");
        let text = write(&asked, &place("[\"é\"]")).unwrap();
        let read = |raw: &str| found(&query(&format!("{raw}&after={text}")), &ORDER).unwrap();
        assert_eq!(read("string1=a&page=2"), Some(place("[\"é\"]")));
        assert_eq!(read("string1=a&page=3"), None);
        assert_eq!(read("string1=b&page=2"), None);
        assert_eq!(write(&asked, &place(&"x".repeat(2_000))), None);
    }

    #[test]
    fn what_no_link_has_is_refused() {
        let bad = |content: &str| {
            let text = URL_SAFE_NO_PAD.encode(content);
            found(&query(&format!("after={text}")), &ORDER).is_err()
        };
        for content in [
            "",
            "[]",
            "{}",
            "[\"\",1,0,\"a\",[]]",
            "[\"\",1,1,\"a\",[null]]",
            "[\"\",1,1,\"a\",[1.5]]",
            "[\"\",1,1,\"a\",[\"\\u0000\"]]",
            "[\"\",1,1,\"\",[]]",
        ] {
            assert!(bad(content), "{content}");
        }
        assert!(found(&query("after=%20"), &ORDER).is_err());
        // Another order has other keys.
        let asked = query("page=2");
        let text = write(&asked, &place("x")).unwrap();
        let other = found(&query(&format!("page=2&after={text}")), &ORDER[..1]);
        assert_eq!(other, Ok(None));
    }
}
