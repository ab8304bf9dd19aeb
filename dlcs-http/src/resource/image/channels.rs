//! How a request wants an image to be delivered.

use dlcs_core::image::{DeliveryChannel, LIST_MAX_ITEMS, shorten};
use serde_json::Value;

use crate::fields::{Fields, Problems};

/// The policies that each channel knows.
const POLICIES: [(&str, &[&str]); 5] = [
    ("iiif-img", &["default", "use-original"]),
    ("thumbs", &["default"]),
    ("file", &["none"]),
    ("none", &["none"]),
    ("default", &["default"]),
];

/// Reads objects with `channel` and `policy`, or bare names of channels.
pub(super) fn delivery_channels(
    fields: &Fields<'_>,
    problems: &mut Problems,
) -> Option<Vec<DeliveryChannel>> {
    const NAME: &str = "deliveryChannels";
    let items = fields.list(NAME, problems)?;
    if items.len() > LIST_MAX_ITEMS {
        let detail = format!(
            "`{NAME}` has {} items; at most {LIST_MAX_ITEMS} are allowed",
            items.len()
        );
        problems.add(fields.at(NAME), detail);
        return None;
    }
    let mut channels = Vec::with_capacity(items.len());
    for (place, item) in items.iter().enumerate() {
        let at = format!("{}/{place}", fields.at(NAME));
        channels.extend(delivery_channel(at, item, problems));
    }
    Some(channels)
}

fn delivery_channel(at: String, item: &Value, problems: &mut Problems) -> Option<DeliveryChannel> {
    const KNOWN: &[&str] = &["channel", "policy"];
    let object = match item {
        Value::Object(object) => object,
        Value::String(channel) => {
            return Some(DeliveryChannel {
                channel: channel.clone(),
                policy: None,
            });
        }
        _ => {
            let detail = "an item of `deliveryChannels` is neither the name of a channel nor an object with `channel` and `policy`";
            problems.add(at, detail);
            return None;
        }
    };
    let fields = Fields::new(object, at, KNOWN, problems);
    let policy = fields
        .name_or_url("policy", problems)
        .filter(|name| !name.is_empty());
    let Some(channel) = fields.text("channel", problems) else {
        if !problems.is_at(&fields.at("channel")) {
            problems.add(
                fields.at("channel"),
                "`channel` is missing: give the name of a delivery channel",
            );
        }
        return None;
    };
    // A channel that is not known is refused by the core.
    let known = POLICIES.iter().find(|(name, _)| *name == channel);
    if let (Some((_, known)), Some(policy)) = (known, &policy)
        && !known.contains(&policy.as_str())
    {
        let detail = format!(
            "`policy` is `{}`, which the channel `{channel}` does not know; known are {}",
            shorten(policy),
            known.join(", ")
        );
        problems.add(fields.at("policy"), detail);
    }
    Some(DeliveryChannel { channel, policy })
}
