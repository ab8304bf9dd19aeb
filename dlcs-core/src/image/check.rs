//! What a change may not say.

use std::fmt;

use super::{DeliveryChannel, ImageChanges, LIST_MAX_ITEMS, STRING_MAX_CHARS};
use crate::policy::{Channel, ImageOptimisationPolicy, ThumbnailPolicy};
use crate::setting::ChannelRules;

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
    /// Returns everything in the changes that no image of a customer with these rules may have.
    #[must_use]
    pub fn problems(&self, index: usize, rules: &ChannelRules) -> Vec<FieldProblem> {
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
            let channels = self.delivery_channels.as_ref();
            let channels = channels.unwrap_or(&self.default_channels);
            let only_stored = !channels.is_empty()
                && channels.iter().all(|named| {
                    matches!(named.channel.parse(), Ok(Channel::File | Channel::None))
                });
            if !media_type.starts_with("image/") && !only_stored {
                add(
                    "mediaType".to_owned(),
                    format!("is `{}`, which is not an image", shorten(media_type)),
                );
            }
        }
        if let Some(channels) = &self.delivery_channels {
            channel_problems(channels, rules, &mut add);
        }
        policy_problem(
            "imageOptimisationPolicy",
            self.image_optimisation_policy.as_deref(),
            &ImageOptimisationPolicy::ALL.map(ImageOptimisationPolicy::as_str),
            &mut add,
        );
        policy_problem(
            "thumbnailPolicy",
            self.thumbnail_policy.as_deref(),
            &ThumbnailPolicy::ALL.map(ThumbnailPolicy::as_str),
            &mut add,
        );
        problems
    }
}

/// What is wrong with the name of a policy; the empty one clears it.
fn policy_problem(
    field: &str,
    policy: Option<&str>,
    known: &[&str],
    add: &mut impl FnMut(String, String),
) {
    if let Some(name) = policy.filter(|name| !name.is_empty() && !known.contains(name)) {
        let reason = format!(
            "names the policy `{}`; known are {}",
            shorten(name),
            known.join(", ")
        );
        add(field.to_owned(), reason);
    }
}

/// What is wrong with a list of delivery channels.
fn channel_problems(
    channels: &[DeliveryChannel],
    rules: &ChannelRules,
    add: &mut impl FnMut(String, String),
) {
    const FIELD: &str = "deliveryChannels";
    if channels.len() > LIST_MAX_ITEMS {
        add(
            FIELD.to_owned(),
            format!(
                "has {} items; at most {LIST_MAX_ITEMS} are allowed",
                channels.len()
            ),
        );
        return;
    }
    for (place, DeliveryChannel { channel, policy }) in channels.iter().enumerate() {
        let at = format!("{FIELD}/{place}");
        let Ok(known) = channel.parse::<Channel>() else {
            let reason = if channel == "iiif-av" {
                "names the channel `iiif-av`, but audio and video are not delivered here".to_owned()
            } else {
                format!("names the channel `{}`", shorten(channel))
            };
            let all = Channel::ALL.map(Channel::as_str).join(", ");
            add(at, format!("{reason}; known are {all}"));
            continue;
        };
        if channels[..place]
            .iter()
            .any(|other| other.channel == *channel)
        {
            add(
                at.clone(),
                format!("names the channel `{known}` again: leave one of them out"),
            );
        }
        if let Some(reason) = policy
            .as_deref()
            .and_then(|name| rules.policy_problem(known, name))
        {
            add(format!("{at}/policy"), reason);
        }
    }
    let is_none = |channel: &DeliveryChannel| channel.channel == Channel::None.as_str();
    if channels.iter().any(is_none) && !channels.iter().all(is_none) {
        add(
            FIELD.to_owned(),
            "names `none` beside other channels: `none` says that the image is not processed, so send it alone, or leave it out".to_owned(),
        );
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
            .problems(0, &ChannelRules::default())
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

    /// Channels as `channel/policy`, separated by spaces.
    fn channels(text: &str) -> ImageChanges {
        let channel = |text: &str| {
            let (channel, policy) = text.split_once('/').unwrap_or((text, ""));
            DeliveryChannel {
                channel: channel.into(),
                policy: (!policy.is_empty()).then(|| policy.into()),
            }
        };
        ImageChanges {
            delivery_channels: Some(text.split_whitespace().map(channel).collect()),
            ..ImageChanges::default()
        }
    }

    #[test]
    fn channels_and_their_policies_are_those_that_are_known() {
        for sound in [
            "",
            "iiif-img",
            "iiif-img/use-original thumbs/default file/none",
            "none",
            "none/none",
            "default",
            "default/default file",
        ] {
            assert_eq!(
                channels(sound).problems(0, &ChannelRules::default()),
                [],
                "{sound}"
            );
        }
        for (faulty, expected) in [
            ("iiif-av", &["deliveryChannels/0"][..]),
            ("thumbs IIIF-IMG", &["deliveryChannels/1"]),
            (
                "iiif-img/open-max thumbs/use-original",
                &["deliveryChannels/0/policy", "deliveryChannels/1/policy"],
            ),
            ("none/default", &["deliveryChannels/0/policy"]),
            (
                "iiif-img file iiif-img/use-original",
                &["deliveryChannels/2"],
            ),
            ("none file", &["deliveryChannels"]),
            ("default none", &["deliveryChannels"]),
            ("none none", &["deliveryChannels/1"]),
            (&"thumbs ".repeat(101), &["deliveryChannels"]),
        ] {
            assert_eq!(fields(&channels(faulty)), expected, "{faulty}");
        }
        let beside = channels("iiif-img none").problems(0, &ChannelRules::default());
        assert_eq!(
            beside[0].to_string(),
            "`deliveryChannels` names `none` beside other channels: `none` says that the image is not processed, so send it alone, or \
             leave it out"
        );
    }

    #[test]
    fn what_is_allowed_has_no_problem() {
        let file = ImageChanges {
            media_type: Some("application/pdf".into()),
            ..channels("file")
        };
        let cleared = ImageChanges {
            media_type: Some(String::new()),
            thumbnail_policy: Some(String::new()),
            ..file.clone()
        };
        assert!(fields(&file).is_empty() && fields(&cleared).is_empty());
    }
}
