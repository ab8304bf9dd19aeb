//! Collections and their pages.

use dlcs_core::page::{Page, PageRequest};
use serde::Serialize;
use serde_json::Value;

use super::Header;
use crate::describe::Class;
use crate::error::ApiError;
use crate::query::{AFTER, Query};

/// A Hydra collection, or one page of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Collection<T> {
    #[serde(flatten)]
    header: Header,
    total_items: u64,
    page_size: u32,
    member: Vec<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    view: Option<View>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct View {
    #[serde(rename = "@id")]
    id: String,
    #[serde(rename = "@type")]
    type_: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<String>,
    page: u64,
    page_size: u32,
    total_pages: u64,
}

/// One page of the collection at an address.
pub(crate) fn collection<T>(
    address: String,
    query: &Query,
    request: PageRequest,
    listed: Page<T>,
) -> Collection<T> {
    collection_before(address, query, request, listed, None)
}

/// One page of the collection at an address, and where the page behind it begins.
pub(crate) fn collection_before<T>(
    address: String,
    query: &Query,
    request: PageRequest,
    listed: Page<T>,
    next: Option<String>,
) -> Collection<T> {
    let size = request.size;
    let page = request.index.saturating_add(1);
    let pages = listed.total.div_ceil(u64::from(size.get())).max(1);
    let link = |page: u64| format!("{address}{}", query.at_page(page, size));
    let after = next.map_or_else(String::new, |place| format!("&{AFTER}={place}"));
    let view = (pages > 1 || page > 1).then(|| View {
        id: link(page),
        type_: "PartialCollectionView",
        first: (page > 1).then(|| link(1)),
        // Past the end, the page before is the last that has something.
        previous: (page > 1).then(|| link((page - 1).min(pages))),
        next: (page < pages).then(|| link(page + 1) + &after),
        last: (page < pages).then(|| link(pages)),
        page,
        page_size: size.get(),
        total_pages: pages,
    });
    Collection {
        header: Header::collection(address),
        total_items: listed.total,
        page_size: size.get(),
        member: listed.items,
        view,
    }
}

/// A collection that is sent whole, however many members it has.
pub(crate) fn entire<T>(address: String, members: Vec<T>) -> Collection<T> {
    Collection {
        header: Header::collection(address),
        total_items: members.len() as u64,
        page_size: u32::try_from(members.len()).unwrap_or(u32::MAX).max(1),
        member: members,
        view: None,
    }
}

/// One page of a collection that is all in memory, in the order that it has or that is asked for by a property of its members.
pub(crate) fn whole<T: Serialize>(
    address: String,
    query: &Query,
    members: &Class,
    mut items: Vec<T>,
) -> Result<Collection<T>, ApiError> {
    let properties = members.properties.iter().filter(|it| it.is_order);
    let orders: Vec<_> = properties.map(|it| (it.name, it.name)).collect();
    let (request, order) = query.listing(&orders)?;
    if let Some(order) = order {
        items.sort_by_cached_key(|item| SortKey::of(item, order.by));
        if order.descending {
            items.reverse();
        }
    }
    let total = items.len() as u64;
    let start = usize::try_from(request.offset()).unwrap_or(usize::MAX);
    let items = items
        .into_iter()
        .skip(start)
        .take(request.size.get() as usize)
        .collect();
    Ok(collection(address, query, request, Page { items, total }))
}

/// A property of a resource, to order by: numbers before texts.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum SortKey {
    Number(i64),
    Text(String),
}

impl SortKey {
    fn of(item: &impl Serialize, name: &str) -> Self {
        let value = serde_json::to_value(item).unwrap_or_default();
        match &value[name] {
            Value::Number(number) => Self::Number(number.as_i64().unwrap_or_default()),
            Value::Bool(truth) => Self::Number((*truth).into()),
            Value::String(text) => Self::Text(text.clone()),
            Value::Null => Self::Text(String::new()),
            list @ (Value::Array(_) | Value::Object(_)) => Self::Text(list.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::describe::{Type, ro, wo};
    use crate::fields::Problems;
    use serde_json::json;

    fn view(raw: &str, total: u64) -> Value {
        let query = Query::parse(Some(raw)).unwrap();
        let page = Page::<u8> {
            items: Vec::new(),
            total,
        };
        let request = query.read_page(&mut Problems::default());
        let made = collection("http://a/c".to_owned(), &query, request, page);
        serde_json::to_value(made).unwrap()["view"].clone()
    }

    #[test]
    fn one_page_has_no_view() {
        assert_eq!(view("", 100), Value::Null);
    }

    #[test]
    fn pages_link_to_their_neighbours() {
        let link = |page: u64| format!("http://a/c?q=x&page={page}&pageSize=10");
        assert_eq!(
            view("q=x&page=2&pageSize=10", 25),
            json!({"@id": link(2), "@type": "PartialCollectionView", "first": link(1), "previous": link(1), "next": link(3), "last": link(3),
                   "page": 2, "pageSize": 10, "totalPages": 3})
        );
        let first = view("q=x&pageSize=10", 25);
        assert_eq!(
            (first.get("first"), first.get("previous"), &first["next"]),
            (None, None, &json!(link(2)))
        );
        let past = view("q=x&pageSize=10&page=9", 25);
        assert_eq!(
            (&past["previous"], past.get("next"), past.get("last")),
            (&json!(link(3)), None, None)
        );
    }

    static ITEM: Class = Class {
        type_: "Item",
        text: "An item.",
        known: &[],
        properties: &[
            ro("id", Type::Natural, "Its number."),
            ro("key", Type::Text, "Its key."),
            ro("list", Type::Texts, "What it has."),
            ro("unset", Type::Text, "What it has not.").optional(),
            wo("name", Type::Text, "What nobody sees again."),
        ],
    };

    #[test]
    fn a_list_in_memory_is_ordered_and_paged_too() {
        let items = |raw: &str| {
            let query = Query::parse(Some(raw)).unwrap();
            let item =
                |id: i64, key: &str, list: &[&str]| json!({"id": id, "key": key, "list": list});
            let items = vec![
                item(10, "b", &["y"]),
                item(9, "c", &[]),
                item(2, "a", &["x", "z"]),
            ];
            whole("http://a/c".to_owned(), &query, &ITEM, items)
                .map(|page| (page.member, page.total_items))
        };
        let keys = |raw: &str| {
            let (members, total) = items(raw).unwrap();
            assert_eq!(total, 3);
            let keys = members.iter().map(|item| item["key"].as_str().unwrap());
            keys.collect::<String>()
        };
        assert_eq!(keys(""), "bca");
        assert_eq!(keys("page=2&pageSize=2"), "a");
        assert_eq!(keys("orderBy=ID"), "acb");
        assert_eq!(keys("orderByDescending=key&pageSize=2"), "cb");
        assert_eq!(
            keys("orderBy=list"),
            "abc",
            "`[\"x\"` before `[\"y\"` before `[]`"
        );
        assert_eq!(keys("orderBy=unset"), "bca");
        assert!(items("orderBy=name").is_err() && items("orderByDescending=").is_err());
    }
}
