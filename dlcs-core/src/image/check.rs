//! What a change may not say.

use std::fmt;

use super::{ImageChanges, LIST_MAX_ITEMS, STRING_MAX_CHARS};

/// Delivery channels that are known.
pub const CHANNELS: [&str; 4] = ["iiif-img", "thumbs", "file", "none"];
/// Image optimisation policies that are known.
pub const IMAGE_OPTIMISATION_POLICIES: [&str; 3] = ["fast-lossy", "fast-higher", "lossless"];
/// Thumbnail policies that are known.
pub const THUMBNAIL_POLICIES: [&str; 1] = ["standard"];

/// A field of a change that says something that cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldProblem {
    /// The place of the image in the submission, from 0; 0 for a single one.
    pub index: usize,
    /// The field, as the API calls it.
    pub field: String,
    /// What is wrong and what to do.
    pub reason: String,
}

impl fmt::Display for FieldProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.field, self.reason)
    }
}

impl ImageChanges {
    /// Returns everything in the changes that no image may have.
    #[must_use]
    pub fn problems(&self, index: usize) -> Vec<FieldProblem> {
        let mut problems = Vec::new();
        let mut add = |field: String, reason: String| {
            problems.push(FieldProblem {
                index,
                field,
                reason,
            });
        };
        for (place, text) in self.strings.iter().enumerate() {
            if let Some(reason) = text.as_deref().and_then(text_problem) {
                add(format!("string{}", place + 1), reason);
            }
        }
        if let Some(reason) = self.media_type.as_deref().and_then(text_problem) {
            add("mediaType".to_owned(), reason);
        }
        let lists = [
            ("tags", &self.tags),
            ("roles", &self.roles),
            ("manifests", &self.manifests),
        ];
        for (field, list) in lists {
            let Some(list) = list else { continue };
            if list.len() > LIST_MAX_ITEMS {
                add(
                    field.to_owned(),
                    format!(
                        "has {} items; at most {LIST_MAX_ITEMS} are allowed",
                        list.len()
                    ),
                );
            }
            for (place, text) in list.iter().enumerate().take(LIST_MAX_ITEMS) {
                if let Some(reason) = text_problem(text) {
                    add(format!("{field}/{place}"), reason);
                }
            }
        }
        if let Some(media_type) = self.media_type.as_deref().filter(|text| !text.is_empty()) {
            let only_stored = self.delivery_channels.as_ref().is_some_and(|channels| {
                !channels.is_empty()
                    && channels
                        .iter()
                        .all(|c| matches!(c.channel.as_str(), "file" | "none"))
            });
            if !media_type.starts_with("image/") && !only_stored {
                add(
                    "mediaType".to_owned(),
                    format!("is `{}`, which is not an image", shorten(media_type)),
                );
            }
        }
        for (place, channel) in self.delivery_channels.iter().flatten().enumerate() {
            if !CHANNELS.contains(&channel.channel.as_str()) && channel.channel != "default" {
                let reason = format!(
                    "names the channel `{}`; known are {}",
                    shorten(&channel.channel),
                    CHANNELS.join(", ")
                );
                add(format!("deliveryChannels/{place}"), reason);
            }
        }
        let policies = [
            (
                "imageOptimisationPolicy",
                &self.image_optimisation_policy,
                IMAGE_OPTIMISATION_POLICIES.as_slice(),
            ),
            (
                "thumbnailPolicy",
                &self.thumbnail_policy,
                THUMBNAIL_POLICIES.as_slice(),
            ),
        ];
        for (field, policy, known) in policies {
            if let Some(name) = policy
                .as_deref()
                .filter(|name| !name.is_empty() && !known.contains(name))
            {
                add(
                    field.to_owned(),
                    format!(
                        "names the policy `{}`; known are {}",
                        shorten(name),
                        known.join(", ")
                    ),
                );
            }
        }
        problems
    }
}

/// What is wrong with a text of metadata.
#[must_use]
pub fn text_problem(text: &str) -> Option<String> {
    let chars = text.chars().count();
    if chars > STRING_MAX_CHARS {
        return Some(format!(
            "has {chars} characters; at most {STRING_MAX_CHARS} are allowed"
        ));
    }
    // Not every database can hold it, so none has to.
    text.contains('\0')
        .then(|| "holds the character NUL, which cannot be stored".to_owned())
}

/// The start of a value, for an error.
#[must_use]
pub fn shorten(text: &str) -> String {
    const SHOWN: usize = 60;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::DeliveryChannel;

    fn fields(changes: &ImageChanges) -> Vec<String> {
        changes
            .problems(0)
            .into_iter()
            .map(|problem| problem.field)
            .collect()
    }

    #[test]
    fn every_problem_is_listed() {
        let changes = ImageChanges {
            strings: [
                Some("a".repeat(1001)),
                Some("é".repeat(1000)),
                Some("a\0".into()),
            ],
            tags: Some(vec!["x".into(); 101]),
            roles: Some(vec!["ok".into(), "\0".into()]),
            media_type: Some("text/html".into()),
            delivery_channels: Some(vec![DeliveryChannel {
                channel: "iiif-av".into(),
                policy: None,
            }]),
            image_optimisation_policy: Some("fast".into()),
            thumbnail_policy: Some("standard".into()),
            ..ImageChanges::default()
        };
        let expected = [
            "string1",
            "string3",
            "tags",
            "roles/1",
            "mediaType",
            "deliveryChannels/0",
            "imageOptimisationPolicy",
        ];
        assert_eq!(fields(&changes), expected);
    }

    #[test]
    fn what_is_allowed_has_no_problem() {
        let channel = |name: &str| DeliveryChannel {
            channel: name.into(),
            policy: None,
        };
        let file = ImageChanges {
            media_type: Some("application/pdf".into()),
            delivery_channels: Some(vec![channel("file")]),
            ..ImageChanges::default()
        };
        let cleared = ImageChanges {
            media_type: Some(String::new()),
            thumbnail_policy: Some(String::new()),
            ..file.clone()
        };
        assert!(fields(&file).is_empty() && fields(&cleared).is_empty());
    }
}
