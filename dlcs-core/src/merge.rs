//! Merging: what a change leaves out keeps its value.

/// Takes the new value, where there is one.
pub(crate) fn set<T>(field: &mut T, change: Option<T>) {
    if let Some(value) = change {
        *field = value;
    }
}

/// Takes the new text, where there is one; the empty text clears.
pub(crate) fn set_or_clear(field: &mut Option<String>, change: Option<String>) {
    if let Some(text) = change {
        *field = Some(text).filter(|text| !text.is_empty());
    }
}
