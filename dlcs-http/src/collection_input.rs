//! Collections in requests.

use serde_json::Value;

use crate::fields::{Fields, Problems};

/// The properties of a collection that are looked at.
pub(crate) const KNOWN: &[&str] = &["member", "view"];

/// The members of a collection that is neither empty nor too large; of another, none.
pub(crate) fn members<'a>(
    fields: &Fields<'a>,
    limit: usize,
    problems: &mut Problems,
) -> &'a [Value] {
    let view = fields.value("view").and_then(Value::as_object);
    let is_page = view.is_some_and(|view| {
        view.iter()
            .any(|(name, value)| name.eq_ignore_ascii_case("next") && !value.is_null())
    });
    if is_page {
        problems.add(
            fields.at("view"),
            "the collection is one page of several (its `view` has a `next`): send it whole",
        );
    }
    let at = fields.at("member");
    let members = fields
        .list("member", problems)
        .map(Vec::as_slice)
        .unwrap_or_default();
    if members.is_empty() {
        if !problems.is_at(&at) {
            problems.add(at, "`member` is missing or empty: give at least one image");
        }
    } else if members.len() > limit {
        problems.add(
            at,
            format!(
                "`member` has {} images; at most {limit} are taken at once: send several collections",
                members.len()
            ),
        );
    } else {
        return members;
    }
    &[]
}

/// The properties of those members that are objects, each with the place where it stands.
pub(crate) fn objects<'a>(
    members: &'a [Value],
    known: &'static [&'static str],
    problems: &mut Problems,
) -> Vec<(String, Fields<'a>)> {
    let mut objects = Vec::with_capacity(members.len());
    for (place, member) in members.iter().enumerate() {
        let pointer = format!("/member/{place}");
        match member {
            Value::Object(object) => {
                let fields = Fields::new(object, pointer.as_str(), known, problems);
                objects.push((pointer, fields));
            }
            _ => problems.add(pointer, "a member is not an object: give an image"),
        }
    }
    objects
}
